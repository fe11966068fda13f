"""What a delivery makes of what we know of a booking.

Deliveries come late, twice and out of order. Three facts make the outcome the same in every order:

- A booking's revision is the time its product told it. An older telling of an unseated booking changes nothing.
- A reschedule makes a new booking that names the old one. The old one is RESCHEDULED as soon as both are known,
  whichever came first, and never leaves that status again.
- A seated booking is told seat by seat, so each seat has a revision of its own; the booking stands while a seat does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from syncd.model.booking import Attendee, Booking, BookingChange, BookingStatus, ChangeKind

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
)
"""Fields that some triggers leave out: an empty telling does not erase what an earlier one told."""

INHERITED = ("ical_uid", "series", "recurrence", "destinations")
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
    told = change.booking
    if known is None:
        return Merged(_first(told, change))
    if told.seated or known.seated:
        return _changed(known, _merge_seats(known, told, change))
    if _older(told, known):
        return Merged(None, "older than what is known")
    if known.status is BookingStatus.RESCHEDULED:
        told = replace(told, status=BookingStatus.RESCHEDULED, replaced_by=known.replaced_by)
    return _changed(known, _keep_untold(replace(told, attendees=_keep_absences(known, told)), known))


def replaces(successor: Booking, previous: Booking) -> tuple[Booking, Booking]:
    """Both bookings once it is known that `successor` replaces `previous`: (successor, previous).

    Of a seated booking only the seats named move; it is RESCHEDULED when no seat is left.
    """
    inherited = {name: getattr(previous, name) for name in INHERITED if not getattr(successor, name)}
    if previous.series and not successor.original_start:
        inherited["original_start"] = previous.original_start or previous.start
    successor = replace(successor, **inherited)
    if previous.seated:
        previous = _seats_leave(previous, successor)
        if _present(previous.attendees):
            return successor, previous
    return successor, replace(previous, status=BookingStatus.RESCHEDULED, replaced_by=successor.uid)


def _first(told: Booking, change: BookingChange) -> Booking:
    if not told.seated or change.kind is not ChangeKind.CANCELLED:
        return told
    return _merge_seats(replace(told, attendees=()), told, change)


def _older(told: Booking, known: Booking) -> bool:
    if told.revision != known.revision:
        return told.revision < known.revision
    return RANK[told.status] < RANK[known.status]


def _changed(known: Booking, merged: Booking) -> Merged:
    return Merged(None, "already known") if merged == known else Merged(merged)


def _keep_untold(told: Booking, known: Booking) -> Booking:
    kept = {name: getattr(known, name) for name in KEPT_WHEN_UNTOLD if not getattr(told, name)}
    return replace(told, **kept)


def _keep_absences(known: Booking, told: Booking) -> tuple[Attendee, ...]:
    absent = {a.email.casefold() for a in known.attendees if a.absent}
    return tuple(replace(a, absent=a.absent or a.email.casefold() in absent) for a in told.attendees)


def _merge_absences(known: Booking | None, change: BookingChange) -> Merged:
    if known is None:
        return Merged(None, "the booking is not known yet", waits=True)
    attendees = tuple(replace(a, absent=change.absences.get(a.email.casefold(), a.absent)) for a in known.attendees)
    return _changed(known, replace(known, attendees=attendees))


def _merge_seats(known: Booking, told: Booking, change: BookingChange) -> Booking:
    newest = _keep_untold(told, known) if told.revision >= known.revision else known
    leaving = change.kind is ChangeKind.CANCELLED
    seats = {a.email.casefold(): a for a in known.attendees}
    for seat in told.attendees:
        before = seats.get(seat.email.casefold())
        if before is None or before.told_at is None or before.told_at <= change.told_at:
            seats[seat.email.casefold()] = replace(
                seat, left=leaving, absent=seat.absent or bool(before and before.absent)
            )
    attendees = tuple(sorted(seats.values(), key=lambda a: a.email.casefold()))
    whole = known.cancelled_at or (change.told_at if leaving and not told.attendees else None)
    return replace(
        newest,
        revision=max(known.revision, told.revision),
        attendees=attendees,
        cancelled_at=whole,
        seated=True,
        status=_seated_status(known, newest, attendees, whole is not None),
    )


def _seated_status(known: Booking, newest: Booking, attendees: tuple[Attendee, ...], cancelled: bool) -> BookingStatus:
    if known.status is BookingStatus.RESCHEDULED:
        return known.status
    if cancelled or (attendees and not _present(attendees)):
        return BookingStatus.CANCELLED
    return newest.status if newest.status is not BookingStatus.CANCELLED else BookingStatus.ACCEPTED


def _seats_leave(previous: Booking, successor: Booking) -> Booking:
    moved = {a.email.casefold() for a in successor.attendees}
    return replace(
        previous,
        attendees=tuple(replace(a, left=a.left or a.email.casefold() in moved) for a in previous.attendees),
    )


def _present(attendees: tuple[Attendee, ...]) -> bool:
    return any(not a.left for a in attendees)
