"""A booking, or the bookings of a series, as the calendar event wanted for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta

from syncd.model.booking import Booking, BookingStatus, Recurrence
from syncd.model.calendar import Conference, Event, EventStatus, Occurrence, Participant

STANDS = {BookingStatus.ACCEPTED}
WRITTEN_ON_REQUEST = {BookingStatus.PENDING}


def event_for(bookings: Sequence[Booking], *, write_requests: bool = False) -> Event | None:
    """The event wanted for the bookings of one subject; None when none of them stands.

    `write_requests` writes bookings that wait for consent as tentative events.
    """
    wanted = STANDS | (WRITTEN_ON_REQUEST if write_requests else set())
    standing = [b for b in bookings if b.status in wanted]
    if not standing:
        return None
    rule = next((b.recurrence for b in bookings if b.recurrence), None)
    if rule is not None:
        return _series_event(bookings, standing, rule)
    if len(standing) > 1 and not any(b.start_date for b in standing):
        return _listed_event(standing)
    return _event(max(standing, key=lambda b: b.revision))


def _event(booking: Booking) -> Event:
    return Event(
        uid=event_uid(booking),
        title=booking.title or booking.event_type or "Meeting",
        start=booking.start,
        end=booking.end,
        zone=_zone(booking),
        start_date=booking.start_date,
        end_date=booking.end_date,
        description=_description(booking),
        location=booking.location or booking.meeting_url,
        url=booking.meeting_url,
        organizer=booking.organizer,
        attendees=_attendees(booking),
        status=EventStatus.TENTATIVE if booking.status is BookingStatus.PENDING else EventStatus.CONFIRMED,
        private=booking.hide_details,
        sequence=booking.sequence,
        conference=Conference.NONE if booking.meeting_url else booking.conference,
    )


def event_uid(booking: Booking) -> str:
    """The iCalendar UID: the booking's own, else made of its uid, so that every attempt gives the same."""
    return booking.ical_uid or f"{booking.subject}@syncd"


def _series_event(bookings: Sequence[Booking], standing: Sequence[Booking], rule: Recurrence) -> Event:
    """One recurring event: the rule anchored at the first occurrence, and each occurrence that differs from it."""
    known, stands = {b.uid for b in bookings}, {b.uid for b in standing}
    first = min(bookings, key=lambda b: (b.original_start or b.start, b.original_start is not None, b.uid))
    newest = max(standing, key=lambda b: b.revision)
    anchor = first.original_start or first.start
    length = first.end - first.start
    occurrences = []
    for booking in bookings:
        if booking.replaced_by in known:
            continue
        original = booking.original_start or booking.start
        if booking.uid not in stands:
            occurrences.append(Occurrence(original=original))
        elif (booking.start, booking.end) != (original, original + length):
            occurrences.append(Occurrence(original=original, start=booking.start, end=booking.end))
    base = _event(newest)
    return Event(
        **{
            **{name: getattr(base, name) for name in Event.__dataclass_fields__},
            "uid": event_uid(first),
            "start": anchor,
            "end": anchor + length,
            "start_date": anchor.date() if first.start_date else None,
            "end_date": (anchor + length).date() if first.start_date else None,
            "rrule": rrule(rule),
            "occurrences": tuple(sorted(occurrences, key=lambda o: o.original)),
        }
    )


def _listed_event(standing: Sequence[Booking]) -> Event:
    """One recurring event for a series whose rule nobody told: a day for each booking, moved to where the booking is.
    In UTC, where each day has 24 hours.
    """
    first, *others = sorted(standing, key=lambda b: (b.start, b.uid))
    days = (first.start + timedelta(days=n) for n in range(1, len(standing)))
    return replace(
        _event(max(standing, key=lambda b: b.revision)),
        uid=event_uid(first),
        start=first.start,
        end=first.end,
        zone="UTC",
        rrule=f"FREQ=DAILY;COUNT={len(standing)}",
        occurrences=tuple(
            Occurrence(original=day, start=b.start, end=b.end) for day, b in zip(days, others, strict=True)
        ),
    )


def rrule(rule: Recurrence) -> str:
    """The rule in RFC 5545 form, without the property name."""
    parts = [f"FREQ={rule.freq}"]
    if rule.interval != 1:
        parts.append(f"INTERVAL={rule.interval}")
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    elif rule.until is not None:
        parts.append(f"UNTIL={rule.until.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    return ";".join(parts)


def _zone(booking: Booking) -> str:
    zones = [booking.organizer.zone if booking.organizer else "", *(a.zone for a in booking.attendees)]
    return next((z for z in zones if z), "UTC")


def _attendees(booking: Booking) -> tuple[Participant, ...]:
    if booking.hide_organizer or not booking.show_attendees:
        return ()
    organizer = booking.organizer.email.casefold() if booking.organizer else ""
    people: dict[str, Participant] = {}
    for person in [*(a.participant for a in booking.attendees if not a.left), *booking.hosts]:
        people.setdefault(person.email.casefold(), person)
    people.pop(organizer, None)
    return tuple(people.values())


def _description(booking: Booking) -> str:
    """What the people invited need to know, paragraph by paragraph; notes and answers unless they are hidden."""
    paragraphs = [booking.description]
    if not booking.hide_notes and not booking.seated:
        paragraphs += [booking.notes if booking.notes != booking.description else "", _answers(booking)]
    if booking.meeting_url:
        paragraphs.append(f"Join: {booking.meeting_url}")
    return "\n\n".join(p for p in paragraphs if p)


ANSWERS_SHOWN_ELSEWHERE = {
    "name",
    "email",
    "location",
    "title",
    "notes",
    "guests",
    "rescheduleReason",
    "attendeePhoneNumber",
}


def _answers(booking: Booking) -> str:
    shown = {k: v for k, v in booking.answers.items() if k not in ANSWERS_SHOWN_ELSEWHERE}
    return "\n".join(f"{name}: {_plain(value)}" for name, value in sorted(shown.items()))


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return str(value)
