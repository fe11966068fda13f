"""What Google Calendar keeps: people, their lists of calendars, and each calendar's events with all their versions.

A calendar counts its changes, and each event keeps what it was at each of them. A sync token names a count, so what is
told for it is the difference between then and now. Resources are never changed once kept: a change keeps a new one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Resource = dict[str, Any]

ROLES = ("freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")
"""Access roles, from the least."""

SPECIAL = {
    "holiday": "en.german#holiday@group.v.calendar.google.com",
    "contacts": "addressbook#contacts@group.v.calendar.google.com",
}
"""Calendars that Google fills itself, whose ids mean the same for everybody."""


@dataclass(slots=True)
class Record:
    """An event: what it was from which of its calendar's versions on."""

    history: list[tuple[int, Resource]] = field(default_factory=list)

    @property
    def now(self) -> Resource:
        """As it is."""
        return self.history[-1][1]

    @property
    def version(self) -> int:
        """Since when it is so."""
        return self.history[-1][0]

    def at(self, version: int) -> Resource | None:
        """As it was at a version; None before it was made."""
        return next((r for v, r in reversed(self.history) if v <= version), None)


@dataclass(slots=True)
class Calendar:
    """A calendar. `special` is a key of SPECIAL, or ""; `primary` means that its id is its owner's address; `children`
    are the ids of each series' exceptions.
    """

    id: str
    summary: str
    zone: str
    owner: str
    primary: bool = False
    special: str = ""
    description: str = ""
    deleted: bool = False
    version: int = 0
    events: dict[str, Record] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    changed: Callable[[Calendar], None] = lambda calendar: None

    def put(self, resource: Resource) -> Resource:
        """Keep a resource as the event's current state, with a new etag."""
        self.version += 1
        kept = {"kind": "calendar#event", **resource, "etag": etag(self.version)}
        if resource["id"] not in self.events:
            self.events[resource["id"]] = Record()
            self.children.setdefault(resource.get("recurringEventId", ""), []).append(resource["id"])
        self.events[resource["id"]].history.append((self.version, kept))
        self.changed(self)
        return kept

    def get(self, event_id: str) -> Resource | None:
        """An event that was ever there."""
        record = self.events.get(event_id)
        return record.now if record else None

    def exceptions(self, series: str, version: int | None = None) -> dict[str, Resource]:
        """The exceptions of a series by their ids, now or as of a version."""
        found = {}
        for event_id in self.children.get(series, ()):
            record = self.events[event_id]
            resource = record.now if version is None else record.at(version)
            if resource is not None:
                found[event_id] = resource
        return found

    def changed_since(self, version: int) -> Iterator[Record]:
        """What changed after a version, in that order."""
        late = [r for r in self.events.values() if r.version > version]
        return iter(sorted(late, key=lambda r: r.version))


@dataclass(slots=True)
class Entry:
    """A calendar in a person's list."""

    calendar: Calendar
    role: str
    hidden: bool = False
    selected: bool = True
    deleted: bool = False
    version: int = 0
    fields: Resource = field(default_factory=dict)


@dataclass(slots=True)
class User:
    """A person with an account. `settings` are those of the Calendar's own pages."""

    email: str
    name: str
    zone: str
    version: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    changed: Callable[[User], None] = lambda user: None

    @property
    def subject(self) -> str:
        """The account's number, as OpenID Connect tells it."""
        return str(int(hashlib.sha256(self.email.encode()).hexdigest()[:16], 16)).zfill(21)

    def list_calendar(self, calendar: Calendar, role: str, **fields: Any) -> Entry:
        """Put a calendar into the list."""
        entry = Entry(calendar, role, **fields)
        self.entries[calendar.id] = entry
        self.touch(entry)
        return entry

    def touch(self, entry: Entry) -> None:
        """Count a change of an entry."""
        self.version += 1
        entry.version = self.version
        self.changed(self)

    def entry(self, calendar_id: str) -> Entry | None:
        """A calendar the person can reach; `primary` is their own."""
        found = self.entries.get(self.email if calendar_id == "primary" else calendar_id)
        return None if found is None or found.deleted or found.calendar.deleted else found


def etag(version: int) -> str:
    """A version as an entity tag, in quotes."""
    return f'"{3_500_000_000_000_000 + version * 2}"'


def calendar_id() -> str:
    """The id of a new secondary calendar."""
    return f"c_{secrets.token_hex(32)}@group.calendar.google.com"
