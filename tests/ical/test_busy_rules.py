"""What counts as busy: one case per rule, and what a reading says besides."""

from __future__ import annotations

import pytest
from read import BERLIN, calendar, event, moment, read, starts, times, window

from syncd.errors import InputError
from syncd.ical import BusyRules, ItemProblem, read_busy
from syncd.model.busy import BusyKind, BusyTime

OWNER = BusyRules(owner_emails=frozenset({"Ann@Example.com"}))
FEED_COUNTS_TRANSPARENT = BusyRules(transparent_is_busy=True)
NO_TENTATIVE = BusyRules(tentative_is_busy=False)
MS = "X-MICROSOFT-CDO-BUSYSTATUS:"
ANN = "ATTENDEE;CN=Ann;PARTSTAT={}:mailto:ann@example.com"
FREE, BUSY, TENTATIVE, OUT = None, BusyKind.BUSY, BusyKind.TENTATIVE, BusyKind.OUT_OF_OFFICE

#: What the rule says, the event's lines, the feed's rules, what the event becomes.
RULES = {
    "nothing said is busy": ([], BERLIN, BUSY),
    "opaque is busy": (["TRANSP:OPAQUE"], BERLIN, BUSY),
    "transparent is free": (["TRANSP:TRANSPARENT"], BERLIN, FREE),
    "transparent is busy where the feed says so": (["TRANSP:TRANSPARENT"], FEED_COUNTS_TRANSPARENT, BUSY),
    "confirmed is busy": (["STATUS:CONFIRMED"], BERLIN, BUSY),
    "cancelled is free": (["STATUS:CANCELLED"], BERLIN, FREE),
    "cancelled is free whatever the feed says": (
        ["STATUS:CANCELLED", "TRANSP:TRANSPARENT"],
        FEED_COUNTS_TRANSPARENT,
        FREE,
    ),
    "values are read in any case": (["STATUS:Cancelled"], BERLIN, FREE),
    "tentative is tentative": (["STATUS:TENTATIVE"], BERLIN, TENTATIVE),
    "tentative is free where the rules say so": (["STATUS:TENTATIVE"], NO_TENTATIVE, FREE),
    "declined by the owner is free": ([ANN.format("DECLINED")], OWNER, FREE),
    "declined by somebody else is busy": ([ANN.format("DECLINED").replace("ann@", "bob@")], OWNER, BUSY),
    "declined is not looked at when the owner is unknown": ([ANN.format("DECLINED")], BERLIN, BUSY),
    "the owner is found by the EMAIL parameter": (
        ['ATTENDEE;PARTSTAT=DECLINED;EMAIL="ann@example.com":/principals/ann/'],
        OWNER,
        FREE,
    ),
    "the owner may be written without mailto": (["ATTENDEE;PARTSTAT=DECLINED:ANN@example.com"], OWNER, FREE),
    "not answered yet is busy": ([ANN.format("NEEDS-ACTION")], OWNER, BUSY),
    "answered tentatively is tentative": ([ANN.format("TENTATIVE")], OWNER, TENTATIVE),
    "Microsoft free is free": ([MS + "FREE"], BERLIN, FREE),
    "Microsoft free is busy where the feed says so": ([MS + "FREE"], FEED_COUNTS_TRANSPARENT, BUSY),
    "Microsoft busy is busy": ([MS + "BUSY"], BERLIN, BUSY),
    "Microsoft tentative is tentative": ([MS + "TENTATIVE"], BERLIN, TENTATIVE),
    "Microsoft out of office is out of office": ([MS + "OOF"], BERLIN, OUT),
    "working elsewhere is free": ([MS + "WORKINGELSEWHERE"], BERLIN, FREE),
    "working elsewhere is free whatever the feed says": (
        [MS + "WORKINGELSEWHERE", "TRANSP:TRANSPARENT"],
        FEED_COUNTS_TRANSPARENT,
        FREE,
    ),
    "transparent wins over a Microsoft status": ([MS + "BUSY", "TRANSP:TRANSPARENT"], BERLIN, FREE),
    "out of office wins over tentative": ([MS + "OOF", "STATUS:TENTATIVE"], BERLIN, OUT),
    "accepting wins over the Microsoft tentative of the invitation": (
        [MS + "TENTATIVE", ANN.format("ACCEPTED")],
        OWNER,
        BUSY,
    ),
    "a tentative event stays so after accepting": (["STATUS:TENTATIVE", ANN.format("ACCEPTED")], OWNER, TENTATIVE),
    "an unknown value is busy": (["STATUS:PERHAPS", "TRANSP:MURKY", MS + "ASLEEP"], BERLIN, BUSY),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name):
    lines, rules, kind = RULES[name]
    reading = read(event(*lines), rules=rules)
    assert [time.kind for time in reading.times] == ([] if kind is None else [kind])
    assert reading.problems == []


