"""The guard: every provider call of a connection passes it.

It applies the connection's concurrency and rate limits before the provider has to, turns whatever the provider's client
raises into an error that says what to do next, repeats a safe read once, and counts and times. It never sees a request
or an answer, so it cannot leak one.

A `WaitUntilError` closes the connection's gate until the time the provider named, or, where it named none, for a
back-off that doubles with each refusal in a row. Calls in that time wait for it when it is near, and else fail at once
without asking. Afterwards they go at the pace that the refusals have taught (`pace`), not all together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from syncd.errors import ProviderError, RetryError, UnclearError, WaitUntilError
from syncd.model.clock import Clock, utc_now

from .limits import Limit
from .pace import Pace

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


UNTOLD_WAIT = timedelta(seconds=1)
LONGEST_UNTOLD_WAIT = timedelta(seconds=60)
"""How long to wait after a refusal that names no time: doubled with each refusal in a row."""


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


class Guard:
    """Limits, classification and counting for one connection. Safe for several threads.

    Args:
        limits: what every call takes a place under: the connection's own, and those it shares.
        timeout_s: what a connector gives its client as time-out of one request.
        max_wait_s: how long a call may wait for its turn before it is put off by `WaitUntilError` instead.
    """

    def __init__(
        self,
        app: str,
        connection_id: int,
        *,
        concurrency: int = 4,
        limits: Sequence[Limit] = (),
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
        self._concurrency = concurrency
        self._slots = threading.BoundedSemaphore(concurrency)
        self._gathering = threading.Lock()
        self._limits = tuple(limits)
        self._pace = Pace()
        self._lock = threading.Lock()
        self._refusals = 0
        self._refused_at = datetime.min.replace(tzinfo=UTC)
        self._observe = observe
        self._clock = clock
        self._sleep = sleep
        self._closed_until: datetime | None = None

    def call(
        self, operation: str, run: Callable[[], T], classify: Classify, *, safe: bool = False, parts: int = 1
    ) -> T:
        """Run one request to the provider.

        `operation` names it for logs and metrics ("PUT event"). `safe` says that repeating it changes nothing: it is
        then repeated once, at once, after passing trouble. `parts` is how many requests it is to the provider, which
        counts each of a batch: it takes that many places under every limit, and as many connections as there are.

        Raises:
            ProviderError: what `classify` made of the client's exception. An exception it does not know becomes an
                `UnclearError`: for all we know the request went out.
        """
        try:
            return self._attempt(operation, run, classify, parts)
        except WaitUntilError:
            raise
        except RetryError:
            if not safe:
                raise
        return self._attempt(operation, run, classify, parts)

    def refused(self, error: WaitUntilError) -> None:
        """A part of a batch was refused, though the batch was answered: the gate closes as for a call."""
        self._learn(error, self._clock().timestamp())

    @property
    def quota_left(self) -> int | None:
        """How many calls may be made at once; None without a limit."""
        if self.waits_until is not None:
            return 0
        return min((limit.left for limit in self._limits), default=None)

    @property
    def waits_until(self) -> datetime | None:
        """Until when the provider has asked to wait; None when it does not."""
        until = self._closed_until
        return until if until is not None and until > self._clock() else None

    @property
    def pace(self) -> float | None:
        """Calls a second that the provider's refusals have taught; None while there were none."""
        return self._pace.rate

    def _attempt(self, operation: str, run: Callable[[], T], classify: Classify, parts: int) -> T:
        slots = min(parts, self._concurrency)
        self._wait_for_turn(parts, slots)
        sent, started = self._clock().timestamp(), time.perf_counter()
        outcome = "ok"
        try:
            answer = run()
        except Exception as cause:
            error = _classified(cause, classify, operation)
            outcome = error.code
            self._learn(error, sent)
            if error is cause:
                raise
            raise error from None  # a client's own texts may quote a request
        else:
            self._learn(None, sent, parts)
            return answer
        finally:
            self._slots.release(slots)
            self._count(operation, outcome, time.perf_counter() - started)

    def _learn(self, error: ProviderError | None, sent: float, parts: int = 1) -> None:
        """What an answer teaches about the pace; a refusal closes the gate."""
        with self._lock:
            if not isinstance(error, WaitUntilError):
                for _ in range(parts):
                    self._pace.accepted()
                self._refusals = 0
                return
            now = self._clock()
            if sent >= self._refused_at.timestamp():  # calls that were under way together are refused as one
                self._refusals, self._refused_at = self._refusals + 1, now
            if not error.told:
                doubled = UNTOLD_WAIT * 2 ** min(self._refusals - 1, 10)
                error.retry_at = self._refused_at + min(doubled, LONGEST_UNTOLD_WAIT)
            self._closed_until = max(error.retry_at, self._closed_until or error.retry_at)
            self._pace.refused(sent, now.timestamp(), max(self._closed_until, now).timestamp())

    def _wait_for_turn(self, parts: int, slots: int) -> None:
        """Wait for the gate, then for places under every limit, then for connections to be free."""
        wait = self._gate_wait()
        if wait:
            self._sleep(wait)
        for reserve in (self._paced, *(limit.reserve for limit in self._limits)):
            wait = max(reserve(self._max_wait_s) for _ in range(parts))
            if wait > self._max_wait_s:
                raise WaitUntilError(
                    f"Our own limit for {self.app} is reached.",
                    retry_at=self._clock() + timedelta(seconds=wait),
                    code="own_limit",
                )
            if wait:
                self._sleep(wait)
        if not self._take_slots(slots):
            raise WaitUntilError(
                f"All connections to {self.app} are in use.",
                retry_at=self._clock() + timedelta(seconds=1),
                code="own_limit",
            )

    def _take_slots(self, slots: int) -> bool:
        """Take so many connections. One gathers several at a time: two that each hold half would wait for ever."""
        if slots == 1:
            return self._slots.acquire(timeout=self.timeout_s)
        with self._gathering:
            for taken in range(slots):
                if not self._slots.acquire(timeout=self.timeout_s):
                    if taken:
                        self._slots.release(taken)
                    return False
        return True

    def _paced(self, max_wait_s: float) -> float:
        with self._lock:
            return self._pace.reserve(self._clock().timestamp(), max_wait_s)

    def _gate_wait(self) -> float:
        """The seconds until the gate opens.

        Raises:
            WaitUntilError: they are more than a call may wait.
        """
        until, clock = self._closed_until, self._clock()
        if until is None:
            return 0.0
        if until <= clock:
            self._closed_until = None
            return 0.0
        wait = (until - clock).total_seconds()
        if wait > self._max_wait_s:
            told = until.isoformat(timespec="seconds")
            raise WaitUntilError(f"{self.app} asked to wait until {told}.", retry_at=until)
        return wait

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
