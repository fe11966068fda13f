"""Bookings, tellings, places and references, made with only what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.model.booking import Attendee, Booking, BookingChange, BookingStatus, ChangeKind, DestinationRef
from syncd.model.calendar import Event, Participant, Receipt
from syncd.model.reference import Place, Reference
from syncd.rules.destinations import Choices, KnownCalendar

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ANNA = Participant(email="anna@example.com", name="Anna", zone="Europe/Berlin")
ANNA_ID, BEN_ID = 1, 2
GUEST = Attendee(email="guest@example.org", name="Guest", zone="America/New_York")
WORK = Place(connection_id=10, calendar_id=100, external_id="https://dav.example.com/work", app="caldav-calendar")
HOME = Place(connection_id=10, calendar_id=101, external_id="https://dav.example.com/home", app="caldav-calendar")
TEAM = Place(connection_id=20, calendar_id=200, external_id="https://dav.example.com/team", app="caldav-calendar")


def at(minutes: float) -> datetime:
    """NOON and `minutes`."""
    return NOON + timedelta(minutes=minutes)


def booking(uid: str = "b1", **changed: Any) -> Booking:
    """Anna's accepted booking of an hour on the next Monday."""
    values: dict[str, Any] = {
        "revision": NOON,
        "status": BookingStatus.ACCEPTED,
        "title": "Strategy",
        "start": datetime(2026, 1, 5, 9, tzinfo=UTC),
        "end": datetime(2026, 1, 5, 10, tzinfo=UTC),
        "organizer": ANNA,
        "attendees": (GUEST,),
    }
    return Booking(uid=uid, **values | changed)


KINDS = {BookingStatus.CANCELLED: ChangeKind.CANCELLED, BookingStatus.REJECTED: ChangeKind.REJECTED}


def telling(told_at: datetime = NOON, **changed: Any) -> BookingChange:
    """A delivery that tells a booking; its kind follows from the status."""
    told = booking(revision=told_at, **changed)
    kind = KINDS.get(told.status, ChangeKind.STATE)
    return BookingChange(kind=kind, uid=told.uid, told_at=told_at, trigger="T", booking=told)


def seat_telling(
    told_at: datetime, *emails: str, status: BookingStatus = BookingStatus.ACCEPTED, **changed: Any
) -> BookingChange:
    """A delivery about seats of a seated booking."""
    seats = tuple(Attendee(email=email, told_at=told_at) for email in emails)
    cancelled_at = told_at if status is BookingStatus.CANCELLED else None
    return telling(told_at, status=status, attendees=seats, seated=True, cancelled_at=cancelled_at, **changed)


def absence(told_at: datetime, email: str, absent: bool = True, uid: str = "b1") -> BookingChange:
    """A delivery that marks an attendee a no-show, or unmarks one."""
    return BookingChange(kind=ChangeKind.NO_SHOW, uid=uid, told_at=told_at, trigger="N", absences={email: absent})


def known_calendar(place: Place, user_id: int = ANNA_ID, **changed: Any) -> KnownCalendar:
    """A writable calendar of Anna's."""
    values: dict[str, Any] = {"integration": "caldav_calendar", "name": place.external_id, "read_only": False}
    return KnownCalendar(place=place, user_id=user_id, **values | changed)


CALENDARS = (known_calendar(WORK), known_calendar(HOME), known_calendar(TEAM, BEN_ID))


def choices(**changed: Any) -> Choices:
    """Three calendars, and Anna's choice of WORK."""
    values: dict[str, Any] = {
        "calendars": CALENDARS,
        "by_event_type": {},
        "by_user": {ANNA_ID: WORK.calendar_id},
        "users_by_email": {ANNA.email: ANNA_ID, "ben@example.com": BEN_ID},
    }
    return Choices(**values | changed)


def named(place: Place, **changed: Any) -> DestinationRef:
    """`place` as a booking names it."""
    values: dict[str, Any] = {
        "integration": "caldav_calendar",
        "external_id": place.external_id,
        "connection_id": place.connection_id,
    }
    return DestinationRef(**values | changed)


def reference(desired: Event | None, place: Place = WORK, **changed: Any) -> Reference:
    """A reference of b1 that was never tried."""
    values: dict[str, Any] = {"id": 1, "subject": "b1", "key": "k1", "desired_version": 1}
    return Reference(place=place, desired=desired, **values | changed)


def receipt(uid: str = "") -> Receipt:
    """What a provider confirmed."""
    return Receipt(id="item", version="v1", uid=uid)
