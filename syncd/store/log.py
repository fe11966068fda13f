"""The sync log and the scheduled jobs' last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from syncd.model.result import SyncResult

from .database import conflict_insert
from .tables import JobRun, LoggedResult

log = LoggedResult.__table__  # type: ignore[attr-defined]
runs = JobRun.__table__  # type: ignore[attr-defined]

FIELDS = tuple(field.name for field in fields(SyncResult))
APPEND = insert(log)


def append(session: Session, results: Sequence[SyncResult]) -> None:
    """Write results to the sync log."""
    if results:
        session.connection().execute(APPEND, [_row(result) for result in results])


def _row(result: SyncResult) -> dict[str, Any]:
    row = {name: getattr(result, name) for name in FIELDS}
    return {**row, "dropped": ",".join(result.dropped)}


def listed(
    session: Session,
    *,
    since: datetime | None = None,
    connection_id: int | None = None,
    subject: str = "",
    outcomes: Sequence[str] = (),
    operation: str = "",
    limit: int = 50,
) -> list[LoggedResult]:
    """The newest results that match, oldest of them first."""
    statement = select(LoggedResult).order_by(log.c.id.desc()).limit(limit)
    if since is not None:
        statement = statement.where(log.c.at >= since)
    if connection_id is not None:
        statement = statement.where(log.c.connection_id == connection_id)
    if subject:
        statement = statement.where(log.c.subject == subject)
    if outcomes:
        statement = statement.where(log.c.outcome.in_(outcomes))
    if operation:
        statement = statement.where(log.c.operation == operation)
    return list(reversed(list(session.execute(statement).scalars())))


def forget(session: Session, before: datetime) -> int:
    """Delete results older than a time; returns how many."""
    return session.execute(delete(log).where(log.c.at < before)).rowcount  # type: ignore[attr-defined, no-any-return]


def job_ran(
    session: Session, job: str, started_at: datetime, finished_at: datetime, seconds: float, outcome: str, detail: str
) -> None:
    """Write down how a job's last run went."""
    last = {
        "started_at": started_at,
        "finished_at": finished_at,
        "seconds": seconds,
        "outcome": outcome,
        "detail": detail,
    }
    statement = conflict_insert(session, runs).values(job=job, runs=1, **last)
    session.execute(statement.on_conflict_do_update(index_elements=["job"], set_={**last, "runs": runs.c.runs + 1}))


def listed_jobs(session: Session) -> list[JobRun]:
    """Every job's last run."""
    return list(session.execute(select(JobRun).order_by(runs.c.job)).scalars())
