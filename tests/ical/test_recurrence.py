"""Recurrence: RFC 5545's rules one by one, properties against dateutil, and where libraries are wrong."""

# ruff: noqa: DTZ001 - wall-clock times

from __future__ import annotations

import signal
from datetime import datetime, timedelta
from typing import Any

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from read import BERLIN, calendar, event, read, starts, times, window
from test_same_occurrences import reference_times

from syncd.ical import BusyRules
from syncd.ical.recurrence import Budget, LimitError, parse_rule
from syncd.ical.recurrence import starts as rule_starts

#: DTSTART 5 January 2026 (a Monday) at 9:00 UTC for an hour, more lines, and the starts in January (in UTC).
RULES = {
    "daily": (["RRULE:FREQ=DAILY;COUNT=3"], ["01-05", "01-06", "01-07"]),
    "an interval of days": (["RRULE:FREQ=DAILY;INTERVAL=10"], ["01-05", "01-15", "01-25"]),
    "daily on weekdays": (["RRULE:FREQ=DAILY;BYDAY=SA,SU;COUNT=3"], ["01-05", "01-10", "01-11", "01-17"]),
    "daily in a month": (["RRULE:FREQ=DAILY;BYMONTH=2,3"], ["01-05"]),
    "daily on days of the month": (["RRULE:FREQ=DAILY;BYMONTHDAY=7,-1"], ["01-05", "01-07", "01-31"]),
    "daily on days of the year": (["RRULE:FREQ=DAILY;BYYEARDAY=8,-336"], ["01-05", "01-08", "01-30"]),
    "weekly": (["RRULE:FREQ=WEEKLY"], ["01-05", "01-12", "01-19", "01-26"]),
    "every other week": (["RRULE:FREQ=WEEKLY;INTERVAL=2"], ["01-05", "01-19"]),
    "weekly on days": (["RRULE:FREQ=WEEKLY;BYDAY=MO,FR;COUNT=4"], ["01-05", "01-09", "01-12", "01-16"]),
    "weekly, DTSTART not among the days": (["RRULE:FREQ=WEEKLY;BYDAY=SU;COUNT=2"], ["01-05", "01-11", "01-18"]),
    "weeks that start on Sunday": (["RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU"], ["01-05", "01-18", "01-19"]),
    "weeks that start on Monday": (["RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO"], ["01-05", "01-11", "01-19", "01-25"]),
    "weekly in a month": (["RRULE:FREQ=WEEKLY;BYMONTH=2"], ["01-05"]),
    "the last of a week": (["RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=-1;COUNT=2"], ["01-05", "01-07", "01-14"]),
    "monthly": (["RRULE:FREQ=MONTHLY"], ["01-05"]),
    "the last Friday of a month": (["RRULE:FREQ=MONTHLY;BYDAY=-1FR"], ["01-05", "01-30"]),
    "the last workday of a month": (["RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"], ["01-05", "01-30"]),
    "nothing before DTSTART": (["RRULE:FREQ=MONTHLY;BYMONTHDAY=2,9,11;COUNT=2"], ["01-05", "01-09", "01-11"]),
    "yearly": (["RRULE:FREQ=YEARLY"], ["01-05"]),
    "a date includes UNTIL's whole day": (["RRULE:FREQ=DAILY;UNTIL=20260107"], ["01-05", "01-06", "01-07"]),
    "UNTIL in UTC includes its moment": (["RRULE:FREQ=DAILY;UNTIL=20260106T090000Z"], ["01-05", "01-06"]),
    "UNTIL in UTC excludes what is later": (["RRULE:FREQ=DAILY;UNTIL=20260106T085959Z"], ["01-05"]),
    "UNTIL before DTSTART leaves nothing": (["RRULE:FREQ=DAILY;UNTIL=20260101T000000Z"], []),
    "two rules": (["RRULE:FREQ=DAILY;COUNT=2", "RRULE:FREQ=MONTHLY;BYMONTHDAY=9"], ["01-05", "01-06", "01-09"]),
    "COUNT=-1 is no limit": (["RRULE:FREQ=WEEKLY;COUNT=-1"], ["01-05", "01-12", "01-19", "01-26"]),
    "parts in lower case, empty parts": (["RRULE:freq=daily;;count=2;"], ["01-05", "01-06"]),
    "EXDATE": (["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260106T090000Z"], ["01-05", "01-07"]),
    "EXDATE of DTSTART": (["RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260105T090000Z"], ["01-06"]),
    "EXDATEs in one line and in two": (
        ["RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20260105T090000Z,20260106T090000Z", "EXDATE:20260108T090000Z"],
        ["01-07"],
    ),
    "EXDATE in another zone": (["RRULE:FREQ=DAILY;COUNT=2", "EXDATE;TZID=Asia/Tokyo:20260106T180000"], ["01-05"]),
    "EXDATE as a date": (["RRULE:FREQ=DAILY;COUNT=2", "EXDATE;VALUE=DATE:20260106"], ["01-05"]),
    "EXDATE at another time": (["RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260106T080000Z"], ["01-05", "01-06"]),
    "RDATE": (["RDATE:20260109T090000Z,20260111T090000Z"], ["01-05", "01-09", "01-11"]),
    "RDATE that the rule also gives": (["RRULE:FREQ=DAILY;COUNT=2", "RDATE:20260106T090000Z"], ["01-05", "01-06"]),
    "RDATE in another zone": (["RDATE;TZID=Asia/Tokyo:20260109T180000"], ["01-05", "01-09"]),
    "RDATE taken out by EXDATE": (["RDATE:20260109T090000Z", "EXDATE:20260109T090000Z"], ["01-05"]),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name):
    lines, expected = RULES[name]
    assert [start.removesuffix(" 09:00") for start in starts(event(*lines))] == expected


