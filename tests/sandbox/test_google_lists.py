from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from google_given import ANA, BEN, Bare, all_day, google_running, refused, service, ten_o_clock, timed
from googleapiclient.errors import HttpError
from sandboxed import provoked

from syncd.sandbox.google import GoogleCalendar

WEEKLY = ["RRULE:FREQ=WEEKLY"]
WINDOW = {"timeMin": "2026-03-01T00:00:00Z", "timeMax": "2026-03-08T00:00:00Z"}


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar(clock)) as running:
        yield running


@pytest.fixture
def events(provider: GoogleCalendar) -> Any:
    return service(provider).events()


def put(provider: GoogleCalendar, event_id: str, **fields: Any) -> dict[str, Any]:
    return provider.put_event(ANA, "primary", {**ten_o_clock(), "id": event_id, **fields})


def listed(events: Any, **query: Any) -> dict[str, Any]:
    told: dict[str, Any] = events.list(calendarId="primary", **query).execute()
    return told


def ids(told: dict[str, Any]) -> list[str]:
    return [e["id"] for e in told["items"]]


def states(told: dict[str, Any]) -> dict[str, str]:
    return {e["id"]: e["status"] for e in told["items"]}


def refusal(request: Any) -> tuple[int, str, str]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    return refused(caught.value)


# filters


def test_a_window_has_what_ends_after_its_start_and_starts_before_its_end(
    provider: GoogleCalendar, events: Any
) -> None:
    provider.put_event(ANA, "primary", {**timed("2026-02-28T23:00:00", "2026-03-01T01:00:00"), "id": "before"})
    provider.put_event(ANA, "primary", {**timed("2026-03-01T00:30:00", "2026-03-01T02:00:00"), "id": "early"})
    provider.put_event(ANA, "primary", {**timed("2026-03-08T00:30:00", "2026-03-08T03:00:00"), "id": "late"})
    provider.put_event(ANA, "primary", {**timed("2026-03-08T01:00:00", "2026-03-08T03:00:00"), "id": "after"})
    provider.put_event(ANA, "primary", {**all_day("2026-02-28", "2026-03-01"), "id": "yesterday"})
    provider.put_event(ANA, "primary", {**all_day("2026-02-28", "2026-03-02"), "id": "days"})
    assert set(ids(listed(events, **WINDOW))) == {"early", "late", "days"}


SEARCHES = [
    ({"q": "budget"}, ["talk"]),
    ({"q": "pat@elsewhere.org"}, ["guests"]),
    ({"iCalUID": "uid-9"}, ["known"]),
    ({"privateExtendedProperty": "booking=1"}, ["tagged"]),
    ({"privateExtendedProperty": ["booking=1", "step=2"]}, []),
    ({"sharedExtendedProperty": "team=a"}, ["tagged"]),
    ({"eventTypes": "focusTime"}, ["focus"]),
    ({"eventTypes": ["focusTime", "fromGmail"]}, ["focus", "mail"]),
]


@pytest.mark.parametrize(("query", "found"), SEARCHES)
def test_events_are_found_by_what_they_have(
    provider: GoogleCalendar, events: Any, query: dict[str, Any], found: list[str]
) -> None:
    put(provider, "talk", summary="Budget talk")
    put(provider, "guests", attendees=[{"email": "pat@elsewhere.org"}])
    put(provider, "known", iCalUID="uid-9")
    put(provider, "tagged", extendedProperties={"private": {"booking": "1"}, "shared": {"team": "a"}})
    put(provider, "focus", eventType="focusTime")
    put(provider, "mail", eventType="fromGmail")
    assert ids(listed(events, **query)) == found


def test_events_are_ordered_as_asked(provider: GoogleCalendar, events: Any, clock: SettableClock) -> None:
    put(provider, "later", **timed("2026-03-05T10:00:00", "2026-03-05T11:00:00"))
    clock.advance(minutes=1)
    put(provider, "sooner")
    assert ids(listed(events, orderBy="startTime", singleEvents=True)) == ["sooner", "later"]
    assert ids(listed(events, orderBy="updated")) == ["later", "sooner"]
    request = events.list(calendarId="primary", orderBy="startTime")
    assert refusal(request) == (400, "global", "badRequest")


