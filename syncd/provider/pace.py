"""The pace a provider takes, learned from its refusals.

Theory. A provider that limits is seen as a bucket: it fills at a rate R up to a burst B, each accepted call takes one,
an empty bucket refuses. Neither is told. Until the first refusal calls go at once. At a refusal the bucket is empty, so
the calls accepted since the last refusal, over the time since then, are R, unless the bucket ran over in the pause
between; then they are B more than what flowed in since the pause. The larger of the two is a lower bound of R either
way, and the longer the time, the closer to it. B is at most what was accepted before the first refusal.

An estimate from a short time is tried a tenth above, so that the next refusal comes late enough to tell more; one from
a long time is held a little below. After a while either is raised, ever faster, in case the provider takes more by now.

Calls that were under way when a refusal came in say nothing new: refusals of them are not counted again.
"""

from __future__ import annotations

MEANINGFUL_S = 1.0
"""From this long a time between refusals on, an estimate is held instead of tried above."""

HOLD_S = 60.0
"""How long before a held pace is raised again."""

FIRST_S = 0.12
"""After the first refusal, what was accepted until then is tried once in this time: it was mostly the burst, and a pace
that is too fast is found out sooner than one that is too slow.
"""

TRIED_ABOVE = 1.10
RAISED_PER_S2 = 0.2
"""The pace's growth each second is this times the seconds it has been growing for, at most doubling."""

SLOWEST = 0.2
"""Calls a second that are always allowed: fewer would tell nothing for minutes."""


class Pace:
    """The pace of one account. Times are seconds of one clock. Not locked."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._next = 0.0
        self._accepted = 0
        self._burst: int | None = None
        self._begun: float | None = None
        self._refused_at = float("-inf")
        self._empty = 0.0
        self._grows_from = 0.0
        self._grown = 0.0

    def reserve(self, now: float, max_wait_s: float) -> float:
        """The seconds until a call may go. Its place is taken only when they are at most `max_wait_s`."""
        if self._begun is None:
            self._begun = now
        if self.rate is None:
            return 0.0
        self._grow(now)
        due = max(self._next, now)
        if due - now <= max_wait_s:
            self._next = due + 1 / self.rate
        return due - now

    def accepted(self) -> None:
        """A call was accepted."""
        self._accepted += 1

    def refused(self, sent: float, now: float, again: float) -> None:
        """A call sent at `sent` was refused `now`; none is sent before `again`."""
        if sent < self._refused_at or self._begun is None:
            return
        estimate, hold_s = self._learn(sent)
        self.rate = max(estimate, SLOWEST)
        self._refused_at = now
        self._empty = sent
        self._begun = self._next = again
        self._grows_from = self._grown = again + hold_s
        self._accepted = 0

    def _learn(self, sent: float) -> tuple[float, float]:
        """The pace to go on at, and for how long it is not raised."""
        assert self._begun is not None
        lasted = max(sent - self._begun, 0.01)
        if self._burst is None:
            self._burst = max(self._accepted, 1)
            return self._burst / max(lasted, FIRST_S), 0.0
        estimate = max(self._accepted / max(sent - self._empty, 0.01), (self._accepted - self._burst) / lasted)
        if lasted < MEANINGFUL_S:
            return estimate * TRIED_ABOVE, 0.0
        return estimate * (1 - max(0.005, 3 / max(self._accepted, 4))), HOLD_S

    def _grow(self, now: float) -> None:
        assert self.rate is not None
        if now <= self._grown:
            return
        growing, step = now - self._grows_from, min(now - self._grown, 1.0)
        self._grown = now
        self.rate *= 1 + min(1.0, RAISED_PER_S2 * growing) * step
