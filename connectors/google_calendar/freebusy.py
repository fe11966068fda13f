"""Busy times of many calendars, live, by freeBusy.

A query takes 50 calendars (discovery: calendarExpansionMax) and a range whose limit Google does not document; 90 days
are what clients found to work. A longer window becomes several that touch, and one that is refused as too long is
halved. All queries of one question go out together, as one batch. Inside an answer of 200 each calendar may have an
error of its own, beside times that are then empty: that calendar is unknown, not free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from syncd.errors import ProviderError, RetryError
from syncd.model.busy import BusyTime
from syncd.model.time import Window

from .api import Api, Resource
from .refusals import busy_refusal
from .times import UnreadableError, stamp, whole_seconds

T = TypeVar("T")
Query = tuple[Sequence[str], Window]
"""Calendars, and the window they are asked about."""

MOST_CALENDARS = 50
LONGEST = timedelta(days=90)
SHORTEST = timedelta(days=1)
"""A window is not halved below it."""


def windows(window: Window, longest: timedelta) -> Iterator[Window]:
    """The window in parts of at most `longest`, none of it lost and none of it twice."""
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        yield Window(start, end)
        start = end


def groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in groups of at most `size`."""
    return (items[at : at + size] for at in range(0, len(items), size))


def read_busy(api: Api, calendars: Sequence[str], window: Window) -> dict[str, list[BusyTime] | ProviderError]:
    """When each calendar is busy, or why that is not known.

    Raises:
        ProviderError: what concerns all of them.
    """
    reading = _Reading(calendars)
    parts = list(windows(whole_seconds(window), LONGEST))
    waiting: list[Query] = [(group, part) for group in groups(calendars, MOST_CALENDARS) for part in parts]
    while waiting:
        answers = api.every("free/busy", [_request(api, *query) for query in waiting], safe=True)
        waiting = [half for query, answer in zip(waiting, answers, strict=True) for half in reading.take(query, answer)]
    return reading.told()


def _request(api: Api, calendars: Sequence[str], window: Window) -> Any:
    body = {
        "timeMin": stamp(window.start),
        "timeMax": stamp(window.end),
        "timeZone": "UTC",
        "calendarExpansionMax": MOST_CALENDARS,
        "items": [{"id": calendar} for calendar in calendars],
    }
    return api.freebusy.query(body=body, fields="calendars")


class _Reading:
    """What the answers have told so far."""

    def __init__(self, calendars: Sequence[str]) -> None:
        self._times: dict[str, list[tuple[datetime, datetime]]] = {calendar: [] for calendar in calendars}
        self._errors: dict[str, ProviderError] = {}

    def take(self, query: Query, answer: Resource | ProviderError) -> list[Query]:
        """Take an answer; the queries to be asked instead, where the range was too long."""
        calendars, window = query
        if isinstance(answer, ProviderError):
            length = window.end - window.start
            if answer.code == "range_too_long" and length > SHORTEST:
                return [(calendars, part) for part in windows(window, length / 2 + timedelta(seconds=1))]
            self._errors.update(dict.fromkeys(calendars, answer))
            return []
        told = {name.casefold(): value for name, value in _mapping(answer.get("calendars")).items()}
        for calendar in calendars:
            self._take_one(calendar, _mapping(told.get(calendar.casefold())))
        return []

    def _take_one(self, calendar: str, told: Mapping[str, Any]) -> None:
        errors = told.get("errors")
        if errors:
            self._errors[calendar] = busy_refusal(str(_mapping(errors[0]).get("reason", "")))
            return
        try:
            self._times[calendar] += [(_instant(t["start"]), _instant(t["end"])) for t in told["busy"]]
        except (KeyError, TypeError, ValueError):
            self._errors[calendar] = RetryError("free/busy: Google said nothing about the calendar.", code="no_answer")

    def told(self) -> dict[str, list[BusyTime] | ProviderError]:
        """Each calendar's times, or its error."""
        return {calendar: self._errors.get(calendar) or _joined(times) for calendar, times in self._times.items()}


def _joined(times: list[tuple[datetime, datetime]]) -> list[BusyTime]:
    """In order, and one where a window's end had cut it in two."""
    joined: list[BusyTime] = []
    for start, end in sorted(times):
        if joined and start <= joined[-1].end:
            joined[-1] = BusyTime(joined[-1].start, max(end, joined[-1].end))
        elif start < end:
            joined.append(BusyTime(start, end))
    return joined


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise UnreadableError("a time names no zone")
    return moment.astimezone(UTC)
