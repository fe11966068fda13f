"""When a failed operation is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    ReconnectError,
    RefusedError,
    RepairError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.rules.retry import GAVE_UP, Decision, RetryPolicy, back_off_ceiling, decide

from .made import NOON, at

POLICY = RetryPolicy()
DRAWS = st.floats(0, 1, exclude_max=True)
PASSING = [RetryError("down"), UnclearError("lost"), ConflictError("changed")]
FINAL = [
    NotFoundError("gone"),
    ForbiddenError("not yours"),
    RefusedError("no"),
    RepairError("fields", fields=("url",)),
    ProviderError("anything else"),
]


def decision(
    error: ProviderError, *, attempts: int = 1, draw: float = 0.5, since: timedelta = timedelta(0)
) -> Decision:
    return decide(error, attempts=attempts, first_failed_at=NOON - since, now=NOON, draw=draw, policy=POLICY)


@pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
@given(attempts=st.integers(1, 10_000), draw=DRAWS)
def test_the_wait_is_drawn_between_zero_and_the_ceiling(error: ProviderError, attempts: int, draw: float) -> None:
    made = decision(error, attempts=attempts, draw=draw)
    assert made.at is not None
    assert NOON <= made.at <= NOON + back_off_ceiling(attempts, POLICY)
    assert made.counts
    assert made.code == error.code


def test_the_whole_range_up_to_the_ceiling_is_drawn_from() -> None:
    ceiling = back_off_ceiling(3, POLICY)
    assert [decision(PASSING[0], attempts=3, draw=d).at for d in (0, 0.5)] == [NOON, NOON + ceiling / 2]


@given(st.integers(0, 10_000))
def test_the_ceiling_never_falls_and_never_exceeds_the_longest_wait(attempts: int) -> None:
    assert back_off_ceiling(attempts, POLICY) <= back_off_ceiling(attempts + 1, POLICY) <= POLICY.cap


def test_the_ceiling_doubles_with_each_failure_until_the_longest_wait() -> None:
    seconds = [back_off_ceiling(n, POLICY).total_seconds() for n in (1, 2, 3, 8, 9)]
    assert seconds == [4, 8, 16, 512, 900]


@given(minutes=st.integers(-600, 600), draw=DRAWS, attempts=st.integers(0, 1000))
def test_a_named_time_is_kept_a_little_spread_and_costs_no_attempt(minutes: int, draw: float, attempts: int) -> None:
    made = decision(WaitUntilError("slow down", retry_at=at(minutes)), attempts=attempts, draw=draw)
    earliest = max(at(minutes), NOON)
    assert made.at is not None
    assert earliest <= made.at <= earliest + POLICY.spread
    assert not made.counts


def test_waiting_as_told_never_gives_up() -> None:
    assert decision(WaitUntilError("slow down", retry_at=at(1)), since=timedelta(days=365)).at is not None


@pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
def test_a_write_is_given_up_once_it_failed_for_too_long(error: ProviderError) -> None:
    just_before = POLICY.give_up_after - timedelta(microseconds=1)
    assert decision(error, since=just_before).at is not None
    assert decision(error, since=POLICY.give_up_after) == Decision(at=None, code=error.code, remedy=GAVE_UP)


@pytest.mark.parametrize("error", FINAL, ids=lambda e: type(e).__name__)
def test_what_no_repeat_can_mend_stops_with_the_errors_own_advice(error: ProviderError) -> None:
    assert decision(error) == Decision(at=None, code=error.code, remedy=error.remedy)


def test_a_refused_credential_stops_the_connection_and_leaves_the_write_wanted() -> None:
    error = ReconnectError("revoked")
    made = decision(error, since=timedelta(days=365))
    assert made == Decision(at=NOON, code=error.code, remedy=error.remedy, counts=False, connection_broken=True)
