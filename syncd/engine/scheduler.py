"""When jobs run: APScheduler, in this process.

Each job has a period and jitter, never overlaps with itself, and leaves its last run in the store. A job is a hint: one
that is late or lost costs a delay. `wake` runs a job now; the periods are the backstop.

Of several daemons on one database, only the one that leads runs jobs by their periods; a job that is woken runs where
it was woken.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor as JobThreads
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from syncd.store import limits, log
from syncd.store.owner import this_owner

from .fleet import hand_out
from .lead import Lead
from .runtime import Runtime
from .sweep import clean_up, sweep

JITTER = 0.1
RECORD_EVERY_S = 1.0
"""A job that is woken many times a second has its last run written down at most this often."""


@dataclass(slots=True)
class Job:
    """A job: its name, period in seconds, and what it does; the text it returns says what it did.

    `woken`, `running` and `again` are the scheduler's: a job woken while it runs, runs once more.
    """

    name: str
    period_s: float
    run: Callable[[], str]
    woken: bool = False
    running: bool = False
    again: bool = False
    recorded: float = field(default=float("-inf"))


class Scheduler:
    """Runs the jobs until it is stopped.

    Args:
        lead: the process that holds it runs jobs by their periods; None: this one does.
        works: whether this process calls providers, or leaves that to workers.
    """

    def __init__(self, runtime: Runtime, lead: Lead | None = None, *, works: bool = True) -> None:
        self._runtime = runtime
        self._lead = lead
        self._works = works
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._jobs = {job.name: job for job in self._make_jobs()}
        self._first = threading.Event()
        self._ending: threading.Thread | None = None
        self.progressed_at = time.monotonic()
        self._log = structlog.get_logger("syncd.scheduler")
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": JobThreads(8)},
            job_defaults={"max_instances": 2, "coalesce": True, "misfire_grace_time": None},  # see _run
        )

    def start(self) -> None:
        """Begin: every job runs at once, then by its period."""
        now = self._runtime.clock()
        for job in self._jobs.values():
            trigger = IntervalTrigger(seconds=job.period_s, jitter=job.period_s * JITTER, timezone="UTC")
            self._scheduler.add_job(self._run, trigger, args=[job], id=job.name, name=job.name, next_run_time=now)
        self._scheduler.start()

    def wait_for_first(self, timeout_s: float | None = None) -> bool:
        """Wait until a first job has run; whether one has."""
        return self._first.wait(timeout_s)

    def wake(self, name: str) -> None:
        """Run a job now; one that is running runs once more. From any thread."""
        job = self._jobs[name]
        with self._lock:
            job.woken = True
            if job.running:
                job.again = True
            elif not self._stopping.is_set():
                self._scheduler.modify_job(name, next_run_time=self._runtime.clock())
        if name == "reconcile":
            self._runtime.reconciler.bell.ring()

    def stop(self, timeout_s: float | None = None) -> bool:
        """Take no new work and wait until what is in hand is done; whether it was within `timeout_s`."""
        self._stopping.set()
        self._runtime.reconciler.bell.ring()
        if self._ending is None:
            if not self._scheduler.running:
                return True
            self._ending = threading.Thread(target=self._scheduler.shutdown, kwargs={"wait": True}, daemon=True)
            self._ending.start()
        self._ending.join(timeout_s)
        return not self._ending.is_alive()

    def _make_jobs(self) -> list[Job]:
        runtime, every = self._runtime, self._runtime.settings.jobs
        return [
            Job("take-in", every.take_in, self._take_in),
            Job("sweep", every.sweep, lambda: str(sweep(runtime.database, runtime.intake, runtime.clock))),
            Job("limits", every.limits, self._show_limits),
            Job("clean-up", every.clean_up, lambda: clean_up(runtime.database, runtime.settings, runtime.clock)),
            *(self._work() if self._works else ()),
            *self._hand_out(),
        ]

    def _hand_out(self) -> list[Job]:
        """What gives work to other machines; they share a PostgreSQL database."""
        runtime, lead = self._runtime, self._lead
        if lead is None or runtime.database.is_sqlite:
            return []
        return [Job("hand-out", runtime.settings.jobs.reconcile, lambda: hand_out(runtime, lead))]

    def _work(self) -> list[Job]:
        """What calls providers."""
        runtime, every, stopping = self._runtime, self._runtime.settings.jobs, self._stopping.is_set
        return [
            Job(
                "reconcile",
                every.reconcile,
                lambda: _counts(
                    runtime.reconciler.run(runtime.executor, stopping=stopping, keep_results=False).outcomes
                ),
            ),
            Job(
                "busy-sync",
                every.busy_sync,
                lambda: _counts(
                    runtime.busy_sync.run(runtime.executor, stopping=stopping, keep_results=False).outcomes
                ),
            ),
            Job(
                "channels",
                every.channels,
                lambda: _counts(runtime.channels.run(runtime.executor, stopping=stopping)),
            ),
            Job(
                "tokens",
                every.tokens,
                lambda: _counts(runtime.tokens.run(runtime.executor, stopping=stopping).outcomes),
            ),
        ]

    def _show_limits(self) -> str:
        """Tell how this process stands to the providers' limits, for `syncd status`."""
        runtime = self._runtime
        found = runtime.opener.standings()
        with runtime.database.write() as session:
            limits.show(session, this_owner(), found, runtime.clock())
        return f"{len(found)} connections"

    def _take_in(self) -> str:
        report = self._runtime.intake.take_in()
        if report.plans and self._works:
            self.wake("reconcile")
        return _counts(report.deliveries)

    def _run(self, job: Job) -> None:
        """Run a job if it was woken or we lead, and once more for each time it is woken meanwhile.

        APScheduler counts a run for a moment longer than we do, and drops what exceeds its count: it allows two.
        """
        with self._lock:
            if job.running:
                return  # it began after the wake that this is for; `wake` lets it run again for later ones
            due = job.woken or self._lead is None or self._lead.leads
            job.woken, job.running = False, due
        if not due:
            self.progressed_at = time.monotonic()
            self._first.set()
            return
        while True:
            self._run_once(job)
            with self._lock:
                if not job.again or self._stopping.is_set():
                    job.running = job.again = job.woken = False
                    return
                job.again = False

    def _run_once(self, job: Job) -> None:
        """Run a job; how it ended is in the store, and an error in the log as well."""
        clock, started = self._runtime.clock, time.perf_counter()
        started_at = clock()
        try:
            outcome, detail = "done", job.run()
        except Exception as error:
            outcome, detail = "failed", f"{type(error).__name__}: {error}"
            self._log.error("job failed", job=job.name, error=detail)
        self.progressed_at = time.monotonic()
        self._first.set()
        if outcome == "failed" or self.progressed_at - job.recorded >= RECORD_EVERY_S:
            job.recorded = self.progressed_at
            self._record(job, started_at, time.perf_counter() - started, outcome, detail)

    def _record(self, job: Job, started_at: datetime, seconds: float, outcome: str, detail: str) -> None:
        try:
            with self._runtime.database.write() as session:
                log.job_ran(session, job.name, started_at, self._runtime.clock(), seconds, outcome, detail[:500])
        except Exception as error:
            self._log.error("a run could not be recorded", job=job.name, error=f"{type(error).__name__}: {error}")


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "nothing to do"
