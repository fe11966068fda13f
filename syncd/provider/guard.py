"""The guard: every provider call of a connection passes it.

It applies the connection's concurrency and rate limits before the provider has to, turns whatever the provider's client
raises into an error that says what to do next, repeats a safe read once, and counts and times. It never sees a request
or an answer, so it cannot leak one.

A `WaitUntilError` closes the connection's gate until the time the provider named: calls in that time fail at once
without asking, instead of all asking again together.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from syncd.errors import ProviderError, RetryError, UnclearError, WaitUntilError
from syncd.model.clock import Clock, utc_now

T = TypeVar("T")

Classify = Callable[[Exception], ProviderError | None]
"""A connector's map from its client's exceptions to ours; None for one it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One provider call as observers see it: no user data."""

    app: str
    connection_id: int
    operation: str
    outcome: str
    seconds: float


@dataclass(slots=True)
class Tally:
    """Counts the provider calls made inside one operation."""

    calls: int = 0
    seconds: float = 0.0


_tally: ContextVar[Tally | None] = ContextVar("syncd_tally", default=None)


@contextmanager
def tally() -> Iterator[Tally]:
    """Count the provider calls made by this thread until the block ends; an outer count includes them."""
    outer, counting = _tally.get(), Tally()
    token = _tally.set(counting)
    try:
        yield counting
    finally:
        _tally.reset(token)
        if outer is not None:
            outer.calls += counting.calls
            outer.seconds += counting.seconds


class RateLimit:
    """A generic cell rate limit: `per_minute` calls, with bursts of a tenth of a minute's worth, at least 1."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = self._interval * (max(1, per_minute // 10) - 1)
        self._now = now
        self._due = 0.0
        self._lock = threading.Lock()

    def reserve(self, max_wait_s: float) -> float:
        """The seconds to wait for a place. It is taken only when they are at most `max_wait_s`."""
        with self._lock:
            now = self._now()
            due = max(self._due, now)
            wait = max(0.0, due - self._tolerance - now)
            if wait <= max_wait_s:
                self._due = due + self._interval
            return wait

    @property
    def left(self) -> int:
        """How many calls have a place at once."""
        with self._lock:
            now = self._now()
            return max(0, math.floor((now + self._tolerance - max(self._due, now)) / self._interval) + 1)


class Guard:
    """Limits, classification and counting for one connection. Safe for several threads.

    Args:
        timeout_s: what a connector gives its client as time-out of one request.
        max_wait_s: how long a call may wait for its turn before it is put off by `WaitUntilError` instead.
    """

    def __init__(
        self,
        app: str,
        connection_id: int,
        *,
        concurrency: int = 4,
        requests_per_minute: int | None = None,
        timeout_s: float = 30.0,
        max_wait_s: float = 5.0,
        observe: Callable[[Call], None] = lambda call: None,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.app = app
        self.connection_id = connection_id
        self.timeout_s = timeout_s
        self._max_wait_s = max_wait_s
        self._slots = threading.BoundedSemaphore(concurrency)
        self._rate = RateLimit(requests_per_minute) if requests_per_minute else None
        self._observe = observe
        self._clock = clock
        self._sleep = sleep
        self._closed_until: datetime | None = None

    def call(self, operation: str, run: Callable[[], T], classify: Classify, *, safe: bool = False) -> T:
        """Run one request to the provider.

        `operation` names it for logs and metrics ("PUT event"). `safe` says that repeating it changes nothing: it is
        then repeated once, at once, after passing trouble.

        Raises:
            ProviderError: what `classify` made of the client's exception. An exception it does not know becomes an
                `UnclearError`: for all we know the request went out.
        """
        try:
            return self._attempt(operation, run, classify)
        except WaitUntilError:
            raise
        except RetryError:
            if not safe:
                raise
        return self._attempt(operation, run, classify)

    @property
    def quota_left(self) -> int | None:
        """How many calls may be made at once; None without a limit."""
        closed = self._closed_until is not None and self._closed_until > self._clock()
        if self._rate is None:
            return 0 if closed else None
        return 0 if closed else self._rate.left

    def _attempt(self, operation: str, run: Callable[[], T], classify: Classify) -> T:
        self._wait_for_turn()
        started = time.perf_counter()
        outcome = "ok"
        try:
            return run()
        except Exception as cause:
            error = _classified(cause, classify, operation)
            outcome = error.code
            if isinstance(error, WaitUntilError):
                self._closed_until = max(error.retry_at, self._closed_until or error.retry_at)
            if error is cause:
                raise
            raise error from None  # a client's own texts may quote a request
        finally:
            self._slots.release()
            self._count(operation, outcome, time.perf_counter() - started)

    def _wait_for_turn(self) -> None:
        self._check_gate()
        wait = self._rate.reserve(self._max_wait_s) if self._rate else 0.0
        if wait > self._max_wait_s:
            raise WaitUntilError(
                f"Our own limit for {self.app} is reached.",
                retry_at=self._clock() + timedelta(seconds=wait),
                code="own_limit",
            )
        if wait:
            self._sleep(wait)
        if not self._slots.acquire(timeout=self.timeout_s):
            raise WaitUntilError(
                f"All connections to {self.app} are in use.",
                retry_at=self._clock() + timedelta(seconds=1),
                code="own_limit",
            )

    def _check_gate(self) -> None:
        until = self._closed_until
        if until is None:
            return
        if until > self._clock():
            told = until.isoformat(timespec="seconds")
            raise WaitUntilError(f"{self.app} asked to wait until {told}.", retry_at=until)
        self._closed_until = None

    def _count(self, operation: str, outcome: str, seconds: float) -> None:
        counting = _tally.get()
        if counting is not None:
            counting.calls += 1
            counting.seconds += seconds
        self._observe(
            Call(
                app=self.app,
                connection_id=self.connection_id,
                operation=operation,
                outcome=outcome,
                seconds=seconds,
            )
        )


def _classified(cause: Exception, classify: Classify, operation: str) -> ProviderError:
    if isinstance(cause, ProviderError):
        return cause
    return classify(cause) or UnclearError(
        f"{operation}: unexpected {type(cause).__name__} in the provider's client.", code="client_error"
    )