def test_changes_since_a_moment_come_with_the_deleted(
    provider: GoogleCalendar, events: Any, clock: SettableClock
) -> None:
    put(provider, "older")
    put(provider, "gone")
    clock.advance(minutes=1)
    provider.delete_event(ANA, "primary", "gone")
    put(provider, "newer")
    assert states(listed(events, updatedMin="2026-01-02T12:00:30Z")) == {"gone": "cancelled", "newer": "confirmed"}
    provider.faults.add("updated-min-gone")
    request = events.list(calendarId="primary", updatedMin="2026-01-02T12:00:30Z")
    assert refusal(request) == (410, "calendar", "updatedMinTooLongAgo")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"timeMin": "2026-03-01T00:00:00"}, "badRequest"),
        ({"timeMin": "2026-03-08T00:00:00Z", "timeMax": "2026-03-08T00:00:00Z"}, "timeRangeEmpty"),
        ({"pageToken": "no-such-page"}, "invalid"),
        ({"syncToken": "nonsense"}, "invalid"),
        ({"timeZone": "Mars/Base"}, "invalid"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    provider: GoogleCalendar, events: Any, query: dict[str, str], reason: str
) -> None:
    put(provider, "abcde")
    with provoked():
        status, _, told = refusal(events.list(calendarId="primary", **query))
    assert (status, told) == (400, reason)


# pages


def test_pages_follow_each_other_and_only_the_last_has_a_sync_token(provider: GoogleCalendar, events: Any) -> None:
    for n in range(5):
        put(provider, f"event{n}")
    pages, request = [], events.list(calendarId="primary", maxResults=2)
    while request is not None:
        pages.append(request.execute())
        request = events.list_next(request, pages[-1])
    assert [len(p["items"]) for p in pages] == [2, 2, 1]
    assert ["nextSyncToken" in p for p in pages] == [False, False, True]
    assert [i for p in pages for i in ids(p)] == [f"event{n}" for n in range(5)]


def test_what_changes_between_pages_is_told_for_the_sync_token(provider: GoogleCalendar, events: Any) -> None:
    for n in range(3):
        put(provider, f"event{n}")
    first = listed(events, maxResults=2)
    provider.delete_event(ANA, "primary", "event0")
    last = listed(events, maxResults=2, pageToken=first["nextPageToken"])
    assert listed(events, maxResults=2, pageToken=first["nextPageToken"]) == last
    assert ids(first) + ids(last) == ["event0", "event1", "event2"]
    assert states(listed(events, syncToken=last["nextSyncToken"])) == {"event0": "cancelled"}


def test_a_page_token_is_of_its_listing(provider: GoogleCalendar, events: Any) -> None:
    side = provider.add_calendar(ANA, "Side")
    for n in range(3):
        put(provider, f"event{n}")
    token = listed(events, maxResults=2)["nextPageToken"]
    assert refusal(events.list(calendarId=side, pageToken=token)) == (400, "global", "invalid")
    assert ids(listed(events, maxResults=1)) == ["event0"]
    assert ids(listed(events, pageToken=token)) == ["event2"]


def test_a_page_may_be_empty_or_short_and_more_follows(provider: GoogleCalendar, events: Any) -> None:
    for n in range(3):
        put(provider, f"event{n}")
    provider.faults.add("empty-page")
    provider.faults.add("short-page", value=1)
    found, tokens, told = [], 0, listed(events)
    assert told["items"] == []
    while "nextPageToken" in told:
        tokens += 1
        told = listed(events, pageToken=told["nextPageToken"])
        found += ids(told)
    assert (found, tokens) == (["event0", "event1", "event2"], 2)
    assert told["nextSyncToken"]


def test_a_later_page_may_be_empty_too(provider: GoogleCalendar, events: Any) -> None:
    for n in range(3):
        put(provider, f"event{n}")
    first = listed(events, maxResults=2)
    provider.faults.add("empty-page")
    empty = listed(events, maxResults=2, pageToken=first["nextPageToken"])
    last = listed(events, maxResults=2, pageToken=empty["nextPageToken"])
    assert (empty["items"], ids(last)) == ([], ["event2"])


# sync


