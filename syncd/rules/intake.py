"""What a delivery makes of what we know of a booking.

Deliveries come late, twice and out of order. Four facts make the outcome the same in every order:

- A booking's revision is the time its product told it. An older telling only fills in what newer ones left out, each
  field as it was told last.
- A reschedule makes a new booking that names the old one. The old one is RESCHEDULED as soon as both are known,
  whichever came first, and never leaves that status again.
- A seated booking is told seat by seat, so each seat has a revision of its own; the booking stands while a seat does.
- Who was absent is told by itself, so each absence has a revision of its own, whoever the attendees then are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from syncd.model.booking import Absences, Attendee, Booking, BookingChange, BookingStatus, ChangeKind

RANK = {
    BookingStatus.PENDING: 0,
    BookingStatus.ACCEPTED: 1,
    BookingStatus.REJECTED: 2,
    BookingStatus.CANCELLED: 3,
    BookingStatus.RESCHEDULED: 4,
}
"""Which of two tellings with the same revision stands: the later stage of a booking's life."""

KEPT_WHEN_UNTOLD = (
    "ical_uid",
    "series",
    "recurrence",
    "original_start",
    "destinations",
    "previous_uid",
    "replaced_by",
    "event_type_id",
    "event_type",
    "booking_id",
    "created_at",
    "organizer",
    "organizer_id",
    "meeting_url",
    "answers",
    "form",
    "utm",
    "assignment_reason",
    "booker_url",
)
"""Fields that some triggers leave out: an empty telling does not erase what an earlier one told."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""When an inherited field was told: any telling of its own is newer."""

INHERITED = ("ical_uid", "series", "recurrence", "destinations", "form", "utm")
"""What the booking that replaces another takes over from it when its own telling leaves it out."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome: the booking to store, or None with the reason why nothing changes."""

    booking: Booking | None
    reason: str = ""
    waits: bool = False


def merge(known: Booking | None, change: BookingChange) -> Merged:
    """What `change` makes of `known`.

    `waits` is set for a change that needs a booking we have not been told of yet.
    """
    if change.kind is ChangeKind.NO_SHOW:
        return _merge_absences(known, change)
    assert change.booking is not None
    told = replace(change.booking, absences=_absences_told(change.booking))
    if known is None:
        return Merged(_first(told, change))
    late = _older(told, known)
    merged = _fill(known, told) if late else _fill(told, known)
    if told.seated or known.seated:
        merged = _merge_seats(merged, known, told, change)
    elif BookingStatus.RESCHEDULED in (known.status, told.status):
        merged = replace(merged, status=BookingStatus.RESCHEDULED)
    merged = _mark_absences(merged, known.absences, told.absences)
    return _changed(known, merged, "older than what is known" if late else "already known")


def replaces(successor: Booking, previous: Booking) -> tuple[Booking, Booking]:
    """Both bookings once it is known that `successor` replaces `previous`: (successor, previous).

    Of a seated booking only the seats named move; it is RESCHEDULED when no seat is left.
    """
    successor = _inherit(successor, previous)
    if previous.seated:
        previous = _seats_leave(previous, successor)
        if _present(previous.attendees):
            return successor, previous
    return successor, _replaced(previous, successor.uid)


def _inherit(successor: Booking, previous: Booking) -> Booking:
    inherited = {name: getattr(previous, name) for name in INHERITED}
    if previous.series:
        inherited["original_start"] = previous.original_start or previous.start
    again = {name for name in INHERITED if successor.kept_from.get(name) == NEVER}
    missing = {
        name: value for name, value in inherited.items() if value and (name in again or not getattr(successor, name))
    }
    return replace(successor, **missing, kept_from=successor.kept_from | dict.fromkeys(missing, NEVER))


def _replaced(previous: Booking, uid: str) -> Booking:
    """Of several successors the one the product names counts, else the same one in whatever order they came."""
    named = previous.replaced_by
    if not named or previous.kept_from.get("replaced_by") == NEVER:
        named = min(named or uid, uid)
        previous = replace(previous, replaced_by=named, kept_from=previous.kept_from | {"replaced_by": NEVER})
    return replace(previous, status=BookingStatus.RESCHEDULED)


