"""Busy answers: unknown is never free, and every calendar says how well it is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.errors import ReconnectError, RetryError
from syncd.model.busy import BusyAnswer, BusyPolicy, BusyState
from syncd.model.connection import ConnectionState
from syncd.model.time import Window

from .deliveries import START, created, rescheduled
from .world import WORK, World, foreign

STALE_AFTER, KEPT_HOURS = 61, 24


@pytest.fixture
def reader(world: World) -> World:
    """Anna's calendar `work` is known; she has an appointment from 10 to 11 three days ahead."""
    world.provider.add_calendar(WORK)
    window = world.window(10, 1, 3)
    world.provider.store_text(WORK, "dentist", foreign("dentist", window.start, window.end))
    world.person(destination="")
    world.read()
    world.provider.calls.clear()
    return world


def policy(world: World, value: BusyPolicy, hours: int = KEPT_HOURS) -> None:
    world.select(WORK, policy=value, policy_hours=hours)


def fail(world: World, minutes: float = STALE_AFTER) -> None:
    """The calendar could not be read for so long."""
    world.clock.advance(minutes=minutes)
    world.provider.fail_next("changes", RetryError("The line is dead."))
    world.read(everything=True)


def shown(world: World, answer: BusyAnswer, day: int = 3) -> list[tuple[float, float]]:
    """The busy hours of a day."""
    midnight = answer.window.start.replace(hour=0, minute=0)
    hour = timedelta(hours=1)
    return [((start - midnight) / hour, (end - midnight) / hour) for start, end in answer.busy]


@pytest.fixture
def window(reader: World) -> Window:
    """From 8 to 18 o'clock on the day of the appointment. It stays where it is when the clock moves."""
    return reader.window(8, 10, 3)


def test_known_and_young_is_fresh_and_asks_nobody(reader: World, window: Window) -> None:
    answer = reader.ask(window)
    (calendar,) = answer.calendars
    assert (calendar.state, calendar.live, calendar.policy) == (BusyState.FRESH, False, None)
    assert calendar.as_of == reader.clock()
    assert shown(reader, answer) == [(10, 11)]
    assert reader.provider.calls.total() == 0


def test_known_and_old_is_stale_and_says_since_when(reader: World, window: Window) -> None:
    before = reader.clock()
    reader.clock.advance(minutes=STALE_AFTER)
    answer = reader.ask(window)
    (calendar,) = answer.calendars
    assert (calendar.state, calendar.as_of, calendar.policy) == (BusyState.STALE, before, None)
    assert shown(reader, answer) == [(10, 11)]
    assert answer.complete


def test_a_failed_read_of_something_young_is_still_fresh(reader: World, window: Window) -> None:
    fail(reader, minutes=10)
    assert reader.ask(window).calendars[0].state is BusyState.FRESH


@pytest.mark.parametrize(
    ("value", "hours", "expected"),
    [
        (BusyPolicy.BLOCK, 24, [(8, 18)]),
        (BusyPolicy.LAST_KNOWN, 24, [(10, 11)]),
        (BusyPolicy.LAST_KNOWN, 1, [(8, 18)]),
        (BusyPolicy.IGNORE, 24, []),
    ],
)
def test_old_and_failing_is_failed_and_its_policy_decides(
    reader: World, window: Window, value: BusyPolicy, hours: int, expected: list[tuple[float, float]]
) -> None:
    policy(reader, value, hours)
    fail(reader)
    answer = reader.ask(window)
    (calendar,) = answer.calendars
    assert (calendar.state, calendar.policy) == (BusyState.FAILED, value)
    assert calendar.error == "The line is dead."
    assert not answer.complete
    assert shown(reader, answer) == expected


def test_last_known_is_trusted_for_its_hours_and_no_longer(reader: World, window: Window) -> None:
    policy(reader, BusyPolicy.LAST_KNOWN, hours=2)
    fail(reader, minutes=120)
    assert shown(reader, reader.ask(window)) == [(10, 11)]
    reader.clock.advance(seconds=1)
    assert shown(reader, reader.ask(window)) == [(8, 18)]


def test_outside_of_coverage_the_provider_is_asked(reader: World) -> None:
    beyond = reader.window(8, 10, 300)
    start = beyond.start + timedelta(hours=1)
    reader.provider.store_text(WORK, "far", foreign("far", start, start + timedelta(hours=1)))
    answer = reader.ask(beyond)
    (calendar,) = answer.calendars
    assert (calendar.state, calendar.live, calendar.coverage) == (BusyState.FRESH, True, beyond)
    assert shown(reader, answer) == [(9, 10)]
    assert dict(reader.provider.calls) == {"busy_times": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(BusyPolicy.BLOCK, [(8, 18)]), (BusyPolicy.LAST_KNOWN, [(8, 18)]), (BusyPolicy.IGNORE, [])],
)
def test_outside_of_coverage_a_provider_that_fails_is_never_free_by_itself(
    reader: World, value: BusyPolicy, expected: list[tuple[float, float]]
) -> None:
    policy(reader, value)
    reader.provider.fail_next("busy_times", RetryError("The line is dead."))
    answer = reader.ask(reader.window(8, 10, 300))
    (calendar,) = answer.calendars
    assert (calendar.state, calendar.policy, calendar.error) == (BusyState.FAILED, value, "The line is dead.")
    assert shown(reader, answer) == expected


