"""Event <-> iCalendar text: what is ours is exact, what is a person's survives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from syncd_connectors.caldav.content import MalformedError, clean, fold, parse, render, split
from syncd_connectors.caldav.mapping import event_to_ics, patch_ics
from syncd_connectors.caldav.reading import differences, holds, ics_to_event
from syncd_connectors.caldav.zones import vtimezone

from syncd.ical import BusyRules, read_busy
from syncd.model.calendar import Event, EventStatus, Occurrence, Participant
from syncd.model.time import Window
from syncd.testing.contract import meeting, utc

NOW = utc(2026, 11, 21)


def written(event: Event) -> str:
    return event_to_ics(event, schedule_agent="client", stamp=NOW)


def patched(text: str, event: Event) -> str | None:
    return patch_ics(text, event, schedule_agent="client", stamp=NOW)


def edited(text: str, *lines: str) -> str:
    """A person's client adds lines to the first event."""
    return text.replace("END:VEVENT", "\r\n".join([*lines, "END:VEVENT"]), 1)


def series(**changes: Any) -> Event:
    return meeting(start=utc(2027, 3, 24, 9), end=utc(2027, 3, 24, 10), rrule="FREQ=WEEKLY;COUNT=4", **changes)


# --- round trip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=120).map(clean)
names = texts.map(lambda text: text.replace("\t", " "))
emails = st.from_regex(r"[a-z][a-z0-9.]{0,9}@[a-z]{1,8}\.example", fullmatch=True)
people = st.builds(Participant, email=emails, name=names)
moments = st.integers(946_684_800, 2_114_380_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
lengths = st.integers(1, 3000).map(lambda n: timedelta(minutes=n))
occurrences = st.lists(
    st.tuples(st.integers(1, 400), st.none() | st.integers(-500, 500), lengths),
    max_size=4,
    unique_by=lambda o: o[0],
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    start = draw(moments)
    rrule = draw(st.sampled_from(["", "FREQ=DAILY;COUNT=400", "FREQ=WEEKLY;BYDAY=MO,TU"]))
    differing = [
        Occurrence(
            original=start + timedelta(days=day),
            start=None if shift is None else start + timedelta(days=day, minutes=shift),
            end=None if shift is None else start + timedelta(days=day, minutes=shift) + length,
        )
        for day, shift, length in (draw(occurrences) if rrule else [])
    ]
    return Event(
        uid=draw(st.uuids()).hex,
        title=draw(texts),
        start=start,
        end=start + draw(lengths),
        zone=draw(zones),
        description=draw(texts),
        location=draw(texts),
        organizer=draw(st.none() | people),
        attendees=tuple(draw(st.lists(people, max_size=3, unique_by=lambda person: person.email))),
        status=draw(st.sampled_from(EventStatus)),
        private=draw(st.booleans()),
        rrule=rrule,
        occurrences=tuple(sorted(differing, key=lambda occurrence: occurrence.original)),
        sequence=draw(st.integers(0, 9)),
        reminders=draw(st.none() | st.just((5, 60))),
    )


@given(events())
def test_what_is_written_reads_back_as_it_was(event):
    assert ics_to_event(written(event), event.uid) == event


@given(events())
def test_what_is_there_already_is_not_written_again(event):
    assert patched(written(event), event) is None


def elsewhere(person: Participant) -> Participant:
    return replace(person, email=f"other.{person.email}")


@given(events(), events())
def test_any_event_can_become_any_other(one, other):
    target = replace(
        other,
        uid=one.uid,
        organizer=other.organizer and elsewhere(other.organizer),
        attendees=tuple(map(elsewhere, other.attendees)),
        private=one.private or other.private,
        sequence=one.sequence + other.sequence + 1,
        reminders=one.reminders if other.reminders is None else other.reminders,
    )
    text = written(one)
    assert ics_to_event(patched(text, target) or text, one.uid) == target


@given(events())
def test_what_is_written_is_icalendar_of_75_octets_a_line(event):
    text = written(event)
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    calendar = icalendar.Calendar.from_ical(text)
    master = next(c for c in calendar.walk("VEVENT") if "RECURRENCE-ID" not in c)
    assert str(master["SUMMARY"]) == event.title if event.title else "SUMMARY" not in master
    assert master.decoded("DTSTART").astimezone(UTC) == event.start
    assert master.decoded("DTEND").astimezone(UTC) == event.end
    assert "METHOD" not in calendar


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300))
def test_folding_loses_nothing(text):
    assert fold(f"X:{text}").replace("\r\n ", "") == f"X:{text}"


