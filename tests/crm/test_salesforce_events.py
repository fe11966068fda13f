"""What an event in Salesforce says: text, times, privacy, lengths, and the occurrences of a series."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from salesforce_given import (
    BOB,
    BOOKER,
    HOST,
    START,
    UID_FIELD,
    World,
    activity,
    booked,
    cancelled,
    field,
    put,
    with_guests,
)

from syncd.model.activity import Activity
from syncd.model.booking import Booking, BookingStatus, Recurrence
from syncd.model.calendar import Receipt
from syncd.rules.activity import activity_for

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("booking", "fields"),
    [
        ({}, {"Subject": "Discovery call", "IsPrivate": False, "IsAllDayEvent": False}),
        ({}, {"StartDateTime": "2026-03-02T10:00:00.000+0000", "EndDateTime": "2026-03-02T10:30:00.000+0000"}),
        ({"hide_details": True}, {"IsPrivate": True}),
        ({"location": "Room 1"}, {"Location": "Room 1"}),
        ({"meeting_url": "https://meet.example/1"}, {"Location": "https://meet.example/1"}),
        ({"title": "T" * 300}, {"Subject": "T" * 255}),
        ({"title": "\N{GRINNING FACE}" * 200}, {"Subject": "\N{GRINNING FACE}" * 127}),
        ({"location": "L" * 300}, {"Location": "L" * 255}),
    ],
)
def test_the_fields_of_an_event(world: World, booking: dict[str, Any], fields: dict[str, Any]) -> None:
    put(world.writer(), activity(**booking))
    event = world.event()
    assert {name: event[name] for name in fields} == fields


@pytest.mark.parametrize(("days", "last"), [(1, "2026-03-02"), (3, "2026-03-04")])
def test_an_all_day_event_ends_on_its_last_day(world: World, days: int, last: str) -> None:
    put(world.writer(), activity(start_date=START.date(), end_date=START.date() + days * DAY))
    event = world.event()
    assert event["IsAllDayEvent"] is True
    assert (event["StartDateTime"][:10], event["EndDateTime"][:10]) == ("2026-03-02", last)


def test_the_description_tells_notes_answers_and_the_booking(world: World) -> None:
    put(world.writer(), activity(description="About", notes="Bring a pen", answers={"budget": "1000"}))
    assert world.event()["Description"].split("\n\n") == ["About", "Bring a pen", "budget: 1000", "Booking: b1"]


def test_markup_is_neither_made_nor_hidden(world: World) -> None:
    text = "<b>5 < 6 & 7</b>\r\n\"quoted\" 'single'"
    fields = [field("event", "Subject", "{notes}"), field("person", "Description", "{notes}", "textarea")]
    put(world.writer(fields=fields), activity(notes=text))
    assert world.event()["Description"].startswith("<b>5 < 6 & 7</b>")
    assert world.event()["Subject"] == "<b>5 < 6 & 7</b> \"quoted\" 'single'"
    assert world.records("Contact")[0]["Description"].startswith("<b>5 < 6 & 7</b>")


def test_markup_of_values_is_escaped_in_rich_text_alone(world: World) -> None:
    put(world.writer(), activity(notes="<script>x</script>"))
    assert "&lt;" not in world.event()["Description"]


def test_a_long_description_is_cut_before_the_guests_and_the_booking(world: World) -> None:
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER)
    put(world.writer(skip_contact_creation=True), activity(replace(with_guests(BOB), notes="n" * 40_000)))
    description = world.event()["Description"]
    assert len(description) == 32_000
    assert description.endswith(f"\n\nGuests: {BOB.name} <{BOB.email}>\n\nBooking: b1")


# series

WEEKLY = Recurrence(freq="WEEKLY", count=3)
STARTS = ["2026-03-02T10:00", "2026-03-09T10:00", "2026-03-16T10:00"]


def occurrence(number: int, **changed: Any) -> Booking:
    """One booking of a weekly series of three."""
    start = START + number * 7 * DAY
    values = {"start": start, "end": start + timedelta(minutes=30), "series": "s1", "recurrence": WEEKLY}
    return booked(f"o{number}", **(values | changed))


def series(*changed: Booking) -> Activity:
    """What is wanted of the series, with these occurrences instead of the ordinary ones."""
    bookings = {f"o{n}": occurrence(n) for n in range(3)} | {booking.uid: booking for booking in changed}
    wanted = activity_for(list(bookings.values()))
    assert wanted is not None
    return wanted


def starts(world: World) -> list[str]:
    """When the events begin."""
    return sorted(event["StartDateTime"][:16] for event in world.records("Event"))


def first_of_series(world: World) -> Receipt:
    """The receipt of the whole series."""
    receipt = put(world.writer(), series()).receipt
    assert receipt is not None
    return receipt


def off(number: int) -> Booking:
    """A cancelled occurrence."""
    return occurrence(number, status=BookingStatus.CANCELLED, cancelled_at=START)


def later(number: int) -> Booking:
    """An occurrence moved by a day."""
    at = occurrence(number)
    return replace(at, start=at.start + DAY, end=at.end + DAY, original_start=at.start)


def test_a_series_is_one_event_with_its_occurrences(world: World) -> None:
    first_of_series(world)
    assert starts(world) == STARTS
    assert len(world.records("Contact")) == 1
    assert {e["WhoId"] for e in world.records("Event")} == {world.records("Contact")[0]["Id"]}


def test_a_series_keeps_the_local_time(world: World) -> None:
    spring = Recurrence(freq="WEEKLY", count=2)
    at = START.replace(month=3, day=25)  # the clocks of Berlin change on the 29th
    put(world.writer(), activity(start=at, end=at + timedelta(minutes=30), recurrence=spring))
    assert starts(world) == ["2026-03-25T10:00", "2026-04-01T09:00"]


@pytest.mark.parametrize(
    ("changed", "after"),
    [
        ((later(1),), [STARTS[0], "2026-03-10T10:00", STARTS[2]]),
        ((off(1),), [STARTS[0], STARTS[2]]),
        ((later(0), off(2)), ["2026-03-03T10:00", STARTS[1]]),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_an_occurrence_that_differs_is_changed_alone(
    world: World, changed: tuple[Booking, ...], after: list[str], at_once: bool
) -> None:
    first = None if at_once else first_of_series(world)
    put(world.writer(), series(*changed), first)
    assert starts(world) == after


def test_an_occurrence_may_move_again_and_back(world: World) -> None:
    first = put(world.writer(), series(later(1)), first_of_series(world)).receipt
    at = later(1)
    second = put(world.writer(), series(replace(at, start=at.start + DAY, end=at.end + DAY)), first).receipt
    assert starts(world) == [STARTS[0], "2026-03-11T10:00", STARTS[2]]
    put(world.writer(), series(), second)
    assert starts(world) == STARTS


def test_a_change_of_the_series_is_written_to_each_occurrence(world: World) -> None:
    first = first_of_series(world)
    renamed = [replace(occurrence(n), title="Renamed") for n in range(3)]
    put(world.writer(), series(*renamed), first)
    assert [e["Subject"] for e in world.records("Event")] == ["Renamed"] * 3
    assert starts(world) == STARTS


def test_a_series_moves_with_all_its_occurrences(world: World) -> None:
    first = first_of_series(world)
    put(
        world.writer(),
        series(
            *(replace(occurrence(n), start=occurrence(n).start + DAY, end=occurrence(n).end + DAY) for n in range(3))
        ),
        first,
    )
    assert starts(world) == ["2026-03-03T10:00", "2026-03-10T10:00", "2026-03-17T10:00"]


@pytest.mark.parametrize("moved_first", [True, False])
def test_a_cancelled_series_is_gone_as_a_whole(world: World, moved_first: bool) -> None:
    first = first_of_series(world)
    if moved_first:
        again = put(world.writer(), series(later(0), off(1)), first).receipt
        assert again is not None
        first = again
    gone = activity_for([off(n) for n in range(3)])
    assert gone is not None
    put(world.writer(), gone, first)
    assert world.records("Event") == []


@pytest.mark.parametrize("uid_field", ["", UID_FIELD])
def test_a_series_whose_answer_was_lost_is_not_made_twice(world: World, uid_field: str) -> None:
    world.org.add_field("Event", UID_FIELD, unique=True, external_id=True)
    writer = world.writer(world.connector(booking_uid_field=uid_field))
    put(writer, series())
    put(writer, series(), unclear=True)
    assert starts(world) == STARTS
    assert put(writer, cancelled(occurrence(0)), unclear=True).receipt is None
    assert world.records("Event") == []


def test_the_occurrences_are_the_hosts(world: World) -> None:
    first_of_series(world)
    assert {e["OwnerId"] for e in world.records("Event")} == {world.user(HOST)}


def test_a_series_without_its_first_occurrence(world: World) -> None:
    again = put(world.writer(), series(off(0)), first_of_series(world)).receipt
    assert starts(world) == STARTS[1:]
    put(world.writer(), series(off(0), later(1)), again)
    assert starts(world) == ["2026-03-10T10:00", STARTS[2]]
