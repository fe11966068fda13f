"""Limits that are kept before the provider has to say so, and whose calls come first under them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import Protocol


class Priority(IntEnum):
    """Whose calls come first when a limit is near: bookings and what a person waits for; then busy times; then reading
    a calendar from its start.
    """

    BOOKING = 0
    BUSY = 1
    BACKFILL = 2


HELD_BACK = {Priority.BOOKING: 0.0, Priority.BUSY: 0.3, Priority.BACKFILL: 0.6}
"""The share of a limit's burst that calls of a priority leave to those before them."""

_priority: ContextVar[Priority] = ContextVar("syncd_priority", default=Priority.BOOKING)


@contextmanager
def priority(of: Priority) -> Iterator[None]:
    """Make the calls of this thread have a priority until the block ends."""
    token = _priority.set(of)
    try:
        yield
    finally:
        _priority.reset(token)


def current_priority() -> Priority:
    """The priority of calls made now."""
    return _priority.get()


class Limit(Protocol):
    """A limit that calls reserve a place under. Safe for several threads."""

    def reserve(self, max_wait_s: float) -> float:
        """The seconds to wait for a place, by the priority of the call. It is taken only when they are at most
        `max_wait_s`.
        """

    @property
    def left(self) -> int:
        """How many calls have a place at once."""


class RateLimit:
    """A generic cell rate limit: `per_minute` calls, with bursts of a tenth of a minute's worth, at least 1."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = self._interval * (burst_of(per_minute) - 1)
        self._now = now
        self._due = 0.0
        self._lock = threading.Lock()

    def reserve(self, max_wait_s: float) -> float:
        """As `Limit` says."""
        tolerance = self._tolerance * (1 - HELD_BACK[current_priority()])
        with self._lock:
            now = self._now()
            due = max(self._due, now)
            wait = max(0.0, due - tolerance - now)
            if wait <= max_wait_s:
                self._due = due + self._interval
            return wait

    @property
    def left(self) -> int:
        """How many calls have a place at once."""
        with self._lock:
            now = self._now()
            return max(0, math.floor((now + self._tolerance - max(self._due, now)) / self._interval) + 1)


def burst_of(per_minute: int) -> int:
    """How many calls of a limit may go at once."""
    return max(1, per_minute // 10)