def test_a_busy_time_has_the_events_times_and_uid():
    expected = BusyTime(moment("2026-01-05 09:00"), moment("2026-01-05 10:00"), BusyKind.BUSY, "a:b@c")
    assert read(event(uid="a:b@c")).times == [expected]


def test_travel_time_is_busy_directly_before_the_event():
    reading = read(event("X-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT45M"))
    assert reading.times[0] == BusyTime(moment("2026-01-05 08:15"), moment("2026-01-05 09:00"), BusyKind.TRAVEL, "u")
    assert reading.times[1].kind is BusyKind.BUSY


TRAVEL = "X-APPLE-TRAVEL-DURATION:PT45M"


@pytest.mark.parametrize(
    ("lines", "rules", "count"),
    [
        pytest.param([TRAVEL], BusyRules(travel_is_busy=False), 1, id="not where the rules say so"),
        pytest.param([TRAVEL, "TRANSP:TRANSPARENT"], BERLIN, 0, id="not to a free event"),
        pytest.param(["X-APPLE-TRAVEL-DURATION:PT0S"], BERLIN, 1, id="not when it takes no time"),
        pytest.param([TRAVEL, "RRULE:FREQ=DAILY;COUNT=3"], BERLIN, 6, id="to every occurrence"),
    ],
)
def test_travel_time(lines, rules, count):
    assert len(read(event(*lines), rules=rules).times) == count


def test_travel_to_an_event_that_begins_at_the_windows_end_is_busy():
    reading = read(event(TRAVEL, "RRULE:FREQ=WEEKLY"), start="2026-01-12 08:30", end="2026-01-12 09:00")
    assert [time.kind for time in reading.times] == [BusyKind.TRAVEL]


@pytest.mark.parametrize("value", ["P8D", "-PT5M", "soon"])
def test_travel_time_that_makes_no_sense_is_a_problem_and_the_event_stays(value):
    reading = read(event(f"X-APPLE-TRAVEL-DURATION:{value}"))
    assert [time.kind for time in reading.times] == [BusyKind.BUSY]
    assert len(reading.problems) == 1


