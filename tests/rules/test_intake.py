"""Late, repeated and reordered deliveries end in the same booking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.booking import Attendee, Booking, BookingChange, BookingStatus, DestinationRef, Recurrence
from syncd.rules.intake import merge, replaces

from .made import GUEST, NOON, TEAM, WORK, absence, at, booking, named, seat_telling, telling
from .told import any_order, told

ACCEPTED, PENDING, REJECTED, CANCELLED, RESCHEDULED = (
    BookingStatus.ACCEPTED,
    BookingStatus.PENDING,
    BookingStatus.REJECTED,
    BookingStatus.CANCELLED,
    BookingStatus.RESCHEDULED,
)
STAGES = [ACCEPTED, PENDING, REJECTED, CANCELLED]
ADA, BEA, CAI = "ada@example.org", "bea@example.org", "Cai@Example.org"
SECOND = Attendee(email=ADA)

UNTOLD_SOMETIMES = st.fixed_dictionaries(
    {},
    optional={
        "ical_uid": st.sampled_from(["", "x@cal", "y@cal"]),
        "event_type_id": st.sampled_from([None, 1, 2]),
        "destinations": st.sampled_from([(), (named(WORK),), (named(TEAM),)]),
        "meeting_url": st.sampled_from(["", "https://one.example.com", "https://two.example.com"]),
        "answers": st.sampled_from([{}, {"budget": 1}, {"budget": 2}]),
    },
)
"""Fields that some triggers leave out, changing on the way."""

TOLD_AT = st.integers(0, 9)


@st.composite
def tellings(draw: st.DrawFn) -> list[BookingChange]:
    """The life of one booking: tellings at different times, and absences marked and unmarked."""
    minutes = draw(st.lists(TOLD_AT, unique=True, min_size=1, max_size=4))
    made = [
        telling(
            at(minute),
            status=draw(st.sampled_from(STAGES)),
            title=f"told at {minute}",
            attendees=draw(st.sampled_from([(GUEST,), (GUEST, SECOND), (replace(GUEST, absent=True),)])),
            **draw(UNTOLD_SOMETIMES),
        )
        for minute in minutes
    ]
    marks = draw(st.lists(st.tuples(TOLD_AT, st.sampled_from([GUEST.email, ADA]), st.booleans()), max_size=3))
    return made + [absence(at(minute + 0.5), email, absent) for minute, email, absent in marks]


@st.composite
def seats(draw: st.DrawFn) -> list[BookingChange]:
    """The life of one seated booking, one seat a telling."""
    minutes = draw(st.lists(TOLD_AT, unique=True, min_size=1, max_size=5))
    made = [
        seat_telling(
            at(minute),
            draw(st.sampled_from([ADA, BEA, CAI])),
            status=draw(st.sampled_from([ACCEPTED, PENDING, CANCELLED])),
            **draw(UNTOLD_SOMETIMES),
        )
        for minute in minutes
    ]
    if draw(st.booleans()):
        made.append(seat_telling(at(draw(TOLD_AT) + 0.25), status=CANCELLED))
    marks = draw(st.lists(st.tuples(TOLD_AT, st.sampled_from([ADA, BEA])), max_size=2))
    return made + [absence(at(minute + 0.5), email) for minute, email in marks]


def twice(deliveries: st.SearchStrategy[list[BookingChange]]) -> st.SearchStrategy[tuple[Any, Any]]:
    return deliveries.flatmap(lambda found: st.tuples(any_order(found), any_order(found)))


@given(twice(tellings()))
def test_any_order_and_repetition_of_a_bookings_deliveries_gives_the_same_booking(
    orders: tuple[list[BookingChange], list[BookingChange]],
) -> None:
    assert told(orders[0]) == told(orders[1])


@given(twice(seats()))
def test_any_order_and_repetition_of_seats_gives_the_same_booking(
    orders: tuple[list[BookingChange], list[BookingChange]],
) -> None:
    assert told(orders[0]) == told(orders[1])


def in_every_order(deliveries: Sequence[BookingChange]) -> dict[str, Booking]:
    """What the deliveries make, the same in every order and when all come again."""
    outcomes = [told([*order, *order]) for order in permutations(deliveries)]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


def test_a_cancel_that_comes_before_its_create_stands() -> None:
    found = in_every_order([telling(at(0)), telling(at(1), status=CANCELLED)])
    assert found["b1"].status is CANCELLED


def test_an_older_revision_never_overwrites_a_newer_one() -> None:
    known = booking(revision=at(2), title="new")
    assert merge(known, telling(at(1), title="old")).booking is None
    assert in_every_order([telling(at(1), title="old"), telling(at(2), title="new")])["b1"].title == "new"


@pytest.mark.parametrize(("earlier", "later"), list(pairwise([PENDING, ACCEPTED, REJECTED, CANCELLED])))
def test_of_two_tellings_of_the_same_moment_the_later_stage_stands(
    earlier: BookingStatus, later: BookingStatus
) -> None:
    assert in_every_order([telling(status=earlier), telling(status=later)])["b1"].status is later


def test_the_same_telling_again_changes_nothing_and_says_so() -> None:
    merged = merge(booking(), telling())
    assert (merged.booking, merged.reason, merged.waits) == (None, "already known", False)


def test_what_a_later_trigger_leaves_out_stays_as_it_was_told_last() -> None:
    first, second = telling(at(0), ical_uid="a@cal"), telling(at(1), ical_uid="b@cal", event_type_id=7)
    found = in_every_order([first, second, telling(at(2), status=REJECTED)])["b1"]
    assert (found.status, found.ical_uid, found.event_type_id) == (REJECTED, "b@cal", 7)


def test_a_no_show_waits_for_its_booking() -> None:
    assert merge(None, absence(NOON, GUEST.email)).waits
    assert in_every_order([absence(at(1), GUEST.email), telling()])["b1"].attendees[0].absent


def test_the_last_word_on_an_absence_stands() -> None:
    marked = [telling(), absence(at(1), GUEST.email), absence(at(2), GUEST.email, absent=False)]
    assert not in_every_order(marked)["b1"].attendees[0].absent


def test_an_absence_survives_later_tellings_that_do_not_speak_of_it() -> None:
    found = in_every_order([telling(at(0)), absence(at(1), GUEST.email), telling(at(2), title="renamed")])
    assert found["b1"].attendees == (replace(GUEST, absent=True),)


def test_a_repeated_absence_changes_nothing() -> None:
    known = told([telling(), absence(at(1), GUEST.email)])["b1"]
    assert merge(known, absence(at(1), GUEST.email)).booking is None


# seats


def present(found: Booking) -> list[str]:
    return [a.email for a in found.attendees if not a.left]


def test_a_seated_booking_gathers_its_seats() -> None:
    found = in_every_order([seat_telling(at(0), BEA), seat_telling(at(1), ADA), seat_telling(at(2), CAI)])["b1"]
    assert (found.status, present(found)) == (ACCEPTED, [ADA, BEA, CAI])


def test_a_cancelled_seat_leaves_the_others_standing() -> None:
    found = in_every_order(
        [seat_telling(at(0), ADA), seat_telling(at(1), BEA), seat_telling(at(2), BEA, status=CANCELLED)]
    )
    assert (found["b1"].status, present(found["b1"])) == (ACCEPTED, [ADA])


def test_a_seated_booking_is_cancelled_with_its_last_seat() -> None:
    found = in_every_order([seat_telling(at(0), ADA), seat_telling(at(1), ADA, status=CANCELLED)])
    assert found["b1"].status is CANCELLED


def test_a_seat_taken_again_stands() -> None:
    again = [seat_telling(at(0), ADA), seat_telling(at(1), ADA, status=CANCELLED), seat_telling(at(2), ADA)]
    assert in_every_order(again)["b1"].status is ACCEPTED


def test_a_cancel_without_seats_ends_the_whole_booking() -> None:
    found = in_every_order([seat_telling(at(0), ADA), seat_telling(at(1), BEA), seat_telling(at(2), status=CANCELLED)])
    assert (found["b1"].status, found["b1"].cancelled_at) == (CANCELLED, at(2))


def test_a_booking_cancelled_twice_was_cancelled_the_first_time() -> None:
    cancels = [seat_telling(at(minute), status=CANCELLED) for minute in (1, 2)]
    assert in_every_order([seat_telling(at(0), ADA), *cancels])["b1"].cancelled_at == at(1)


# reschedules

OLD = telling(at(0), ical_uid="x@cal")
MOVE = telling(at(1), uid="b2", previous_uid="b1")


def test_a_reschedule_replaces_the_old_booking_whichever_came_first() -> None:
    found = in_every_order([OLD, MOVE])
    assert (found["b1"].status, found["b1"].replaced_by) == (RESCHEDULED, "b2")
    assert (found["b2"].status, found["b2"].ical_uid) == (ACCEPTED, "x@cal")


@pytest.mark.parametrize("later", [telling(at(2)), telling(at(2), status=CANCELLED)], ids=["told again", "cancelled"])
def test_a_rescheduled_booking_never_leaves_that_status(later: BookingChange) -> None:
    assert in_every_order([OLD, MOVE, later])["b1"].status is RESCHEDULED


def test_a_booking_the_product_calls_rescheduled_stays_so() -> None:
    moved = telling(at(0), status=RESCHEDULED, replaced_by="b9")
    found = in_every_order([moved, telling(at(1), status=CANCELLED), MOVE])["b1"]
    assert (found.status, found.replaced_by) == (RESCHEDULED, "b9")


def test_a_telling_of_its_own_wins_over_what_was_inherited() -> None:
    own = telling(at(0.5), uid="b2", previous_uid="b1", ical_uid="own@cal")
    assert in_every_order([OLD, MOVE, own])["b2"].ical_uid == "own@cal"


def test_two_bookings_that_replace_the_same_one_settle() -> None:
    found = in_every_order([OLD, MOVE, telling(at(2), uid="b3", previous_uid="b1")])
    assert (found["b1"].status, found["b1"].replaced_by) == (RESCHEDULED, "b2")


@pytest.mark.parametrize("length", [2, 3])
def test_bookings_that_replace_each_other_in_a_circle_settle(length: int) -> None:
    uids = [f"b{n}" for n in range(length)]
    circle = [
        telling(at(n), uid=uid, previous_uid=uids[n - 1], series=f"s{n}", start=at(n), end=at(n + 1))
        for n, uid in enumerate(uids)
    ]
    assert {b.status for b in told(circle).values()} == {RESCHEDULED}


def test_an_occurrence_that_moved_keeps_its_place_in_the_series() -> None:
    rule = Recurrence(freq="WEEKLY", count=4)
    old = booking(series="s1", recurrence=rule)
    start = old.start + timedelta(hours=3)
    moved, _ = replaces(booking("b2", previous_uid="b1", start=start, end=start + timedelta(hours=1)), old)
    assert (moved.subject, moved.recurrence, moved.original_start) == ("s1", rule, old.start)
    again, _ = replaces(booking("b3", previous_uid="b2"), moved)
    assert again.original_start == old.start


def test_what_the_new_booking_tells_itself_is_not_inherited() -> None:
    successor, _ = replaces(booking("b2", ical_uid="own@cal"), booking(ical_uid="x@cal", destinations=(named(WORK),)))
    assert (successor.ical_uid, successor.destinations) == ("own@cal", (named(WORK),))


def moved_seat(told_at: datetime, email: str, uid: str = "b2") -> BookingChange:
    return seat_telling(told_at, email, uid=uid, previous_uid="b1")


def test_only_the_seat_named_moves() -> None:
    found = in_every_order([seat_telling(at(0), ADA), seat_telling(at(1), BEA), moved_seat(at(2), ADA)])
    assert (found["b1"].status, found["b1"].replaced_by, present(found["b1"])) == (ACCEPTED, "", [BEA])
    assert present(found["b2"]) == [ADA]


def test_a_seated_booking_is_rescheduled_when_its_last_seat_moves() -> None:
    found = in_every_order([seat_telling(at(0), ADA), moved_seat(at(1), ADA)])
    assert (found["b1"].status, found["b1"].replaced_by) == (RESCHEDULED, "b2")


def test_the_last_seat_may_be_cancelled_after_the_others_moved() -> None:
    found = in_every_order(
        [
            seat_telling(at(0), ADA),
            seat_telling(at(1), BEA),
            moved_seat(at(2), ADA),
            seat_telling(at(3), BEA, status=CANCELLED),
        ]
    )
    assert found["b1"].status is RESCHEDULED


def test_seats_that_move_to_different_times_settle() -> None:
    found = in_every_order(
        [seat_telling(at(0), ADA), seat_telling(at(1), BEA), moved_seat(at(2), ADA), moved_seat(at(3), BEA, "b3")]
    )
    assert (found["b1"].status, found["b1"].replaced_by) == (RESCHEDULED, "b2")


def test_what_was_inherited_follows_a_later_telling_of_the_replaced_booking() -> None:
    first, third = (
        DestinationRef(integration="caldav_calendar", external_id=name, connection_id=1) for name in ("first", "third")
    )
    old, new = booking("old", destinations=(first,)), booking("new", previous_uid="old")
    inherited, _ = replaces(new, old)
    assert inherited.destinations == (first,)
    again, _ = replaces(inherited, replace(old, destinations=(first, third)))
    assert again.destinations == (first, third)


def test_what_a_booking_told_itself_is_not_inherited_over() -> None:
    own, other = (
        DestinationRef(integration="caldav_calendar", external_id=name, connection_id=1) for name in ("own", "other")
    )
    told, _ = replaces(booking("new", previous_uid="old", destinations=(own,)), booking("old", destinations=(other,)))
    assert told.destinations == (own,)
