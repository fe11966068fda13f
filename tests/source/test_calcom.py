"""Every shape a booking comes in, field by field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from syncd.errors import InputError
from syncd.model.booking import BookingStatus, ChangeKind, DestinationRef, Recurrence
from syncd.model.calendar import Participant
from syncd.source.calcom import read_delivery
from syncd.source.fields import MAX_DEPTH, MAX_TEXT

from .deliveries import API_BOOKING, PAYLOAD, RECEIVED, TOLD, booking, change, envelope

TOLD_AT = datetime(2026, 1, 2, 8, tzinfo=UTC)
NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
ANNA = Participant(email="anna@example.com", name="Anna", zone="Europe/Berlin")


def refusal(body: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_delivery(body, RECEIVED)
    return caught.value


# shapes


def test_a_wrapped_webhook_is_read() -> None:
    read = change(envelope())
    assert (read.kind, read.uid, read.told_at, read.trigger) == (ChangeKind.STATE, "b1", TOLD_AT, "BOOKING_CREATED")
    told = booking(envelope())
    assert (told.revision, told.start, told.organizer, told.organizer_id) == (TOLD_AT, NINE, ANNA, 1)
    assert [(a.email, a.locale, a.told_at) for a in told.attendees] == [("guest@example.org", "en", TOLD_AT)]


def test_a_flat_webhook_tells_the_same() -> None:
    flat = {"triggerEvent": "BOOKING_CANCELLED"} | PAYLOAD
    wrapped = {"triggerEvent": "BOOKING_CANCELLED", "payload": PAYLOAD}
    assert change(flat) == change(wrapped)


def test_an_api_booking_is_read() -> None:
    read, told = change(API_BOOKING), booking(API_BOOKING)
    assert (read.kind, read.trigger, read.told_at) == (ChangeKind.STATE, "API", RECEIVED)
    assert (told.status, told.booking_id, told.organizer, told.organizer_id) == (BookingStatus.ACCEPTED, 7, ANNA, 1)
    assert [(a.locale, a.absent) for a in told.attendees] == [("en", True)]


def test_an_api_booking_names_the_fields_its_own_way() -> None:
    told = booking(
        API_BOOKING
        | {
            "icsUid": "x@cal",
            "rescheduledFromUid": "b0",
            "recurringBookingUid": "s1",
            "bookingFieldsResponses": {"budget": 5},
            "meetingUrl": "https://video.example.com/1",
            "location": "Room 1",
            "cancellationReason": "ill",
        }
    )
    assert (told.ical_uid, told.previous_uid, told.series) == ("x@cal", "b0", "s1")
    assert (told.answers, told.meeting_url, told.location) == ({"budget": 5}, "https://video.example.com/1", "Room 1")
    assert told.cancellation_reason == "ill"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"status": "pending"}, BookingStatus.PENDING),
        ({"status": "AWAITING_HOST"}, BookingStatus.PENDING),
        ({"status": "rejected"}, BookingStatus.REJECTED),
        ({"status": "cancelled"}, BookingStatus.CANCELLED),
        ({"status": "cancelled", "rescheduledToUid": "b2"}, BookingStatus.RESCHEDULED),
    ],
)
def test_an_api_booking_has_the_status_it_names(changed: dict[str, Any], status: BookingStatus) -> None:
    assert booking(API_BOOKING | changed).status is status


@pytest.mark.parametrize(
    ("times", "told_at"),
    [
        ({"createdAt": TOLD}, TOLD_AT),
        ({"createdAt": "2025-12-24T00:00:00Z", "updatedAt": TOLD}, TOLD_AT),
        ({"createdAt": None}, RECEIVED),
    ],
)
def test_an_api_booking_is_as_old_as_its_last_change(times: dict[str, Any], told_at: datetime) -> None:
    assert change(API_BOOKING | times).told_at == told_at


@pytest.mark.parametrize(
    ("trigger", "status", "read"),
    [
        ("BOOKING_CREATED", "ACCEPTED", BookingStatus.ACCEPTED),
        ("BOOKING_CREATED", "PENDING", BookingStatus.PENDING),
        ("BOOKING_CREATED", None, BookingStatus.ACCEPTED),
        ("BOOKING_RESCHEDULED", "pending", BookingStatus.PENDING),
        ("BOOKING_PAID", "unheard of", BookingStatus.ACCEPTED),
        ("BOOKING_REQUESTED", "ACCEPTED", BookingStatus.PENDING),
        ("BOOKING_REJECTED", "ACCEPTED", BookingStatus.REJECTED),
        ("BOOKING_CANCELLED", "ACCEPTED", BookingStatus.CANCELLED),
    ],
)
def test_a_webhooks_status_is_its_triggers_else_the_one_it_names(
    trigger: str, status: str | None, read: BookingStatus
) -> None:
    told = booking(envelope(trigger, status=status))
    assert told.status is read
    assert told.cancelled_at == (TOLD_AT if read is BookingStatus.CANCELLED else None)


def test_a_no_show_tells_absences_only() -> None:
    people = [{"email": "Guest@Example.org", "noShow": True}, {"email": "a@b", "noShow": False}]
    body = {"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "payload": {"bookingUid": "b1", "attendees": people}}
    read = change(body)
    assert (read.kind, read.uid, read.booking) == (ChangeKind.NO_SHOW, "b1", None)
    assert read.absences == {"guest@example.org": True, "a@b": False}


# times


@pytest.mark.parametrize(
    "start", ["2026-01-05T09:00:00Z", "2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00+01:00", "2026-01-05T09:00:00"]
)
def test_every_form_of_a_time_is_the_same_moment(start: str) -> None:
    assert booking(envelope(startTime=start)).start == NINE


def test_epoch_milliseconds_are_a_moment() -> None:
    milliseconds = int(NINE.timestamp()) * 1000
    assert booking(envelope(startTime=milliseconds)).start == NINE
    assert change(envelope() | {"createdAt": milliseconds}).told_at == NINE


@pytest.mark.parametrize("created", [{"createdAt": None}, {"createdAt": ""}, {}])
def test_without_created_at_a_delivery_is_as_old_as_its_arrival(created: dict[str, Any]) -> None:
    body = {"triggerEvent": "BOOKING_CREATED", "payload": PAYLOAD} | created
    assert change(body).told_at == booking(body).revision == RECEIVED


@pytest.mark.parametrize(("last", "end"), [("2026-01-07", 7), ("2026-01-06", 6), ("2026-01-05", 6)])
def test_dates_are_an_all_day_booking_of_at_least_a_day(last: str, end: int) -> None:
    told = booking(envelope(startTime="2026-01-05", endTime=last))
    assert (told.start_date, told.end_date) == (date(2026, 1, 5), date(2026, 1, end))
    assert (told.start, told.end) == (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, end, tzinfo=UTC))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-05T09:00:00Z", "2026-01-05T08:59:59Z"),
        ("2026-01-05", "2026-01-04"),
        ("9999-12-31", "9999-12-31"),
        ("0001-01-01T00:00:00+14:00", "2026-01-05T10:00:00Z"),
        (10**30, "2026-01-05T10:00:00Z"),
        (True, "2026-01-05T10:00:00Z"),
        (1.5, "2026-01-05T10:00:00Z"),
        ("tomorrow", "2026-01-05T10:00:00Z"),
        (None, None),
    ],
)
def test_times_that_cannot_be_are_refused(start: Any, end: Any) -> None:
    assert refusal(envelope(startTime=start, endTime=end)).code == "bad_fields"


# fields

WORK = {"integration": "caldav_calendar", "externalId": "work", "credentialId": 3, "userId": 1, "id": 9}
READ = DestinationRef(integration="caldav_calendar", external_id="work", connection_id=3, user_id=1)


@pytest.mark.parametrize(("sent", "read"), [(None, ()), ([], ()), (WORK, (READ,)), ([WORK, WORK], (READ, READ))])
def test_a_destination_is_null_an_object_or_a_list(sent: Any, read: tuple[DestinationRef, ...]) -> None:
    assert booking(envelope(destinationCalendar=sent)).destinations == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"freq": 0}, Recurrence(freq="YEARLY")),
        ({"freq": 1, "interval": 2}, Recurrence(freq="MONTHLY", interval=2)),
        ({"freq": 2, "count": 4, "until": TOLD}, Recurrence(freq="WEEKLY", count=4)),
        ({"freq": 3, "until": TOLD}, Recurrence(freq="DAILY", until=TOLD_AT)),
        ({"freq": "Weekly"}, Recurrence(freq="WEEKLY")),
    ],
)
def test_a_recurrence_is_numbered_or_named(sent: dict[str, Any], read: Recurrence) -> None:
    told = booking(envelope(recurringEvent=sent))
    assert (told.recurrence, told.subject) == (read, "b1")
    assert booking(envelope(recurringEvent=sent, recurringEventId="s1")).subject == "s1"


@pytest.mark.parametrize("sent", [{"freq": 4}, {"freq": "hourly"}, {"freq": 2, "interval": 0}, {"freq": -1}, {}])
def test_a_recurrence_no_calendar_can_hold_is_refused(sent: dict[str, Any]) -> None:
    assert refusal(envelope(recurringEvent=sent)).code == "bad_fields"


def test_seats_are_told_one_by_one() -> None:
    seated = booking(envelope(seatsPerTimeSlot=5, seatsShowAttendees=False))
    assert (seated.seated, seated.show_attendees) == (True, False)
    plain = booking(envelope(seatsPerTimeSlot=None, seatsShowAttendees=False))
    assert (plain.seated, plain.show_attendees) == (False, True)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Room 1", "Room 1"),
        ("integrations:daily", ""),
        ({"optionValue": "+49 30 1", "value": "phone"}, "+49 30 1"),
        ({"optionValue": "", "value": "integrations:daily"}, ""),
        (None, ""),
        (5, ""),
    ],
)
def test_a_location_is_a_place_not_a_product(sent: Any, read: str) -> None:
    assert booking(envelope(location=sent)).location == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"videoCallData": {"url": "https://a"}, "metadata": {"videoCallUrl": "https://b"}}, "https://a"),
        ({"videoCallData": {"url": "javascript:1"}, "metadata": {"videoCallUrl": "https://b"}}, "https://b"),
        ({"videoCallData": None, "metadata": [], "meetingUrl": "http://c"}, "http://c"),
        ({"meetingUrl": {"url": "https://d"}}, ""),
    ],
)
def test_the_first_real_address_is_the_meetings(sent: dict[str, Any], read: str) -> None:
    assert booking(envelope(**sent)).meeting_url == read


def test_answers_are_unwrapped_and_empty_ones_left_out() -> None:
    sent = {"a": {"label": "A", "value": "x"}, "b": {"value": []}, "c": {"label": "C"}, "d": ["y", 1, 2.5], "e": ""}
    assert booking(envelope(responses=sent)).answers == {"a": "x", "d": ["y", 1, 2.5]}
    assert booking(envelope(responses=[1])).answers == {}


@pytest.mark.parametrize("members", [None, "x", [{"email": "ben@example.com", "name": "Ben"}, "x"]])
def test_the_members_of_a_team_are_hosts(members: Any) -> None:
    hosts = booking(envelope(team={"members": members})).hosts
    assert hosts == ((Participant(email="ben@example.com", name="Ben"),) if isinstance(members, list) else ())


def test_the_first_host_organizes_what_nobody_else_does() -> None:
    two = [*API_BOOKING["hosts"], {"email": "ben@example.com"}]
    told = booking(API_BOOKING | {"hosts": two})
    assert (told.organizer, told.hosts) == (ANNA, (Participant(email="ben@example.com"),))
    nobody = booking(API_BOOKING | {"hosts": []})
    assert (nobody.organizer, nobody.organizer_id) == (None, None)


def test_what_calendars_must_not_show_is_said() -> None:
    hidden = booking(envelope(hideCalendarEventDetails=True, hideCalendarNotes=True, hideOrganizerEmail=True))
    assert (hidden.hide_details, hidden.hide_notes, hidden.hide_organizer) == (True, True, True)
    shown = booking(envelope(hideCalendarEventDetails=None))
    assert (shown.hide_details, shown.hide_notes, shown.hide_organizer) == (False, False, False)


def test_a_booking_does_not_replace_itself() -> None:
    assert booking(envelope(rescheduleUid="b1")).previous_uid == ""


def test_text_is_trimmed_and_nul_left_out() -> None:
    assert booking(envelope(title=" a\x00b ")).title == "ab"


# refusals


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "not_an_object"),
        ([envelope()], "not_an_object"),
        ("x", "not_an_object"),
        ({}, "unknown_shape"),
        ({"triggerEvent": None, "payload": PAYLOAD}, "unknown_shape"),
        ({"triggerEvent": "BOOKING_EXPLODED"}, "unknown_trigger"),
        ({"triggerEvent": ["BOOKING_CREATED"]}, "unknown_trigger"),
        ({"triggerEvent": "BOOKING_CREATED", "payload": None}, "bad_fields"),
        (envelope() | {"createdAt": "yesterday"}, "bad_fields"),
        (API_BOOKING | {"status": "unheard of"}, "bad_fields"),
        ({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "payload": {"bookingUid": "b1", "attendees": []}}, "bad_fields"),
        ({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "payload": {"bookingUid": "b1", "attendees": [5]}}, "bad_fields"),
    ],
)
def test_what_is_no_booking_is_refused_with_its_reason(body: Any, code: str) -> None:
    error = refusal(body)
    assert error.code == code
    assert str(error)


@pytest.mark.parametrize(
    "payload",
    [
        {"uid": ""},
        {"uid": "x" * 256},
        {"uid": 5},
        {"title": "x" * (MAX_TEXT + 1)},
        {"title": "\ud800"},
        {"location": "\udfff"},
        {"attendees": [{"email": "nobody"}]},
        {"attendees": [{"email": "a b@example.com"}]},
        {"attendees": [{"email": "a@example.com", "language": "\ud800"}]},
        {"attendees": "all"},
        {"organizer": {"name": "no address"}},
        {"team": {"members": [{"email": "@"}]}},
        {"responses": {"a": {"value": float("nan")}}},
        {"responses": {"\ud800": "x"}},
        {"responses": {"a": ["\ud800"]}},
        {"responses": {"a": {"value": {"\ud800": 1}}}},
    ],
)
def test_a_field_that_cannot_be_kept_is_refused(payload: dict[str, Any]) -> None:
    assert refusal(envelope(**payload)).code == "bad_fields"


@pytest.mark.parametrize(("depth", "accepted"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (900, False)])
def test_an_answer_is_nested_only_so_deep(depth: int, accepted: bool) -> None:
    answer: Any = "x"
    for _ in range(depth):
        answer = [answer]
    body = envelope(responses={"a": answer})
    assert booking(body).answers == {"a": answer} if accepted else refusal(body)


def test_every_field_that_is_wrong_is_named_without_its_value() -> None:
    error = refusal(envelope(title=5, attendees=[{"email": "canary"}], seatsPerTimeSlot="canary"))
    assert all(field in str(error) for field in ("title: ", "attendees.0.email: ", "seatsPerTimeSlot: "))
    assert "canary" not in str(error)


def test_of_very_many_wrong_fields_the_first_are_named_and_the_rest_counted() -> None:
    error = refusal(envelope(attendees=[{"email": "nobody"}] * 20))
    assert str(error).endswith("; and 12 more.")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"bookerUrl": "https://cal.example/"}, {"booker_url": "https://cal.example"}),
        ({"bookerUrl": "javascript:alert(1)"}, {"booker_url": ""}),
        ({"bookerUrl": 5}, {"booker_url": ""}),
        ({"tracking": {"utm_source": "news", "utm_term": "", "other": "x"}}, {"utm": {"source": "news"}}),
        ({"metadata": {"utm_medium": "mail"}}, {"utm": {"medium": "mail"}}),
        ({"tracking": [1], "metadata": {"utm_source": 5}}, {"utm": {}}),
        ({"routingFormResponses": {"budget": {"value": 1000}, "empty": {"value": ""}}}, {"form": {"budget": 1000}}),
        ({"assignmentReason": "the owner"}, {"assignment_reason": "the owner"}),
        ({"assignmentReason": [{"reasonEnum": "ROUTED"}]}, {"assignment_reason": "ROUTED"}),
        (
            {
                "assignmentReason": [
                    {"reasonString": "new", "createdAt": "2026-02-01"},
                    {"reasonString": "old", "createdAt": "2026-01-01"},
                ]
            },
            {"assignment_reason": "new"},
        ),
        ({"assignmentReason": {"x": 1}}, {"assignment_reason": ""}),
    ],
)
def test_what_came_with_the_booking_is_read(sent: dict[str, Any], told: dict[str, Any]) -> None:
    read = booking(envelope(**sent))
    assert {name: getattr(read, name) for name in told} == told
