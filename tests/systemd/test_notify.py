"""What systemd hears, and when its watchdog is fed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from given import OpenRuntime
from notify_socket import Listener, listening

from syncd.engine.notify import Notifier, Watchdog, progress_bound, watchdog_period
from syncd.engine.scheduler import Scheduler
from syncd.model.clock import utc_now
from syncd.settings import Jobs


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    address = f"{tmp_path}/notify" if request.param == "path" else f"@syncd-test-{os.getpid()}"
    with listening(address) as listener:
        yield listener


class Scene:
    """A watchdog whose clock and progress are set by hand."""

    def __init__(self, systemd: Listener, period_s: float = 30.0) -> None:
        self.now = 1000.0
        self.progressed_at = 1000.0
        self.watchdog = Watchdog(
            Notifier(systemd.environ),
            lambda: self.progressed_at,
            period_s=period_s,
            bound_s=60.0,
            now=lambda: self.now,
        )


def test_ready_comes_with_a_status(systemd: Listener) -> None:
    Notifier(systemd.environ).ready("serving on\nport 8600")
    assert systemd.told() == {"READY": "1", "STATUS": "serving on port 8600"}


def test_a_reload_says_since_when(systemd: Listener) -> None:
    before = time.monotonic_ns() // 1000
    Notifier(systemd.environ).reloading()
    told = systemd.told()
    assert told.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_stopping_asks_for_the_time_it_may_take(systemd: Listener) -> None:
    Notifier(systemd.environ).stopping(within_s=90.5)
    assert systemd.told() == {"STOPPING": "1", "STATUS": "stopping", "EXTEND_TIMEOUT_USEC": "90500000"}


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/such/socket"}])
def test_without_systemd_nothing_is_sent_and_nothing_breaks(environ: dict[str, str]) -> None:
    Notifier(environ).ready("ready")


@pytest.mark.parametrize(
    ("environ", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "7"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(environ: dict[str, str], period: float | None) -> None:
    assert watchdog_period(environ, pid=7) == period


def test_progress_feeds_the_watchdog(systemd: Listener) -> None:
    scene = Scene(systemd)
    for _ in range(3):
        scene.now += 60.0
        scene.progressed_at += 60.0
        assert scene.watchdog.feed()
        assert systemd.told() == {"WATCHDOG": "1"}


def test_a_stuck_scheduler_is_not_fed_and_systemd_hears_why_once(systemd: Listener) -> None:
    scene = Scene(systemd)
    scene.now += 60.0
    assert scene.watchdog.feed()
    assert systemd.told() == {"WATCHDOG": "1"}
    scene.now += 1.0
    assert not scene.watchdog.feed()
    assert systemd.told() == {"STATUS": "stuck: no job has ended for 61 s"}
    assert not scene.watchdog.feed()
    assert systemd.silent()


def test_a_scheduler_that_goes_on_is_fed_again(systemd: Listener) -> None:
    scene = Scene(systemd)
    scene.now += 61.0
    assert not scene.watchdog.feed()
    systemd.told()
    scene.progressed_at = scene.now
    assert scene.watchdog.feed()
    assert systemd.told() == {"WATCHDOG": "1"}


def test_the_thread_feeds_at_once_and_by_itself(systemd: Listener) -> None:
    scene = Scene(systemd, period_s=0.15)
    scene.watchdog.start()
    assert [systemd.told() for _ in range(3)] == [{"WATCHDOG": "1"}] * 3
    scene.watchdog.stop()


def test_a_scheduler_at_work_makes_progress_by_its_jobs(open_runtime: OpenRuntime) -> None:
    """The real scheduler: every job that ends moves it on."""
    scheduler = Scheduler(open_runtime(clock=utc_now))
    began = scheduler.progressed_at
    scheduler.start()
    assert scheduler.wait_for_first(30.0)
    scheduler.stop()
    assert scheduler.progressed_at > began


def test_the_bound_follows_the_job_that_runs_most_often() -> None:
    assert progress_bound(Jobs()) == 5.0 * 1.5 + 60.0
    rare = dict.fromkeys(Jobs.model_fields, 3600.0)
    assert progress_bound(Jobs(**rare)) > 3600.0
