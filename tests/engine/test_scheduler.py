"""Jobs on their schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.engine.runtime import Runtime
from syncd.engine.scheduler import Scheduler
from syncd.errors import StoreError
from syncd.model.clock import utc_now
from syncd.settings import Jobs, Settings
from syncd.store import inbox, log
from syncd.store.inbox import Arrival
from syncd.store.tables import JobRun
from syncd.testing.memory import MemoryProvider

from .deliveries import created
from .world import World

HOUR = 3600.0
NAMES = {"take-in", "reconcile", "busy-sync", "sweep", "clean-up", "tokens", "limits", "channels"}


@pytest.fixture
def hourly(settings: Settings, open_runtime: Any, memory: MemoryProvider) -> World:
    """Jobs run when the scheduler starts and then an hour later: what happens before that was woken."""
    jobs = Jobs(
        take_in=HOUR, reconcile=HOUR, busy_sync=HOUR, sweep=HOUR, clean_up=HOUR, tokens=HOUR, limits=HOUR, channels=HOUR
    )
    runtime: Runtime = open_runtime(settings=settings.model_copy(update={"jobs": jobs}), clock=utc_now)
    world = World(runtime, memory, utc_now)  # type: ignore[arg-type]
    world.person()
    return world


@pytest.fixture
def scheduler(hourly: World) -> Iterator[Scheduler]:
    made = Scheduler(hourly.runtime)
    yield made
    made.stop()


def until(met: Callable[[], bool]) -> None:
    """Wait until `met`; an hour's job that does not come fails the test."""
    pause = threading.Event()
    for _ in range(2000):
        if met():
            return
        pause.wait(0.01)
    raise AssertionError("it never happened")


def runs(world: World) -> dict[str, JobRun]:
    with world.runtime.database.read() as session:
        return {row.job: row for row in log.listed_jobs(session)}


def test_every_job_runs_at_the_start_and_leaves_its_run_in_the_store(hourly: World, scheduler: Scheduler) -> None:
    scheduler.start()
    until(lambda: set(runs(hourly)) == NAMES)
    for run in runs(hourly).values():
        assert (run.outcome, run.runs) == ("done", 1)
        assert run.finished_at is not None
        assert run.finished_at >= run.started_at
        assert run.detail


def test_a_job_that_fails_is_recorded_and_stops_no_other(
    hourly: World, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_named: Any) -> Any:
        raise RuntimeError("boom")

    monkeypatch.setattr(hourly.runtime.busy_sync, "run", fail)
    scheduler.start()
    until(lambda: set(runs(hourly)) == NAMES)
    outcomes = {name: run.outcome for name, run in runs(hourly).items()}
    assert outcomes == {name: "failed" if name == "busy-sync" else "done" for name in NAMES}
    assert "boom" in runs(hourly)["busy-sync"].detail


def test_a_delivery_that_wakes_its_job_is_written_without_waiting_for_the_period(
    hourly: World, scheduler: Scheduler
) -> None:
    scheduler.start()
    until(lambda: set(runs(hourly)) == NAMES)
    with hourly.runtime.database.write() as session:
        inbox.put(session, [Arrival(source="test", body=created())], utc_now())
    scheduler.wake("take-in")
    until(lambda: len(hourly.events()) == 1)


def test_a_job_never_overlaps_with_itself_and_runs_once_more_when_woken_meanwhile(
    hourly: World, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    inside, most, count = [], [], []
    run = hourly.runtime.busy_sync.run

    def held(*arguments: Any, **named: Any) -> Any:
        inside.append(1)
        most.append(len(inside))
        begun.set()
        assert go.wait(30)
        inside.pop()
        count.append(1)
        return run(*arguments, **named)

    monkeypatch.setattr(hourly.runtime.busy_sync, "run", held)
    scheduler.start()
    assert begun.wait(30)
    for _ in range(3):
        scheduler.wake("busy-sync")
    go.set()
    until(lambda: len(count) == 2)
    scheduler.stop()
    assert (max(most), len(count)) == (1, 2)


def test_stopping_finishes_what_is_in_hand(hourly: World, scheduler: Scheduler) -> None:
    begun, go = threading.Event(), threading.Event()
    perform = hourly.provider.perform

    def held(operation: str, run: Any) -> Any:
        if operation == "put_event":
            begun.set()
            assert go.wait(30)
        return perform(operation, run)

    hourly.provider.perform = held  # type: ignore[method-assign]
    hourly.deliver(created("a"), created("b", at=1))
    scheduler.start()
    assert begun.wait(30)
    assert not scheduler.stop(timeout_s=0)
    go.set()
    assert scheduler.stop()
    rows = hourly.references()
    assert [r.state for r in rows if r.attempted] == ["synced"] * len(hourly.events())
    assert not any(r.lease_owner for r in rows)


def test_a_scheduler_that_never_started_stops_at_once(hourly: World) -> None:
    assert Scheduler(hourly.runtime).stop()


def test_a_job_woken_in_the_moment_it_ends_runs_again_at_once(
    hourly: World, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We are done with the run, and APScheduler still counts it."""
    runs, again = [], threading.Event()
    run = Scheduler._run

    def woken_at_its_end(self: Scheduler, job: Any) -> None:
        run(self, job)
        if job.name != "busy-sync":
            return
        runs.append(job)
        if len(runs) > 1:
            again.set()
            return
        self.wake("busy-sync")
        assert again.wait(30)

    monkeypatch.setattr(Scheduler, "_run", woken_at_its_end)
    scheduler.start()
    assert again.wait(15)


def test_a_job_whose_run_cannot_be_recorded_can_be_woken_again(
    hourly: World, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    record = log.job_ran

    def away(session: Any, name: str, *arguments: Any) -> None:
        if name == "busy-sync" and not asked.is_set():
            asked.set()
            raise StoreError("The server went away.")
        record(session, name, *arguments)

    monkeypatch.setattr(log, "job_ran", away)
    monkeypatch.setattr("syncd.engine.scheduler.RECORD_EVERY_S", 0.0)
    scheduler.start()
    assert asked.wait(30)
    until(lambda: not scheduler._jobs["busy-sync"].running)
    scheduler.wake("busy-sync")
    until(lambda: "busy-sync" in runs(hourly))
