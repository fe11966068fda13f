"""Limits that all processes on one PostgreSQL database keep together.

A process takes places in chunks, so that a call costs a fraction of a statement. Places of a chunk that nobody uses
lapse: the limit errs on the provider's side.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from syncd.provider.limits import HELD_BACK, Limit, RateLimit, burst_of, current_priority
from syncd.store import limits
from syncd.store.database import Database

MOST_IN_CHUNK = 25
LAPSE_S = 2.0


class SharedRateLimit:
    """`per_minute` calls of all processes together, with bursts as `RateLimit` has them."""

    def __init__(
        self, database: Database, name: str, per_minute: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._name = name
        self._interval = 60.0 / per_minute
        self._burst = burst_of(per_minute)
        self._chunk = max(1, min(MOST_IN_CHUNK, self._burst // 4))
        self._now = now
        self._lock = threading.Lock()
        self._have = 0
        self._lapses = 0.0

    def reserve(self, max_wait_s: float) -> float:
        """As `Limit` says."""
        with self._lock:
            if self._have and self._now() < self._lapses:
                self._have -= 1
                return 0.0
            wait = self._take(max_wait_s)
            self._have = self._chunk - 1 if wait <= max_wait_s else 0
            self._lapses = self._now() + wait + LAPSE_S
            return wait

    @property
    def left(self) -> int:
        """How many calls have a place at once."""
        with self._database.read() as session:
            ahead = limits.ahead(session, self._name)
        return max(0, self._burst - math.ceil(ahead / self._interval))

    def _take(self, max_wait_s: float) -> float:
        tolerance = self._interval * (self._burst - self._chunk) * (1 - HELD_BACK[current_priority()])
        with self._database.write() as session:
            ahead = limits.take(session, self._name, self._chunk * self._interval, tolerance + max_wait_s)
        return max(0.0, ahead - tolerance)


def maker_of_limits(database: Database) -> Callable[[str, int], Limit]:
    """How limits are made for this database: in this process alone where no other can share it."""
    if database.is_sqlite:
        return lambda name, per_minute: RateLimit(per_minute)
    return lambda name, per_minute: SharedRateLimit(database, name, per_minute)