def test_a_sync_token_tells_what_changed_since(provider: GoogleCalendar, events: Any) -> None:
    for name in ("same", "changed", "deleted"):
        put(provider, name)
    token = listed(events)["nextSyncToken"]
    nothing = listed(events, syncToken=token)
    assert (nothing["items"], bool(nothing["nextSyncToken"])) == ([], True)
    provider.change_event(ANA, "primary", "changed", summary="Other")
    provider.delete_event(ANA, "primary", "deleted")
    put(provider, "newer")
    told = listed(events, syncToken=token)
    assert states(told) == {"changed": "confirmed", "deleted": "cancelled", "newer": "confirmed"}
    stub = next(e for e in told["items"] if e["id"] == "deleted")
    assert stub.keys() == {"kind", "etag", "id", "status"}
    assert listed(events, syncToken=told["nextSyncToken"])["items"] == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"timeMin": "2026-03-01T00:00:00Z"}, "syncTokenWithRequestRestrictions"),
        ({"timeMax": "2026-03-01T00:00:00Z"}, "syncTokenWithRequestRestrictions"),
        ({"updatedMin": "2026-03-01T00:00:00Z"}, "syncTokenWithRequestRestrictions"),
        ({"q": "x"}, "syncTokenWithRequestRestrictions"),
        ({"iCalUID": "x"}, "syncTokenWithRequestRestrictions"),
        ({"privateExtendedProperty": "a=b"}, "syncTokenWithRequestRestrictions"),
        ({"sharedExtendedProperty": "a=b"}, "syncTokenWithRequestRestrictions"),
        ({"showDeleted": False}, "syncTokenWithRequestRestrictions"),
        ({"orderBy": "updated"}, "syncTokenWithNonDefaultOrdering"),
        ({"singleEvents": True}, "invalid"),
    ],
)
def test_a_sync_token_stands_beside_no_other_condition(events: Any, query: dict[str, Any], reason: str) -> None:
    token = listed(events)["nextSyncToken"]
    status, _, told = refusal(events.list(calendarId="primary", syncToken=token, **query))
    assert (status, told) == (400, reason)
    assert listed(events, syncToken=token, showDeleted=True)["items"] == []


def test_an_expired_cursor_is_gone(provider: GoogleCalendar, events: Any) -> None:
    token = listed(events)["nextSyncToken"]
    provider.expire_cursors()
    request = events.list(calendarId="primary", syncToken=token)
    assert refusal(request) == (410, "calendar", "fullSyncRequired")
    assert listed(events, syncToken=listed(events)["nextSyncToken"])["items"] == []


def test_a_cursor_is_of_its_calendar(provider: GoogleCalendar, events: Any) -> None:
    other = provider.add_calendar(ANA, "Side")
    token = listed(events)["nextSyncToken"]
    assert refusal(events.list(calendarId=other, syncToken=token)) == (410, "calendar", "fullSyncRequired")


def test_a_cursor_may_be_gone_without_a_reason(provider: GoogleCalendar) -> None:
    ask = Bare(provider)
    token = ask("GET", "/calendars/primary/events").json()["nextSyncToken"]
    provider.faults.add("gone-unnamed")
    told = ask("GET", f"/calendars/primary/events?syncToken={token}")
    assert (told.status_code, told.json()) == (410, {"error": {"errors": [], "code": 410, "message": "Gone"}})


def test_a_first_listing_with_a_window_has_a_sync_token_too(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "inside")
    told = listed(events, **WINDOW)
    moved = timed("2026-05-01T10:00:00", "2026-05-01T11:00:00")
    provider.change_event(ANA, "primary", "inside", start=moved["start"], end=moved["end"])
    changed = listed(events, syncToken=told["nextSyncToken"])["items"]
    assert [(e["id"], e["status"], e["start"]["dateTime"]) for e in changed] == [
        ("inside", "confirmed", "2026-05-01T10:00:00+02:00")
    ]
    provider.faults.add("moved-out")
    assert states(listed(events, syncToken=told["nextSyncToken"])) == {"inside": "cancelled"}
    provider.faults.add("no-sync-token")
    assert "nextSyncToken" not in listed(events, **WINDOW)


@pytest.mark.parametrize("query", [{"q": "x"}, {"orderBy": "updated"}, {"updatedMin": "2026-01-01T00:00:00Z"}])
def test_a_search_has_no_sync_token(events: Any, query: dict[str, str]) -> None:
    assert "nextSyncToken" not in listed(events, **query)


# the deleted


def test_the_deleted_are_listed_when_asked_for(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "there")
    put(provider, "gone")
    provider.delete_event(ANA, "primary", "gone")
    assert ids(listed(events)) == ["there"]
    assert states(listed(events, showDeleted=True)) == {"there": "confirmed", "gone": "cancelled"}


