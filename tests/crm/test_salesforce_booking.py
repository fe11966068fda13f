"""Bookings in Salesforce: whose record, what is written, in how many calls."""

from __future__ import annotations

from datetime import timedelta

from salesforce_given import BOOKER, HOST, START, World, activity, booked, cancelled, put

from syncd.model.booking import Attendee
from syncd.model.crm import ObjectKind


def test_a_new_booker_becomes_a_contact_with_an_event_in_two_calls(world: World) -> None:
    connector = world.connector()
    writer = world.writer(connector)
    connector.schema(list(ObjectKind))
    world.counted()
    told = put(writer, activity())
    assert world.counted() == 2
    (contact,) = world.records("Contact")
    (event,) = world.records("Event")
    assert (contact["FirstName"], contact["LastName"]) == ("Ada Maria", "Byron")
    assert (contact["Email"], contact["Phone"]) == (BOOKER, "+49 30 1")
    assert event["WhoId"] == contact["Id"]
    assert event["Subject"] == "Discovery call"
    assert told.receipt is not None
    assert told.receipt.id == event["Id"]


def test_a_known_contact_is_taken(world: World) -> None:
    known = world.org.add_record("Contact", LastName="Byron", Email=BOOKER.upper())
    put(world.writer(), activity())
    assert [c["Id"] for c in world.records("Contact")] == [known]
    assert world.records("Event")[0]["WhoId"] == known


def test_the_event_is_the_hosts(world: World) -> None:
    put(world.writer(), activity())
    (user,) = (u for u in world.records("User") if u["Email"] == HOST)
    assert world.records("Event")[0]["OwnerId"] == user["Id"]


def test_a_reschedule_moves_the_event(world: World) -> None:
    writer = world.writer()
    first = put(writer, activity()).receipt
    later = START + timedelta(days=1)
    put(writer, activity(start=later, end=later + timedelta(minutes=30)), first)
    (event,) = world.records("Event")
    assert event["StartDateTime"].startswith("2026-03-03T10:00:00")


def test_a_cancelled_booking_deletes_the_event(world: World) -> None:
    writer = world.writer()
    first = put(writer, activity()).receipt
    told = put(writer, cancelled(), first)
    assert told.receipt is None
    assert world.records("Event") == []
    assert len(world.records("Contact")) == 1


def test_guests_are_on_the_event_too(world: World) -> None:
    guests = (*booked().attendees, Attendee(email="bob@acme.example", name="Bob"))
    put(world.writer(), activity(attendees=guests))
    assert {c["Email"] for c in world.records("Contact")} == {BOOKER, "bob@acme.example"}
