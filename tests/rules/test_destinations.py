"""Where a booking is written: each line of the rule, and each way it can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.model.booking import Booking
from syncd.model.calendar import Participant
from syncd.model.reference import Place
from syncd.rules.destinations import Choices, PlanProblem, destinations

from .made import ANNA_ID, BEN_ID, CALENDARS, HOME, TEAM, WORK, booking, choices, known_calendar, named

EVENT_TYPE = 123
BY_EVENT_TYPE = {EVENT_TYPE: HOME.calendar_id}


def problem(of: Booking, among: Choices, written: tuple[Place, ...] = ()) -> PlanProblem:
    found = destinations(of, among, written)
    assert isinstance(found, PlanProblem)
    assert found.reason.endswith(".")
    assert found.remedy
    return found


def test_the_bookings_own_destinations_come_first_every_one_of_them() -> None:
    own = booking(destinations=(named(TEAM), named(HOME), named(TEAM)), event_type_id=EVENT_TYPE)
    assert destinations(own, choices(by_event_type=BY_EVENT_TYPE), (WORK,)) == (TEAM, HOME)


def test_where_it_is_written_already_comes_before_later_defaults() -> None:
    assert destinations(booking(event_type_id=EVENT_TYPE), choices(by_event_type=BY_EVENT_TYPE), (TEAM,)) == (TEAM,)


def test_the_event_types_destination_comes_before_the_organizers() -> None:
    assert destinations(booking(event_type_id=EVENT_TYPE), choices(by_event_type=BY_EVENT_TYPE), ()) == (HOME,)


@pytest.mark.parametrize("event_type_id", [None, 999])
def test_the_organizers_destination_comes_last(event_type_id: int | None) -> None:
    assert destinations(booking(event_type_id=event_type_id), choices(by_event_type=BY_EVENT_TYPE), ()) == (WORK,)


def test_an_event_types_destination_serves_an_unknown_organizer_too() -> None:
    stranger = booking(organizer=None, event_type_id=EVENT_TYPE)
    assert destinations(stranger, choices(by_event_type=BY_EVENT_TYPE), ()) == (HOME,)


def test_the_organizer_is_known_by_id_before_the_address() -> None:
    by_user = {ANNA_ID: WORK.calendar_id, BEN_ID: TEAM.calendar_id}
    assert destinations(booking(organizer_id=BEN_ID), choices(by_user=by_user), ()) == (TEAM,)


def test_the_organizers_address_is_compared_without_case() -> None:
    assert destinations(booking(organizer=Participant(email="ANNA@Example.com")), choices(), ()) == (WORK,)


@pytest.mark.parametrize(
    "changed", [{"organizer": None}, {"organizer": Participant(email="new@example.com")}, {"organizer_id": 99}]
)
def test_nothing_named_is_a_problem_never_a_guess(changed: dict[str, Any]) -> None:
    assert problem(booking(**changed), choices()).code == "no_destination"


def test_a_chosen_calendar_that_is_not_known_is_a_problem() -> None:
    assert problem(booking(), choices(by_user={ANNA_ID: 999})).code == "no_destination"


def test_one_unknown_destination_keeps_the_booking_from_every_other() -> None:
    both = (named(WORK), named(WORK, external_id="https://elsewhere.example.com/"))
    assert problem(booking(destinations=both), choices()).code == "unknown_destination"


@pytest.mark.parametrize(("fault", "code"), [("missing", "destination_gone"), ("read_only", "read_only_destination")])
def test_a_destination_that_cannot_be_used_is_a_problem_never_skipped(fault: str, code: str) -> None:
    calendars = (known_calendar(WORK, **{fault: True}), *CALENDARS[1:])
    assert problem(booking(), choices(calendars=calendars)).code == code
    assert problem(booking(destinations=(named(HOME), named(WORK))), choices(calendars=calendars)).code == code


def test_a_destination_without_connection_is_found_by_owner_and_kind() -> None:
    assert destinations(booking(destinations=(named(WORK, connection_id=None),)), choices(), ()) == (WORK,)
    bens = named(TEAM, connection_id=None, user_id=BEN_ID)
    assert destinations(booking(destinations=(bens,)), choices(), ()) == (TEAM,)


@pytest.mark.parametrize("changed", [{"user_id": BEN_ID}, {"integration": "google_calendar"}])
def test_anothers_calendar_or_another_kind_is_not_taken_for_it(changed: dict[str, Any]) -> None:
    ref = named(WORK, connection_id=None, **changed)
    assert problem(booking(destinations=(ref,)), choices()).code == "unknown_destination"


def test_a_calendar_that_two_connections_of_the_owner_have_is_ambiguous_unless_one_is_named() -> None:
    twin = replace(WORK, connection_id=11, calendar_id=111)
    twins = choices(calendars=(*CALENDARS, known_calendar(twin)))
    unnamed = booking(destinations=(named(WORK, connection_id=None),))
    assert problem(unnamed, twins).code == "ambiguous_destination"
    assert destinations(booking(destinations=(named(twin),)), twins, ()) == (twin,)
