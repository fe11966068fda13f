"""A person with an account and two calendars at a real CalDAV server, and bookings of theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.demo.reader import FoundEvent, read_calendar
from syncd.demo.servers import CalDavServer

MONDAY = datetime(2027, 3, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    """An account at a server."""

    server: CalDavServer
    login: str

    @property
    def email(self) -> str:
        return f"{self.login}@example.com"

    @property
    def password(self) -> str:
        return self.server.passwords[self.login]

    @property
    def credential(self) -> str:
        """What `connections add` reads."""
        return json.dumps({"url": self.server.url, "username": self.login, "password": self.password})

    def events(self, calendar: str = "work") -> list[FoundEvent]:
        """What the server holds."""
        return read_calendar(self.server, self.login, calendar)


def envelope(
    person: str, uid: str, *, trigger: str = "BOOKING_CREATED", told: int = 0, **changed: Any
) -> dict[str, Any]:
    """A webhook delivery of Cal.com, told `told` minutes after the first."""
    payload = {
        "uid": uid,
        "title": f"Talk {uid}",
        "startTime": _text(MONDAY),
        "endTime": _text(MONDAY + timedelta(minutes=30)),
        "organizer": {"id": 1, "email": person, "name": "Ada", "timeZone": "Europe/Berlin"},
        "attendees": [{"email": "guest@example.org", "name": "Guest", "timeZone": "UTC"}],
        "destinationCalendar": None,
        "iCalUID": f"{uid}@Cal.com",
        "status": "ACCEPTED",
        **changed,
    }
    created = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=told)
    return {"triggerEvent": trigger, "createdAt": _text(created), "payload": payload}


def api_booking(person: str, uid: str, **changed: Any) -> dict[str, Any]:
    """A booking as API v2 lists it."""
    return {
        "uid": uid,
        "title": f"Talk {uid}",
        "status": "accepted",
        "start": _text(MONDAY + timedelta(hours=2)),
        "end": _text(MONDAY + timedelta(hours=3)),
        "hosts": [{"id": 1, "email": person, "name": "Ada", "timeZone": "Europe/Berlin"}],
        "attendees": [{"email": "guest@example.org", "name": "Guest", "timeZone": "UTC"}],
        "createdAt": "2026-01-02T00:00:00Z",
        **changed,
    }


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
