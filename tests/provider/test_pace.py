"""The pace that refusals teach, against a simulated provider: workers, a latency, and a bucket that nobody tells of."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

import pytest

from syncd.provider.pace import Pace

WORKERS = 64
LATENCY_S = 0.05
MOST_WAIT_S = 5.0


@dataclass
class Bucket:
    """A provider that takes `rate` calls a second, and `burst` at once."""

    rate: float
    burst: float
    due: float = 0.0

    def takes(self, now: float) -> bool:
        due = max(self.due, now)
        if due - now > (self.burst - 1) / self.rate:
            return False
        self.due = due + 1 / self.rate
        return True


@dataclass
class Told:
    seconds: float
    refused: int
    pace: float | None


def run(bucket: Bucket, calls: int, *, retry_after_s: float = 1.0, seed: int = 1) -> Told:
    """Make so many calls succeed, from many workers, each refused one once more when it may."""
    drawn, pace, closed = random.Random(seed), Pace(), 0.0
    left, done, refused = calls, 0, 0
    again: list[float] = []
    events = [(0.0, n, "free", 0.0) for n in range(WORKERS)]
    now = 0.0
    while done < calls:
        now, worker, what, sent = heapq.heappop(events)
        if what == "free":
            if again and again[0] <= now:
                heapq.heappop(again)
            elif left:
                left -= 1
            else:
                heapq.heappush(events, (max(now + 0.01, again[0] if again else 0.0), worker, "free", 0.0))
                continue
            what = "ready"
        if what == "ready":
            at = max(now, closed)
            wait = pace.reserve(at, MOST_WAIT_S)
            then = "send" if wait <= MOST_WAIT_S else "ready"
            heapq.heappush(events, (at + min(wait, MOST_WAIT_S), worker, then, 0.0))
        elif what == "send" and now < closed:
            heapq.heappush(events, (closed, worker, "ready", 0.0))
        elif what == "send":
            heapq.heappush(events, (now + LATENCY_S * drawn.uniform(0.45, 0.55), worker, "arrives", now))
        elif what == "arrives":
            answer = "accepted" if bucket.takes(now) else "refused"
            heapq.heappush(events, (now + LATENCY_S / 2, worker, answer, sent))
        else:
            if what == "accepted":
                pace.accepted()
                done += 1
            else:
                refused += 1
                closed = max(closed, now + retry_after_s)
                pace.refused(sent, now, closed)
                heapq.heappush(again, now + retry_after_s + 2 * drawn.random())
            heapq.heappush(events, (now, worker, "free", 0.0))
    return Told(now, refused, pace.rate)


@pytest.mark.parametrize(("rate", "burst", "least"), [(200, 50, 0.95), (50, 10, 0.93), (10, 60, 0.95)])
def test_the_pace_comes_close_to_what_the_provider_takes(rate: float, burst: float, least: float) -> None:
    calls = int(rate * 100)
    told = run(Bucket(rate, burst), calls)
    assert calls / told.seconds / rate >= least
    assert told.refused <= max(0.02 * calls, 2 * WORKERS)


def test_without_refusals_nothing_waits() -> None:
    pace = Pace()
    for n in range(1000):
        assert pace.reserve(n / 1000, 5) == 0
        pace.accepted()
    assert pace.rate is None


def test_refusals_of_calls_sent_before_the_first_are_one_refusal() -> None:
    pace = Pace()
    pace.reserve(0.0, 5)
    for _ in range(50):
        pace.accepted()
    pace.refused(0.05, 0.1, 1.1)
    once = pace.rate
    pace.refused(0.06, 0.11, 1.11)
    assert pace.rate == once


def test_a_provider_that_takes_more_by_now_is_found_out() -> None:
    pace = Pace()
    pace.reserve(0.0, 5)
    pace.accepted()
    pace.refused(0.05, 0.1, 1.0)
    slow = pace.rate
    assert slow is not None
    for second in range(1, 60):
        pace.reserve(float(second), 0.0)
    assert pace.rate is not None
    assert pace.rate > 10 * slow


def test_a_place_that_is_too_far_off_is_not_taken() -> None:
    pace = Pace()
    pace.reserve(0.0, 5)
    pace.accepted()
    pace.refused(0.05, 0.1, 100.0)
    assert pace.reserve(1.0, 5) == 99.0
    assert pace.reserve(1.0, 5) == 99.0