def _first(told: Booking, change: BookingChange) -> Booking:
    if not told.seated:
        return told
    empty = replace(told, attendees=(), cancelled_at=None)
    return _merge_seats(empty, empty, told, change)


def _older(told: Booking, known: Booking) -> bool:
    if told.revision != known.revision:
        return told.revision < known.revision
    return RANK[told.status] < RANK[known.status]


def _changed(known: Booking, merged: Booking, reason: str) -> Merged:
    return Merged(None, reason) if merged == known else Merged(merged)


def _fill(newer: Booking, older: Booking) -> Booking:
    """`newer`, with each field that some triggers leave out as it was told last."""
    values: dict[str, Any] = {}
    kept_from: dict[str, datetime] = {}
    for name in KEPT_WHEN_UNTOLD:
        source = newer if _told(newer, name) >= _told(older, name) else older
        has_value, told_at = _told(source, name)
        values[name] = getattr(source, name)
        if has_value and told_at != newer.revision:
            kept_from[name] = told_at
    return replace(newer, **values, kept_from=kept_from)


def _told(booking: Booking, name: str) -> tuple[bool, datetime]:
    """Whether a field has a value, and when that was told: the larger one stands."""
    return bool(getattr(booking, name)), booking.kept_from.get(name, booking.revision)


def _merge_absences(known: Booking | None, change: BookingChange) -> Merged:
    if known is None:
        return Merged(None, "the booking is not known yet", waits=True)
    told = {email: (change.told_at, absent) for email, absent in change.absences.items()}
    return _changed(known, _mark_absences(known, known.absences, told), "already known")


def _absences_told(told: Booking) -> Absences:
    return {a.email.casefold(): (told.revision, True) for a in told.attendees if a.absent}


def _mark_absences(booking: Booking, *tellings: Absences) -> Booking:
    absences: Absences = {}
    for email, told in (entry for telling in tellings for entry in telling.items()):
        absences[email] = max(absences.get(email, told), told)
    absent = {email for email, (_, is_absent) in absences.items() if is_absent}
    attendees = tuple(replace(a, absent=a.email.casefold() in absent) for a in booking.attendees)
    return replace(booking, attendees=attendees, absences=absences)


def _merge_seats(newest: Booking, known: Booking, told: Booking, change: BookingChange) -> Booking:
    """`newest` with the seats of both tellings, each as it was told last."""
    leaving = change.kind is ChangeKind.CANCELLED
    seats = {a.email.casefold(): a for a in known.attendees}
    for attendee in told.attendees:
        seat = replace(attendee, left=leaving)
        seats[seat.email.casefold()] = max(seats.get(seat.email.casefold(), seat), seat, key=_seat_told)
    attendees = tuple(sorted(seats.values(), key=lambda a: a.email.casefold()))
    whole = [known.cancelled_at, change.told_at if leaving and not told.attendees else None]
    cancelled_at = min(filter(None, whole), default=None)
    return _settle_seats(replace(newest, attendees=attendees, cancelled_at=cancelled_at, seated=True))


def _seat_told(seat: Attendee) -> tuple[datetime, bool]:
    return seat.told_at or NEVER, seat.left


def _settle_seats(booking: Booking) -> Booking:
    """CANCELLED and RESCHEDULED follow from the seats and the successor; any other status is as told last."""
    gone = booking.cancelled_at or (booking.attendees and not _present(booking.attendees))
    if not gone and booking.kept_from.get("replaced_by") == NEVER:
        kept_from = {name: at for name, at in booking.kept_from.items() if name != "replaced_by"}
        booking = replace(booking, replaced_by="", kept_from=kept_from)
    if booking.replaced_by:
        return replace(booking, status=BookingStatus.RESCHEDULED)
    if gone:
        return replace(booking, status=BookingStatus.CANCELLED)
    ended = (BookingStatus.CANCELLED, BookingStatus.RESCHEDULED)
    return replace(booking, status=BookingStatus.ACCEPTED) if booking.status in ended else booking


def _seats_leave(previous: Booking, successor: Booking) -> Booking:
    moved = {a.email.casefold() for a in successor.attendees}
    return replace(
        previous,
        attendees=tuple(replace(a, left=a.left or a.email.casefold() in moved) for a in previous.attendees),
    )


def _present(attendees: tuple[Attendee, ...]) -> bool:
    return any(not a.left for a in attendees)
