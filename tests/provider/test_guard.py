"""What the guard promises each provider call: its turn, its error class, its one repeat, its count."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.errors import (
    NotFoundError,
    ProviderError,
    ReconnectError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.provider.guard import Call, Guard, tally
from syncd.provider.limits import Priority, RateLimit, priority

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
SECRET = "token-8f3a91"


class World:
    """A clock that only sleeping moves, and what the guard did with it."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []
        self.seen: list[Call] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def guard(self, **options: Any) -> Guard:
        return Guard(
            "app",
            7,
            observe=self.seen.append,
            clock=lambda: self.now,
            sleep=self.sleep,
            **options,
        )

    def limit(self, per_minute: int) -> RateLimit:
        return RateLimit(per_minute, now=lambda: (self.now - NOW).total_seconds())


class Provider:
    """Answers each call with the next of `answers`: a value, or an exception to raise."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self) -> object:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def unknown(_cause: Exception) -> ProviderError | None:
    return None


def wait(seconds: int) -> WaitUntilError:
    return WaitUntilError("wait", retry_at=NOW + timedelta(seconds=seconds))


@pytest.fixture
def world() -> World:
    return World()


# --- repeats --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [RetryError("x"), UnclearError("x"), ValueError("unknown to the connector")])
def test_a_safe_read_is_repeated_once_after_passing_trouble(world: World, first: Exception) -> None:
    provider = Provider(first, "answer")
    assert world.guard().call("GET x", provider, unknown, safe=True) == "answer"
    assert provider.calls == 2


def test_a_safe_read_is_not_repeated_twice(world: World) -> None:
    provider = Provider(RetryError("one"), RetryError("two"), "answer")
    with pytest.raises(RetryError, match="two"):
        world.guard().call("GET x", provider, unknown, safe=True)
    assert provider.calls == 2


@pytest.mark.parametrize("error", [RetryError("x"), UnclearError("x")])
def test_a_write_is_never_repeated(world: World, error: Exception) -> None:
    provider = Provider(error, "answer")
    with pytest.raises(RetryError):
        world.guard().call("PUT x", provider, unknown)
    assert provider.calls == 1


@pytest.mark.parametrize("error", [wait(60), wait(0), ReconnectError("x"), NotFoundError("x")])
def test_what_no_repeat_can_mend_is_not_repeated(world: World, error: Exception) -> None:
    provider = Provider(error, "answer")
    with pytest.raises(type(error)):
        world.guard().call("GET x", provider, unknown, safe=True)
    assert provider.calls == 1


# --- the gate -------------------------------------------------------------------------------------------------------


def test_after_a_provider_named_a_time_nobody_asks_it_before(world: World) -> None:
    guard = world.guard()
    with pytest.raises(WaitUntilError):
        guard.call("GET x", Provider(wait(60)), unknown)
    provider = Provider("answer")
    world.now = NOW + timedelta(seconds=50)
    with pytest.raises(WaitUntilError) as caught:
        guard.call("GET x", provider, unknown)
    assert caught.value.retry_at == NOW + timedelta(seconds=60)
    assert provider.calls == 0
    world.now = NOW + timedelta(seconds=60)
    assert guard.call("GET x", provider, unknown) == "answer"


def test_a_call_waits_at_a_gate_that_opens_soon(world: World) -> None:
    guard = world.guard(max_wait_s=5)
    with pytest.raises(WaitUntilError):
        guard.call("GET x", Provider(wait(3)), unknown)
    assert guard.call("GET x", Provider("answer"), unknown) == "answer"
    assert world.slept[0] == 3


def test_a_refusal_without_a_time_waits_twice_as_long_each_time_until_a_call_is_accepted(world: World) -> None:
    guard = world.guard(max_wait_s=60)
    waits = []
    for answer in ("no", "no", "no", "yes", "no"):
        refusal = WaitUntilError("slow down", retry_at=NOW, told=False)
        try:
            guard.call("GET x", Provider(refusal if answer == "no" else answer), unknown)
        except WaitUntilError as error:
            waits.append((error.retry_at - world.now).total_seconds())
            world.now = error.retry_at + timedelta(seconds=10)
    assert waits == [1, 2, 4, 1]


def test_after_a_refusal_calls_go_at_a_pace(world: World) -> None:
    guard = world.guard(max_wait_s=10)
    paces = [guard.pace]
    for _ in range(6):
        guard.call("GET x", Provider("answer"), unknown)
    with pytest.raises(WaitUntilError):
        guard.call("GET x", Provider(wait(1)), unknown)
    paces.append(guard.pace)
    assert [pace is None for pace in paces] == [True, False]
    world.now += timedelta(seconds=1)
    world.slept.clear()
    for _ in range(3):
        guard.call("GET x", Provider("answer"), unknown)
    assert len(world.slept) == 2


def test_a_gate_closes_for_its_own_connection_only(world: World) -> None:
    with pytest.raises(WaitUntilError):
        world.guard().call("GET x", Provider(wait(60)), unknown)
    assert world.guard().call("GET x", Provider("answer"), unknown) == "answer"


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_rate_limit_lets_a_tenth_of_a_minute_through_at_once_then_spaces() -> None:
    clock = [1000.0]
    rate = RateLimit(60, now=lambda: clock[0])
    assert [rate.reserve(60) for _ in range(8)] == [0, 0, 0, 0, 0, 0, 1, 2]
    clock[0] += 3600
    assert [rate.reserve(60) for _ in range(7)] == [0, 0, 0, 0, 0, 0, 1]


def test_a_rate_limit_below_ten_a_minute_has_no_burst() -> None:
    rate = RateLimit(6, now=lambda: 0.0)
    assert [rate.reserve(60) for _ in range(3)] == [0, 10, 20]


def test_what_is_left_is_what_has_a_place_at_once() -> None:
    clock = [1000.0]
    rate = RateLimit(60, now=lambda: clock[0])
    assert rate.left == 6
    for left in (5, 4, 3, 2, 1, 0, 0):
        rate.reserve(60)
        assert rate.left == left
    clock[0] += 1.5
    assert rate.left == 0
    clock[0] += 0.5
    assert rate.left == 1
    assert RateLimit(6, now=lambda: 0.0).left == 1


def test_a_place_that_is_too_far_off_is_not_taken() -> None:
    rate = RateLimit(6, now=lambda: 0.0)
    assert [rate.reserve(5) for _ in range(4)] == [0, 10, 10, 10]


def test_a_call_waits_for_its_turn_when_that_is_near(world: World) -> None:
    guard = world.guard(limits=[world.limit(20)], max_wait_s=5)
    for _ in range(3):
        guard.call("GET x", Provider("answer"), unknown)
    assert len(world.slept) == 1
    assert 0 < world.slept[0] <= 3


def test_a_call_whose_turn_is_far_is_put_off_without_asking(world: World) -> None:
    guard = world.guard(limits=[world.limit(6)], max_wait_s=5)
    guard.call("GET x", Provider("answer"), unknown)
    provider = Provider("answer")
    with pytest.raises(WaitUntilError) as caught:
        guard.call("GET x", provider, unknown)
    assert caught.value.code == "own_limit"
    assert NOW + timedelta(seconds=5) < caught.value.retry_at <= NOW + timedelta(seconds=10)
    assert (provider.calls, world.slept) == (0, [])


def test_a_limit_that_is_shared_holds_for_all_that_share_it(world: World) -> None:
    shared = world.limit(6)
    first, second = (world.guard(limits=[shared], max_wait_s=5) for _ in range(2))
    first.call("GET x", Provider("answer"), unknown)
    with pytest.raises(WaitUntilError, match="Our own limit"):
        second.call("GET x", Provider("answer"), unknown)


def test_calls_that_come_later_leave_places_to_those_before_them() -> None:
    rate = RateLimit(640, now=lambda: 0.0)  # 64 at once

    def taken(by: Priority) -> int:
        with priority(by):
            return sum(rate.reserve(0.0) == 0 for _ in range(64))

    assert [taken(p) for p in reversed(Priority)] == [26, 19, 19]


def test_no_more_calls_run_at_once_than_the_concurrency(world: World) -> None:
    guard = world.guard(concurrency=1, timeout_s=0.01)
    inside, done = threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        done.wait()

    thread = threading.Thread(target=guard.call, args=("GET x", slow, unknown))
    thread.start()
    inside.wait()
    with pytest.raises(WaitUntilError) as caught:
        guard.call("GET y", Provider("answer"), unknown)
    assert caught.value.code == "own_limit"
    done.set()
    thread.join()
    assert guard.call("GET y", Provider("answer"), unknown) == "answer"


def test_a_failed_call_gives_its_place_back(world: World) -> None:
    guard = world.guard(concurrency=1, timeout_s=0.01)
    for _ in range(3):
        with pytest.raises(NotFoundError):
            guard.call("GET x", Provider(NotFoundError("x")), unknown)
    assert guard.call("GET x", Provider("answer"), unknown) == "answer"


# --- classification and counting ------------------------------------------------------------------------------------


def test_a_connectors_own_errors_pass_unchanged(world: World) -> None:
    error = NotFoundError("gone")
    with pytest.raises(NotFoundError) as caught:
        world.guard().call("GET x", Provider(error), unknown)
    assert caught.value is error
    assert caught.value.__cause__ is None


def test_a_clients_exception_becomes_what_the_connector_makes_of_it(world: World) -> None:
    with pytest.raises(ReconnectError):
        world.guard().call("GET x", Provider(KeyError("x")), lambda _cause: ReconnectError("refused"))


def test_a_clients_own_text_is_not_in_the_traceback_of_ours(world: World) -> None:
    with pytest.raises(ReconnectError) as caught:
        world.guard().call("GET x", Provider(KeyError(SECRET)), lambda _cause: ReconnectError("refused"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_exception_may_mean_that_it_happened(world: World) -> None:
    with pytest.raises(UnclearError) as caught:
        world.guard().call("PUT x", Provider(RuntimeError(f"sent {SECRET}")), unknown)
    assert (caught.value.code, str(caught.value)) == (
        "client_error",
        "PUT x: unexpected RuntimeError in the provider's client.",
    )


@pytest.mark.parametrize(
    ("answers", "outcomes"),
    [
        (("answer",), ["ok"]),
        ((RetryError("x"), "answer"), ["unavailable", "ok"]),
        ((RuntimeError(SECRET), NotFoundError("x")), ["client_error", "not_found"]),
    ],
)
def test_each_attempt_is_observed_by_its_outcome(
    world: World, answers: tuple[object, ...], outcomes: list[str]
) -> None:
    try:
        world.guard().call("GET x", Provider(*answers), unknown, safe=True)
    except NotFoundError:
        pass
    assert [call.outcome for call in world.seen] == outcomes
    assert {(call.app, call.connection_id, call.operation) for call in world.seen} == {("app", 7, "GET x")}
    assert SECRET not in str(world.seen)


def test_a_tally_counts_the_attempts_inside_its_block_only(world: World) -> None:
    guard = world.guard()
    guard.call("GET x", Provider("answer"), unknown)
    with tally() as counted:
        guard.call("GET x", Provider(RetryError("x"), "answer"), unknown, safe=True)
    guard.call("GET x", Provider("answer"), unknown)
    assert counted.calls == 2
    assert counted.seconds >= 0


def test_a_tally_counts_its_own_thread_only(world: World) -> None:
    guard = world.guard()

    def elsewhere(call: Callable[[], object]) -> None:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    with tally() as counted:
        elsewhere(lambda: guard.call("GET x", Provider("answer"), unknown))
    assert counted.calls == 0
    assert len(world.seen) == 1


def test_calls_that_were_under_way_together_are_refused_as_one(world: World) -> None:
    guard = world.guard(max_wait_s=60, concurrency=8)

    def refused_with(others: int) -> Callable[[], object]:
        """A call that is refused after others that were sent later."""

        def run() -> object:
            world.now += timedelta(milliseconds=10)
            if others:
                with suppress(WaitUntilError):
                    guard.call("GET x", refused_with(others - 1), unknown)
            world.now += timedelta(milliseconds=10)
            raise WaitUntilError("slow down", retry_at=NOW, told=False)

        return run

    with pytest.raises(WaitUntilError):
        guard.call("GET x", refused_with(5), unknown)
    assert guard.waits_until is not None
    assert guard.waits_until - world.now <= timedelta(seconds=1)