def test_a_deleted_instance_is_listed_with_its_series_and_hidden_among_instances(
    provider: GoogleCalendar, events: Any
) -> None:
    put(provider, "weekly", recurrence=WEEKLY)
    gone = "weekly_20260309T090000Z"
    provider.delete_event(ANA, "primary", gone)
    told = listed(events)
    assert states(told) == {"weekly": "confirmed", gone: "cancelled"}
    assert told["items"][1].keys() == {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
    window = {"timeMin": "2026-03-08T00:00:00Z", "timeMax": "2026-03-17T00:00:00Z", "singleEvents": True}
    assert ids(listed(events, **window)) == ["weekly_20260316T090000Z"]
    assert states(listed(events, **window, showDeleted=True))[gone] == "cancelled"


# series in sync


def test_a_series_is_told_as_a_series_with_its_exceptions(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "weekly", recurrence=WEEKLY)
    token = listed(events)["nextSyncToken"]
    provider.change_event(ANA, "primary", "weekly_20260309T090000Z", summary="Moved")
    told = listed(events, syncToken=token)
    assert states(told) == {"weekly_20260309T090000Z": "confirmed"}
    assert told["items"][0]["recurringEventId"] == "weekly"
    provider.delete_event(ANA, "primary", "weekly")
    assert states(listed(events, syncToken=told["nextSyncToken"])) == {"weekly": "cancelled"}
    assert listed(events)["items"] == []


def test_instances_that_are_no_more_are_told_as_cancelled(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "weekly", recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"])
    first = listed(events, singleEvents=True)
    days = ("20260302", "20260309", "20260316", "20260323")
    assert ids(first) == [f"weekly_{day}T090000Z" for day in days]
    provider.change_event(ANA, "primary", "weekly", recurrence=["RRULE:FREQ=WEEKLY;COUNT=2"])
    second = listed(events, singleEvents=True, syncToken=first["nextSyncToken"])
    told = dict(zip(ids(first), ("confirmed", "confirmed", "cancelled", "cancelled"), strict=True))
    assert states(second) == told
    provider.delete_event(ANA, "primary", "weekly")
    third = listed(events, singleEvents=True, syncToken=second["nextSyncToken"])
    assert states(third) == dict.fromkeys(ids(first)[:2], "cancelled")


def test_one_changed_instance_is_told_alone(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "weekly", recurrence=WEEKLY)
    token = listed(events, singleEvents=True, **WINDOW)["nextSyncToken"]
    provider.change_event(ANA, "primary", "weekly_20260309T090000Z", summary="Other")
    assert states(listed(events, singleEvents=True, syncToken=token)) == {"weekly_20260309T090000Z": "confirmed"}


def test_an_exception_is_not_told_again_when_its_series_changes(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    provider.change_event(ANA, "primary", "daily_20260303T090000Z", summary="Special")
    token = listed(events, singleEvents=True)["nextSyncToken"]
    provider.change_event(ANA, "primary", "daily", summary="Other")
    told = listed(events, singleEvents=True, syncToken=token)
    assert ids(told) == ["daily_20260302T090000Z", "daily_20260304T090000Z"]


def test_a_single_event_that_becomes_a_series_is_told_as_instances(provider: GoogleCalendar, events: Any) -> None:
    put(provider, "single")
    token = listed(events, singleEvents=True)["nextSyncToken"]
    provider.change_event(ANA, "primary", "single", recurrence=["RRULE:FREQ=DAILY;COUNT=2"])
    assert states(listed(events, singleEvents=True, syncToken=token)) == {
        "single": "cancelled",
        "single_20260302T090000Z": "confirmed",
        "single_20260303T090000Z": "confirmed",
    }


# calendars


def test_the_list_of_calendars_says_what_each_is(provider: GoogleCalendar) -> None:
    side = provider.add_calendar(ANA, "Side", zone="America/New_York")
    team = provider.add_calendar(BEN, "Team")
    provider.share(BEN, team, ANA, "freeBusyReader")
    provider.add_calendar(ANA, "Holidays", special="holiday")
    provider.add_calendar(ANA, "Contacts", special="contacts")
    hidden = provider.add_calendar(ANA, "Old")
    provider.set_entry(ANA, hidden, hidden=True, selected=False)
    calendars = service(provider).calendarList()
    told = {e["id"]: e for e in calendars.list().execute()["items"]}
    assert {i: e["accessRole"] for i, e in told.items()} == {
        ANA: "owner",
        side: "owner",
        team: "freeBusyReader",
        "en.german#holiday@group.v.calendar.google.com": "reader",
        "addressbook#contacts@group.v.calendar.google.com": "reader",
    }
    assert [i for i, e in told.items() if e.get("primary")] == [ANA]
    assert (told[side]["timeZone"], told[side]["selected"]) == ("America/New_York", True)
    assert told[ANA]["backgroundColor"].startswith("#")
    everything = {e["id"]: e for e in calendars.list(showHidden=True).execute()["items"]}
    assert everything[hidden]["hidden"] is True
    assert "selected" not in everything[hidden]
    writable = calendars.list(minAccessRole="writer").execute()["items"]
    assert [e["id"] for e in writable] == [ANA, side]
    assert calendars.get(calendarId="primary").execute() == told[ANA]
    with provoked():
        assert Bare(provider)("GET", "/users/me/calendarList?minAccessRole=king").status_code == 400


def test_the_list_of_calendars_has_pages_and_a_sync_token(provider: GoogleCalendar) -> None:
    ids = [ANA, *(provider.add_calendar(ANA, f"Calendar {n}") for n in range(4))]
    calendars = service(provider).calendarList()
    pages, request = [], calendars.list(maxResults=2)
    while request is not None:
        pages.append(request.execute())
        request = calendars.list_next(request, pages[-1])
    assert [e["id"] for p in pages for e in p["items"]] == ids
    token = pages[-1]["nextSyncToken"]
    assert calendars.list(syncToken=token).execute()["items"] == []
    provider.remove_calendar(ANA, ids[1])
    calendars.patch(calendarId=ids[2], body={"hidden": True, "summaryOverride": "Mine"}).execute()
    told = {e["id"]: e for e in calendars.list(syncToken=token).execute()["items"]}
    assert (told[ids[1]]["deleted"], told[ids[2]]["hidden"]) == (True, True)
    assert told[ids[2]]["summaryOverride"] == "Mine"
    provider.expire_cursors()
    assert refusal(calendars.list(syncToken=token)) == (410, "calendar", "fullSyncRequired")


def test_calendars_are_made_changed_and_deleted(provider: GoogleCalendar) -> None:
    api = service(provider)
    made = api.calendars().insert(body={"summary": "Bookings", "timeZone": "Asia/Tokyo"}).execute()
    api.calendars().patch(calendarId=made["id"], body={"summary": "Meetings"}).execute()
    read = api.calendars().get(calendarId=made["id"]).execute()
    assert (read["summary"], read["timeZone"], read["dataOwner"]) == ("Meetings", "Asia/Tokyo", ANA)
    api.calendarList().delete(calendarId=made["id"]).execute()
    assert refusal(api.calendars().get(calendarId=made["id"])) == (404, "global", "notFound")
    api.calendarList().insert(body={"id": made["id"]}).execute()
    api.calendars().delete(calendarId=made["id"]).execute()
    assert [e["id"] for e in api.calendarList().list().execute()["items"]] == [ANA]
    assert refusal(api.calendars().delete(calendarId="primary")) == (403, "global", "forbidden")


def test_settings_tell_the_zone(provider: GoogleCalendar) -> None:
    settings = service(provider).settings()
    assert settings.get(setting="timezone").execute()["value"] == "Europe/Berlin"
    assert {s["id"] for s in settings.list().execute()["items"]} >= {"timezone", "locale", "weekStart"}
    assert refusal(settings.get(setting="nothing")) == (404, "global", "notFound")


# parts of answers


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("items(id,start/dateTime),nextSyncToken", {"items", "nextSyncToken"}),
        ("kind", {"kind"}),
        ("items/id", {"items"}),
    ],
)
def test_only_the_fields_asked_for_are_told(provider: GoogleCalendar, events: Any, fields: str, told: set[str]) -> None:
    put(provider, "abcde")
    answer = listed(events, fields=fields)
    assert answer.keys() == told
    if "start" in fields:
        assert answer["items"] == [{"id": "abcde", "start": {"dateTime": "2026-03-02T10:00:00+01:00"}}]
    if fields == "items/id":
        assert answer["items"] == [{"id": "abcde"}]


@pytest.mark.parametrize("fields", ["items(id", "items)", "a,,b", "/x"])
def test_a_selection_of_fields_must_be_one(events: Any, fields: str) -> None:
    assert refusal(events.list(calendarId="primary", fields=fields)) == (400, "global", "invalid")
