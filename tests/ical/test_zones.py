"""TZIDs: by name, by Windows name, by offset, by the embedded VTIMEZONE, or a problem of that event."""

# ruff: noqa: DTZ001 - wall-clock times

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from read import event, read, starts, times

from syncd.ical.zones import embedded_zone, named_zone

WINTER, SUMMER = datetime(2026, 1, 5, 9), datetime(2026, 7, 5, 9)

#: TZID, and the offsets in hours in winter and in summer.
NAMES = {
    "Europe/Berlin": (1, 2),
    "UTC": (0, 0),
    "Etc/GMT+5": (-5, -5),
    "America/Argentina/Buenos_Aires": (-3, -3),
    "W. Europe Standard Time": (1, 2),
    "w. europe standard time": (1, 2),
    "Eastern Standard Time": (-5, -4),
    "/mozilla.org/20070129_1/Europe/Berlin": (1, 2),
    "/freeassociation.sourceforge.net/Tzfile/America/Argentina/Buenos_Aires": (-3, -3),
    "/citadel.org/20260101_1/UTC": (0, 0),
    "right/Europe/Berlin": (1, 2),  # the zone, without its leap seconds
    "GMT+5": (5, 5),
    "GMT-0330": (-3.5, -3.5),
    "UTC+05:30": (5.5, 5.5),
    "+0100": (1, 1),
}
UNKNOWN = (
    "",
    "Nowhere",
    "Europe",
    "../../etc/passwd",
    "Europe/\0",
    "GMT+24",
    "GMT+5:99",
    "localtime",
    "Factory",
    "X" * 999,
)


@pytest.mark.parametrize("tzid", NAMES)
def test_name(tzid):
    zone = named_zone(tzid)
    assert zone is not None
    offsets = [at.replace(tzinfo=zone).utcoffset() for at in (WINTER, SUMMER)]
    assert offsets == [timedelta(hours=hours) for hours in NAMES[tzid]]


@pytest.mark.parametrize("tzid", UNKNOWN)
def test_what_names_no_zone_is_not_guessed(tzid):
    assert named_zone(tzid) is None


def vtimezone(tzid: str, *parts: str) -> str:
    return "\n".join(["BEGIN:VTIMEZONE", f"TZID:{tzid}", *parts, "END:VTIMEZONE"])


def observance(kind: str, first: str, before: str, after: str, *more: str) -> str:
    return "\n".join(
        [f"BEGIN:{kind}", f"DTSTART:{first}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *more, f"END:{kind}"]
    )


SUMMER_TIME = observance("DAYLIGHT", "19810329T020000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU")
WINTER_TIME = observance("STANDARD", "19961027T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU")
CENTRAL_EUROPE = vtimezone("Customized Time Zone", SUMMER_TIME, WINTER_TIME)
CUSTOM = event('DTSTART;TZID="Customized Time Zone":20260105T090000', "DURATION:PT1H")


def test_an_unknown_name_is_what_its_vtimezone_says():
    assert starts(CENTRAL_EUROPE, CUSTOM) == ["01-05 08:00"]
    series = CUSTOM.replace("DURATION", "RRULE:FREQ=MONTHLY\nDURATION")
    assert starts(CENTRAL_EUROPE, series, start="2026-07-01", end="2026-08-01") == ["07-05 07:00"]


def test_a_definition_may_come_after_the_event_and_have_parameters():
    assert starts(CUSTOM, CENTRAL_EUROPE.replace("TZID:", "TZID;X-A=b:")) == ["01-05 08:00"]


def test_a_tzid_may_contain_a_colon_in_quotes():
    name = "(UTC+01:00) Amsterdam, Berlin"
    found = starts(CENTRAL_EUROPE.replace("Customized Time Zone", name), CUSTOM.replace("Customized Time Zone", name))
    assert found == ["01-05 08:00"]


def test_a_known_name_wins_over_its_definition():
    wrong = vtimezone("Europe/Berlin", observance("STANDARD", "19700101T000000", "+0500", "+0500"))
    assert starts(wrong, event("DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:PT1H")) == ["01-05 08:00"]


def test_the_first_of_two_definitions_counts():
    second = vtimezone("Customized Time Zone", observance("STANDARD", "19700101T000000", "+0500", "+0500"))
    assert starts(CENTRAL_EUROPE, second, CUSTOM) == ["01-05 08:00"]


def test_events_of_one_feed_keep_their_own_zones():
    tokyo = event("DTSTART;TZID=Asia/Tokyo:20260105T090000", "DURATION:PT1H")
    assert starts(CENTRAL_EUROPE, tokyo, CUSTOM) == ["01-05 00:00", "01-05 08:00"]


def test_an_embedded_zone_agrees_with_the_iana_zone_it_copies():
    embedded, berlin = embedded_zone(CENTRAL_EUROPE), ZoneInfo("Europe/Berlin")
    for hour in range(24 * 730):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour / 2)
        ours, theirs = at.astimezone(embedded), at.astimezone(berlin)
        assert (ours.replace(tzinfo=None), ours.fold) == (theirs.replace(tzinfo=None), theirs.fold)
        wall = datetime(2026, 1, 1) + timedelta(hours=hour / 2)
        for fold in (0, 1):
            local = wall.replace(fold=fold)
            assert local.replace(tzinfo=embedded).utcoffset() == local.replace(tzinfo=berlin).utcoffset(), local


