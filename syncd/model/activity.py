"""Activities: what a booking is in a CRM."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .booking import Booking
from .calendar import Event


class ActivityState(StrEnum):
    """How the meeting stands for the CRM. CANCELLED covers what the organizer declined; a meeting that moved to
    another host's or product's booking is none.
    """

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A booking (or series) as a CRM activity with its people.

    `event` is the meeting as a calendar would show it, recurrence included; `booking` what field mappings take their
    values from: the newest of a series, without what changes nothing (its `revision` is the `start`).
    """

    event: Event
    booking: Booking
    state: ActivityState = ActivityState.SCHEDULED

    @property
    def uid(self) -> str:
        """The event's UID, as of a calendar's reference."""
        return self.event.uid


Wanted = Event | Activity
"""What a reference wants in its place: an event in a calendar, an activity in a CRM."""
