"""Zoho Calendar: reading what changed, without a cursor of Zoho's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from syncd_connectors.zohocalendar.connector import ZohoConnector
from syncd_connectors.zohocalendar.sync import AHEAD, Cursor
from zoho_calendar_given import zoho, zoho_sandbox

from syncd.connector import CalendarRead
from syncd.errors import ResyncError
from syncd.model.time import Window
from syncd.sandbox.zoho import ZohoCalendar
from syncd.testing.cases import BERLIN, OWNER, utc
from syncd.testing.mirror import Mirror

WINDOW = Window(utc(2027, 3, 1), utc(2027, 4, 1))
NINE, TEN = utc(2027, 3, 10, 9), utc(2027, 3, 10, 10)


@pytest.fixture
def provider() -> Iterator[ZohoCalendar]:
    with zoho_sandbox() as running:
        yield running


@pytest.fixture
def calendar(provider: ZohoCalendar) -> str:
    return provider.add_calendar(OWNER, "Work")


@pytest.fixture
def mirror(provider: ZohoCalendar, calendar: str) -> Iterator[Mirror]:
    with zoho(provider) as connector:
        yield Mirror(connector, CalendarRead(id=calendar, zone=BERLIN, owner_emails=frozenset({OWNER})), WINDOW)


def at(start: str = "20270310T090000Z", end: str = "20270310T100000Z") -> dict[str, Any]:
    return {"title": "x", "dateandtime": {"start": start, "end": end, "timezone": BERLIN}}


def requests(provider: ZohoCalendar) -> int:
    """How many since the last time this was asked."""
    count = provider.total()
    provider.calls.clear()
    return count


def test_nothing_changed_costs_one_request(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    provider.put_event(OWNER, calendar, {**at(), "rrule": "FREQ=DAILY"})
    mirror.sync()
    assert requests(provider) == 1 + 2 * 2
    assert mirror.sync().touched == set()
    assert requests(provider) == 1


def test_a_change_is_found_by_comparing(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    first = provider.put_event(OWNER, calendar, at())["uid"]
    stays = provider.put_event(OWNER, calendar, at("20270311T090000Z", "20270311T100000Z"))["uid"]
    mirror.sync()
    provider.change_event(OWNER, calendar, first, **at("20270312T090000Z", "20270312T100000Z"))
    assert mirror.sync().touched == {first}
    provider.change_event(OWNER, calendar, first, **at("20280312T090000Z", "20280312T100000Z"))
    assert mirror.sync().touched == {first}
    assert mirror.versions.keys() == {stays}
    provider.delete_event(OWNER, calendar, stays)
    assert mirror.sync().touched == {stays}
    assert mirror.busy == []
    assert mirror.repaired == 0


@pytest.mark.parametrize("etag_stays", [False, True])
@pytest.mark.parametrize("act", ["delete", "move", "answer"])
def test_a_change_of_one_occurrence_is_a_change_of_its_series_whatever_that_s_etag(
    provider: ZohoCalendar, calendar: str, mirror: Mirror, act: str, etag_stays: bool
) -> None:
    guests = [{"email": OWNER, "status": "ACCEPTED"}]
    invitation = {**at(), "rrule": "FREQ=DAILY;COUNT=2", "organizer": "boss@example.org", "attendees": guests}
    made = provider.put_event(OWNER, calendar, invitation)
    series, etag = made["uid"], made["etag"]
    mirror.sync()
    second = "20270311T090000Z"
    if act == "delete":
        provider.delete_event(OWNER, calendar, series, second)
    elif act == "move":
        moved = at("20270311T120000Z", "20270311T130000Z")["dateandtime"]
        provider.change_event(OWNER, calendar, series, second, dateandtime=moved)
    else:
        declined = [{"email": OWNER, "status": "DECLINED"}]
        provider.change_event(OWNER, calendar, series, second, attendees=declined)
    if etag_stays:
        provider.store.user(OWNER).entries[calendar].calendar.events[series].etag = etag
    assert mirror.sync().touched == {series}
    later = [(utc(2027, 3, 11, 12), utc(2027, 3, 11, 13))] if act == "move" else []
    assert mirror.busy == [(NINE, TEN), *later]


def test_a_change_during_the_read_is_found_by_the_next(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    mirror.sync()
    pages = mirror.connector.changes(mirror.read, WINDOW, None, dict)
    cursor = list(pages)[-1].cursor
    late = provider.put_event(OWNER, calendar, at())["uid"]
    mirror.cursor = cursor
    assert mirror.sync().touched == {late}


def test_many_changes_come_in_pages(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    for n in range(205):
        provider.put_event(OWNER, calendar, {**at(), "uid": f"{n:03}@zoho.com"})
    assert len(mirror.sync().versions) == 205
    assert mirror.pages == 3


def test_the_coverage_is_longer_than_the_window_and_moves_on_with_it(
    provider: ZohoCalendar, calendar: str, mirror: Mirror
) -> None:
    provider.put_event(OWNER, calendar, at())
    provider.put_event(OWNER, calendar, at("20270520T090000Z", "20270520T100000Z"))
    (*_, last) = mirror.connector.changes(mirror.read, WINDOW, None, dict)
    assert last.coverage == Window(WINDOW.start, WINDOW.end + AHEAD)
    mirror.sync()
    requests(provider)
    mirror.window = Window(WINDOW.start + AHEAD, WINDOW.end + AHEAD)
    mirror.sync()
    assert requests(provider) == 1
    mirror.window = Window(WINDOW.start + AHEAD, WINDOW.end + AHEAD + timedelta(days=1))
    assert mirror.sync().busy == [(utc(2027, 5, 20, 9), utc(2027, 5, 20, 10))]


def test_an_audit_compares_though_nothing_says_that_it_is_needed(
    provider: ZohoCalendar, calendar: str, mirror: Mirror
) -> None:
    event = provider.put_event(OWNER, calendar, at())["uid"]
    mirror.sync()
    held = provider.store.user(OWNER).entries[calendar].calendar
    ctag = held.ctag
    provider.change_event(OWNER, calendar, event, **at("20270312T090000Z", "20270312T100000Z"))
    held.ctag = ctag
    held.modified = mirror_time(mirror)
    assert mirror.sync().touched == set()
    assert mirror.sync(audit=True).touched == {event}
    assert mirror.repaired == 1
    assert mirror.busy == [(utc(2027, 3, 12, 9), utc(2027, 3, 12, 10))]
    assert mirror.sync(audit=True).repaired == 0


def mirror_time(mirror: Mirror) -> Any:
    """When the calendar was last changed, as its cursor has it."""
    assert mirror.cursor is not None
    state = json.loads(json.loads(mirror.cursor)["state"])
    return utc(*(int(state[1][a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15))))


def test_a_calendar_that_is_hidden_or_shared_otherwise_is_read_again(
    provider: ZohoCalendar, calendar: str, mirror: Mirror
) -> None:
    provider.put_event(OWNER, calendar, at())
    mirror.sync()
    entry = provider.store.user(OWNER).entries[calendar]
    entry.visible = False
    requests(provider)
    mirror.sync()
    assert requests(provider) == 3


def test_a_calendar_without_a_ctag_is_compared_each_time(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    event = provider.put_event(OWNER, calendar, at())["uid"]
    provider.store.user(OWNER).entries[calendar].calendar.ctag = 0
    mirror.sync()
    assert mirror.sync().touched == set()
    provider.change_event(OWNER, calendar, event, **at("20270312T090000Z", "20270312T100000Z"))
    provider.store.user(OWNER).entries[calendar].calendar.ctag = 0
    assert mirror.sync().touched == {event}
    assert mirror.repaired == 0


def test_what_is_known_by_free_busy_is_compared_each_time(provider: ZohoCalendar) -> None:
    provider.add_user("boss@example.org")
    shared = provider.add_calendar(OWNER, "Boss", "freebusy")
    provider.store.user(OWNER).entries[shared].calendar.owner = "boss@example.org"
    with zoho(provider) as connector:
        mirror = Mirror(connector, CalendarRead(id=shared, zone=BERLIN), WINDOW)
        assert mirror.sync().busy == []
        provider.put_event("boss@example.org", "primary", at())
        assert mirror.sync().busy == [(NINE, TEN)]
        assert mirror.sync().touched == set()


def test_a_calendar_in_another_zone_is_read_anew(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    day = {"title": "x", "isallday": True, "dateandtime": {"start": "20270310", "end": "20270311"}}
    provider.put_event(OWNER, calendar, day)
    assert mirror.sync().busy == [(utc(2027, 3, 9, 23), utc(2027, 3, 10, 23))]
    mirror.read = CalendarRead(id=calendar, zone="UTC")
    assert mirror.sync().busy == [(utc(2027, 3, 10), utc(2027, 3, 11))]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "[]", "{}", '{"v": 2, "state": "", "zone": "UTC", "from": "x", "to": "y"}', '{"v": 1, "state": ""}'],
)
def test_a_cursor_that_is_not_ours_asks_for_a_new_start(mirror: Mirror, cursor: str) -> None:
    with pytest.raises(ResyncError):
        list(mirror.connector.changes(mirror.read, WINDOW, cursor, dict))


def test_a_cursor_comes_back_as_it_was() -> None:
    cursor = Cursor(state='[1,"x"]', zone=BERLIN, covers=WINDOW)
    assert Cursor.load(cursor.dump()) == cursor


def test_our_own_event_has_the_version_of_its_receipt(provider: ZohoCalendar, calendar: str, mirror: Mirror) -> None:
    from syncd.testing.cases import meeting

    connector = mirror.connector
    assert isinstance(connector, ZohoConnector)
    receipt = connector.put_event(calendar, meeting(), "key", None)
    assert mirror.sync().versions == {receipt.id: receipt.version}
