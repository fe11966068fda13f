"""Names that tests share with the fixtures of conftest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from syncd.engine.runtime import Runtime

SQLITE, POSTGRESQL = "sqlite", "postgresql"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
"""When tests begin: Friday, before the week the sample bookings are in."""

OpenRuntime = Callable[..., Runtime]


class SettableClock:
    """A `Clock` that stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        """Move it on by `timedelta(**span)`."""
        self.now += timedelta(**span)
        return self.now
