"""Work on several machines, over PostgreSQL: Procrastinate's workers run the functions that one machine runs.

What takes in also plans, and puts a job for each connection it changed into the same transaction (`Intake`). A daemon
that works does that work itself at once, from the store; the job is for the others, should it not be done by then.
Leases on references, calendars and tokens keep all of them apart, so a job that comes twice, late or never changes
nothing but the time. The process that leads hands out again, every few seconds, whatever is due and not in hand.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from syncd.errors import ConfigError, StoreError
from syncd.signals import end_awaited
from syncd.store import busy, references, tokens, work
from syncd.store.database import Database
from syncd.store.owner import this_owner
from syncd.store.work import Job, Task

from .lead import Lead
from .notify import Notifier
from .runtime import Runtime

if TYPE_CHECKING:
    from procrastinate import App, JobContext
    from sqlmodel import Session

NOT_SHARED = "Several processes cannot share a SQLite database."
AGAIN_S = 2.0
"""How long after losing the database a worker tries again."""

NEVER_S = 86_400.0
"""Procrastinate looks for jobs that people abort. Nobody does: a job is no more than a hint."""

Stopping = Callable[[], bool]


def require_shared(database: Database) -> None:
    """Refuse to work with others on a database that cannot be shared.

    Raises:
        ConfigError: it is SQLite.
    """
    if database.is_sqlite:
        raise ConfigError(NOT_SHARED, remedy="Use PostgreSQL: set database_url; see README.md.")


def do(runtime: Runtime, job: Job, stopping: Stopping) -> None:
    """Do what is due of a job's task and connection."""
    connection_id = job.connection_id
    match job.task:
        case Task.WRITE_BOOKINGS:
            runtime.reconciler.run(runtime.executor, connection_id=connection_id, stopping=stopping, keep_results=False)
        case Task.REFRESH_TOKEN:
            runtime.tokens.run(runtime.executor, connection_id=connection_id, stopping=stopping)
        case Task.READ_CALENDARS:
            runtime.busy_sync.run(runtime.executor, connection_id=connection_id, stopping=stopping, keep_results=False)
        case Task.WATCH_CALENDARS:
            runtime.channels.run(runtime.executor, connection_id=connection_id, stopping=stopping)


def hand_out(runtime: Runtime, lead: Lead) -> str:
    """Make a job of whatever is due and not in hand, and end the jobs of dead workers. Only while we lead."""
    now = runtime.clock()
    others = [Job(Task.REFRESH_TOKEN, each) for each in runtime.tokens.due()]
    others += [Job(Task.WATCH_CALENDARS, each) for each in runtime.channels.due()]
    with runtime.database.write() as session:
        if not lead.confirm(session):
            return "another process leads"
        ended = work.end_stalled(session)
        new = work.defer(session, [*work.due(session, now), *others])
    return f"{new} jobs handed out, {ended} of dead workers ended"


class Hands:
    """A Procrastinate worker in a thread of its own, from `start` to `stop`. It outlives a database that goes away."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stopping = threading.Event()
        self._in_hand: set[int] = set()
        self._cancel: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="syncd-hands", daemon=True)
        self._log = structlog.get_logger("syncd.hands")

    def start(self) -> None:
        """Begin to fetch jobs."""
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        _ = self._runtime.executor  # made here: it is not made twice by two jobs that begin at once
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Fetch no more jobs, and let those in hand begin nothing new."""
        self._stopping.set()
        with self._lock:
            self._cancel()

    def stop(self, timeout_s: float) -> bool:
        """Stop; whether what is in hand was done within `timeout_s`."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def end_jobs(self, session: Session) -> None:
        """End the jobs in hand without having done them: others need not wait until this process counts as dead."""
        work.end(session, tuple(self._in_hand))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._work())
            except Exception as error:
                self._log.warning("the worker stopped and starts again", error=f"{type(error).__name__}: {error}")
            self._stopping.wait(AGAIN_S)

    async def _work(self) -> None:
        count = self._runtime.settings.writes.threads
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(count, thread_name_prefix="syncd-job"))
        app = self._app()
        async with app.open_async():
            working = loop.create_task(
                app.run_worker_async(
                    queues=[work.QUEUE],
                    concurrency=count,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    fetch_job_polling_interval=work.POLL_S,
                    abort_job_polling_interval=NEVER_S,
                    update_heartbeat_interval=work.HEARTBEAT_S,
                    stalled_worker_timeout=work.STALLED_AFTER_S,
                )
            )
            with self._lock:
                self._cancel = lambda: loop.call_soon_threadsafe(working.cancel)
            if self._stopping.is_set():
                working.cancel()
            try:
                with suppress(asyncio.CancelledError):
                    await working
            finally:
                with self._lock:
                    self._cancel = lambda: None

    def _app(self) -> App:
        from procrastinate import App, PsycopgConnector

        url = self._runtime.database.engine.url.set(drivername="postgresql")
        app = App(connector=PsycopgConnector(conninfo=url.render_as_string(hide_password=False), min_size=1))
        for task in Task:
            app.task(name=task, queue=work.QUEUE, pass_context=True)(self._doing(task))
        return app

    def _doing(self, task: Task) -> Callable[..., None]:
        def run(context: JobContext, connection_id: int) -> None:
            self._do(context.job.id, Job(task, connection_id))

        return run

    def _do(self, job_id: int | None, job: Job) -> None:
        """Do a job. What goes wrong is in the log; what was not done is due still, and handed out again."""
        assert job_id is not None
        self._in_hand.add(job_id)
        try:
            do(self._runtime, job, self._stopping.is_set)
        except Exception as error:
            self._log.error("job failed", job=job.task, connection=job.connection_id, error=f"{error!r}")
        finally:
            self._in_hand.discard(job_id)


def work_until_stopped(runtime: Runtime, environ: Mapping[str, str]) -> int:
    """Lend hands until SIGTERM or SIGINT, then end within [http] stop_seconds; the exit code.

    Raises:
        ConfigError: the database is SQLite.
        StoreError: it is a copy.
    """
    require_shared(runtime.database)
    runtime.home.require()
    within_s = runtime.settings.http.stop_seconds
    hands, notifier = Hands(runtime), Notifier(environ)
    with end_awaited() as wait:
        hands.start()
        notifier.ready("working")
        structlog.get_logger("syncd.hands").info("ready")
        wait()
        notifier.stopping(within_s)
        if not hands.stop(within_s):
            try:
                hand_back(runtime, hands)
            finally:
                os._exit(0)  # threads wait for providers still
    return 0


def hand_back(runtime: Runtime, hands: Hands | None) -> None:
    """Free every lease of this process, for others to go on at once. Without the database they run out by themselves.

    What starts anew under the same process id needs it too: its old leases would count as a living one's.
    """
    log, owner = structlog.get_logger("syncd.hands"), this_owner()
    log.warning("work in hand was not done in time and is handed back")
    try:
        with runtime.database.write() as session:
            references.release(session, owner)
            busy.release(session, owner)
            tokens.abandon(session, owner, runtime.clock())
            if hands is not None:
                hands.end_jobs(session)
    except StoreError as error:
        log.error("work in hand could not be handed back", error=str(error))
