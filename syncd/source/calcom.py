"""Cal.com's bookings on the wire: webhook deliveries and API v2 bookings.

Three shapes say the same things:

- the webhook envelope `{triggerEvent, createdAt, payload}`;
- the flat webhook of MEETING_STARTED and MEETING_ENDED, booking columns beside `triggerEvent`;
- a booking of API v2 (`GET /v2/bookings`, 2024-08-13), recognised by `uid` and `start` without `triggerEvent`.

Sources: the product documentation, page "Webhooks"; what the pages leave open is stated at the field.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from syncd.errors import InputError
from syncd.model.booking import (
    Attendee,
    Booking,
    BookingChange,
    BookingStatus,
    ChangeKind,
    DestinationRef,
    Recurrence,
)
from syncd.model.calendar import Conference, Participant

from .fields import (
    Email,
    Listed,
    Mapping,
    Moment,
    Text,
    read_address,
    read_answer,
    read_email,
    read_moment,
    read_reason,
    read_text,
)

TRIGGERS: dict[str, ChangeKind | None] = {
    "BOOKING_CREATED": ChangeKind.STATE,
    "BOOKING_RESCHEDULED": ChangeKind.STATE,
    "BOOKING_REQUESTED": ChangeKind.STATE,
    "BOOKING_PAID": ChangeKind.STATE,
    "BOOKING_REJECTED": ChangeKind.REJECTED,
    "BOOKING_CANCELLED": ChangeKind.CANCELLED,
    "BOOKING_NO_SHOW_UPDATED": ChangeKind.NO_SHOW,
    "BOOKING_PAYMENT_INITIATED": None,
    "MEETING_STARTED": None,
    "MEETING_ENDED": None,
    "RECORDING_READY": None,
    "RECORDING_TRANSCRIPTION_GENERATED": None,
    "INSTANT_MEETING": None,
    "INSTANT_MEETING_ACCEPTED": None,
    "OOO_CREATED": None,
    "FORM_SUBMITTED": None,
    "FORM_SUBMITTED_NO_EVENT": None,
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW": None,
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW": None,
    "DELEGATION_CREDENTIAL_ERROR": None,
    "WRONG_ASSIGNMENT_REPORT": None,
}
"""Every trigger of the documentation -> what it changes here; None: it concerns nothing syncd keeps."""

STATUSES = {
    "ACCEPTED": BookingStatus.ACCEPTED,
    "PENDING": BookingStatus.PENDING,
    "AWAITING_HOST": BookingStatus.PENDING,
    "REJECTED": BookingStatus.REJECTED,
    "CANCELLED": BookingStatus.CANCELLED,
}
TRIGGER_STATUS = {
    "BOOKING_REQUESTED": BookingStatus.PENDING,
    "BOOKING_REJECTED": BookingStatus.REJECTED,
    "BOOKING_CANCELLED": BookingStatus.CANCELLED,
}
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")
"""rrule.js numbers its frequencies in this order, and Cal.com stores the number."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class WirePerson(_Wire):
    """An organizer, host or attendee."""

    email: Email
    name: Text = ""
    id: int | None = None
    time_zone: Text = Field("", alias="timeZone")
    phone: Text = Field("", alias="phoneNumber")
    language: Any = None
    absent: bool = False

    @property
    def locale(self) -> str:
        """The language as a tag; Cal.com sends `{locale}`, API v2 a plain tag."""
        value = self.language.get("locale") if isinstance(self.language, dict) else self.language
        return read_text(value) if isinstance(value, str) else ""

    def participant(self) -> Participant:
        """This person as a participant of a meeting."""
        return Participant(email=self.email, name=self.name, zone=self.time_zone, phone=self.phone, locale=self.locale)

    def attendee(self, told_at: datetime) -> Attendee:
        """This person as an attendee told at `told_at`."""
        return Attendee(
            email=self.email,
            name=self.name,
            zone=self.time_zone,
            phone=self.phone,
            locale=self.locale,
            told_at=told_at,
            absent=self.absent,
        )


