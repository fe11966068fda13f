"""What an event of ours bears, so that it is found again and our fields are told from a person's. Pure.

The id of an event is made of its create's key: every attempt gives the same. Private extended properties, which belong
to this calendar's copy of the event (discovery: extendedProperties), say what Google has no field for: that the event
is ours, who organizes it by our own account, and which guests, reminders and moved occurrences are ours to take away.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from syncd.model.calendar import Event, Participant

OURS, ORGANIZER, GUESTS, REMINDERS = "syncd", "syncdOrganizer", "syncdGuests", "syncdReminders"
MOVED, HIDDEN = "syncdMoved", "syncdHidden"

IDS = 4
"""Ids of one key: each but the first is for when the one before is taken by an event that cannot be had back."""

_DIGEST = 5  # letters of 5 bits: enough to tell some hundred guests apart
_MOST_HIDDEN = 60  # of 17 letters each
_LONGEST = 1024  # a property's value; Google takes 200 guests, which are 1000 letters


def event_id(key: str, number: int = 0) -> str:
    """An id of the create with that key, in letters that Google takes: a-v and 0-9 (facts: `event_id`)."""
    digest = hashlib.sha256(f"{key}\n{number}".encode()).digest()
    return base64.b32hexencode(digest).decode().rstrip("=").lower()


def properties(resource: Mapping[str, Any]) -> Mapping[str, str]:
    """The private extended properties."""
    told = resource.get("extendedProperties")
    private = told.get("private") if isinstance(told, Mapping) else None
    return private if isinstance(private, Mapping) else {}


def is_ours(resource: Mapping[str, Any]) -> bool:
    """Whether we made the event."""
    return properties(resource).get(OURS) == "1"


def marks_of(
    event: Event, *, reminders: str | None, moved: bool, hidden: Iterable[str] | None
) -> dict[str, str | None]:
    """The properties that an event, or an occurrence of one, shall have; None for one it shall not. `hidden` None
    leaves that mark as it is.
    """
    return {
        OURS: "1",
        ORGANIZER: _organizer(event.organizer) if event.organizer else None,
        GUESTS: "".join(digest(p.email) for p in event.attendees)[:_LONGEST] or None,
        REMINDERS: reminders,
        MOVED: "1" if moved else None,
        **({} if hidden is None else {HIDDEN: ",".join(sorted(hidden)[:_MOST_HIDDEN]) or None}),
    }


def organizer_of(resource: Mapping[str, Any]) -> Participant | None:
    """Who organizes it by our own account."""
    try:
        email, name = json.loads(properties(resource).get(ORGANIZER, ""))
    except (ValueError, TypeError):
        return None
    return Participant(email=str(email), name=str(name))


def guests_of(resource: Mapping[str, Any]) -> frozenset[str]:
    """The digests of the guests that we invited."""
    text = properties(resource).get(GUESTS, "")
    return frozenset(text[at : at + _DIGEST] for at in range(0, len(text), _DIGEST))


def hidden_of(resource: Mapping[str, Any]) -> frozenset[str]:
    """The occurrences of a series whose exceptions we deleted, by their original starts as ids have them."""
    return frozenset(filter(None, properties(resource).get(HIDDEN, "").split(",")))


def reminders_of(resource: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The minutes of our own reminders; None where we set none."""
    text = properties(resource).get(REMINDERS)
    return None if text is None else tuple(int(part) for part in text.split(",") if part.isdecimal())


def reminders_text(minutes: Iterable[int]) -> str:
    """Reminders as their property has them."""
    return ",".join(map(str, minutes)) or "none"


def digest(email: str) -> str:
    """A guest's digest."""
    return base64.b32hexencode(hashlib.sha256(email.casefold().encode()).digest()).decode()[:_DIGEST].lower()


def _organizer(person: Participant) -> str:
    text = json.dumps([person.email, person.name], ensure_ascii=False)
    return text if len(text) <= _LONGEST else json.dumps([person.email, ""])
