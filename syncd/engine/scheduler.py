"""When jobs run: APScheduler, in this process.

Each job has a period and jitter, never overlaps with itself, and leaves its last run in the store. A job is a hint: one
that is late or lost costs a delay.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor as JobThreads
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from syncd.store import log

from .runtime import Runtime
from .sweep import clean_up, sweep

JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its name, period in seconds, and what it does; the text it returns says what it did."""

    name: str
    period_s: float
    run: Callable[[], str]


def jobs(runtime: Runtime, stopping: Callable[[], bool] = lambda: False) -> list[Job]:
    """The jobs of this version."""
    every, one_at_a_time = runtime.settings.jobs, threading.Lock()

    def reconcile() -> str:
        if not one_at_a_time.acquire(blocking=False):
            return "already at it"
        try:
            return _counts(runtime.reconciler.run(runtime.executor, stopping=stopping).outcomes)
        finally:
            one_at_a_time.release()

    def take_in() -> str:
        report = runtime.intake.take_in()
        return _counts(report.deliveries) + (f"; {reconcile()}" if report.plans else "")

    return [
        Job("take-in", every.take_in, take_in),
        Job("reconcile", every.reconcile, reconcile),
        Job("busy-sync", every.busy_sync, lambda: _busy_sync(runtime, stopping)),
        Job("sweep", every.sweep, lambda: str(sweep(runtime.database, runtime.intake, runtime.clock))),
        Job("clean-up", every.clean_up, lambda: clean_up(runtime.database, runtime.settings, runtime.clock)),
    ]


def _busy_sync(runtime: Runtime, stopping: Callable[[], bool]) -> str:
    return _counts(runtime.busy_sync.run(runtime.executor, stopping=stopping).outcomes)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "nothing to do"


class Scheduler:
    """Runs the jobs until it is stopped."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stopping = False
        self._log = structlog.get_logger("syncd.scheduler")
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": JobThreads(8)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin: every job runs at once, then by its period."""
        now = self._runtime.clock()
        for job in jobs(self._runtime, lambda: self._stopping):
            trigger = IntervalTrigger(seconds=job.period_s, jitter=job.period_s * JITTER, timezone="UTC")
            self._scheduler.add_job(self._run, trigger, args=[job], id=job.name, name=job.name, next_run_time=now)
        self._scheduler.start()

    def stop(self) -> None:
        """Take no new work, finish what is in hand, and return when it is."""
        self._stopping = True
        self._scheduler.shutdown(wait=True)

    def _run(self, job: Job) -> None:
        """Run one job; how it ended is in the store, and an error in the log as well."""
        clock = self._runtime.clock
        started_at, started = clock(), time.perf_counter()
        try:
            outcome, detail = "done", job.run()
        except Exception as error:
            outcome, detail = "failed", f"{type(error).__name__}: {error}"
            self._log.error("job failed", job=job.name, error=detail)
        with self._runtime.database.write() as session:
            seconds = time.perf_counter() - started
            log.job_ran(session, job.name, started_at, clock(), seconds, outcome, detail[:500])
