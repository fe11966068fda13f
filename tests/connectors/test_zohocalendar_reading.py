"""Zoho Calendar: calendars, busy times by events and by free/busy, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from syncd_connectors.zohocalendar.connector import ZohoConnector
from syncd_connectors.zohocalendar.consent import SCOPES
from zoho_calendar_given import tokens, zoho, zoho_sandbox

from syncd.connector import CalendarRead
from syncd.errors import (
    ForbiddenError,
    NotFoundError,
    ProviderError,
    ReconnectError,
    RefreshError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import RemoteCalendar
from syncd.model.time import Window
from syncd.sandbox.zoho import ZohoCalendar
from syncd.testing.cases import BERLIN, OWNER, utc
from syncd.testing.mirror import Mirror

WINDOW = Window(utc(2027, 3, 1), utc(2027, 3, 31))
BOSS, GUEST = "boss@example.org", "guest@example.net"
NINE, TEN = utc(2027, 3, 10, 9), utc(2027, 3, 10, 10)


@pytest.fixture
def provider() -> Iterator[ZohoCalendar]:
    with zoho_sandbox() as running:
        yield running


@pytest.fixture
def connector(provider: ZohoCalendar) -> Iterator[ZohoConnector]:
    with zoho(provider) as opened:
        yield opened


@pytest.fixture
def calendar(provider: ZohoCalendar) -> str:
    return provider.add_calendar(OWNER, "Work")


def at(start: str = "20270310T090000Z", end: str = "20270310T100000Z", zone: str = BERLIN) -> dict[str, Any]:
    all_day = {"isallday": True} if len(start) == 8 else {}
    return {"title": "x", "dateandtime": {"start": start, "end": end, "timezone": zone}, **all_day}


def read(calendar: str, **more: Any) -> CalendarRead:
    return CalendarRead(id=calendar, zone=BERLIN, **more)


def busy(connector: ZohoConnector, *reads: CalendarRead, window: Window = WINDOW) -> list[Any]:
    """What is told of each calendar; of times only when."""
    answers = connector.busy_times(reads, window)
    assert answers.keys() == {r.id for r in reads}
    return [told if isinstance(told, ProviderError) else times(told) for told in (answers[r.id] for r in reads)]


def times(told: list[BusyTime]) -> list[tuple[Any, Any]]:
    return [(t.start, t.end) for t in told]


def calls(provider: ZohoCalendar) -> dict[str, int]:
    """Requests so far, by what was asked; then forgotten."""
    names = {"/events": "events", "freebusy": "freebusy", "info": "account", "/calendars/{calendar}": "calendar"}
    found: dict[str, int] = {}
    for name, count in provider.calls.items():
        what = next((short for part, short in names.items() if name.endswith(part)), "calendars")
        found[what] = found.get(what, 0) + count
    provider.calls.clear()
    return found


# calendars


def test_every_calendar_is_listed_as_what_it_is(provider: ZohoCalendar, connector: ZohoConnector) -> None:
    hidden = provider.add_calendar(OWNER, "Hidden", zone="America/New_York")
    provider.set_calendar(OWNER, hidden, visible=False)
    viewed, edited = (provider.add_calendar(OWNER, name, name) for name in ("view", "edit"))
    listed = {c.id: c for c in connector.calendars()}
    primary = next(c for c in listed.values() if c.primary)
    assert (primary.name, primary.read_only, primary.color, primary.zone) == ("Owner", False, "#005DE0", BERLIN)
    assert listed[hidden] == RemoteCalendar(id=hidden, name="Hidden", color="#005DE0", zone="America/New_York")
    assert (listed[viewed].read_only, listed[edited].read_only) == (True, False)
    assert len(listed) == 4


def test_calendars_are_listed_where_the_category_of_all_is_not_known(
    provider: ZohoCalendar, connector: ZohoConnector
) -> None:
    provider.faults.add("answer", path="category=all", status=400, body={"error": [{"message": "INVALID_DATA"}]})
    assert [c.primary for c in connector.calendars()] == [True]


@pytest.mark.parametrize(("category", "special"), [("holiday", "holidays"), ("own", ""), ("app", "app")])
def test_kinds_that_people_rarely_mean_are_marked(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, category: str, special: str
) -> None:
    provider.store.user(OWNER).entries[calendar].category = category
    (found,) = [c for c in connector.calendars() if c.id == calendar]
    assert found.special == special


@pytest.mark.parametrize("body", [{}, {"calendars": None}, {"calendars": [{}]}, {"calendars": ["x"]}, [], "text"])
def test_what_is_no_list_of_calendars_is_an_error(provider: ZohoCalendar, connector: ZohoConnector, body: Any) -> None:
    provider.faults.add("answer", status=200, body=body)
    with pytest.raises(RetryError):
        connector.calendars()


# events


def test_a_private_event_blocks(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    provider.put_event(OWNER, calendar, {**at(), "isprivate": True})
    shared = provider.add_calendar(OWNER, "Theirs", "view")
    provider.put_event(OWNER, shared, {**at(), "isprivate": True})
    assert busy(connector, read(calendar), read(shared)) == [[(NINE, TEN)]] * 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("DECLINED", None),
        ("TENTATIVE", BusyKind.TENTATIVE),
        ("ACCEPTED", BusyKind.BUSY),
        ("NEEDS-ACTION", BusyKind.BUSY),
    ],
)
def test_an_invitation_blocks_by_the_owners_answer(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, status: str, kind: BusyKind | None
) -> None:
    guests = [{"email": OWNER, "status": status}, {"email": GUEST, "status": "DECLINED"}]
    provider.put_event(OWNER, calendar, {**at(), "organizer": BOSS, "attendees": guests})
    told = connector.busy_times([read(calendar)], WINDOW)[calendar]
    assert isinstance(told, list)
    assert [t.kind for t in told] == ([kind] if kind else [])
    mirror = Mirror(connector, read(calendar), WINDOW)
    (change,) = [c for page in connector.changes(mirror.read, WINDOW, None, dict) for c in page.changed]
    assert change.declined == (status == "DECLINED")


def test_the_owners_other_addresses_answer_as_well(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    guests = [{"email": "alias@example.org", "status": "DECLINED"}]
    provider.put_event(OWNER, calendar, {**at(), "organizer": BOSS, "attendees": guests})
    assert busy(connector, read(calendar)) == [[(NINE, TEN)]]
    assert busy(connector, read(calendar, owner_emails=frozenset({"Alias@example.org"}))) == [[]]


@pytest.mark.parametrize(("value", "blocks"), [(1, False), ("1", False), (0, True), ("opaque", True), (7, True)])
def test_what_leaves_free_does_not_block_unless_it_is_meant_to(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, value: Any, blocks: bool
) -> None:
    provider.put_event(OWNER, calendar, {**at(), "transparency": value})
    assert busy(connector, read(calendar)) == [[(NINE, TEN)] if blocks else []]
    assert busy(connector, read(calendar, transparent_is_busy=True)) == [[(NINE, TEN)]]


def test_an_all_day_event_is_in_the_calendars_zone(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.put_event(OWNER, calendar, at("20270328", "20270329", "Asia/Tokyo"))
    assert busy(connector, read(calendar)) == [[(utc(2027, 3, 27, 23), utc(2027, 3, 28, 22))]]


def test_times_without_an_offset_are_in_the_zone_beside_them(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.put_event(OWNER, calendar, {**at(zone="America/New_York"), "rrule": "FREQ=DAILY;COUNT=2"})
    provider.faults.add("no-offset", times=0)
    assert busy(connector, read(calendar)) == [[(NINE, TEN), (NINE + timedelta(days=1), TEN + timedelta(days=1))]]


def test_times_that_cannot_be_read_are_the_calendars_error(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    item = {"uid": "x@zoho.com", "etag": 1, "dateandtime": {"start": "soon", "end": "later"}}
    provider.faults.add("answer", path=f"{calendar}/events", status=200, body={"events": [item]}, times=2)
    (told,) = busy(connector, read(calendar))
    assert isinstance(told, RetryError)
    (change,) = [c for page in connector.changes(read(calendar), WINDOW, None, dict) for c in page.changed]
    assert (change.item, change.times) == ("x@zoho.com", ())
    assert change.problem


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": [{"title": "x"}]}, [], {"calendars": []}])
def test_what_is_no_listing_is_an_error_not_an_empty_calendar(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, body: Any
) -> None:
    provider.faults.add("answer", path="/events", status=200, body=body, times=0)
    (told,) = busy(connector, read(calendar))
    assert isinstance(told, RetryError)


@pytest.mark.parametrize(("status", "body"), [(204, None), (200, {"NODATA": True}), (200, {"events": []})])
def test_an_empty_range_is_empty_however_that_is_told(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, status: int, body: Any
) -> None:
    provider.faults.add("answer", path="/events", status=status, body=body, times=0)
    assert busy(connector, read(calendar)) == [[]]


# series


def test_a_series_is_where_its_occurrences_are(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    series = provider.put_event(OWNER, calendar, {**at(), "rrule": "FREQ=WEEKLY;COUNT=4"})
    provider.delete_event(OWNER, calendar, series["uid"], "20270317T090000Z")
    moved = at("20270325T120000Z", "20270325T130000Z")["dateandtime"]
    provider.change_event(OWNER, calendar, series["uid"], "20270324T090000Z", dateandtime=moved)
    wanted = [(NINE, TEN), (utc(2027, 3, 25, 12), utc(2027, 3, 25, 13)), (utc(2027, 3, 31, 8), utc(2027, 3, 31, 9))]
    longer = Window(WINDOW.start, utc(2027, 4, 15))
    assert busy(connector, read(calendar), window=longer) == [wanted]
    assert Mirror(connector, read(calendar), longer).sync().busy == wanted


def test_an_occurrence_means_what_it_says_itself_or_else_what_the_series_says(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    guests = [{"email": OWNER, "status": "DECLINED"}]
    invitation = {**at(), "organizer": BOSS, "attendees": guests, "rrule": "FREQ=DAILY;COUNT=3"}
    series = provider.put_event(OWNER, calendar, invitation)
    assert busy(connector, read(calendar)) == [[]]
    accepted = [{"email": OWNER, "status": "ACCEPTED"}]
    provider.change_event(OWNER, calendar, series["uid"], "20270311T090000Z", attendees=accepted)
    assert busy(connector, read(calendar)) == [[(NINE + timedelta(days=1), TEN + timedelta(days=1))]]


def test_an_exception_that_was_moved_into_the_window_blocks(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    series = provider.put_event(OWNER, calendar, {**at("20270501T090000Z", "20270501T100000Z"), "rrule": "FREQ=DAILY"})
    moved = at()["dateandtime"]
    provider.change_event(OWNER, calendar, series["uid"], "20270503T090000Z", dateandtime=moved)
    assert busy(connector, read(calendar)) == [[(NINE, TEN)]]


def test_an_occurrence_without_anything_else_being_told_of_it_blocks(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    """The series was made between the two listings, or is not listed."""
    other = {**at(), "uid": "other@zoho.com", "rrule": "FREQ=DAILY;COUNT=1", "etag": 1}
    provider.put_event(OWNER, calendar, {**at(), "rrule": "FREQ=DAILY;COUNT=1"})
    provider.faults.add("answer", path="/events", status=200, body={"events": [other]})
    assert busy(connector, read(calendar)) == [[(NINE, TEN)]]


# windows and what they cost


def test_every_event_of_a_long_window_is_found_once(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    window = Window(utc(2027, 1, 1, 0, 0, 1), utc(2027, 7, 20, 12))
    starts = [utc(2027, 1, 1) + timedelta(days=n * 3, hours=22) for n in range(66)]
    for start in starts:
        provider.put_event(
            OWNER, calendar, at(f"{start:%Y%m%dT%H%M%SZ}", f"{start + timedelta(hours=9):%Y%m%dT%H%M%SZ}")
        )
    assert [t[0] for t in busy(connector, read(calendar), window=window)[0]] == starts
    assert calls(provider) == {"events": 7}


def test_a_window_of_31_days_costs_one_request_and_two_with_a_series(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.put_event(OWNER, calendar, at())
    busy(connector, read(calendar), window=Window(utc(2027, 3, 1), utc(2027, 4, 1)))
    assert calls(provider) == {"events": 1}
    provider.put_event(OWNER, calendar, {**at(), "rrule": "FREQ=DAILY;COUNT=2"})
    busy(connector, read(calendar), window=Window(utc(2027, 3, 1), utc(2027, 5, 2)))
    assert calls(provider) == {"events": 3}


def test_calendars_that_seem_empty_cost_one_request_together(provider: ZohoCalendar, connector: ZohoConnector) -> None:
    empty = [provider.add_calendar(OWNER, f"{n}") for n in range(3)]
    assert busy(connector, *map(read, empty)) == [[], [], []]
    assert calls(provider) == {"events": 3, "calendars": 1}


# free/busy, where events are not told


def test_free_busy_is_not_asked_where_events_are_told(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    apart = provider.add_calendar(OWNER, "Not selected")
    provider.put_event(OWNER, apart, at("20270311T090000Z", "20270311T100000Z"))
    provider.put_event(OWNER, calendar, at())
    assert busy(connector, read(calendar)) == [[(NINE, TEN)]]
    assert calls(provider) == {"events": 1}


@pytest.fixture
def boss(provider: ZohoCalendar) -> str:
    """A calendar of which the boss shows free/busy only."""
    provider.add_user(BOSS)
    shared = provider.add_calendar(OWNER, "Boss", "freebusy")
    provider.store.user(OWNER).entries[shared].calendar.owner = BOSS
    return shared


def test_a_calendar_shared_as_free_busy_is_read_by_its_owners(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, boss: str
) -> None:
    provider.put_event(BOSS, "primary", at())
    provider.put_event(BOSS, "primary", at("20270328", "20270329"))
    all_day = (utc(2027, 3, 27, 23), utc(2027, 3, 28, 22))
    assert busy(connector, read(boss), read(calendar)) == [[(NINE, TEN), all_day], []]
    assert Mirror(connector, read(boss), WINDOW).sync().busy == [(NINE, TEN), all_day]


@pytest.mark.parametrize("switch", ["fb-dates", "zulu"])
def test_free_busy_tells_times_and_days_in_several_ways(
    provider: ZohoCalendar, connector: ZohoConnector, boss: str, switch: str
) -> None:
    provider.rules.zulu = True
    if switch == "fb-dates":
        provider.faults.add("fb-dates", times=0)
    provider.put_event(BOSS, "primary", at("20270328", "20270329"))
    assert busy(connector, read(boss)) == [[(utc(2027, 3, 27, 23), utc(2027, 3, 28, 22))]]


def test_free_busy_of_a_long_window_has_no_gap(provider: ZohoCalendar, connector: ZohoConnector, boss: str) -> None:
    window = Window(utc(2027, 3, 1, 12), utc(2027, 5, 20))
    provider.put_event(BOSS, "primary", at("20270401T110000Z", "20270401T130000Z"))
    provider.put_event(BOSS, "primary", at("20270519T230000Z", "20270520T010000Z"))
    told = [
        (utc(2027, 4, 1, 11), utc(2027, 4, 1, 13)),
        (utc(2027, 5, 19, 23), utc(2027, 5, 20, 1)),
    ]
    assert busy(connector, read(boss), window=window) == [told]
    assert calls(provider)["freebusy"] == 3


def test_one_who_does_not_share_free_busy_is_not_free(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, boss: str
) -> None:
    provider.set_freebusy(BOSS, False)
    (told, other) = busy(connector, read(boss), read(calendar))
    assert isinstance(told, ForbiddenError)
    assert told.code == "free_busy_off"
    assert told.remedy
    assert other == []
    with pytest.raises(ForbiddenError):
        list(connector.changes(read(boss), WINDOW, None, dict))


def test_no_data_in_free_busy_is_free(provider: ZohoCalendar, connector: ZohoConnector, boss: str) -> None:
    provider.faults.add("fb-no-data")
    assert busy(connector, read(boss)) == [[]]


PERIOD = {"startTime": "20270310T090000", "endTime": "20270310T100000"}


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("busy", BusyKind.BUSY),
        ("tentative", BusyKind.TENTATIVE),
        ("free", None),
        ("oof", BusyKind.BUSY),
        (None, BusyKind.BUSY),
    ],
)
def test_whatever_free_busy_calls_it_is_busy_unless_it_is_free(
    provider: ZohoCalendar, connector: ZohoConnector, boss: str, kind: str | None, found: BusyKind | None
) -> None:
    body = {"fb_not_enabled": False, "freebusy": [{**PERIOD, "fbtype": kind}]}
    provider.faults.add("answer", path="freebusy", status=200, body=body)
    told = connector.busy_times([read(boss)], WINDOW)[boss]
    assert told == ([BusyTime(NINE, TEN, found)] if found else [])


@pytest.mark.parametrize("body", [{}, [], {"freebusy": None}, {"freebusy": [1]}, {"freebusy": [{"startTime": "soon"}]}])
def test_what_is_no_free_busy_is_an_error(
    provider: ZohoCalendar, connector: ZohoConnector, boss: str, body: Any
) -> None:
    provider.faults.add("answer", path="freebusy", status=200, body=body)
    (told,) = busy(connector, read(boss))
    assert isinstance(told, RetryError)


def test_a_calendar_that_may_not_be_read_and_whose_owner_is_elsewhere_is_an_error(
    provider: ZohoCalendar, connector: ZohoConnector
) -> None:
    shared = provider.add_calendar(OWNER, "Somebody", "freebusy")
    (told,) = busy(connector, read(shared))
    assert isinstance(told, ForbiddenError)


@pytest.fixture
def hidden(provider: ZohoCalendar, calendar: str) -> str:
    """A calendar that is hidden, of which no events are told."""
    provider.set_calendar(OWNER, calendar, visible=False)
    provider.put_event(OWNER, calendar, at())
    provider.faults.add("hidden-empty", times=0)
    return calendar


def test_a_hidden_calendar_that_tells_nothing_is_read_by_free_busy(connector: ZohoConnector, hidden: str) -> None:
    assert busy(connector, read(hidden)) == [[(NINE, TEN)]]
    assert Mirror(connector, read(hidden), WINDOW).sync().busy == [(NINE, TEN)]


def test_a_hidden_calendar_that_is_not_in_free_busy_either_is_an_error(
    provider: ZohoCalendar, connector: ZohoConnector, hidden: str
) -> None:
    provider.set_calendar(OWNER, hidden, visible=False, busy=False)
    (told,) = busy(connector, read(hidden))
    assert isinstance(told, ForbiddenError)
    assert told.code == "events_hidden"
    assert told.remedy
    with pytest.raises(ForbiddenError):
        list(connector.changes(read(hidden), WINDOW, None, dict))


def test_a_hidden_calendar_that_tells_its_events_is_read_by_them(
    provider: ZohoCalendar, connector: ZohoConnector, hidden: str
) -> None:
    provider.faults.clear()
    assert busy(connector, read(hidden)) == [[(NINE, TEN)]]
    assert "freebusy" not in calls(provider)


def test_whose_free_busy_it_is_is_asked_where_the_credential_does_not_say(provider: ZohoCalendar, hidden: str) -> None:
    with zoho(provider, {**tokens(provider), "email": ""}) as connector:
        assert busy(connector, read(hidden)) == [[(NINE, TEN)]]
        assert busy(connector, read(hidden)) == [[(NINE, TEN)]]
    assert calls(provider)["account"] == 1


def test_without_leave_to_ask_for_free_busy_only_its_calendars_are_errors(provider: ZohoCalendar, hidden: str) -> None:
    scopes = tuple(scope for scope in SCOPES if "freebusy" not in scope)
    with zoho(provider, tokens(provider, scopes=scopes)) as connector:
        other = provider.add_calendar(OWNER, "Other")
        (told, fine) = busy(connector, read(hidden), read(other))
    assert isinstance(told, ForbiddenError)
    assert told.code == "scopes_missing"
    assert fine == []


# errors


@pytest.mark.parametrize(("switch", "kind"), [("forbidden", ForbiddenError), ("server-error", UnclearError)])
def test_an_error_of_one_calendar_is_that_calendars(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, switch: str, kind: type[ProviderError]
) -> None:
    other = provider.add_calendar(OWNER, "Other")
    provider.put_event(OWNER, other, at())
    provider.faults.add(switch, path=f"{calendar}/events", times=0)
    (told, fine) = busy(connector, read(calendar), read(other))
    assert isinstance(told, kind)
    assert fine == [(NINE, TEN)]


def test_a_calendar_in_nobodys_list_is_not_found(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.remove_calendar(OWNER, calendar)
    (told,) = busy(connector, read(calendar))
    assert isinstance(told, NotFoundError)


@pytest.mark.parametrize(
    ("switch", "kind"), [("unauthorized", RefreshError), ("scope", ReconnectError), ("too-many", WaitUntilError)]
)
def test_an_error_of_the_account_is_raised(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, switch: str, kind: type[ProviderError]
) -> None:
    provider.faults.add(switch)
    with pytest.raises(kind):
        busy(connector, read(calendar))


def test_a_calendar_that_seems_empty_is_an_error_where_it_cannot_be_seen_whether_it_is_hidden(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    other = provider.add_calendar(OWNER, "Other")
    provider.put_event(OWNER, other, at())
    provider.faults.add("server-error", path="showhiddencal", times=0)
    (told, fine) = busy(connector, read(calendar), read(other))
    assert isinstance(told, UnclearError)
    assert fine == [(NINE, TEN)]


# colleagues


def test_colleagues_are_busy_as_far_as_they_share_it(provider: ZohoCalendar, connector: ZohoConnector) -> None:
    provider.add_user(BOSS)
    provider.put_event(BOSS, "primary", at())
    provider.add_user("shy@example.org")
    provider.set_freebusy("shy@example.org", False)
    told = connector.schedules([BOSS, "shy@example.org", "eva@elsewhere.net"], WINDOW)
    assert told[BOSS] == [BusyTime(NINE, TEN)]
    assert isinstance(told["shy@example.org"], ForbiddenError)
    assert isinstance(told["eva@elsewhere.net"], ForbiddenError)
    assert calls(provider) == {"freebusy": 3}


def test_looking_changes_nothing(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    provider.put_event(OWNER, calendar, {**at(), "rrule": "FREQ=DAILY;COUNT=3"})
    before = provider.state()
    connector.probe()
    connector.calendars()
    busy(connector, read(calendar))
    list(connector.changes(read(calendar), WINDOW, None, dict))
    assert provider.state() == before