def test_before_its_first_transition_a_zone_has_the_offset_it_came_from():
    zone: tzinfo = embedded_zone(vtimezone("X", observance("DAYLIGHT", "20260329T020000", "+0100", "+0200")))
    assert WINTER.replace(tzinfo=zone).utcoffset() == timedelta(hours=1)
    assert zone.tzname(WINTER) is None
    assert zone.dst(WINTER) is None


def test_transitions_may_be_dates_and_rules_may_end():
    zone = embedded_zone(
        vtimezone(
            "X",
            observance("DAYLIGHT", "20250330T020000", "+0100", "+0200", "RDATE:20260329T020000,20270328T020000"),
            observance(
                "STANDARD",
                "20251026T030000",
                "+0200",
                "+0100",
                "RRULE:FREQ=YEARLY;UNTIL=20261025T010000Z;BYMONTH=10;BYDAY=-1SU",
            ),
        )
    )
    offsets = [
        datetime(year, month, 1, tzinfo=zone).utcoffset()
        for year, month in ((2026, 7), (2026, 12), (2027, 7), (2027, 12))
    ]
    assert offsets == [timedelta(hours=hours) for hours in (2, 1, 2, 2)]


STANDARD = ("STANDARD", "19700101T000000", "+0100", "+0100")
#: VTIMEZONEs that cannot be used, and the reason given.
BAD = {
    "nothing in it": (vtimezone("Customized Time Zone"), "it has no STANDARD or DAYLIGHT part"),
    "no offset": (
        vtimezone("Customized Time Zone", "BEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD"),
        "not a UTC offset: ''",
    ),
    "a day's offset": (
        vtimezone("Customized Time Zone", observance(*STANDARD[:3], "+2400")),
        "not a UTC offset: '+2400'",
    ),
    "no start": (
        vtimezone("Customized Time Zone", observance("STANDARD", "", "+01", "+01")),
        "not a UTC offset: '+01'",
    ),
    "a bad start": (
        vtimezone("Customized Time Zone", observance("STANDARD", "1970", *STANDARD[2:])),
        "not a date or date-time: '1970'",
    ),
    "a hostile rule": (
        vtimezone("Customized Time Zone", observance(*STANDARD, "RRULE:FREQ=SECONDLY")),
        "the rule has too many occurrences to examine",
    ),
    "a start before the calendar": (
        vtimezone("Customized Time Zone", observance("STANDARD", "00010101T000000", "+0100", "+0100")),
        "date value out of range",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_definition_is_a_problem_of_the_events_that_use_it(name):
    text, reason = BAD[name]
    reading = read(text, CUSTOM, CUSTOM.replace("UID:u", "UID:v"), event(uid="other"))
    assert [time.uid for time in reading.times] == ["other"]
    expected = f"the VTIMEZONE of 'Customized Time Zone' cannot be used: {reason}"
    assert [(problem.uid, problem.reason) for problem in reading.problems] == [("u", expected), ("v", expected)]


def test_a_hundred_embedded_zones_are_used_and_no_more():
    names = [f"Zone {number}" for number in range(102)]
    texts = [vtimezone(name, observance(*STANDARD)) for name in names]
    events = [event(f"DTSTART;TZID={name}:20260105T090000", "DURATION:PT1H", uid=name) for name in names]
    reading = read(*texts, *events)
    assert len(reading.times) == 100
    assert [problem.uid for problem in reading.problems] == names[100:]


def test_a_definition_without_end_or_name_is_not_used():
    assert read(CENTRAL_EUROPE.replace("TZID:", "X:"), CUSTOM).times == []
    assert times(event(), "BEGIN:VTIMEZONE\nTZID:Other") == ["01-05 09:00/01-05 10:00"]


# Where the library is wrong: icalendar makes a dateutil.tz.tzical of a VTIMEZONE.


def icalendar_zone(text: str):
    zone: Any = icalendar.Timezone.from_ical(text.replace("\n", "\r\n"))
    return zone.to_tz(lookup_tzid=False)


def test_icalendar_reads_a_time_in_the_gap_with_the_offset_after_it():
    gap = datetime(2026, 3, 29, 2, 30)
    assert gap.replace(tzinfo=icalendar_zone(CENTRAL_EUROPE)).utcoffset() == timedelta(hours=2)
    assert gap.replace(tzinfo=embedded_zone(CENTRAL_EUROPE)).utcoffset() == timedelta(hours=1)
    assert gap.replace(tzinfo=ZoneInfo("Europe/Berlin")).utcoffset() == timedelta(hours=1)


def test_icalendar_fails_before_the_first_transition_of_a_zone_without_standard_time():
    parts = [observance("DAYLIGHT", f"2026{month}01T020000", "+0100", "+0200") for month in ("03", "04")]
    text = vtimezone("X", *parts)
    with pytest.raises(TypeError):
        WINTER.replace(tzinfo=icalendar_zone(text)).utcoffset()
    assert WINTER.replace(tzinfo=embedded_zone(text)).utcoffset() == timedelta(hours=1)