#: DTSTART far before the window: the anchor is DTSTART, not the window.
ANCHORED = {
    "every third day": ("FREQ=DAILY;INTERVAL=3", "20200101", ["01-02", "01-05", "01-08"]),
    "every other week": ("FREQ=WEEKLY;INTERVAL=2", "20200113", ["01-05"]),
    "the 2200th day": ("FREQ=DAILY;COUNT=2198", "20200101", ["01-01", "01-02", "01-03", "01-04", "01-05", "01-06"]),
    "the 939th weekday": ("FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=940", "20200106", ["01-02", "01-05"]),
    "every twelfth month": ("FREQ=MONTHLY;INTERVAL=12;COUNT=7", "20200109", ["01-09"]),
    "every twelfth month, over by COUNT": ("FREQ=MONTHLY;INTERVAL=12;COUNT=6", "20200109", []),
    "every other year": ("FREQ=YEARLY;INTERVAL=2", "20200107", ["01-07"]),
    "every other year, not this one": ("FREQ=YEARLY;INTERVAL=2", "20210107", []),
    "every 36 hours": ("FREQ=HOURLY;INTERVAL=48", "20200101", ["01-01", "01-03", "01-05", "01-07", "01-09"]),
}


@pytest.mark.parametrize("name", ANCHORED)
def test_the_anchor_is_the_true_dtstart(name):
    rule, first, expected = ANCHORED[name]
    found = starts(event(f"DTSTART:{first}T090000Z", "DURATION:PT1H", f"RRULE:{rule}"), end="2026-01-10")
    assert [start.removesuffix(" 09:00") for start in found] == expected


DAILY = event("RRULE:FREQ=DAILY;COUNT=3")


def override(which: str, *lines: str) -> str:
    return event(f"RECURRENCE-ID{which}", *lines)


