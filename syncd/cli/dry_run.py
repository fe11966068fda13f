"""`syncd sync --dry-run`: does what a sync does before it writes, in a transaction that is rolled back."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .bookings import subjects_of
from .output import console, plain, print_json, print_table, shown

if TYPE_CHECKING:
    from sqlmodel import Session

    from syncd.engine.runtime import Runtime


class _RolledBackError(Exception):
    """Ends the transaction of a dry run without a trace."""


def dry_run(runtime: Runtime, connection: int | None, uids: list[str], json: bool) -> int:
    """Print what a sync would write now, what it would leave alone and why, and what cannot be planned.

    Raises:
        InputError: no such connection or booking.
    """
    told: dict[str, Any] = {}
    moved = runtime.home.moved
    with suppress(_RolledBackError), runtime.database.write() as session:
        told = _prepare(runtime, session)
        told |= _writes(runtime, session, connection, uids, str(moved or ""))
        raise _RolledBackError
    if json:
        print_json(told)
    else:
        _print(told)
    return 0


def _prepare(runtime: Runtime, session: Session) -> dict[str, Any]:
    """Sweep as a sync does: free, repair, take in, plan again."""
    from syncd.engine.intake import IntakeReport
    from syncd.model.result import Operation
    from syncd.store import bookings, references
    from syncd.store.inbox import DeliveryState

    now = runtime.clock()
    references.release_dead(session, now)
    references.repair(session, now)
    report, after = IntakeReport(), 0
    while after := runtime.intake.take_batch(session, report, (DeliveryState.NEW, DeliveryState.WAITING), after):
        pass
    again, last = IntakeReport(), ""
    while subjects := bookings.subjects_with_problem(session, after=last):
        runtime.intake.replan_in(session, subjects, again)
        last = subjects[-1]
    refused = [(r.detail, r.error, r.remedy) for r in report.results if r.operation is Operation.TAKE_IN]
    unplanned = [(p.subject, p.problem.reason, p.problem.remedy) for p in again.plans if p.problem]
    problems = [{"booking": b, "error": e, "remedy": r} for b, e, r in [*refused, *unplanned]]
    return {"deliveries": report.deliveries, "problems": problems}


def _writes(
    runtime: Runtime, session: Session, connection: int | None, uids: list[str], refusal: str
) -> dict[str, list[dict[str, Any]]]:
    """The writes that are due, and those that are not; with a `refusal` none is."""
    from syncd.store import directory, references

    if connection is not None:
        directory.get_connection(session, connection)
    subjects, now = subjects_of(session, uids), runtime.clock()
    states = {c.id: c.state for c in directory.listed_connections(session)}
    due, not_now = [], []
    for row in references.rows(session, subjects=subjects, states=["pending"], limit=1_000_000):
        if connection not in (None, row.connection_id) or not _is_sent(row):
            continue
        reason = refusal or _obstacle(row, states[row.connection_id], now)
        if reason:
            not_now.append({**_planned(row), "reason": reason})
        else:
            due.append(_planned(row))
    return {"plan": due, "not_now": not_now}


def _is_sent(row: Any) -> bool:
    """Whether its provider is asked at all: not to remove what was never sent."""
    return bool(row.desired or row.receipt or row.attempted)


def _obstacle(row: Any, state: str, now: datetime) -> str:
    """Why a claim would pass over a pending reference; "" when it would take it (`references.claim`)."""
    if state != "active":
        return f"Connection {row.connection_id} is {state}."
    if row.lease_until is not None and row.lease_until >= now:
        return "Another process is writing it."
    if row.due_at > now:
        return f"Not due before {row.due_at:%Y-%m-%d %H:%M:%SZ}."
    return ""


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


def _print(told: dict[str, Any]) -> None:
    rows = [(p["action"], p["app"], p["calendar"], p["booking"], p["title"], p["start"]) for p in told["plan"]]
    print_table(("action", "app", "calendar", "booking", "title", "start"), rows, "Nothing to write.")
    for each in told["not_now"]:
        what = f"{each['action']} {shown(each['booking'])} at {each['app']}"
        console.print(f"[yellow]Not now:[/] {what}: {shown(each['reason'])}")
    for problem in told["problems"]:
        console.print(f"[yellow]{shown(problem['booking'])}[/]: {shown(problem['error'])} {shown(problem['remedy'])}")
