"""`syncd calendars`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from syncd.errors import InputError, ProviderError
from syncd.model.busy import BusyPolicy
from syncd.model.clock import utc_now

from .context import Json, context_of
from .output import age, console, errors, print_json, print_table, progress, shown

app = typer.Typer(help="Calendars: checked for conflicts (selected), written to (destination).", no_args_is_help=True)
Calendar = Annotated[int, typer.Argument(help="Id, as `syncd calendars list` shows it.")]


@app.command("list")
def list_(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="Of this user (id or e-mail).")] = "",
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the providers for their lists first.")] = False,
    json: Json = False,
) -> int:
    """List calendars: what is selected, what is a destination, and how fresh each is."""
    from syncd.store import channels, directory

    now = utc_now()
    with context_of(context).runtime() as runtime:
        failed = _refresh(runtime, user, json) if refresh else 0
        with runtime.database.read() as session:
            user_id = directory.find_user(session, user).id if user else None
            found = directory.listed_calendars(session, user_id=user_id)
            heard = channels.standings(session, now)
            chosen: dict[int, list[str]] = {}
            for d in directory.listed_destinations(session):
                what = f"user {d.user_id}" if d.user_id is not None else f"event type {d.event_type_id}"
                chosen.setdefault(d.calendar_id, []).append(what)
    if json:
        print_json(
            [
                {**_document(c, connection, chosen.get(c.id or 0, [])), "push": _push(c, heard)}
                for c, connection in found
            ]
        )
        return failed
    rows = [
        (
            c.id,
            connection.app,
            c.connection_id,
            c.name + (f" ({c.special})" if c.special else ""),
            c.selected,
            ", ".join(chosen.get(c.id or 0, [])),
            "read-only" if c.read_only else "",
            _policy(c),
            _push(c, heard),
            age(c.as_of, now) if c.selected else "",
            "gone at the provider"
            if c.missing_since
            else c.error or (f"{c.unread_items} items unreadable" if c.unread_items else ""),
        )
        for c, connection in found
    ]
    columns = (
        "id",
        "app",
        "conn",
        "name",
        "selected",
        "destination of",
        "access",
        "if unreadable",
        "push",
        "known",
        "what",
    )
    print_table(columns, rows, "No calendars. Connect an account: syncd connections add APP --user ID")
    return failed


def _policy(calendar: Any) -> str:
    hours = f" {calendar.policy_hours} h" if calendar.policy == BusyPolicy.LAST_KNOWN else ""
    return f"{calendar.policy}{hours}" if calendar.selected else ""


def _push(calendar: Any, heard: dict[int, bool]) -> str:
    """Whether its provider calls us when it changes: it has, it was asked to, or cannot be asked (the log says why)."""
    if calendar.id in heard:
        return "heard" if heard[calendar.id] else "asked"
    return "failing" if calendar.watch_failures else ""


def _document(calendar: Any, connection: Any, destination_of: list[str]) -> dict[str, Any]:
    hidden = {"cursor", "lease_owner", "lease_until", "generation"}
    return {**calendar.model_dump(exclude=hidden), "app": connection.app, "destination_of": destination_of}


def _refresh(runtime: Any, user: str, json: bool) -> int:
    from syncd.store import directory

    with runtime.database.read() as session:
        user_id = directory.find_user(session, user).id if user else None
        ids = [c.id for c in directory.listed_connections(session, user_id=user_id) if c.state == "active"]
    failed = []
    with progress(show=not json) as bar:
        bar.begin("Listing calendars", len(ids))
        for connection_id in ids:
            try:
                runtime.accounts.refresh_calendars(connection_id)
            except ProviderError as error:
                failed.append(f"Connection {connection_id}: {shown(error)} {shown(error.remedy)}")
            bar.advance(1)
    for line in failed:
        errors.print(line)
    return 1 if failed else 0


@app.command()
def select(
    context: typer.Context,
    calendar: Calendar,
    policy: Annotated[BusyPolicy | None, typer.Option(help="What it means when it cannot be read.")] = None,
    hours: Annotated[int | None, typer.Option(min=1, max=720, help="For how long last-known holds.")] = None,
    transparent: Annotated[
        bool | None,
        typer.Option("--transparent-blocks/--transparent-is-free", help="Whether events marked as free block."),
    ] = None,
    json: Json = False,
) -> None:
    """Check a calendar for conflicts from now on."""
    _select(context, calendar, True, policy, hours, transparent, json)


@app.command()
def unselect(context: typer.Context, calendar: Calendar, json: Json = False) -> None:
    """No longer check a calendar for conflicts."""
    _select(context, calendar, False, None, None, None, json)


def _select(
    context: typer.Context,
    calendar: int,
    selected: bool,
    policy: BusyPolicy | None,
    hours: int | None,
    transparent: bool | None,
    json: bool,
) -> None:
    from syncd.store import directory

    with context_of(context).runtime() as runtime, runtime.database.write() as session:
        row = directory.get_calendar(session, calendar)
        row.policy = policy or row.policy
        row.policy_hours = hours or row.policy_hours
        if transparent is not None and transparent != row.transparent_is_busy:
            row.transparent_is_busy, row.cursor = transparent, None
        directory.select_calendar(session, row, selected, utc_now())
        name = row.name
    if json:
        print_json({"calendar": calendar, "selected": selected})
    else:
        console.print(f"{shown(name)} is {'checked' if selected else 'no longer checked'} for conflicts.")


@app.command()
def destination(
    context: typer.Context,
    calendar: Calendar,
    event_type: Annotated[
        int | None, typer.Option(help="For this event type's id; else for the calendar's owner.")
    ] = None,
    json: Json = False,
) -> None:
    """Write bookings to a calendar: those of its owner, or those of an event type."""
    from syncd.store import directory

    with context_of(context).runtime() as runtime:
        with runtime.database.write() as session:
            row = directory.get_calendar(session, calendar)
            if row.read_only or row.missing_since is not None:
                reason = "cannot be written to" if row.read_only else "is no longer at its provider"
                raise InputError(f"{row.name} {reason}.", remedy="Choose another: syncd calendars list")
            owner = directory.get_connection(session, row.connection_id).user_id
            user_id = None if event_type is not None else owner
            directory.set_destination(session, row, user_id=user_id, event_type_id=event_type)
            name = row.name
        planned = runtime.intake.replan_problems()
    whose = f"event type {event_type}" if event_type is not None else f"user {owner}"
    if json:
        print_json({"calendar": calendar, "destination_of": whose, "planned": planned})
        return
    console.print(f"Bookings of {whose} are written to {shown(name)}.")
    if planned:
        console.print(f"{planned} waiting booking(s) are planned anew; the next sync writes them.")
