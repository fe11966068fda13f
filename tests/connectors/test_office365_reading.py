"""Calendars and busy times from Graph: nothing lost between batches, pages, windows and throttled parts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from office365_given import World, exchanges, mirrored, office365, read
from office365_items import HOUR, in_utc, timed
from syncd_connectors.office365_calendar.connector import Office365Connector

from syncd.errors import (
    ForbiddenError,
    NotFoundError,
    ProviderError,
    RefreshError,
    RetryError,
    WaitUntilError,
)
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.clock import utc_now
from syncd.model.time import Window
from syncd.provider.limits import RateLimit
from syncd.testing.cases import BERLIN, OWNER, WINDOW, utc


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


# --- calendars


def test_calendars_tell_what_may_be_written_and_the_mailboxes_zone(world: World, connector: Office365Connector):
    shared = world.graph.add_calendar(OWNER, "Boss", can_edit=False)
    for n in range(30):
        world.graph.add_calendar(OWNER, f"Calendar {n}", can_edit=True)
    found = {c.id: c for c in connector.calendars()}
    assert len(found) == 32
    assert found[shared].read_only
    (primary,) = [c for c in found.values() if c.primary]
    assert not primary.read_only
    assert {c.zone for c in found.values()} == {BERLIN}


def test_a_mailbox_whose_settings_may_not_be_read_has_no_zone(world: World, connector: Office365Connector):
    body = {"error": {"code": "ErrorAccessDenied", "message": "x", "innerError": {}}}
    world.graph.faults.add("answer", path="mailboxSettings", status=403, body=body)
    assert {c.zone for c in connector.calendars()} == {""}


def test_an_account_without_a_mailbox_says_so(world: World, connector: Office365Connector):
    body = {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": "x", "innerError": {}}}
    world.graph.faults.add("answer", path="mailboxSettings", status=404, body=body)
    with pytest.raises(ForbiddenError) as refused:
        connector.calendars()
    assert refused.value.code == "no_mailbox"
    assert refused.value.remedy


# --- busy


@pytest.mark.parametrize(("size", "sizes"), [(4, [*[4] * 11, 1]), (20, [20, 20, 5])])
def test_calendars_are_asked_for_in_batches_one_after_the_other(world: World, size: int, sizes: list[int]):
    ids = [world.graph.add_calendar(OWNER, f"Calendar {n}", can_edit=True) for n in range(45)]
    for n, calendar in enumerate(ids):
        world.graph.put_event(OWNER, calendar, timed(utc(2027, 3, 2) + n * HOUR))
    seen = exchanges(world)
    with closing(world.connect(batch=size)) as connector:
        answers = connector.busy_times([read(c) for c in ids], WINDOW)
    assert [len(json.loads(e.request.body)["requests"]) for e in seen] == sizes
    starts = [answer[0].start for answer in answers.values() if isinstance(answer, list)]
    assert starts == [utc(2027, 3, 2) + n * HOUR for n in range(45)]
    assert world.graph.refused == 0


def test_pages_inside_a_batch_are_followed(world: World, connector: Office365Connector):
    ids = [world.graph.add_calendar(OWNER, f"Calendar {n}", can_edit=True) for n in range(3)]
    for n in range(1100):
        world.graph.put_event(OWNER, ids[1], timed(utc(2027, 3, 2) + n * HOUR))
    answers = connector.busy_times([read(c) for c in ids], WINDOW)
    times = answers[ids[1]]
    assert isinstance(times, list)
    assert [time.start for time in times] == [utc(2027, 3, 2) + n * HOUR for n in range(1100)]
    assert world.graph.total("$batch") == 2


def test_a_window_beyond_five_years_is_asked_for_in_parts_and_an_event_in_two_counts_once(
    world: World, connector: Office365Connector, calendar: str
):
    window = Window(utc(2027, 3, 1), utc(2027, 3, 1) + timedelta(days=3700))
    border = window.start + timedelta(days=1825)
    world.graph.put_event(OWNER, calendar, timed(border - HOUR, border + HOUR))
    world.graph.put_event(OWNER, calendar, timed(window.end - HOUR))
    answer = connector.busy_times([read(calendar)], window)[calendar]
    assert isinstance(answer, list)
    assert [(time.start, time.end) for time in answer] == [
        (border - HOUR, border + HOUR),
        (window.end - HOUR, window.end),
    ]


def test_kinds_come_from_what_outlook_shows(world: World, connector: Office365Connector, calendar: str):
    shows = ("busy", "tentative", "oof", "free", "workingElsewhere")
    for n, shown in enumerate(shows):
        world.graph.put_event(OWNER, calendar, timed(utc(2027, 3, 2 + n), showAs=shown))
    answer = connector.busy_times([read(calendar)], WINDOW)[calendar]
    assert isinstance(answer, list)
    assert [time.kind for time in answer] == [BusyKind.BUSY, BusyKind.TENTATIVE, BusyKind.OUT_OF_OFFICE]
    assert mirrored(connector, calendar).busy == [(time.start, time.end) for time in answer]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        pytest.param({"status": 429, "headers": {"Retry-After": "7"}}, WaitUntilError, id="throttled"),
        pytest.param({"status": 404, "body": {"error": {"code": "ErrorItemNotFound"}}}, NotFoundError, id="gone"),
        pytest.param({"status": 403, "body": {"error": {"code": "ErrorAccessDenied"}}}, ForbiddenError, id="not ours"),
        pytest.param({"status": 503, "body": "<html>Service unavailable</html>"}, RetryError, id="a page of HTML"),
        pytest.param({"status": 200, "body": "<html>Hello</html>"}, RetryError, id="HTML with 200"),
        pytest.param({"status": 200, "body": {"@odata.context": "x"}}, RetryError, id="no listing"),
        pytest.param({"status": 200, "body": {"value": [{"id": "1", "showAs": "busy"}]}}, RetryError, id="no times"),
        pytest.param(None, RetryError, id="no answer"),
    ],
)
def test_each_part_of_a_batch_is_judged_by_itself(
    world: World, connector: Office365Connector, calendar: str, part: dict[str, Any] | None, kind: type[ProviderError]
):
    """Graph answers in any order, and 200 whatever became of the parts."""
    other = world.graph.add_calendar(OWNER, "Other", can_edit=True)
    good = {"id": "2", "status": 200, "body": {"value": []}}
    bad = [] if part is None else [{"id": "1", **part}]
    world.graph.faults.add("answer", path=r"\$batch", status=200, body={"responses": [good, *bad]})
    answers = connector.busy_times([read(calendar), read(other)], WINDOW)
    assert isinstance(answers[calendar], kind)
    assert answers[other] == []


def test_a_throttled_part_closes_the_gate_for_all(world: World, connector: Office365Connector, calendar: str):
    part = {"id": "1", "status": 429, "headers": {"retry-after": "60"}, "body": {"error": {"code": "TooManyRequests"}}}
    world.graph.faults.add("answer", path=r"\$batch", status=200, body={"responses": [part]})
    (answer,) = connector.busy_times([read(calendar)], WINDOW).values()
    assert isinstance(answer, WaitUntilError)
    assert answer.told
    before = world.graph.total()
    with pytest.raises(WaitUntilError):
        connector.probe()
    assert world.graph.total() == before


def test_a_part_that_graph_throttles_is_its_calendars_alone(world: World, connector: Office365Connector, calendar: str):
    other = world.graph.add_calendar(OWNER, "Other", can_edit=True)
    world.graph.faults.add("throttled", path=calendar, value=7)
    answers = connector.busy_times([read(calendar), read(other)], WINDOW)
    throttled = answers[calendar]
    assert isinstance(throttled, WaitUntilError)
    assert timedelta(seconds=5) < throttled.retry_at - utc_now() <= timedelta(seconds=7)
    assert answers[other] == []


def test_a_page_without_items_is_not_the_last(world: World, connector: Office365Connector, calendar: str):
    world.graph.put_event(OWNER, calendar, timed(utc(2027, 3, 10, 9)))
    world.graph.faults.add("empty-page", path="calendarView")
    busy = [(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]
    answer = connector.busy_times([read(calendar)], WINDOW)[calendar]
    assert isinstance(answer, list)
    assert [(time.start, time.end) for time in answer] == busy
    world.graph.faults.add("empty-page", path="delta")
    assert mirrored(connector, calendar).busy == busy
    world.graph.faults.add("empty-page", path="calendars")
    assert calendar in [c.id for c in connector.calendars()]


def test_a_batch_that_fails_leaves_the_others(world: World, connector: Office365Connector):
    ids = [world.graph.add_calendar(OWNER, f"Calendar {n}", can_edit=True) for n in range(25)]
    world.graph.faults.add("answer", path=r"\$batch", status=500, skip=1, times=2)
    answers = connector.busy_times([read(c) for c in ids], WINDOW)
    failed = [c for c, answer in answers.items() if isinstance(answer, ProviderError)]
    assert failed == ids[20:]


def test_a_part_that_is_a_page_of_html_is_no_empty_calendar(world: World, connector: Office365Connector, calendar: str):
    other = world.graph.add_calendar(OWNER, "Other", can_edit=True)
    world.graph.faults.add("html-in-batch", path=calendar)
    answers = connector.busy_times([read(calendar), read(other)], WINDOW)
    assert isinstance(answers[calendar], RetryError)
    assert answers[other] == []


def test_a_whole_day_told_as_moments_is_the_same_day(world: World, connector: Office365Connector, calendar: str):
    midnights = {
        name: {"dateTime": f"2027-03-{day}T00:00:00", "timeZone": "W. Europe Standard Time"}
        for name, day in (("start", 28), ("end", 29))
    }
    world.graph.put_event(OWNER, calendar, {"subject": "x", "isAllDay": True, "showAs": "busy", **midnights})
    expected = [(utc(2027, 3, 27, 23), utc(2027, 3, 28, 22))]
    for _ in range(2):
        assert mirrored(connector, calendar).busy == expected
        answer = connector.busy_times([read(calendar)], WINDOW)[calendar]
        assert isinstance(answer, list)
        assert [(time.start, time.end) for time in answer] == expected
        world.graph.faults.add("all-day-shifted", times=0)


def test_no_batch_at_all_is_an_error_and_not_an_empty_answer(
    world: World, connector: Office365Connector, calendar: str
):
    world.graph.faults.add("cut", path=r"\$batch", times=2)
    with pytest.raises(RetryError):
        connector.busy_times([read(calendar)], WINDOW)


@pytest.mark.parametrize("inside", [False, True], ids=["the batch", "a part of it"])
def test_a_token_that_is_not_accepted_is_refreshed(
    world: World, connector: Office365Connector, calendar: str, inside: bool
):
    error = {"error": {"code": "InvalidAuthenticationToken", "message": "x", "innerError": {}}}
    part = {"responses": [{"id": "1", "status": 401, "body": error}]}
    world.graph.faults.add("answer", path=r"\$batch", status=200 if inside else 401, body=part if inside else error)
    with pytest.raises(RefreshError):
        connector.busy_times([read(calendar)], WINDOW)


def test_a_page_that_repeats_its_link_ends(world: World, connector: Office365Connector, calendar: str):
    link = (
        f"{world.graph.url}/v1.0/me/calendars/x/calendarView?startDateTime=2027-03-01&endDateTime=2027-05-01&$skip=10"
    )
    part = {"id": "1", "status": 200, "body": {"value": [], "@odata.nextLink": link}}
    world.graph.faults.add("answer", path=r"\$batch", status=200, body={"responses": [part]}, times=0)
    answer = connector.busy_times([read(calendar)], WINDOW)[calendar]
    assert isinstance(answer, RetryError)
    assert answer.code == "paging_loop"


def test_a_link_that_leads_away_gets_no_token(world: World, connector: Office365Connector, calendar: str):
    part = {"id": "1", "status": 200, "body": {"value": [], "@odata.nextLink": "https://evil.example/v1.0/me"}}
    world.graph.faults.add("answer", path=r"\$batch", status=200, body={"responses": [part]})
    answer = connector.busy_times([read(calendar)], WINDOW)[calendar]
    assert isinstance(answer, RetryError)
    assert answer.code == "foreign_link"


def test_a_mailbox_never_has_more_than_four_requests_at_once(world: World, connector: Office365Connector):
    ids = [world.graph.add_calendar(OWNER, f"Calendar {n}", can_edit=True) for n in range(8)]
    world.graph.delay_s = 0.02
    with ThreadPoolExecutor(16) as threads:
        asks: list[Future[Any]] = [threads.submit(connector.probe) for _ in range(24)]
        asks += [threads.submit(connector.busy_times, [read(c) for c in ids], WINDOW) for _ in range(6)]
        for future in asks:
            future.result()
    assert max(world.graph.peak.values()) == 4
    assert world.graph.refused == 0


def test_each_part_of_a_batch_counts_under_the_mailboxes_limit(world: World):
    limit = RateLimit(600, now=lambda: 0.0)
    ids = [world.graph.add_calendar(OWNER, f"Calendar {n}", can_edit=True) for n in range(4)]
    with closing(world.connect(limits=[limit])) as connector:
        before = limit.left
        connector.busy_times([read(c) for c in ids], WINDOW)
    assert before - limit.left == 4


# --- other people


def test_schedules_are_asked_for_by_twenties_and_62_days(world: World, connector: Office365Connector):
    people = [f"person{n}@example.org" for n in range(25)]
    for person in people:
        world.graph.add_user(person)
    window = Window(utc(2027, 3, 1), utc(2027, 3, 1) + timedelta(days=100))
    seen = exchanges(world)
    answers = connector.schedules(people, window)
    assert answers == {person: [] for person in people}
    asked = [json.loads(e.request.body) for e in seen]
    assert Counter(len(body["schedules"]) for body in asked) == {20: 2, 5: 2}
    assert {(b["startTime"]["dateTime"][:10], b["endTime"]["dateTime"][:10]) for b in asked} == {
        ("2027-03-01", "2027-05-02"),
        ("2027-05-02", "2027-06-09"),
    }


SCHEDULES: list[tuple[str, dict[str, Any], list[BusyTime] | type[ProviderError]]] = [
    ("nothing", {"scheduleItems": []}, []),
    (
        "items",
        {
            "scheduleItems": [
                {"status": status, "start": in_utc(utc(2027, 3, 2 + n)), "end": in_utc(utc(2027, 3, 3 + n))}
                for n, status in enumerate(["busy", "tentative", "oof", "free", "workingElsewhere", "unknown"])
            ]
        },
        [
            BusyTime(utc(2027, 3, 2), utc(2027, 3, 3), BusyKind.BUSY),
            BusyTime(utc(2027, 3, 3), utc(2027, 3, 4), BusyKind.TENTATIVE),
            BusyTime(utc(2027, 3, 4), utc(2027, 3, 5), BusyKind.OUT_OF_OFFICE),
            BusyTime(utc(2027, 3, 7), utc(2027, 3, 8), BusyKind.BUSY),
        ],
    ),
    (
        "availability alone",
        {"availabilityView": "0220134"},
        [
            BusyTime(utc(2027, 3, 1, 0, 15), utc(2027, 3, 1, 0, 45), BusyKind.BUSY),
            BusyTime(utc(2027, 3, 1, 1), utc(2027, 3, 1, 1, 15), BusyKind.TENTATIVE),
            BusyTime(utc(2027, 3, 1, 1, 15), utc(2027, 3, 1, 1, 30), BusyKind.OUT_OF_OFFICE),
        ],
    ),
    ("neither", {}, RetryError),
    ("unknown address", {"error": {"responseCode": "5009", "message": "x"}}, NotFoundError),
    ("too many entries", {"error": {"responseCode": "5006", "message": "x"}}, ProviderError),
    ("another error", {"error": {"responseCode": "5001", "message": "x"}}, RetryError),
    ("unreadable", {"scheduleItems": [{"status": "busy", "start": None}]}, RetryError),
]


@pytest.mark.parametrize(("told", "expected"), [case[1:] for case in SCHEDULES], ids=[case[0] for case in SCHEDULES])
def test_what_a_schedule_says(world: World, connector: Office365Connector, told: dict[str, Any], expected: Any):
    body = {"value": [{"scheduleId": "Ben@example.org", **told}]}
    world.graph.faults.add("answer", path="getSchedule", status=200, body=body)
    answers = connector.schedules(["ben@example.org", "nobody@example.org"], Window(utc(2027, 3, 1), utc(2027, 4, 1)))
    if isinstance(expected, list):
        assert answers["ben@example.org"] == expected
    else:
        assert isinstance(answers["ben@example.org"], expected)
    assert isinstance(answers["nobody@example.org"], RetryError)


def test_a_person_s_events_are_their_schedule(world: World, connector: Office365Connector):
    world.graph.add_user("ben@example.org")
    calendar = world.primary("ben@example.org")
    world.graph.put_event("ben@example.org", calendar, timed(utc(2027, 3, 10, 9)))
    answers = connector.schedules(["ben@example.org", "nobody@example.org"], WINDOW)
    assert answers["ben@example.org"] == [BusyTime(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]
    assert isinstance(answers["nobody@example.org"], NotFoundError)
