"""Seated bookings: told seat by seat, in any order."""

from __future__ import annotations

from itertools import permutations

import pytest

from .deliveries import START, Body, no_show, rescheduled, seat
from .world import World

CREATED, CANCELLED = "BOOKING_CREATED", "BOOKING_CANCELLED"
UMA, VIC, WES = "uma@example.org", "vic@example.org", "wes@example.org"

TELLINGS: tuple[Body, ...] = (
    seat(CREATED, UMA, 0),
    seat(CREATED, VIC, 1),
    seat(CREATED, WES, 2),
    seat(CANCELLED, VIC, 3),
)


def emails(world: World) -> set[str]:
    return {a.email for a in world.event().attendees}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_seats_told_in_any_order_end_in_the_same_event(office: World, order: tuple[int, ...]) -> None:
    office.deliver(*[TELLINGS[index] for index in order])
    office.work()
    assert emails(office) == {UMA, WES}


def test_each_seat_joins_the_one_event(office: World) -> None:
    for told, email in enumerate((UMA, VIC, WES)):
        office.tell(seat(CREATED, email, told))
    assert emails(office) == {UMA, VIC, WES}


def test_a_booking_stands_until_its_last_seat_is_cancelled(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0), seat(CREATED, VIC, 1))
    office.tell(seat(CANCELLED, UMA, 2))
    assert emails(office) == {VIC}
    office.tell(seat(CANCELLED, VIC, 3))
    assert office.events() == []


def test_a_seat_taken_again_brings_the_event_back(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0))
    office.tell(seat(CANCELLED, UMA, 1))
    office.tell(seat(CREATED, VIC, 2))
    assert emails(office) == {VIC}


def test_a_booking_cancelled_as_a_whole_leaves_nothing(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0), seat(CREATED, VIC, 1))
    office.tell(seat(CANCELLED, UMA, 2, attendees=[]))
    assert office.events() == []


def test_attendees_are_kept_from_each_other_when_the_event_type_says_so(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0, seatsShowAttendees=False))
    assert office.event().attendees == ()


def test_one_seat_that_moves_leaves_the_others_where_they_are(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0), seat(CREATED, VIC, 1))
    moved = seat("BOOKING_RESCHEDULED", UMA, 5, uid="b", at=4, rescheduleUid="a", iCalUID="b@Cal.com")
    office.tell(moved)
    found = {e.start: {a.email for a in e.attendees} for e in office.events()}
    assert sorted(found.values(), key=sorted) == [{UMA}, {VIC}]
    assert found[START] == {VIC}


def test_a_no_show_of_one_seat_is_of_that_seat_alone(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0), seat(CREATED, VIC, 1), no_show(email=UMA))
    booking = office.booking()
    assert booking is not None
    assert {a.email: a.absent for a in booking.attendees} == {UMA: True, VIC: False}


def test_a_seated_booking_that_moves_as_a_whole_keeps_its_event(office: World) -> None:
    office.tell(seat(CREATED, UMA, 0))
    uid = office.event().uid
    everyone = seat(CREATED, UMA, 0)["payload"]["attendees"]
    office.tell(rescheduled("b", "a", told=9, at=4, attendees=everyone, seatsPerTimeSlot=5))
    assert office.event().uid == uid
