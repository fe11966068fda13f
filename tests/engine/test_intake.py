"""Bookings as deliveries tell them, up to the calendar."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest

from syncd.model.booking import BookingStatus
from syncd.model.calendar import EventStatus
from syncd.settings import EventType, Settings
from syncd.testing.memory import MemoryProvider

from .deliveries import (
    LEFT_OUT,
    START,
    api_booking,
    cancelled,
    created,
    no_show,
    rejected,
    requested,
    rescheduled,
    sample,
)
from .world import WORK, World, starts


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_a_created_booking_becomes_one_event(office: World) -> None:
    office.tell(sample("01-created"))
    event = office.event()
    assert event.title == "Strategy Session between Anna Müller and Guest User"
    assert (event.start, event.end, event.zone) == (START, START + hours(0.5), "Europe/Berlin")
    assert {a.email for a in event.attendees} == {"guest@example.org", "additional-guest@example.org"}
    assert event.uid == "kT3vWq9pXyAbCdEf12345@Cal.com"


def test_a_delivery_told_twice_makes_one_event(office: World) -> None:
    office.tell(created(), created())
    office.tell(created())
    assert len(office.events()) == 1
    assert [d.repeats for d in office.deliveries()] == [2]
    assert office.provider.calls["put_event"] == 1


def test_a_requested_booking_is_not_written_until_it_is_accepted(office: World) -> None:
    office.tell(requested())
    assert office.events() == []
    office.tell(created(told=5))
    assert office.event().status is EventStatus.CONFIRMED


def test_an_event_type_can_ask_for_requests_to_be_written(
    settings: Settings, open_runtime: Any, memory: MemoryProvider, clock: Any
) -> None:
    asking = settings.model_copy(update={"event_types": {"123": EventType(write_requests=True)}})
    world = World(open_runtime(settings=asking), memory, clock)
    world.person()
    world.tell(requested("a"), requested("b", eventTypeId=124))
    assert world.event().status is EventStatus.TENTATIVE
    world.tell(created("a", told=5))
    assert world.event().status is EventStatus.CONFIRMED
    world.tell(requested("c", at=2))
    world.tell(rejected("c"))
    assert world.event().uid == "a@Cal.com"


def test_a_rejected_request_leaves_nothing(office: World) -> None:
    office.tell(requested(), rejected())
    assert office.events() == []
    booking = office.booking()
    assert booking is not None
    assert booking.status is BookingStatus.REJECTED


def test_a_cancelled_booking_loses_its_event(office: World) -> None:
    office.tell(created())
    office.tell(cancelled())
    assert office.events() == []
    assert office.reference().state == "removed"


def test_a_booking_cancelled_before_it_was_created_is_never_written(office: World) -> None:
    office.tell(cancelled())
    office.tell(created())
    assert office.events() == []
    assert office.provider.calls["put_event"] == 0


def test_an_older_telling_changes_nothing(office: World) -> None:
    office.tell(created(told=5, at=3))
    office.tell(created(told=0))
    assert starts(office.events()) == [START + hours(3)]


CHAIN = (
    created("a", told=0),
    rescheduled("b", "a", told=10, at=5),
    rescheduled("c", "b", told=20, at=9),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("written_between", [True, False])
def test_a_booking_moved_twice_is_one_event_in_every_order_of_telling(
    office: World, order: tuple[int, ...], written_between: bool
) -> None:
    for index in order:
        office.deliver(CHAIN[index])
        if written_between:
            office.work()
    office.work()
    assert starts(office.events()) == [START + hours(9)]
    states = [office.booking(uid) for uid in "abc"]
    assert [b.status for b in states if b] == [
        BookingStatus.RESCHEDULED,
        BookingStatus.RESCHEDULED,
        BookingStatus.ACCEPTED,
    ]
    assert office.reference("c").state == "synced"


def test_a_moved_booking_keeps_its_event(office: World) -> None:
    office.tell(created("a"))
    before, (item,) = office.event(), office.provider.calendars[WORK]
    office.tell(rescheduled("b", "a", at=5))
    after = office.event()
    assert list(office.provider.calendars[WORK]) == [item]
    assert after.uid == before.uid
    assert after.start == START + hours(5)
    assert after.sequence > before.sequence


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_moved_and_then_cancelled_booking_leaves_nothing_in_every_order(
    office: World, order: tuple[int, ...]
) -> None:
    tellings = (*CHAIN, cancelled("c", told=30, at=9, iCalUID=LEFT_OUT))
    for index in order:
        office.tell(tellings[index])
    assert office.events() == []


def test_a_late_telling_of_the_replaced_booking_does_not_bring_it_back(office: World) -> None:
    office.tell(created("a"), rescheduled("b", "a", at=5))
    office.tell(created("a", told=40, at=1))
    assert starts(office.events()) == [START + hours(5)]


def test_a_changed_location_reaches_the_event(office: World) -> None:
    office.tell(created())
    office.tell(created(told=5, location="Room 7"))
    assert office.event().location == "Room 7"


def test_changed_attendees_reach_the_event(office: World) -> None:
    office.tell(created())
    people = [{"email": "new@example.net", "name": "New", "timeZone": "UTC", "language": {"locale": "en"}}]
    office.tell(created(told=5, attendees=people))
    assert [a.email for a in office.event().attendees] == ["new@example.net"]


def test_a_no_show_is_kept_and_changes_no_event(office: World) -> None:
    office.tell(created())
    office.tell(no_show())
    booking = office.booking()
    assert booking is not None
    assert [a.email for a in booking.attendees if a.absent] == ["guest@example.org"]
    assert office.provider.calls["put_event"] == 1


def test_a_no_show_told_before_its_booking_waits_for_it(office: World) -> None:
    office.tell(no_show())
    assert [d.state for d in office.deliveries()] == ["waiting"]
    office.tell(created())
    office.runtime.intake.take_in(("new", "waiting"))  # type: ignore[arg-type]
    booking = office.booking()
    assert booking is not None
    assert [a.email for a in booking.attendees if a.absent] == ["guest@example.org"]
    assert [d.state for d in office.deliveries()] == ["taken", "taken"]


def test_a_no_show_survives_a_later_telling(office: World) -> None:
    office.tell(created(), no_show(), created(told=90, location="Room 7"))
    booking = office.booking()
    assert booking is not None
    assert [a.email for a in booking.attendees if a.absent] == ["guest@example.org"]


def test_a_booking_without_ical_uid_gets_the_same_one_in_every_attempt(office: World) -> None:
    office.tell(created(iCalUID=LEFT_OUT))
    assert office.event().uid == "a@syncd"
    office.tell(created(told=5, at=2, iCalUID="late@Cal.com"))
    assert office.event().uid == "a@syncd"


@pytest.mark.parametrize("spelling", ["2026-01-05T09:00:00Z", "2026-01-05T10:00:00+01:00", "2026-01-05T09:00:00.000Z"])
def test_both_forms_of_dates_mean_the_same(office: World, spelling: str) -> None:
    office.tell(created(startTime=spelling))
    assert office.event().start == START


def test_a_booking_of_whole_days_keeps_its_dates(office: World) -> None:
    office.tell(created(startTime="2026-01-05", endTime="2026-01-07"))
    event = office.event()
    assert (event.start_date, event.end_date) == (date(2026, 1, 5), date(2026, 1, 7))


def test_bookings_of_the_api_and_of_webhooks_are_the_same_bookings(office: World) -> None:
    office.tell(created("a"))
    office.tell(api_booking("a", told=9, at=4), api_booking("b", at=6), api_booking("c", status="cancelled", at=8))
    assert starts(office.events()) == [START + hours(4), START + hours(6)]


def test_deliveries_that_concern_nothing_here_are_ignored(office: World) -> None:
    office.tell({"triggerEvent": "MEETING_ENDED", "uid": "a"}, {"triggerEvent": "RECORDING_READY", "payload": {}})
    assert [d.state for d in office.deliveries()] == ["ignored", "ignored"]


POISON: list[Any] = [
    {"triggerEvent": "BOOKING_CREATED", "payload": {}},
    {"triggerEvent": "NO_SUCH_TRIGGER", "payload": {}},
    {"triggerEvent": 7},
    {"triggerEvent": "BOOKING_CREATED", "payload": "x"},
    {"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "payload": {"bookingUid": "a", "attendees": []}},
    {},
    [],
    "text",
    7,
    None,
    created("p", startTime="tomorrow"),
    created("q", startTime="2026-01-05T09:00:00Z", endTime="2026-01-05T08:00:00Z"),
    created("r", recurringEvent={"freq": 99}),
    created("s", attendees=[{"email": "no address"}]),
    created("t", title="x" * 30_000),
]


def test_a_poisoned_delivery_is_quarantined_and_stops_no_other(office: World) -> None:
    office.tell(created("first", at=1), *POISON, created("last", at=2))
    assert starts(office.events()) == [START + hours(1), START + hours(2)]
    states = [d.state for d in office.deliveries()]
    assert states == ["taken", *["quarantined"] * len(POISON), "taken"]
    assert all(d.reason for d in office.deliveries() if d.state == "quarantined")


HOSTILE: list[Any] = [
    created("h", title="\ud800 half a character"),
    created("h", additionalNotes="\\u0000 in words"),
    created("h", title="a\x00b", responses={"q": {"label": "q", "value": "c\x00d\udfff"}}),
    created("h", startTime="0001-01-01T00:00:00Z", endTime="0001-01-01T01:00:00Z"),
    created("h", startTime="9999-12-31T22:00:00Z", endTime="9999-12-31T23:59:59Z"),
    created(
        "h",
        startTime="2026-01-05T09:00:00Z",
        endTime="2026-01-05T11:00:00Z",
        rescheduleStartTime="9999-12-31T23:59:00Z",
        recurringEvent={"freq": 2, "count": 3},
    ),
    created("h", eventTypeId=10**30, bookingId=10**30),
    created("h", destinationCalendar={"integration": "memory_calendar", "externalId": "x", "credentialId": 10**30}),
    {**created("h"), "createdAt": 10**18},
    created("h", responses={"deep": {"value": [[[[[[["x"]]]]]]]}}),
    created("h", rescheduleUid="h"),
    created("h", recurringBookingUid="a"),
]


@pytest.mark.parametrize("body", HOSTILE)
def test_a_hostile_delivery_stops_no_other(office: World, body: Any) -> None:
    office.tell(body, created("good", at=2))
    assert START + hours(2) in starts(office.events())
    assert all(d.state in ("taken", "quarantined") for d in office.deliveries())


def test_a_backslash_before_u0000_is_text(office: World) -> None:
    office.tell(created(additionalNotes="\\u0000 and \\\\u0000"))
    assert "\\u0000 and \\\\u0000" in office.event().description


def test_what_no_database_holds_is_taken_out_of_a_delivery(office: World) -> None:
    office.tell(created(title="a\x00b\ud800c", responses={"q": {"label": "q", "value": "d\x00e"}}))
    assert office.event().title == "ab?c"
    assert "q: de" in office.event().description
