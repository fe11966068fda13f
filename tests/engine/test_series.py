"""Recurring bookings: one event with a rule, told occurrence by occurrence."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from syncd.model.calendar import Occurrence

from .deliveries import LEFT_OUT, LENGTH, START, cancelled, created, rescheduled, sample
from .world import BEN, World

WEEK = 168
RULE: dict[str, Any] = {"recurringBookingUid": "series", "recurringEvent": {"freq": 2, "interval": 1, "count": 4}}


def weekly(number: int, **payload: Any) -> dict[str, Any]:
    """The telling of occurrence `number` of a weekly series of four."""
    return created(f"o{number}", told=number / 100, at=number * WEEK, iCalUID="series@Cal.com", **RULE, **payload)


def week(number: int, hours: float = 0) -> Any:
    return START + timedelta(hours=number * WEEK + hours)


def test_a_series_told_once_is_one_event_with_its_rule(world: World) -> None:
    world.person(BEN)
    world.tell(sample("07-recurring"))
    event = world.event()
    assert event.rrule == "FREQ=WEEKLY;COUNT=4"
    assert event.occurrences == ()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_a_series_told_occurrence_by_occurrence_is_one_event(office: World, order: tuple[int, ...]) -> None:
    for number in order:
        office.tell(weekly(number))
    event = office.event()
    assert (event.start, event.rrule, event.occurrences) == (START, "FREQ=WEEKLY;COUNT=4", ())
    assert office.reference().subject == "series"


def test_a_cancelled_occurrence_leaves_the_others(office: World) -> None:
    office.tell(*[weekly(n) for n in range(4)])
    office.tell(cancelled("o2", at=2 * WEEK, iCalUID="series@Cal.com", **RULE))
    assert office.event().occurrences == (Occurrence(original=week(2)),)


MOVE = rescheduled("o1b", "o1", told=30, at=WEEK + 3)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_moved_occurrence_moves_alone_in_every_order(office: World, order: tuple[int, ...]) -> None:
    tellings = [weekly(0), weekly(1), MOVE]
    for index in order:
        office.tell(tellings[index])
    moved = Occurrence(original=week(1), start=week(1, 3), end=week(1, 3) + LENGTH)
    assert office.event().start == START
    assert office.event().occurrences == (moved,)


def test_an_occurrence_moved_twice_is_still_known_by_where_the_rule_puts_it(office: World) -> None:
    office.tell(weekly(0), weekly(1), MOVE)
    office.tell(rescheduled("o1c", "o1b", told=40, at=WEEK + 5))
    assert office.event().occurrences == (Occurrence(original=week(1), start=week(1, 5), end=week(1, 5) + LENGTH),)


def test_a_moved_and_then_cancelled_occurrence_is_cancelled(office: World) -> None:
    office.tell(weekly(0), weekly(1), MOVE)
    office.tell(cancelled("o1b", told=50, at=WEEK + 3, iCalUID=LEFT_OUT))
    assert office.event().occurrences == (Occurrence(original=week(1)),)


def test_a_series_cancelled_to_the_last_occurrence_leaves_nothing(office: World) -> None:
    office.tell(*[weekly(n) for n in range(2)])
    office.tell(*[cancelled(f"o{n}", told=20 + n, at=n * WEEK, **RULE) for n in range(2)])
    assert office.events() == []


def test_moving_the_first_occurrence_keeps_the_rule_where_it_was(office: World) -> None:
    office.tell(*[weekly(n) for n in range(3)])
    office.tell(rescheduled("o0b", "o0", at=2))
    event = office.event()
    assert event.start == START
    assert event.occurrences == (Occurrence(original=START, start=week(0, 2), end=week(0, 2) + LENGTH),)
