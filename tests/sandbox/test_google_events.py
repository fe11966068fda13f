from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from google_given import ANA, BEN, Bare, all_day, google_running, refused, service, ten_o_clock, timed
from googleapiclient.errors import HttpError
from sandboxed import provoked

from syncd.sandbox.google import GoogleCalendar

PAT = "pat@elsewhere.org"


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar(clock)) as running:
        yield running


@pytest.fixture
def events(provider: GoogleCalendar) -> Any:
    return service(provider).events()


def insert(events: Any, body: dict[str, Any], calendar: str = "primary", **query: Any) -> dict[str, Any]:
    made: dict[str, Any] = events.insert(calendarId=calendar, body=body, **query).execute()
    return made


def refusal(request: Any) -> tuple[int, str, str]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    return refused(caught.value)


# creating


def test_an_event_is_kept_with_all_its_fields(events: Any) -> None:
    body = ten_o_clock(
        id="abcde01234",
        iCalUID="uid-1@booking",
        description="<b>Hi</b>",
        location="Room 5",
        colorId="5",
        transparency="transparent",
        visibility="private",
        attendees=[{"email": ANA, "responseStatus": "accepted"}, {"email": PAT, "displayName": "Pat"}],
        reminders={"useDefault": False, "overrides": [{"method": "email", "minutes": 30}]},
        extendedProperties={"private": {"booking": "1"}, "shared": {"team": "a"}},
        source={"title": "Booking", "url": "https://example.com/1"},
        guestsCanModify=True,
    )
    made = insert(events, body)
    read = events.get(calendarId="primary", eventId="abcde01234").execute()
    assert read == made
    different = {"start", "end", "attendees"}
    assert {k: made[k] for k in body if k not in different} == {k: v for k, v in body.items() if k not in different}
    assert made["start"] == {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin"}
    assert made["attendees"] == [
        {"email": ANA, "responseStatus": "accepted", "self": True, "organizer": True},
        {"email": PAT, "displayName": "Pat", "responseStatus": "needsAction"},
    ]
    assert (made["status"], made["sequence"], made["eventType"]) == ("confirmed", 0, "default")
    assert made["organizer"] == made["creator"] == {"email": ANA, "self": True}
    assert made["etag"].startswith('"')
    assert made["created"] == made["updated"] == "2026-01-02T12:00:00.000Z"


def test_defaults_are_given_or_left_out_as_google_does(events: Any) -> None:
    made = insert(events, ten_o_clock(transparency="opaque", visibility="default", attendees=[]))
    assert made["reminders"] == {"useDefault": True}
    assert not {"transparency", "visibility", "attendees", "recurrence", "hangoutLink"} & made.keys()
    assert made["iCalUID"] == f"{made['id']}@google.com"


def test_times_are_told_in_the_zone_that_is_asked_for(provider: GoogleCalendar, events: Any) -> None:
    made = insert(events, timed("2026-07-01T09:00:00", "2026-07-01T10:00:00", zone="America/New_York"))
    assert made["start"] == {"dateTime": "2026-07-01T15:00:00+02:00", "timeZone": "America/New_York"}
    read = events.get(calendarId="primary", eventId=made["id"], timeZone="UTC").execute()
    assert read["start"] == {"dateTime": "2026-07-01T13:00:00Z", "timeZone": "America/New_York"}


def test_an_all_day_event_keeps_its_dates(events: Any) -> None:
    made = insert(events, all_day("2026-03-02", "2026-03-04"))
    assert (made["start"], made["end"]) == ({"date": "2026-03-02"}, {"date": "2026-03-04"})


REFUSED = [
    ({"start": {"dateTime": "2026-03-02T10:00:00Z"}}, "global", "required"),
    (timed("2026-03-02T11:00:00", "2026-03-02T10:00:00"), "calendar", "timeRangeEmpty"),
    (all_day("2026-03-02", "2026-03-02"), "calendar", "timeRangeEmpty"),
    (
        {"start": {"dateTime": "2026-03-02T10:00:00"}, "end": {"dateTime": "2026-03-02T11:00:00"}},
        "global",
        "required",
    ),
    ({"start": {"date": "2026-03-02"}, "end": {"dateTime": "2026-03-02T11:00:00Z"}}, "global", "invalid"),
    (
        {"start": {"date": "2026-03-02", "dateTime": "2026-03-02T10:00:00Z"}, "end": {"date": "2026-03-03"}},
        "global",
        "invalid",
    ),
    (timed("2026-03-02T10:00:00", "2026-03-02T11:00:00", zone="Mars/Base"), "global", "invalid"),
    (ten_o_clock(id="has-dashes"), "global", "invalid"),
    (ten_o_clock(id="abcd"), "global", "invalid"),
    (ten_o_clock(attendees=[{"email": "nobody"}]), "global", "invalid"),
    (ten_o_clock(recurrence=["RRULE:FREQ=SOMETIMES"]), "global", "invalid"),
    (ten_o_clock(recurrence=["DTSTART:20260302T100000Z"]), "global", "invalid"),
    (ten_o_clock(reminders={"useDefault": False, "overrides": [{"method": "popup", "minutes": 40321}]}), "global",
     "invalid"),
    (ten_o_clock(reminders={"useDefault": True, "overrides": [{"method": "popup", "minutes": 1}]}), "calendar",
     "cannotUseDefaultRemindersAndSpecifyOverride"),
    (ten_o_clock(eventType="fromGmail"), "calendar", "eventTypeRestriction"),
    (all_day("2026-03-02", "2026-03-03", eventType="outOfOffice"), "calendar", "eventTypeRestriction"),
    (all_day("2026-03-02", "2026-03-03", eventType="birthday"), "calendar", "eventTypeRestriction"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "domain", "reason"), REFUSED)
def test_what_is_no_event_is_refused(events: Any, body: dict[str, Any], domain: str, reason: str) -> None:
    with provoked():
        assert refusal(events.insert(calendarId="primary", body=body)) == (400, domain, reason)


def test_a_taken_id_is_refused_also_after_the_event_was_deleted(events: Any) -> None:
    insert(events, ten_o_clock(id="abcde"))
    assert refusal(events.insert(calendarId="primary", body=ten_o_clock(id="abcde"))) == (409, "global", "duplicate")
    events.delete(calendarId="primary", eventId="abcde").execute()
    assert refusal(events.insert(calendarId="primary", body=ten_o_clock(id="abcde"))) == (409, "global", "duplicate")


def test_an_id_is_taken_in_its_own_calendar_only(provider: GoogleCalendar, events: Any) -> None:
    other = provider.add_calendar(ANA, "Side")
    insert(events, ten_o_clock(id="abcde"))
    made = insert(events, ten_o_clock(id="abcde"), other)
    assert made["organizer"] == {"email": other, "self": True, "displayName": "Side"}


def test_a_collision_may_go_unnoticed(provider: GoogleCalendar, events: Any) -> None:
    insert(events, ten_o_clock(id="abcde"))
    provider.faults.add("collision")
    assert insert(events, ten_o_clock(id="abcde", summary="Other"))["id"] == "abcde"
    assert [e["summary"] for e in provider.events(ANA)] == ["Other"]
    provider.faults.add("collision", value="second")
    assert insert(events, ten_o_clock(id="abcde", summary="Third"))["id"] != "abcde"
    assert sorted(e["summary"] for e in provider.events(ANA)) == ["Other", "Third"]


TYPES = [
    ("outOfOffice", ten_o_clock(outOfOfficeProperties={"autoDeclineMode": "declineNone"}), {}),
    ("focusTime", ten_o_clock(focusTimeProperties={"chatStatus": "doNotDisturb"}), {}),
    (
        "workingLocation",
        all_day("2026-03-02", "2026-03-03", workingLocationProperties={"type": "homeOffice", "homeOffice": {}}),
        {"transparency": "transparent", "visibility": "public"},
    ),
    (
        "birthday",
        all_day("2026-03-02", "2026-03-03", recurrence=["RRULE:FREQ=YEARLY"]),
        {"transparency": "transparent", "visibility": "private", "birthdayProperties": {"type": "birthday"}},
    ),
]


@pytest.mark.parametrize(("kind", "body", "demanded"), TYPES)
def test_event_types_are_for_primary_calendars(
    provider: GoogleCalendar, events: Any, kind: str, body: dict[str, Any], demanded: dict[str, Any]
) -> None:
    made = insert(events, {**body, "eventType": kind})
    assert made["eventType"] == kind
    assert {k: made[k] for k in demanded} == demanded
    other = provider.add_calendar(ANA, "Side")
    request = events.insert(calendarId=other, body={**body, "eventType": kind})
    assert refusal(request) == (400, "calendar", "eventTypeRestriction")


# changing


def test_a_patch_merges_objects_replaces_lists_and_removes_what_is_null(events: Any) -> None:
    body = ten_o_clock(
        location="Room 5",
        attendees=[{"email": PAT}],
        extendedProperties={"private": {"a": "1", "b": "2"}},
    )
    made = insert(events, body)
    changed = events.patch(
        calendarId="primary",
        eventId=made["id"],
        body={
            "summary": "Moved",
            "location": None,
            "attendees": [{"email": BEN}],
            "extendedProperties": {"private": {"b": None, "c": "3"}},
        },
    ).execute()
    assert changed["summary"] == "Moved"
    assert "location" not in changed
    assert [a["email"] for a in changed["attendees"]] == [BEN]
    assert changed["extendedProperties"] == {"private": {"a": "1", "c": "3"}}
    assert changed["start"] == made["start"]
    assert changed["etag"] != made["etag"]


def test_an_update_replaces_everything_that_is_the_clients(events: Any) -> None:
    made = insert(events, ten_o_clock(location="Room 5", colorId="3", iCalUID="uid-2@booking"))
    changed = events.update(calendarId="primary", eventId=made["id"], body=ten_o_clock(summary="New")).execute()
    assert changed["summary"] == "New"
    assert not {"location", "colorId"} & changed.keys()
    assert [changed[k] for k in ("id", "iCalUID", "created", "organizer", "sequence")] == [
        made[k] for k in ("id", "iCalUID", "created", "organizer", "sequence")
    ]


def test_an_all_day_event_becomes_timed_only_when_its_date_is_taken_away(events: Any) -> None:
    made = insert(events, all_day("2026-03-02", "2026-03-03"))
    times = {name: {"dateTime": ten_o_clock()[name]["dateTime"] + "+01:00"} for name in ("start", "end")}
    request = events.patch(calendarId="primary", eventId=made["id"], body=times)
    assert refusal(request) == (400, "global", "invalid")
    cleared = {name: {**value, "date": None} for name, value in times.items()}
    changed = events.patch(calendarId="primary", eventId=made["id"], body=cleared).execute()
    assert changed["start"] == {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin"}


def test_the_sequence_grows_when_the_time_does_and_never_shrinks(events: Any, clock: SettableClock) -> None:
    made = insert(events, ten_o_clock())
    clock.advance(minutes=1)
    named = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Other"}).execute()
    moved = events.update(calendarId="primary", eventId=made["id"], body=ten_o_clock("2026-03-03")).execute()
    assert [e["sequence"] for e in (made, named, moved)] == [0, 0, 1]
    assert named["updated"] == "2026-01-02T12:01:00.000Z"
    request = events.patch(calendarId="primary", eventId=made["id"], body={"sequence": 0})
    assert refusal(request) == (400, "global", "invalid")


def test_reminders_change_the_etag_but_not_updated(events: Any, clock: SettableClock) -> None:
    made = insert(events, ten_o_clock())
    clock.advance(minutes=1)
    changed = events.patch(
        calendarId="primary", eventId=made["id"], body={"reminders": {"useDefault": False}}
    ).execute()
    assert changed["updated"] == made["updated"]
    assert changed["etag"] != made["etag"]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_write_on_an_older_state_is_refused(provider: GoogleCalendar, method: str) -> None:
    ask = Bare(provider)
    path = "/calendars/primary/events/abcde"
    old = ask("POST", "/calendars/primary/events", ten_o_clock(id="abcde")).json()["etag"]
    new = ask("PATCH", path, {"summary": "Other"}, If_Match=old).json()["etag"]
    body = ten_o_clock() if method != "DELETE" else None
    late = ask(method, path, body, If_Match=old)
    assert (late.status_code, late.json()["error"]["errors"][0]) == (
        412,
        {
            "domain": "global",
            "reason": "conditionNotMet",
            "message": "Precondition Failed",
            "locationType": "header",
            "location": "If-Match",
        },
    )
    provider.faults.add("stale-etag")
    assert ask(method, path, body, If_Match=new).status_code == 412
    assert ask(method, path, body, If_Match=new).status_code in (200, 204)


def test_who_does_not_organize_changes_only_what_is_their_own(provider: GoogleCalendar, events: Any) -> None:
    theirs = ten_o_clock(organizer={"email": PAT}, attendees=[{"email": PAT}, {"email": ANA}], id="invited")
    provider.put_event(ANA, "primary", theirs)
    request = events.patch(calendarId="primary", eventId="invited", body={"summary": "Mine now"})
    assert refusal(request) == (403, "calendar", "forbiddenForNonOrganizer")
    own = {
        "attendees": [{"email": PAT}, {"email": ANA, "responseStatus": "accepted"}],
        "colorId": "7",
        "transparency": "transparent",
        "extendedProperties": {"private": {"a": "1"}},
    }
    changed = events.patch(calendarId="primary", eventId="invited", body=own).execute()
    assert [a["responseStatus"] for a in changed["attendees"]] == ["needsAction", "accepted"]


# deleting


def test_a_deleted_event_is_gone_but_can_be_got_and_restored(provider: GoogleCalendar, events: Any) -> None:
    made = insert(events, ten_o_clock())
    events.delete(calendarId="primary", eventId=made["id"]).execute()
    assert refusal(events.delete(calendarId="primary", eventId=made["id"])) == (410, "global", "deleted")
    read = events.get(calendarId="primary", eventId=made["id"]).execute()
    assert (read["status"], read["summary"]) == ("cancelled", "Meeting")
    assert provider.events(ANA) == []
    patched = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Lost"}).execute()
    assert patched["status"] == "cancelled"
    restored = {**ten_o_clock(), "status": "confirmed"}
    assert events.update(calendarId="primary", eventId=made["id"], body=restored).execute()["status"] == "confirmed"
    assert len(provider.events(ANA)) == 1


def test_cancelling_by_status_deletes(provider: GoogleCalendar, events: Any) -> None:
    made = insert(events, ten_o_clock())
    events.patch(calendarId="primary", eventId=made["id"], body={"status": "cancelled"}).execute()
    assert provider.events(ANA) == []
    assert refusal(events.delete(calendarId="primary", eventId=made["id"])) == (410, "global", "deleted")


def test_what_was_never_there_is_not_found(events: Any) -> None:
    missing = [
        events.get(calendarId="primary", eventId="abcde"),
        events.delete(calendarId="primary", eventId="abcde"),
        events.patch(calendarId="primary", eventId="abcde", body={}),
        events.list(calendarId=BEN),
        events.insert(calendarId="c_no@group.calendar.google.com", body=ten_o_clock()),
    ]
    assert {refusal(request) for request in missing} == {(404, "global", "notFound")}


# access


def test_only_writers_write(provider: GoogleCalendar, events: Any) -> None:
    holidays = provider.add_calendar(ANA, "Holidays", special="holiday")
    shared = provider.add_calendar(BEN, "Team")
    provider.share(BEN, shared, ANA, "reader")
    for calendar in (holidays, shared):
        request = events.insert(calendarId=calendar, body=ten_o_clock())
        assert refusal(request) == (403, "calendar", "requiredAccessLevel")
    provider.set_entry(ANA, shared, role="writer")
    assert insert(events, ten_o_clock(), shared)["creator"] == {"email": ANA}


@pytest.mark.parametrize(
    ("role", "visibility", "seen"),
    [
        ("reader", "default", True),
        ("reader", "private", False),
        ("writer", "private", True),
        ("freeBusyReader", "public", False),
    ],
)
def test_details_are_shown_to_those_who_may_see_them(
    provider: GoogleCalendar, events: Any, role: str, visibility: str, seen: bool
) -> None:
    shared = provider.add_calendar(BEN, "Team")
    provider.share(BEN, shared, ANA, role)
    made = provider.put_event(BEN, shared, ten_o_clock(visibility=visibility, description="Secret"))
    read = events.get(calendarId=shared, eventId=made["id"]).execute()
    assert ("summary" in read, "description" in read) == (seen, seen)
    assert "start" in read


def test_more_attendees_than_asked_for_are_left_out(events: Any) -> None:
    made = insert(events, ten_o_clock(attendees=[{"email": ANA}, {"email": PAT}]))
    read = events.get(calendarId="primary", eventId=made["id"], maxAttendees=1).execute()
    assert ([a["email"] for a in read["attendees"]], read["attendeesOmitted"]) == ([ANA], True)


# mails


@pytest.mark.parametrize(("send", "told"), [(None, []), ("none", []), ("externalOnly", [PAT]), ("all", [BEN, PAT])])
def test_who_would_be_mailed_is_noted_for_each_write(
    provider: GoogleCalendar, events: Any, send: str | None, told: list[str]
) -> None:
    query = {"sendUpdates": send} if send else {}
    body = ten_o_clock(id="abcde", attendees=[{"email": ANA}, {"email": BEN}, {"email": PAT}])
    insert(events, body, **query)
    events.patch(calendarId="primary", eventId="abcde", body={"summary": "x"}, **query).execute()
    events.update(calendarId="primary", eventId="abcde", body=body, **query).execute()
    events.delete(calendarId="primary", eventId="abcde", **query).execute()
    assert [m["method"] for m in provider.mails] == ["insert", "patch", "update", "delete"]
    assert all(m["to"] == told and m["sendUpdates"] == (send or "none") for m in provider.mails)


# conferences

MEET = {"createRequest": {"requestId": "booking-1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}


def test_a_conference_is_made_for_clients_that_understand_them(events: Any) -> None:
    made = insert(events, ten_o_clock(conferenceData=MEET), conferenceDataVersion=1)
    data = made["conferenceData"]
    assert data["createRequest"]["status"] == {"statusCode": "success"}
    assert data["entryPoints"][0]["entryPointType"] == "video"
    assert data["entryPoints"][0]["uri"] == made["hangoutLink"]
    assert made["hangoutLink"] == f"https://meet.google.com/{data['conferenceId']}"
    assert "conferenceData" not in insert(events, ten_o_clock(conferenceData=MEET))


def test_a_conference_survives_clients_that_do_not_understand_it(events: Any) -> None:
    made = insert(events, ten_o_clock(conferenceData=MEET), conferenceDataVersion=1)
    kept = events.update(calendarId="primary", eventId=made["id"], body=ten_o_clock()).execute()
    assert kept["hangoutLink"] == made["hangoutLink"]
    same = events.patch(
        calendarId="primary", eventId=made["id"], body={"conferenceData": MEET}, conferenceDataVersion=1
    ).execute()
    assert same["conferenceData"] == made["conferenceData"]
    gone = events.update(
        calendarId="primary", eventId=made["id"], body=ten_o_clock(), conferenceDataVersion=1
    ).execute()
    assert not {"conferenceData", "hangoutLink"} & gone.keys()


def test_a_conference_may_come_later(provider: GoogleCalendar, events: Any) -> None:
    provider.faults.add("conference-pending")
    made = insert(events, ten_o_clock(conferenceData=MEET), conferenceDataVersion=1)
    assert made["conferenceData"]["createRequest"]["status"] == {"statusCode": "pending"}
    assert "hangoutLink" not in made
    assert provider.finish_conferences() == 1
    assert events.get(calendarId="primary", eventId=made["id"]).execute()["hangoutLink"]


# other ways to make events


def test_an_import_is_known_by_its_uid(provider: GoogleCalendar, events: Any) -> None:
    body = ten_o_clock(iCalUID="uid-3@elsewhere", organizer={"email": PAT, "displayName": "Pat"})
    first = events.import_(calendarId="primary", body=body).execute()
    second = events.import_(calendarId="primary", body={**body, "summary": "Again"}).execute()
    assert first["id"] == second["id"]
    assert first["organizer"] == {"email": PAT, "displayName": "Pat"}
    assert [e["summary"] for e in provider.events(ANA)] == ["Again"]
    with provoked():
        assert refusal(events.import_(calendarId="primary", body=ten_o_clock())) == (400, "global", "required")


def test_a_moved_event_is_cancelled_here_and_organized_there(provider: GoogleCalendar, events: Any) -> None:
    other = provider.add_calendar(ANA, "Side")
    made = insert(events, ten_o_clock())
    moved = events.move(calendarId="primary", eventId=made["id"], destination=other).execute()
    assert (moved["id"], moved["organizer"]["email"]) == (made["id"], other)
    assert provider.events(ANA) == []
    assert events.get(calendarId="primary", eventId=made["id"]).execute()["status"] == "cancelled"
    assert [e["id"] for e in provider.events(ANA, other)] == [made["id"]]


def test_attachments_are_for_clients_that_support_them(events: Any) -> None:
    files = [{"fileUrl": "https://drive.google.com/file/d/1", "title": "Notes"}]
    made = insert(events, ten_o_clock(attachments=files), supportsAttachments=True)
    assert made["attachments"] == files
    kept = events.update(calendarId="primary", eventId=made["id"], body=ten_o_clock()).execute()
    assert kept["attachments"] == files
    assert "attachments" not in insert(events, ten_o_clock(attachments=files))


# people


def test_people_change_answer_and_delete_outside_the_api(provider: GoogleCalendar, events: Any) -> None:
    made = insert(events, ten_o_clock(attendees=[{"email": ANA}, {"email": PAT}]))
    provider.respond(ANA, "primary", made["id"], PAT, "declined")
    provider.change_event(ANA, "primary", made["id"], summary="By hand")
    read = events.get(calendarId="primary", eventId=made["id"]).execute()
    assert read["summary"] == "By hand"
    assert read["attendees"][1]["responseStatus"] == "declined"
    provider.delete_event(ANA, "primary", made["id"])
    assert events.get(calendarId="primary", eventId=made["id"]).execute()["status"] == "cancelled"
    with pytest.raises(ValueError, match="no guest"):
        provider.respond(ANA, "primary", made["id"], BEN, "accepted")


MISTAKES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("add_user", (ANA,), {}, "already"),
    ("events", ("nobody@example.com",), {}, "no user"),
    ("events", (ANA, BEN), {}, "no calendar"),
    ("add_calendar", (ANA, "Side"), {"role": "king"}, "no role"),
    ("share", (ANA, "primary", BEN, "king"), {}, "no role"),
    ("respond", (ANA, "primary", "abcde", BEN, "perhaps"), {}, "no answer"),
]


@pytest.mark.parametrize(("action", "arguments", "named", "told"), MISTAKES)
def test_what_people_cannot_do_is_said(
    provider: GoogleCalendar, action: str, arguments: tuple[Any, ...], named: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        getattr(provider, action)(*arguments, **named)
