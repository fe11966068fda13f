"""Bookings into a Google calendar: made once, patched, removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from google_calendar_given import google, google_sandbox, opened, tokens
from syncd_connectors.google_calendar import GOOGLE_CALENDAR, GoogleClient
from syncd_connectors.google_calendar.connector import GoogleConnector
from syncd_connectors.google_calendar.marks import event_id

from syncd.connector import CalendarRead
from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    RefreshError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.calendar import Conference, Event, Occurrence, Participant, Receipt
from syncd.model.clock import utc_now
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import KEY, OWNER, WINDOW, meeting, utc

EVENTS = "/calendar/v3/calendars/{calendarId}/events"
INSERT, LIST = f"POST {EVENTS}", f"GET {EVENTS}"
GET, PATCH, DELETE = (f"{method} {EVENTS}/{{eventId}}" for method in ("GET", "PATCH", "DELETE"))
UPDATE, BATCH = f"PUT {EVENTS}/{{eventId}}", "POST /batch/calendar/v3"
MEETING_ROOM = meeting(conference=Conference.GOOGLE_MEET)
ANOTHER = meeting(title="Moved", start=utc(2027, 3, 11, 9), end=utc(2027, 3, 11, 10), sequence=1)


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_sandbox() as running:
        yield running


@pytest.fixture
def connector(provider: GoogleCalendar) -> Iterator[GoogleConnector]:
    with google(provider) as running:
        yield running


def put(connector: GoogleConnector, event: Event, applied: Receipt | None = None, **more: Any) -> Receipt:
    return connector.put_event(OWNER, event, KEY, applied, **more)


def stored(provider: GoogleCalendar) -> dict[str, Any]:
    """The only event there is."""
    (event,) = [e for e in provider.events(OWNER, OWNER) if "recurringEventId" not in e]
    return event


# calls


def test_a_booking_created_moved_and_cancelled_takes_1_and_2_and_1_requests(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, meeting())
    assert provider.calls == {INSERT: 1}
    receipt = put(connector, ANOTHER, receipt)
    assert provider.calls == {INSERT: 1, GET: 1, PATCH: 1}
    connector.remove_event(OWNER, KEY, meeting().uid, receipt)
    assert provider.calls == {INSERT: 1, GET: 1, PATCH: 1, DELETE: 1}


def test_a_series_with_moved_occurrences_is_made_with_one_more_request(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, SERIES)
    assert provider.calls == {INSERT: 1, BATCH: 1, PATCH: 2}
    provider.calls.clear()
    assert put(connector, SERIES, receipt) == receipt
    assert provider.calls == {GET: 1, LIST: 1}


# the create


def test_the_event_has_the_keys_id_our_uid_and_our_mark(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    event = stored(provider)
    assert (event["id"], event["iCalUID"]) == (event_id(KEY), meeting().uid)
    assert event["extendedProperties"]["private"]["syncd"] == "1"
    assert receipt == Receipt(id=event_id(KEY), version=event["etag"], uid=meeting().uid)


def test_a_repeat_that_meets_its_own_event_becomes_an_update(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    first = put(connector, meeting())
    second = put(connector, ANOTHER)
    assert second.id == first.id
    assert stored(provider)["summary"] == "Moved"
    assert provider.calls == {INSERT: 2, GET: 1, PATCH: 1}


@pytest.mark.parametrize("second_event", [False, True])
def test_an_unnoticed_collision_after_an_unclear_answer_leaves_one_event(
    provider: GoogleCalendar, connector: GoogleConnector, second_event: bool
) -> None:
    provider.faults.add("lose", method="POST")
    with pytest.raises(UnclearError):
        put(connector, meeting())
    provider.change_event(OWNER, OWNER, event_id(KEY), colorId="11")
    provider.faults.add("collision", value="second" if second_event else None)
    put(connector, ANOTHER, unclear=True)
    assert (stored(provider)["colorId"], stored(provider)["summary"]) == ("11", "Moved")


def test_a_second_event_that_google_made_instead_of_saying_taken_is_removed(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    put(connector, meeting())
    provider.faults.add("collision", value="second")
    receipt = put(connector, ANOTHER)
    assert receipt.id == event_id(KEY)
    assert (stored(provider)["id"], stored(provider)["summary"]) == (event_id(KEY), "Moved")


def test_another_id_than_the_one_asked_for_is_taken_where_there_is_no_first(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "id": event_id(KEY)})
    provider.delete_event(OWNER, OWNER, event_id(KEY))
    provider.faults.add("collision", value="second")
    receipt = put(connector, meeting())
    assert receipt.id == stored(provider)["id"] != event_id(KEY)
    assert connector.find_event(OWNER, meeting().uid, receipt) == meeting()


OTHER_EVENT: dict[str, Any] = {
    "summary": "Somebody's own",
    "start": {"dateTime": "2027-03-20T09:00:00Z"},
    "end": {"dateTime": "2027-03-20T10:00:00Z"},
}


def test_an_id_that_is_anothers_is_left_alone(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "id": event_id(KEY)})
    receipt = put(connector, meeting())
    assert receipt.id == event_id(KEY, 1)
    assert {e["summary"] for e in provider.events(OWNER, OWNER)} == {"Somebody's own", "Intro call"}


def test_an_event_with_our_uid_under_another_id_is_taken_over(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    mailed = provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "iCalUID": meeting().uid})
    receipt = put(connector, meeting())
    assert receipt.id == stored(provider)["id"] == mailed["id"]
    moved_by_google = stored(provider)["sequence"]
    assert connector.find_event(OWNER, meeting().uid, receipt) == meeting(sequence=moved_by_google)


def test_of_several_events_with_our_uid_a_living_one_is_taken_over(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    for identity in ("aaaaa", "bbbbb", "ccccc"):
        provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "iCalUID": meeting().uid, "id": identity})
    for identity in ("aaaaa", "ccccc"):
        provider.delete_event(OWNER, OWNER, identity)
    assert put(connector, meeting()).id == "bbbbb"


def test_a_deleted_event_with_our_uid_is_brought_back(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "iCalUID": meeting().uid, "id": "aaaaa"})
    provider.delete_event(OWNER, OWNER, "aaaaa")
    taken = {"error": {"errors": [{"domain": "global", "reason": "duplicate", "message": ""}], "code": 409}}
    provider.faults.add("answer", method="POST", path="/events", status=409, body=taken)
    receipt = put(connector, meeting())
    assert receipt.id == "aaaaa"
    found = connector.find_event(OWNER, meeting().uid, receipt)
    assert found == meeting(sequence=stored(provider)["sequence"])


def test_an_invitation_with_our_uid_that_is_not_ours_to_change_is_a_clear_refusal(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    organizer = {"email": "boss@example.net"}
    provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "iCalUID": meeting().uid, "organizer": organizer})
    with pytest.raises(ForbiddenError) as error:
        put(connector, meeting())
    assert error.value.code == "not_organizer"
    assert "organizer" in error.value.remedy


def test_a_deleted_event_is_brought_back_with_its_id_as_new(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, replace(ANOTHER, attendees=(Participant(email="old@example.net"),)))
    provider.change_event(OWNER, OWNER, receipt.id, colorId="11")
    provider.delete_event(OWNER, OWNER, receipt.id)
    again = put(connector, ANOTHER)
    assert again.id == receipt.id
    assert "colorId" not in stored(provider)
    assert connector.find_event(OWNER, ANOTHER.uid, again) == replace(ANOTHER, sequence=stored(provider)["sequence"])


@pytest.mark.parametrize("status", [403, 404, 400])
def test_a_deleted_event_that_is_not_given_back_costs_the_key_its_next_id(
    provider: GoogleCalendar, connector: GoogleConnector, status: int
) -> None:
    receipt = put(connector, meeting())
    provider.delete_event(OWNER, OWNER, receipt.id)
    provider.faults.add("answer", method="PUT", status=status, body={"error": {"code": status}})
    again = put(connector, meeting())
    assert again.id == event_id(KEY, 1)
    assert connector.find_event(OWNER, meeting().uid, again) == meeting()


def test_a_key_whose_ids_are_all_taken_is_refused(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    for number in range(4):
        provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "id": event_id(KEY, number)})
    with pytest.raises(RefusedError) as error:
        put(connector, meeting())
    assert error.value.code == "uid_conflict"


def test_a_uid_that_google_has_and_does_not_show_is_refused(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    taken = {"error": {"errors": [{"domain": "global", "reason": "duplicate", "message": ""}], "code": 409}}
    provider.faults.add("answer", method="POST", path="/events", status=409, body=taken)
    with pytest.raises(RefusedError) as error:
        put(connector, meeting())
    assert error.value.code == "uid_conflict"


# updates


def test_an_update_is_a_patch_under_the_etag_that_was_read(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, meeting())
    seen: list[tuple[str | None, Any]] = []
    given = provider.answer

    def watched(request: Any) -> Any:
        if request.method == "PATCH":
            seen.append((request.headers.get("if-match"), request.json))
        return given(request)

    provider.answer = watched  # type: ignore[method-assign]
    put(connector, meeting(title="Other"), receipt)
    assert seen == [(receipt.version, {"summary": "Other"})]


def test_what_changed_between_read_and_write_is_read_again(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, meeting())
    provider.faults.add("stale-etag")
    put(connector, ANOTHER, receipt)
    assert stored(provider)["summary"] == "Moved"
    provider.faults.add("stale-etag", times=2)
    with pytest.raises(ConflictError):
        put(connector, meeting(sequence=2), receipt)


def test_an_event_deleted_between_read_and_write_is_gone(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    given, patches = provider.answer, 0

    def late(request: Any) -> Any:
        nonlocal patches
        if request.method == "PATCH":
            patches += 1
            provider.delete_event(OWNER, OWNER, receipt.id)
        return given(request)

    provider.answer = late  # type: ignore[method-assign]
    with pytest.raises(NotFoundError) as error:
        put(connector, ANOTHER, receipt)
    assert (error.value.code, patches) == ("event_gone", 1)


def test_an_event_that_a_person_deleted_is_told_with_what_to_do(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, meeting())
    provider.delete_event(OWNER, OWNER, receipt.id)
    with pytest.raises(NotFoundError) as error:
        put(connector, ANOTHER, receipt)
    assert error.value.code == "event_gone"
    assert "syncd bookings retry" in error.value.remedy


def test_an_event_that_is_known_by_another_id_by_now_is_found_by_uid(connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    wrong = replace(receipt, id=event_id("of another"))
    assert put(connector, ANOTHER, wrong).id == receipt.id
    assert connector.find_event(OWNER, ANOTHER.uid, wrong) == ANOTHER
    with pytest.raises(NotFoundError) as error:
        put(connector, meeting("other@x"), wrong)
    assert error.value.code == "event_gone"


def test_a_missing_calendar_is_told_from_a_missing_event(connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    with pytest.raises(NotFoundError) as error:
        connector.put_event("c_missing@group.calendar.google.com", meeting(), KEY, receipt)
    assert error.value.code == "not_found"


def test_changing_an_event_whose_organizer_is_another_is_a_clear_refusal(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, meeting())
    provider.faults.add("non-organizer")
    with pytest.raises(ForbiddenError) as error:
        put(connector, ANOTHER, receipt)
    assert error.value.code == "not_organizer"


def test_an_event_becomes_all_day_and_back(connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    days = meeting(start_date=date(2027, 3, 10), end_date=date(2027, 3, 12), sequence=1)
    receipt = put(connector, days, receipt)
    found = connector.find_event(OWNER, days.uid, receipt)
    assert found is not None
    assert (found.start_date, found.end_date) == (days.start_date, days.end_date)
    receipt = put(connector, meeting(sequence=2), receipt)
    assert connector.find_event(OWNER, days.uid, receipt) == meeting(sequence=2)


def test_a_guests_answer_survives_a_reschedule(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    provider.respond(OWNER, OWNER, receipt.id, "guest@example.net", "accepted")
    put(connector, ANOTHER, receipt)
    answers = {a["email"]: a["responseStatus"] for a in stored(provider)["attendees"]}
    assert answers == {OWNER: "accepted", "guest@example.net": "accepted"}


# settings


@pytest.mark.parametrize("send_updates", ["none", "externalOnly", "all"])
def test_guests_get_mail_from_google_as_the_settings_say(provider: GoogleCalendar, send_updates: str) -> None:
    with google(provider, settings={"send_updates": send_updates}) as connector:
        receipt = put(connector, SERIES)
        receipt = put(connector, replace(ANOTHER, rrule=SERIES.rrule), receipt)
        connector.remove_event(OWNER, KEY, meeting().uid, receipt)
        put(connector, meeting())
    assert {mail["sendUpdates"] for mail in provider.mails} == {send_updates}
    assert {mail["method"] for mail in provider.mails} == {"insert", "patch", "delete", "update"}


def test_nobody_gets_mail_unless_it_is_asked_for(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    put(connector, meeting())
    assert [mail["to"] for mail in provider.mails] == [[]]


@pytest.mark.parametrize("rsvp", ["needsAction", "accepted"])
def test_new_guests_have_answered_as_the_settings_say(provider: GoogleCalendar, rsvp: str) -> None:
    with google(provider, settings={"rsvp": rsvp}) as connector:
        put(connector, meeting())
    assert stored(provider)["attendees"][1]["responseStatus"] == rsvp


# rooms


def test_a_room_is_made_when_it_is_asked_for_and_kept_on_updates(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, MEETING_ROOM)
    link = stored(provider)["hangoutLink"]
    assert (receipt.meeting_url, receipt.dropped) == (link, ())
    assert connector.find_event(OWNER, MEETING_ROOM.uid, receipt) == MEETING_ROOM
    moved = put(connector, replace(ANOTHER, conference=Conference.GOOGLE_MEET), receipt)
    told = put(connector, replace(ANOTHER, location=link, sequence=2), moved)
    assert [r.meeting_url for r in (moved, told)] == [link, link]
    assert stored(provider)["hangoutLink"] == link


def test_a_room_is_added_to_an_event_that_has_none(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    assert receipt.meeting_url == ""
    receipt = put(connector, MEETING_ROOM, receipt)
    assert receipt.meeting_url == stored(provider)["hangoutLink"]


def test_a_room_that_is_not_ready_is_looked_for_again_and_not_asked_for_twice(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    provider.faults.add("conference-pending")
    for unclear in (False, True):
        with pytest.raises(UnclearError) as error:
            put(connector, MEETING_ROOM, unclear=unclear)
        assert error.value.code == "conference_pending"
    assert provider.finish_conferences() == 1
    receipt = put(connector, MEETING_ROOM, unclear=True)
    assert receipt.meeting_url == stored(provider)["hangoutLink"]
    assert provider.calls[INSERT] == 1
    assert provider.calls[PATCH] == 0


def test_a_calendar_that_takes_no_rooms_gets_the_event_without(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    refused = {"error": {"errors": [{"domain": "global", "reason": "invalid", "message": ""}], "code": 400}}
    provider.faults.add("answer", method="POST", path="/events", status=400, body=refused)
    receipt = put(connector, MEETING_ROOM)
    assert receipt.dropped == ("conference",)
    provider.faults.add("answer", method="PATCH", status=400, body=refused)
    receipt = put(connector, replace(ANOTHER, conference=Conference.GOOGLE_MEET), receipt)
    assert receipt.dropped == ("conference",)
    assert stored(provider)["summary"] == "Moved"


def test_content_that_is_refused_for_another_reason_stays_refused(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    refused = {"error": {"errors": [{"domain": "global", "reason": "invalid", "message": ""}], "code": 400}}
    provider.faults.add("answer", method="POST", path="/events", status=400, body=refused, times=2)
    with pytest.raises(RefusedError):
        put(connector, MEETING_ROOM)
    assert provider.events(OWNER, OWNER) == []


def test_teams_rooms_are_not_googles(connector: GoogleConnector) -> None:
    assert put(connector, meeting(conference=Conference.TEAMS)).dropped == ("conference",)


# series

FOUR = [utc(2027, 3, 24, 9), utc(2027, 3, 31, 8), utc(2027, 4, 7, 8), utc(2027, 4, 14, 8)]


def at(original: int, day: int) -> Occurrence:
    start = utc(2027, 4, day, 12)
    return Occurrence(original=FOUR[original], start=start, end=start + timedelta(hours=1))


SERIES = meeting(
    start=FOUR[0],
    end=utc(2027, 3, 24, 10),
    rrule="FREQ=WEEKLY;COUNT=4",
    occurrences=(at(1, 1), at(2, 8)),
)


def busy(connector: GoogleConnector) -> list[Any]:
    told = connector.busy_times([CalendarRead(id=OWNER)], WINDOW)[OWNER]
    assert isinstance(told, list), told
    return [time.start for time in told]


STAGES = {
    "moved elsewhere": (at(1, 2), at(2, 8)),
    "back": (at(2, 8),),
    "cancelled": (Occurrence(original=FOUR[1]), at(2, 8)),
    "all cancelled": tuple(Occurrence(original=original) for original in FOUR[1:]),
    "as the rule says": (),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("before", STAGES)
def test_occurrences_become_what_is_wanted_from_whatever_they_were(
    connector: GoogleConnector, stage: str, before: str
) -> None:
    receipt = put(connector, SERIES)
    receipt = put(connector, replace(SERIES, occurrences=STAGES[before], sequence=1), receipt)
    wanted = replace(SERIES, occurrences=STAGES[stage], sequence=2)
    receipt = put(connector, wanted, receipt)
    assert receipt.dropped == ()
    assert connector.find_event(OWNER, SERIES.uid, receipt) == wanted
    by_original = {o.original: o.start for o in wanted.occurrences}
    assert busy(connector) == sorted(t for o in FOUR if (t := by_original.get(o, o)) is not None)


@pytest.mark.parametrize("step", ["revive", "clear the mark"])
def test_an_occurrence_is_brought_back_though_the_write_broke_off(
    provider: GoogleCalendar, connector: GoogleConnector, step: str
) -> None:
    receipt = put(connector, SERIES)
    receipt = put(connector, replace(SERIES, occurrences=(Occurrence(original=FOUR[1]), at(2, 8)), sequence=1), receipt)
    wanted = replace(SERIES, occurrences=(at(2, 8),), sequence=2)
    provider.faults.add("backend-error", method="PATCH", skip=1 if step == "revive" else 3)
    with pytest.raises(UnclearError):
        put(connector, wanted, receipt)
    receipt = put(connector, wanted, receipt)
    assert busy(connector) == [FOUR[0], FOUR[1], utc(2027, 4, 8, 12), FOUR[3]]
    assert connector.find_event(OWNER, SERIES.uid, receipt) == wanted
    provider.calls.clear()
    assert put(connector, wanted, receipt) == receipt
    assert provider.calls == {GET: 1, LIST: 1}


def test_an_occurrence_that_was_brought_back_is_a_persons_to_delete(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, SERIES)
    receipt = put(connector, replace(SERIES, occurrences=(Occurrence(original=FOUR[1]),), sequence=1), receipt)
    receipt = put(connector, replace(SERIES, occurrences=(), sequence=2), receipt)
    provider.delete_event(OWNER, OWNER, f"{receipt.id}_{FOUR[1]:%Y%m%dT%H%M%SZ}")
    put(connector, replace(SERIES, title="Renamed", occurrences=(), sequence=3), receipt)
    assert busy(connector) == [FOUR[0], FOUR[2], FOUR[3]]


def test_a_series_that_moves_takes_no_old_occurrence_along(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    receipt = put(connector, replace(SERIES, occurrences=(at(1, 1), Occurrence(original=FOUR[2]))))
    later = [start + timedelta(hours=3) for start in FOUR]
    moved = replace(SERIES, start=later[0], end=later[0] + timedelta(hours=1), occurrences=(), sequence=1)
    receipt = put(connector, moved, receipt)
    assert busy(connector) == later
    assert receipt.dropped == ()


def test_a_series_that_gets_longer_keeps_its_moved_occurrences(connector: GoogleConnector) -> None:
    receipt = put(connector, SERIES)
    longer = replace(SERIES, rrule="FREQ=WEEKLY;COUNT=5", occurrences=(at(2, 8),), sequence=1)
    receipt = put(connector, longer, receipt)
    assert busy(connector) == [FOUR[0], FOUR[1], utc(2027, 4, 8, 12), FOUR[3], utc(2027, 4, 21, 8)]
    assert connector.find_event(OWNER, SERIES.uid, receipt) == longer


def test_what_a_person_did_to_occurrences_survives(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, replace(SERIES, occurrences=()))
    names = [f"{receipt.id}_{start:%Y%m%dT%H%M%SZ}" for start in FOUR]
    by_hand = {"dateTime": "2027-04-10T06:00:00Z"}, {"dateTime": "2027-04-10T07:00:00Z"}
    provider.change_event(OWNER, OWNER, names[1], start=by_hand[0], end=by_hand[1])
    provider.delete_event(OWNER, OWNER, names[2])
    receipt = put(connector, replace(SERIES, title="Renamed", occurrences=(at(3, 20),), sequence=1), receipt)
    assert busy(connector) == [FOUR[0], utc(2027, 4, 10, 6), utc(2027, 4, 20, 12)]
    found = connector.find_event(OWNER, SERIES.uid, receipt)
    assert found is not None
    assert found.occurrences == (at(3, 20),)


def test_fields_of_the_series_reach_its_moved_occurrences(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, SERIES)
    put(connector, replace(SERIES, title="Renamed", sequence=1), receipt)
    assert {e["summary"] for e in provider.events(OWNER, OWNER)} == {"Renamed"}


def test_a_series_becomes_a_plain_event(connector: GoogleConnector) -> None:
    receipt = put(connector, SERIES)
    plain = replace(SERIES, rrule="", occurrences=(), sequence=1)
    receipt = put(connector, plain, receipt)
    assert busy(connector) == [FOUR[0]]
    assert connector.find_event(OWNER, SERIES.uid, receipt) == plain


def test_an_occurrence_that_the_rule_does_not_have_is_dropped(connector: GoogleConnector) -> None:
    nowhere = Occurrence(original=utc(2027, 3, 25, 9), start=utc(2027, 3, 26, 9), end=utc(2027, 3, 26, 10))
    receipt = put(connector, replace(SERIES, occurrences=(nowhere, at(1, 1))))
    assert receipt.dropped == ("occurrences",)
    assert busy(connector) == [FOUR[0], utc(2027, 4, 1, 12), FOUR[2], FOUR[3]]


@pytest.mark.parametrize("fault", ["backend-error", "user-rate", "non-organizer", "lose"])
def test_a_series_that_was_made_without_its_occurrences_is_unclear_and_finished_later(
    provider: GoogleCalendar, connector: GoogleConnector, fault: str
) -> None:
    provider.faults.add(fault, method="POST" if fault == "lose" else "PATCH", path="batch" if fault == "lose" else "")
    with pytest.raises(UnclearError):
        put(connector, SERIES)
    with google(provider) as other:  # whose gate is open
        receipt = put(other, SERIES, unclear=True)
        assert other.find_event(OWNER, SERIES.uid, receipt) == SERIES
    assert provider.calls[INSERT] == 1


def test_a_token_that_ends_while_a_series_is_made_is_refreshed_and_the_rest_is_done(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    provider.faults.add("unauthorized", method="PATCH")
    with pytest.raises(RefreshError):
        put(connector, SERIES)
    receipt = put(connector, SERIES)
    assert connector.find_event(OWNER, SERIES.uid, receipt) == SERIES


def test_more_occurrences_than_a_batch_holds_are_all_moved(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    days = [utc(2027, 3, 2, 9) + timedelta(days=n) for n in range(58)]
    moved = tuple(Occurrence(original=d, start=d - timedelta(hours=1), end=d) for d in days[1:])
    series = meeting(start=days[0], end=utc(2027, 3, 2, 10), zone="UTC", rrule="FREQ=DAILY;COUNT=58", occurrences=moved)
    receipt = put(connector, series)
    assert provider.calls == {INSERT: 1, BATCH: 2, PATCH: 57}
    assert connector.find_event(OWNER, series.uid, receipt) == series


# removal


def test_what_is_not_there_is_removed(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    provider.delete_event(OWNER, OWNER, receipt.id)
    connector.remove_event(OWNER, KEY, meeting().uid, receipt)
    connector.remove_event(OWNER, KEY, meeting().uid, replace(receipt, id=event_id("never made")))
    connector.remove_event("c_missing@group.calendar.google.com", KEY, meeting().uid, receipt)
    connector.remove_event("c_missing@group.calendar.google.com", KEY, meeting().uid, None)


def test_without_a_receipt_every_event_of_ours_with_the_uid_is_removed_and_no_other(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    put(connector, meeting())
    twin = {**stored(provider), "id": "madebyaretry"}
    provider.put_event(OWNER, OWNER, twin)
    provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "iCalUID": meeting().uid, "id": "mailedinvitation"})
    connector.remove_event(OWNER, KEY, meeting().uid, None)
    assert [e["id"] for e in provider.events(OWNER, OWNER)] == ["mailedinvitation"]


def test_a_removal_that_is_refused_is_an_error(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    receipt = put(connector, meeting())
    provider.faults.add("scope")
    with pytest.raises(ForbiddenError):
        connector.remove_event(OWNER, KEY, meeting().uid, receipt)


def test_only_events_of_ours_are_found_by_uid(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.put_event(OWNER, OWNER, {**OTHER_EVENT, "iCalUID": meeting().uid})
    assert connector.find_event(OWNER, meeting().uid, None) is None


# limits


def test_the_use_limit_puts_the_write_off_for_long_and_does_not_stop_reading(
    provider: GoogleCalendar, connector: GoogleConnector
) -> None:
    provider.faults.add("usage-limit", method="POST", path="/events")
    with pytest.raises(WaitUntilError) as error:
        put(connector, meeting())
    assert error.value.code == "usage_limit"
    assert error.value.retry_at - utc_now() > timedelta(minutes=59)
    assert busy(connector) == []


@pytest.mark.parametrize("occurrences", [(at(1, 1),), SERIES.occurrences])
def test_the_use_limit_is_the_same_for_one_call_and_in_a_batch(
    provider: GoogleCalendar, connector: GoogleConnector, occurrences: tuple[Occurrence, ...]
) -> None:
    receipt = put(connector, replace(SERIES, occurrences=()))
    provider.faults.add("usage-limit", method="PATCH", path="_2027")
    with pytest.raises(WaitUntilError) as error:
        put(connector, replace(SERIES, occurrences=occurrences), receipt)
    assert error.value.code == "usage_limit"


@pytest.mark.parametrize("fault", ["user-rate", "project-rate", "too-many"])
def test_a_rate_limit_closes_the_gate_for_all_calls(provider: GoogleCalendar, fault: str) -> None:
    with google(provider, max_wait_s=0) as connector:
        provider.faults.add(fault, value=None)
        for _ in range(2):
            with pytest.raises(WaitUntilError) as error:
                put(connector, meeting())
        assert not error.value.told or error.value.retry_at
    assert provider.total() == 1


def test_a_told_wait_is_kept(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.faults.add("too-many", value=120)
    with pytest.raises(WaitUntilError) as error:
        put(connector, meeting())
    assert error.value.told
    assert timedelta(seconds=110) < error.value.retry_at - utc_now() <= timedelta(seconds=120)


@pytest.mark.parametrize(("fault", "error"), [("lose", UnclearError), ("cut", UnclearError), ("garble", UnclearError)])
def test_a_write_whose_answer_is_lost_is_unclear_and_not_repeated(
    provider: GoogleCalendar, connector: GoogleConnector, fault: str, error: type[ProviderError]
) -> None:
    provider.faults.add(fault, method="POST")
    with pytest.raises(error):
        put(connector, meeting())
    assert provider.total("POST") <= 1


def test_nothing_was_sent_where_nobody_listens(provider: GoogleCalendar) -> None:
    nowhere = replace(opened(provider, tokens(provider)), client=GoogleClient(api_url="http://127.0.0.1:9"))
    with closing(GOOGLE_CALENDAR.open(nowhere)) as connector, pytest.raises(RetryError) as error:
        connector.put_event(OWNER, meeting(), KEY, None)  # type: ignore[attr-defined]
    assert error.value.code == "unreachable"
