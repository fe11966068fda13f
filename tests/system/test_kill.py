"""`kill -9` of `syncd sync` in the middle of a batch: nothing is lost and nothing is there twice.

The process is killed by the relay in front of the server, on a request whose number is drawn beforehand: either before
the server sees it, or when it was carried out and not yet answered. Several requests are on their way at that moment.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import command, configured, finished

from syncd.cli.app import run
from syncd.demo.reader import read_calendar
from syncd.demo.servers import CalDavServer, radicale
from syncd.testing.dav import DavStub

from .diary import EMAIL, Diary, lines
from .relay import Relay

LOGIN = "ada"
PASSWORD = "sesame"
ANSWER_AFTER_S = 0.02
ROUNDS = 5
LONG_ROUNDS = 50
NEW, MOVED, CANCELLED = 24, 6, 3


class Setting:
    """A person connected through a relay to a server, with the empty calendar `work` as destination.

    `slow_down` makes the server answer late, so that a batch lasts.
    """

    def __init__(
        self, folder: Path, database_url: str, server: CalDavServer, relay: Relay, slow_down: Callable[[float], None]
    ) -> None:
        self._inbox = folder / "deliveries.ndjson"
        self._slow_down = slow_down
        self.config = configured(folder, database_url, '[log]\nlevel = "error"')
        self.server = server
        self.relay = relay
        credential = {"url": relay.url, "username": LOGIN, "password": PASSWORD}
        words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", EMAIL, "--credential-file", "-")
        self.done(*words, stdin=json.dumps(credential))
        self.done("calendars", "destination", 1)

    def done(self, *words: object, stdin: str = "") -> str:
        told = finished(self.config, *words, stdin=stdin)
        assert told.code == 0, (told.out, told.err)
        return told.out

    def take_in(self, bodies: Iterable[dict[str, Any]]) -> None:
        self._inbox.write_text(lines(bodies), encoding="utf-8")
        assert run(["--config", str(self.config), "bookings", "import", str(self._inbox)]) == 0

    def kill_sync(self, number: int, *, carried_out: bool) -> bool:
        """Start `syncd sync` and kill it on its request `number`; False when it ended before."""
        with subprocess.Popen(command(self.config, "sync"), stdout=subprocess.DEVNULL) as child:

            def strike(seen: int) -> bool:
                if seen >= number:
                    _kill(child)
                return seen >= number

            self._slow_down(ANSWER_AFTER_S)
            self.relay.restart(**{"after" if carried_out else "before": strike})
            code = child.wait(60)
        self.relay.restart()
        self._slow_down(0)
        assert code in (0, -signal.SIGKILL)
        return code != 0

    def finish(self) -> None:
        """Run until all is done, as the next timer ticks would: a server that still carries out what the killed one
        sent makes a write wait for its next turn.
        """
        told = finished(self.config, "sync", "--json")
        for _ in range(3):
            if told.code == 0:
                break
            late = {each["subject"] for each in told.document["failed"] if each["outcome"] == "retry"}
            self.done("bookings", "retry", *late)
            told = finished(self.config, "sync", "--json")
        assert told.code == 0, (told.out, told.err)
        assert told.document["left"] == {"pending": 0, "parked": 0, "unplanned": 0}

    def held(self) -> list[tuple[str, object]]:
        """What the server holds, as (UID, start)."""
        return sorted((e.uid, e.start) for e in read_calendar(self.server, LOGIN, "work"))


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill it and wait until it is dead: one that saw its connection dropped would put its write off, as it should."""
    child.kill()
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        pass  # dead, and waited for


def kill_and_finish(setting: Setting, seed: int, rounds: int) -> None:
    drawn = random.Random(seed)
    diary = Diary(drawn)
    kills = 0
    for _ in range(rounds):
        setting.take_in(diary.round(NEW, MOVED, CANCELLED))
        kills += setting.kill_sync(drawn.randint(1, NEW), carried_out=drawn.random() < 0.7)
        setting.finish()
        assert setting.held() == diary.expected
    assert kills == rounds


@pytest.fixture
def setting(tmp_path: Path, database_url: str) -> Iterator[Setting]:
    """Over the stub, on each kind of database."""
    with DavStub() as stub, Relay(stub.port) as relay:
        stub.add_calendar("work")
        server = CalDavServer("stub", stub.port, {LOGIN: PASSWORD}, "/cal/", tmp_path / "stub.log")
        yield Setting(tmp_path, database_url, server, relay, partial(setattr, stub, "delay_s"))


def test_every_booking_is_there_once_however_often_it_is_killed(setting: Setting) -> None:
    kill_and_finish(setting, seed=1, rounds=ROUNDS)


@pytest.mark.long
def test_every_booking_is_there_once_after_many_kills(setting: Setting) -> None:
    kill_and_finish(setting, seed=2, rounds=LONG_ROUNDS)


def test_every_booking_is_there_once_on_a_real_server(tmp_path: Path) -> None:
    with radicale(tmp_path, {LOGIN: PASSWORD}) as server, Relay(server.port) as relay:
        server.create_calendar(LOGIN, "work", "Work")
        setting = Setting(tmp_path, f"sqlite:///{tmp_path}/syncd.db", server, relay, lambda seconds: None)
        kill_and_finish(setting, seed=3, rounds=1)


def test_killed_again_and_again_before_it_ever_ends(setting: Setting) -> None:
    """Each run is killed a little later, so that every run continues another's remains."""
    diary = Diary(random.Random(4))
    setting.take_in(diary.round(NEW, 0, 0))
    for number in (2, 5, 9):
        assert setting.kill_sync(number, carried_out=True)
    setting.finish()
    assert setting.held() == diary.expected
