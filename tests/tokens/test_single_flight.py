"""One refresh at a time over threads and processes, whoever dies when."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from syncd.errors import ProviderError
from syncd.vault import KeyRing, generate_key

from .conftest import OpenDesk
from .issuer import Issuer
from .rented import Desk

TESTS = Path(__file__).parents[1]
ROUNDS, THREADS = 12, 4


class MovableClock(Protocol):
    now: datetime

    def __call__(self) -> datetime: ...

    def advance(self, **span: float) -> datetime: ...


class Process:
    """A process of `tokens.process`. `on_waiting` is called when it says that it waits for another one."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tokens.process"],
            cwd=TESTS,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.on_waiting: Callable[[], object] = lambda: None
        self._told: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self.say(task)

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            told = json.loads(line)
            if "waiting" in told:
                self.on_waiting()
            else:
                self._told.put(told)
        self._told.put(None)

    def say(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        print(json.dumps(message), file=self._process.stdin, flush=True)

    def tokens(self) -> list[str]:
        """What its threads got in this round."""
        told = self._told.get(timeout=60)
        assert told is not None, f"it ended: {self._process.wait(30)}"
        got: list[str] = told["got"]
        return got

    def death(self) -> int:
        """How it died."""
        return self._process.wait(30)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(30)
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


Start = Callable[..., Process]


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing((generate_key("test"),), "test")


@pytest.fixture
def start(database_url: str, ring: KeyRing, clock: MovableClock, issuer: Issuer, connection: int) -> Iterator[Start]:
    with ExitStack() as stack:

        def start_one(*, threads: int = 1, dies: str = "") -> Process:
            process = Process(
                {
                    "database": database_url,
                    "keys": "\n".join(key.line() for key in ring.keys),
                    "issuer": issuer.url,
                    "connection": connection,
                    "now": clock().isoformat(),
                    "threads": threads,
                    "dies": dies,
                }
            )
            stack.callback(process.close)
            return process

        yield start_one


def go(clock: MovableClock, *processes: Process) -> None:
    for process in processes:
        process.say({"now": clock().isoformat()})


def together(desk: Desk, connection: int, threads: int = THREADS) -> set[str]:
    """What several threads get that all need a token now."""

    def get(_: int) -> str:
        try:
            desk.probe(connection)
            return str(desk.tokens.fresh_credential(connection)["access_token"])
        except ProviderError as error:
            return error.code

    with ThreadPoolExecutor(threads) as executor:
        return set(executor.map(get, range(threads)))


def test_two_processes_of_many_threads_refresh_once_per_expiry(
    start: Start, clock: MovableClock, issuer: Issuer, desk: Desk, connection: int
) -> None:
    processes = [start(threads=THREADS), start(threads=THREADS)]
    for process in processes:
        process.on_waiting = issuer.gate.set
    for n in range(1, ROUNDS + 1):
        clock.advance(hours=1)
        issuer.expire()
        issuer.gate.clear()  # the answer comes once the other process waits
        go(clock, *processes)
        assert [process.tokens() for process in processes] == [[f"access-{n}"] * THREADS] * 2
    assert (issuer.refreshes, issuer.requests, issuer.reused, issuer.most_at_once) == (ROUNDS, ROUNDS, 0, 1)
    assert desk.credential(connection)["refresh_token"] == issuer.refresh


def test_who_finds_the_refresh_held_waits_and_takes_the_holders_token(
    start: Start, clock: MovableClock, issuer: Issuer
) -> None:
    holder, other = start(), start(threads=THREADS)
    clock.advance(hours=1)
    issuer.expire()
    issuer.gate.clear()
    go(clock, holder)
    assert issuer.asked.wait(30)
    other.on_waiting = issuer.gate.set
    go(clock, other)
    assert holder.tokens() == ["access-1"]
    assert other.tokens() == ["access-1"] * THREADS
    assert (issuer.requests, issuer.reused) == (1, 0)


def killed(start: Start, clock: MovableClock, issuer: Issuer, dies: str) -> None:
    """A process is killed while it refreshes a token that has ended."""
    process = start(dies=dies)
    clock.advance(hours=1)
    issuer.expire()
    go(clock, process)
    assert process.death() == -signal.SIGKILL


def test_killed_before_it_asked_another_refreshes_at_once(
    start: Start, clock: MovableClock, issuer: Issuer, desk: Desk, connection: int
) -> None:
    killed(start, clock, issuer, "asking")
    assert together(desk, connection) == {"access-1"}
    assert (issuer.requests, issuer.reused, issuer.most_at_once) == (1, 0, 1)
    row = desk.row(connection)
    assert (row.state, row.refresh_lost_at, row.refresh_owner) == ("active", None, None)


def test_killed_once_it_had_stored_nobody_refreshes_again(
    start: Start, clock: MovableClock, issuer: Issuer, desk: Desk, connection: int
) -> None:
    killed(start, clock, issuer, "stored")
    assert together(desk, connection) == {"access-1"}
    assert (issuer.requests, issuer.reused) == (1, 0)


def test_killed_between_answer_and_store_a_provider_that_allows_it_is_asked_again(
    start: Start, clock: MovableClock, issuer: Issuer, open_a_desk: OpenDesk, connection: int
) -> None:
    issuer.grace = True
    killed(start, clock, issuer, "answered")
    assert together(open_a_desk(repeatable=True), connection) == {"access-2"}
    assert (issuer.requests, issuer.most_at_once) == (2, 1)


def test_killed_between_answer_and_store_for_good_the_connection_says_so(
    start: Start, clock: MovableClock, issuer: Issuer, desk: Desk, connection: int
) -> None:
    killed(start, clock, issuer, "answered")
    assert together(desk, connection) == {"refresh_answer_lost"}
    assert (issuer.requests, issuer.reused, issuer.most_at_once) == (2, 1, 1)
    row = desk.row(connection)
    assert row.state == "invalid"
    assert "was lost" in row.reason
    assert f"syncd connections reconnect {connection}" in row.remedy


def test_after_a_lost_answer_a_token_that_lives_is_used_until_its_end(
    start: Start, clock: MovableClock, issuer: Issuer, desk: Desk, connection: int
) -> None:
    process = start(dies="answered")
    clock.advance(minutes=57)
    go(clock, process)
    assert process.death() == -signal.SIGKILL
    with ThreadPoolExecutor(4) as executor:
        assert not desk.tokens.run(executor).outcomes
        assert desk.tokens.fresh_credential(connection)["access_token"] == "access-0"
        clock.advance(minutes=3, seconds=1)
        assert desk.tokens.run(executor).outcomes == {"refresh_answer_lost": 1}
    assert timedelta() < clock() - (desk.row(connection).token_expires_at or clock())