# --- times


def test_times_are_local_with_a_zone_definition():
    text = written(meeting())
    assert "DTSTART;TZID=Europe/Berlin:20270310T100000" in text
    assert text.count("BEGIN:VTIMEZONE") == 1


def test_an_unknown_zone_falls_back_to_utc():
    text = written(meeting(zone="Mars/Olympus"))
    assert "DTSTART:20270310T090000Z" in text
    assert "VTIMEZONE" not in text


def test_an_all_day_event_is_written_as_dates():
    text = written(meeting(start_date=date(2027, 3, 28), end_date=date(2027, 3, 30)))
    assert "DTSTART;VALUE=DATE:20270328" in text
    assert "DTEND;VALUE=DATE:20270330" in text
    assert "VTIMEZONE" not in text


def test_the_second_of_two_equal_clock_times_is_written_in_utc():
    event = meeting(start=utc(2027, 10, 31, 1, 30), end=utc(2027, 10, 31, 2))
    assert "DTSTART:20271031T013000Z" in written(event)
    assert ics_to_event(written(event), event.uid).start == event.start


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_a_zone_definition_agrees_with_the_zone_at_every_change(zone):
    """Read by another library, from the definition alone: the TZID is one it cannot know."""
    text = render(vtimezone(zone, 2026, 2028)).replace(f"TZID:{zone}", "TZID:Nowhere")
    component: Any = icalendar.Timezone.from_ical(text)
    embedded = component.to_tz(lookup_tzid=False)
    hours = (datetime(2026, 2, 1) + timedelta(hours=n) for n in range(0, 24 * 900, 5))  # noqa: DTZ001 - clock times
    real = ZoneInfo(zone)
    wrong = [h for h in hours if h.replace(tzinfo=embedded).utcoffset() != h.replace(tzinfo=real).utcoffset()]
    assert wrong == []


def test_a_written_series_is_busy_where_it_should_be():
    moved = Occurrence(original=utc(2027, 4, 7, 8), start=utc(2027, 4, 8, 12), end=utc(2027, 4, 8, 13))
    event = series(occurrences=(Occurrence(original=utc(2027, 3, 31, 8)), moved))
    busy = read_busy(written(event), Window(utc(2027, 1, 1), utc(2028, 1, 1)), BusyRules()).times
    assert [time.start for time in busy] == [utc(2027, 3, 24, 9), utc(2027, 4, 8, 12), utc(2027, 4, 14, 8)]


# --- a person's edits

PERSONS = (
    "CATEGORIES:Work,Urgent",
    "COLOR:turquoise",
    "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC",
    'ATTACH;FMTTYPE=application/pdf;X-ODD="a;b":https://example.org/a.pdf',
    "TRANSP:TRANSPARENT",
    "CONFERENCE;VALUE=URI:https://meet.example.org/x",
    "X-LONG:" + "é" * 200,
)
ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT42M\r\nDESCRIPTION:mine\r\nEND:VALARM"


@given(events(), st.lists(st.sampled_from(PERSONS), unique=True))
def test_a_persons_edits_survive_any_update(event, lines):
    before = edited(written(meeting(event.uid)), *lines, ALARM)
    after = parse(patched(before, event) or before)
    master = next(c for c in after.named("VEVENT") if c.first("RECURRENCE-ID") is None)
    assert [line for line in lines if line not in master.lines] == []
    assert master.named("VALARM")[0].first("TRIGGER") == "TRIGGER:-PT42M"


def test_a_guest_that_stays_keeps_the_answer_and_one_that_left_is_taken_away():
    both = meeting(attendees=(Participant(email="a@x.example"), Participant(email="b@x.example")))
    text = written(both).replace("PARTSTAT=ACCEPTED", "PARTSTAT=DECLINED")
    after = patched(text, replace(both, attendees=both.attendees[:1])) or ""
    assert "PARTSTAT=DECLINED" in after.replace("\r\n ", "")
    assert "b@x.example" not in after


def test_a_name_the_booking_does_not_know_is_not_erased():
    text = written(meeting(attendees=(Participant(email="a@x.example", name="Ada"),)))
    assert patched(text, meeting(attendees=(Participant(email="a@x.example"),))) is None


def test_a_guest_added_by_hand_stays():
    text = edited(written(meeting()), "ATTENDEE;PARTSTAT=TENTATIVE:mailto:friend@x.example")
    after = patched(text, meeting(title="Later", attendees=())) or ""
    assert "friend@x.example" in after
    assert "guest@example.net" not in after


