"""Mailboxes, calendars, and single events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from microsoft_given import ANA, BEN, IMMUTABLE, MARCH, WINDOWS_BERLIN, Client, at, graph_running, ten, weekly
from sandboxed import provoked

from syncd.sandbox.microsoft import MicrosoftGraph

PROPERTY = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name booking"


@pytest.fixture
def graph(clock: SettableClock) -> Iterator[MicrosoftGraph]:
    provider = MicrosoftGraph(clock)
    with graph_running(provider):
        yield provider


@pytest.fixture
def ana(graph: MicrosoftGraph) -> Client:
    return Client(graph)


# mailboxes and calendars


def test_a_mailbox_tells_its_owner_and_its_zone(ana: Client) -> None:
    told = ana.got("GET", "?$select=mail,userPrincipalName,displayName")
    assert (told["mail"], told["userPrincipalName"], told["displayName"]) == (ANA, ANA, "Ana")
    assert ana.got("GET", "/mailboxSettings")["timeZone"] == WINDOWS_BERLIN
    assert ana.got("GET", f"//users/{told['id']}")["mail"] == ANA


def test_calendars_come_in_pages_with_whole_links(graph: MicrosoftGraph, ana: Client) -> None:
    made = [graph.add_calendar(ANA, f"Calendar {n}") for n in range(3)]
    first = ana.got("GET", "/calendars?$top=3&$select=name,canEdit")
    second = ana.got("GET", first["@odata.nextLink"])
    told = first["value"] + second["value"]
    assert [c["id"] for c in told][1:] == made
    assert told[1].keys() == {"id", "name", "canEdit"}
    assert "@odata.nextLink" not in second


def test_a_calendar_says_whether_it_is_the_default_and_can_be_edited(graph: MicrosoftGraph, ana: Client) -> None:
    holidays = graph.add_calendar(ANA, "Holidays", can_edit=False)
    told = ana.got("GET", f"/calendars/{holidays}")
    assert (told["canEdit"], told["isDefaultCalendar"], told["owner"]["address"]) == (False, False, ANA)
    assert ana.got("GET", "/calendar")["isDefaultCalendar"]
    assert ana.refused("POST", f"/calendars/{holidays}/events", ten()) == (403, "ErrorAccessDenied")


def test_a_mailbox_is_its_owners(graph: MicrosoftGraph, ana: Client) -> None:
    assert ana.refused("GET", f"//users/{BEN}/calendars") == (403, "ErrorAccessDenied")
    assert ana.refused("GET", "//users/nobody@example.com/calendars") == (404, "ErrorInvalidUser")
    reader = Client(graph, scopes=("Calendars.Read",))
    assert reader.got("GET", "/events")["value"] == []
    assert reader.refused("POST", "/events", ten()) == (403, "ErrorAccessDenied")


def test_a_token_that_has_ended_is_refused(graph: MicrosoftGraph, ana: Client, clock: SettableClock) -> None:
    clock.advance(seconds=3600)
    assert ana.refused("GET", "/calendars") == (401, "InvalidAuthenticationToken")


# events


def test_an_event_is_kept_with_all_its_fields(ana: Client) -> None:
    body = ten(
        body={"contentType": "html", "content": "<p>Hi &amp; bye</p>"},
        location={"displayName": "Room 5"},
        attendees=[{"type": "required", "emailAddress": {"address": BEN, "name": "Ben"}}],
        showAs="tentative",
        sensitivity="private",
        isReminderOn=True,
        reminderMinutesBeforeStart=30,
        categories=["Red"],
        importance="high",
        transactionId="t-1",
    )
    made = ana.create(**body)
    read = ana.got("GET", f"/events/{made['id']}")
    assert read == made
    for name in ("subject", "body", "showAs", "sensitivity", "reminderMinutesBeforeStart", "categories", "importance"):
        assert made[name] == body[name]
    assert made["start"] == {"dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC"}
    assert made["originalStartTimeZone"] == "Europe/Berlin"
    assert made["location"]["displayName"] == "Room 5"
    assert made["attendees"][0]["status"]["response"] == "none"
    assert made["bodyPreview"] == "Hi & bye"
    assert (made["type"], made["isOrganizer"], made["isCancelled"]) == ("singleInstance", True, False)
    assert made["responseStatus"]["response"] == "organizer"
    assert made["iCalUId"] != made["id"]
    assert made["createdDateTime"] == made["lastModifiedDateTime"] == "2026-01-02T12:00:00.0000000Z"
    assert made["@odata.etag"] == f'W/"{made["changeKey"]}"'


def test_an_event_is_found_by_each_path_of_its_calendar_and_by_no_other(graph: MicrosoftGraph, ana: Client) -> None:
    side = graph.add_calendar(ANA, "Side")
    made = ana.create(f"/calendars/{side}/events")
    assert ana.got("GET", f"/calendars/{side}/events/{made['id']}") == made
    assert ana.got("GET", f"/events/{made['id']}") == made
    assert ana.refused("GET", f"/calendar/events/{made['id']}-x") == (404, "ErrorItemNotFound")
    other = graph.add_calendar(ANA, "Other")
    assert ana.refused("GET", f"/calendars/{other}/events/{made['id']}") == (404, "ErrorItemNotFound")
    assert ana.got("GET", "/events")["value"] == []


def test_preferences_are_honoured(ana: Client) -> None:
    made = ana.create(body={"contentType": "html", "content": "<p>One</p><p>Two</p>"})
    prefer = f'{IMMUTABLE}, outlook.timezone="Tokyo Standard Time", outlook.body-content-type="text"'
    told = ana.got("GET", f"/events/{made['id']}", Prefer=prefer)
    assert told["start"] == {"dateTime": "2026-03-02T18:00:00.0000000", "timeZone": "Tokyo Standard Time"}
    assert told["body"] == {"contentType": "text", "content": "One\nTwo"}
    mutable = ana.got("GET", "/events", Prefer="")["value"][0]["id"]
    assert mutable != made["id"]
    assert ana.got("GET", f"/events/{mutable}")["id"] == made["id"]


def test_a_move_to_another_calendar_changes_all_but_the_immutable_id(graph: MicrosoftGraph, ana: Client) -> None:
    side = graph.add_calendar(ANA, "Side")
    made = ana.create(**weekly())
    before = ana.got("GET", f"/events/{made['id']}", Prefer="")["id"]
    first = ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"][0]
    ana.got("PATCH", f"/events/{first['id']}", {"subject": "Other"})
    with pytest.raises(ValueError, match="can move there"):
        graph.move_event(ANA, side, made["id"], side)
    graph.move_event(ANA, "", made["id"], side)
    assert ana.refused("GET", f"/events/{before}") == (404, "ErrorItemNotFound")
    (told,) = ana.got("GET", f"/calendars/{side}/events", Prefer="")["value"]
    assert told["id"] != before
    assert ana.got("GET", f"/events/{told['id']}")["id"] == made["id"]
    assert ana.got("GET", "/events")["value"] == []
    view = ana.got("GET", f"/calendars/{side}/calendarView?{MARCH}", Prefer="")["value"]
    assert [e["type"] for e in view] == ["exception", *["occurrence"] * 3]
    assert {e["seriesMasterId"] for e in view} == {told["id"]}
    assert ana.got("GET", f"/events/{view[0]['id']}")["id"] == first["id"]


def test_changing_ids_may_change_at_any_time_and_a_calendars_never_do(graph: MicrosoftGraph, ana: Client) -> None:
    made = ana.create()
    before = ana.got("GET", "/events", Prefer="")["value"][0]["id"]
    calendar = ana.got("GET", "/calendar", Prefer="")["id"]
    graph.faults.add("ids-change")
    assert ana.refused("GET", f"/events/{before}") == (404, "ErrorItemNotFound")
    assert ana.got("GET", f"/events/{made['id']}") == made
    assert ana.got("GET", "/calendar")["id"] == ana.got("GET", "/calendar", Prefer="")["id"] == calendar


def test_the_ids_of_a_request_are_told_back(ana: Client) -> None:
    answer = ana.ask("GET", "/events", client_request_id="mine")
    assert answer.headers["client-request-id"] == "mine"
    assert answer.headers["request-id"]
    refused = ana.ask("GET", "/events/none", client_request_id="mine")
    assert refused.json()["error"]["innerError"]["client-request-id"] == "mine"
    assert refused.headers["client-request-id"] == "mine"


def test_all_day_events_go_from_midnight_to_midnight_in_whatever_zone_is_asked_for(
    graph: MicrosoftGraph, ana: Client
) -> None:
    made = ana.create(isAllDay=True, start=at("2026-03-02T00:00:00"), end=at("2026-03-04T00:00:00"))
    assert (made["start"], made["end"]["dateTime"]) == (at("2026-03-02T00:00:00.0000000", "UTC"),
                                                        "2026-03-04T00:00:00.0000000")  # fmt: skip
    graph.faults.add("all-day-shifted")
    told = ana.got("GET", f"/events/{made['id']}")
    assert told["start"] == at("2026-03-01T23:00:00.0000000", "UTC")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"start": at("2026-03-02T12:00:00")}, "ErrorPropertyValidationFailure"),
    ({"start": at("soon")}, "ErrorInvalidParameter"),
    ({"start": at("2026-02-30T10:00:00")}, "ErrorInvalidParameter"),
    ({"start": at("2026-03-02T10:00:00", "Mars/Base")}, "TimeZoneNotSupportedException"),
    ({"isAllDay": True}, "ErrorInvalidRequest"),
    ({"attendees": [{"type": "required"}]}, "ErrorPropertyValidationFailure"),
    ({"summary": "A field of Google's"}, "RequestBodyRead"),
    ({"recurrence": {"pattern": {"type": "hourly"}, "range": {"type": "noEnd"}}}, "ErrorInvalidRecurrencePattern"),
    (
        {"recurrence": {"pattern": {"type": "absoluteMonthly", "dayOfMonth": 32}, "range": {"type": "noEnd"}}},
        "ErrorInvalidRecurrencePattern",
    ),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED)
def test_what_is_no_event_is_refused_and_changes_nothing(ana: Client, fields: dict[str, Any], code: str) -> None:
    made = ana.create()
    with provoked():
        assert ana.refused("POST", "/events", {**ten(), **fields}) == (400, code)
        assert ana.refused("PATCH", f"/events/{made['id']}", {"subject": "Other", **fields}) == (400, code)
    assert ana.got("GET", "/events")["value"] == [made]


def test_a_change_changes_what_is_sent_and_the_versions(ana: Client, clock: SettableClock) -> None:
    made = ana.create(location={"displayName": "Room 5"})
    clock.advance(minutes=1)
    told = ana.got("PATCH", f"/events/{made['id']}", {"subject": "Other"})
    assert {k for k in told if told[k] != made[k]} == {
        "subject", "changeKey", "@odata.etag", "lastModifiedDateTime",
    }  # fmt: skip


def test_if_match_holds_for_changes_and_deletes(graph: MicrosoftGraph, ana: Client) -> None:
    made = ana.create()
    path, stale = f"/events/{made['id']}", made["@odata.etag"]
    fresh = ana.got("PATCH", path, {"subject": "Two"}, If_Match=stale)["@odata.etag"]
    assert ana.refused("PATCH", path, {"subject": "Three"}, If_Match=stale)[0] == 412
    assert ana.refused("DELETE", path, If_Match=stale)[0] == 412
    graph.faults.add("stale-etag")
    assert ana.refused("DELETE", path, If_Match=fresh)[0] == 412
    assert ana.ask("DELETE", path, If_Match=fresh).status_code == 204
    assert ana.refused("DELETE", path) == (404, "ErrorItemNotFound")


def test_an_online_meeting_gets_a_room_and_the_body_a_way_to_it(ana: Client) -> None:
    made = ana.create(
        isOnlineMeeting=True, onlineMeetingProvider="teamsForBusiness", body={"contentType": "text", "content": "Hi"}
    )
    url = made["onlineMeeting"]["joinUrl"]
    assert made["body"]["contentType"] == "html"
    assert "Hi" in made["body"]["content"]
    assert url in made["body"]["content"]
    again = ana.got("PATCH", f"/events/{made['id']}", {"subject": "Other", "isOnlineMeeting": True})
    assert again["onlineMeeting"]["joinUrl"] == url
    assert again["body"] == made["body"]


def test_a_body_without_the_way_to_the_meeting_ends_the_meeting(ana: Client) -> None:
    made = ana.create(isOnlineMeeting=True, body={"contentType": "text", "content": "Hi"})
    path, block = f"/events/{made['id']}", made["body"]["content"]
    kept = ana.got("PATCH", path, {"body": {"contentType": "html", "content": f"<p>Dear all</p>{block}"}})
    assert kept["onlineMeeting"] == made["onlineMeeting"]
    ignored = ana.got("PATCH", path, {"isOnlineMeeting": False, "onlineMeetingProvider": "unknown"})
    assert (ignored["isOnlineMeeting"], ignored["onlineMeetingProvider"]) == (True, "teamsForBusiness")
    ended = ana.got("PATCH", path, {"body": {"contentType": "html", "content": "Dear all"}})
    assert (ended["isOnlineMeeting"], ended["onlineMeeting"]) == (False, None)


# transactions


def test_a_transaction_id_makes_one_event_however_often_it_is_sent(graph: MicrosoftGraph, ana: Client) -> None:
    first = ana.create(transactionId="t-1")
    assert ana.create(transactionId="t-1", subject="Other") == first
    graph.faults.add("transaction-409")
    assert ana.refused("POST", "/events", ten(transactionId="t-1"))[0] == 409
    assert len(graph.events(ANA)) == 1
    graph.faults.add("transaction-ignored")
    assert ana.create(transactionId="t-1")["id"] != first["id"]


def test_a_transaction_id_cannot_be_changed(ana: Client) -> None:
    made = ana.create(transactionId="t-1")
    told = ana.got("PATCH", f"/events/{made['id']}", {"transactionId": "t-2"})
    assert told["transactionId"] == "t-1"


def test_a_concurrent_save_leaves_the_event_behind(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("concurrent-save")
    assert ana.refused("POST", "/events", ten()) == (503, "ConcurrentItemSave")
    assert [e["subject"] for e in graph.events(ANA)] == ["Meeting"]


# listing


def test_events_are_found_by_an_extended_property_and_by_their_uid(ana: Client) -> None:
    made = ana.create(singleValueExtendedProperties=[{"id": PROPERTY, "value": "it's 1"}])
    ana.create()
    wanted = f"singleValueExtendedProperties/any(ep: ep/id eq '{PROPERTY}' and ep/value eq 'it''s 1')"
    (told,) = ana.got("GET", f"/events?$filter={wanted}")["value"]
    assert told["id"] == made["id"]
    assert "singleValueExtendedProperties" not in told
    expand = f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')"
    told = ana.got("GET", f"/events/{made['id']}?$expand={expand}&$select=subject")
    assert told["singleValueExtendedProperties"] == [{"id": PROPERTY, "value": "it's 1"}]
    (found,) = ana.got("GET", f"/events?$filter=iCalUId eq '{made['iCalUId']}'")["value"]
    assert found["id"] == made["id"]


def test_a_list_comes_in_pages_in_the_order_that_is_asked_for(ana: Client) -> None:
    for day in ("2026-03-04", "2026-03-02", "2026-03-03"):
        ana.create(**ten(day))
    first = ana.got("GET", "/events?$top=2&$orderby=start/dateTime desc&$select=start")
    second = ana.got("GET", first["@odata.nextLink"])
    days = [e["start"]["dateTime"][:10] for e in first["value"] + second["value"]]
    assert days == ["2026-03-04", "2026-03-03", "2026-03-02"]
    assert first["value"][0].keys() == {"id", "@odata.etag", "start"}
    assert len(ana.got("GET", "/events?$skip=1")["value"]) == 2


UNLISTED = [
    ("/events?$top=0", "ErrorInvalidUrlQuery"),
    ("/events?$top=1001", "ErrorInvalidUrlQuery"),
    ("/events?$top=many", "ErrorInvalidUrlQuery"),
    ("/events?$search=x", "ErrorInvalidUrlQuery"),
    ("/events?$orderby=color", "ErrorInvalidUrlQuery"),
    ("/events?$filter=color eq 'red'", "ErrorInvalidUrlQueryFilter"),
    ("/calendarView?startDateTime=2026-03-01T00:00:00Z", "ErrorInvalidParameter"),
    ("/calendarView?startDateTime=2026-03-01T00:00:00Z&endDateTime=2031-03-01T00:00:00Z", "ErrorInvalidRequest"),
]


@pytest.mark.parametrize(("path", "code"), UNLISTED)
def test_what_cannot_be_listed_is_refused(ana: Client, path: str, code: str) -> None:
    with provoked():
        assert ana.refused("GET", path) == (400, code)


def test_a_view_may_be_1825_days_long(ana: Client) -> None:
    ana.got("GET", "/calendarView?startDateTime=2026-01-01T00:00:00Z&endDateTime=2030-12-31T00:00:00Z")


def test_a_view_has_what_overlaps_its_window(ana: Client) -> None:
    made = [ana.create(**ten(day))["id"] for day in ("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01")]
    across = ana.create(start=at("2026-02-28T23:00:00"), end=at("2026-03-01T02:00:00"))["id"]
    assert [e["id"] for e in ana.got("GET", f"/calendarView?{MARCH}")["value"]] == [across, *made[1:3]]


# what people do


def test_another_client_and_guests_change_what_is_there(graph: MicrosoftGraph, ana: Client) -> None:
    put = graph.put_event(ANA, "", ten(attendees=[{"emailAddress": {"address": BEN}}], isCancelled=True))
    assert put["isCancelled"]
    graph.change_event(ANA, "", put["id"], subject="Moved")
    graph.respond(ANA, "", put["id"], BEN, "declined")
    told = ana.got("GET", f"/events/{put['id']}")
    assert (told["subject"], told["attendees"][0]["status"]["response"]) == ("Moved", "declined")
    assert told["changeKey"] != put["changeKey"]
    graph.respond(ANA, "", put["id"], ANA, "accepted")
    assert graph.events(ANA)[0]["responseStatus"]["response"] == "accepted"
    graph.delete_event(ANA, "", put["id"])
    assert graph.events(ANA) == []


def test_the_actions_are_reachable_and_a_wrong_one_says_why(graph: MicrosoftGraph) -> None:
    made = graph.actions["put_event"](email=ANA, calendar="", resource=ten())
    assert graph.actions["events"](email=ANA) == [made]
    with pytest.raises(ValueError, match="not found"):
        graph.actions["delete_event"](email=ANA, calendar="", event_id="none")
    with pytest.raises(ValueError, match="no response"):
        graph.respond(ANA, "", made["id"], BEN, "maybe")
