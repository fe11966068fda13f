from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google_given import ANA, BEN, all_day, google_running, refused, service, ten_o_clock, timed
from googleapiclient.errors import HttpError
from sandboxed import provoked

from syncd.sandbox.google import GoogleCalendar

WEEK = {"timeMin": "2026-03-01T00:00:00Z", "timeMax": "2026-03-08T00:00:00Z"}
TEN = ("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z")


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar()) as running:
        yield running


@pytest.fixture
def api(provider: GoogleCalendar) -> Any:
    return service(provider)


def asked(api: Any, *calendars: str, **fields: Any) -> dict[str, Any]:
    body = {**WEEK, "items": [{"id": c} for c in calendars or ("primary",)], **fields}
    told: dict[str, Any] = api.freebusy().query(body=body).execute()
    return told


def busy(api: Any, calendar: str = "primary", **fields: Any) -> list[tuple[str, str]]:
    return [(t["start"], t["end"]) for t in asked(api, calendar, **fields)["calendars"][calendar]["busy"]]


def reasons(told: dict[str, Any]) -> dict[str, list[str]]:
    return {c: [e["reason"] for e in each.get("errors", ())] for c, each in told["calendars"].items()}


KINDS: list[tuple[dict[str, Any], bool]] = [
    (ten_o_clock(), True),
    (ten_o_clock(status="tentative"), True),
    (ten_o_clock(transparency="transparent"), False),
    (ten_o_clock(attendees=[{"email": ANA, "responseStatus": "declined"}]), False),
    (ten_o_clock(attendees=[{"email": ANA, "responseStatus": "needsAction"}]), True),
    (ten_o_clock(attendees=[{"email": BEN, "responseStatus": "declined"}]), True),
    (ten_o_clock(eventType="outOfOffice"), True),
    (ten_o_clock(eventType="focusTime"), True),
    (ten_o_clock(eventType="workingLocation"), False),
]


@pytest.mark.parametrize(("body", "blocks"), KINDS)
def test_what_blocks_time(api: Any, body: dict[str, Any], blocks: bool) -> None:
    api.events().insert(calendarId="primary", body=body).execute()
    assert busy(api) == ([TEN] if blocks else [])


def test_the_deleted_block_nothing(provider: GoogleCalendar, api: Any) -> None:
    made = provider.put_event(ANA, "primary", ten_o_clock())
    provider.delete_event(ANA, "primary", made["id"])
    assert busy(api) == []


def test_times_are_merged_and_cut_to_the_window(provider: GoogleCalendar, api: Any) -> None:
    for start, end in (("09", "10"), ("10", "11"), ("10", "12"), ("14", "15")):
        provider.put_event(ANA, "primary", timed(f"2026-03-02T{start}:00:00", f"2026-03-02T{end}:00:00"))
    provider.put_event(ANA, "primary", timed("2026-02-20T09:00:00", "2026-03-01T09:00:00"))
    provider.put_event(ANA, "primary", timed("2026-03-08T00:00:00", "2026-03-09T09:00:00"))
    assert busy(api) == [
        ("2026-03-01T00:00:00Z", "2026-03-01T08:00:00Z"),
        ("2026-03-02T08:00:00Z", "2026-03-02T11:00:00Z"),
        ("2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z"),
        ("2026-03-07T23:00:00Z", "2026-03-08T00:00:00Z"),
    ]


def test_all_day_events_block_the_days_of_the_calendars_zone(provider: GoogleCalendar, api: Any) -> None:
    provider.put_event(ANA, "primary", all_day("2026-03-02", "2026-03-03"))
    assert busy(api) == [("2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z")]
    tokyo = provider.add_calendar(ANA, "Tokyo", zone="Asia/Tokyo")
    provider.put_event(ANA, tokyo, all_day("2026-03-02", "2026-03-03"))
    assert busy(api, tokyo) == [("2026-03-01T15:00:00Z", "2026-03-02T15:00:00Z")]


