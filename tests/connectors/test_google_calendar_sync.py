"""Incremental reading of a Google calendar: tokens, windows, audits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from google_calendar_given import google, google_sandbox
from syncd_connectors.google_calendar.connector import GoogleConnector
from syncd_connectors.google_calendar.sync import AHEAD, Cursor

from syncd.connector import CalendarRead
from syncd.errors import ForbiddenError, NotFoundError, ProviderError, ResyncError, RetryError
from syncd.model.calendar import Occurrence
from syncd.model.time import Window
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import BERLIN, OWNER, WINDOW, meeting, utc
from syncd.testing.mirror import Mirror

READ = CalendarRead(id=OWNER, zone=BERLIN, owner_emails=frozenset({OWNER}))
LISTING = "GET /calendar/v3/calendars/{calendarId}/events"


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_sandbox() as running:
        yield running


@pytest.fixture
def connector(provider: GoogleCalendar) -> Iterator[GoogleConnector]:
    with google(provider) as opened:
        yield opened


@pytest.fixture
def mirror(connector: GoogleConnector) -> Mirror:
    return Mirror(connector, READ)


def hour(start: datetime, **fields: Any) -> dict[str, Any]:
    times = (("start", start), ("end", start + timedelta(hours=1)))
    zoned = {name: {"dateTime": at.isoformat(), "timeZone": BERLIN} for name, at in times}
    return {"summary": "x", **zoned, **fields}


def put(provider: GoogleCalendar, start: datetime, **fields: Any) -> str:
    return str(provider.put_event(OWNER, OWNER, hour(start, **fields))["id"])


def starts(mirror: Mirror) -> list[datetime]:
    return [start for start, _ in mirror.busy]


# requests


def test_a_round_without_changes_is_one_request(provider: GoogleCalendar, mirror: Mirror) -> None:
    put(provider, utc(2027, 3, 10, 9))
    mirror.sync()
    provider.calls.clear()
    mirror.sync()
    assert provider.calls == {LISTING: 1}
    assert mirror.touched == set()


def test_the_token_is_kept_though_nothing_came(provider: GoogleCalendar, mirror: Mirror) -> None:
    mirror.sync()
    first = mirror.cursor
    provider.store.user(OWNER).entry(OWNER).calendar.version += 1  # type: ignore[union-attr]
    mirror.sync()
    assert mirror.touched == set()
    assert mirror.cursor != first


def test_a_change_is_one_request(provider: GoogleCalendar, mirror: Mirror) -> None:
    mirror.sync()
    made = put(provider, utc(2027, 3, 10, 9))
    provider.calls.clear()
    mirror.sync()
    assert provider.calls == {LISTING: 1}
    assert mirror.touched == {made}


def test_titles_texts_and_guests_are_not_asked_for(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    private = hour(utc(2027, 3, 10, 9), description="a secret", location="hidden place")
    guests = [{"email": OWNER, "responseStatus": "declined"}, {"email": "secret@example.net"}]
    provider.put_event(OWNER, OWNER, {**private, "attendees": guests})
    seen: list[bytes] = []
    given = provider.answer

    def watched(request: Any) -> Any:
        answer, template = given(request)
        seen.append(answer.encoded()[0])
        return answer, template

    provider.answer = watched  # type: ignore[method-assign]
    (page, _) = connector.changes(READ, WINDOW, None, dict)
    assert page.changed[0].declined
    assert not [text for text in seen if b"secret" in text or b"hidden" in text or b"summary" in text]
    assert not [text for text in seen if b"needsAction" in text]  # what others answered


def test_pages_of_a_listing_and_of_changes_all_arrive(provider: GoogleCalendar, mirror: Mirror) -> None:
    days = [utc(2027, 3, n, 9) for n in range(1, 8)]
    for day in days[:5]:
        put(provider, day)
    provider.faults.add("short-page", value=2, times=2)
    assert starts(mirror.sync()) == days[:5]
    for day in days[5:]:
        put(provider, day)
    provider.faults.add("short-page", value=1)
    assert starts(mirror.sync()) == days


def test_an_empty_page_is_not_the_end(provider: GoogleCalendar, mirror: Mirror) -> None:
    put(provider, utc(2027, 3, 10, 9))
    provider.faults.add("empty-page", times=3)
    assert starts(mirror.sync()) == [utc(2027, 3, 10, 9)]
    put(provider, utc(2027, 3, 11, 9))
    provider.faults.add("empty-page", times=2)
    assert len(starts(mirror.sync())) == 2


def test_pages_that_point_at_each_other_end_with_an_error(provider: GoogleCalendar, mirror: Mirror) -> None:
    page = {"kind": "calendar#events", "items": [], "nextPageToken": "again"}
    provider.faults.add("answer", path="/events", status=200, body=page, times=0)
    with pytest.raises(RetryError) as error:
        mirror.sync()
    assert error.value.code == "paging_loops"
    assert provider.total("/events") == 0  # the fault answered


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"kind": "calendar#calendarList", "items": []},
        {"kind": "calendar#events", "items": {"id": "x"}},
        {"kind": "calendar#events", "items": [{"etag": "1"}]},
        {"kind": "calendar#events", "items": ["x"]},
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_answer_that_is_no_listing_is_no_empty_calendar(
    provider: GoogleCalendar, mirror: Mirror, body: Any, first: bool
) -> None:
    if not first:
        mirror.sync()
    provider.faults.add("answer", path="/events", status=200, body=body, times=2)
    with pytest.raises(RetryError) as error:
        mirror.sync()
    assert error.value.code == "answer_unusable"


# tokens


@pytest.mark.parametrize("fault", ["gone", "gone-unnamed"])
def test_a_dead_token_asks_for_a_new_start(provider: GoogleCalendar, mirror: Mirror, fault: str) -> None:
    mirror.sync()
    provider.faults.add(fault)
    with pytest.raises(ResyncError):
        mirror.sync()
    mirror.cursor = None
    mirror.sync()


def cursor_of(mirror: Mirror) -> dict[str, Any]:
    assert mirror.cursor is not None
    told = json.loads(mirror.cursor)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    "changes", [{"token": "nonsense"}, {"v": 2}, {"from": "yesterday"}, {"to": "2020-01-01T00:00:00+00:00"}]
)
def test_a_cursor_that_cannot_be_used_asks_for_a_new_start(mirror: Mirror, changes: dict[str, Any]) -> None:
    mirror.sync()
    mirror.cursor = json.dumps({**cursor_of(mirror), **changes})
    with pytest.raises(ResyncError):
        mirror.sync()


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", "null"])
def test_a_cursor_of_somebody_else_asks_for_a_new_start(text: str) -> None:
    with pytest.raises(ResyncError):
        Cursor.load(text)


def test_a_page_token_that_died_meanwhile_is_passing_trouble(provider: GoogleCalendar, mirror: Mirror) -> None:
    for n in range(3):
        put(provider, utc(2027, 3, 10 + n, 9))
    provider.faults.add("short-page", value=1)
    pages = mirror.connector.changes(READ, WINDOW, None, dict)
    next(pages)
    provider.store.pages.waiting.clear()
    with pytest.raises(RetryError) as error:
        list(pages)
    assert error.value.code == "paging_broken"


def test_a_listing_that_ends_without_a_token_is_compared_by_versions(provider: GoogleCalendar, mirror: Mirror) -> None:
    provider.faults.add("no-sync-token", times=0)
    kept, gone = put(provider, utc(2027, 3, 10, 9)), put(provider, utc(2027, 3, 11, 9))
    mirror.sync()
    assert cursor_of(mirror)["token"] == ""
    assert mirror.sync().touched == set()
    provider.delete_event(OWNER, OWNER, gone)
    made = put(provider, utc(2027, 3, 12, 9))
    assert mirror.sync().touched == {gone, made}
    assert mirror.versions.keys() == {kept, made}
    assert mirror.repaired == 0


def test_changes_that_end_without_a_token_are_told_again(provider: GoogleCalendar, mirror: Mirror) -> None:
    mirror.sync()
    before = mirror.cursor
    provider.faults.add("answer", path="syncToken", status=200, body={"kind": "calendar#events", "items": []})
    mirror.sync()
    assert mirror.cursor == before


# windows


def test_the_first_read_covers_the_window_and_what_comes_next(provider: GoogleCalendar, mirror: Mirror) -> None:
    ahead = put(provider, WINDOW.end + AHEAD - timedelta(hours=1))
    put(provider, WINDOW.end + AHEAD)
    put(provider, WINDOW.start - timedelta(hours=1))
    pages = list(mirror.connector.changes(READ, WINDOW, None, dict))
    assert pages[-1].coverage == Window(WINDOW.start, WINDOW.end + AHEAD)
    assert [i.item for page in pages for i in page.changed] == [ahead]


def moved(mirror: Mirror, **span: float) -> Mirror:
    """The mirror asks for a window that moved on."""
    by = timedelta(**span)
    return replace(mirror, window=Window(mirror.window.start + by, mirror.window.end + by))


def test_a_window_that_moves_within_what_is_covered_costs_nothing(provider: GoogleCalendar, mirror: Mirror) -> None:
    mirror.sync()
    later = moved(mirror, days=30)
    provider.calls.clear()
    later.sync()
    assert provider.calls == {LISTING: 1}
    assert later.pages == 1


def test_a_window_that_outran_the_token_is_listed_anew(provider: GoogleCalendar, mirror: Mirror) -> None:
    old, far = put(provider, utc(2027, 3, 2, 9)), put(provider, utc(2027, 6, 10, 9))
    mirror.sync()
    assert mirror.versions.keys() == {old}
    later = moved(mirror, days=31)
    pages = list(later.connector.changes(READ, later.window, later.cursor, dict))
    assert all(page.full for page in pages)
    later.sync()
    assert later.versions.keys() == {far}
    assert Cursor.load(str(later.cursor)).covers == Window(later.window.start, later.window.end + AHEAD)


def test_a_window_that_reaches_further_back_is_listed_anew(provider: GoogleCalendar, mirror: Mirror) -> None:
    early = put(provider, WINDOW.start - timedelta(days=1))
    mirror.sync()
    assert mirror.versions == {}
    moved(mirror, days=-7).sync()
    assert mirror.versions.keys() == {early}


@pytest.mark.parametrize("told_as_cancelled", [False, True])
def test_an_event_that_leaves_the_window_is_not_busy_there_any_more(
    provider: GoogleCalendar, mirror: Mirror, told_as_cancelled: bool
) -> None:
    item = put(provider, utc(2027, 3, 10, 9))
    mirror.sync()
    if told_as_cancelled:
        provider.faults.add("moved-out")
    far = hour(utc(2028, 1, 1, 9))
    provider.change_event(OWNER, OWNER, item, start=far["start"], end=far["end"])
    mirror.sync()
    assert (mirror.touched, mirror.versions) == ({item}, {})
    near = hour(utc(2027, 4, 1, 9))
    provider.change_event(OWNER, OWNER, item, start=near["start"], end=near["end"])
    assert starts(mirror.sync()) == [utc(2027, 4, 1, 9)]


def test_an_event_that_began_before_the_window_is_busy_in_it(provider: GoogleCalendar, mirror: Mirror) -> None:
    days = {"start": {"date": "2027-02-20"}, "end": {"date": "2027-03-03"}}
    provider.put_event(OWNER, OWNER, {"summary": "holiday", **days})
    assert mirror.sync().busy == [(utc(2027, 2, 19, 23), utc(2027, 3, 2, 23))]


# series


def series(provider: GoogleCalendar, rule: str = "FREQ=WEEKLY;COUNT=4") -> str:
    return put(provider, utc(2027, 3, 22, 8), recurrence=[f"RRULE:{rule}"])


WEEKLY = [utc(2027, 3, 22, 8), utc(2027, 3, 29, 7), utc(2027, 4, 5, 7), utc(2027, 4, 12, 7)]


def test_each_instance_of_a_series_is_an_item_with_the_series_uid(provider: GoogleCalendar, mirror: Mirror) -> None:
    made = series(provider)
    mirror.sync()
    assert mirror.versions.keys() == {f"{made}_{start:%Y%m%dT%H%M%SZ}" for start in WEEKLY}
    assert starts(mirror) == WEEKLY
    assert {t.uid for times in mirror.times.values() for t in times} == {f"{made}@google.com"}


def test_an_endless_series_ends_with_the_window(provider: GoogleCalendar, mirror: Mirror) -> None:
    series(provider, "FREQ=DAILY")
    covered = WINDOW.end + AHEAD
    assert mirror.sync().busy[-1][0] < covered
    assert len(mirror.busy) == (covered - utc(2027, 3, 22)).days


def test_moved_cancelled_and_declined_instances_are_told_alone(provider: GoogleCalendar, mirror: Mirror) -> None:
    made = series(provider)
    mirror.sync()
    names = [f"{made}_{start:%Y%m%dT%H%M%SZ}" for start in WEEKLY]
    elsewhere = hour(utc(2027, 3, 23, 12))
    provider.change_event(OWNER, OWNER, names[0], start=elsewhere["start"], end=elsewhere["end"])
    provider.delete_event(OWNER, OWNER, names[1])
    provider.change_event(OWNER, OWNER, names[2], attendees=[{"email": OWNER, "responseStatus": "declined"}])
    mirror.sync()
    assert mirror.touched == set(names[:3])
    assert starts(mirror) == [utc(2027, 3, 23, 12), WEEKLY[3]]
    assert names[2] in mirror.versions
    assert names[1] not in mirror.versions


def test_a_series_that_changes_or_goes_takes_its_instances_along(provider: GoogleCalendar, mirror: Mirror) -> None:
    made = series(provider)
    mirror.sync()
    later = hour(utc(2027, 3, 22, 10))
    provider.change_event(OWNER, OWNER, made, start=later["start"], end=later["end"])
    assert starts(mirror.sync()) == [start + timedelta(hours=2) for start in WEEKLY]
    provider.delete_event(OWNER, OWNER, made)
    assert (starts(mirror.sync()), mirror.versions) == ([], {})


def test_an_invitation_to_one_instance_only_is_busy(provider: GoogleCalendar, mirror: Mirror) -> None:
    original = {"dateTime": "2027-03-10T09:00:00Z"}
    put(provider, utc(2027, 3, 10, 9), recurringEventId="elsewhere", originalStartTime=original)
    assert starts(mirror.sync()) == [utc(2027, 3, 10, 9)]


def test_our_own_event_comes_back_under_the_version_that_was_confirmed(
    connector: GoogleConnector, mirror: Mirror
) -> None:
    receipt = connector.put_event(OWNER, meeting(), "key", None)
    moved_on = meeting(start=utc(2027, 3, 11, 9), end=utc(2027, 3, 11, 10), sequence=1)
    mirror.sync()
    assert mirror.versions == {receipt.id: receipt.version}
    receipt = connector.put_event(OWNER, moved_on, "key", receipt)
    mirror.sync()
    assert mirror.versions == {receipt.id: receipt.version}


def test_our_own_event_that_its_owner_declined_is_told_as_declined(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = connector.put_event(OWNER, meeting(), "key", None)
    *_, last = connector.changes(READ, WINDOW, None, dict)
    provider.respond(OWNER, OWNER, receipt.id, OWNER, "declined")
    page, _ = connector.changes(READ, WINDOW, last.cursor, dict)
    assert [(i.item, i.declined, i.times) for i in page.changed] == [(receipt.id, True, ())]


def test_occurrences_of_our_own_series_are_busy_where_they_were_moved_to(
    connector: GoogleConnector, mirror: Mirror
) -> None:
    moved_one = Occurrence(original=utc(2027, 3, 17, 9), start=utc(2027, 3, 18, 9), end=utc(2027, 3, 18, 10))
    event = meeting(rrule="FREQ=WEEKLY;COUNT=3", occurrences=(moved_one,))
    connector.put_event(OWNER, event, "key", None)
    assert starts(mirror.sync()) == [utc(2027, 3, 10, 9), utc(2027, 3, 18, 9), utc(2027, 3, 24, 9)]


# audits


def test_an_audit_counts_only_what_the_token_did_not_tell(provider: GoogleCalendar, mirror: Mirror) -> None:
    lost, stale = put(provider, utc(2027, 3, 10, 9)), put(provider, utc(2027, 3, 11, 9))
    mirror.sync()
    told, removed = put(provider, utc(2027, 3, 12, 9)), put(provider, utc(2027, 3, 13, 9))
    mirror.sync()
    provider.delete_event(OWNER, OWNER, removed)
    provider.change_event(OWNER, OWNER, told, summary="y")
    del mirror.versions[lost]
    mirror.versions[stale] = "old"
    mirror.versions["ghost"] = "1"
    mirror.sync(audit=True)
    assert mirror.versions.keys() == {lost, stale, told}
    assert mirror.repaired == 3
    assert mirror.touched == {lost, stale, told, removed, "ghost"}


def test_an_audit_of_a_true_store_changes_nothing(provider: GoogleCalendar, mirror: Mirror) -> None:
    series(provider)
    put(provider, utc(2027, 3, 10, 9), transparency="transparent")
    mirror.sync()
    mirror.sync(audit=True)
    assert (mirror.touched, mirror.repaired) == (set(), 0)


def test_an_audit_asks_for_what_is_known_once(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    *_, last = connector.changes(READ, WINDOW, None, dict)
    asked = 0

    def known() -> dict[str, str]:
        nonlocal asked
        asked += 1
        return {}

    list(connector.changes(READ, WINDOW, last.cursor, known, audit=True))
    assert asked == 1


def test_what_is_known_is_not_asked_for_when_nothing_needs_it(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    def known() -> dict[str, str]:
        raise AssertionError("asked for")

    *_, last = connector.changes(READ, WINDOW, None, known)
    put(provider, utc(2027, 3, 10, 9))
    list(connector.changes(READ, WINDOW, last.cursor, known))


# refusals


def test_a_calendar_that_shows_only_free_and_busy_is_read(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.add_user("boss@example.org")
    provider.put_event("boss@example.org", "primary", hour(utc(2027, 3, 10, 9)))
    provider.share("boss@example.org", "primary", OWNER, "freeBusyReader")
    mirror = Mirror(connector, CalendarRead(id="boss@example.org", zone=BERLIN))
    assert starts(mirror.sync()) == [utc(2027, 3, 10, 9)]


@pytest.mark.parametrize(
    ("fault", "error"), [("scope", ForbiddenError), ("no-calendar-user", ProviderError), ("user-rate", ProviderError)]
)
def test_a_refusal_is_an_error(
    provider: GoogleCalendar, mirror: Mirror, fault: str, error: type[ProviderError]
) -> None:
    provider.faults.add(fault)
    with pytest.raises(error):
        mirror.sync()


def test_a_calendar_that_is_gone_says_so(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    calendar = provider.add_calendar(OWNER, "Short-lived")
    mirror = Mirror(connector, CalendarRead(id=calendar))
    mirror.sync()
    provider.remove_calendar(OWNER, calendar)
    with pytest.raises(NotFoundError):
        mirror.sync()


def test_the_listing_and_its_changes_have_the_same_parameters(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    seen: list[set[str]] = []
    given = provider.answer

    def watched(request: Any) -> Any:
        seen.append({name for name, _ in request.pairs} - {"syncToken", "timeMin", "timeMax", "pageToken"})
        return given(request)

    provider.answer = watched  # type: ignore[method-assign]
    *_, last = connector.changes(READ, WINDOW, None, dict)
    list(connector.changes(READ, WINDOW, last.cursor, dict))
    assert seen[0] == seen[1] == {"alt", "fields", "maxAttendees", "maxResults", "singleEvents"}
