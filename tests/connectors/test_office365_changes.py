"""Changes from Graph: rounds, links, windows that move, series, and what is removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from office365_given import World, exchanges, mirrored, office365, read
from office365_items import HOUR, in_utc, timed, written
from syncd_connectors.office365_calendar.connector import Office365Connector
from syncd_connectors.office365_calendar.sync import AHEAD, Cursor

from syncd.errors import (
    ResyncError,
    RetryError,
)
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import Occurrence
from syncd.model.time import Window
from syncd.testing.cases import KEY, OWNER, WINDOW, meeting, utc


@pytest.fixture
def world() -> Iterator[World]:
    with office365() as running:
        yield running


@pytest.fixture
def connector(world: World) -> Iterator[Office365Connector]:
    with closing(world.connect()) as connector:
        yield connector


@pytest.fixture
def calendar(world: World) -> str:
    return world.graph.add_calendar(OWNER, "Work", can_edit=True)


def test_a_round_without_changes_is_one_request(world: World, connector: Office365Connector, calendar: str):
    mirror = mirrored(connector, calendar)
    before = world.graph.total()
    mirror.sync()
    assert world.graph.total() - before == 1


def test_the_window_is_read_ahead_and_recorded_as_covered(connector: Office365Connector, calendar: str):
    (*_, last) = connector.changes(read(calendar), WINDOW, None, dict)
    assert last.coverage == Window(WINDOW.start, WINDOW.end + AHEAD)


def test_a_window_that_moves_inside_what_was_read_ahead_costs_no_new_round(
    world: World, connector: Office365Connector, calendar: str
):
    world.graph.put_event(OWNER, calendar, timed(WINDOW.end + timedelta(days=20)))
    mirror = mirrored(connector, calendar)
    mirror.window = Window(WINDOW.start + timedelta(days=30), WINDOW.end + timedelta(days=30))
    before = world.graph.total()
    assert mirror.sync().touched == set()
    assert world.graph.total() - before == 1
    assert mirror.busy == [(WINDOW.end + timedelta(days=20), WINDOW.end + timedelta(days=20) + HOUR)]
    mirror.window = Window(WINDOW.start + timedelta(days=31), WINDOW.end + timedelta(days=31))
    (*_, last) = connector.changes(read(calendar), mirror.window, mirror.cursor, dict)
    assert last.full
    assert last.coverage == Window(mirror.window.start, mirror.window.end + AHEAD)


def test_an_event_that_leaves_the_window_is_removed(world: World, connector: Office365Connector, calendar: str):
    item = world.graph.put_event(OWNER, calendar, timed(utc(2027, 3, 10, 9)))["id"]
    mirror = mirrored(connector, calendar)
    away = {"start": written(utc(2029, 1, 1)), "end": written(utc(2029, 1, 1, 1))}
    world.graph.change_event(OWNER, calendar, item, **away)
    assert mirror.sync().versions == {}
    back = {"start": written(utc(2027, 3, 11)), "end": written(utc(2027, 3, 11, 1))}
    world.graph.change_event(OWNER, calendar, item, **back)
    assert mirror.sync().busy == [(utc(2027, 3, 11), utc(2027, 3, 11, 1))]


def test_our_own_writes_are_told_with_our_uid(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    mirror = mirrored(connector, calendar)
    assert mirror.versions == {receipt.id: receipt.version}
    assert mirror.times[receipt.id] == (BusyTime(meeting().start, meeting().end, uid=meeting().uid),)
    receipt = connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert mirror.sync().versions == {receipt.id: receipt.version}


def test_a_declined_event_says_so(world: World, connector: Office365Connector, calendar: str):
    item = world.graph.put_event(OWNER, calendar, timed(utc(2027, 3, 10, 9)))["id"]
    mirrored(connector, calendar)
    world.graph.respond(OWNER, calendar, item, OWNER, "declined")
    (*_, page) = connector.changes(read(calendar), WINDOW, None, dict)
    changes = [c for p in connector.changes(read(calendar), WINDOW, None, dict) for c in p.changed]
    (change,) = [c for c in changes if c.item == item]
    assert (change.declined, change.times) == (True, ())
    assert page.cursor


SERIES = meeting(start=utc(2027, 3, 24, 9), end=utc(2027, 3, 24, 10), zone="UTC", rrule="FREQ=DAILY;COUNT=5")


def test_occurrences_carry_the_series_uid_and_its_kind(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    mirror = mirrored(connector, calendar)
    assert receipt.id in mirror.versions
    assert mirror.times[receipt.id] == ()
    times = [time for item in mirror.times.values() for time in item]
    assert sorted(time.start for time in times) == [utc(2027, 3, 24 + n, 9) for n in range(5)]
    assert {time.uid for time in times} == {SERIES.uid}
    live = connector.busy_times([read(calendar)], WINDOW)[calendar]
    assert live == sorted(times)


def test_a_change_of_the_series_alone_changes_its_occurrences(
    world: World, connector: Office365Connector, calendar: str
):
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    mirror = mirrored(connector, calendar)
    world.graph.change_event(OWNER, calendar, receipt.id, showAs="free")
    assert mirror.sync().busy == []
    world.graph.change_event(OWNER, calendar, receipt.id, showAs="oof")
    mirror.sync()
    assert [t.kind for times in mirror.times.values() for t in times] == [BusyKind.OUT_OF_OFFICE] * 5


def test_occurrences_follow_moves_and_cancellations(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    mirror = mirrored(connector, calendar)
    moved = Occurrence(original=utc(2027, 3, 25, 9), start=utc(2027, 3, 25, 13), end=utc(2027, 3, 25, 14))
    gone = Occurrence(original=utc(2027, 3, 26, 9))
    event = meeting(**{**vars_of(SERIES), "occurrences": (moved, gone)})
    receipt = connector.put_event(calendar, event, KEY, receipt)
    starts = [start for start, _ in mirror.sync().busy]
    assert starts == [utc(2027, 3, d, h) for d, h in ((24, 9), (25, 13), (27, 9), (28, 9))]
    connector.put_event(calendar, SERIES, KEY, receipt)
    assert len(mirror.sync().busy) == 5
    connector.remove_event(calendar, KEY, SERIES.uid, receipt)
    assert mirror.sync().versions == {}


def vars_of(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


def test_an_audit_of_a_series_finds_nothing_to_repair(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    mirror = mirrored(connector, calendar)
    connector.put_event(calendar, meeting(**{**vars_of(SERIES), "title": "Other"}), KEY, receipt)
    mirror.sync()
    assert mirror.sync(audit=True).repaired == 0


def told(world: World, *pages: list[dict[str, Any]]) -> None:
    """The next round is of these pages."""
    link = f"{world.graph.url}/v1.0/me/calendars/x/calendarView/delta?"
    for n, items in enumerate(pages, 1):
        last = n == len(pages)
        body = {"value": items, f"@odata.{'delta' if last else 'next'}Link": f"{link}$skiptoken={n}"}
        world.graph.faults.add("answer", path="delta", status=200, body=body)


def test_a_series_of_which_only_the_master_is_told_is_read_again(
    world: World, connector: Office365Connector, calendar: str
):
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    mirror = mirrored(connector, calendar)
    world.graph.change_event(OWNER, calendar, receipt.id, showAs="free")
    (master,) = world.graph.events(OWNER, calendar)
    told(world, [master])
    assert mirror.sync().busy == []


def test_an_occurrence_that_a_later_page_removes_is_gone(world: World, connector: Office365Connector, calendar: str):
    slim: dict[str, Any] = {"id": "o", "@odata.etag": "1", "type": "occurrence", "seriesMasterId": "AAkALgone"}
    slim |= {"start": in_utc(utc(2027, 3, 10, 9)), "end": in_utc(utc(2027, 3, 10, 10))}
    mirror = mirrored(connector, calendar)
    told(world, [slim], [{"id": "o", "@removed": {"reason": "deleted"}}])
    assert mirror.sync().busy == []


def test_of_two_words_about_an_item_on_one_page_the_last_counts(
    world: World, connector: Office365Connector, calendar: str
):
    item = {**timed(utc(2027, 3, 10, 9)), "id": "o", "@odata.etag": "1", "type": "singleInstance"}
    gone = {"id": "o", "@removed": {"reason": "deleted"}}
    mirror = mirrored(connector, calendar)
    told(world, [gone, item])
    assert mirror.sync().busy == [(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]
    told(world, [item, gone])
    assert mirror.sync().busy == []


def test_what_a_cursor_tells_is_no_repair(world: World, connector: Office365Connector, calendar: str):
    mirror = mirrored(connector, calendar)
    world.graph.put_event(OWNER, calendar, timed(utc(2027, 3, 10, 9)))
    assert mirror.sync(audit=True).repaired == 0
    assert mirror.busy == [(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]


@pytest.mark.parametrize("switch", [{"kind": "state-gone"}, {"kind": "state-400", "value": "SyncStateInvalid"}])
def test_a_state_that_graph_forgot_asks_for_a_new_start(
    world: World, connector: Office365Connector, calendar: str, switch: dict[str, str]
):
    mirror = mirrored(connector, calendar)
    world.graph.faults.add("state-gone")
    world.graph.faults.add(**switch)
    with pytest.raises(ResyncError):
        mirror.sync()
    mirror.cursor = None
    world.graph.faults.clear()
    mirror.sync()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (410, None, {"Location": "https://graph.microsoft.com/v1.0/me/calendarView/delta?$deltatoken="}),
        (410, {"error": {"code": "resyncRequired", "message": "x"}}, {}),
        (400, {"error": {"code": "SyncStateNotFound", "message": "x"}}, {}),
        (404, {"error": {"code": "syncstatenotfound", "message": "x"}}, {}),
    ],
)
def test_a_forgotten_state_asks_for_a_new_start(
    world: World, connector: Office365Connector, calendar: str, status: int, body: Any, headers: dict[str, str]
):
    mirror = mirrored(connector, calendar)
    world.graph.faults.add("answer", path="deltatoken", status=status, body=body, headers=headers)
    with pytest.raises(ResyncError):
        mirror.sync()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "{}",
        "https://graph.example/delta",
        '{"v":1,"link":"https://evil.example/v1.0/x","from":"2027-03-01T00:00:00Z","to":"2027-04-01T00:00:00Z"}',
    ],
)
def test_a_cursor_that_is_not_ours_or_leads_away_is_dead(
    world: World, connector: Office365Connector, calendar: str, cursor: str
):
    before = world.graph.total()
    with pytest.raises(ResyncError):
        list(connector.changes(read(calendar), WINDOW, cursor, dict))
    assert world.graph.total() == before


def test_the_links_are_followed_whole(world: World, connector: Office365Connector, calendar: str):
    mirror = mirrored(connector, calendar)
    assert mirror.cursor
    link = Cursor.load(mirror.cursor, connector._graph).link
    seen = exchanges(world)
    mirror.sync()
    (asked,) = seen
    assert f"{world.graph.url}{asked.request.target}" == link


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"value": []}, "answer_unusable"),
        ({"@odata.deltaLink": "LINK"}, "answer_unusable"),
        ({"value": [{"subject": "x"}], "@odata.deltaLink": "LINK"}, "answer_unusable"),
        ({"value": [], "@odata.nextLink": "LINK"}, "paging_loop"),
    ],
    ids=["no link", "no listing", "no id", "a circle"],
)
def test_a_round_that_does_not_end_as_it_should_moves_no_cursor(
    world: World, connector: Office365Connector, calendar: str, body: dict[str, Any], code: str
):
    link = f"{world.graph.url}/v1.0/me/calendars/x/calendarView/delta?$skiptoken=1"
    told = {name: link if value == "LINK" else value for name, value in body.items()}
    world.graph.faults.add("answer", path="delta", status=200, body=told, times=0)
    with pytest.raises(RetryError) as failed:
        list(connector.changes(read(calendar), WINDOW, None, dict))
    assert failed.value.code == code


def test_an_item_that_cannot_be_read_is_its_own_problem(world: World, connector: Office365Connector, calendar: str):
    bad = {"id": "bad", "@odata.etag": "1", "type": "singleInstance", "showAs": "busy", "start": None, "end": None}
    good = {**timed(utc(2027, 3, 10, 9)), "id": "good", "@odata.etag": "2", "type": "singleInstance"}
    link = f"{world.graph.url}/v1.0/me/calendars/x/calendarView/delta?$deltatoken=1"
    body = {"value": [bad, good], "@odata.deltaLink": link}
    world.graph.faults.add("answer", path="delta", status=200, body=body)
    changes = {c.item: c for p in connector.changes(read(calendar), WINDOW, None, dict) for c in p.changed}
    assert changes["bad"].problem
    assert changes["bad"].version == "1"
    assert len(changes["good"].times) == 1


def test_an_occurrence_whose_series_is_gone_by_now_counts_as_busy(
    world: World, connector: Office365Connector, calendar: str
):
    slim = {
        "id": "o",
        "@odata.etag": "1",
        "type": "occurrence",
        "seriesMasterId": "AAMk-gone",
        "start": in_utc(utc(2027, 3, 10, 9)),
        "end": in_utc(utc(2027, 3, 10, 10)),
    }
    link = f"{world.graph.url}/v1.0/me/calendars/x/calendarView/delta?$deltatoken=1"
    body = {"value": [slim], "@odata.deltaLink": link}
    world.graph.faults.add("answer", path="delta", status=200, body=body)
    changes = [c for p in connector.changes(read(calendar), WINDOW, None, dict) for c in p.changed]
    assert [c.times[0].kind for c in changes] == [BusyKind.BUSY]
