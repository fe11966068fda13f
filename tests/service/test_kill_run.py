"""`kill -9` of `syncd run` under a stream of signed webhooks: what was acknowledged is in its place, once.

When to kill is drawn beforehand, as a number of acknowledged deliveries: by then others are on their way in, some are
taken in, and some are being written.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.testing.dav import DavStub

from .daemon import BOOKINGS, Daemon, configuration, signed, until
from .office import Desk

SENDERS = 4
ROUNDS, LONG_ROUNDS = 4, 50
MOST_PER_ROUND = 40
ANSWER_AFTER_S = 0.01


class Stream:
    """Tells of new bookings from several connections at once; `kill_at` acknowledged ones it kills the daemon."""

    def __init__(self, daemon: Daemon, desk: Desk) -> None:
        self._daemon = daemon
        self._desk = desk
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.sent = 0
        self.acknowledged: set[str] = set()

    def until_killed(self, kill_at: int) -> None:
        """Send until so many more are acknowledged; then kill the daemon under the rest."""
        aim = len(self.acknowledged) + kill_at
        senders = [threading.Thread(target=self._send, args=(aim,)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        self._daemon.ended()

    def _send(self, aim: int) -> None:
        connection = self._daemon.connect()
        try:
            while True:
                self._deliver(connection, aim)
        except (OSError, http.client.HTTPException):
            return  # it is killed
        finally:
            connection.close()

    def _deliver(self, connection: http.client.HTTPConnection, aim: int) -> None:
        with self._lock:
            uid = f"b{next(self._numbers)}"
            self.sent += 1
        body = json.dumps(self._desk.booking(uid)).encode()
        connection.request("POST", BOOKINGS, body, signed(body))
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        with self._lock:
            self.acknowledged.add(uid)
            if len(self.acknowledged) == aim:
                self._daemon.running.kill()


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with DavStub() as stub:
        yield Desk(configuration(tmp_path, database_url), stub)


def kill_again_and_again(daemon: Daemon, desk: Desk, seed: int, rounds: int) -> Stream:
    drawn = random.Random(seed)
    stream = Stream(daemon, desk)
    desk.stub.delay_s = ANSWER_AFTER_S
    for _ in range(rounds):
        daemon.start()
        stream.until_killed(drawn.randint(1, MOST_PER_ROUND))
    daemon.start()
    until(lambda: stream.acknowledged <= desk.written().keys(), "every acknowledged booking is in the calendar")
    assert daemon.stop() == 0
    return stream


def check(stream: Stream, desk: Desk) -> None:
    """Each acknowledged booking is there, and each that is there is there once."""
    written = desk.written()
    assert stream.acknowledged <= written.keys()
    assert set(written.values()) == {1}
    assert len(written) <= stream.sent


@pytest.fixture
def daemon(tmp_path: Path, desk: Desk) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "syncd.toml")
    yield daemon
    daemon.close()


def test_every_acknowledged_booking_is_there_once_however_often_it_is_killed(daemon: Daemon, desk: Desk) -> None:
    check(kill_again_and_again(daemon, desk, seed=1, rounds=ROUNDS), desk)


@pytest.mark.long
def test_every_acknowledged_booking_is_there_once_after_many_kills(daemon: Daemon, desk: Desk) -> None:
    check(kill_again_and_again(daemon, desk, seed=2, rounds=LONG_ROUNDS), desk)
