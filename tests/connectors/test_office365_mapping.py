"""Event <-> Graph's event: what is ours is exact, what is a person's stays, what is there already is not sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office365_items import in_utc, shown
from syncd_connectors.office365_calendar.body import same_text
from syncd_connectors.office365_calendar.mapping import dropped_fields, event_of, new_event, patch_of
from syncd_connectors.office365_calendar.marks import (
    FIELDS_PROPERTY,
    UID_PROPERTY,
    filter_by_uid,
    mark_of,
    transaction_id,
    uid_in_transaction,
)
from syncd_connectors.office365_calendar.times import UnreadableError, at, date_of, moment_of
from syncd_connectors.office365_calendar.zones import iana_of, windows_of, zone_of

from syncd.model.calendar import Conference, Event, EventStatus, Participant
from syncd.testing.contract import meeting, utc

MARKS = "singleValueExtendedProperties"
BOB = {"type": "optional", "emailAddress": {"name": "Bob by hand", "address": "bob@example.com"}}


def created(event: Event) -> dict[str, Any]:
    return shown(new_event(event, transaction_id("key", event.uid)))


def updated(item: dict[str, Any], event: Event) -> dict[str, Any]:
    return shown(patch_of(event, item), item)


# --- there and back

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=80)
emails = st.from_regex(r"[a-z][a-z0-9.]{0,9}@[a-z]{1,8}\.example", fullmatch=True)
people = st.builds(Participant, email=emails, name=texts)
moments = st.integers(946_684_800, 2_114_380_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "Europe/Amsterdam", "America/New_York", "Asia/Kathmandu"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    start = draw(moments)
    first = draw(st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)))
    zone = draw(zones)
    event = Event(
        uid=draw(st.from_regex(r"[!-~]{1,60}", fullmatch=True)),
        title=draw(texts),
        start=start,
        end=start + timedelta(minutes=draw(st.integers(1, 3000))),
        zone=zone,
        description=draw(texts),
        location=draw(texts),
        url=draw(st.sampled_from(["", "https://meet.example/x"])),
        organizer=draw(st.none() | people),
        attendees=tuple(draw(st.lists(people, max_size=3, unique_by=lambda p: p.email))),
        status=draw(st.sampled_from(EventStatus)),
        private=draw(st.booleans()),
        rrule=draw(st.sampled_from(["", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;INTERVAL=2"])),
        sequence=draw(st.integers(0, 9)),
        reminders=draw(st.none() | st.lists(st.integers(0, 900), max_size=1).map(tuple)),
    )
    if first is None:
        return event
    zone_info = zone_of(zone)
    days = (first, first + timedelta(days=draw(st.integers(1, 4))))
    start, end = (datetime(d.year, d.month, d.day, tzinfo=zone_info).astimezone(UTC) for d in days)
    return replace(event, start=start, end=end, start_date=days[0], end_date=days[1])


@given(events())
def test_what_was_written_reads_back_and_needs_no_second_write(event: Event):
    item = created(event)
    expected = replace(event, attendees=tuple(_as_named(p) for p in event.attendees))
    assert event_of(item, "other") == expected
    assert patch_of(event, item) == {}


@given(events(), events())
def test_an_event_becomes_any_other(before: Event, after: Event):
    after = replace(after, uid=before.uid)
    item = updated(created(before), after)
    found = event_of(item, after.uid)
    assert {p.email for p in found.attendees} == {p.email for p in after.attendees}
    assert same_text(found.description, after.description)
    assert replace(found, attendees=(), description="") == replace(after, attendees=(), description="")
    assert patch_of(after, item) == {}


def _as_named(person: Participant) -> Participant:
    """Exchange shows the address of somebody without a name as the name."""
    return replace(person, name="") if person.name.casefold() == person.email.casefold() else person


# --- only what differs

CHANGES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("title", {"title": "Moved"}, {"subject"}),
    ("start", {"start": utc(2027, 3, 10, 8)}, {"start", "end", "isAllDay"}),
    ("description", {"description": "Other"}, {"body"}),
    ("location", {"location": "Hall"}, {"location"}),
    ("status", {"status": EventStatus.TENTATIVE}, {"showAs"}),
    ("private", {"private": True}, {"sensitivity", MARKS}),
    ("guests", {"attendees": (Participant(email="new@example.net"),)}, {"attendees", MARKS}),
    (
        "reminders",
        {"reminders": (30,)},
        {"isReminderOn", "reminderMinutesBeforeStart", MARKS},
    ),
    ("no reminder", {"reminders": ()}, {"isReminderOn", MARKS}),
    ("recurrence", {"rrule": "FREQ=DAILY"}, {"recurrence", MARKS}),
    ("sequence", {"sequence": 4}, {MARKS}),
    ("url", {"url": "https://meet.example/x"}, {MARKS}),
    ("organizer", {"organizer": None}, {MARKS}),
    ("zone", {"zone": "America/New_York"}, {"start", "end", "isAllDay", MARKS}),
    (
        "Teams",
        {"conference": Conference.TEAMS},
        {"isOnlineMeeting", "onlineMeetingProvider", MARKS},
    ),
]


@pytest.mark.parametrize(("changes", "sent"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_a_change_sends_its_own_fields_only(changes: dict[str, Any], sent: set[str]):
    assert patch_of(meeting(**changes), created(meeting())).keys() == sent


BY_HAND: list[tuple[str, dict[str, Any]]] = [
    ("categories", {"categories": ["Red"]}),
    ("away", {"showAs": "oof"}),
    ("shown as free", {"showAs": "free"}),
    ("hidden", {"sensitivity": "private"}),
    ("confidential", {"sensitivity": "confidential"}),
    ("another reminder", {"isReminderOn": True, "reminderMinutesBeforeStart": 5}),
    ("line ends", {"body": {"contentType": "text", "content": "First line\r\nsecond line\r\n\r\n"}}),
    (
        "the same as HTML",
        {"body": {"contentType": "html", "content": "<html><body><div>First line<br>second line</div></body></html>"}},
    ),
    ("a room's address", {"location": {"displayName": "Room 1; second floor, left", "locationType": "default"}}),
    ("an IANA name for the zone", {"originalStartTimeZone": "Europe/Berlin"}),
]


@pytest.mark.parametrize("changes", [case[1] for case in BY_HAND], ids=[case[0] for case in BY_HAND])
def test_what_a_person_or_exchange_changed_around_our_fields_is_left_alone(changes: dict[str, Any]):
    assert patch_of(meeting(), {**created(meeting()), **changes}) == {}


def test_guests_added_by_hand_stay_and_ours_keep_their_answers():
    item = created(meeting())
    item["attendees"][0]["status"] = {"response": "accepted"}
    item["attendees"].append(BOB)
    later = meeting(attendees=(*meeting().attendees, Participant(email="third@example.net")))
    sent = patch_of(later, item)["attendees"]
    assert [a["emailAddress"]["address"] for a in sent] == [
        "guest@example.net",
        "bob@example.com",
        "third@example.net",
    ]
    assert sent[1]["type"] == "optional"
    assert patch_of(meeting(attendees=()), item)["attendees"] == [BOB]


def test_a_guest_whose_name_the_directory_changed_is_not_written_again():
    item = created(meeting())
    item["attendees"][0]["emailAddress"] = {"name": "Guest, Gus (Sales)", "address": "Guest@Example.net"}
    assert patch_of(meeting(), item) == {}


def test_what_we_hid_we_show_again():
    item = created(meeting(private=True))
    assert patch_of(meeting(), item)["sensitivity"] == "normal"


def test_the_organizer_is_ours_by_the_mark_and_the_mailboxs_without_one():
    item = created(meeting())
    assert event_of(item, "x").organizer == Participant(email="host@example.org", name="Hanna Host")
    del item["singleValueExtendedProperties"]
    assert event_of(item, "x").organizer == Participant(email="box@example.org", name="Mail Box")


def test_a_zone_of_the_same_windows_name_keeps_its_own():
    item = created(meeting(zone="Europe/Amsterdam"))
    assert item["originalStartTimeZone"] == "W. Europe Standard Time"
    assert event_of(item, "x").zone == "Europe/Amsterdam"
    item["originalStartTimeZone"] = "Tokyo Standard Time"
    assert event_of(item, "x").zone == "Asia/Tokyo"


def test_a_rule_that_a_person_changed_reads_as_it_is_now():
    series = meeting(start=utc(2027, 3, 24, 9), end=utc(2027, 3, 24, 10), rrule="FREQ=WEEKLY;BYDAY=WE;COUNT=4")
    item = created(series)
    assert event_of(item, "x").rrule == "FREQ=WEEKLY;BYDAY=WE;COUNT=4"
    item["recurrence"]["range"]["numberOfOccurrences"] = 6
    assert event_of(item, "x").rrule == "FREQ=WEEKLY;COUNT=6"
    assert patch_of(series, item)["recurrence"]["range"]["numberOfOccurrences"] == 4
    assert patch_of(meeting(start=series.start, end=series.end), item)["recurrence"] is None


def test_the_second_of_two_equal_clock_times_is_written_in_utc():
    late = meeting(start=utc(2027, 10, 31, 1, 30), end=utc(2027, 10, 31, 2))
    body = new_event(late, "t")
    assert body["start"] == {"dateTime": "2027-10-31T01:30:00", "timeZone": "UTC"}
    assert body["end"]["timeZone"] == "UTC"
    assert event_of(created(late), late.uid) == late


def test_whole_days_are_midnights_of_one_zone_with_an_exclusive_end():
    days = meeting(start_date=date(2027, 3, 28), end_date=date(2027, 3, 30))
    body = new_event(days, "t")
    zone = "W. Europe Standard Time"
    assert body["isAllDay"] is True
    assert body["start"] == {"dateTime": "2027-03-28T00:00:00", "timeZone": zone}
    assert body["end"] == {"dateTime": "2027-03-30T00:00:00", "timeZone": zone}


@pytest.mark.parametrize(
    ("event", "item", "lost"),
    [
        pytest.param(meeting(), {}, (), id="nothing"),
        pytest.param(meeting(url="https://m.example"), {}, ("url",), id="a url nobody sees"),
        pytest.param(meeting(url="https://m.example", location="https://m.example"), {}, (), id="url as location"),
        pytest.param(meeting(reminders=(10, 60)), {}, ("reminders",), id="more than one reminder"),
        pytest.param(meeting(conference=Conference.GOOGLE_MEET), {}, ("conference",), id="Meet"),
        pytest.param(meeting(conference=Conference.TEAMS), {"isOnlineMeeting": False}, ("conference",), id="no Teams"),
        pytest.param(meeting(conference=Conference.TEAMS), {"isOnlineMeeting": True}, (), id="Teams"),
    ],
)
def test_what_outlook_does_not_keep_is_named(event: Event, item: dict[str, Any], lost: tuple[str, ...]):
    assert dropped_fields(event, item) == lost


def test_teams_is_asked_for_as_such_and_meet_is_not():
    body = new_event(meeting(conference=Conference.TEAMS), "t")
    assert (body["isOnlineMeeting"], body["onlineMeetingProvider"]) == (True, "teamsForBusiness")
    assert "isOnlineMeeting" not in new_event(meeting(conference=Conference.GOOGLE_MEET), "t")


# --- marks


def test_the_same_key_gives_the_same_transaction_and_another_incarnation_another():
    first = transaction_id("key", "a@syncd")
    assert first == transaction_id("key", "a@syncd")
    assert len({first, transaction_id("key", "a@syncd", 1), transaction_id("other", "a@syncd")}) == 3


@pytest.mark.parametrize(
    ("value", "uid"),
    [
        (transaction_id("key", "with:colon@syncd"), "with:colon@syncd"),
        (transaction_id("key", "x" * 400), ""),
        ("localevent:3f2a", ""),
        (None, ""),
    ],
)
def test_our_uid_is_read_from_our_transactions_only(value: Any, uid: str):
    assert uid_in_transaction(value) == uid


def test_a_uid_cannot_leave_its_quotes_in_a_filter():
    assert filter_by_uid("a' or '1' eq '1").endswith("ep/value eq 'a'' or ''1'' eq ''1')")


def test_a_mark_that_is_not_ours_or_damaged_says_nothing():
    broken = {"singleValueExtendedProperties": [{"id": FIELDS_PROPERTY, "value": "{"}, {"id": UID_PROPERTY.upper()}]}
    assert mark_of(broken) == mark_of({})
    assert mark_of({"singleValueExtendedProperties": None}).guests is None


# --- times and zones


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"dateTime": "2027-03-10T09:00:00.0000000", "timeZone": "UTC"}, utc(2027, 3, 10, 9), id="digits"),
        pytest.param(
            {"dateTime": "2027-07-10T09:00:00", "timeZone": "Pacific Standard Time"}, utc(2027, 7, 10, 16), id="Windows"
        ),
        pytest.param({"dateTime": "2027-03-10T09:00:00", "timeZone": "Europe/Berlin"}, utc(2027, 3, 10, 8), id="IANA"),
        pytest.param({"dateTime": "2027-03-10T09:00:00Z", "timeZone": "UTC"}, utc(2027, 3, 10, 9), id="with an offset"),
        pytest.param({"dateTime": "2027-03-10T09:00:00", "timeZone": "tzone://Microsoft/Utc"}, utc(2027, 3, 10, 9)),
        pytest.param({"dateTime": "2027-03-10T09:00:00"}, utc(2027, 3, 10, 9), id="no zone is UTC"),
    ],
)
def test_a_time_of_graph_is_a_moment(value: dict[str, str], expected: datetime):
    assert moment_of(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "2027-03-10T09:00:00Z",
        {"timeZone": "UTC"},
        {"dateTime": "soon", "timeZone": "UTC"},
        {"dateTime": "2027-03-10T09:00:00", "timeZone": "tzone://Microsoft/Custom"},
    ],
)
def test_a_time_that_cannot_be_read_is_no_time(value: Any):
    with pytest.raises(UnreadableError):
        moment_of(value)


@pytest.mark.parametrize(
    "shown_as",
    [
        {"dateTime": "2027-03-28T00:00:00.0000000", "timeZone": "UTC"},
        {"dateTime": "2027-03-27T23:00:00.0000000", "timeZone": "UTC"},
        {"dateTime": "2027-03-27T22:00:00.0000000", "timeZone": "UTC"},
        {"dateTime": "2027-03-28T00:00:00.0000000", "timeZone": "W. Europe Standard Time"},
    ],
)
def test_a_whole_day_is_that_day_however_its_midnight_is_shown(shown_as: dict[str, str]):
    zone = zone_of("Europe/Berlin")
    assert zone is not None
    assert date_of(shown_as, zone) == date(2027, 3, 28)


@pytest.mark.parametrize(
    ("name", "iana", "windows"),
    [
        ("Europe/Berlin", "Europe/Berlin", "W. Europe Standard Time"),
        ("Europe/Amsterdam", "Europe/Amsterdam", "W. Europe Standard Time"),
        ("Pacific Standard Time", "America/Los_Angeles", "Pacific Standard Time"),
        ("UTC", "UTC", "UTC"),
        ("tzone://Microsoft/Utc", "UTC", "UTC"),
        ("tzone://Microsoft/Custom", "", "tzone://Microsoft/Custom"),
        ("Customized Time Zone", "", "Customized Time Zone"),
    ],
)
def test_zones_have_two_names(name: str, iana: str, windows: str):
    assert iana_of(name) == iana
    assert windows_of(name) == windows


def test_a_zone_this_machine_does_not_know_is_written_in_utc():
    assert at(utc(2027, 3, 10, 9), "Mars/Olympus") == {"dateTime": "2027-03-10T09:00:00", "timeZone": "UTC"}
    strange = meeting(zone="Mars/Olympus")
    assert event_of(created(strange), strange.uid) == strange
    assert in_utc(strange.start)["timeZone"] == "UTC"
