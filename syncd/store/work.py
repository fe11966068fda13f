"""Work for several machines, on PostgreSQL: jobs in Procrastinate's tables, made by the transaction that makes them
necessary.

A job names a task and a connection, and says no more than "look there". At most one job of a task and connection
waits (its queueing lock), and at most one runs, on whatever machine (its lock): so a provider's limits per connection
hold, and one that hangs keeps one hand. A job that is lost is made again by `hand_out`, from the state.

A job that waits already serves whoever needs one: it is locked until the transaction ends, so that it cannot run
before what it is to see is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from syncd.errors import StoreError
from syncd.model.connection import ConnectionState
from syncd.model.reference import ReferenceState

from .busy import calendars
from .references import connections, references

QUEUE = "syncd"
SCHEMA = "procrastinate_schema"
HEARTBEAT_S = 5.0
STALLED_AFTER_S = 20.0
"""A worker that has not been heard of for so long is taken for dead."""

POLL_S = 2.0
ATTEMPTS = 10


class Task(StrEnum):
    """What is done for a connection."""

    WRITE_BOOKINGS = "write_bookings"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 (a task's name)
    READ_CALENDARS = "read_calendars"
    WATCH_CALENDARS = "watch_calendars"


PRIORITY = {Task.WRITE_BOOKINGS: 30, Task.REFRESH_TOKEN: 20, Task.READ_CALENDARS: 10, Task.WATCH_CALENDARS: 5}
"""Higher ones first."""


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """A task for a connection."""

    task: Task
    connection_id: int

    @property
    def lock(self) -> str:
        """What no two jobs share that wait, and no two that run."""
        return f"{self.task} {self.connection_id}"

    def as_row(self, not_before: datetime | None) -> dict[str, Any]:
        """The job as Procrastinate's functions take it."""
        return {
            "scheduled_at": not_before.isoformat() if not_before else None,
            "queue_name": QUEUE,
            "task_name": self.task,
            "priority": PRIORITY[self.task],
            "lock": self.lock,
            "queueing_lock": self.lock,
            "args": {"connection_id": self.connection_id},
        }


WAITING = text(
    "SELECT queueing_lock FROM procrastinate_jobs"
    " WHERE status = 'todo' AND queueing_lock = ANY(:locks) ORDER BY id FOR UPDATE"
)
DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(array_agg(job))"
    " FROM jsonb_populate_recordset(NULL::procrastinate_job_to_defer_v1, CAST(:jobs AS jsonb)) AS job"
)


def defer(session: Session, jobs: Iterable[Job], not_before: datetime | None = None) -> int:
    """Let each job be done once this transaction has committed; returns how many were new. On SQLite: nothing.

    A worker that is free begins at once; with `not_before`, when it looks the next time after that (`POLL_S`).
    Once per transaction: jobs are taken in one order, so that transactions wait for each other and never in a circle.
    """
    wanted = sorted(set(jobs))
    if not wanted or session.get_bind().dialect.name != "postgresql":
        return 0
    for _ in range(ATTEMPTS):
        waiting = set(session.execute(WAITING, {"locks": [job.lock for job in wanted]}).scalars())
        missing = [job.as_row(not_before) for job in wanted if job.lock not in waiting]
        if not missing:
            return 0
        try:
            with session.begin_nested():
                session.execute(DEFER, {"jobs": json.dumps(missing)})
            return len(missing)
        except IntegrityError:  # another transaction was first with one of them
            continue
    raise StoreError("Work could not be handed out: others hand out the same all the time.", code="contended")


def due(session: Session, now: datetime) -> list[Job]:
    """Jobs for all writes and reads that are due and that nobody holds."""
    writes = (
        select(references.c.connection_id)
        .join(connections, connections.c.id == references.c.connection_id)
        .where(
            references.c.state == ReferenceState.PENDING,
            references.c.due_at <= now,
            or_(references.c.lease_until.is_(None), references.c.lease_until < now),
            connections.c.state == ConnectionState.ACTIVE,
        )
    )
    reads = (
        select(calendars.c.connection_id)
        .join(connections, connections.c.id == calendars.c.connection_id)
        .where(
            calendars.c.selected,
            calendars.c.missing_since.is_(None),
            calendars.c.sync_at <= now,
            or_(calendars.c.lease_until.is_(None), calendars.c.lease_until < now),
            connections.c.state == ConnectionState.ACTIVE,
        )
    )
    found = {Task.WRITE_BOOKINGS: writes, Task.READ_CALENDARS: reads}
    return [Job(task, each) for task, which in found.items() for each in session.scalars(which.distinct())]


END_STALLED = text(
    "SELECT job.id, procrastinate_finish_job_v1(job.id, 'failed', true) FROM procrastinate_jobs AS job"
    " LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id"
    " WHERE job.status = 'doing' AND job.queue_name = :queue"
    " AND (worker.id IS NULL OR worker.last_heartbeat < now() - :seconds * interval '1 second')"
)
PRUNE = text("SELECT count(*) FROM procrastinate_prune_stalled_workers_v1(:seconds)")


def end_stalled(session: Session) -> int:
    """End the jobs of workers that are not heard of any more; returns how many.

    Ended, not put back: its connection may have another job waiting already, and `hand_out` in the same transaction
    makes anew what is still due.
    """
    ended = session.execute(END_STALLED, {"queue": QUEUE, "seconds": STALLED_AFTER_S}).all()
    session.execute(PRUNE, {"seconds": STALLED_AFTER_S})
    return len(ended)


def end(session: Session, job_ids: Iterable[int]) -> int:
    """End jobs that a worker which stops has not ended; returns how many."""
    statement = text(
        "SELECT procrastinate_finish_job_v1(id, 'failed', true) FROM procrastinate_jobs"
        " WHERE status = 'doing' AND id = ANY(:ids)"
    )
    return len(session.execute(statement, {"ids": list(job_ids)}).all())


def upgrade_queue(connection: Connection) -> None:
    """Bring Procrastinate's tables and functions to the version installed.

    Each of its migrations is committed and written down by itself: one may use a value that the last one added to a
    type, which PostgreSQL allows in a later transaction only.
    """
    applied = _applied(connection)
    if applied is None:
        _run(connection, migrations()[0].parent.parent / "schema.sql")
        _write_down(connection, migrations()[-1])
        return
    for file in migrations():
        if file.name > applied:
            _run(connection, file)
            _write_down(connection, file)


def _write_down(connection: Connection, file: Path) -> None:
    statement = text(
        "INSERT INTO installation (name, value) VALUES (:name, :value)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    connection.execute(statement, {"name": SCHEMA, "value": file.name})
    connection.commit()


def is_upgraded(connection: Connection) -> bool:
    """Whether Procrastinate's schema is the one installed."""
    applied = _applied(connection)
    return applied is not None and applied >= migrations()[-1].name


def _applied(connection: Connection) -> str | None:
    statement = text("SELECT value FROM installation WHERE name = :name")
    return connection.execute(statement, {"name": SCHEMA}).scalar()


@cache
def migrations() -> tuple[Path, ...]:
    """Procrastinate's own migrations, oldest first."""
    spec = find_spec("procrastinate")
    assert spec is not None
    assert spec.origin is not None
    return tuple(sorted((Path(spec.origin).parent / "sql" / "migrations").glob("*.sql")))


def _run(connection: Connection, file: Path) -> None:
    """Run a file of statements. Only the driver takes several at once."""
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute(file.read_text(encoding="utf-8"))
