"""Where bookings are written: where somebody chose, and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from .deliveries import LEFT_OUT, START, cancelled, created, rescheduled
from .world import ANNA, BEN, WORK, World

Calendars = dict[str, Any]


def named(external_id: str, **fields: Any) -> Calendars:
    return {"integration": "memory_calendar", "externalId": external_id, **fields}


@pytest.fixture
def rooms(world: World) -> World:
    """Anna has three calendars and chose none; `holidays` cannot be written to."""
    for name in (WORK, "private"):
        world.provider.add_calendar(name)
    world.provider.add_calendar("holidays", read_only=True)
    world.person(destination="")
    return world


@pytest.mark.parametrize("nothing", [None, [], LEFT_OUT])
def test_a_booking_that_names_nothing_goes_where_its_organizer_chose(office: World, nothing: Any) -> None:
    office.provider.add_calendar("private")
    office.tell(created(destinationCalendar=nothing))
    assert len(office.events()) == 1
    assert office.events("private") == []


@pytest.mark.parametrize("form", [named("private"), [named("private")]])
def test_a_booking_goes_where_it_says(rooms: World, form: Any) -> None:
    rooms.choose(WORK, user_id=ANNA)
    rooms.tell(created(destinationCalendar=form))
    assert len(rooms.events("private")) == 1
    assert rooms.events(WORK) == []


def test_a_booking_goes_to_every_calendar_it_names_once(rooms: World) -> None:
    rooms.tell(created(destinationCalendar=[named("private"), named(WORK), named("private")]))
    assert (len(rooms.events("private")), len(rooms.events(WORK))) == (1, 1)
    rooms.tell(cancelled(destinationCalendar=[named("private"), named(WORK)]))
    assert rooms.events("private") == rooms.events(WORK) == []


def test_an_event_types_destination_wins_over_the_organizers(rooms: World) -> None:
    rooms.choose(WORK, user_id=ANNA)
    rooms.choose("private", event_type_id=123)
    rooms.tell(created("a"), created("b", eventTypeId=124))
    assert [e.uid for e in rooms.events("private")] == ["a@Cal.com"]
    assert [e.uid for e in rooms.events(WORK)] == ["b@Cal.com"]


def test_a_meeting_whose_moves_are_told_backwards_stays_where_it_was_though_the_default_changed(rooms: World) -> None:
    rooms.choose(WORK, user_id=ANNA)
    rooms.tell(created("a"))
    rooms.choose("private", user_id=ANNA)
    rooms.tell(rescheduled("c", "b", told=40, at=2))
    assert len(rooms.events("private")) == 1
    rooms.tell(rescheduled("b", "a", told=30, at=1))
    assert rooms.events("private") == []
    assert rooms.event().start == START + timedelta(hours=2)


def test_a_booking_without_a_destination_waits_with_advice_and_is_written_once_one_is_chosen(rooms: World) -> None:
    rooms.tell(created())
    row = rooms.booking_row()
    assert row.problem_code == "no_destination"
    assert "anna@example.com" in row.problem
    assert "syncd calendars destination" in row.remedy
    assert rooms.provider.calls["put_event"] == 0
    (logged,) = rooms.log(subject="a")
    assert (logged.operation, logged.outcome, logged.code) == ("plan", "parked", "no_destination")
    rooms.choose(WORK, user_id=ANNA)
    rooms.runtime.intake.replan(["a"])
    rooms.work()
    assert len(rooms.events(WORK)) == 1
    assert rooms.booking_row().problem_code == ""


def test_an_unknown_destination_is_never_replaced_by_another(rooms: World) -> None:
    rooms.choose(WORK, user_id=ANNA)
    rooms.tell(created(destinationCalendar=[named("elsewhere")]))
    assert rooms.events(WORK) == []
    assert rooms.booking_row().problem_code == "unknown_destination"


def test_a_destination_that_cannot_be_written_to_waits_with_advice(rooms: World) -> None:
    rooms.tell(created(destinationCalendar=named("holidays")))
    row = rooms.booking_row()
    assert row.problem_code == "read_only_destination"
    assert row.remedy


def test_a_destination_that_two_connections_have_is_never_guessed(world: World) -> None:
    first, second = world.person(ANNA), world.person(BEN)
    assert first != second
    with world.runtime.database.write() as session:
        row = world.connection(second)
        row.user_id, row.account = ANNA, "another"
        session.merge(row)
    world.tell(created("a", destinationCalendar=named(WORK)))
    assert world.booking_row().problem_code == "ambiguous_destination"
    world.tell(created("b", destinationCalendar=named(WORK, credentialId=second)))
    assert world.reference("b").connection_id == second


def test_a_destination_that_is_gone_at_its_provider_waits_with_advice(office: World) -> None:
    del office.provider.calendars[WORK]
    office.runtime.accounts.refresh_calendars(office.connection(1).id or 0)
    office.tell(created())
    assert office.booking_row().problem_code == "destination_gone"


def test_a_later_default_moves_no_event(rooms: World) -> None:
    rooms.choose(WORK, user_id=ANNA)
    rooms.tell(created())
    rooms.choose("private", user_id=ANNA)
    rooms.tell(created(told=5, at=2))
    assert len(rooms.events(WORK)) == 1
    assert rooms.events("private") == []


def test_a_booking_that_names_another_calendar_moves_there(rooms: World) -> None:
    rooms.tell(created(destinationCalendar=named(WORK)))
    rooms.tell(created(told=5, destinationCalendar=named("private")))
    assert rooms.events(WORK) == []
    assert len(rooms.events("private")) == 1


def test_a_booking_that_moves_away_and_back_is_there_once(rooms: World) -> None:
    for told, name in enumerate((WORK, "private", WORK)):
        rooms.tell(created(told=told, destinationCalendar=named(name)))
    assert (len(rooms.events(WORK)), len(rooms.events("private"))) == (1, 0)


def test_each_organizers_bookings_go_to_their_own_calendar(world: World) -> None:
    world.person(ANNA, destination="annas")
    world.person(BEN, destination="bens")
    ben = {"id": BEN, "name": "Ben", "email": "ben@example.com", "timeZone": "UTC", "language": {"locale": "en"}}
    world.tell(created("a"), created("b", organizer=ben))
    assert [e.uid for e in world.events("annas")] == ["a@Cal.com"]
    assert [e.uid for e in world.events("bens")] == ["b@Cal.com"]


def test_an_organizer_is_known_by_email_when_the_id_is_not_told(office: World) -> None:
    anna = {"name": "Anna", "email": "Anna@Example.com", "timeZone": "UTC", "language": {"locale": "en"}}
    office.tell(created(organizer=anna))
    assert len(office.events()) == 1
