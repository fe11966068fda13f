"""iCalendar values as text: DATE, DATE-TIME, DURATION (RFC 5545 section 3.3), without zones.

`datetime.fromisoformat` reads the basic format, and much that RFC 5545 does not allow (weeks, fractions, offsets), so
the shape of the text is checked before.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

DAY = timedelta(days=1)
_SHOWN = 40  # characters of a bad value that a message repeats
_DURATION = re.compile(r"([+-]?)P(?:(\d{1,7})W)?(?:(\d{1,7})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?")


class UnreadableError(ValueError):
    """A value of one event cannot be understood. Never leaves the package: it becomes an ItemProblem."""


def shown(text: str) -> str:
    """`text` quoted for a message, shortened: values come from strangers."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


class Stamp(NamedTuple):
    """A DATE or DATE-TIME as written. `zone` is None for a date (then at midnight) and for a floating time."""

    local: datetime
    zone: tzinfo | None
    is_date: bool = False

    def instant(self, floating: tzinfo) -> datetime:
        """The moment in UTC, a date or floating time being in the zone `floating`."""
        return to_utc(self.local, self.zone or floating)


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """Wall-clock `local` of `zone` as UTC.

    A time in a DST gap counts with the offset before the gap, a repeated time is its first occurrence (RFC 5545 section
    3.3.5). That is what fold 0 means to zoneinfo (PEP 495) and to our embedded zones.
    """
    return local.replace(tzinfo=zone).astimezone(UTC)


class Clock(NamedTuple):
    """The parts of a DATE or DATE-TIME value."""

    local: datetime
    is_date: bool
    is_utc: bool


def parse_clock(value: str) -> Clock:
    """`20260105`, `20260105T090000` or `20260105T090000Z`. Raises UnreadableError."""
    date, time, zulu = value[:8], value[8:15], value[15:]
    if date.isdigit() and (not time or (time[0] == "T" and time[1:].isdigit() and zulu in ("", "Z"))):
        try:
            return Clock(datetime.fromisoformat(date + time), not time, bool(zulu))
        except ValueError:
            pass
    raise UnreadableError(f"not a date or date-time: {shown(value)}")


class Length(NamedTuple):
    """How long something lasts: whole days by the calendar, then exact time (RFC 5545 section 3.3.6)."""

    days: int
    exact: timedelta


@lru_cache(maxsize=1024)
def parse_duration(value: str) -> Length:
    """`PT1H30M`, `P1W`, `-P1DT2H`. Raises UnreadableError."""
    match = _DURATION.fullmatch(value)
    if match is None or value[-1] in "PT":
        raise UnreadableError(f"not a duration: {shown(value)}")
    sign = -1 if match[1] == "-" else 1
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups()[1:])
    exact = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return Length(sign * (weeks * 7 + days), sign * exact)
