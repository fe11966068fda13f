"""A booking as the calendar event wanted for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from syncd.model.booking import Attendee, Booking, BookingStatus, Recurrence
from syncd.model.calendar import Event, EventStatus, Occurrence, Participant
from syncd.rules.event import event_for, rrule

from .made import ANNA, GUEST, at, booking

WEEK = timedelta(weeks=1)
RULE = Recurrence(freq="WEEKLY", count=4)
STANDING = BookingStatus.ACCEPTED
START = booking().start
HOUR = timedelta(hours=1)


def event(**changed: Any) -> Event:
    made = event_for([booking(**changed)])
    assert made is not None
    return made


@pytest.mark.parametrize("status", [s for s in BookingStatus if s is not STANDING])
def test_a_booking_that_does_not_stand_has_no_event(status: BookingStatus) -> None:
    assert event_for([booking(status=status)]) is None


def test_a_request_is_written_as_tentative_when_the_event_type_says_so() -> None:
    made = event_for([booking(status=BookingStatus.PENDING)], write_requests=True)
    assert made is not None
    assert made.status is EventStatus.TENTATIVE
    assert event().status is EventStatus.CONFIRMED


def test_the_newest_standing_booking_counts() -> None:
    made = event_for([booking(), booking("b2", revision=at(1), title="New")])
    assert made is not None
    assert made.title == "New"


def test_the_uid_is_the_products_own_else_made_of_the_bookings() -> None:
    assert event(ical_uid="x@cal").uid == "x@cal"
    assert event().uid == event(revision=at(9), title="x").uid == "b1@syncd"


@pytest.mark.parametrize(
    ("changed", "title"),
    [({}, "Strategy"), ({"title": "", "event_type": "intro"}, "intro"), ({"title": ""}, "Meeting")],
)
def test_an_event_always_has_a_title(changed: dict[str, Any], title: str) -> None:
    assert event(**changed).title == title


@pytest.mark.parametrize(
    ("changed", "zone"),
    [
        ({}, "Europe/Berlin"),
        ({"organizer": None}, "America/New_York"),
        ({"organizer": None, "attendees": ()}, "UTC"),
    ],
)
def test_the_zone_is_the_organizers_else_an_attendees(changed: dict[str, Any], zone: str) -> None:
    assert event(**changed).zone == zone


def test_everything_a_booking_says_of_time_and_place_is_taken_over() -> None:
    day = date(2026, 1, 5)
    made = event(start_date=day, end_date=day + timedelta(1), hide_details=True, sequence=3, location="Room 1")
    assert (made.start_date, made.end_date, made.private, made.sequence) == (day, day + timedelta(1), True, 3)
    assert (made.location, made.url, made.organizer) == ("Room 1", "", ANNA)
    assert event(meeting_url="https://video.example.com/1").location == "https://video.example.com/1"


def test_attendees_are_the_seats_taken_and_the_hosts_each_once_without_the_organizer() -> None:
    gone, double = Attendee(email="gone@example.org", left=True), Participant(email="GUEST@example.org")
    made = event(attendees=(GUEST, gone), hosts=(double, replace(ANNA, email="Anna@Example.com")))
    assert made.attendees == (GUEST.participant,)
    assert event(organizer=None, hosts=(ANNA,)).attendees == (GUEST.participant, ANNA)


@pytest.mark.parametrize("hidden", [{"hide_organizer": True}, {"show_attendees": False}])
def test_attendees_are_hidden_when_the_booking_says_so(hidden: dict[str, Any]) -> None:
    assert event(**hidden).attendees == ()


ANSWERS = {"name": "Guest", "budget": 5, "topics": ["a", "b"]}


@pytest.mark.parametrize(
    ("changed", "description"),
    [
        ({}, ""),
        ({"description": "Plan", "notes": "Plan"}, "Plan"),
        ({"description": "Plan", "notes": "Hurry"}, "Plan\n\nHurry"),
        ({"answers": ANSWERS}, "budget: 5\ntopics: a, b"),
        ({"notes": "Hurry", "answers": ANSWERS, "hide_notes": True, "meeting_url": "https://v"}, "Join: https://v"),
        ({"description": "Plan", "notes": "Hurry", "answers": ANSWERS, "seated": True}, "Plan"),
    ],
)
def test_the_description_tells_what_those_invited_need_and_hides_what_is_hidden(
    changed: dict[str, Any], description: str
) -> None:
    assert event(**changed).description == description


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Recurrence(freq="DAILY"), "FREQ=DAILY"),
        (Recurrence(freq="WEEKLY", interval=2, count=4), "FREQ=WEEKLY;INTERVAL=2;COUNT=4"),
        (
            Recurrence(freq="MONTHLY", until=datetime.fromisoformat("2026-03-01T01:00:00+01:00")),
            "FREQ=MONTHLY;UNTIL=20260301T000000Z",
        ),
    ],
)
def test_a_rule_is_written_in_rfc_5545_words(rule: Recurrence, text: str) -> None:
    assert rrule(rule) == text


def occurrence(week: int, **changed: Any) -> Booking:
    plain = booking()
    values = {"series": "s1", "recurrence": RULE, "start": plain.start + week * WEEK, "end": plain.end + week * WEEK}
    return booking(f"o{week}", **values | changed)


def series(*bookings: Booking, **options: bool) -> Event:
    made = event_for(bookings, **options)
    assert made is not None
    return made


def test_a_series_is_one_event_anchored_at_its_first_occurrence() -> None:
    made = series(occurrence(1, revision=at(5)), occurrence(0))
    assert (made.uid, made.start, made.end) == ("s1@syncd", occurrence(0).start, occurrence(0).end)
    assert (made.rrule, made.occurrences) == ("FREQ=WEEKLY;COUNT=4", ())


def test_a_moved_and_a_cancelled_occurrence_differ_from_the_rule() -> None:
    first, second, third = (occurrence(n) for n in range(3))
    moved = occurrence(9, original_start=second.start, start=second.start + WEEK / 7, end=second.end + WEEK / 7)
    replaced = replace(second, status=BookingStatus.RESCHEDULED, replaced_by="o9")
    cancelled = replace(third, status=BookingStatus.CANCELLED)
    assert series(cancelled, moved, replaced, first).occurrences == (
        Occurrence(original=second.start, start=moved.start, end=moved.end),
        Occurrence(original=third.start),
    )


def test_an_occurrence_that_waits_for_consent_is_left_out_until_it_is_written() -> None:
    waiting = occurrence(1, status=BookingStatus.PENDING)
    assert series(occurrence(0), waiting).occurrences == (Occurrence(original=waiting.start),)
    assert series(occurrence(0), waiting, write_requests=True).occurrences == ()


def test_a_series_whose_rule_nobody_told_shows_each_of_its_bookings() -> None:
    starts = [START, START + timedelta(days=7), START + timedelta(days=9)]
    made = event_for([booking(f"o{n}", series="s", start=t, end=t + HOUR) for n, t in enumerate(starts)])
    assert made is not None
    assert (made.start, made.zone, made.rrule) == (START, "UTC", "FREQ=DAILY;COUNT=3")
    assert [(o.original, o.start) for o in made.occurrences] == [
        (START + timedelta(days=1), starts[1]),
        (START + timedelta(days=2), starts[2]),
    ]


def test_a_series_keeps_its_anchor_when_its_first_occurrence_moves() -> None:
    first = occurrence(0)
    moved = occurrence(8, original_start=first.start)
    moved = replace(moved, start=first.start + WEEK / 7, end=first.start + WEEK / 7 + timedelta(hours=2))
    gone = replace(first, uid="z", status=BookingStatus.RESCHEDULED, replaced_by="o8")
    made = series(gone, moved, occurrence(1))
    assert (made.start, made.end) == (first.start, first.end)
    assert made.occurrences == (Occurrence(original=first.start, start=moved.start, end=moved.end),)


def test_an_all_day_series_keeps_the_dates_of_its_first_day() -> None:
    def day(week: int) -> Booking:
        start = datetime(2026, 1, 5, tzinfo=UTC) + week * WEEK
        end = start + timedelta(days=1)
        dates = {"start": start, "end": end, "start_date": start.date(), "end_date": end.date()}
        return occurrence(week, revision=at(week), **dates)

    made = series(day(0), day(1))
    assert (made.start_date, made.end_date, made.occurrences) == (date(2026, 1, 5), date(2026, 1, 6), ())
