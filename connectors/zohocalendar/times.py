"""Zoho Calendar's times, and windows as it takes them. Pure.

In: UTC as `20260302T100000Z`, with the name of a zone beside it; days as `20260302`. Out: local times with an offset or
without, in the zone that is named beside them; days (facts: zoho-calendar, `time`). Only an event's own times are ever
read: `createdtime` and its like may lack minutes and seconds (`20170713T10Z`).

An all-day event ends on the day after its last. That is not documented; where Zoho tells a `duration` as well, the
longer of both counts, so that no day is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.model.time import Window

Json = Mapping[str, Any]

Moment = datetime | date
"""An instant in UTC, or a whole day."""

DAY = timedelta(days=1)
LONGEST = timedelta(days=31)
"""What a range of events may span at most (facts: zoho-calendar, event_list)."""

_TEXT = re.compile(r"(\d{8})(?:T(\d{6})(Z|[+-]\d{4})?|Z)?")


class UnreadableError(ValueError):
    """A time of Zoho's that cannot be read. Says what is wrong, never quotes it."""


class Span(NamedTuple):
    """When an event is, and the name of the zone it is shown in. The end is exclusive."""

    start: Moment
    end: Moment
    zone: str


def zone_of(name: str) -> tzinfo | None:
    """The zone of an IANA name; None where this machine does not know it."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def to_second(moment: datetime) -> datetime:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).replace(microsecond=0)


def text_of(moment: Moment) -> str:
    """A moment as Zoho takes it."""
    if isinstance(moment, datetime):
        return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{moment:%Y%m%d}"


def moment_of(text: Any, zone: str) -> Moment:
    """A moment as Zoho tells it; a local time without offset is in `zone`. Raises UnreadableError."""
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UnreadableError("a time is missing or cannot be read")
    day, clock, offset = found.groups()
    try:
        if clock is None:
            return date.fromisoformat(day)
        if offset:
            return datetime.strptime(f"{day}{clock}{offset}", "%Y%m%d%H%M%S%z").astimezone(UTC)
        local = datetime.fromisoformat(f"{day}T{clock}")
    except ValueError:
        raise UnreadableError("a time cannot be read") from None
    known = zone_of(zone)
    if known is None:
        raise UnreadableError("a time has no offset, and its zone is unknown")
    return local.replace(tzinfo=known).astimezone(UTC)


def span_of(item: Json, zone: str) -> Span:
    """When an event is; `zone` is the calendar's. Raises UnreadableError."""
    told = item.get("dateandtime")
    times: Json = told if isinstance(told, Mapping) else {}
    named = times.get("timezone")
    own = named if isinstance(named, str) and named else zone
    start = moment_of(times.get("start") or item.get("start"), own)
    end = moment_of(times.get("end") or item.get("end"), own)
    if item.get("isallday") or not (isinstance(start, datetime) and isinstance(end, datetime)):
        first, last = (_day(moment, own) for moment in (start, end))
        return Span(first, max(last, first + max(_duration(item), DAY)), own)
    return Span(start, end, own)


def _day(moment: Moment, zone: str) -> date:
    return moment.astimezone(zone_of(zone) or UTC).date() if isinstance(moment, datetime) else moment


def _duration(item: Json) -> timedelta:
    """Told in milliseconds, as a number or as text."""
    told = item.get("duration")
    if isinstance(told, bool) or not isinstance(told, int | str) or not str(told).isdecimal() or len(str(told)) > 13:
        return timedelta()
    return timedelta(milliseconds=int(told))


def instant(moment: Moment, zone: str) -> datetime:
    """A moment in UTC; a day begins at midnight in `zone`."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), zone_of(zone) or UTC).astimezone(UTC)


def whole_seconds(window: Window) -> Window:
    """The window with nothing lost to Zoho's times being seconds."""
    start, end = window.start.replace(microsecond=0), window.end.replace(microsecond=0)
    return Window(start, end if end == window.end else end + timedelta(seconds=1))


def pieces(window: Window, longest: timedelta = LONGEST) -> Iterator[Window]:
    """The window in pieces of at most `longest`, without gap or overlap."""
    whole = whole_seconds(window)
    start = whole.start
    while start < whole.end:
        end = min(start + longest, whole.end)
        yield Window(start, end)
        start = end
