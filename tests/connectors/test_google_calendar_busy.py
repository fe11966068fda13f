"""When Google's events make somebody busy, by listing and by free/busy; the list of calendars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google_calendar_given import google, google_sandbox, tokens
from hypothesis import given
from hypothesis import strategies as st
from syncd_connectors.google_calendar.busy import item_of, zone_in
from syncd_connectors.google_calendar.calendars import remote_calendar, special_of
from syncd_connectors.google_calendar.connector import GoogleConnector
from syncd_connectors.google_calendar.freebusy import groups, windows

from syncd.connector import CalendarRead
from syncd.errors import (
    NotFoundError,
    ProviderError,
    RefreshError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import ItemChange, RemoteCalendar
from syncd.model.time import Window
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import BERLIN, OWNER, WINDOW, meeting, utc

READ = CalendarRead(id=OWNER, zone=BERLIN, owner_emails=frozenset({OWNER}))
TRANSPARENT_READ = CalendarRead(id=OWNER, zone=BERLIN, transparent_is_busy=True)
ZONE = ZoneInfo(BERLIN)
DECLINED = {"attendees": [{"self": True, "responseStatus": "declined"}]}


def event(**fields: Any) -> dict[str, Any]:
    return {
        "id": "e1",
        "etag": '"7"',
        "iCalUID": "uid@x",
        "start": {"dateTime": "2027-03-10T09:00:00Z"},
        "end": {"dateTime": "2027-03-10T10:00:00Z"},
        **fields,
    }


# the table

KINDS: list[tuple[dict[str, Any], BusyKind | None]] = [
    ({}, BusyKind.BUSY),
    ({"status": "confirmed", "transparency": "opaque", "eventType": "default"}, BusyKind.BUSY),
    ({"transparency": "transparent"}, None),
    ({"status": "tentative"}, BusyKind.TENTATIVE),
    (DECLINED, None),
    ({**DECLINED, "eventType": "outOfOffice"}, None),
    ({"attendees": [{"self": True, "responseStatus": "tentative"}]}, BusyKind.TENTATIVE),
    ({"attendees": [{"self": True, "responseStatus": "needsAction"}]}, BusyKind.BUSY),
    ({"attendees": [{"responseStatus": "declined"}]}, BusyKind.BUSY),
    ({"eventType": "workingLocation"}, None),
    ({"eventType": "birthday"}, None),
    ({"eventType": "outOfOffice"}, BusyKind.OUT_OF_OFFICE),
    ({"eventType": "outOfOffice", "transparency": "transparent"}, None),
    ({"eventType": "focusTime"}, BusyKind.BUSY),
    ({"eventType": "fromGmail"}, BusyKind.BUSY),
    ({"eventType": "madeUpTomorrow"}, BusyKind.BUSY),
]


@pytest.mark.parametrize(("fields", "kind"), KINDS)
def test_what_an_event_says_about_its_owners_time(fields: dict[str, Any], kind: BusyKind | None) -> None:
    item = item_of(event(**fields), WINDOW, READ, ZONE)
    assert item is not None
    assert [t.kind for t in item.times] == ([kind] if kind else [])
    assert item.declined is (fields.get("attendees") == DECLINED["attendees"])


@pytest.mark.parametrize(
    ("fields", "busy"),
    [
        ({"transparency": "transparent"}, True),
        ({"transparency": "transparent", **DECLINED}, False),
        ({"transparency": "transparent", "eventType": "workingLocation"}, False),
        ({"transparency": "transparent", "eventType": "birthday"}, False),
    ],
)
def test_where_transparent_events_count_declined_ones_and_places_do_not(fields: dict[str, Any], busy: bool) -> None:
    item = item_of(event(**fields), WINDOW, TRANSPARENT_READ, ZONE)
    assert item is not None
    assert bool(item.times) is busy


def test_a_busy_time_bears_the_icalendar_uid_and_the_item_the_etag() -> None:
    times = (BusyTime(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10), BusyKind.BUSY, "uid@x"),)
    assert item_of(event(), WINDOW, READ, ZONE) == ItemChange(item="e1", version='"7"', times=times)


def test_days_are_in_the_calendars_own_zone() -> None:
    days = event(start={"date": "2027-03-28"}, end={"date": "2027-03-29"})
    item = item_of(days, WINDOW, READ, zone_in({"timeZone": "America/New_York"}, READ))
    assert item is not None
    assert item.times[0][:2] == (utc(2027, 3, 28, 4), utc(2027, 3, 29, 4))


@pytest.mark.parametrize(
    ("told", "read", "zone"),
    [
        ("Asia/Tokyo", BERLIN, "Asia/Tokyo"),
        ("", BERLIN, BERLIN),
        ("Mars/Base", BERLIN, BERLIN),
        ("", "Mars/Base", "UTC"),
    ],
)
def test_the_zone_a_calendar_names_wins(told: str, read: str, zone: str) -> None:
    assert zone_in({"timeZone": told}, CalendarRead(id="x", zone=read)).key == zone


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        ("2027-02-28T23:00:00Z", "2027-03-01T00:00:00Z", False),
        ("2027-02-20T00:00:00Z", "2027-03-01T00:00:01Z", True),
        ("2027-04-30T23:59:59Z", "2027-05-20T00:00:00Z", True),
        ("2027-05-01T00:00:00Z", "2027-05-01T01:00:00Z", False),
    ],
)
def test_an_item_is_in_the_window_by_overlap(start: str, end: str, inside: bool) -> None:
    item = item_of(event(start={"dateTime": start}, end={"dateTime": end}), WINDOW, READ, ZONE)
    assert (item is not None) is inside


def test_a_cancelled_event_is_none() -> None:
    assert item_of({"id": "e1", "status": "cancelled"}, WINDOW, READ, ZONE) is None


def test_an_event_without_length_blocks_nothing() -> None:
    item = item_of(event(end={"dateTime": "2027-03-10T09:00:00Z"}), WINDOW, READ, ZONE)
    assert item is not None
    assert item.times == ()


def test_times_that_cannot_be_read_are_a_problem_of_their_own_event() -> None:
    item = item_of(event(start={"dateTime": "sometime"}), WINDOW, READ, ZONE)
    assert item is not None
    assert item.problem == "a time cannot be read"


# windows and groups

MOMENTS = st.datetimes(min_value=utc(2020, 1, 1).replace(tzinfo=None), max_value=utc(2040, 1, 1).replace(tzinfo=None))


@given(
    st.tuples(MOMENTS, MOMENTS).filter(lambda pair: pair[0] != pair[1]),
    st.timedeltas(min_value=timedelta(days=1), max_value=timedelta(days=400)),
)
def test_parts_of_a_window_have_no_gap_and_lose_no_tail(pair: tuple[Any, Any], longest: timedelta) -> None:
    start, end = (moment.replace(tzinfo=ZoneInfo("UTC")) for moment in sorted(pair))
    parts = list(windows(Window(start, end), longest))
    assert (parts[0].start, parts[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert all(part.end - part.start <= longest for part in parts)
    assert len(parts) == -((end - start) // -longest)


@given(st.lists(st.integers()), st.integers(min_value=1, max_value=60))
def test_groups_have_each_once_in_order(items: list[int], size: int) -> None:
    found = list(groups(items, size))
    assert [i for group in found for i in group] == items
    assert all(0 < len(group) <= size for group in found)


# free/busy


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_sandbox() as running:
        yield running


@pytest.fixture
def connector(provider: GoogleCalendar) -> Iterator[GoogleConnector]:
    with google(provider) as opened:
        yield opened


def timed(start: str, end: str, **fields: Any) -> dict[str, Any]:
    return {"start": {"dateTime": start}, "end": {"dateTime": end}, "summary": "x", **fields}


def asked(connector: GoogleConnector, calendars: list[str], window: Window = WINDOW) -> Any:
    return connector.busy_times([CalendarRead(id=calendar) for calendar in calendars], window)


def test_a_created_event_is_busy(connector: GoogleConnector) -> None:
    connector.put_event(OWNER, meeting(), "key", None)
    assert connector.busy_times([READ], WINDOW)[OWNER] == [BusyTime(meeting().start, meeting().end)]


def test_120_calendars_over_200_days_are_one_request_of_9_queries(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    calendars = [provider.add_calendar(OWNER, f"c{n}") for n in range(120)]
    for n, calendar in enumerate(calendars):
        day = WINDOW.start + timedelta(days=n)
        provider.put_event(OWNER, calendar, timed(day.isoformat(), (day + timedelta(hours=1)).isoformat()))
    provider.calls.clear()
    told = asked(connector, calendars, Window(WINDOW.start, WINDOW.start + timedelta(days=200)))
    assert provider.calls == {"POST /batch/calendar/v3": 1, "POST /calendar/v3/freeBusy": 9}
    assert [told[c][0].start for c in calendars] == [WINDOW.start + timedelta(days=n) for n in range(120)]


def test_an_event_across_two_windows_is_one_busy_time(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    cut = WINDOW.start + timedelta(days=90)
    start, end = cut - timedelta(hours=3), cut + timedelta(hours=2)
    provider.put_event(OWNER, OWNER, timed(start.isoformat(), end.isoformat()))
    assert asked(connector, [OWNER], Window(WINDOW.start, WINDOW.start + timedelta(days=100))) == {
        OWNER: [BusyTime(start, end)]
    }


def test_a_range_that_google_finds_too_long_is_halved(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.store.longest_freebusy = timedelta(days=20)
    late = WINDOW.start + timedelta(days=59)
    provider.put_event(OWNER, OWNER, timed(late.isoformat(), (late + timedelta(hours=1)).isoformat()))
    told = asked(connector, [OWNER], Window(WINDOW.start, WINDOW.start + timedelta(days=60)))
    assert told == {OWNER: [BusyTime(late, late + timedelta(hours=1))]}


def test_a_range_that_is_too_long_at_any_length_is_an_error(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    provider.store.longest_freebusy = timedelta(hours=1)
    assert asked(connector, [OWNER])[OWNER].code == "range_too_long"


BUSY_ERRORS = {
    "notFound": (NotFoundError, "not_found"),
    "internalError": (RetryError, "unavailable"),
    "groupTooBig": (RefusedError, "group_too_big"),
    "tooManyCalendarsRequested": (RetryError, "too_many_calendars"),
    "somethingNew": (RetryError, "unavailable"),
}


@pytest.mark.parametrize("reason", BUSY_ERRORS)
def test_a_calendar_with_an_error_is_not_free(
    provider: GoogleCalendar, connector: GoogleConnector, reason: str
) -> None:
    other = provider.add_calendar(OWNER, "Other")
    provider.faults.add("freebusy-error", value=f"{reason} {other}")
    told = asked(connector, [OWNER, other])
    kind, code = BUSY_ERRORS[reason]
    assert told[OWNER] == []
    assert type(told[other]) is kind
    assert told[other].code == code
    assert reason in str(told[other])


def test_a_calendar_whose_error_is_in_one_of_its_windows_is_not_free(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    provider.faults.add("freebusy-error", skip=1)
    told = asked(connector, [OWNER], Window(WINDOW.start, WINDOW.start + timedelta(days=200)))
    assert isinstance(told[OWNER], RetryError)


@pytest.mark.parametrize("body", [{}, {"calendars": {}}, {"calendars": {OWNER: {}}}, {"calendars": []}])
def test_an_answer_that_tells_nothing_of_a_calendar_is_an_error(
    provider: GoogleCalendar, connector: GoogleConnector, body: Any
) -> None:
    provider.faults.add("answer", path="freeBusy", status=200, body=body, times=2)
    assert asked(connector, [OWNER])[OWNER].code == "no_answer"


def test_a_failed_query_of_several_concerns_its_own_calendars(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    calendars = [provider.add_calendar(OWNER, f"c{n}") for n in range(60)]
    provider.faults.add("backend-error", path="freeBusy")
    told = asked(connector, calendars)
    assert [isinstance(told[c], ProviderError) for c in calendars] == [True] * 50 + [False] * 10


@pytest.mark.parametrize(
    ("fault", "error"), [("user-rate", WaitUntilError), ("unauthorized", RefreshError), ("lose", RetryError)]
)
@pytest.mark.parametrize("count", [1, 60])
def test_trouble_that_concerns_all_calendars_is_raised(
    provider: GoogleCalendar, connector: GoogleConnector, fault: str, error: type[ProviderError], count: int
) -> None:
    calendars = [provider.add_calendar(OWNER, f"c{n}") for n in range(count)]
    provider.faults.add(fault, times=2)
    with pytest.raises(error):
        asked(connector, calendars)


def test_a_safe_question_is_asked_again_once(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.faults.add("backend-error", path="freeBusy")
    assert asked(connector, [OWNER]) == {OWNER: []}
    provider.faults.add("backend-error", path="freeBusy", times=2)
    with pytest.raises(UnclearError):
        asked(connector, [OWNER])


def test_transparent_events_count_where_they_shall(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.put_event(OWNER, OWNER, timed("2027-03-10T09:00:00Z", "2027-03-10T10:00:00Z", transparency="transparent"))
    told = connector.busy_times([TRANSPARENT_READ], WINDOW)[OWNER]
    assert isinstance(told, list)
    assert [t[:2] for t in told] == [(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]
    assert connector.busy_times([READ], WINDOW)[OWNER] == []


def test_a_calendar_that_is_listed_for_busy_times_has_its_own_error(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    missing = CalendarRead(id="c_missing@group.calendar.google.com", transparent_is_busy=True)
    told = connector.busy_times([READ, missing], WINDOW)
    assert told[OWNER] == []
    assert isinstance(told[missing.id], NotFoundError)


EVERY_KIND: list[dict[str, Any]] = [
    {"transparency": "transparent"},
    {"status": "tentative"},
    {"eventType": "workingLocation", "transparency": "transparent"},
    {"eventType": "birthday", "transparency": "transparent"},
    {"eventType": "outOfOffice"},
    {"eventType": "focusTime"},
    {"eventType": "fromGmail"},
    {"attendees": [{"email": OWNER, "responseStatus": "declined"}]},
    {"attendees": [{"email": OWNER, "responseStatus": "tentative"}]},
    {"attendees": [{"email": OWNER, "responseStatus": "needsAction"}]},
    {"attendees": [{"email": "b@example.net", "responseStatus": "declined"}]},
]


def test_listing_and_free_busy_agree_about_every_kind(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    for n, fields in enumerate(EVERY_KIND):
        provider.put_event(
            OWNER, OWNER, timed(f"2027-03-{n + 2:02d}T09:00:00Z", f"2027-03-{n + 2:02d}T10:00:00Z", **fields)
        )
    live = connector.busy_times([READ], WINDOW)[OWNER]
    assert isinstance(live, list)
    pages = list(connector.changes(READ, WINDOW, None, dict))
    listed = sorted(time for page in pages for item in page.changed for time in item.times)
    assert [t[:2] for t in live] == [t[:2] for t in listed]
    assert len(live) == 7


# calendars


def test_calendars_are_listed_with_what_they_are(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    made = {
        "writer": provider.add_calendar(OWNER, "Team", role="writer", zone="Asia/Tokyo"),
        "mostly": provider.add_calendar(OWNER, "Mostly", role="writerWithoutPrivateAccess"),
        "reader": provider.add_calendar(OWNER, "Boss", role="reader"),
        "times": provider.add_calendar(OWNER, "Times only", role="freeBusyReader"),
        "hidden": provider.add_calendar(OWNER, "Hidden"),
        "holidays": provider.add_calendar(OWNER, "Holidays", special="holiday"),
        "birthdays": provider.add_calendar(OWNER, "Birthdays", special="contacts"),
        "removed": provider.add_calendar(OWNER, "Removed"),
    }
    provider.set_entry(OWNER, made["hidden"], hidden=True)
    provider.remove_calendar(OWNER, made["removed"])
    found = {c.id: c for c in connector.calendars()}
    assert found[OWNER] == RemoteCalendar(
        id=OWNER, name="Owner", primary=True, color="#9fe1e7", zone=BERLIN, read_only=False
    )
    assert found[made["writer"]].zone == "Asia/Tokyo"
    told = {name: (found[i].read_only, found[i].special) for name, i in made.items() if i in found}
    assert told == {
        "writer": (False, ""),
        "mostly": (False, ""),
        "reader": (True, ""),
        "times": (True, ""),
        "hidden": (False, "hidden"),
        "holidays": (True, "holidays"),
        "birthdays": (True, "birthdays"),
    }


def test_all_pages_of_the_list_are_read_the_empty_ones_too(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    made = {provider.add_calendar(OWNER, f"c{n}") for n in range(5)}
    provider.faults.add("empty-page", times=2)
    provider.faults.add("short-page", value=2, times=2)
    assert {c.id for c in connector.calendars()} == {OWNER, *made}


def test_a_primary_calendar_is_never_special() -> None:
    entry = {"id": OWNER, "summary": OWNER, "primary": True, "hidden": True, "accessRole": "owner"}
    assert remote_calendar(entry).special == ""


@pytest.mark.parametrize(
    ("identity", "hidden", "special"),
    [
        ("en.german#holiday@group.v.calendar.google.com", True, "holidays"),
        ("addressbook#contacts@group.v.calendar.google.com", False, "birthdays"),
        ("e_2_en#weeknum@group.v.calendar.google.com", False, "week numbers"),
        ("xyz@group.v.calendar.google.com", False, "made by Google"),
        ("abc@import.calendar.google.com", False, "subscribed"),
        ("room@resource.calendar.google.com", False, "resource"),
        ("c_1@group.calendar.google.com", False, ""),
        ("c_1@group.calendar.google.com", True, "hidden"),
        ("ana@example.com", False, ""),
    ],
)
def test_calendars_that_people_rarely_check_are_marked(identity: str, hidden: bool, special: str) -> None:
    assert special_of(identity, hidden=hidden) == special


def test_the_owners_name_for_a_calendar_wins(provider: GoogleCalendar) -> None:
    calendar = provider.add_calendar(OWNER, "Team")
    provider.store.user(OWNER).entries[calendar].fields["summaryOverride"] = "My team"
    with google(provider, tokens(provider)) as connector:
        assert "My team" in {c.name for c in connector.calendars()}


def test_the_probe_names_the_account_and_its_zone(connector: GoogleConnector) -> None:
    probe = connector.probe()
    assert (probe.account, probe.facts) == (OWNER, {"zone": BERLIN})