MOVED = ("DTSTART:20260106T150000Z", "DTEND:20260106T160000Z")
#: Overrides of the daily series of 5, 6 and 7 January at 9:00 UTC, and the starts then.
OVERRIDES = {
    "moved": ([override(":20260106T090000Z", *MOVED)], ["05 09:00", "06 15:00", "07 09:00"]),
    "named in another zone": (
        [override(";TZID=Asia/Tokyo:20260106T180000", *MOVED)],
        ["05 09:00", "06 15:00", "07 09:00"],
    ),
    "named by its date": ([override(";VALUE=DATE:20260106", *MOVED)], ["05 09:00", "06 15:00", "07 09:00"]),
    "named by floating time": ([override(":20260106T090000", *MOVED)], ["05 09:00", "06 15:00", "07 09:00"]),
    "cancelled": ([override(":20260106T090000Z", *MOVED, "STATUS:CANCELLED")], ["05 09:00", "07 09:00"]),
    "made transparent": ([override(":20260106T090000Z", *MOVED, "TRANSP:TRANSPARENT")], ["05 09:00", "07 09:00"]),
    "of no occurrence stands alone": (
        [override(":20260120T090000Z", *MOVED)],
        ["05 09:00", "06 09:00", "06 15:00", "07 09:00"],
    ),
    "the higher SEQUENCE wins": (
        [
            override(":20260106T090000Z", *MOVED, "SEQUENCE:2"),
            override(":20260106T090000Z", "SEQUENCE:1", "STATUS:CANCELLED"),
        ],
        ["05 09:00", "06 15:00", "07 09:00"],
    ),
    # The reference keeps the first.
    "of equal SEQUENCE both stand": (
        [
            override(":20260106T090000Z", *MOVED),
            override(":20260106T090000Z", "DTSTART:20260106T180000Z", "DURATION:PT1H"),
        ],
        ["05 09:00", "06 15:00", "06 18:00", "07 09:00"],
    ),
}


@pytest.mark.parametrize("name", OVERRIDES)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_override(name, first):
    overrides, expected = OVERRIDES[name]
    components = [*overrides, DAILY] if first else [DAILY, *overrides]
    assert starts(*components) == [f"01-{start}" for start in expected]


def test_an_override_moved_into_the_window_counts_and_one_moved_out_does_not():
    into = override(":20260110T090000Z", "DTSTART:20260120T090000Z", "DURATION:PT1H")
    out = override(":20260121T090000Z", "DTSTART:20260301T090000Z", "DURATION:PT1H")
    daily = event("RRULE:FREQ=DAILY")
    found = starts(daily, into, out, start="2026-01-20", end="2026-01-23")
    assert found == ["01-20 09:00", "01-20 09:00", "01-22 09:00"]


def test_an_override_without_master_stands_alone():
    assert starts(override(":20260106T090000Z", *MOVED)) == ["01-06 15:00"]


def test_an_override_belongs_to_the_series_of_its_uid_only():
    other = override(":20260106T090000Z", *MOVED).replace("UID:u", "UID:other")
    assert starts(DAILY, other) == ["01-05 09:00", "01-06 09:00", "01-06 15:00", "01-07 09:00"]


def test_an_override_whose_occurrence_is_excluded_is_gone():
    series = event("RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260106T090000Z")
    assert starts(series, override(":20260106T090000Z", *MOVED)) == ["01-05 09:00"]
    free = event("RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260106T090000Z", "TRANSP:TRANSPARENT")
    assert starts(free, override(":20260106T090000Z", *MOVED)) == []


@pytest.mark.parametrize(
    ("lines", "reason", "found"),
    [
        ([":20260106T090000Z", "DTSTART:soon"], "'soon'", ["05 09:00", "06 09:00", "07 09:00"]),
        ([":tomorrow", *MOVED], "'tomorrow'", ["05 09:00", "06 09:00", "06 15:00", "07 09:00"]),
        ([";RANGE=THISANDFUTURE:tomorrow", *MOVED], "'tomorrow'", ["05 09:00", "06 09:00", "06 15:00", "07 09:00"]),
    ],
)
def test_an_unreadable_override_is_a_problem_and_frees_nothing(lines, reason, found):
    reading = read(DAILY, override(*lines))
    assert [f"{time.start:%d %H:%M}" for time in reading.times] == found
    assert [problem.reason for problem in reading.problems] == [f"not a date or date-time: {reason}"]


ALL_DAY = event("DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=DAILY;COUNT=2")


