"""The plan: what becomes of each reference, over whole lives of bookings and choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.booking import Booking, BookingStatus
from syncd.model.calendar import Event
from syncd.model.reference import Place, Reference, ReferenceState
from syncd.rules.destinations import Choices, PlanProblem, destinations
from syncd.rules.event import event_for
from syncd.rules.plan import Plan, PlannedReference, TakeOver, idempotency_key, key_for, plan, take_over

from .made import ANNA_ID, HOME, TEAM, WORK, at, booking, choices, named, receipt, reference

SUBJECT = "b1"
EVENT = event_for([booking()])
CANCELLED = booking(status=BookingStatus.CANCELLED)
NOBODY = choices(by_user={})


def apply(made: Plan, existing: Sequence[Reference]) -> list[Reference]:
    """The references after a plan, as the store keeps them."""
    kept = {r.place: r for r in existing}
    for planned in made.references:
        before = planned.reference
        version = before.desired_version + 1 if before else 1
        key = key_for(planned, made.subject)
        fresh = before or reference(None, planned.place)
        kept[planned.place] = replace(fresh, desired=planned.desired, desired_version=version, key=key)
    return list(kept.values())


def desired(references: Sequence[Reference]) -> dict[Place, Event]:
    return {r.place: r.desired for r in references if isinstance(r.desired, Event)}


BOOKINGS = st.builds(
    booking,
    status=st.sampled_from([BookingStatus.ACCEPTED, BookingStatus.ACCEPTED, BookingStatus.CANCELLED]),
    title=st.sampled_from(["Strategy", "Review"]),
    start=st.integers(0, 2).map(lambda n: booking().start - timedelta(hours=n)),
    location=st.sampled_from(["", "Room 1"]),
    ical_uid=st.sampled_from(["", "x@cal", "y@cal"]),
    sequence=st.integers(0, 3),
    destinations=st.sampled_from([(), (), (named(WORK),), (named(HOME), named(TEAM)), (named(WORK, external_id="?"),)]),
)
CHOICES = st.sampled_from([NOBODY, choices(), choices(by_user={ANNA_ID: HOME.calendar_id})])
PROVIDER = st.sampled_from(["quiet", "tried", "carried out"])
LIVES = st.lists(st.tuples(BOOKINGS, CHOICES, PROVIDER), min_size=1, max_size=6)


def at_provider(existing: Sequence[Reference], what: str) -> list[Reference]:
    """The references after the provider was asked: a write tried without an answer, or everything carried out."""
    if what == "quiet":
        return list(existing)
    if what == "tried":
        return [replace(r, attempted=r.attempted or r.desired is not None) for r in existing]
    return [
        replace(r, attempted=r.desired is not None, receipt=receipt(r.desired.uid) if r.desired else None)
        for r in existing
    ]


Step = tuple[Booking, Choices, Sequence[Reference], Plan, list[Reference]]


def steps(life: Sequence[tuple[Booking, Choices, str]]) -> list[Step]:
    """Each step of a life: the booking, the choices, the references before, the plan, the references after."""
    lived: list[Step] = []
    existing: list[Reference] = []
    for told, chosen, provider in life:
        made = plan(SUBJECT, [told], chosen, existing)
        after = apply(made, existing)
        lived.append((told, chosen, existing, made, after))
        existing = at_provider(after, provider)
    return lived


@given(LIVES)
def test_planning_what_is_planned_gives_nothing(life: list[tuple[Booking, Choices, str]]) -> None:
    for told, chosen, _, made, after in steps(life):
        again = plan(SUBJECT, [told], chosen, after)
        assert again == Plan(subject=SUBJECT, problem=made.problem)


@given(LIVES)
def test_exactly_the_places_chosen_are_wanted_and_every_other_is_withdrawn(
    life: list[tuple[Booking, Choices, str]],
) -> None:
    for told, chosen, before, made, after in steps(life):
        places = destinations(told, chosen, tuple(desired(before))[:1])
        if told.status is BookingStatus.CANCELLED:
            assert desired(after) == {}
        elif isinstance(places, PlanProblem):
            assert (made.problem, after) == (places, before)
        else:
            assert set(desired(after)) == set(places)


@given(LIVES)
def test_a_plan_never_names_a_place_nobody_chose(life: list[tuple[Booking, Choices, str]]) -> None:
    chosen_places: set[Place] = set()
    for told, chosen, _, _, after in steps(life):
        named_there = {ref.external_id for ref in told.destinations}
        wanted = {*chosen.by_user.values(), *chosen.by_event_type.values()}
        chosen_places |= {
            c.place for c in chosen.calendars if c.place.calendar_id in wanted or c.place.external_id in named_there
        }
        assert set(desired(after)) <= chosen_places


@given(LIVES)
def test_the_uid_never_changes_once_written_and_the_sequence_never_shrinks(
    life: list[tuple[Booking, Choices, str]],
) -> None:
    for _, _, before, _, after in steps(life):
        for place, event in desired(after).items():
            if place in desired(before):
                assert event.uid == desired(before)[place].uid
                assert event.sequence >= desired(before)[place].sequence
        confirmed = {r.place: r.receipt.uid for r in before if r.receipt}
        assert all(event.uid == confirmed.get(place, event.uid) for place, event in desired(after).items())


@given(LIVES)
def test_the_key_is_constant_while_something_may_be_there_and_new_afterwards(
    life: list[tuple[Booking, Choices, str]],
) -> None:
    used: dict[Place, set[str]] = {}
    for _, _, before, _, after in steps(life):
        known = {r.place: r for r in before}
        for now in after:
            earlier = known.get(now.place)
            if earlier and (earlier.desired or earlier.receipt or earlier.attempted or not now.desired):
                assert now.key == earlier.key
            else:
                assert now.key not in used.get(now.place, set())
            used.setdefault(now.place, set()).add(now.key)


def test_a_new_booking_is_wanted_where_it_was_chosen() -> None:
    assert plan(SUBJECT, [booking()], choices(), []).references == (PlannedReference(place=WORK, desired=EVENT),)


def test_a_cancelled_booking_is_withdrawn_even_when_nobody_chose_a_place_any_more() -> None:
    written = reference(EVENT)
    assert plan(SUBJECT, [CANCELLED], NOBODY, [written]).references == (
        PlannedReference(place=WORK, desired=None, reference=written),
    )


def test_a_problem_leaves_the_references_as_they_are() -> None:
    made = plan(SUBJECT, [booking(destinations=(named(WORK, external_id="?"),))], choices(), [reference(EVENT)])
    assert made.references == ()
    assert made.problem is not None


def test_a_request_is_planned_only_when_the_event_type_says_so() -> None:
    request = booking(status=BookingStatus.PENDING)
    assert plan(SUBJECT, [request], choices(), []).references == ()
    assert len(plan(SUBJECT, [request], choices(), [], write_requests=True).references) == 1


def sequence_after(**changed: Any) -> int:
    made = plan(SUBJECT, [booking(**changed)], choices(), [reference(EVENT)])
    (planned,) = made.references
    assert isinstance(planned.desired, Event)
    return planned.desired.sequence


def test_the_sequence_grows_when_attendees_must_look_again_and_only_then() -> None:
    assert sequence_after(title="Review") == 0
    assert sequence_after(location="Room 1") == 1
    assert sequence_after(start=booking().start + timedelta(minutes=5)) == 1
    assert sequence_after(location="Room 1", sequence=7) == 7


def test_an_event_wanted_again_before_it_was_removed_keeps_the_uid_that_is_there() -> None:
    removed = reference(None, receipt=receipt("first@cal"), attempted=True)
    (planned,) = plan(SUBJECT, [booking(ical_uid="second@cal")], choices(), [removed]).references
    assert planned.desired is not None
    assert planned.desired.uid == "first@cal"


@pytest.mark.parametrize(("there", "same"), [({"attempted": True}, True), ({"receipt": receipt()}, True), ({}, False)])
def test_an_event_wanted_again_has_the_old_key_only_while_something_may_be_there(
    there: dict[str, Any], same: bool
) -> None:
    (planned,) = plan(SUBJECT, [booking()], choices(), [reference(None, **there)]).references
    assert (key_for(planned, SUBJECT) == "k1") is same


def test_keys_differ_by_subject_place_and_incarnation() -> None:
    keys = {
        idempotency_key(subject, place, incarnation)
        for subject in ("b1", "b2")
        for place in (WORK, HOME, TEAM)
        for incarnation in (1, 2)
    }
    assert len(keys) == 12
    assert idempotency_key("b1", WORK, 1) == idempotency_key("b1", WORK, 1)


OLD = reference(EVENT, id=1, subject="b1", event_uid="old@Cal.com")
OWN = reference(EVENT, id=2, subject="b2", event_uid="own@Cal.com")


@pytest.mark.parametrize(
    ("own", "decided"),
    [
        ([], TakeOver(taken=(OLD,))),
        ([replace(OWN, place=HOME)], TakeOver(taken=(OLD,))),
        ([OWN], TakeOver(taken=(OLD,), discarded=(OWN,))),
        ([replace(OWN, attempted=True)], TakeOver()),
        ([replace(OWN, attempted=True, event_uid=OLD.event_uid)], TakeOver(same=(OLD,))),
    ],
    ids=["none of its own", "another place", "never tried", "tried", "tried, the same event"],
)
def test_the_same_event_moves_unless_the_new_booking_may_be_there_already(
    own: list[Reference], decided: TakeOver
) -> None:
    assert take_over([OLD], own) == decided


def test_a_reference_that_was_only_refused_follows_a_new_choice() -> None:
    parked = reference(EVENT, place=HOME, state=ReferenceState.PARKED)
    made = plan(SUBJECT, [booking()], choices(), [parked])
    assert [(p.place, p.desired is not None) for p in made.references] == [(WORK, True), (HOME, False)]


def test_the_newest_booking_of_a_series_says_where_it_is_written() -> None:
    older = booking("o1", series="s1", destinations=(named(WORK),))
    newer = booking("o2", series="s1", destinations=(named(TEAM),), revision=at(1))
    assert [p.place for p in plan("s1", [newer, older], choices(), []).references] == [TEAM]


def test_a_booking_that_names_no_place_stays_in_the_one_it_was_first_written_to() -> None:
    first, second = (reference(EVENT, place=place, attempted=True) for place in (HOME, WORK))
    made = plan(SUBJECT, [booking()], choices(), [first, second])
    assert [(p.place, p.desired is not None) for p in made.references] == [(WORK, False)]


def test_a_series_stays_in_every_place_that_one_of_its_bookings_names() -> None:
    older = booking("o1", series="s1", destinations=(named(HOME), named(WORK)))
    newer = booking("o2", series="s1", revision=at(1))
    wanted = event_for([older, newer])
    there = [reference(wanted, place=place, attempted=True) for place in (HOME, WORK)]
    assert plan("s1", [older, newer], choices(), there).references == ()
