"""Values as JSON text and back."""

from __future__ import annotations

from pydantic import TypeAdapter

from syncd.model.activity import Activity, Wanted
from syncd.model.booking import Booking
from syncd.model.calendar import Event, Receipt

BOOKING: TypeAdapter[Booking] = TypeAdapter(Booking)
ACTIVITY: TypeAdapter[Activity] = TypeAdapter(Activity)
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
RECEIPT: TypeAdapter[Receipt] = TypeAdapter(Receipt)


def dump_booking(booking: Booking) -> str:
    """A booking as JSON text."""
    return BOOKING.dump_json(booking).decode()


def load_booking(text: str) -> Booking:
    """The booking of `dump_booking`'s text."""
    return BOOKING.validate_json(text)


def dump_wanted(wanted: Wanted | None) -> str | None:
    """What a reference wants as JSON text; None stays None."""
    if wanted is None:
        return None
    return (ACTIVITY.dump_json(wanted) if isinstance(wanted, Activity) else EVENT.dump_json(wanted)).decode()


def load_wanted(text: str | None, *, crm: bool) -> Wanted | None:
    """What `dump_wanted` made text of: an activity in a CRM, else an event."""
    if text is None:
        return None
    return ACTIVITY.validate_json(text) if crm else EVENT.validate_json(text)


def load_event(text: str | None) -> Event | None:
    """The event of `dump_wanted`'s text."""
    return EVENT.validate_json(text) if text is not None else None


def dump_receipt(receipt: Receipt | None) -> str | None:
    """A receipt as JSON text; None stays None."""
    return RECEIPT.dump_json(receipt).decode() if receipt is not None else None


def load_receipt(text: str | None) -> Receipt | None:
    """The receipt of `dump_receipt`'s text."""
    return RECEIPT.validate_json(text) if text is not None else None