#: DTSTART and what ends it, and the busy time in UTC; the calendar is in Berlin, one hour ahead in January.
ENDS = {
    "an all-day event lasts its days in the calendar's zone": (
        ["DTSTART;VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260107"],
        ["01-04 23:00/01-06 23:00"],
    ),
    "an all-day event without end lasts a day": (["DTSTART;VALUE=DATE:20260105"], ["01-04 23:00/01-05 23:00"]),
    # The reference gives it no length; Google and Apple show the day.
    "an all-day event that ends on its own date lasts that day": (
        ["DTSTART;VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260105"],
        ["01-04 23:00/01-05 23:00"],
    ),
    "an all-day event may have a duration": (
        ["DTSTART;VALUE=DATE:20260105", "DURATION:P1W"],
        ["01-04 23:00/01-11 23:00"],
    ),
    "a date is a date also without VALUE": (["DTSTART:20260105"], ["01-04 23:00/01-05 23:00"]),
    "a floating time is in the calendar's zone": (
        ["DTSTART:20260105T090000", "DURATION:PT1H"],
        ["01-05 08:00/01-05 09:00"],
    ),
    "UTC wins over TZID": (["DTSTART;TZID=Asia/Tokyo:20260105T090000Z", "DURATION:PT1H"], ["01-05 09:00/01-05 10:00"]),
    "start and end may be in different zones": (
        ["DTSTART;TZID=Europe/Berlin:20260105T090000", "DTEND;TZID=America/New_York:20260105T090000"],
        ["01-05 08:00/01-05 14:00"],
    ),
    "an end that is a date is its midnight": (
        ["DTSTART:20260105T090000", "DTEND;VALUE=DATE:20260106"],
        ["01-05 08:00/01-05 23:00"],
    ),
    "an end after an all-day start may be a time": (
        ["DTSTART;VALUE=DATE:20260105", "DTEND:20260105T120000Z"],
        ["01-04 23:00/01-05 12:00"],
    ),
    "a start in a DST gap that passes its end keeps its length": (
        ["DTSTART;TZID=America/New_York:20260308T024500", "DTEND;TZID=America/New_York:20260308T030000"],
        ["03-08 07:45/03-08 08:00"],
    ),
    "DTEND wins over DURATION": (["DTEND:20260105T093000Z", "DURATION:PT5H"], ["01-05 09:00/01-05 09:30"]),
    "the first of two DTENDs counts": (
        ["DTEND:20260105T093000Z", "DTEND:20260105T113000Z"],
        ["01-05 09:00/01-05 09:30"],
    ),
    "a zero-length event is free": (["DTSTART:20260105T090000Z", "DTEND:20260105T090000Z"], []),
    "an event without end is free": (["DTSTART:20260105T090000Z"], []),
    "a duration of nothing is free": (["DURATION:PT0S"], []),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_long(name):
    lines, expected = ENDS[name]
    assert times(event(*lines), end="2026-04-01") == expected


#: An event from 09:00 to 10:00, a window, whether the event counts there: half-open on both sides.
WINDOWS = {
    "inside": ("2026-01-05 08:00", "2026-01-05 11:00", True),
    "already running at the start": ("2026-01-05 09:30", "2026-01-05 11:00", True),
    "still running at the end": ("2026-01-05 08:00", "2026-01-05 09:01", True),
    "around the window": ("2026-01-05 09:15", "2026-01-05 09:30", True),
    "over when the window starts": ("2026-01-05 10:00", "2026-01-05 11:00", False),
    "starting when the window ends": ("2026-01-05 08:00", "2026-01-05 09:00", False),
}


@pytest.mark.parametrize("more", [[], ["RRULE:FREQ=YEARLY"]], ids=["single", "recurring"])
@pytest.mark.parametrize("name", WINDOWS)
def test_overlap(name, more):
    start, end, counts = WINDOWS[name]
    expected = ["01-05 09:00/01-05 10:00"] if counts else []
    assert times(event(*more), start=start, end=end) == expected


def test_times_are_sorted_and_neither_merged_nor_clipped():
    later = event("DTSTART:20260105T093000Z", "DURATION:P3D", uid="b")
    found = times(later, event(), start="2026-01-05 09:45", end="2026-01-05 10:00")
    assert found == ["01-05 09:00/01-05 10:00", "01-05 09:30/01-08 09:30"]


#: Lines of an event nobody can place in time, and the reason given.
BAD = {
    "no start": (["DTEND:20260105T100000Z", "X:DTSTART"], "no DTSTART"),
    "not a date": (["DTSTART:20260230"], "not a date or date-time: '20260230'"),
    "not a time": (["DTSTART:20260105T250000"], "not a date or date-time: '20260105T250000'"),
    "another format": (["DTSTART:2026-01-05T0900"], "not a date or date-time: '2026-01-05T0900'"),
    "an offset": (["DTSTART:20260105T0900+01"], "not a date or date-time: '20260105T0900+01'"),
    "a very long value": (["DTSTART:" + "9" * 99], "not a date or date-time: '" + "9" * 40 + "…'"),
    "a bad end": (["DTEND:later"], "not a date or date-time: 'later'"),
    "a bad duration": (["DURATION:1H"], "not a duration: '1H'"),
    "an empty duration": (["DURATION:P"], "not a duration: 'P'"),
    "a duration that stops after T": (["DURATION:P1DT"], "not a duration: 'P1DT'"),
    # The reference swaps start and end.
    "an end before the start": (["DTEND:20260105T080000Z"], "it ends before it starts"),
    "a negative duration": (["DURATION:-PT1H"], "it ends before it starts"),
    "an unknown zone": (
        ["DTSTART;TZID=Mars/Olympus:20260105T090000"],
        "unknown time zone 'Mars/Olympus', and no VTIMEZONE defines it",
    ),
    "before the calendar": (
        ["DTSTART;TZID=Asia/Tokyo:00010101T000000", "DURATION:PT1H"],
        "its times leave the calendar",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_event_is_a_problem_and_the_others_are_read(name):
    lines, reason = BAD[name]
    drop_start = name == "no start"
    bad = event(*lines, uid="bad")
    if drop_start:
        bad = bad.replace("DTSTART:20260105T090000Z\n", "")
    reading = read(event(uid="before"), bad, event(uid="after"))
    assert [time.uid for time in reading.times] == ["before", "after"]
    assert reading.problems == [ItemProblem("bad", 7, reason)]
    assert reading.uids == ("before", "bad", "after")


def test_a_problems_line_is_that_of_the_text_as_it_came():
    text = calendar(event("DESCRIPTION:one\n two\n\tthree"), event("DTSTART:never", uid="bad")).replace("\n", "\r\n")
    reading = read_busy(text, window(), BERLIN)
    assert text.split("\r\n")[reading.problems[0].line - 1] == "BEGIN:VEVENT"
    assert reading.problems[0].line == 10


def test_a_first_line_that_continues_nothing_is_still_a_line():
    reading = read_busy(" \n" + calendar(event("DTSTART:never")), window(), BERLIN)
    assert reading.problems[0].line == 3


def test_a_free_event_with_bad_times_is_no_problem():
    assert read(event("DTSTART:never", "STATUS:CANCELLED")).problems == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("kind", [str, bytes])
def test_any_line_ending_and_folding_is_read(ending, kind):
    text = calendar("X-WR-CALNAME:Fü\n ße", event("DTSTART;TZID=Europe/\n Berlin:2026\n\t0105T090000", "DURATION:PT1H"))
    data = text.replace("\n", ending)
    reading = read_busy(data if kind is str else b"\xef\xbb\xbf" + data.encode(), window(), BERLIN)
    assert reading.name == "Füße"
    assert [time.start for time in reading.times] == [moment("2026-01-05 08:00")]


def test_a_character_folded_in_its_middle_is_read():
    data = calendar(event(uid="Füße")).encode().replace("ü".encode(), b"\xc3\r\n \xbc")
    assert read_busy(data, window(), BERLIN).uids == ("Füße",)


def test_alarms_inside_an_event_do_not_change_it():
    alarm = "BEGIN:VALARM\nDURATION:PT5H\nBEGIN:X-MORE\nSTATUS:CANCELLED\nEND:X-MORE\nSTATUS:CANCELLED\nEND:VALARM"
    assert times(event(alarm, "DTEND:20260105T093000Z")) == ["01-05 09:00/01-05 09:30"]


def test_other_components_are_not_events():
    todo = "BEGIN:VTODO\nUID:t\nDTSTART:20260105T090000Z\nDURATION:PT1H\nCOLOR:red\nEND:VTODO"
    reading = read(todo, event())
    assert (len(reading.times), reading.uids, reading.color) == (1, ("u",), "")


def test_an_alarm_that_never_ends_does_not_swallow_the_next_event():
    assert read(event("BEGIN:VALARM"), event(uid="next")).uids == ("u", "next")


def test_a_missing_end_of_event_is_a_problem_and_both_events_are_read():
    reading = read(event("BEGIN:VALARM").removesuffix("\nEND:VEVENT"), event(uid="next"))
    assert [time.uid for time in reading.times] == ["u", "next"]
    assert reading.problems == [ItemProblem("u", 2, "the event has no END:VEVENT")]


def test_a_text_cut_short_is_a_problem_and_its_last_event_is_read():
    reading = read_busy(calendar(event()).partition("END:VEVENT")[0], window(), BERLIN)
    assert len(reading.times) == 1
    assert [problem.reason for problem in reading.problems] == [
        "the event has no END:VEVENT",
        "the calendar has no END:VCALENDAR: it may have been cut short",
    ]


def test_an_end_without_a_begin_changes_nothing():
    assert read("END:VEVENT", "END:VALARM", event()).problems == []


def test_an_event_without_uid_is_read_and_joins_no_other():
    reading = read(event(uid=""), event("DTSTART:20260106T090000Z", "DURATION:PT1H", uid=""))
    assert [time.uid for time in reading.times] == ["", ""]
    assert reading.uids == ()


def test_the_header_gives_name_color_and_zone():
    reading = read("X-WR-CALNAME:Work\\, home", "COLOR:teal", "X-WR-TIMEZONE:Asia/Tokyo", "X-WR-CALNAME:No")
    assert (reading.name, reading.color, reading.zone) == ("Work, home", "teal", "Asia/Tokyo")
    assert read("X-WR-TIMEZONE:UTC", "X-APPLE-CALENDAR-COLOR:#FF0000FF").color == "#FF0000FF"


ALL_DAY = event("DTSTART;VALUE=DATE:20260105")


@pytest.mark.parametrize(
    ("header", "first"),
    [
        pytest.param("X-WR-TIMEZONE:Asia/Tokyo", "01-04 15:00", id="the calendar's own zone wins over the rules'"),
        pytest.param("X-WR-TIMEZONE:UTC", "01-04 23:00", id="UTC says nothing"),
        pytest.param("X-WR-TIMEZONE:Nowhere", "01-04 23:00", id="an unknown zone says nothing"),
    ],
)
def test_all_day_events_are_in_the_calendars_zone(header, first):
    assert starts(header, ALL_DAY) == [first]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("<!DOCTYPE HTML><p>Sign in", "it is a web page, perhaps a login form"),
        (b"\x89PNG\r\n", "it has no BEGIN:VCALENDAR"),
        ("BEGIN:VEVENT\nEND:VEVENT", "it has no BEGIN:VCALENDAR"),
    ],
)
def test_text_that_is_no_calendar_is_refused_without_repeating_it(text, reason):
    with pytest.raises(InputError) as error:
        read_busy(text, window(), BERLIN)
    assert str(error.value) == f"this is not iCalendar text: {reason}"


def test_an_unknown_zone_in_the_rules_is_refused():
    with pytest.raises(InputError, match="unknown time zone 'Nowhere'"):
        read(event(), rules=BusyRules(zone="Nowhere"))
