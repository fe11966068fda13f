"""A batch is as many requests to the provider as it holds: the guard counts it so."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from syncd.errors import WaitUntilError
from syncd.provider.guard import Guard
from syncd.provider.limits import RateLimit

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def guard(**options: object) -> Guard:
    return Guard("app", 7, clock=lambda: NOW, sleep=lambda _seconds: None, **options)  # type: ignore[arg-type]


def test_each_part_takes_a_place_under_a_limit():
    limit = RateLimit(600, now=lambda: 0.0)  # bursts of 60
    asked = guard(limits=[limit])
    asked.call("POST batch", lambda: None, lambda _cause: None, parts=20)
    assert limit.left == 40


def test_a_batch_that_has_to_wait_too_long_is_put_off():
    limit = RateLimit(10, now=lambda: 0.0)
    with pytest.raises(WaitUntilError) as refused:
        guard(limits=[limit]).call("POST batch", lambda: None, lambda _cause: None, parts=20)
    assert refused.value.code == "own_limit"


def test_a_batch_has_as_many_connections_as_it_has_parts():
    asked = guard(concurrency=4, timeout_s=0.0)

    def in_between() -> list[str]:
        codes = []
        for parts in (1, 2):
            try:
                asked.call("GET", lambda: None, lambda _cause: None, parts=parts)
                codes.append("ok")
            except WaitUntilError as error:
                codes.append(error.code)
        return codes

    assert asked.call("POST batch", in_between, lambda _cause: None, parts=3) == ["ok", "own_limit"]
    assert asked.call("POST batch", in_between, lambda _cause: None, parts=20) == ["own_limit", "own_limit"]
    assert asked.call("POST batch", in_between, lambda _cause: None, parts=2) == ["ok", "ok"]


def test_batches_at_once_never_wait_for_each_other_for_ever():
    asked = guard(concurrency=4, timeout_s=20.0)
    running, most = [0], [0]
    lock = threading.Lock()

    def run() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        with lock:
            running[0] -= 1

    def many() -> None:
        for _ in range(50):
            asked.call("POST batch", run, lambda _cause: None, parts=3)

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert most[0] == 1


def test_a_part_that_was_refused_closes_the_gate():
    asked = guard(max_wait_s=5.0)
    until = NOW + timedelta(seconds=60)
    asked.refused(WaitUntilError("part", retry_at=until))
    with pytest.raises(WaitUntilError) as waited:
        asked.call("GET", lambda: None, lambda _cause: None)
    assert waited.value.retry_at == until
