"""`syncd sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .bookings import subjects_of
from .context import Json, context_of
from .dry_run import dry_run as rehearse
from .output import console, print_json, print_table, progress

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
            return rehearse(runtime, connection, booking or [], json)
        return _sync(runtime, connection, booking or [], json)


def _sync(runtime: Runtime, connection: int | None, uids: list[str], json: bool) -> int:
    from syncd.engine.sweep import sweep

    _require_connection(runtime, connection)
    with progress(show=not json) as bar:
        bar.begin("Taking in")
        sweep(runtime.database, runtime.intake, runtime.clock)
        with runtime.database.read() as session:
            subjects = subjects_of(session, uids)
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
    left, held_by, broken = _left(runtime), _held_by(runtime), _broken(runtime, connection)
    told = {
        "calendars": dict(read.outcomes) if read else {},
        "writes": dict(written.outcomes),
        "provider_calls": sum(r.calls for r in results),
        "left": left,
        "held_by": held_by,
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


def _left(runtime: Runtime) -> dict[str, int]:
    from syncd.store import bookings, references

    with runtime.database.read() as session:
        counted = references.counts(session)
        unplanned = bookings.count_problems(session)
    return {"pending": counted.get("pending", 0), "parked": counted.get("parked", 0), "unplanned": unplanned}


def _held_by(runtime: Runtime) -> list[dict[str, Any]]:
    """The connections whose writes wait for a person."""
    from syncd.store import directory

    with runtime.database.read() as session:
        found = directory.holding_connections(session)
    return [{"connection": c.id, "app": c.app, "state": c.state} for c in found]


REVIVALS = {"paused": "resume", "invalid": "reconnect"}


def _explained(told: dict[str, Any]) -> str:
    """Where to look for what is left, or what to do about it."""
    left = told["left"]
    if left["parked"] or left["unplanned"]:
        return "See: syncd bookings list --parked"
    held_by = [
        f"Connection {c['connection']} is {c['state']}: syncd connections {REVIVALS[c['state']]} {c['connection']}"
        for c in told["held_by"]
    ]
    return "; ".join(held_by) or "See: syncd bookings list"


def _print(told: dict[str, Any], failed: list[SyncResult]) -> None:
    for title, counted in (("Calendars read", told["calendars"]), ("Bookings written", told["writes"])):
        console.print(f"{title}: " + (", ".join(f"{n} {o}" for o, n in sorted(counted.items())) or "nothing was due"))
    console.print(f"Provider calls: {told['provider_calls']}")
    left = ", ".join(f"{n} {s}" for s, n in told["left"].items() if n)
    if left:
        console.print(f"[yellow]Left:[/] {left}. {_explained(told)}")
    for each in told["broken"]:
        console.print(f"[red]Connection {each['connection']}[/] ({each['app']}): {each['error']} {each['remedy']}")
    if failed:
        rows = [(r.app, r.connection_id, r.subject or r.place, r.outcome, r.error, r.remedy) for r in failed]
        print_table(("app", "conn", "what", "outcome", "error", "what to do"), rows, "")
