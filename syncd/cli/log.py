"""`syncd log` and `syncd jobs`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.model.clock import utc_now
from syncd.model.result import Operation, Outcome

from .context import Json, context_of
from .output import age, print_json, print_table
from .times import parse_span

if TYPE_CHECKING:
    from sqlmodel import Session

    from syncd.store.tables import LoggedResult


def log(
    context: typer.Context,
    connection: Annotated[int | None, typer.Option(help="Of this connection.")] = None,
    booking: Annotated[str, typer.Option(help="Of this booking's uid.")] = "",
    outcome: Annotated[list[Outcome] | None, typer.Option(help="That ended so; may be repeated.")] = None,
    operation: Annotated[Operation | None, typer.Option(help="Of this kind.")] = None,
    since: Annotated[str, typer.Option(help="Not older than: 30min, 12h, 7d.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    json: Json = False,
) -> None:
    """Show what syncd did, newest last."""
    from syncd.store import log as sync_log

    after = utc_now() - parse_span(since) if since else None
    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        found = sync_log.listed(
            session,
            since=after,
            connection_id=connection,
            subject=_subject(session, booking),
            outcomes=outcome or (),
            operation=operation or "",
            limit=limit,
        )
    if json:
        print_json([row.model_dump() for row in found])
        return
    columns = ("at", "operation", "outcome", "app", "conn", "booking", "attempt", "calls", "s", "what")
    print_table(columns, [_row(r) for r in found], "Nothing in the log matches.")


def _row(r: LoggedResult) -> tuple[object, ...]:
    told = " ".join(p for p in (r.error, f"Dropped: {r.dropped}." if r.dropped else "", r.detail, r.remedy) if p)
    return (
        r.at,
        r.operation,
        r.outcome,
        r.app,
        r.connection_id,
        r.subject,
        r.attempt,
        r.calls,
        f"{r.seconds:.2f}",
        told,
    )


def _subject(session: Session, booking: str) -> str:
    """The subject a booking's results are logged under."""
    from syncd.store import bookings

    found = bookings.get(session, booking) if booking else None
    return found.subject if found else booking


def jobs(context: typer.Context, json: Json = False) -> None:
    """Show the scheduled jobs and their last runs."""
    from syncd.store import log as sync_log

    own = context_of(context)
    periods = own.settings.jobs.model_dump()
    with own.runtime() as runtime, runtime.database.read() as session:
        last = {row.job: row for row in sync_log.listed_jobs(session)}
    now = utc_now()
    rows = []
    for name, period in periods.items():
        run = last.get(name.replace("_", "-"))
        rows.append(
            {
                "job": name.replace("_", "-"),
                "period_s": period,
                "last_run": run.started_at if run else None,
                "seconds": run.seconds if run else None,
                "outcome": run.outcome if run else "",
                "detail": run.detail if run else "",
                "runs": run.runs if run else 0,
            }
        )
    if json:
        print_json(rows)
        return
    shown = [
        (
            r["job"],
            timedelta(seconds=r["period_s"]),
            age(r["last_run"], now),
            r["seconds"],
            r["outcome"],
            r["runs"],
            r["detail"],
        )
        for r in rows
    ]
    print_table(("job", "every", "last run", "seconds", "outcome", "runs", "detail"), shown, "No jobs.")
