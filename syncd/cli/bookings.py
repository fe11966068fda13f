"""`syncd bookings`."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.errors import ConfigError, InputError, Problem
from syncd.model.booking import BookingStatus
from syncd.model.clock import utc_now

from .context import Json, context_of
from .output import console, print_json, print_table, progress, shown

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(help="Bookings and where they are written.", no_args_is_help=True)
MAX_IMPORT_BYTES = 256 * 1024 * 1024


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Webhook envelopes or API v2 bookings: JSON or NDJSON.")
    ],
    json: Json = False,
) -> int:
    """Take bookings in from a file. Nothing is written to calendars before the next sync."""
    from syncd.model.result import Operation
    from syncd.store import inbox
    from syncd.store.inbox import Arrival, DeliveryState

    bodies = parse_bodies(_read(file), file)
    with context_of(context).runtime() as runtime, progress(show=not json) as bar:
        bar.begin("Storing")
        with runtime.database.write() as session:
            new = inbox.put(session, [Arrival(source="import", body=b) for b in bodies], utc_now())
            waiting = inbox.counts(session).get(DeliveryState.NEW)
        bar.begin("Taking in", waiting)
        report = runtime.intake.take_in(progress=bar.advance)
    quarantined = report.deliveries.get(DeliveryState.QUARANTINED, 0)
    problems = [r for r in report.results if r.operation is Operation.PLAN]
    told = {
        "read": len(bodies),
        "new": new,
        "repeated": len(bodies) - new,
        **{str(s): report.deliveries.get(s, 0) for s in DeliveryState if s is not DeliveryState.NEW},
        "problems": [{"booking": r.subject, "error": r.error, "remedy": r.remedy} for r in problems],
    }
    if json:
        print_json(told)
    else:
        _print_import(told)
    return 1 if quarantined else 0


def _print_import(told: dict[str, Any]) -> None:
    console.print(f"{told['read']} read: {told['new']} new, {told['repeated']} known already.")
    console.print(
        f"{told['taken']} taken in, {told['ignored']} concern nothing here, {told['waiting']} wait for their booking."
    )
    if told["quarantined"]:
        console.print(f"[red]{told['quarantined']} cannot be used[/] and are kept in quarantine: syncd inbox list")
    for problem in told["problems"]:
        console.print(f"[yellow]{shown(problem['booking'])}[/]: {shown(problem['error'])} {shown(problem['remedy'])}")


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read(MAX_IMPORT_BYTES + 1) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_IMPORT_BYTES:
        raise InputError(f"{file} is larger than {MAX_IMPORT_BYTES} bytes.", remedy="Split it.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8: byte {error.start}.") from None


def parse_bodies(text: str, file: str) -> list[Any]:
    """The JSON documents of a file: one object, a list, an API answer's `data`, or one document a line.

    Raises:
        InputError: it is neither; lists every line that is not JSON.
    """
    try:
        value = json_module.loads(text)
    except (ValueError, RecursionError):
        return _parse_lines(text, file)
    if isinstance(value, dict) and isinstance(value.get("data"), list) and "triggerEvent" not in value:
        return list(value["data"])
    return list(value) if isinstance(value, list) else [value]


def _parse_lines(text: str, file: str) -> list[Any]:
    bodies, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            bodies.append(json_module.loads(line))
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json_module.JSONDecodeError) else "nested too deeply"
            problems.append(Problem(f"{file}:{number}", f"not JSON: {reason}."))
    if problems or not bodies:
        raise ConfigError(
            f"{file} is neither JSON nor one JSON document a line. Nothing was taken in.",
            problems=tuple(problems[:20]),
            remedy="Mend the lines named, and import again: what was taken in before changes nothing.",
        )
    return bodies


@app.command("list")
def list_(
    context: typer.Context,
    status: Annotated[BookingStatus | None, typer.Option(help="Only those that stand so.")] = None,
    parked: Annotated[bool, typer.Option("--parked", help="Only those that wait for a person.")] = False,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only those whose events people moved, deleted or declined.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """List bookings and how far each is written, the latest told first."""
    from syncd.store import bookings, drift, references

    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        subjects = drift.drifted_subjects(session) if changed else ()
        found = bookings.listed(
            session, uids=subjects, status=status or "", parked=False, limit=10_000 if parked else limit
        )
        if changed and not subjects:
            found = []
        states: dict[str, list[Any]] = {}
        for reference in references.rows(session, subjects=[b.subject for b in found], limit=100_000):
            states.setdefault(reference.subject, []).append(reference)
    if parked:
        found = [b for b in found if b.problem_code or any(r.state == "parked" for r in states.get(b.subject, []))][
            :limit
        ]
    if json:
        print_json(
            [
                {**b.model_dump(exclude={"content"}), "references": [_reference(r) for r in states.get(b.subject, [])]}
                for b in found
            ]
        )
        return
    rows = [
        (
            b.uid,
            b.status,
            b.starts_at,
            b.title,
            b.organizer_email,
            _written(states.get(b.subject, [])),
            b.problem or " ".join(r.drift_detail for r in states.get(b.subject, [])),
        )
        for b in found
    ]
    print_table(("uid", "status", "start", "title", "organizer", "written", "what"), rows, "No bookings.")


def _written(found: list[Any]) -> str:
    return ", ".join(f"{r.app} {r.state}" for r in found)


def _drift(reference: Any) -> str:
    """What a person did to its event, and when that was noticed."""
    if not reference.drift:
        return ""
    return f"{reference.drift_detail} Noticed {reference.drifted_at:%Y-%m-%d %H:%M:%SZ}."


def _reference(row: Any) -> dict[str, Any]:
    hidden = {"desired", "receipt", "receipt_id", "key", "lease_owner", "told", "told_at"}
    shown: dict[str, Any] = row.model_dump(exclude=hidden)
    return {**shown, "receipt": json_module.loads(row.receipt) if row.receipt else None}


@app.command()
def show(
    context: typer.Context, uid: Annotated[str, typer.Argument(help="The booking's uid.")], json: Json = False
) -> None:
    """Show a booking: what was told, where it is wanted, what is there, and what went wrong."""
    from syncd.store import bookings, log, references

    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        found = bookings.listed(session, uids=[uid])
        if not found:
            raise InputError(f"No booking {uid!r}.", code="not_found", remedy="See what is there: syncd bookings list")
        booking = next((b for b in found if b.uid == uid), found[0])
        rows = references.rows(session, subjects=[booking.subject])
        history = log.listed(session, subject=booking.subject, limit=20)
    document = {
        "booking": json_module.loads(booking.content),
        "subject": booking.subject,
        "problem": {"code": booking.problem_code, "reason": booking.problem, "remedy": booking.remedy}
        if booking.problem_code
        else None,
        "references": [_reference(r) for r in rows],
        "log": [h.model_dump() for h in history],
    }
    if json:
        print_json(document)
        return
    _print_booking(booking, rows, history)


def _print_booking(booking: Any, rows: list[Any], history: list[Any]) -> None:
    told = json_module.loads(booking.content)
    console.print(
        f"[bold]{shown(booking.title)}[/]  {shown(booking.uid)}  {booking.status},"
        f" as told {booking.revision:%Y-%m-%d %H:%M:%SZ}"
    )
    console.print(
        f"  {booking.starts_at:%Y-%m-%d %H:%MZ} to {booking.ends_at:%Y-%m-%d %H:%MZ},"
        f" organizer {shown(booking.organizer_email)}"
    )
    attendees = ", ".join(
        a["email"] + (" (no-show)" if a["absent"] else "") for a in told["attendees"] if not a["left"]
    )
    console.print(f"  attendees: {shown(attendees) or 'none'}")
    for label, key in (("replaces", "previous_uid"), ("replaced by", "replaced_by"), ("series", "series")):
        if told[key]:
            console.print(f"  {label}: {shown(told[key])}")
    if booking.problem_code:
        console.print(f"[red]Not planned:[/] {shown(booking.problem)} {shown(booking.remedy)}")
    columns = ("app", "calendar", "state", "wanted", "there", "attempts", "due", "what")
    places = [
        (
            r.app,
            r.external_id,
            r.state,
            f"v{r.desired_version}" if r.desired else f"v{r.desired_version} gone",
            f"v{r.applied_version}" if r.receipt else "",
            r.attempts,
            r.due_at if r.state == "pending" else None,
            f"{r.error} {r.remedy} {_drift(r)}".strip(),
        )
        for r in rows
    ]
    print_table(columns, places, "Written nowhere.")
    if history:
        lines = [(h.at, h.operation, h.outcome, h.app, h.calls, h.error or h.detail) for h in history]
        print_table(("at", "operation", "outcome", "app", "calls", "what"), lines, "")


@app.command()
def trace(
    context: typer.Context, uid: Annotated[str, typer.Argument(help="The booking's uid.")], json: Json = False
) -> None:
    """Show why a booking went to whom it went: the routing decisions that led to it, newest first."""
    from .decisions import document, print_decision

    with context_of(context).runtime() as runtime:
        found = runtime.routing.record.of_booking(uid)
    if json:
        print_json({"booking": uid, "decisions": [document(kept) for kept in found]})
        return
    if not found:
        console.print("Nobody was routed for this booking, or the decision is no longer kept.")
    for number, kept in enumerate(found):
        if number:
            console.print()
        console.print(f"[bold]{kept.at:%Y-%m-%d %H:%M:%SZ}[/]  decision {kept.id}")
        print_decision(kept, explain=True)


@app.command()
def retry(
    context: typer.Context,
    uid: Annotated[list[str], typer.Argument(help="The bookings' uids.")],
    json: Json = False,
) -> None:
    """Plan bookings again and let the next sync try their unfinished writes at once."""
    from syncd.store import references

    with context_of(context).runtime() as runtime:
        with runtime.database.write() as session:
            subjects = subjects_of(session, uid)
            due = references.retry(session, subjects, utc_now())
        planned = len(runtime.intake.replan(subjects).plans)
    if json:
        print_json({"bookings": subjects, "due": due, "planned": planned})
    else:
        console.print(f"{due} write(s) are due now, {planned} booking(s) planned anew. Run: syncd sync")


def subjects_of(session: Session, uids: Sequence[str]) -> list[str]:
    """The subjects of bookings, each once.

    Raises:
        InputError: names each that is not known.
    """
    from syncd.store import bookings

    if not uids:
        return []
    found = bookings.listed(session, uids=uids, limit=1_000_000)
    known = {name for booking in found for name in (booking.uid, booking.subject)}
    missing = [uid for uid in uids if uid not in known]
    if missing:
        raise InputError(
            f"No booking {', '.join(missing)}.", code="not_found", remedy="See what is there: syncd bookings list"
        )
    return list(dict.fromkeys(booking.subject for booking in found))
