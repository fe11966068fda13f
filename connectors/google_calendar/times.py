"""Google's moments: EventDateTime, RFC 3339, and the dates in recurrence lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.model.time import Window

Moment = datetime | date
"""An instant in UTC, or a whole day."""


class UnreadableError(ValueError):
    """A moment of Google's that cannot be read. Says what is wrong, never quotes it."""


def to_second(moment: datetime) -> datetime:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second: Google ignores fractions."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole_seconds(window: Window) -> Window:
    """The window with nothing lost to Google's ignoring fractions of seconds."""
    end = window.end.replace(microsecond=0)
    return Window(window.start.replace(microsecond=0), end if end == window.end else end + timedelta(seconds=1))


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of an IANA name; None where this machine does not know it."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def moment_of(value: Any) -> Moment:
    """What an EventDateTime says. Raises UnreadableError."""
    if not isinstance(value, Mapping):
        raise UnreadableError("a time is missing")
    try:
        if value.get("date"):
            return date.fromisoformat(value["date"])
        at = datetime.fromisoformat(value["dateTime"])
    except (ValueError, TypeError, KeyError):
        raise UnreadableError("a time cannot be read") from None
    if at.tzinfo is None:
        zone = zone_of(str(value.get("timeZone") or ""))
        if zone is None:
            raise UnreadableError("a time names no zone")
        at = at.replace(tzinfo=zone)
    return at.astimezone(UTC)


def instant_of(moment: Moment, zone: ZoneInfo) -> datetime:
    """A moment in UTC; a day begins at midnight in `zone`."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), zone).astimezone(UTC)


def compact(moment: Moment) -> str:
    """A moment as instance ids and recurrence lines have it: 20270407T080000Z, or 20270407."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return moment.strftime("%Y%m%d")
