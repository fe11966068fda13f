"""RRULE and patternedRecurrence: what Graph can express goes there and back, all else is refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from syncd_connectors.office365_calendar.recurrence import (
    Anchor,
    InexpressibleError,
    original_starts,
    patterned,
    rrule_of,
    same_recurrence,
)

BERLIN = ZoneInfo("Europe/Berlin")


def anchor(text: str, *, all_day: bool = False) -> Anchor:
    return Anchor(datetime.fromisoformat(text), BERLIN, "Europe/Berlin", all_day)


WEDNESDAY = "2027-03-24T10:00"

EXPRESSIBLE = [
    ("FREQ=DAILY", WEDNESDAY, {"type": "daily", "interval": 1}),
    ("FREQ=DAILY;INTERVAL=3;COUNT=5", WEDNESDAY, {"type": "daily", "interval": 3}),
    (
        "FREQ=WEEKLY;COUNT=4",
        WEDNESDAY,
        {"type": "weekly", "interval": 1, "daysOfWeek": ["wednesday"], "firstDayOfWeek": "monday"},
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU",
        WEDNESDAY,
        {"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "wednesday"], "firstDayOfWeek": "sunday"},
    ),
    ("FREQ=MONTHLY", WEDNESDAY, {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 24}),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1",
        "2027-03-31T10:00",
        {"type": "absoluteMonthly", "interval": 2, "dayOfMonth": 31},
    ),
    (
        "FREQ=MONTHLY;BYDAY=4WE",
        WEDNESDAY,
        {
            "type": "relativeMonthly",
            "interval": 1,
            "daysOfWeek": ["wednesday"],
            "index": "fourth",
            "firstDayOfWeek": "monday",
        },
    ),
    (
        "FREQ=MONTHLY;COUNT=3;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "2027-03-31T10:00",
        {
            "type": "relativeMonthly",
            "interval": 1,
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "index": "last",
            "firstDayOfWeek": "monday",
        },
    ),
    ("FREQ=YEARLY", WEDNESDAY, {"type": "absoluteYearly", "interval": 1, "dayOfMonth": 24, "month": 3}),
    (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1WE",
        "2027-03-31T10:00",
        {
            "type": "relativeYearly",
            "interval": 1,
            "daysOfWeek": ["wednesday"],
            "index": "last",
            "month": 3,
            "firstDayOfWeek": "monday",
        },
    ),
]


@pytest.mark.parametrize(("rule", "start", "pattern"), EXPRESSIBLE, ids=[case[0] for case in EXPRESSIBLE])
def test_a_rule_that_graph_has_goes_there_and_back(rule: str, start: str, pattern: dict[str, object]):
    told = patterned(rule, anchor(start))
    assert told["pattern"] == pattern
    assert rrule_of(told, anchor(start)) == rule


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        pytest.param("FREQ=HOURLY", WEDNESDAY, id="hourly"),
        pytest.param("FREQ=WEEKLY;BYHOUR=9,15", WEDNESDAY, id="twice a day"),
        pytest.param("FREQ=MONTHLY;BYMONTHDAY=31", "2027-03-31T10:00", id="31st: Graph takes the last day instead"),
        pytest.param("FREQ=MONTHLY", "2027-03-30T10:00", id="30th: Graph takes the last day of February instead"),
        pytest.param("FREQ=MONTHLY;BYMONTHDAY=1,15", "2027-03-15T10:00", id="two days of the month"),
        pytest.param("FREQ=MONTHLY;BYDAY=5WE", "2027-03-31T10:00", id="fifth weekday"),
        pytest.param("FREQ=MONTHLY;BYDAY=1MO,3MO", "2027-03-01T10:00", id="two ordinals"),
        pytest.param("FREQ=MONTHLY;BYDAY=WE", WEDNESDAY, id="every weekday of a month"),
        pytest.param("FREQ=YEARLY;BYMONTH=3,9", WEDNESDAY, id="two months"),
        pytest.param("FREQ=YEARLY;BYMONTHDAY=24", WEDNESDAY, id="that day of every month"),
        pytest.param("FREQ=YEARLY", "2028-02-29T10:00", id="29 February: Graph takes the 28th instead"),
        pytest.param("FREQ=YEARLY;BYDAY=20MO", "2027-05-17T10:00", id="ordinal in the year"),
        pytest.param("FREQ=YEARLY;BYWEEKNO=20", "2027-05-17T10:00", id="week number"),
        pytest.param("FREQ=DAILY;BYMONTH=3", WEDNESDAY, id="days of one month"),
        pytest.param("FREQ=DAILY;INTERVAL=2;BYDAY=WE", WEDNESDAY, id="every other day if a Wednesday"),
        pytest.param("FREQ=WEEKLY;BYDAY=FR", WEDNESDAY, id="first occurrence not of the rule"),
        pytest.param("FREQ=FORTNIGHTLY", WEDNESDAY, id="no rule at all"),
    ],
)
def test_a_rule_that_graph_would_read_otherwise_is_refused_with_its_text(rule: str, start: str):
    with pytest.raises(InexpressibleError) as refused:
        patterned(rule, anchor(start))
    assert rule in str(refused.value)
    assert refused.value.code == "rrule_unsupported"
    assert refused.value.remedy


def test_weekdays_given_as_a_daily_rule_are_a_weekly_pattern():
    told = patterned("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", anchor(WEDNESDAY))
    assert told["pattern"]["type"] == "weekly"
    assert told["pattern"]["daysOfWeek"] == ["monday", "tuesday", "wednesday", "thursday", "friday"]


@pytest.mark.parametrize(
    ("rule", "all_day", "expected"),
    [
        pytest.param("FREQ=DAILY", False, {"type": "noEnd"}, id="for ever"),
        pytest.param("FREQ=DAILY;COUNT=7", False, {"type": "numbered", "numberOfOccurrences": 7}, id="count"),
        pytest.param("FREQ=DAILY;UNTIL=20270401", False, {"type": "endDate", "endDate": "2027-04-01"}, id="date"),
        pytest.param(
            "FREQ=DAILY;UNTIL=20270401T080000Z",
            False,
            {"type": "endDate", "endDate": "2027-04-01"},
            id="at the start of the last one, in summer time",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20270401T075959Z",
            False,
            {"type": "endDate", "endDate": "2027-03-31"},
            id="a second before the start of that day's",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20270331T230000Z",
            False,
            {"type": "endDate", "endDate": "2027-03-31"},
            id="the next day there already, before the meeting",
        ),
        pytest.param("FREQ=DAILY;UNTIL=20270401", True, {"type": "endDate", "endDate": "2027-04-01"}, id="all day"),
    ],
)
def test_the_end_of_a_series_is_in_its_own_zone(rule: str, all_day: bool, expected: dict[str, object]):
    begin = anchor("2027-03-24T00:00" if all_day else WEDNESDAY, all_day=all_day)
    told = patterned(rule, begin)["range"]
    assert told == {**expected, "startDate": "2027-03-24", "recurrenceTimeZone": "W. Europe Standard Time"}


def test_an_end_date_reads_back_as_the_whole_day():
    told = patterned("FREQ=DAILY;UNTIL=20270401T080000Z", anchor(WEDNESDAY))
    assert rrule_of(told, anchor(WEDNESDAY)) == "FREQ=DAILY;UNTIL=20270401T215959Z"


def test_what_graph_fills_in_is_no_difference():
    wanted = patterned("FREQ=WEEKLY;COUNT=4", anchor(WEDNESDAY))
    shown = {
        "pattern": {**wanted["pattern"], "month": 0, "dayOfMonth": 0, "index": "first"},
        "range": {**wanted["range"], "endDate": "0001-01-01", "recurrenceTimeZone": "UTC"},
    }
    assert same_recurrence(wanted, shown)
    assert not same_recurrence(wanted, {**shown, "range": {**shown["range"], "numberOfOccurrences": 5}})
    assert not same_recurrence(wanted, None)
    assert same_recurrence(None, None)


def test_a_pattern_nobody_knows_is_no_rule():
    assert rrule_of({"pattern": {"type": "lunar"}, "range": {"type": "noEnd"}}, anchor(WEDNESDAY)) == ""


def test_starts_stop_at_the_end_of_the_rule_and_of_what_is_looked_at():
    begin = anchor(WEDNESDAY)
    far = datetime.fromisoformat("2030-01-01T00:00")
    assert len(original_starts("FREQ=WEEKLY;COUNT=4", begin, far)) == 4
    assert len(original_starts("FREQ=WEEKLY;UNTIL=20270407T080000Z", begin, far)) == 3
    assert original_starts("FREQ=WEEKLY", begin, begin.local) == []
