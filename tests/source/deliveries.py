"""Deliveries as Cal.com sends them: one made here, the demonstration's, and the documentation's where it is present."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from syncd.model.booking import Booking, BookingChange
from syncd.source.calcom import read_delivery

RECEIVED = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOLD = "2026-01-02T08:00:00.000Z"
DOCUMENTATION = Path(__file__).parents[3] / "shared" / "docs" / "calcom-docs.txt"
WEBHOOKS_PAGE = "Source: https://cal.com/docs/developing/guides/automation/webhooks"

PAYLOAD: dict[str, Any] = {
    "uid": "b1",
    "title": "Strategy",
    "startTime": "2026-01-05T09:00:00Z",
    "endTime": "2026-01-05T10:00:00Z",
    "organizer": {"id": 1, "email": "anna@example.com", "name": "Anna", "timeZone": "Europe/Berlin"},
    "attendees": [{"email": "guest@example.org", "name": "Guest", "language": {"locale": "en"}}],
}
API_BOOKING: dict[str, Any] = {
    "id": 7,
    "uid": "b1",
    "status": "accepted",
    "start": "2026-01-05T09:00:00Z",
    "end": "2026-01-05T10:00:00Z",
    "hosts": [{"id": 1, "email": "anna@example.com", "name": "Anna", "timeZone": "Europe/Berlin"}],
    "attendees": [{"email": "guest@example.org", "name": "Guest", "language": "en", "absent": True}],
}


def envelope(trigger: str = "BOOKING_CREATED", **payload: Any) -> dict[str, Any]:
    """A wrapped delivery with `payload` over the plain one."""
    return {"triggerEvent": trigger, "createdAt": TOLD, "payload": PAYLOAD | payload}


def change(body: Any) -> BookingChange:
    """What a delivery that concerns us says."""
    read = read_delivery(body, RECEIVED)
    assert read is not None
    return read


def booking(body: Any) -> Booking:
    """The booking a delivery tells."""
    told = change(body).booking
    assert told is not None
    return told


def samples() -> list[dict[str, Any]]:
    """The demonstration's deliveries."""
    files = sorted(f.name for f in resources.files("syncd.demo.samples").iterdir() if f.name.endswith(".json"))
    return [json.loads(resources.files("syncd.demo.samples").joinpath(name).read_text("utf-8")) for name in files]


def documented() -> list[dict[str, Any]]:
    """Every example delivery of the documentation's page on webhooks; skips where the page is not at hand."""
    if not DOCUMENTATION.is_file():
        pytest.skip(f"Cal.com's documentation is not at {DOCUMENTATION}")
    page = DOCUMENTATION.read_text(encoding="utf-8").split(WEBHOOKS_PAGE, 1)[1].split("\n# ", 1)[0]
    blocks = re.findall(r"```json.*?\n(.*?)```", page, re.DOTALL)
    return [_example(block) for block in blocks if '"triggerEvent"' in block and "{ ... }" not in block]


def _example(block: str) -> dict[str, Any]:
    """An example of the page; where it is not JSON (commas are missing), its trigger alone."""
    try:
        return dict(json.loads(block))
    except json.JSONDecodeError:
        return {"triggerEvent": re.findall(r'"triggerEvent": "(\w+)"', block)[0]}
