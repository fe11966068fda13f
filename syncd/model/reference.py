"""References: one booking in one place, what we want there and what is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .activity import Wanted
from .calendar import Receipt


class ReferenceState(StrEnum):
    """Where a reference stands.

    PENDING: desired and applied differ. SYNCED: they are equal. PARKED: stopped until a person acts. REMOVED: nothing
    is wanted and nothing is there.
    """

    PENDING = "pending"
    SYNCED = "synced"
    PARKED = "parked"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reference lives: a calendar (`external_id` is the provider's) of a connection, or the CRM that the
    connection is of (`calendar_id` None, `external_id` "").
    """

    connection_id: int
    calendar_id: int | None
    external_id: str
    app: str

    @property
    def is_crm(self) -> bool:
        """Whether activities live there, not events."""
        return self.calendar_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One booking (or series) in one place.

    Attributes:
        subject: the booking's uid, or its series.
        key: idempotency key of the create, constant for the life of the reference.
        desired: the event or activity wanted; None: nothing is wanted there.
        desired_version: grows with every change of `desired`.
        applied_version: the desired version the provider last confirmed; 0 before the first.
        receipt: what the provider confirmed; None: nothing of ours is known to be there.
        event_uid: the iCalendar UID it was last wanted under.
        attempted: a create was tried, so something may be there even without a receipt.
        lease_until: until when whoever claimed it may write it; tells one claim from the next.
    """

    id: int
    subject: str
    place: Place
    key: str
    desired: Wanted | None
    desired_version: int
    applied_version: int = 0
    receipt: Receipt | None = None
    event_uid: str = ""
    attempted: bool = False
    state: ReferenceState = ReferenceState.PENDING
    attempts: int = 0
    first_failed_at: datetime | None = None
    lease_until: datetime | None = None
