"""`syncd sync`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.errors import InputError

from .context import Json, context_of
from .output import console, plain, print_json, print_table, progress, shown

if TYPE_CHECKING:
    from syncd.engine.runtime import Runtime
    from syncd.model.result import SyncResult


def sync(
    context: typer.Context,
    connection: Annotated[int | None, typer.Option(help="Only this connection.")] = None,
    booking: Annotated[list[str] | None, typer.Option(help="Only this booking's uid; may be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact plan; write nothing, here or there.")
    ] = False,
    json: Json = False,
) -> int:
    """Once: take in, read changes, write what is due, print a summary."""
    with context_of(context).runtime() as runtime:
        if dry_run:
            return _dry_run(runtime, connection, booking or [], json)
        return _sync(runtime, connection, booking or [], json)


def _sync(runtime: Runtime, connection: int | None, uids: list[str], json: bool) -> int:
    from syncd.engine.sweep import sweep

    _require_connection(runtime, connection)
    with progress(show=not json) as bar:
        bar.begin("Taking in")
        sweep(runtime.database, runtime.intake, runtime.clock)
        subjects = _subjects(runtime, uids)
        read = None
        if not uids:
            bar.begin("Reading calendars")
            read = runtime.busy_sync.run(
                runtime.executor, connection_id=connection, everything=True, progress=bar.advance
            )
        bar.begin("Writing bookings")
        written = runtime.reconciler.run(
            runtime.executor, connection_id=connection, subjects=subjects, progress=bar.advance
        )
        read_again = None
        if not uids:
            read_again = runtime.busy_sync.run(runtime.executor, connection_id=connection)
    results = [*(read.results if read else []), *written.results, *(read_again.results if read_again else [])]
    failed = [r for r in results if r.error]
    left, broken = _left(runtime), _broken(runtime, connection)
    told = {
        "calendars": dict(read.outcomes) if read else {},
        "writes": dict(written.outcomes),
        "provider_calls": sum(r.calls for r in results),
        "left": left,
        "broken": broken,
        "failed": failed,
    }
    if json:
        print_json(told)
    else:
        _print(told, failed)
    if left["pending"]:
        runtime.home.require()
    return 1 if failed or broken else 0


def _broken(runtime: Runtime, connection: int | None) -> list[dict[str, Any]]:
    """Connections that wait for a person: nothing of theirs is read or written."""
    from syncd.model.connection import ConnectionState
    from syncd.store import directory

    with runtime.database.read() as session:
        found = directory.listed_connections(session)
    return [
        {"connection": c.id, "app": c.app, "account": c.account, "error": c.reason, "remedy": c.remedy}
        for c in found
        if c.state == ConnectionState.INVALID and connection in (None, c.id)
    ]


def _require_connection(runtime: Runtime, connection: int | None) -> None:
    from syncd.store import directory

    if connection is not None:
        with runtime.database.read() as session:
            directory.get_connection(session, connection)


def _subjects(runtime: Runtime, uids: Sequence[str]) -> list[str]:
    """The subjects of bookings.

    Raises:
        InputError: one of them is not known.
    """
    from syncd.store import bookings

    if not uids:
        return []
    with runtime.database.read() as session:
        found = {uid: bookings.get(session, uid) for uid in uids}
    missing = [uid for uid, b in found.items() if b is None]
    if missing:
        raise InputError(
            f"No booking {', '.join(missing)}.", code="not_found", remedy="See what is there: syncd bookings list"
        )
    return [b.subject for b in found.values() if b]


def _left(runtime: Runtime) -> dict[str, int]:
    from syncd.store import bookings, references

    with runtime.database.read() as session:
        counted = references.counts(session)
        unplanned = bookings.count_problems(session)
    return {"pending": counted.get("pending", 0), "parked": counted.get("parked", 0), "unplanned": unplanned}


def _print(told: dict[str, Any], failed: list[SyncResult]) -> None:
    for title, counted in (("Calendars read", told["calendars"]), ("Bookings written", told["writes"])):
        console.print(f"{title}: " + (", ".join(f"{n} {o}" for o, n in sorted(counted.items())) or "nothing was due"))
    console.print(f"Provider calls: {told['provider_calls']}")
    left = ", ".join(f"{n} {s}" for s, n in told["left"].items() if n)
    if left:
        console.print(f"[yellow]Left:[/] {left}. See: syncd bookings list --parked")
    for each in told["broken"]:
        console.print(f"[red]Connection {each['connection']}[/] ({each['app']}): {each['error']} {each['remedy']}")
    if failed:
        rows = [(r.app, r.connection_id, r.subject or r.place, r.outcome, r.error, r.remedy) for r in failed]
        print_table(("app", "conn", "what", "outcome", "error", "what to do"), rows, "")


class _RolledBackError(Exception):
    """Ends the transaction of a dry run without a trace."""


def _dry_run(runtime: Runtime, connection: int | None, uids: list[str], json: bool) -> int:
    """The exact plan: takes in and plans in a transaction that is rolled back."""
    from syncd.engine.intake import IntakeReport
    from syncd.store import references
    from syncd.store.inbox import DeliveryState

    _require_connection(runtime, connection)
    report, lines = IntakeReport(), []
    try:
        with runtime.database.write() as session:
            after = 0
            while after := runtime.intake.take_batch(
                session, report, (DeliveryState.NEW, DeliveryState.WAITING), after
            ):
                pass
            wanted = set(uids)
            for row in references.rows(session, states=["pending"], limit=1_000_000):
                if (connection is None or row.connection_id == connection) and (not wanted or row.subject in wanted):
                    lines.append(_planned(row))
            raise _RolledBackError
    except _RolledBackError:
        pass
    problems = [{"booking": r.subject, "error": r.error, "remedy": r.remedy} for r in report.results]
    if json:
        print_json({"plan": lines, "problems": problems, "deliveries": report.deliveries})
        return 0
    rows = [(p["action"], p["app"], p["calendar"], p["booking"], p["title"], p["start"]) for p in lines]
    print_table(("action", "app", "calendar", "booking", "title", "start"), rows, "Nothing to write.")
    for problem in problems:
        console.print(f"[yellow]{shown(problem['booking'])}[/]: {shown(problem['error'])} {shown(problem['remedy'])}")
    return 0


def _planned(row: Any) -> dict[str, Any]:
    from syncd.store.codec import load_event

    event = load_event(row.desired)
    action = "remove" if event is None else ("update" if row.receipt else "create")
    return {
        "action": action,
        "app": row.app,
        "connection": row.connection_id,
        "calendar": row.external_id,
        "booking": row.subject,
        "title": event.title if event else "",
        "start": event.start if event else None,
        "event": plain(event),
    }