def test_a_credential_refused_in_a_live_answer_is_a_failure_of_every_calendar_asked(reader: World) -> None:
    reader.provider.add_calendar("other")
    reader.runtime.accounts.refresh_calendars(1)
    reader.select("other")
    reader.provider.fail_next("busy_times", ReconnectError("Revoked."), times=2)
    answer = reader.ask(reader.window(8, 10, 300))
    assert {c.state for c in answer.calendars} == {BusyState.FAILED}
    assert shown(reader, answer) == [(8, 18)]


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.INVALID])
def test_a_stopped_connection_is_not_asked_and_not_free(reader: World, state: ConnectionState) -> None:
    reader.runtime.accounts.set_state(1, state)
    answer = reader.ask(reader.window(8, 10, 300))
    assert answer.calendars[0].state is BusyState.FAILED
    assert f"The connection is {state}" in answer.calendars[0].error
    assert shown(reader, answer) == [(8, 18)]
    assert reader.provider.calls.total() == 0


def test_a_stopped_connection_is_known_for_as_long_as_it_is_young(reader: World, window: Window) -> None:
    reader.runtime.accounts.set_state(1, ConnectionState.PAUSED)
    assert reader.ask(window).calendars[0].state is BusyState.FRESH
    reader.clock.advance(minutes=STALE_AFTER)
    (calendar,) = reader.ask(window).calendars
    assert (calendar.state, calendar.remedy) == (BusyState.FAILED, "syncd connections resume 1")


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        (8, 2, []),  # ends where the appointment starts
        (11, 2, []),  # starts where it ends
        (10.5, 2, [(10.5, 11)]),
        (9, 1.5, [(10, 10.5)]),
        (10.25, 0.5, [(10.25, 10.75)]),
        (9, 3, [(10, 11)]),
    ],
)
def test_an_answer_is_clipped_to_exactly_the_window(
    reader: World, start: float, hours: float, expected: list[tuple[float, float]]
) -> None:
    answer = reader.ask(reader.window(start, hours, 3))
    assert shown(reader, answer) == expected
    assert answer.window == reader.window(start, hours, 3)


def test_times_of_several_calendars_are_merged(reader: World, window: Window) -> None:
    reader.provider.add_calendar("other")
    for uid, start, length in (("a", 10.5, 1), ("b", 11.5, 0.5), ("c", 14, 1)):
        span = reader.window(start, length, 3)
        reader.provider.store_text("other", uid, foreign(uid, span.start, span.end))
    reader.runtime.accounts.refresh_calendars(1)
    reader.select("other")
    reader.read()
    answer = reader.ask(window)
    assert shown(reader, answer) == [(10, 12), (14, 15)]
    assert [len(c.times) for c in answer.calendars] == [1, 3]


def test_one_calendar_that_fails_leaves_the_others_as_they_are(reader: World, window: Window) -> None:
    reader.provider.add_calendar("other")
    reader.runtime.accounts.refresh_calendars(1)
    reader.select("other", policy=BusyPolicy.IGNORE)
    reader.provider.fail_next("changes", RetryError("Busy."))
    reader.provider.fail_next("busy_times", RetryError("Busy."))
    reader.read()
    answer = reader.ask(window)
    assert [c.state for c in answer.calendars] == [BusyState.FRESH, BusyState.FAILED]
    assert shown(reader, answer) == [(10, 11)]


def test_only_the_calendars_asked_for_answer(reader: World, window: Window) -> None:
    reader.provider.add_calendar("other")
    reader.runtime.accounts.refresh_calendars(1)
    other = reader.select("other")
    reader.read()
    answer = reader.ask(window, calendar_ids=[other.id])
    assert [c.calendar_id for c in answer.calendars] == [other.id]
    assert answer.busy == ()


def test_a_calendar_never_read_is_asked(world: World) -> None:
    world.provider.add_calendar(WORK)
    world.person(destination="")
    (calendar,) = world.ask(world.window(day=1)).calendars
    assert (calendar.live, calendar.state) == (True, BusyState.FRESH)


@pytest.fixture
def booked(world: World) -> World:
    """Anna has two bookings, at 9 and at 13 o'clock, which her calendar shows."""
    world.person()
    world.tell(created("a"), created("b", at=4))
    world.read(everything=True)
    return world


def hours_busy(world: World, **arguments: Any) -> list[tuple[float, float]]:
    return shown(world, world.ask(world.window(day=3), **arguments))


def test_the_booking_being_rescheduled_does_not_block_itself(booked: World) -> None:
    assert hours_busy(booked) == [(9, 9.5), (13, 13.5)]
    assert hours_busy(booked, leave_out="a") == [(13, 13.5)]


def test_a_booking_that_has_moved_is_left_out_by_its_new_uid(booked: World) -> None:
    booked.tell(rescheduled("c", "a", at=6))
    booked.read(everything=True)
    assert hours_busy(booked, leave_out="c") == [(13, 13.5)]


def test_the_other_occurrences_of_a_series_still_block(world: World) -> None:
    world.person()
    daily = {"recurringEvent": {"freq": 3, "interval": 1, "count": 3}, "recurringBookingUid": "series"}
    world.tell(*[created(f"o{n}", told=n, at=24 * n, iCalUID=f"o{n}@Cal.com", **daily) for n in range(3)])
    world.read(everything=True)
    window = Window(START, START + timedelta(days=7))
    assert len(world.ask(window).busy) == 3
    assert [start for start, _ in world.ask(window, leave_out="o1").busy] == [START, START + timedelta(days=2)]


def test_an_unknown_booking_leaves_out_nothing(booked: World) -> None:
    assert hours_busy(booked, leave_out="nobody") == [(9, 9.5), (13, 13.5)]
    assert hours_busy(booked, leave_out="") == [(9, 9.5), (13, 13.5)]
