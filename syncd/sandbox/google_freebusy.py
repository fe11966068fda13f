"""freeBusy: merged busy times of up to 50 calendars, and an error for each that has none to tell.

What is busy: confirmed and tentative events, but neither those declined by the calendar's owner, nor transparent ones,
nor working locations and birthdays, which are transparent by their type.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .google_errors import GoogleError
from .google_list import moment_of
from .google_series import EARLIEST, Span, has_master, instances, is_live, is_master, span
from .google_store import Calendar, Resource

MOST_CALENDARS, MOST_MEMBERS = 50, 100


def window_of(body: Mapping[str, Any], longest: timedelta) -> Span:
    """The interval that is asked for. Raises GoogleError."""
    for name in ("timeMin", "timeMax"):
        if not body.get(name):
            raise GoogleError("required", f"Missing {name} parameter.", location=name)
    asked = Span(moment_of(body, "timeMin", EARLIEST), moment_of(body, "timeMax", EARLIEST))
    if asked.end <= asked.start:
        raise GoogleError("timeRangeEmpty")
    if asked.end - asked.start > longest:
        raise GoogleError("timeRangeTooLong")
    return asked


def limits_of(body: Mapping[str, Any]) -> int:
    """How many calendars may be asked for at once. Raises GoogleError."""
    for name, most in (("calendarExpansionMax", MOST_CALENDARS), ("groupExpansionMax", MOST_MEMBERS)):
        if int(body.get(name) or most) > most:
            raise GoogleError("invalid", f"Invalid value for {name}: at most {most}.", location=name)
    return int(body.get("calendarExpansionMax") or MOST_CALENDARS)


def told(times: list[Span], zone: ZoneInfo) -> list[dict[str, str]]:
    """Busy times as they are sent."""
    return [{"start": _text(t.start, zone), "end": _text(t.end, zone)} for t in times]


def _text(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat().replace("+00:00", "Z")


def failure(reason: str) -> dict[str, Any]:
    """What is told of a calendar whose times are not: note that `busy` is there, and empty."""
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def busy(calendar: Calendar, window: Span) -> list[Span]:
    """The calendar's busy times in the window, cut to it and merged."""
    found: list[Span] = []
    for record in list(calendar.events.values()):
        event = record.now
        if not is_live(event) or has_master(event, calendar):
            continue
        if is_master(event):
            units = instances(event, calendar.exceptions(event["id"]), calendar, window.start, window.end).values()
        else:
            units = {"": event}.values()
        found += [when for unit in units if _blocks(unit) and (when := span(unit, calendar))]
    return _merged([t for t in found if t.meets(window.start, window.end) and t.start < t.end], window)


def _blocks(event: Resource) -> bool:
    declined = any(a.get("self") and a.get("responseStatus") == "declined" for a in event.get("attendees", ()))
    return is_live(event) and event.get("transparency") != "transparent" and not declined


def _merged(times: list[Span], window: Span) -> list[Span]:
    low, high = window.start.astimezone(UTC), window.end.astimezone(UTC)
    merged: list[Span] = []
    for start, end in sorted((max(t.start, low), min(t.end, high)) for t in times):
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(Span(start, end))
    return merged