def test_an_event_a_person_hid_stays_hidden():
    text = edited(written(meeting()), "CLASS:CONFIDENTIAL")
    assert "CLASS:CONFIDENTIAL" in (patched(text, meeting(title="Later")) or "")


def test_an_occurrence_a_person_cancelled_or_moved_stays_so_until_the_series_moves():
    own = "BEGIN:VEVENT\r\nUID:{}\r\nRECURRENCE-ID:20270407T080000Z\r\nDTSTART:20270408T080000Z\r\nEND:VEVENT\r\n"
    text = edited(written(series()), "EXDATE;TZID=Europe/Berlin:20270331T100000")
    text = text.replace("END:VCALENDAR", own.format(series().uid) + "END:VCALENDAR")
    kept = patched(text, series(title="Later")) or ""
    assert "EXDATE;TZID=Europe/Berlin:20270331T100000" in kept
    assert "RECURRENCE-ID:20270407T080000Z" in kept
    moved = replace(series(), start=utc(2027, 3, 25, 9), end=utc(2027, 3, 25, 10))
    gone = patched(text, moved) or ""
    assert "EXDATE" not in gone
    assert "RECURRENCE-ID" not in gone


def test_our_reminders_are_replaced_and_left_alone_when_not_given():
    text = edited(written(meeting(reminders=(10,))), ALARM)
    assert "TRIGGER:-PT10M" in (patched(text, meeting(title="Later")) or "")
    after = patched(text, meeting(reminders=(30,))) or ""
    assert "TRIGGER:-PT30M" in after
    assert "TRIGGER:-PT42M" in after
    assert "TRIGGER:-PT10M" not in after


def test_renderings_of_an_old_description_go_with_it():
    text = edited(written(meeting()), "X-ALT-DESC;FMTTYPE=text/html:<b>old</b>")
    assert "X-ALT-DESC" in (patched(text, meeting(title="Later")) or "")
    assert "X-ALT-DESC" not in (patched(text, meeting(description="new")) or "")


# --- how servers write


def test_a_server_that_writes_the_same_differently_causes_no_write():
    text = written(meeting())
    rewritten = text.replace("DTEND;TZID=Europe/Berlin:20270310T110000", "DURATION:PT1H")
    rewritten = rewritten.replace("SUMMARY:", "SUMMARY;LANGUAGE=de:").replace("\r\n", "\n")
    rewritten = rewritten.replace("DTSTAMP:", "DTSTAMP:20261121T000000Z\nDTSTAMP:", 1)  # doubled, as iCloud does
    assert rewritten != text
    assert patched(rewritten, meeting()) is None


def test_a_stored_method_is_removed():
    assert "METHOD" not in (
        patched(written(meeting()).replace("VERSION:2.0", "METHOD:REQUEST\r\nVERSION:2.0"), meeting()) or "METHOD"
    )


def test_the_sequence_grows_with_the_times_and_never_falls():
    text = written(meeting(sequence=5))
    later = replace(meeting(sequence=2), start=utc(2027, 3, 11, 9), end=utc(2027, 3, 11, 10))
    assert "SEQUENCE:6" in (patched(text, later) or "")
    assert "SEQUENCE:5" in (patched(text, meeting(title="x", sequence=2)) or "")
    assert "SEQUENCE:9" in (patched(text, meeting(sequence=9)) or "")


@pytest.mark.parametrize(
    "text", ["", "no", "BEGIN:VCALENDAR", "BEGIN:VCALENDAR\nEND:VEVENT", "END:VCALENDAR", "BEGIN:X\nEND:X"]
)
def test_what_is_no_calendar_is_said_to_be_none(text):
    with pytest.raises(MalformedError):
        parse(text)
    assert not holds(text, "any")


def test_an_event_with_unreadable_times_is_not_guessed_at():
    text = written(meeting()).replace("20270310T100000", "next Monday")
    with pytest.raises(MalformedError):
        patched(text, meeting())


def test_differences_name_what_was_asked_for_and_is_missing():
    there = meeting(location="", attendees=(), start=utc(2027, 3, 10, 8))
    assert differences(meeting(), there) == ("location", "start", "attendees")
    assert differences(meeting(description=""), meeting()) == ()


def test_quotes_and_line_breaks_in_names_survive_as_parameters():
    person = Participant(email="a@x.example", name='A "B"\n^C; D')
    line = next(line for line in parse(written(meeting(attendees=(person,)))).named("VEVENT")[0].all("ATTENDEE"))
    assert split(line)[0]["CN"] == person.name
