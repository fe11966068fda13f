"""When a failed operation is tried again: one decision, from the error, how often it failed, and a random draw.

Full-jitter exponential back-off: the wait is drawn evenly from zero to `base * 2^attempts`, at most `cap`. A time the
provider named is kept, spread a little so that those who wait do not all come at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.errors import (
    ConflictError,
    ProviderError,
    ReconnectError,
    RetryError,
    WaitUntilError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patient the engine is. `give_up_after` counts from the first failure of the same write."""

    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=15)
    give_up_after: timedelta = timedelta(hours=72)
    spread: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do: try again `at`, or stop (`at` None) because of `code`, with `remedy`. `counts` as an attempt.

    `connection_broken` stops the whole connection until a person reconnects it; the write itself stays wanted.
    """

    at: datetime | None
    code: str
    remedy: str = ""
    counts: bool = True
    connection_broken: bool = False


GAVE_UP = "Look at the provider's status; then: syncd bookings retry UID"


def decide(
    error: ProviderError,
    *,
    attempts: int,
    first_failed_at: datetime,
    now: datetime,
    draw: float,
    policy: RetryPolicy,
) -> Decision:
    """What follows `error`. `attempts` counts the failures so far, this one included; `draw` is uniform in [0, 1)."""
    if isinstance(error, ReconnectError):
        return Decision(at=now, code=error.code, remedy=error.remedy, counts=False, connection_broken=True)
    if isinstance(error, WaitUntilError):
        return Decision(at=max(error.retry_at, now) + draw * policy.spread, code=error.code, counts=False)
    if isinstance(error, (RetryError, ConflictError)):
        return _back_off(error, attempts, first_failed_at, now, draw, policy)
    return Decision(at=None, code=error.code, remedy=error.remedy)


def _back_off(
    error: ProviderError, attempts: int, first_failed_at: datetime, now: datetime, draw: float, policy: RetryPolicy
) -> Decision:
    if now - first_failed_at >= policy.give_up_after:
        return Decision(at=None, code=error.code, remedy=GAVE_UP)
    return Decision(at=now + draw * back_off_ceiling(attempts, policy), code=error.code, remedy=error.remedy)


def back_off_ceiling(attempts: int, policy: RetryPolicy) -> timedelta:
    """The longest wait after `attempts` failures."""
    return min(policy.cap, policy.base * (1 << min(attempts, 20)))
