"""A booking, or the bookings of a series, as the activity wanted in a CRM.

the bookings                                      the CRM has
------------------------------------------------  ----------------------------------------------
one stands                                        a scheduled activity
none stands, the last was cancelled or declined   a cancelled one where it was written before; else nothing
none stands, another product's booking replaced   nothing: what moves elsewhere was not cancelled
them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.model.activity import Activity, ActivityState
from syncd.model.booking import Booking, BookingStatus

from .event import event_for

OFF = {BookingStatus.CANCELLED, BookingStatus.REJECTED}


def activity_for(bookings: Sequence[Booking], *, write_requests: bool = False) -> Activity | None:
    """The activity wanted for the bookings of one subject; None when nothing is."""
    event = event_for(bookings, write_requests=write_requests)
    if event is not None:
        return Activity(event=event, booking=_facts(bookings))
    off = [booking for booking in bookings if booking.status in OFF]
    meant = event_for([replace(booking, status=BookingStatus.ACCEPTED) for booking in off])
    if meant is None:
        return None
    return Activity(event=meant, booking=_facts(off), state=ActivityState.CANCELLED)


def _facts(bookings: Sequence[Booking]) -> Booking:
    """The newest booking, without when it was told: being told the same again is no change."""
    newest = max(bookings, key=lambda booking: booking.revision)
    attendees = tuple(replace(attendee, told_at=None) for attendee in newest.attendees)
    return replace(newest, revision=newest.start, attendees=attendees, absences={}, kept_from={})
