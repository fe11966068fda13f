"""Values as JSON text and back."""

from __future__ import annotations

from pydantic import TypeAdapter

from syncd.model.booking import Booking
from syncd.model.calendar import Event, Receipt

BOOKING: TypeAdapter[Booking] = TypeAdapter(Booking)
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
RECEIPT: TypeAdapter[Receipt] = TypeAdapter(Receipt)


def dump_booking(booking: Booking) -> str:
    """A booking as JSON text."""
    return BOOKING.dump_json(booking).decode()


def load_booking(text: str) -> Booking:
    """The booking of `dump_booking`'s text."""
    return BOOKING.validate_json(text)


def dump_event(event: Event | None) -> str | None:
    """An event as JSON text; None stays None."""
    return EVENT.dump_json(event).decode() if event is not None else None


def load_event(text: str | None) -> Event | None:
    """The event of `dump_event`'s text."""
    return EVENT.validate_json(text) if text is not None else None


def dump_receipt(receipt: Receipt | None) -> str | None:
    """A receipt as JSON text; None stays None."""
    return RECEIPT.dump_json(receipt).decode() if receipt is not None else None


def load_receipt(text: str | None) -> Receipt | None:
    """The receipt of `dump_receipt`'s text."""
    return RECEIPT.validate_json(text) if text is not None else None
