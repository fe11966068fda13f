"""An engine set up to be measured: a store, users with connections, and bookings told by Cal.com's webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from syncd.connector.registry import Registry
from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.settings import Settings
from syncd.store import directory, inbox
from syncd.store.inbox import Arrival
from syncd.vault import generate_key, parse_keys

CALDAV = "caldav-calendar"
LOGIN = {"username": "ada", "password": "stub-pass"}
IN_FLIGHT = 16
FIRST_START = datetime(2027, 1, 4, 8, tzinfo=UTC)
FIRST_TOLD = datetime(2026, 1, 3, tzinfo=UTC)


@contextmanager
def engine(*, registry: Registry | None = None, database_url: str = "") -> Iterator[Runtime]:
    """An engine on an empty store: SQLite in a folder of its own, or the database named."""
    with TemporaryDirectory(prefix="syncd-bench-") as folder:
        values = {
            "database_url": database_url or f"sqlite:///{folder}/syncd.db",
            "apps": {} if registry else {CALDAV: {"concurrency": IN_FLIGHT}},
        }
        ring = parse_keys(generate_key("bench").line() + "\n", "bench")
        runtime = Runtime(Settings.model_validate(values), ring, registry=registry)
        try:
            runtime.upgrade()
            yield runtime
        finally:
            runtime.close()


def connect(runtime: Runtime, user_id: int, credential: dict[str, Any], app: str = CALDAV) -> int:
    """A user with one connection; its id."""
    with runtime.database.write() as session:
        directory.add_user(session, user_id, email_of(user_id), utc_now(), zone="Europe/Berlin")
    return runtime.accounts.add(user_id, app, credential, {}).connection_id


def choose(runtime: Runtime, user_id: int, names: list[str], *, destination: bool = False) -> None:
    """Select the user's calendars with these ids, no others; the first becomes the destination."""
    with runtime.database.write() as session:
        for calendar, _ in directory.listed_calendars(session, user_id=user_id):
            directory.select_calendar(session, calendar, calendar.external_id in names, utc_now())
            if destination and calendar.external_id == names[0]:
                directory.set_destination(session, calendar, user_id=user_id)


def email_of(user_id: int) -> str:
    """A user's address."""
    return f"user-{user_id}@example.com"


def deliveries(count: int, users: int = 1, *, first: int = 0, bookings: int = 0) -> list[Arrival]:
    """BOOKING_CREATED deliveries, the users taking turns: each of another booking from number `first` on, or of
    `bookings` in turn, told again under another title each time.
    """
    sample = resources.files("syncd.demo.samples").joinpath("01-created.json").read_text(encoding="utf-8")
    told = []
    for n in range(first, first + count):
        body = _told(json.loads(sample), n % bookings if bookings else n, 1 + n % users)
        if bookings:
            body["createdAt"] = (FIRST_TOLD + timedelta(seconds=n)).isoformat()
            body["payload"]["title"] = f"Told {n // bookings}"
        told.append(Arrival(source="bench", body=body))
    return told


def _told(body: dict[str, Any], n: int, user_id: int) -> dict[str, Any]:
    payload = body["payload"]
    start = FIRST_START + timedelta(minutes=30 * n)
    payload["uid"], payload["iCalUID"], payload["bookingId"] = f"bench{n:08}", f"bench{n:08}@Cal.com", n + 1
    payload["startTime"] = start.isoformat().replace("+00:00", "Z")
    payload["endTime"] = (start + timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    payload["organizer"] |= {"id": user_id, "email": email_of(user_id)}
    return body


def tell(runtime: Runtime, arrivals: list[Arrival]) -> None:
    """Put deliveries into the inbox and take them in."""
    with runtime.database.write() as session:
        inbox.put(session, arrivals, utc_now())
    runtime.intake.take_in()


def database_file(runtime: Runtime) -> Path:
    """The file of a SQLite store."""
    return Path(runtime.database.engine.url.database or "")
