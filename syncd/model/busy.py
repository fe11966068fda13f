"""Busy times, and answers about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .time import Window


class BusyKind(StrEnum):
    """Why someone is not free, in iCalendar's FBTYPE spirit. FREE never becomes a busy time."""

    BUSY = "busy"
    TENTATIVE = "tentative"
    OUT_OF_OFFICE = "out-of-office"
    TRAVEL = "travel"


class BusyTime(NamedTuple):
    """Someone is not free in [start, end), aware UTC, start < end.

    `uid` is the iCalendar UID (or the provider's event id) of what makes them busy, so that the booking being moved can
    be left out; "" when the provider does not say. A named tuple, not a dataclass: feeds make tens of thousands.
    """

    start: datetime
    end: datetime
    kind: BusyKind = BusyKind.BUSY
    uid: str = ""


class BusyPolicy(StrEnum):
    """What a calendar that cannot be read means for its owner."""

    BLOCK = "block"
    LAST_KNOWN = "last-known"
    IGNORE = "ignore"


class BusyState(StrEnum):
    """How good what we know of one calendar is."""

    FRESH = "fresh"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarAnswer:
    """What one calendar contributes to a busy answer.

    `as_of` is when the times were last known true (None: never); `coverage` the window they are known for; `policy` the
    policy that was applied because the calendar could not be read, None when it could. `live` says that the provider
    was asked for this answer.
    """

    calendar_id: int
    name: str
    app: str
    connection_id: int
    state: BusyState
    times: tuple[BusyTime, ...]
    as_of: datetime | None
    coverage: Window | None
    policy: BusyPolicy | None = None
    error: str = ""
    remedy: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyAnswer:
    """When a user is busy inside exactly `window`: merged, clipped, half-open; with what each calendar said."""

    window: Window
    busy: tuple[tuple[datetime, datetime], ...]
    calendars: tuple[CalendarAnswer, ...]

    @property
    def complete(self) -> bool:
        """Whether every calendar was readable."""
        return all(c.state is not BusyState.FAILED for c in self.calendars)
