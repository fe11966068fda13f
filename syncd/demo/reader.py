"""Reading a CalDAV server as a stranger would: plain requests, no code of the connectors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

from icalendar import Calendar

from .servers import HOST, CalDavServer, ServerError

LISTING = b'<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEvent:
    """An event as a server holds it."""

    uid: str
    summary: str
    start: datetime
    end: datetime
    attendees: tuple[str, ...]
    recurring: bool
    status: str


def read_calendar(server: CalDavServer, user: str, name: str) -> list[FoundEvent]:
    """Every event of a calendar, oldest first. Raises ServerError when the server does not answer as it should."""
    url = server.calendar_url(user, name)
    status, _, body = server.request(user, "PROPFIND", url, LISTING, {"Depth": "1", "Content-Type": "text/xml"})
    if status != 207:
        raise ServerError(f"{server.name} answered PROPFIND with {status}")
    hrefs = [e.text or "" for e in ElementTree.fromstring(body).iter("{DAV:}href")]
    events = []
    for href in hrefs:
        if href.rstrip("/").endswith(name):
            continue
        status, _, data = server.request(user, "GET", f"http://{HOST}:{server.port}{_path(href)}")
        if status == 200:
            events += _events(data)
    return sorted(events, key=lambda e: (e.start, e.uid))


def _path(href: str) -> str:
    return re.sub(r"^https?://[^/]+", "", href)


def _events(data: bytes) -> list[FoundEvent]:
    return [
        FoundEvent(
            uid=str(event["UID"]),
            summary=str(event.get("SUMMARY", "")),
            start=_utc(event.decoded("DTSTART")),
            end=_utc(event.decoded("DTEND")),
            attendees=tuple(sorted(str(a).removeprefix("mailto:") for a in _listed(event.get("ATTENDEE", [])))),
            recurring="RRULE" in event,
            status=str(event.get("STATUS", "")),
        )
        for event in Calendar.from_ical(data).walk("VEVENT")
    ]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _utc(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    raise ServerError("an all-day event where none was expected")