@pytest.mark.parametrize(
    "which", [";VALUE=DATE:20260106", ":20260105T230000Z", ":20260106T000000Z", ":20260106T000000"]
)
def test_a_day_of_an_all_day_series_is_named_by_date_or_by_moment(which):
    assert starts(ALL_DAY, override(which, "STATUS:CANCELLED")) == ["01-04 23:00"]
    assert starts(ALL_DAY.replace("RRULE", f"EXDATE{which}\nRRULE")) == ["01-04 23:00"]


def test_times_in_a_rule_of_all_day_events_are_ignored():
    assert starts(event("DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=DAILY;COUNT=1;BYHOUR=9,17")) == ["01-04 23:00"]


def test_until_with_a_time_ends_an_all_day_series_on_its_date():
    series = event("DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=DAILY;UNTIL=20260106T000000Z")
    assert starts(series) == ["01-04 23:00", "01-05 23:00"]


FUTURE = ";RANGE=THISANDFUTURE:20260106T090000Z"


def test_this_and_future_moves_and_resizes_all_later_occurrences():
    series = event("RRULE:FREQ=DAILY;COUNT=4")
    later = override(FUTURE, "DTSTART:20260106T110000Z", "DTEND:20260106T113000Z")
    last = override(FUTURE.replace("0106", "0108"), "DTSTART:20260109T090000Z", "DTEND:20260109T100000Z")
    expected = [
        "01-05 09:00/01-05 10:00",
        "01-06 11:00/01-06 11:30",
        "01-07 11:00/01-07 11:30",
        "01-09 09:00/01-09 10:00",
    ]
    assert times(series, last, later) == expected


def test_this_and_future_cancelled_ends_the_series():
    assert starts(DAILY, override(FUTURE, "STATUS:CANCELLED")) == ["01-05 09:00"]


def test_this_and_future_finds_occurrences_moved_into_the_window_from_both_sides():
    series = event("RRULE:FREQ=WEEKLY")
    back = override(FUTURE.replace("0106", "0112"), "DTSTART:20260101T090000Z", "DURATION:PT1H")
    assert starts(series, back, start="2026-02-01", end="2026-02-06") == ["02-05 09:00"]
    ahead = override(FUTURE.replace("0106", "0112"), "DTSTART:20260122T090000Z", "DURATION:PT1H")
    assert starts(series, ahead, start="2026-02-01", end="2026-02-06") == ["02-05 09:00"]


def test_events_that_share_a_uid_and_a_sequence_all_count():
    # The reference keeps one: feeds that give every event the same UID lose all others there.
    second = event("DTSTART:20260109T090000Z", "DURATION:PT1H")
    assert starts(event(), second) == ["01-05 09:00", "01-09 09:00"]


@pytest.mark.parametrize("sequence", ["SEQUENCE:2", "SEQUENCE:2\nSTATUS:CANCELLED"])
def test_the_highest_sequence_replaces_what_shares_its_uid(sequence):
    found = starts(
        event("SEQUENCE:x"), event("SEQUENCE:1"), event("DTSTART:20260109T090000Z", "DURATION:PT1H", sequence)
    )
    assert found == ([] if "CANCELLED" in sequence else ["01-09 09:00"])


def test_periods_have_their_own_length():
    series = event("RDATE;VALUE=PERIOD:20260107T090000Z/PT15M,20260108T090000Z/20260108T120000Z")
    assert times(series)[1:] == ["01-07 09:00/01-07 09:15", "01-08 09:00/01-08 12:00"]


def test_the_last_day_of_a_leap_year_is_counted_from_its_end():
    assert [at.day for at in _ours("FREQ=DAILY;BYYEARDAY=-1", datetime(2028, 12, 28, 9), days=9)] == [31]


def test_a_long_journey_to_a_later_occurrence_counts():
    series = event("RRULE:FREQ=MONTHLY", "X-APPLE-TRAVEL-DURATION:P4D")
    assert starts(series, start="2026-02-01", end="2026-02-02") == ["02-01 09:00"]


def test_a_long_occurrence_that_began_before_the_window_counts():
    series = event("DTSTART:20250101T090000Z", "DURATION:P3D", "RRULE:FREQ=WEEKLY")
    assert starts(series, start="2026-01-02", end="2026-01-03") == ["12-31 09:00"]


