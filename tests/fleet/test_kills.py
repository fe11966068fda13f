"""Two daemons and two workers on one database, killed in turn under a stream of webhooks: nothing lost, nothing twice.

Each is killed when a number of bookings, drawn beforehand, has been accepted, and then started again; the writes of
those bookings are under way at that moment, for the calendar server answers late.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cli.command_line import configured
from cli.people import envelope

from syncd.connector.registry import Registry
from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.settings import load
from syncd.store import directory
from syncd.vault import load_ring

from .machines import CONFIG, CalendarServer, Machine, calendar_server, until

PEOPLE = 5
ANSWER_AFTER_MS = 30
SEED = 20260102


class Fleet:
    """Four machines, one database, one calendar that all people share."""

    def __init__(self, folder: Path, database_url: str, server: CalendarServer) -> None:
        self.config = configured(folder, database_url, CONFIG)
        self.server = server
        self.daemons = [Machine(self.config, "run"), Machine(self.config, "run", "--no-work")]
        self.workers = [Machine(self.config, "worker"), Machine(self.config, "worker")]
        self.accepted = 0

    @property
    def in_turn(self) -> list[Machine]:
        """Daemons and workers alternately."""
        return [machine for pair in zip(self.daemons, self.workers, strict=True) for machine in pair]

    def connect_people(self) -> None:
        """Each has a connection of their own to the calendar server."""
        settings = load(str(self.config), {})
        runtime = Runtime(settings, load_ring({}, Path(settings.keys.file)), registry=Registry.installed())
        try:
            runtime.upgrade()
            for person in range(1, PEOPLE + 1):
                self._connect(runtime, person)
        finally:
            runtime.close()

    def _connect(self, runtime: Runtime, person: int) -> None:
        credential = {"url": self.server.url, "username": f"u{person}", "password": "any"}
        with runtime.database.write() as session:
            directory.add_user(session, person, _email(person), utc_now())
        added = runtime.accounts.add(person, "caldav-calendar", credential, {})
        with runtime.database.write() as session:
            calendar, _ = directory.listed_calendars(session, connection_ids=[added.connection_id])[0]
            directory.set_destination(session, calendar, user_id=person)

    def book(self, number: int) -> None:
        """Send a booking to one daemon after the other until one has accepted it."""
        person = 1 + number % PEOPLE
        organizer = {"id": person, "email": _email(person), "name": "Ada", "timeZone": "Europe/Berlin"}
        body = envelope(_email(person), f"b{number}", organizer=organizer)
        for attempt in range(len(self.daemons)):
            if self.daemons[(number + attempt) % len(self.daemons)].post(body):
                self.accepted += 1
                return
        raise AssertionError(f"no daemon accepted booking {number}")


def _email(person: int) -> str:
    return f"u{person}@example.com"


@pytest.fixture
def fleet(tmp_path: Path, database_url: str) -> Iterator[Fleet]:
    with ExitStack() as stack:
        made = Fleet(tmp_path, database_url, stack.enter_context(calendar_server(ANSWER_AFTER_MS)))
        made.connect_people()
        for machine in made.in_turn:
            stack.callback(machine.close)
            machine.start()
        yield made


@pytest.mark.parametrize(
    ("bookings", "kills"), [(100, 4), pytest.param(1000, 40, marks=pytest.mark.long)], ids=["100", "1000"]
)
def test_bookings_survive_kills_of_every_machine(fleet: Fleet, bookings: int, kills: int) -> None:
    draw = random.Random(SEED)
    points = sorted(draw.sample(range(bookings // 10, bookings), kills))
    for number in range(bookings):
        fleet.book(number)
        if points and fleet.accepted > points[0]:
            points.pop(0)
            machine = fleet.in_turn[len(points) % 4]
            machine.kill()
            machine.start()
    expected = {f"b{n}@Cal.com" for n in range(bookings)}
    until("every booking is in the calendar", lambda: expected <= fleet.server.uids().keys())
    assert [machine.stop() for machine in fleet.in_turn] == [0, 0, 0, 0]
    found = fleet.server.uids()
    assert found.keys() == expected
    assert set(found.values()) == {1}
