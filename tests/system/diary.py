"""Bookings that are made, moved and cancelled at random, and what a calendar must hold of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from cli.people import MONDAY, envelope

EMAIL = "ada@example.com"
FIXED = ("startTime", "endTime")


class Diary:
    """The scheduling product's side: tells deliveries, and remembers what they add up to."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_
        self._told = 0
        self.starts: dict[str, datetime] = {}
        """Booking uid -> start, of those not cancelled."""
        self.cancelled: set[str] = set()

    def round(self, new: int, moved: int, cancelled: int) -> list[dict[str, Any]]:
        """Deliveries of one round, in random order."""
        known = sorted(self.starts)
        changed = self._random.sample(known, min(len(known), moved + cancelled))
        first = len(self.starts) + len(self.cancelled)
        bodies = [self._created(f"b{first + n}") for n in range(new)]
        bodies += [self._moved(uid) for uid in changed[cancelled:]]
        bodies += [self._cancelled(uid) for uid in changed[:cancelled]]
        self._random.shuffle(bodies)
        return bodies

    @property
    def expected(self) -> list[tuple[str, datetime]]:
        """The events a calendar must hold, as (UID, start)."""
        return sorted((f"{uid}@Cal.com", start) for uid, start in self.starts.items())

    def _created(self, uid: str) -> dict[str, Any]:
        return self._tell(uid, "BOOKING_CREATED", self._slot())

    def _moved(self, uid: str) -> dict[str, Any]:
        return self._tell(uid, "BOOKING_RESCHEDULED", self._slot())

    def _cancelled(self, uid: str) -> dict[str, Any]:
        body = self._tell(uid, "BOOKING_CANCELLED", self.starts[uid])
        del self.starts[uid]
        self.cancelled.add(uid)
        return body

    def _tell(self, uid: str, trigger: str, start: datetime) -> dict[str, Any]:
        self._told += 1
        self.starts[uid] = start
        times = (start, start + timedelta(minutes=30))
        fields = {name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in zip(FIXED, times, strict=True)}
        return envelope(EMAIL, uid, trigger=trigger, told=self._told, **fields)

    def _slot(self) -> datetime:
        return MONDAY + timedelta(minutes=30 * self._random.randrange(1000))


def lines(bodies: Iterable[dict[str, Any]]) -> str:
    """Deliveries as NDJSON."""
    return "\n".join(map(json.dumps, bodies))
