"""VTIMEZONE as text for the years an event needs, cached: one zone is written into thousands of events.

Each change of offset is written as the zone's own data has it, with an onset in the local time before the change
(RFC 5545 section 3.6.5); icalendar 7.3's generator writes the time after it, an hour off on the day summer time
starts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from .content import Component

Transition = tuple[datetime, timedelta, timedelta, str, bool]
"""When (local, before), offset before, offset after, name after, whether summer time."""

_STEP = timedelta(days=7)  # no zone changes its offset twice in a week and back, so none is missed


@lru_cache(maxsize=512)
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA zone, or None when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=256)
def vtimezone(name: str, first_year: int, last_year: int) -> Component:
    """The VTIMEZONE of IANA zone `name`, right for those years. It is shared: do not change it."""
    zone = ZoneInfo(name)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    transitions = _transitions(zone, start, datetime(last_year + 1, 1, 1, tzinfo=UTC))
    before = start.astimezone(zone)
    offset = before.utcoffset() or timedelta()
    initial: Transition = (before.replace(tzinfo=None), offset, offset, before.tzname() or name, bool(before.dst()))
    kinds = sorted({t[1:] for t in transitions}, key=repr)
    observances = [_observance(initial[1:], [initial[0]])]
    observances += [_observance(kind, [t[0] for t in transitions if t[1:] == kind]) for kind in kinds]
    return Component("VTIMEZONE", [f"TZID:{name}"], observances)


def _transitions(zone: ZoneInfo, start: datetime, end: datetime) -> list[Transition]:
    found = []
    at = start
    while at < end:
        after = at + _STEP
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            found.append(_between(zone, at, after))
        at = after
    return found


def _between(zone: ZoneInfo, low: datetime, high: datetime) -> Transition:
    """The one change of offset in (low, high], to the second."""
    before = low.astimezone(zone).utcoffset() or timedelta()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    after = high.astimezone(zone)
    offset = after.utcoffset() or timedelta()
    return (high + before).replace(tzinfo=None), before, offset, after.tzname() or "", bool(after.dst())


def _observance(kind: tuple[timedelta, timedelta, str, bool], onsets: list[datetime]) -> Component:
    offset_from, offset_to, name, summer = kind
    lines = [
        f"DTSTART:{onsets[0]:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(offset_from)}",
        f"TZOFFSETTO:{_offset(offset_to)}",
        f"TZNAME:{name}",
    ]
    if len(onsets) > 1:
        lines.append("RDATE:" + ",".join(f"{onset:%Y%m%dT%H%M%S}" for onset in onsets[1:]))
    return Component("DAYLIGHT" if summer else "STANDARD", lines)


def _offset(offset: timedelta) -> str:
    seconds = round(offset.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02}{minutes:02}" + (f"{rest:02}" if rest else "")
