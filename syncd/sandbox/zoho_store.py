"""What Zoho Calendar keeps: people, their calendars, events.

Every change of a calendar raises its `ctag`, every change of an event its `etag`; both are milliseconds, and no two are
the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from syncd.model.clock import Clock

Resource = dict[str, Any]

WRITERS = frozenset({"owner", "delegate", "edit"})
READERS = WRITERS | {"view"}
PRIVILEGES = READERS | {"freebusy"}
"""What a person may do with a calendar. Only `owner` is documented."""


@dataclass(slots=True, kw_only=True)
class Event:
    """An event, a series, or an exception of one (then `recurrence_id` says which occurrence it stands for).

    `start` and `end` are UTC, or dates of which the end is exclusive. `gone` are the ids of a series' deleted
    occurrences.
    """

    uid: str
    start: datetime | date
    end: datetime | date
    zone: str
    fields: Resource
    organizer: str
    created: datetime
    etag: int = 0
    modified: datetime
    recurrence_id: str = ""
    exceptions: dict[str, Event] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    @property
    def all_day(self) -> bool:
        """Whether it has dates instead of times."""
        return not isinstance(self.start, datetime)

    @property
    def rrule(self) -> str:
        """The rule of a series; "" for a single event."""
        return str(self.fields.get("rrule", ""))


@dataclass(slots=True, kw_only=True)
class Calendar:
    """A calendar. `number` is what Zoho calls `calid`."""

    uid: str
    number: str
    name: str
    owner: str
    zone: str
    created: datetime
    modified: datetime
    ctag: int = 0
    events: dict[str, Event] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """A calendar in a person's list. `busy`: it counts for their free/busy."""

    calendar: Calendar
    privilege: str
    default: bool = False
    visible: bool = True
    busy: bool = True
    category: str = "own"


@dataclass(slots=True)
class User:
    """A person. `freebusy`: they let their organisation see when they are busy."""

    email: str
    zone: str
    freebusy: bool = True
    entries: dict[str, Entry] = field(default_factory=dict)

    def entry(self, uid: str) -> Entry | None:
        """A calendar in the list; `default` and `primary` are the person's own."""
        if uid in ("default", "primary"):
            return next((e for e in self.entries.values() if e.default), None)
        return self.entries.get(uid)


@dataclass(slots=True)
class Store:
    """All that is kept."""

    clock: Clock
    users: dict[str, User] = field(default_factory=dict)
    _last: int = 0

    def stamp(self) -> int:
        """A new version: the time in milliseconds, later than the one before."""
        self._last = max(self._last + 1, int(self.clock().timestamp() * 1000))
        return self._last

    def user(self, email: str) -> User:
        """A person. Raises ValueError."""
        found = self.users.get(email.lower())
        if found is None:
            raise ValueError(f"no user {email}")
        return found

    def new_calendar(self, user: User, name: str, zone: str) -> Calendar:
        """A calendar, in nobody's list yet."""
        now, uid, number = self.clock(), secrets.token_hex(16), str(self.stamp())
        made = Calendar(uid=uid, number=number, name=name, owner=user.email, zone=zone, created=now, modified=now)
        self.touch(made)
        return made

    def touch(self, calendar: Calendar) -> None:
        """Count a change of a calendar."""
        calendar.ctag, calendar.modified = self.stamp(), self.clock()

    def keep(self, calendar: Calendar, event: Event) -> Event:
        """Keep an event, or an exception of a series that is there, as changed now."""
        event.etag, event.modified = self.stamp(), self.clock()
        if event.recurrence_id:
            series = calendar.events[event.uid]
            series.exceptions[event.recurrence_id] = event
            series.etag = self.stamp()
        else:
            calendar.events[event.uid] = event
        self.touch(calendar)
        return event

    def remove(self, calendar: Calendar, event: Event, recurrence_id: str = "") -> None:
        """Delete an event, or one occurrence of a series."""
        if recurrence_id:
            event.exceptions.pop(recurrence_id, None)
            event.gone.append(recurrence_id)
            event.etag, event.modified = self.stamp(), self.clock()
        else:
            del calendar.events[event.uid]
        self.touch(calendar)


def new_uid() -> str:
    """The uid of an event that Zoho makes."""
    return f"{secrets.token_hex(16)}@zoho.com"


def all_events(calendar: Calendar) -> Iterator[Event]:
    """Every event, each series before its exceptions."""
    for event in calendar.events.values():
        yield event
        yield from event.exceptions.values()
