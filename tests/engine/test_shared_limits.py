"""Limits that processes on one PostgreSQL database keep together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from given import POSTGRESQL, SQLITE

from syncd.engine.limits import SharedRateLimit, maker_of_limits
from syncd.provider.limits import Priority, RateLimit, priority
from syncd.store import limits
from syncd.store.database import Database
from syncd.store.limits import Standing


@pytest.fixture(params=[POSTGRESQL])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def processes(database_url: str) -> Iterator[list[Database]]:
    opened = [Database(database_url) for _ in range(3)]
    yield opened
    for each in opened:
        each.close()


def taken(limit: SharedRateLimit, most: int) -> int:
    return sum(limit.reserve(0.0) == 0.0 for _ in range(most))


def test_processes_have_one_burst_together(processes: list[Database]) -> None:
    shared = [SharedRateLimit(each, "app", 6) for each in processes]
    assert [taken(limit, 5) for limit in shared] == [1, 0, 0]
    burst = [SharedRateLimit(each, "wide", 600) for each in processes]
    assert 60 <= sum(taken(limit, 100) for limit in burst) <= 75  # a chunk that a moment makes room for


def test_places_cost_a_fraction_of_a_statement(processes: list[Database], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    take = limits.take

    def counted(*arguments: object) -> float:
        asked.append(1)
        return take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(limits, "take", counted)
    limit = SharedRateLimit(processes[0], "app", 6000)
    assert taken(limit, 250) == 250
    assert len(asked) == 10


def test_a_place_that_is_too_far_off_is_not_taken(processes: list[Database]) -> None:
    limit = SharedRateLimit(processes[0], "app", 6)
    assert limit.reserve(1.0) == 0.0
    first = limit.reserve(1.0)
    assert 9 < first <= 10
    assert limit.reserve(1.0) <= first


def test_later_calls_leave_places_to_bookings(processes: list[Database]) -> None:
    backfill, booking = (SharedRateLimit(each, "app", 600) for each in processes[:2])
    with priority(Priority.BACKFILL):
        low = taken(backfill, 100)
    assert 15 <= low <= 40
    assert taken(booking, 100) >= 20


def test_names_have_limits_of_their_own(processes: list[Database]) -> None:
    one, other = (SharedRateLimit(processes[0], name, 6) for name in ("one", "other"))
    assert (taken(one, 3), taken(other, 3)) == (1, 1)
    assert (one.left, other.left) == (0, 0)
    assert SharedRateLimit(processes[0], "new", 6).left == 1


def test_only_a_database_that_can_be_shared_shares_limits(processes: list[Database], tmp_path: object) -> None:
    assert isinstance(maker_of_limits(processes[0])("x", 60), SharedRateLimit)
    alone = Database(f"{SQLITE}:///{tmp_path}/alone.db")
    assert isinstance(maker_of_limits(alone)("x", 60), RateLimit)
    alone.close()


def test_what_a_process_tells_replaces_what_it_told(database: Database, clock: object) -> None:
    now = clock()  # type: ignore[operator]

    def told(left: int) -> Standing:
        return Standing(connection_id=1, app="memory", left=left, waits_until=None, pace=None)

    for owner, left in (("a", 5), ("b", 3), ("a", 4)):
        with database.write() as session:
            limits.show(session, owner, [told(left)], now)
    with database.read() as session:
        assert [(row.owner, row.calls_left) for row in limits.shown(session, now)] == [("b", 3), ("a", 4)]