#: A daily series in Berlin around a switch: its start, its length, the window's day, and the time on that day in UTC.
SWITCHES = {
    "wall-clock time stays across the switch": ("20260327T090000", "PT1H", "2026-03-29", "07:00/03-29 08:00"),
    "a time in the gap counts with the offset before it": (
        "20260327T023000",
        "PT1H",
        "2026-03-29",
        "01:30/03-29 02:30",
    ),
    "a repeated time is its first": ("20261023T023000", "PT1H", "2026-10-25", "00:30/10-25 01:30"),
    "hours of a duration are exact": ("20260327T010000", "PT4H", "2026-03-29", "00:00/03-29 04:00"),
    "days of a duration are calendar days": ("20260327T010000", "P1D", "2026-03-29", "00:00/03-29 23:00"),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_switch(name):
    first, length, day, expected = SWITCHES[name]
    series = event(f"DTSTART;TZID=Europe/Berlin:{first}", f"DURATION:{length}", "RRULE:FREQ=DAILY")
    assert times(series, start=day, end=f"{day} 23:00")[-1] == f"{day[5:]} {expected}"


def test_an_all_day_series_lasts_the_calendars_days_across_the_switch():
    series = event("DTSTART;VALUE=DATE:20260328", "RRULE:FREQ=DAILY;COUNT=2")
    assert times(series, start="2026-03-01", end="2026-04-01") == ["03-27 23:00/03-28 23:00", "03-28 23:00/03-29 22:00"]


# Where the libraries are wrong. Each test shows what the library says, then what we say.


def reference(*components: str, start: str = "2026-01-01", end: str = "2026-02-01") -> list[str]:
    found = reference_times(calendar(*components), window(start, end), "Europe/Berlin")
    return sorted(f"{begin:%m-%d %H:%M}/{finish:%m-%d %H:%M}" for begin, finish, _ in found)


def test_recurring_ical_events_keeps_the_wall_clock_end_where_rfc_5545_keeps_the_exact_length():
    night = event(
        "DTSTART;TZID=Europe/Berlin:20260327T220000",
        "DTEND;TZID=Europe/Berlin:20260328T060000",
        "RRULE:FREQ=DAILY;COUNT=2",
    )
    span: Any = {"start": "2026-03-28 12:00", "end": "2026-03-30"}
    assert reference(night, **span) == ["03-28 21:00/03-29 04:00"]
    assert times(night, **span) == ["03-28 21:00/03-29 05:00"]


def test_recurring_ical_events_reads_a_utc_exdate_as_local_time_too():
    series = event(
        "DTSTART;TZID=Europe/Berlin:20260105T080000",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=2",
        "EXDATE:20260106T080000Z",
    )
    assert reference(series) == ["01-05 07:00/01-05 08:00"]
    assert starts(series) == ["01-05 07:00", "01-06 07:00"]


def test_recurring_ical_events_loses_the_last_day_of_until_as_a_date():
    series = event("DTSTART;TZID=Europe/Berlin:20260105T080000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260106")
    assert reference(series) == ["01-05 07:00/01-05 08:00"]
    assert starts(series) == ["01-05 07:00", "01-06 07:00"]


def test_recurring_ical_events_reads_a_local_until_as_utc():
    series = event(
        "DTSTART;TZID=America/New_York:20260105T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260106T090000"
    )
    assert reference(series) == ["01-05 14:00/01-05 15:00"]
    assert starts(series) == ["01-05 14:00", "01-06 14:00"]


def test_recurring_ical_events_does_not_match_an_override_named_by_date():
    named = override(";VALUE=DATE:20260106", *MOVED)
    assert len(reference(DAILY, named)) == 4
    assert len(times(DAILY, named)) == 3


def test_recurring_ical_events_loses_the_feed_for_one_impossible_rule():
    impossible = event("RRULE:FREQ=HOURLY;INTERVAL=6;BYHOUR=10", uid="bad")
    with pytest.raises(ValueError, match="UNTIL parameter is missing"):
        reference(event(), impossible)
    assert starts(event(), impossible) == ["01-05 09:00", "01-05 09:00"]


def test_dateutil_begins_the_first_week_at_dtstart():
    rule, first = "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2;COUNT=2", datetime(2026, 1, 7, 9)
    assert [at.day for at in rrulestr(rule, dtstart=first)] == [9, 14]
    assert [at.day for at in _ours(rule, first)] == [7, 14]


def test_dateutil_takes_every_day_of_a_week_number():
    rule, first = "FREQ=YEARLY;BYWEEKNO=2", datetime(2026, 1, 5, 9)
    assert len(list(rrulestr(rule + ";COUNT=7", dtstart=first))) == 7
    assert [at.day for at in _ours(rule, first)] == [5]


def test_dateutil_walks_to_the_end_of_the_calendar_for_a_rule_that_never_matches():
    rule = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"
    with pytest.raises(TimeoutError):
        _within(0.3, lambda: next(iter(rrulestr(rule, dtstart=datetime(2026, 1, 1)))))
    assert _within(0.3, lambda: _ours(rule, datetime(2026, 1, 1))) == []


def _within(seconds: float, call):
    def stop(*_):
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _ours(rule: str, first: datetime, days: int = 200) -> list[datetime]:
    return sorted(rule_starts(parse_rule(rule), first, first, first + timedelta(days=days), Budget()))


# Properties: any rule we read, between any two moments, gives what dateutil gives when it walks from DTSTART.

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    return st.lists(st.integers(low, high).filter(bool), min_size=1, max_size=3, unique=True).map(
        lambda found: ",".join(map(str, found))
    )


days = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True).map(",".join)
ordinals = st.tuples(st.sampled_from((1, 2, 4, -1, -2)), st.sampled_from(WEEKDAYS)).map(
    lambda pair: f"{pair[0]}{pair[1]}"
)
PARTS = {
    "DAILY": {"BYDAY": days, "BYMONTH": numbers(1, 12), "BYMONTHDAY": numbers(-31, 31), "BYHOUR": numbers(1, 23)},
    "WEEKLY": {"BYDAY": days, "BYMONTH": numbers(1, 12), "BYHOUR": numbers(1, 23), "BYMINUTE": numbers(1, 59)},
    "MONTHLY": {
        "BYDAY": days | ordinals,
        "BYMONTHDAY": numbers(-31, 31),
        "BYMONTH": numbers(1, 12),
        "BYSETPOS": numbers(-3, 3),
    },
    "YEARLY": {
        "BYDAY": days | ordinals,
        "BYMONTH": numbers(1, 12),
        "BYYEARDAY": numbers(-366, 366),
        "BYSETPOS": numbers(-3, 3),
    },
    "HOURLY": {"BYDAY": days, "BYMONTH": numbers(1, 12), "BYMINUTE": numbers(1, 59)},
    "MINUTELY": {"BYDAY": days, "BYSECOND": numbers(1, 59)},
}


