"""Work through threads while the store is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from syncd.engine.pump import PAUSES_S, pump
from syncd.errors import StoreError


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


class Store:
    """Gives out jobs, and is away for some of the turns that bring ends."""

    def __init__(self, *jobs: str, away: int) -> None:
        self._jobs = list(jobs)
        self._away = away
        self.written: list[str] = []

    def turn(self, ends: Sequence[str], free: int) -> Sequence[str]:
        if ends and self._away:
            self._away -= 1
            raise StoreError("The server went away.")
        self.written.extend(ends)
        claimed, self._jobs = self._jobs[:free], self._jobs[free:]
        return claimed


def run(executor: Executor, store: Store, pause: Callable[[float], object]) -> None:
    pump(executor, 2, store.turn, str.upper, pause=pause)


def test_what_was_done_is_written_down_once_the_store_is_back(executor: Executor) -> None:
    store, pauses = Store("a", "b", "c", away=2), list[float]()
    run(executor, store, pauses.append)
    assert sorted(store.written) == ["A", "B", "C"]
    assert pauses == list(PAUSES_S[:2])


def test_a_store_that_stays_away_ends_the_work(executor: Executor) -> None:
    store, pauses = Store("a", away=100), list[float]()
    with pytest.raises(StoreError):
        run(executor, store, pauses.append)
    assert pauses == list(PAUSES_S)


def test_with_nothing_to_lose_a_store_that_is_away_is_told_at_once(executor: Executor) -> None:
    def away(_ends: Sequence[str], _free: int) -> Sequence[str]:
        raise StoreError("The server went away.")

    pauses = list[float]()
    with pytest.raises(StoreError):
        pump(executor, 2, away, str.upper, pause=pauses.append)
    assert pauses == []