class WireDestination(_Wire):
    """An entry of destinationCalendar."""

    integration: Text
    external_id: Text = Field(alias="externalId")
    credential_id: int | None = Field(None, alias="credentialId")
    user_id: int | None = Field(None, alias="userId")


class WireRecurrence(_Wire):
    """recurringEvent: `freq` as rrule.js's number or a name."""

    freq: int | str
    interval: int = Field(1, ge=1, le=999)
    count: int | None = Field(None, ge=1, le=999)
    until: Moment | None = None

    def rule(self) -> Recurrence:
        """The rule in RFC 5545 words. Raises ValueError for a frequency that is none of them."""
        name = FREQUENCIES[self.freq] if isinstance(self.freq, int) and 0 <= self.freq < 4 else str(self.freq).upper()
        if name not in FREQUENCIES:
            raise ValueError(f"unknown frequency {name[:40]!r}")
        return Recurrence(
            freq=name, interval=self.interval, count=self.count, until=self.until if not self.count else None
        )


class WireBooking(_Wire):
    """A booking in any of the shapes; the aliases name where each shape keeps a field."""

    uid: Text = Field(min_length=1, max_length=255)
    start: Any = Field(validation_alias=AliasChoices("startTime", "start"))
    end: Any = Field(validation_alias=AliasChoices("endTime", "end"))
    title: Text = ""
    status: Text = ""
    organizer: WirePerson | None = None
    hosts: list[WirePerson] = []
    attendees: list[WirePerson] = []
    team: Mapping = {}
    type: Text = ""
    event_type_id: int | None = Field(None, alias="eventTypeId")
    description: Text = ""
    notes: Text = Field("", alias="additionalNotes")
    location: Any = None
    meeting_url: Any = Field(None, alias="meetingUrl")
    video: Mapping = Field({}, alias="videoCallData")
    metadata: Mapping = {}
    responses: Mapping = Field({}, validation_alias=AliasChoices("responses", "bookingFieldsResponses"))
    form: Mapping = Field({}, validation_alias=AliasChoices("routingFormResponses", "routingFormResponse"))
    tracking: Mapping = {}
    assignment_reason: Any = Field(None, alias="assignmentReason")
    booker_url: Any = Field(None, alias="bookerUrl")
    destinations: Annotated[list[WireDestination], Listed] = Field([], alias="destinationCalendar")
    ical_uid: Text = Field("", validation_alias=AliasChoices("iCalUID", "icsUid"))
    sequence: int | None = Field(None, alias="iCalSequence")
    booking_id: int | None = Field(None, validation_alias=AliasChoices("bookingId", "id"))
    previous_uid: Text = Field("", validation_alias=AliasChoices("rescheduleUid", "rescheduledFromUid"))
    replaced_by: Text = Field("", alias="rescheduledToUid")
    recurrence: WireRecurrence | None = Field(None, alias="recurringEvent")
    series: Text = Field("", validation_alias=AliasChoices("recurringBookingUid", "recurringEventId"))
    reschedule_start: Moment | None = Field(None, alias="rescheduleStartTime")
    seats: int | None = Field(None, alias="seatsPerTimeSlot")
    show_attendees: bool | None = Field(None, alias="seatsShowAttendees")
    hide_details: bool | None = Field(None, alias="hideCalendarEventDetails")
    hide_notes: bool | None = Field(None, alias="hideCalendarNotes")
    hide_organizer: bool | None = Field(None, alias="hideOrganizerEmail")
    cancellation_reason: Text = Field("", validation_alias=AliasChoices("cancellationReason", "rejectionReason"))
    created_at: Moment | None = Field(None, alias="createdAt")
    updated_at: Moment | None = Field(None, alias="updatedAt")


class WireNoShow(_Wire):
    """The payload of BOOKING_NO_SHOW_UPDATED."""

    uid: Text = Field(alias="bookingUid", min_length=1, max_length=255)
    attendees: list[Mapping] = Field(min_length=1)


