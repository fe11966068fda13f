"""10 000 hostile inputs: each ends in a clear error or in quarantine, and the store is none the worse."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine
from cli.people import envelope

from syncd.testing.dav import DavStub

from . import mutants
from .mutants import EMAIL

DELIVERIES, PER_FILE = 6000, 1000
TEXTS = 400
OBJECTS = 3000
FEEDS, PER_CONNECTION = 600, 20
LONG = 10
GOOD_EVENT = "\r\n".join(
    (
        *("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:good", "DTSTAMP:20260101T000000Z"),
        *("DTSTART:20270305T090000Z", "DTEND:20270305T100000Z", "END:VEVENT", "END:VCALENDAR", ""),
    )
)
GOOD_DAY = ("busy", "--user", 1, "--from", "2027-03-05", "--to", "2027-03-06")
GOOD_TIME = [{"start": "2027-03-05T09:00:00Z", "end": "2027-03-05T10:00:00Z"}]

scaled = pytest.mark.parametrize("times", [1, pytest.param(LONG, marks=pytest.mark.long)])


@pytest.fixture
def stub() -> Iterator[DavStub]:
    with DavStub() as running:
        running.add_calendar("work")
        yield running


@pytest.fixture
def store(syncd: CommandLine, stub: DavStub) -> CommandLine:
    """A store with a connection and a good booking, written."""
    syncd.config.write_text(syncd.config.read_text(encoding="utf-8") + '\n[log]\nlevel = "error"\n', encoding="utf-8")
    credential = {"url": stub.url, "username": "ada", "password": "sesame"}
    words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", EMAIL, "--credential-file", "-")
    syncd.document(*words, stdin=json.dumps(credential))
    syncd.document("calendars", "select", 1)
    syncd.document("calendars", "destination", 1)
    take_in(syncd, envelope(EMAIL, "before"))
    syncd.document("sync")
    return syncd


def take_in(syncd: CommandLine, *bodies: dict[str, Any]) -> Any:
    return syncd.document("bookings", "import", "-", stdin=json.dumps(bodies))


def assert_unharmed(store: CommandLine, stub: DavStub) -> None:
    """The database is whole, what was stored can be read, and the next good input works."""
    opened = sqlite3.connect(store.config.parent / "cli.db")
    try:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        opened.close()
    assert store.document("bookings", "show", "before")["booking"]["title"] == "Talk before"
    assert store("bookings", "list", "--limit", 10_000).code == 0
    assert take_in(store, envelope(EMAIL, "after"))["taken"] == 1
    assert store.document("sync", "--booking", "after")["writes"] == {"done": 1}
    held = "".join(stub.texts(f"{stub.url}cal/work/").values())
    assert "UID:before@Cal.com" in held
    assert "UID:after@Cal.com" in held


@scaled
def test_hostile_deliveries_are_taken_or_quarantined(
    times: int, store: CommandLine, stub: DavStub, tmp_path: Path
) -> None:
    read = 0
    for first in range(0, DELIVERIES * times, PER_FILE):
        file = tmp_path / "hostile.ndjson"
        bodies = (mutants.delivery(seed) for seed in range(first, first + PER_FILE))
        file.write_text("\n".join(json.dumps(body) for body in bodies), encoding="utf-8")
        told = store("bookings", "import", file, "--json")
        assert told.code in (0, 1), told.err[-2000:]
        assert told.err.count("Traceback") == 0
        read += told.document["read"]
    assert read == DELIVERIES * times
    counted = store.document("db", "status")["deliveries"]
    assert counted["quarantined"] > 100
    assert counted["taken"] > 100
    assert "new" not in counted
    assert store("sync").code in (0, 1)
    assert_unharmed(store, stub)


@scaled
def test_files_that_are_hardly_json_end_in_a_clear_error(
    times: int, store: CommandLine, stub: DavStub, tmp_path: Path
) -> None:
    file = tmp_path / "hostile.json"
    for seed in range(TEXTS * times):
        file.write_bytes(mutants.text(seed))
        told = store("bookings", "import", file, "--json")
        assert told.code in (0, 1, 2), (seed, told.err)
        if told.code == 2:
            assert told.document["error"]["message"]
    assert_unharmed(store, stub)


@scaled
def test_hostile_objects_of_a_calendar_lose_no_other(times: int, store: CommandLine, stub: DavStub) -> None:
    calendar = f"{stub.url}cal/work/"
    for seed in range(OBJECTS * times):
        stub.store(calendar, f"{seed}.ics", xml_text(mutants.calendar_text(seed)))
    stub.store(calendar, "good.ics", GOOD_EVENT)
    assert store.document("sync")["calendars"] == {"done": 1}
    assert store.document(*GOOD_DAY)["busy"] == GOOD_TIME
    assert store.document("calendars", "list")[0]["unread_items"] > 100
    assert_unharmed(store, stub)


@scaled
def test_hostile_feeds_end_in_a_clear_error(times: int, store: CommandLine, stub: DavStub) -> None:
    """Served by the stub as objects of a calendar nobody reads. Each time all feeds of one connection change."""
    calendar = stub.add_calendar("feeds")
    urls = [f"{calendar}{n}.ics" for n in range(PER_CONNECTION)]
    stub.store(calendar, "0.ics", GOOD_EVENT)
    words = ("connections", "add", "ics-feed", "--user", 1, "--setting", "allow_private_addresses=true")
    store.document(*words, "--credential-file", "-", stdin=json.dumps({"urls": urls}))
    feeds = [c["id"] for c in store.document("calendars", "list") if c["app"] == "ics-feed"]
    assert len(feeds) == PER_CONNECTION
    for feed in feeds:
        store.document("calendars", "select", feed)
    for first in range(0, FEEDS * times, PER_CONNECTION):
        for n in range(1, PER_CONNECTION):
            stub.store(calendar, f"{n}.ics", mutants.calendar_text(first + n))
        told = store("sync", "--connection", 2, "--json")
        assert told.code in (0, 1), told.err
        assert all(f["error"] and f["code"] != "defect" for f in told.document["failed"])
    assert GOOD_TIME[0] in store.document(*GOOD_DAY, code=store(*GOOD_DAY).code)["busy"]
    assert_unharmed(store, stub)


@pytest.mark.parametrize("depth", [500, 900, 990, 2000])
def test_a_delivery_nested_deeply_is_quarantined_or_refused(depth: int, store: CommandLine, stub: DavStub) -> None:
    for field in ("metadata", "responses", "location", "x"):
        body = json.dumps(envelope(EMAIL, "deep")).replace('"uid"', f'"{field}": {"[" * depth + "]" * depth}, "uid"', 1)
        told = store("bookings", "import", "-", "--json", stdin=body)
        assert told.code in (0, 1, 2), told.err
        assert told.document
    assert_unharmed(store, stub)


def test_a_huge_delivery_is_quarantined(store: CommandLine, stub: DavStub) -> None:
    told = store.document(
        "bookings", "import", "-", stdin=json.dumps(envelope(EMAIL, "huge", title="x" * 20_000_000)), code=1
    )
    assert told["quarantined"] == 1
    assert_unharmed(store, stub)


def xml_text(text: str) -> str:
    """Without what XML cannot hold: a server that sent it would send no XML."""
    return "".join(c for c in text if c >= " " or c in "\t\r\n")
