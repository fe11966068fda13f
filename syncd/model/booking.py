"""Bookings as the scheduling product tells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from .calendar import Conference, Participant

Absences = dict[str, tuple[datetime, bool]]
"""Case-folded e-mail -> when it was told, and whether that attendee was absent."""


class BookingStatus(StrEnum):
    """Where a booking stands.

    PENDING waits for its organizer's consent; RESCHEDULED was replaced by another booking (`replaced_by`).
    """

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """A booker or guest. `told_at` is when this attendee was last told (seated bookings are told seat by seat);
    `absent` a marked no-show, `left` a cancelled seat.
    """

    email: str
    name: str = ""
    zone: str = ""
    phone: str = ""
    locale: str = ""
    told_at: datetime | None = None
    absent: bool = False
    left: bool = False

    @property
    def participant(self) -> Participant:
        """The attendee as a participant of a calendar event."""
        return Participant(email=self.email, name=self.name, zone=self.zone, phone=self.phone, locale=self.locale)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRef:
    """A destination calendar as a booking names it: Cal.com's `integration`, `externalId` and `credentialId`."""

    integration: str
    external_id: str
    connection_id: int | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """The rule of a recurring booking, in RFC 5545 words. At most one of `count` and `until`."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A meeting as the scheduling product last told it.

    Attributes:
        revision: when the product told this state, aware UTC; only grows.
        previous_uid: the booking this one replaces (Cal.com's `rescheduleUid`).
        replaced_by: the booking that replaces this one.
        series: what the occurrences of a recurring booking share; "" for a single one.
        original_start: where the series' rule puts this occurrence, when it was moved.
        destinations: where the booking itself wants to be written; empty leaves it to the event type and the user.
        seated: told seat by seat; `attendees` is then gathered over many tellings.
        answers: what the booker filled in, name -> value.
        form: what they filled in at a routing form, by the question's identifier.
        utm: how they came: source, medium, campaign, term, content.
        assignment_reason: why this host was chosen, as the product told it last.
        booker_url: where the product's pages for bookers are; "" when not told.
        absences: who was marked a no-show or unmarked, attendees not told of yet included.
        kept_from: fields told last by an earlier telling than `revision`, name -> when.
        conference: the room that the calendar's provider is to make for it.
        hide_details, hide_notes: keep title and text, or the notes, out of calendars.
    """

    uid: str
    revision: datetime
    status: BookingStatus
    title: str
    start: datetime
    end: datetime
    start_date: date | None = None
    end_date: date | None = None
    organizer: Participant | None = None
    organizer_id: int | None = None
    attendees: tuple[Attendee, ...] = ()
    hosts: tuple[Participant, ...] = ()
    event_type_id: int | None = None
    event_type: str = ""
    description: str = ""
    notes: str = ""
    location: str = ""
    meeting_url: str = ""
    conference: Conference = Conference.NONE
    ical_uid: str = ""
    sequence: int = 0
    booking_id: int | None = None
    previous_uid: str = ""
    replaced_by: str = ""
    series: str = ""
    original_start: datetime | None = None
    recurrence: Recurrence | None = None
    destinations: tuple[DestinationRef, ...] = ()
    seated: bool = False
    show_attendees: bool = True
    hide_details: bool = False
    hide_notes: bool = False
    hide_organizer: bool = False
    cancellation_reason: str = ""
    created_at: datetime | None = None
    cancelled_at: datetime | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    form: dict[str, Any] = field(default_factory=dict)
    utm: dict[str, str] = field(default_factory=dict)
    assignment_reason: str = ""
    booker_url: str = ""
    absences: Absences = field(default_factory=dict)
    kept_from: dict[str, datetime] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What references are kept under: occurrences of a series share one calendar event."""
        return self.series or self.uid


class ChangeKind(StrEnum):
    """What a delivery says happened."""

    STATE = "state"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NO_SHOW = "no-show"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingChange:
    """One usable delivery: what it says happened to which booking, and the booking as far as the delivery tells it.

    A no-show delivery tells only `absences` (e-mail -> absent), and has no `booking`.
    """

    kind: ChangeKind
    uid: str
    told_at: datetime
    trigger: str
    booking: Booking | None = None
    absences: dict[str, bool] = field(default_factory=dict)