def read_delivery(body: Any, received_at: datetime) -> BookingChange | None:
    """Read one webhook delivery or API v2 booking, already decoded from JSON.

    Returns None when its trigger concerns nothing syncd keeps. `received_at` stands in for a missing `createdAt`.

    Raises:
        InputError: not a shape this module knows, or fields that cannot be used; the message names each.
    """
    if not isinstance(body, dict):
        raise InputError("A booking or a webhook envelope (a JSON object) expected.", code="not_an_object")
    trigger = body.get("triggerEvent")
    try:
        if trigger is None:
            return _read_api_booking(body, received_at)
        return _read_webhook(trigger, body, received_at)
    except ValidationError as error:
        raise InputError(_explain(error), code="bad_fields") from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"The booking cannot be used: {error}.", code="bad_fields") from error


def _read_webhook(trigger: Any, body: dict[str, Any], received_at: datetime) -> BookingChange | None:
    if not isinstance(trigger, str) or trigger not in TRIGGERS:
        raise InputError(f"Unknown trigger {str(trigger)[:60]!r}.", code="unknown_trigger")
    kind = TRIGGERS[trigger]
    if kind is None:
        return None
    payload = body.get("payload", body)
    told_at = read_moment(body["createdAt"]) if body.get("createdAt") else received_at
    if kind is ChangeKind.NO_SHOW:
        return _read_no_show(payload, told_at, trigger)
    wire = WireBooking.model_validate(payload)
    status = TRIGGER_STATUS.get(trigger) or STATUSES.get(wire.status.upper(), BookingStatus.ACCEPTED)
    booking = _booking(wire, status, told_at)
    return BookingChange(kind=kind, uid=wire.uid, told_at=told_at, trigger=trigger, booking=booking)


def _read_no_show(payload: Any, told_at: datetime, trigger: str) -> BookingChange:
    wire = WireNoShow.model_validate(payload)
    absences = {
        read_email(read_text(entry.get("email"))).casefold(): bool(entry.get("noShow")) for entry in wire.attendees
    }
    return BookingChange(kind=ChangeKind.NO_SHOW, uid=wire.uid, told_at=told_at, trigger=trigger, absences=absences)


def _read_api_booking(body: dict[str, Any], received_at: datetime) -> BookingChange:
    if "uid" not in body:
        raise InputError("Neither a webhook envelope (triggerEvent) nor a booking (uid).", code="unknown_shape")
    wire = WireBooking.model_validate(body)
    status = STATUSES.get(wire.status.upper())
    if status is None:
        raise InputError(f"Booking {wire.uid}: unknown status {wire.status[:40]!r}.", code="bad_fields")
    if wire.replaced_by:
        status = BookingStatus.RESCHEDULED
    told_at = wire.updated_at or wire.created_at or received_at
    booking = _booking(wire, status, told_at)
    return BookingChange(kind=ChangeKind.STATE, uid=wire.uid, told_at=told_at, trigger="API", booking=booking)


def _booking(wire: WireBooking, status: BookingStatus, told_at: datetime) -> Booking:
    start, end, dates = _times(wire)
    organizer = wire.organizer or (wire.hosts[0] if wire.hosts else None)
    return Booking(
        uid=wire.uid,
        revision=told_at,
        status=status,
        title=wire.title,
        start=start,
        end=end,
        start_date=dates[0] if dates else None,
        end_date=dates[1] if dates else None,
        organizer=organizer.participant() if organizer else None,
        organizer_id=organizer.id if organizer else None,
        attendees=tuple(a.attendee(told_at) for a in wire.attendees),
        hosts=tuple(h.participant() for h in [*wire.hosts[1:], *_team(wire)]),
        event_type_id=wire.event_type_id,
        event_type=wire.type,
        description=wire.description,
        notes=wire.notes,
        location=_location(wire),
        conference=_conference(wire),
        meeting_url=_meeting_url(wire),
        ical_uid=wire.ical_uid,
        sequence=wire.sequence or 0,
        booking_id=wire.booking_id,
        previous_uid=wire.previous_uid if wire.previous_uid != wire.uid else "",
        replaced_by=wire.replaced_by,
        series=wire.series or (wire.uid if wire.recurrence else ""),
        original_start=wire.reschedule_start,
        recurrence=wire.recurrence.rule() if wire.recurrence else None,
        destinations=tuple(
            DestinationRef(
                integration=d.integration,
                external_id=d.external_id,
                connection_id=d.credential_id,
                user_id=d.user_id,
            )
            for d in wire.destinations
        ),
        seated=wire.seats is not None,
        show_attendees=wire.show_attendees is not False or wire.seats is None,
        hide_details=bool(wire.hide_details),
        hide_notes=bool(wire.hide_notes),
        hide_organizer=bool(wire.hide_organizer),
        cancellation_reason=wire.cancellation_reason,
        created_at=wire.created_at,
        cancelled_at=told_at if status is BookingStatus.CANCELLED else None,
        answers=_answers(wire.responses),
        form=_answers(wire.form),
        utm=_utm(wire),
        assignment_reason=read_reason(wire.assignment_reason),
        booker_url=read_address(wire.booker_url),
    )


