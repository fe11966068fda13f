"""Where a booking is written: the first of these that names anything.

    1. the booking's own destination calendars, every one of them
    2. the calendars it is already written to by an earlier choice: a later change of defaults moves no event
    3. the event type's destination
    4. the organizer's destination

Nothing named is a problem, never a guess. A destination that is named and cannot be used is a problem, never skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.model.booking import Booking, DestinationRef
from syncd.model.reference import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCalendar:
    """A calendar as the decision needs it."""

    place: Place
    integration: str
    user_id: int
    name: str
    read_only: bool
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen beforehand: destinations by event type id and by user id (calendar ids), users by e-mail; and the
    app of each connection.
    """

    calendars: tuple[KnownCalendar, ...]
    by_event_type: dict[int, int]
    by_user: dict[int, int]
    users_by_email: dict[str, int]
    apps: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProblem:
    """Why a booking cannot be planned, and what to do about it."""

    code: str
    reason: str
    remedy: str


def destinations(booking: Booking, choices: Choices, written: tuple[Place, ...]) -> tuple[Place, ...] | PlanProblem:
    """The places `booking` is to be written to, or the problem. `written` are the places it is already in."""
    if booking.destinations:
        found = [_named(ref, booking, choices) for ref in booking.destinations]
    elif written:
        return written
    else:
        found = [_default(booking, choices)]
    for calendar in found:
        problem = calendar if isinstance(calendar, PlanProblem) else _unusable(calendar)
        if problem:
            return problem
    return tuple({c.place: None for c in found if isinstance(c, KnownCalendar)})


def organizer_id(booking: Booking, choices: Choices) -> int | None:
    """The organizer as a user: by the product's id, else by e-mail."""
    if booking.organizer_id is not None:
        return booking.organizer_id
    return choices.users_by_email.get(booking.organizer.email.casefold()) if booking.organizer else None


def _named(ref: DestinationRef, booking: Booking, choices: Choices) -> KnownCalendar | PlanProblem:
    """The calendar a booking names: by its connection, else by its owner and kind."""
    owner = ref.user_id if ref.user_id is not None else organizer_id(booking, choices)
    same = [c for c in choices.calendars if c.place.external_id == ref.external_id]
    by_connection = [c for c in same if c.place.connection_id == ref.connection_id]
    by_owner = [c for c in same if c.integration == ref.integration and c.user_id == owner]
    matches = by_connection or by_owner
    if len({c.place for c in matches}) == 1:
        return matches[0]
    what = f"{ref.integration} calendar {ref.external_id}"
    if matches:
        return PlanProblem(
            code="ambiguous_destination",
            reason=f"The booking names {what}, which {len(matches)} connections of its owner have.",
            remedy="Let the booking name the connection (credentialId), or remove one: syncd connections list",
        )
    return PlanProblem(
        code="unknown_destination",
        reason=f"The booking names {what}, which no connection here has.",
        remedy="Connect that account (syncd connections add), then: syncd bookings retry UID",
    )


def _default(booking: Booking, choices: Choices) -> KnownCalendar | PlanProblem:
    user = organizer_id(booking, choices)
    chosen = choices.by_event_type.get(booking.event_type_id) if booking.event_type_id is not None else None
    if chosen is None and user is not None:
        chosen = choices.by_user.get(user)
    for calendar in choices.calendars:
        if calendar.place.calendar_id == chosen:
            return calendar
    who = booking.organizer.email if booking.organizer else "the organizer"
    return PlanProblem(
        code="no_destination",
        reason=f"Neither the booking nor its event type nor {who} names a destination calendar.",
        remedy="Choose one: syncd calendars destination CALENDAR; it is then written by itself.",
    )


def _unusable(calendar: KnownCalendar) -> PlanProblem | None:
    if calendar.missing:
        return PlanProblem(
            code="destination_gone",
            reason=f"Destination calendar {calendar.name!r} is no longer at its provider.",
            remedy="Choose another: syncd calendars destination CALENDAR",
        )
    if calendar.read_only:
        return PlanProblem(
            code="read_only_destination",
            reason=f"Destination calendar {calendar.name!r} cannot be written to.",
            remedy="Choose another: syncd calendars destination CALENDAR",
        )
    return None