def test_series_block_by_instance_exceptions_by_what_they_became(provider: GoogleCalendar, api: Any) -> None:
    provider.put_event(ANA, "primary", ten_o_clock(id="daily", recurrence=["RRULE:FREQ=DAILY;COUNT=4"]))
    moved = timed("2026-03-03T15:00:00", "2026-03-03T16:00:00")
    provider.change_event(ANA, "primary", "daily_20260303T090000Z", start=moved["start"], end=moved["end"])
    provider.delete_event(ANA, "primary", "daily_20260304T090000Z")
    provider.change_event(ANA, "primary", "daily_20260305T090000Z", transparency="transparent")
    assert busy(api) == [TEN, ("2026-03-03T14:00:00Z", "2026-03-03T15:00:00Z")]


def test_an_invitation_to_one_day_of_a_series_blocks_it(provider: GoogleCalendar, api: Any) -> None:
    provider.put_event(
        ANA,
        "primary",
        ten_o_clock(
            id="theirs_20260302T090000Z",
            recurringEventId="theirs",
            originalStartTime={"dateTime": "2026-03-02T10:00:00+01:00"},
        ),
    )
    assert busy(api) == [TEN]


def test_times_are_told_in_the_zone_that_is_asked_for(provider: GoogleCalendar, api: Any) -> None:
    provider.put_event(ANA, "primary", ten_o_clock())
    assert busy(api, timeZone="America/New_York") == [("2026-03-02T04:00:00-05:00", "2026-03-02T05:00:00-05:00")]


def test_a_calendar_that_cannot_be_told_has_an_error_and_the_others_their_times(
    provider: GoogleCalendar, api: Any
) -> None:
    provider.put_event(ANA, "primary", ten_o_clock())
    told = asked(api, "primary", BEN, "gone@group.calendar.google.com")
    assert reasons(told) == {"primary": [], BEN: ["notFound"], "gone@group.calendar.google.com": ["notFound"]}
    assert told["calendars"][BEN] == {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
    assert told["calendars"]["primary"]["busy"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, {ANA: ["internalError"], "primary": []}),
        ("notFound", {ANA: ["notFound"], "primary": []}),
        ("internalError primary", {ANA: [], "primary": ["internalError"]}),
    ],
)
def test_a_calendar_can_be_made_to_fail(
    provider: GoogleCalendar, api: Any, value: str | None, told: dict[str, list[str]]
) -> None:
    provider.faults.add("freebusy-error", value=value)
    assert reasons(asked(api, ANA, "primary")) == told
    assert reasons(asked(api, ANA, "primary")) == {ANA: [], "primary": []}


def test_more_than_fifty_calendars_are_too_many(provider: GoogleCalendar, api: Any) -> None:
    calendars = [provider.add_calendar(ANA, f"Calendar {n}") for n in range(51)]
    told = asked(api, *calendars)
    assert set(map(tuple, reasons(told).values())) == {("tooManyCalendarsRequested",)}
    assert not any(reasons(asked(api, *calendars[:50])).values())
    assert any(reasons(asked(api, *calendars[:3], calendarExpansionMax=2)).values())


@pytest.mark.parametrize(
    ("fields", "domain", "reason"),
    [
        ({"timeMax": "2026-03-01T00:00:00Z"}, "calendar", "timeRangeEmpty"),
        ({"timeMax": "2026-06-02T00:00:00Z"}, "calendar", "timeRangeTooLong"),
        ({"timeMax": None}, "global", "required"),
        ({"timeMin": "2026-03-01T00:00:00"}, "global", "badRequest"),
        ({"calendarExpansionMax": 51}, "global", "invalid"),
        ({"groupExpansionMax": 101}, "global", "invalid"),
        ({"timeZone": "Mars/Base"}, "global", "invalid"),
    ],
)
def test_what_cannot_be_asked_is_refused(api: Any, fields: dict[str, Any], domain: str, reason: str) -> None:
    with provoked(), pytest.raises(HttpError) as caught:
        asked(api, **fields)
    assert refused(caught.value) == (400, domain, reason)