def _times(wire: WireBooking) -> tuple[datetime, datetime, tuple[date, date] | None]:
    """Start and end; date-only values are an all-day booking, its last day included in neither form's end."""
    if _is_date(wire.start) and _is_date(wire.end):
        first, last = date.fromisoformat(wire.start), date.fromisoformat(wire.end)
        if last < first:
            raise ValueError("it ends before it starts")
        last = max(last, first + timedelta(days=1))
        return (
            datetime(first.year, first.month, first.day, tzinfo=UTC),
            datetime(last.year, last.month, last.day, tzinfo=UTC),
            (first, last),
        )
    start, end = read_moment(wire.start), read_moment(wire.end)
    if end < start:
        raise ValueError("it ends before it starts")
    return start, end, None


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 10


def _team(wire: WireBooking) -> list[WirePerson]:
    members = wire.team.get("members")
    return [WirePerson.model_validate(m) for m in members if isinstance(m, dict)] if isinstance(members, list) else []


CONFERENCES = {
    "integrations:google:meet": Conference.GOOGLE_MEET,
    "integrations:office365_video": Conference.TEAMS,
}
"""Cal.com's locations that the destination calendar's provider makes a room for."""


def _location(wire: WireBooking) -> str:
    """Where it takes place, as text; `integrations:...` names a product, not a place."""
    text = _told_location(wire)
    return "" if text.startswith("integrations:") else text


def _conference(wire: WireBooking) -> Conference:
    return CONFERENCES.get(_told_location(wire), Conference.NONE)


def _told_location(wire: WireBooking) -> str:
    value = wire.location
    if isinstance(value, dict):
        value = value.get("optionValue") or value.get("value")
    return read_text(value) if isinstance(value, str) else ""


def _meeting_url(wire: WireBooking) -> str:
    for value in (wire.video.get("url"), wire.metadata.get("videoCallUrl"), wire.meeting_url):
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            return read_text(value)
    return ""


def _answers(responses: dict[str, Any]) -> dict[str, Any]:
    """Answer values by name; webhooks wrap each in `{label, value}`, API v2 does not."""
    answers = {}
    for name, entry in responses.items():
        value = read_answer(entry.get("value") if isinstance(entry, dict) else entry)
        if value not in (None, "", []):
            answers[read_text(name)] = value
    return answers


def _explain(error: ValidationError) -> str:
    """Each field that is wrong and why, without its value."""
    wrong = [f"{'.'.join(map(str, e['loc'])) or 'payload'}: {e['msg']}" for e in error.errors(include_input=False)]
    shown = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
    return f"The booking cannot be used: {shown}."


UTM = ("source", "medium", "campaign", "term", "content")


def _utm(wire: WireBooking) -> dict[str, str]:
    """The UTM parameters: of `tracking`, where Cal.com keeps them, else of the metadata, where links may put them."""
    told = {name: wire.tracking.get(f"utm_{name}") or wire.metadata.get(f"utm_{name}") for name in UTM}
    return {name: read_text(value) for name, value in told.items() if isinstance(value, str) and value}
