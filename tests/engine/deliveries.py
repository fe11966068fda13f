"""Cal.com deliveries, made of the demonstration's samples: the real shapes, with the fields a test is about changed."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
TOLD = datetime(2026, 1, 2, 8, tzinfo=UTC)
LENGTH = timedelta(minutes=30)

Body = dict[str, Any]

LEFT_OUT: Any = object()
"""As the value of a field: the delivery does not have it."""


@cache
def _sample_text(name: str) -> str:
    return (resources.files("syncd.demo.samples") / f"{name}.json").read_text(encoding="utf-8")


def sample(name: str) -> Body:
    """A sample delivery as it is."""
    body: Body = json.loads(_sample_text(name))
    return body


def moment(time: datetime) -> str:
    """A time as Cal.com writes it."""
    return time.isoformat().replace("+00:00", "Z")


def delivery(trigger: str, uid: str, told: float, **payload: Any) -> Body:
    """A delivery about booking `uid`, told `told` minutes after the first. `at` (hours) moves it from `START`."""
    body = sample("01-created")
    start = START + timedelta(hours=payload.pop("at", 0))
    fields = {
        "uid": uid,
        "iCalUID": f"{uid}@Cal.com",
        "startTime": moment(start),
        "endTime": moment(start + payload.pop("length", LENGTH)),
        **payload,
    }
    body["triggerEvent"], body["createdAt"] = trigger, moment(TOLD + timedelta(minutes=told))
    body["payload"].update(fields)
    body["payload"] = {k: v for k, v in body["payload"].items() if v is not LEFT_OUT}
    return body


def created(uid: str = "a", told: float = 0, **payload: Any) -> Body:
    return delivery("BOOKING_CREATED", uid, told, **payload)


def requested(uid: str = "a", told: float = 0, **payload: Any) -> Body:
    return delivery("BOOKING_REQUESTED", uid, told, status="PENDING", requiresConfirmation=True, **payload)


def rejected(uid: str = "a", told: float = 10, **payload: Any) -> Body:
    return delivery("BOOKING_REJECTED", uid, told, status="REJECTED", **payload)


def cancelled(uid: str = "a", told: float = 20, **payload: Any) -> Body:
    return delivery("BOOKING_CANCELLED", uid, told, status="CANCELLED", **payload)


def rescheduled(uid: str, replaces: str, told: float = 30, **payload: Any) -> Body:
    """A new booking in place of `replaces`; like Cal.com's own it tells no iCalUID."""
    fields = {"rescheduleUid": replaces, "iCalUID": LEFT_OUT, "iCalSequence": 1, **payload}
    return delivery("BOOKING_RESCHEDULED", uid, told, **fields)


def no_show(uid: str = "a", email: str = "guest@example.org", told: float = 60, absent: bool = True) -> Body:
    body = sample("08-no-show")
    body["createdAt"] = moment(TOLD + timedelta(minutes=told))
    body["payload"] = {"attendees": [{"email": email, "noShow": absent}], "bookingUid": uid, "bookingId": 1}
    return body


def seat(trigger: str, email: str, told: float, uid: str = "a", **payload: Any) -> Body:
    """A telling about one seat of a seated booking."""
    status = "CANCELLED" if trigger == "BOOKING_CANCELLED" else "ACCEPTED"
    people = [{"email": email, "name": email.partition("@")[0], "timeZone": "UTC", "language": {"locale": "en"}}]
    fields = {"attendees": people, "seatsPerTimeSlot": 5, "seatsShowAttendees": True, "status": status, **payload}
    return delivery(trigger, uid, told, **fields)


def named(body: Body, **payload: Any) -> Body:
    """A copy of a delivery with some fields of its payload changed."""
    changed = copy.deepcopy(body)
    changed["payload"].update(payload)
    return changed


def api_booking(uid: str = "a", status: str = "accepted", told: float = 0, at: float = 0, **fields: Any) -> Body:
    """A booking as API v2 lists it."""
    start = START + timedelta(hours=at)
    return {
        "id": 100,
        "uid": uid,
        "title": "Strategy Session",
        "status": status,
        "start": moment(start),
        "end": moment(start + LENGTH),
        "duration": 30,
        "eventTypeId": 123,
        "hosts": [{"id": 1, "name": "Anna Müller", "email": "anna@example.com", "timeZone": "Europe/Berlin"}],
        "attendees": [{"name": "Guest User", "email": "guest@example.org", "timeZone": "UTC", "absent": False}],
        "bookingFieldsResponses": {"name": "Guest User", "email": "guest@example.org"},
        "icsUid": f"{uid}@Cal.com",
        "createdAt": moment(TOLD),
        "updatedAt": moment(TOLD + timedelta(minutes=told)),
        **fields,
    }
