"""Event <-> Google's resource: what is written, what is left alone, what comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syncd_connectors.google_calendar.mapping import (
    Place,
    dropped_fields,
    event_of,
    meeting_url,
    new_resource,
    patch_of,
)
from syncd_connectors.google_calendar.marks import IDS, digest, event_id, is_ours, organizer_of
from syncd_connectors.google_calendar.recurrence import cancelled_in, same_recurrence, wanted_recurrence
from syncd_connectors.google_calendar.series import hidden_after, hidden_wanted, occurrences_of, steps
from syncd_connectors.google_calendar.times import UnreadableError, moment_of, whole_seconds

from syncd.model.calendar import Conference, Event, EventStatus, Occurrence, Participant
from syncd.model.time import Window
from syncd.testing.cases import OWNER, meeting, utc

PLACE = Place(calendar=OWNER)
BOOKINGS = Place(calendar="c_1234@group.calendar.google.com")
IDENTITY = event_id("key")
MEET = "https://meet.google.com/abc-defg-hij"


def made(event: Event, place: Place = PLACE, **more: Any) -> dict[str, Any]:
    """The event as Google keeps it after an insert."""
    return {"etag": '"1"', "status": "confirmed", "sequence": 0, **new_resource(event, place, IDENTITY), **more}


EVENTS = {
    "plain": meeting(),
    "bare": Event(uid="bare@x", title="", start=utc(2027, 1, 1, 9), end=utc(2027, 1, 1, 10)),
    "web": meeting(url="https://app.example.com/booking/1?a=b"),
    "tentative": meeting(status=EventStatus.TENTATIVE),
    "private": meeting(private=True),
    "reminded": meeting(reminders=(10, 60)),
    "never reminded": meeting(reminders=()),
    "later": meeting(sequence=7),
    "series": meeting(rrule="FREQ=WEEKLY;COUNT=4", occurrences=(Occurrence(original=utc(2027, 3, 17, 9)),)),
    "unnamed guest": meeting(attendees=(Participant(email="x@example.net"),)),
    "many guests": meeting(attendees=tuple(Participant(email=f"g{n}@example.net") for n in range(200))),
    "organizer with a long name": meeting(organizer=Participant(email="host@example.org", name="Ω" * 900)),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_what_was_written_is_read_back_and_needs_no_other_write(event: Event) -> None:
    resource = made(event)
    read = event_of(resource, event.uid)
    assert replace(read, occurrences=occurrences_of(resource, ())) == event
    assert patch_of(resource, event, PLACE) == {}
    assert dropped_fields(resource, event, PLACE) == ()


def test_a_marks_value_is_no_longer_than_google_takes() -> None:
    for event in EVENTS.values():
        for name, value in made(event)["extendedProperties"]["private"].items():
            assert len(name) <= 44
            assert len(value) <= 1024


def test_an_organizers_name_that_fits_nowhere_is_left_out() -> None:
    endless = meeting(organizer=Participant(email="host@example.org", name="x" * 2000))
    assert organizer_of(made(endless)) == Participant(email="host@example.org")


CHANGES = {
    "title": ({"title": "Other"}, {"summary": "Other"}),
    "no description": ({"description": ""}, {"description": None}),
    "location": ({"location": "Elsewhere"}, {"location": "Elsewhere"}),
    "url": (
        {"url": "https://a.example/x"},
        {"source": {"url": "https://a.example/x", "title": "a.example"}},
    ),
    "times": (
        {"start": utc(2027, 7, 1, 8), "end": utc(2027, 7, 1, 9)},
        {
            "start": {"dateTime": "2027-07-01T10:00:00+02:00", "timeZone": "Europe/Berlin"},
            "end": {"dateTime": "2027-07-01T11:00:00+02:00", "timeZone": "Europe/Berlin"},
        },
    ),
    "zone": (
        {"zone": "Asia/Tokyo"},
        {
            "start": {"dateTime": "2027-03-10T18:00:00+09:00", "timeZone": "Asia/Tokyo"},
            "end": {"dateTime": "2027-03-10T19:00:00+09:00", "timeZone": "Asia/Tokyo"},
        },
    ),
    "days": (
        {"start_date": date(2027, 3, 10), "end_date": date(2027, 3, 12)},
        {
            "start": {"date": "2027-03-10", "dateTime": None, "timeZone": None},
            "end": {"date": "2027-03-12", "dateTime": None, "timeZone": None},
        },
    ),
    "tentative": ({"status": EventStatus.TENTATIVE}, {"status": "tentative"}),
    "private": ({"private": True}, {"visibility": "private"}),
    "rule": ({"rrule": "FREQ=DAILY;COUNT=2"}, {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]}),
    "sequence": ({"sequence": 2}, {"sequence": 2}),
    "reminders": (
        {"reminders": (30,)},
        {
            "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 30}]},
            "extendedProperties": {"private": {"syncdReminders": "30"}},
        },
    ),
    "room": (
        {"conference": Conference.GOOGLE_MEET},
        {
            "conferenceData": {
                "createRequest": {"requestId": IDENTITY, "conferenceSolutionKey": {"type": "hangoutsMeet"}}
            }
        },
    ),
}


@pytest.mark.parametrize(("changes", "patch"), CHANGES.values(), ids=CHANGES)
def test_a_patch_has_what_differs_and_nothing_else(changes: dict[str, Any], patch: dict[str, Any]) -> None:
    assert patch_of(made(meeting()), meeting(**changes), PLACE) == patch


def test_days_become_times_again() -> None:
    days = meeting(start_date=date(2027, 3, 10), end_date=date(2027, 3, 11))
    assert patch_of(made(days), meeting(), PLACE)["start"] == {
        "date": None,
        "dateTime": "2027-03-10T10:00:00+01:00",
        "timeZone": "Europe/Berlin",
    }


@pytest.mark.parametrize(
    "rewritten",
    [
        {"description": "First line\r\nsecond line\n"},
        {"start": {"dateTime": "2027-03-10T09:00:00Z", "timeZone": "Europe/Berlin"}},
        {"start": {"dateTime": "2027-03-10T10:00:00+01:00"}},
        {"sequence": 5},
        {"colorId": "4", "transparency": "transparent", "visibility": "private"},
        {"reminders": {"useDefault": False, "overrides": [{"method": "email", "minutes": 1440}]}},
        {"hangoutLink": MEET, "conferenceData": {"conferenceId": "abc-defg-hij"}},
    ],
)
def test_another_way_of_writing_and_a_persons_own_fields_need_no_write(rewritten: dict[str, Any]) -> None:
    assert patch_of({**made(meeting()), **rewritten}, meeting(), PLACE) == {}


def test_no_booking_makes_an_event_public_that_is_private() -> None:
    assert patch_of(made(meeting(private=True)), meeting(), PLACE) == {}


def test_a_zone_that_this_machine_does_not_know_is_written_in_utc() -> None:
    assert made(meeting(zone="Mars/Base"))["start"] == {"dateTime": "2027-03-10T09:00:00+00:00", "timeZone": "UTC"}


def test_the_url_of_another_scheme_is_dropped() -> None:
    event = meeting(url="tel:+4930123")
    assert "source" not in made(event)
    assert dropped_fields(made(event), event, PLACE) == ("url",)


# guests


def emails(resource: dict[str, Any]) -> list[str]:
    return [a["email"] for a in resource["attendees"]]


def test_the_calendars_owner_is_a_guest_who_accepted_and_the_others_are_asked() -> None:
    assert made(meeting())["attendees"] == [
        {"email": OWNER, "displayName": "Hanna Host", "responseStatus": "accepted"},
        {"email": "guest@example.net", "displayName": "Gus Guest", "responseStatus": "needsAction"},
    ]


def test_guests_have_answered_what_the_settings_say() -> None:
    booked = made(meeting(), Place(calendar=OWNER, rsvp="accepted"))
    assert {a["responseStatus"] for a in booked["attendees"]} == {"accepted"}


def test_a_calendar_that_is_no_persons_is_no_guest() -> None:
    assert emails(made(meeting(), BOOKINGS)) == ["guest@example.net"]


def test_an_owner_who_is_a_guest_is_there_once_and_read_back_as_a_guest() -> None:
    event = meeting(attendees=(Participant(email=OWNER.upper(), name="Me"), Participant(email="b@example.net")))
    resource = made(event)
    assert emails(resource) == [OWNER.upper(), "b@example.net"]
    assert resource["attendees"][0]["responseStatus"] == "accepted"
    assert event_of(resource, event.uid).attendees == event.attendees


def test_a_guest_who_stays_keeps_all_that_they_said() -> None:
    answered: list[dict[str, Any]] = [
        {"email": OWNER, "self": True, "organizer": True, "responseStatus": "declined"},
        {"email": "Guest@example.net", "displayName": "Known to Google", "responseStatus": "accepted", "comment": "ok"},
    ]
    there = {**made(meeting()), "attendees": answered}
    more = meeting(attendees=(*meeting().attendees, Participant(email="new@example.net", name="New")))
    patch = patch_of(there, more, PLACE)["attendees"]
    assert patch[0] == {**answered[0], "displayName": "Hanna Host"}
    assert patch[1] == answered[1]
    assert patch[2] == {"email": "new@example.net", "displayName": "New", "responseStatus": "needsAction"}


def test_a_guest_of_ours_is_taken_away_and_a_persons_stays() -> None:
    there = made(meeting())
    there["attendees"] = [*there["attendees"], {"email": "friend@example.net", "responseStatus": "tentative"}]
    patch = patch_of(there, meeting(attendees=()), PLACE)
    assert [a["email"] for a in patch["attendees"]] == [OWNER, "friend@example.net"]
    assert event_of(there, meeting().uid).attendees == meeting().attendees


# reminders, rooms


def test_a_persons_reminders_stay_beside_ours() -> None:
    there = made(meeting(reminders=(10,)))
    there["reminders"]["overrides"].append({"method": "email", "minutes": 1440})
    wanted = patch_of(there, meeting(reminders=(30,)), PLACE)["reminders"]["overrides"]
    assert wanted == [{"method": "popup", "minutes": 30}, {"method": "email", "minutes": 1440}]
    assert event_of(there, meeting().uid).reminders == (10,)


@pytest.mark.parametrize("minutes", [(5, 10, 15, 20, 25, 30), (40_321,), (-1,)])
def test_reminders_beyond_what_google_keeps_are_dropped(minutes: tuple[int, ...]) -> None:
    event = meeting(reminders=minutes)
    overrides = made(event)["reminders"]["overrides"]
    assert len(overrides) <= 5
    assert all(0 <= o["minutes"] <= 40_320 for o in overrides)
    assert dropped_fields(made(event), event, PLACE) == ("reminders",)


def room(**request: Any) -> dict[str, Any]:
    return {"createRequest": {"requestId": IDENTITY, **request}, "conferenceId": "abc-defg-hij"}


def test_a_room_is_ours_when_we_asked_for_it() -> None:
    wanted = meeting(conference=Conference.GOOGLE_MEET)
    asked = made(wanted, conferenceData=room(status={"statusCode": "success"}))
    assert event_of(asked, wanted.uid) == wanted
    assert patch_of(asked, wanted, PLACE) == {}
    by_hand = made(meeting(), conferenceData={**room(), "createRequest": {"requestId": "of a person"}})
    assert event_of(by_hand, wanted.uid) == meeting()


def test_a_room_is_kept_when_the_booking_does_not_ask_any_more() -> None:
    there = made(meeting(), conferenceData=room(status={"statusCode": "success"}))
    assert patch_of(there, meeting(), PLACE) == {}


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ({"hangoutLink": MEET}, MEET),
        ({"conferenceData": {"entryPoints": [{"entryPointType": "phone", "uri": "tel:1"}]}}, ""),
        ({"conferenceData": {"entryPoints": [{"entryPointType": "video", "uri": MEET}]}}, MEET),
        ({}, ""),
    ],
)
def test_the_rooms_address(resource: dict[str, Any], url: str) -> None:
    assert meeting_url(resource) == url


@pytest.mark.parametrize(
    ("conference", "data"),
    [
        (Conference.TEAMS, None),
        (Conference.GOOGLE_MEET, None),
        (Conference.GOOGLE_MEET, room(status={"statusCode": "failure"})),
    ],
)
def test_a_room_that_is_not_made_is_dropped(conference: Conference, data: Any) -> None:
    event = meeting(conference=conference)
    resource = {**made(event), "conferenceData": data}
    assert dropped_fields(resource, event, PLACE) == ("conference",)


# ids


def test_a_keys_ids_are_its_own_and_what_google_takes() -> None:
    ids = [event_id(key, number) for key in ("a", "b") for number in range(IDS)]
    assert len(set(ids)) == len(ids)
    assert event_id("a") == event_id("a", 0)
    assert all(5 <= len(i) <= 1024 and set(i) <= set("0123456789abcdefghijklmnopqrstuv") for i in ids)


def test_only_what_bears_our_mark_is_ours() -> None:
    assert is_ours(made(meeting()))
    assert not is_ours({"extendedProperties": {"private": {"booking": "1"}}})
    assert not is_ours({})


@given(st.lists(st.emails(), min_size=2, max_size=100, unique_by=str.casefold))
def test_guests_have_digests_of_one_length(found: list[str]) -> None:
    assert {len(digest(email)) for email in found} == {5}
    assert digest(found[0].upper()) == digest(found[0].lower())


# times and recurrence


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ({"date": "2027-03-10"}, date(2027, 3, 10)),
        ({"dateTime": "2027-03-10T10:00:00+01:00"}, utc(2027, 3, 10, 9)),
        ({"dateTime": "2027-03-10T09:00:00Z"}, utc(2027, 3, 10, 9)),
        ({"dateTime": "2027-03-10T10:00:00", "timeZone": "Europe/Berlin"}, utc(2027, 3, 10, 9)),
    ],
)
def test_googles_moments(value: dict[str, str], moment: datetime | date) -> None:
    assert moment_of(value) == moment


@pytest.mark.parametrize(
    "value", [None, {}, "2027", {"dateTime": "soon"}, {"date": "2027"}, {"dateTime": "2027-03-10T10:00:00"}]
)
def test_a_moment_that_cannot_be_read_says_so_and_quotes_nothing(value: Any) -> None:
    with pytest.raises(UnreadableError) as error:
        moment_of(value)
    assert "2027" not in str(error.value)
    assert "soon" not in str(error.value)


def test_a_windows_fractions_of_seconds_are_not_lost() -> None:
    start, end = datetime(2027, 1, 1, 0, 0, 0, 999, UTC), datetime(2027, 1, 2, 0, 0, 0, 1, UTC)
    assert whole_seconds(Window(start, end)) == Window(utc(2027, 1, 1), utc(2027, 1, 2, 0, 0, 1))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (["RRULE:FREQ=DAILY;COUNT=3"], ["RRULE:COUNT=3;FREQ=daily"], True),
        (["RRULE:FREQ=DAILY"], ["RRULE:FREQ=WEEKLY"], False),
        (["RRULE:FREQ=DAILY"], [], False),
        (["EXDATE:20270331T080000Z"], ["EXDATE;TZID=Europe/Berlin:20270331T100000"], True),
        (["EXDATE:20270331T080000Z,20270407T080000Z"], ["EXDATE:20270407T080000Z", "EXDATE:20270331T080000Z"], True),
        (["EXDATE;VALUE=DATE:20270331"], ["EXDATE:20270331T000000Z"], False),
    ],
)
def test_recurrence_lines_are_compared_by_what_they_say(one: list[str], other: list[str], same: bool) -> None:
    assert same_recurrence(one, other) is same


def test_an_exdate_that_cannot_be_read_names_nothing() -> None:
    assert cancelled_in(["EXDATE:nonsense,20270331T080000Z", "nothing at all"]) == {utc(2027, 3, 31, 8)}


def test_cancelled_days_of_an_all_day_series_are_days() -> None:
    event = meeting(
        rrule="FREQ=DAILY;COUNT=3",
        start_date=date(2027, 3, 10),
        occurrences=(Occurrence(original=datetime(2027, 3, 10, 23, tzinfo=UTC)),),
    )
    assert wanted_recurrence(event, "Europe/Berlin") == ["RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20270311"]


# series

FIRST, SECOND, THIRD = utc(2027, 3, 10, 9), utc(2027, 3, 17, 9), utc(2027, 3, 24, 9)
WEEKLY = meeting(rrule="FREQ=WEEKLY;COUNT=3")
MOVED = Occurrence(original=SECOND, start=utc(2027, 3, 18, 12), end=utc(2027, 3, 18, 13))


def exception(original: datetime, start: datetime, **more: Any) -> dict[str, Any]:
    """An occurrence of `WEEKLY` that somebody moved; by `made` marked as ours."""
    hour = {"dateTime": start.isoformat(), "timeZone": "Europe/Berlin"}
    end = {"dateTime": start.replace(hour=start.hour + 1).isoformat(), "timeZone": "Europe/Berlin"}
    resource = {k: v for k, v in made(WEEKLY).items() if k != "recurrence"}
    name = f"{IDENTITY}_{original:%Y%m%dT%H%M%SZ}"
    return {
        **resource,
        "id": name,
        "recurringEventId": IDENTITY,
        "originalStartTime": {"dateTime": original.isoformat()},
        "start": hour,
        "end": end,
        **more,
    }


def ours(resource: dict[str, Any]) -> dict[str, Any]:
    private = {**resource["extendedProperties"]["private"], "syncdMoved": "1"}
    return {**resource, "extendedProperties": {"private": private}}


def planned(before: Event, wanted: Event, *exceptions: dict[str, Any], hidden: str = "") -> dict[str, Any]:
    """What is done to occurrences, by their original start; `hidden` is the mark of the series."""
    after = made(wanted)
    after["extendedProperties"]["private"]["syncdHidden"] = hidden
    plan = steps(made(before), after, exceptions, wanted, PLACE)
    return {step.id.removeprefix(f"{IDENTITY}_"): step.patch for step in plan}


def test_a_moved_occurrence_is_patched_with_its_times_and_our_mark() -> None:
    event = replace(WEEKLY, occurrences=(MOVED,))
    assert planned(event, event) == {
        "20270317T090000Z": {
            "status": "confirmed",
            "start": {"dateTime": "2027-03-18T13:00:00+01:00", "timeZone": "Europe/Berlin"},
            "end": {"dateTime": "2027-03-18T14:00:00+01:00", "timeZone": "Europe/Berlin"},
            "extendedProperties": {"private": {"syncdMoved": "1"}},
        }
    }


def test_an_occurrence_that_is_where_it_is_wanted_needs_no_write() -> None:
    assert MOVED.start is not None
    event = replace(WEEKLY, occurrences=(MOVED,))
    assert planned(event, event, ours(exception(SECOND, MOVED.start))) == {}


def test_an_occurrence_that_is_not_moved_any_more_goes_back() -> None:
    assert MOVED.start is not None
    plan = planned(WEEKLY, WEEKLY, ours(exception(SECOND, MOVED.start)))
    patch = plan["20270317T090000Z"]
    assert patch is not None
    assert patch["start"] == {"dateTime": "2027-03-17T10:00:00+01:00", "timeZone": "Europe/Berlin"}
    assert patch["extendedProperties"] == {"private": {"syncdMoved": None}}


def test_an_occurrence_that_a_person_moved_stays() -> None:
    assert planned(WEEKLY, WEEKLY, exception(SECOND, utc(2027, 3, 19, 8))) == {}


def test_a_cancelled_occurrence_costs_nothing_and_its_exception_is_deleted() -> None:
    cancelled = replace(WEEKLY, occurrences=(Occurrence(original=SECOND),))
    assert planned(WEEKLY, cancelled) == {}
    assert planned(WEEKLY, cancelled, exception(SECOND, utc(2027, 3, 19, 8))) == {"20270317T090000Z": None}


def test_a_cancelled_occurrence_comes_back_by_itself() -> None:
    cancelled = replace(WEEKLY, occurrences=(Occurrence(original=SECOND),))
    assert planned(cancelled, WEEKLY) == {}


def test_an_occurrence_whose_exception_was_deleted_is_brought_back_whole() -> None:
    cancelled = replace(WEEKLY, occurrences=(Occurrence(original=SECOND),))
    plan = planned(cancelled, WEEKLY, hidden="20270317T090000Z")
    patch = plan.pop("20270317T090000Z")
    assert plan == {}
    assert (patch["status"], patch["summary"]) == ("confirmed", WEEKLY.title)
    assert patch["start"] == {"dateTime": "2027-03-17T10:00:00+01:00", "timeZone": "Europe/Berlin"}
    assert patch["extendedProperties"]["private"]["syncdMoved"] is None
    assert patch["attendees"] == made(WEEKLY)["attendees"]
    assert planned(cancelled, cancelled, hidden="20270317T090000Z") == {}


def test_a_deleted_exception_of_ours_is_marked_before_and_until_it_is_back() -> None:
    cancelled = replace(WEEKLY, occurrences=(Occurrence(original=SECOND), Occurrence(original=THIRD)))
    assert hidden_wanted(made(WEEKLY), [exception(SECOND, FIRST)], cancelled) == {"20270317T090000Z"}
    marked = made(cancelled)
    marked["extendedProperties"]["private"]["syncdHidden"] = "20270317T090000Z,20270324T090000Z"
    assert hidden_wanted(marked, [], cancelled) == {"20270317T090000Z", "20270324T090000Z"}
    assert hidden_after(marked, marked, cancelled) == {"20270317T090000Z", "20270324T090000Z"}
    half = replace(WEEKLY, occurrences=(Occurrence(original=THIRD),))
    assert hidden_after(marked, {**marked, "recurrence": made(half)["recurrence"]}, half) == {"20270324T090000Z"}
    assert hidden_after(marked, made(meeting()), meeting()) == set()
    later = replace(cancelled, start=utc(2027, 3, 10, 10), end=utc(2027, 3, 10, 11))
    assert hidden_after(marked, {**marked, "start": made(later)["start"]}, later) == set()


def test_nothing_is_brought_back_into_a_series_that_moved() -> None:
    before = replace(WEEKLY, occurrences=(Occurrence(original=THIRD),))
    later = replace(WEEKLY, start=utc(2027, 3, 10, 10), end=utc(2027, 3, 10, 11))
    assert planned(before, later, hidden="20270324T090000Z") == {}


def test_what_is_sent_to_an_old_occurrence_of_a_series_that_moved_revives_nothing() -> None:
    assert MOVED.start is not None
    later = replace(WEEKLY, start=utc(2027, 3, 10, 10), end=utc(2027, 3, 10, 11))
    plan = planned(WEEKLY, later, ours(exception(SECOND, MOVED.start)))
    assert "status" not in plan["20270317T090000Z"]


def test_only_our_own_moves_are_read_back() -> None:
    assert MOVED.start is not None
    found = occurrences_of(
        made(replace(WEEKLY, occurrences=(Occurrence(original=THIRD),))),
        [ours(exception(SECOND, MOVED.start)), exception(FIRST, utc(2027, 3, 11, 8))],
    )
    assert found == (MOVED, Occurrence(original=THIRD))


def test_days_of_an_all_day_series_are_moved_by_days() -> None:
    days = meeting(
        start_date=date(2027, 3, 10),
        end_date=date(2027, 3, 11),
        rrule="FREQ=DAILY;COUNT=3",
        occurrences=(Occurrence(original=utc(2027, 3, 11), start=utc(2027, 3, 20), end=utc(2027, 3, 21)),),
    )
    plan = planned(days, days)
    assert plan.keys() == {"20270311"}
    patch = plan["20270311"]
    assert patch is not None
    assert (patch["start"], patch["end"]) == ({"date": "2027-03-20"}, {"date": "2027-03-21"})
