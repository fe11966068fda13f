"""Procrastinate's queue as its workers see it."""

from __future__ import annotations

from sqlalchemy import text

from syncd.store import work
from syncd.store.database import Database
from syncd.store.work import Job, Task


class Queue:
    """Looks at jobs, and takes them as a worker does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> list[Job]:
        """Jobs nobody has begun, the oldest first."""
        return self._jobs("todo")

    def running(self) -> list[Job]:
        return self._jobs("doing")

    def _jobs(self, status: str) -> list[Job]:
        statement = text(
            "SELECT task_name, args->>'connection_id' FROM procrastinate_jobs"
            " WHERE status = CAST(:status AS procrastinate_job_status) ORDER BY id"
        )
        with self._database.read() as session:
            return [_job(*row) for row in session.execute(statement, {"status": status})]

    def worker(self) -> int:
        """A new worker, alive now."""
        with self._database.write() as session:
            return int(session.execute(text("SELECT worker_id FROM procrastinate_register_worker_v1()")).scalar_one())

    def fall_silent(self, worker_id: int) -> None:
        """The worker was last heard of an hour ago."""
        statement = text(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id = :worker"
        )
        with self._database.write() as session:
            session.execute(statement, {"worker": worker_id})

    def fetch(self, worker_id: int) -> Job | None:
        """The next job, taken by the worker."""
        statement = text("SELECT task_name, args->>'connection_id' FROM procrastinate_fetch_job_v2(:queues, :worker)")
        with self._database.write() as session:
            task, connection_id = session.execute(statement, {"queues": [work.QUEUE], "worker": worker_id}).one()
        return _job(task, connection_id) if task else None

    def clear(self) -> None:
        """Lose every job."""
        with self._database.write() as session:
            session.execute(text("DELETE FROM procrastinate_jobs"))


def _job(task: str, connection_id: str) -> Job:
    return Job(Task(task), int(connection_id))
