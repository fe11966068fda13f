"""`syncd busy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from syncd.errors import ConfigError
from syncd.model.clock import utc_now
from syncd.model.time import Window

from .context import Json, context_of
from .output import age, console, print_json, print_table
from .times import parse_moment

if TYPE_CHECKING:
    from syncd.engine.runtime import Runtime
    from syncd.model.busy import BusyAnswer


def busy(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="Whose (id or e-mail).")],
    start: Annotated[str, typer.Option("--from", help="ISO 8601 or +2d from now.")] = "+0d",
    end: Annotated[str, typer.Option("--to", help="ISO 8601 or +7d from now.")] = "+7d",
    zone: Annotated[str, typer.Option(help="Time zone of the times given and shown, an IANA name.")] = "UTC",
    leave_out: Annotated[str, typer.Option(help="A booking's uid whose own events do not count.")] = "",
    via: Annotated[
        int | None,
        typer.Option(help="Ask this connection about a colleague of its account, who needs none of their own."),
    ] = None,
    json: Json = False,
) -> int:
    """When is a user busy, and how good is that knowledge, calendar by calendar."""
    from syncd.store import directory

    now = utc_now()
    window = _window(parse_moment(start, zone, now), parse_moment(end, zone, now))
    with context_of(context).runtime() as runtime:
        if via is not None:
            return _colleague(runtime, via, user, window, zone, json)
        with runtime.database.read() as session:
            user_id = directory.find_user(session, user).id
        answer = runtime.answers.answer(user_id, window, leave_out=leave_out)
    if json:
        print_json({"complete": answer.complete, **_document(answer)})
    else:
        _print(answer, zone)
    return 0 if answer.complete else 1


def _colleague(runtime: Runtime, connection: int, email: str, window: Window, zone: str, json: bool) -> int:
    """The schedule of somebody without a connection, as the account of one is shown it."""
    from syncd.errors import ProviderError
    from syncd.rules.intervals import clip, merge
    from syncd.store import directory

    with runtime.database.read() as session:
        directory.get_connection(session, connection)
    told = runtime.answers.schedules(connection, [email], window)[email]
    if isinstance(told, ProviderError):
        raise told
    busy_times = list(merge(clip(((t.start, t.end) for t in told), window)))
    if json:
        print_json({"email": email, "via": connection, "busy": [{"start": s, "end": e} for s, e in busy_times]})
        return 0
    own = ZoneInfo(zone)
    rows = [(f"{s.astimezone(own):%a %Y-%m-%d %H:%M}", f"{e.astimezone(own):%a %Y-%m-%d %H:%M}") for s, e in busy_times]
    print_table((f"busy from ({zone})", "to"), rows, "Free all the time, as far as the provider shows it.")
    return 0


def _window(start: object, end: object) -> Window:
    try:
        return Window(start, end)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError("The window ends before it starts.", remedy="Mend --from and --to.") from error


def _document(answer: BusyAnswer) -> dict[str, object]:
    return {
        "window": {"start": answer.window.start, "end": answer.window.end},
        "busy": [{"start": s, "end": e} for s, e in answer.busy],
        "calendars": [
            {
                "id": c.calendar_id,
                "name": c.name,
                "app": c.app,
                "state": c.state,
                "as_of": c.as_of,
                "coverage": {"start": c.coverage.start, "end": c.coverage.end} if c.coverage else None,
                "policy": c.policy,
                "live": c.live,
                "error": c.error,
                "remedy": c.remedy,
                "times": [{"start": t.start, "end": t.end, "kind": t.kind, "uid": t.uid} for t in c.times],
            }
            for c in answer.calendars
        ],
    }


def _print(answer: BusyAnswer, zone: str) -> None:
    own, now = ZoneInfo(zone), utc_now()
    rows = [
        (f"{s.astimezone(own):%a %Y-%m-%d %H:%M}", f"{e.astimezone(own):%a %Y-%m-%d %H:%M}", _because(answer, s, e))
        for s, e in answer.busy
    ]
    print_table((f"busy from ({zone})", "to", "because of"), rows, "Free all the time.")
    console.print()
    calendars = [
        (
            c.calendar_id,
            c.app,
            c.name,
            c.state,
            "asked now" if c.live else age(c.as_of, now),
            c.policy,
            len(c.times),
            f"{c.error} {c.remedy}".strip(),
        )
        for c in answer.calendars
    ]
    columns = ("id", "app", "calendar", "state", "known", "policy applied", "times", "what")
    print_table(columns, calendars, "No calendar is checked for conflicts: syncd calendars select ID")


def _because(answer: BusyAnswer, start: object, end: object) -> str:
    """Which calendars make this busy, and of what kind: the answer to "why is this slot busy?"."""
    causes = {
        f"{c.name}: {t.kind}" if c.policy is None or t.uid else f"{c.name}: cannot be read ({c.policy})"
        for c in answer.calendars
        for t in c.times
        if t.start < end and t.end > start  # type: ignore[operator]
    }
    return ", ".join(sorted(causes))