@st.composite
def rules(draw: st.DrawFn) -> str:
    """BYSETPOS needs another part (RFC 5545), and stays off WEEKLY, where dateutil is wrong."""
    freq = draw(st.sampled_from(tuple(PARTS)))
    chosen = {name: draw(value) for name, value in PARTS[freq].items() if draw(st.booleans())}
    if set(chosen) == {"BYSETPOS"}:
        chosen = {}
    parts = [f"FREQ={freq}", *(f"{name}={value}" for name, value in chosen.items())]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 6))}")
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 60))}")
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    return ";".join(parts)


@settings(max_examples=300, deadline=None)
@given(
    rule=rules(),
    first=st.datetimes(datetime(2019, 1, 1), datetime(2026, 1, 1)).map(lambda at: at.replace(microsecond=0)),
    ahead=st.integers(0, 900),
    span=st.integers(1, 60),
)
def test_any_rule_gives_the_starts_dateutil_gives(rule, first, ahead, span):
    low = first + timedelta(days=ahead if "MINUTELY" not in rule else ahead % 5)
    high = low + timedelta(days=span if "MINUTELY" not in rule else 1)
    try:
        expected = _within(5, lambda: _dateutil(rule, first, low, high))
    except (TimeoutError, ValueError):  # dateutil: a rule that never matches
        return
    try:
        assert sorted(rule_starts(parse_rule(rule), first, low, high, Budget())) == expected
    except LimitError:
        assert "COUNT" in rule  # walked from DTSTART


