"""What a person did to an event in their calendar, as the commands show it; against a real CalDAV server."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from urllib.parse import urljoin

import pytest

from .command_line import CommandLine
from .people import MONDAY, Person, envelope

MOVED = "Moved from 2027-03-01 09:00Z to 09:30Z to 2027-03-01 11:00Z to 11:30Z."


@pytest.fixture
def booked(syncd: CommandLine, connected: Person) -> str:
    """Bookings b1 and b2, written and read back; where the event of b1 is."""
    two = [envelope(connected.email, f"b{n}", startTime=hour(n), endTime=hour(n, 30)) for n in (1, 2)]
    syncd.document("bookings", "import", "-", stdin=json.dumps(two))
    syncd.document("sync")
    syncd.document("sync")
    (reference,) = syncd.document("bookings", "show", "b1")["references"]
    return urljoin(connected.server.url, str(reference["receipt"]["id"]))


def hour(number: int, minutes: int = 0) -> str:
    return f"{MONDAY + timedelta(hours=number - 1, minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def words(syncd: CommandLine, *arguments: object) -> str:
    """What a command says, as one line."""
    return " ".join(syncd(*arguments).out.split())


def move(person: Person, address: str) -> None:
    """By two hours."""
    status, _, body = person.server.request(person.login, "GET", address)
    assert status == 200
    text = re.sub(rb"(?<=20270301T)10(?=[03]000)", b"12", body)
    assert text != body
    status, _, _ = person.server.request(person.login, "PUT", address, text, {"Content-Type": "text/calendar"})
    assert status in (201, 204)


def test_a_moved_event_is_shown_wherever_one_would_look(syncd: CommandLine, connected: Person, booked: str) -> None:
    assert "No bookings." in syncd("bookings", "list", "--changed").out
    move(connected, booked)
    syncd.document("sync")
    (listed,) = syncd.document("bookings", "list", "--changed")
    (reference,) = listed["references"]
    assert (listed["uid"], reference["drift"], reference["drift_detail"]) == ("b1", "moved", MOVED)
    assert reference["drifted_at"]
    assert MOVED in words(syncd, "bookings", "list", "--changed")
    assert f"{MOVED} Noticed 2" in words(syncd, "bookings", "show", "b1")
    assert f"Changed by a person b1 (caldav-calendar): {MOVED}" in words(syncd, "status")
    assert f"{MOVED} It is left as it is." in words(syncd, "log")
    assert [e.start.hour for e in connected.events()] == [10, 11]


def test_it_is_put_back_where_that_is_the_rule(syncd: CommandLine, connected: Person) -> None:
    syncd.config.write_text(syncd.config.read_text() + '\n[event_types.7]\ncalendar_changes = "restore"\n')
    one = envelope(connected.email, "b1", eventTypeId=7)
    syncd.document("bookings", "import", "-", stdin=json.dumps(one))
    syncd.document("sync")
    syncd.document("sync")
    (reference,) = syncd.document("bookings", "show", "b1")["references"]
    move(connected, urljoin(connected.server.url, reference["receipt"]["id"]))
    syncd.document("sync")
    syncd.document("sync")
    assert [e.start for e in connected.events()] == [MONDAY]
    assert syncd.document("bookings", "list", "--changed") == []
    assert "It is put back." in words(syncd, "log")
