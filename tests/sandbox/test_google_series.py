from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google_given import ANA, all_day, google_running, refused, service, ten_o_clock, timed
from googleapiclient.errors import HttpError

from syncd.sandbox.google import GoogleCalendar


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar()) as running:
        yield running


@pytest.fixture
def events(provider: GoogleCalendar) -> Any:
    return service(provider).events()


def series(events: Any, body: dict[str, Any], *recurrence: str) -> str:
    made = events.insert(calendarId="primary", body={**body, "recurrence": list(recurrence)}).execute()
    return str(made["id"])


def instances(events: Any, event_id: str, **query: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = events.instances(calendarId="primary", eventId=event_id, **query).execute()["items"]
    return told


def starts(items: list[dict[str, Any]]) -> list[str]:
    return [e["start"].get("dateTime") or e["start"]["date"] for e in items]


RULES = [
    (("RRULE:FREQ=DAILY;COUNT=3",), ["2026-03-02", "2026-03-03", "2026-03-04"]),
    (("RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4",), ["2026-03-02", "2026-03-04", "2026-03-09", "2026-03-11"]),
    (("RRULE:FREQ=DAILY;UNTIL=20260303T090000Z",), ["2026-03-02", "2026-03-03"]),
    (("RRULE:FREQ=DAILY;UNTIL=20260303T085959Z",), ["2026-03-02"]),
    (("RRULE:FREQ=DAILY;UNTIL=20260303",), ["2026-03-02", "2026-03-03"]),
    (
        ("RRULE:FREQ=DAILY;COUNT=4", "EXDATE;TZID=Europe/Berlin:20260303T100000", "EXDATE:20260304T090000Z"),
        ["2026-03-02", "2026-03-05"],
    ),
    (("RRULE:FREQ=DAILY;COUNT=1", "RDATE:20260320T090000Z"), ["2026-03-02", "2026-03-20"]),
]


@pytest.mark.parametrize(("rules", "days"), RULES)
def test_a_series_is_expanded_by_its_rules(events: Any, rules: tuple[str, ...], days: list[str]) -> None:
    found = starts(instances(events, series(events, ten_o_clock(), *rules)))
    assert [s[:10] for s in found] == days


def test_instances_keep_the_wall_clock_when_the_clocks_change(events: Any) -> None:
    event_id = series(events, ten_o_clock("2026-03-28"), "RRULE:FREQ=DAILY;COUNT=2")
    found = instances(events, event_id)
    assert starts(found) == ["2026-03-28T10:00:00+01:00", "2026-03-29T10:00:00+02:00"]
    assert [e["id"] for e in found] == [f"{event_id}_20260328T090000Z", f"{event_id}_20260329T080000Z"]
    assert all(e["recurringEventId"] == event_id and e["originalStartTime"] == e["start"] for e in found)
    assert not any("recurrence" in e for e in found)


def test_the_rules_run_in_the_zone_of_the_series(events: Any) -> None:
    body = timed("2026-03-02T20:00:00", "2026-03-02T21:00:00", zone="America/New_York")
    event_id = series(events, body, "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2")
    assert starts(instances(events, event_id, timeZone="UTC")) == ["2026-03-03T01:00:00Z", "2026-03-10T00:00:00Z"]


def test_an_all_day_series_runs_on_dates(events: Any) -> None:
    event_id = series(events, all_day("2026-03-28", "2026-03-30"), "RRULE:FREQ=MONTHLY;COUNT=2")
    found = instances(events, event_id)
    assert [(e["id"], e["start"], e["end"]) for e in found] == [
        (f"{event_id}_20260328", {"date": "2026-03-28"}, {"date": "2026-03-30"}),
        (f"{event_id}_20260428", {"date": "2026-04-28"}, {"date": "2026-04-30"}),
    ]


def test_an_endless_series_is_told_for_a_window(events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY")
    window = {"timeMin": "2031-01-01T09:30:00+01:00", "timeMax": "2031-01-03T09:30:00+01:00"}
    found = starts(instances(events, event_id, **window))
    assert found == ["2031-01-01T10:00:00+01:00", "2031-01-02T10:00:00+01:00"]
    listed = events.list(calendarId="primary", singleEvents=True, orderBy="startTime", **window).execute()
    assert starts(listed["items"]) == found
    assert len(events.list(calendarId="primary", **window).execute()["items"]) == 1


def test_changing_an_instance_makes_an_exception(provider: GoogleCalendar, events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=3")
    second = instances(events, event_id)[1]
    moved = timed("2026-03-03T15:00:00", "2026-03-03T16:00:00")
    body = {"start": moved["start"], "end": moved["end"]}
    changed = events.patch(calendarId="primary", eventId=second["id"], body=body).execute()
    assert changed["originalStartTime"] == second["start"]
    assert changed["recurringEventId"] == event_id
    assert [s[11:16] for s in starts(instances(events, event_id))] == ["10:00", "15:00", "10:00"]
    assert {e["id"] for e in provider.events(ANA)} == {event_id, second["id"]}


def test_deleting_an_instance_leaves_the_others(events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=3")
    second = f"{event_id}_20260303T090000Z"
    events.delete(calendarId="primary", eventId=second).execute()
    assert len(instances(events, event_id)) == 2
    assert [e["status"] for e in instances(events, event_id, showDeleted=True)] == [
        "confirmed",
        "cancelled",
        "confirmed",
    ]
    with pytest.raises(HttpError) as caught:
        events.delete(calendarId="primary", eventId=second).execute()
    assert refused(caught.value) == (410, "global", "deleted")


def test_a_deleted_series_takes_its_exceptions_along(provider: GoogleCalendar, events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=3")
    second = f"{event_id}_20260303T090000Z"
    events.patch(calendarId="primary", eventId=second, body={"summary": "Special"}).execute()
    events.delete(calendarId="primary", eventId=event_id).execute()
    assert provider.events(ANA) == []
    assert events.get(calendarId="primary", eventId=second).execute()["status"] == "cancelled"


def test_a_listed_start_is_in_the_zone_that_it_names(events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RDATE;TZID=America/New_York:20260320T060000")
    assert starts(instances(events, event_id)) == ["2026-03-02T10:00:00+01:00", "2026-03-20T11:00:00+01:00"]


def test_an_instance_is_found_by_its_original_start(events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=3")
    found = instances(events, event_id, originalStart="2026-03-03T10:00:00+01:00")
    assert [e["id"] for e in found] == [f"{event_id}_20260303T090000Z"]
    read = events.get(calendarId="primary", eventId=found[0]["id"]).execute()
    assert read == found[0]


@pytest.mark.parametrize("suffix", ["20260306T090000Z", "20260303T093000Z", "20260303", "nonsense"])
def test_an_instance_that_never_was_is_not_found(events: Any, suffix: str) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=3")
    with pytest.raises(HttpError) as caught:
        events.get(calendarId="primary", eventId=f"{event_id}_{suffix}").execute()
    assert refused(caught.value) == (404, "global", "notFound")


def test_exceptions_of_days_that_a_series_has_no_more_go(provider: GoogleCalendar, events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=3")
    for day in ("02", "04"):
        events.patch(
            calendarId="primary", eventId=f"{event_id}_202603{day}T090000Z", body={"summary": "Special"}
        ).execute()
    events.patch(calendarId="primary", eventId=event_id, body={"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]}).execute()
    assert [e["summary"] for e in instances(events, event_id)] == ["Special", "Meeting"]
    assert {e["id"] for e in provider.events(ANA)} == {event_id, f"{event_id}_20260302T090000Z"}


def test_an_exception_moved_into_a_window_is_told_there(events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=2")
    moved = timed("2026-04-01T10:00:00", "2026-04-01T11:00:00")
    second = f"{event_id}_20260303T090000Z"
    body = {"start": moved["start"], "end": moved["end"]}
    events.patch(calendarId="primary", eventId=second, body=body).execute()
    window = {"timeMin": "2026-04-01T00:00:00Z", "timeMax": "2026-04-02T00:00:00Z"}
    listed = events.list(calendarId="primary", singleEvents=True, **window).execute()["items"]
    assert [e["id"] for e in listed] == [second]
    there = {"timeMin": "2026-03-03T00:00:00Z", "timeMax": "2026-03-04T00:00:00Z"}
    assert events.list(calendarId="primary", singleEvents=True, **there).execute()["items"] == []


def test_an_exception_is_listed_in_the_window_that_it_left(events: Any) -> None:
    event_id = series(events, ten_o_clock(), "RRULE:FREQ=DAILY;COUNT=2")
    moved = timed("2026-04-01T10:00:00", "2026-04-01T11:00:00")
    second = f"{event_id}_20260303T090000Z"
    body = {"start": moved["start"], "end": moved["end"]}
    events.patch(calendarId="primary", eventId=second, body=body).execute()
    there = {"timeMin": "2026-03-03T00:00:00Z", "timeMax": "2026-03-04T00:00:00Z"}
    listed = events.list(calendarId="primary", **there).execute()["items"]
    assert [e["id"] for e in listed] == [event_id, second]


def test_a_single_event_has_no_instances(events: Any) -> None:
    made = events.insert(calendarId="primary", body=ten_o_clock()).execute()
    with pytest.raises(HttpError) as caught:
        instances(events, made["id"])
    assert refused(caught.value) == (400, "global", "badRequest")
