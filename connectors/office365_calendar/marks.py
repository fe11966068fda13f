"""What an event of ours bears, so that it is found again and our fields are told from a person's. Pure.

- `transactionId` is the idempotency key of the create and our uid: Graph keeps it for good and shows it in every
  listing, delta included, where extended properties cannot be asked for (facts: microsoft-graph, idempotency, delta).
- Two named properties of our own GUID (singleValueLegacyExtendedProperty): one is the uid, by which events are found
  with a documented `$filter`; the other holds, as JSON, what Graph has no field for: iCalUId and organizer are the
  mailbox's own, the sequence is Exchange's, zones are told by their Windows names; and whose some fields are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.model.calendar import Conference, Event, Participant
from syncd.model.time import Window

from .times import window_of

GUID = "{6f0a1c52-8f39-4e0b-9a57-2b1d5c7e94a3}"
UID_PROPERTY = f"String {GUID} Name syncd-uid"
FIELDS_PROPERTY = f"String {GUID} Name syncd-fields"

EXPAND = f"singleValueExtendedProperties($filter=id eq '{UID_PROPERTY}' or id eq '{FIELDS_PROPERTY}')"

_PREFIX = "syncd:"
_LONGEST = 255
_VERSION = 1


def transaction_id(key: str, uid: str, attempt: int = 0) -> str:
    """The transactionId of a create. `attempt` tells those apart whose predecessor is known to be gone."""
    head = hashlib.sha256(f"{key}\n{attempt}".encode()).hexdigest()[:32]
    text = f"{_PREFIX}{head}:{uid}"
    return text if len(text) <= _LONGEST else f"{_PREFIX}{head}:"


def uid_in_transaction(value: Any) -> str:
    """The uid in a transactionId of ours, "" for another's."""
    if not isinstance(value, str) or not value.startswith(_PREFIX):
        return ""
    return value[len(_PREFIX) :].partition(":")[2]


def filter_by_uid(uid: str) -> str:
    """The `$filter` for events of ours with that uid."""
    quoted = uid.replace("'", "''")
    return f"singleValueExtendedProperties/Any(ep: ep/id eq '{UID_PROPERTY}' and ep/value eq '{quoted}')"


@dataclass(frozen=True, slots=True)
class Mark:
    """What an event says of itself. `fields` is empty for one that is not ours."""

    uid: str
    fields: Mapping[str, Any]

    @property
    def organizer(self) -> Participant | None:
        """Who organizes by our own account; None when we did not say."""
        told = self.fields.get("organizer")
        if not isinstance(told, list) or len(told) != 2:
            return None
        return Participant(email=str(told[0]), name=str(told[1]))

    @property
    def guests(self) -> frozenset[str] | None:
        """The addresses that we invited, in small letters; None for an event that is not ours."""
        told = self.fields.get("guests", [])
        return frozenset(str(email) for email in told) if self.fields and isinstance(told, list) else None

    @property
    def reach(self) -> Window | None:
        """From the first to the last occurrence that we moved."""
        try:
            start, end = (datetime.fromisoformat(text) for text in self.fields.get("reach", ()))
            return Window(start, end)
        except (ValueError, TypeError):
            return None

    def text(self, name: str) -> str:
        """A text among the fields."""
        value = self.fields.get(name, "")
        return value if isinstance(value, str) else ""


def mark_of(item: Mapping[str, Any]) -> Mark:
    """The mark of an item that was read with `EXPAND`."""
    listed = item.get("singleValueExtendedProperties") or ()
    values = {str(p.get("id", "")).casefold(): p.get("value") for p in listed if isinstance(p, Mapping)}
    uid = values.get(UID_PROPERTY.casefold())
    return Mark(uid if isinstance(uid, str) else "", _fields(values.get(FIELDS_PROPERTY.casefold())))


def _fields(text: Any) -> Mapping[str, Any]:
    try:
        fields = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) and fields.get("v") == _VERSION else {}


def fields_of(event: Event) -> dict[str, Any]:
    """What our property says of `event`; only what is not the default."""
    told: dict[str, Any] = {
        "zone": event.zone,
        "organizer": [event.organizer.email, event.organizer.name] if event.organizer else None,
        "url": event.url,
        "sequence": event.sequence,
        "rrule": event.rrule,
        "guests": sorted(person.email.casefold() for person in event.attendees),
        "reminders": event.reminders is not None,
        "private": event.private,
        "teams": event.conference is Conference.TEAMS,
        "reach": [reach.start.isoformat(), reach.end.isoformat()] if (reach := reach_of(event)) else None,
    }
    return {"v": _VERSION, **{name: value for name, value in told.items() if value}}


def reach_of(event: Event) -> Window | None:
    """From the first to the last moved occurrence of `event`."""
    moved = [(o.start, o.end or o.start + (event.end - event.start)) for o in event.occurrences if o.start]
    return window_of(min(start for start, _ in moved), max(end for _, end in moved)) if moved else None


def properties_of(event: Event) -> list[dict[str, str]]:
    """The extended properties of `event`."""
    fields = json.dumps(fields_of(event), ensure_ascii=False, separators=(",", ":"))
    return [{"id": UID_PROPERTY, "value": event.uid}, {"id": FIELDS_PROPERTY, "value": fields}]