def _dateutil(rule: str, first: datetime, low: datetime, high: datetime) -> list[datetime]:
    found = []
    for at in rrulestr(rule, dtstart=first):
        if at >= high:
            break
        if at >= low:
            found.append(at)
    return found


#: Rules that cannot be used, and the reason given. DTSTART itself still counts.
BAD_RULES = {
    "FREQ=FORTNIGHTLY": "RRULE without a known FREQ: 'FORTNIGHTLY'",
    "COUNT=3": "RRULE without a known FREQ: ''",
    "FREQ=DAILY;INTERVAL=0": "RRULE with INTERVAL='0'",
    "FREQ=DAILY;INTERVAL=often": "RRULE with INTERVAL='OFTEN'",
    "FREQ=DAILY;COUNT=0": "RRULE with COUNT='0'",
    "FREQ=DAILY;UNTIL=soon": "not a date or date-time: 'SOON'",
    "FREQ=DAILY;WKST=XX": "not a weekday: 'XX'",
    "FREQ=WEEKLY;BYDAY=MO,YY": "RRULE with BYDAY='YY'",
    "FREQ=MONTHLY;BYDAY=6MO": "RRULE with an ordinal beyond 5 in BYDAY",
    "FREQ=YEARLY;BYDAY=54MO": "RRULE with an ordinal beyond 53 in BYDAY",
    "FREQ=YEARLY;BYMONTH=13": "RRULE with BYMONTH='13'",
    "FREQ=YEARLY;BYMONTH=-1": "RRULE with BYMONTH='-1'",
    "FREQ=YEARLY;BYMONTHDAY=0": "RRULE with BYMONTHDAY='0'",
    "FREQ=YEARLY;BYMONTH=": "RRULE with BYMONTH=''",
    "FREQ=MONTHLY;BYWEEKNO=3": "RRULE with BYWEEKNO needs FREQ=YEARLY",
    "FREQ=DAILY;BYEASTER=1": "RRULE with the unknown part 'BYEASTER'",
    "FREQ=YEARLY;RSCALE=HEBREW": "RRULE with the unknown part 'RSCALE'",
    "FREQ=SECONDLY": "the rule has too many occurrences to examine",
    "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30;COUNT=9": "the rule has too many occurrences to examine",
    "FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(60))) + ";BYSECOND=1,2": "the rule has too many times a day",
    "FREQ=DAILY;INTERVAL=9999999999": "its times leave the calendar",
    "FREQ=MONTHLY;INTERVAL=999999;BYMONTHDAY=5": "its times leave the calendar",
}


@pytest.mark.parametrize("rule", BAD_RULES)
def test_a_rule_that_cannot_be_used_is_a_problem_and_its_first_occurrence_counts(rule):
    reading = read(event(f"RRULE:{rule}"), rules=BusyRules())
    assert len(reading.times) == 1
    assert [problem.reason for problem in reading.problems] == [BAD_RULES[rule]]


def test_a_rule_that_never_matches_leaves_its_first_occurrence():
    assert starts(event("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")) == ["01-05 09:00"]


@pytest.mark.parametrize(
    "line", ["EXDATE:20260106T090000Z,soon", "RDATE:20260109T090000Z/x", "RDATE:20260109T090000Z/PX"]
)
def test_a_bad_exdate_or_rdate_is_a_problem_and_the_rule_stands(line):
    reading = read(event("RRULE:FREQ=DAILY;COUNT=3", line), rules=BERLIN)
    assert len(reading.problems) == 1
    assert len(reading.times) == (2 if "EXDATE" in line else 3)


def test_a_reading_has_a_budget_that_many_hostile_rules_share():
    budget = Budget(reading=25, event=10)
    budget.spend(10)
    with pytest.raises(LimitError):
        budget.spend(1)
    budget.next_event()
    budget.spend(10)
    budget.next_event()
    with pytest.raises(LimitError):
        budget.spend(6)
