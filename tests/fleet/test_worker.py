"""`syncd worker` and `syncd run --no-work`: hands on any machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cli.command_line import configured, finished
from given import SQLITE

from syncd.store.work import Job, Task

from .machines import CONFIG, Machine, calendar_server, until
from .queue import Queue
from .test_kills import PEOPLE, Fleet

SLOW_MS = 200
MANY = 150
"""Bookings that keep a worker busy for some time."""


@pytest.fixture
def fleet(tmp_path: Path, database_url: str) -> Iterator[Fleet]:
    """Nothing runs yet."""
    with ExitStack() as stack:
        made = Fleet(tmp_path, database_url, stack.enter_context(calendar_server(SLOW_MS)))
        made.connect_people()
        for machine in made.in_turn:
            stack.callback(machine.close)
        yield made


def test_a_daemon_without_hands_leaves_the_work_to_workers(fleet: Fleet, queue: Queue) -> None:
    daemon, worker = fleet.daemons[1], fleet.workers[0]
    fleet.daemons = [daemon]
    daemon.start()
    for number in range(10):
        fleet.book(number)
    until("every connection's work is handed out", lambda: len(_writes(queue)) == PEOPLE)
    assert fleet.server.uids().total() == 0
    worker.start()
    until("every booking is there", lambda: fleet.server.uids().total() == 10)
    assert (worker.stop(), daemon.stop()) == (0, 0)


def _writes(queue: Queue) -> list[Job]:
    return [job for job in queue.waiting() if job.task == Task.WRITE_BOOKINGS]


def test_another_daemon_leads_soon_after_the_first_died(fleet: Fleet) -> None:
    first, second = fleet.daemons
    first.start()
    second.start()
    first.kill()
    second.wait_for("leading")
    assert second.stop() == 0


def test_another_daemon_leads_at_once_when_the_first_stops(fleet: Fleet) -> None:
    first, second = fleet.daemons
    first.start()
    second.start()
    assert first.stop() == 0
    second.wait_for("leading")
    assert second.stop() == 0


def test_a_worker_that_is_stopped_finishes_what_it_has_in_hand_and_the_next_one_does_the_rest(fleet: Fleet) -> None:
    daemon, worker, next_worker = fleet.daemons[1], *fleet.workers
    fleet.daemons = [daemon]
    daemon.start()
    for number in range(MANY):
        fleet.book(number)
    worker.start()
    until("it has begun", lambda: fleet.server.uids().total() > 0)
    assert worker.stop() == 0
    next_worker.start()
    until("every booking is there", lambda: fleet.server.uids().total() >= MANY)
    assert set(fleet.server.uids().values()) == {1}
    assert next_worker.stop() == 0


def test_a_worker_that_cannot_finish_in_time_hands_back_and_ends_well(fleet: Fleet) -> None:
    fleet.config.write_text(fleet.config.read_text().replace("port = 0\n", "port = 0\nstop_seconds = 0.05\n"))
    daemon, worker, next_worker = fleet.daemons[1], *fleet.workers
    fleet.daemons = [daemon]
    daemon.start()
    for number in range(MANY):
        fleet.book(number)
    worker.start()
    until("it has begun", lambda: fleet.server.uids().total() > 0)
    worker.signal(signal.SIGTERM)
    worker.wait_for("work in hand was not done in time and is handed back")
    assert worker.ended() == 0
    next_worker.start()
    until("every booking is there", lambda: fleet.server.uids().total() >= MANY)
    assert set(fleet.server.uids().values()) == {1}


@pytest.mark.parametrize("database_kind", [SQLITE])
@pytest.mark.parametrize("words", [("worker",), ("run", "--no-work")])
def test_on_sqlite_it_is_refused_with_the_reason(tmp_path: Path, database_url: str, words: tuple[str, ...]) -> None:
    told = finished(configured(tmp_path, database_url, CONFIG), *words)
    assert told.code == 2
    assert "cannot share a SQLite database" in told.err
    assert "Use PostgreSQL" in told.err


def test_the_worker_needs_no_daemon_to_start(fleet: Fleet) -> None:
    worker = Machine(fleet.config, "worker")
    worker.start()
    assert worker.stop() == 0
