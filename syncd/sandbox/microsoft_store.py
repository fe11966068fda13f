"""Mailboxes, their calendars and events, with what has changed in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from .microsoft_errors import GraphError, not_found

Resource = dict[str, Any]
IMMUTABLE, MUTABLE, CONTAINER = "AAkAL", "AAMkA", "AQMkA"
"""What ids begin with: those of events that outlive a move (Prefer: IdType="ImmutableId"), the others, calendars'.

A calendar has one id for good (https://learn.microsoft.com/graph/outlook-immutable-id: "their regular IDs were already
constant").
"""
FOLDER_LENGTH = 8


@dataclass(slots=True)
class Event:
    """An event, a series' master, or an occurrence that differs from its rule (`original` set).

    `fields` is all that clients set besides times and rule; `version` grows with each change; `folder` is its
    calendar's.
    """

    id: str
    start: datetime
    end: datetime
    zone: str
    all_day: bool
    created: datetime
    modified: datetime
    version: int
    uid: str
    folder: str = ""
    fields: Resource = field(default_factory=dict)
    recurrence: Resource | None = None
    exceptions: dict[datetime, Event] = field(default_factory=dict)
    cancelled: set[datetime] = field(default_factory=set)
    master: str = ""
    original: datetime | None = None

    @property
    def kind(self) -> str:
        """Graph's eventType."""
        if self.recurrence is not None:
            return "seriesMaster"
        if not self.master:
            return "singleInstance"
        return "exception" if self.version else "occurrence"


@dataclass(slots=True)
class Calendar:
    """A calendar of a mailbox. `changes` are (number, id of the event), oldest first; `spans` is when single events
    were, from which number on. `folder` is what the changing ids of its events begin with.
    """

    id: str
    name: str
    folder: str
    can_edit: bool = True
    default: bool = False
    events: dict[str, Event] = field(default_factory=dict)
    changes: list[tuple[int, str]] = field(default_factory=list)
    spans: dict[str, list[tuple[int, datetime, datetime]]] = field(default_factory=dict)

    def was_within(self, event_id: str, number: int, start: datetime, end: datetime) -> bool:
        """Whether a single event overlapped a window at the time of a number."""
        for since, begun, ended in reversed(self.spans.get(event_id, ())):
            if since <= number:
                return begun < end and ended > start
        return False


@dataclass(slots=True)
class Mailbox:
    """Somebody's."""

    email: str
    name: str
    zone: str
    id: str = field(default_factory=lambda: str(uuid4()))
    calendars: dict[str, Calendar] = field(default_factory=dict)

    def calendar(self, named: str) -> Calendar:
        """A calendar by its id; "" is the default one. Raises GraphError."""
        if not named:
            return next(c for c in self.calendars.values() if c.default)
        found = self.calendars.get(named)
        if found is None:
            raise not_found()
        return found

    def holding(self, event_id: str) -> tuple[Calendar, str]:
        """The calendar with an event, and its lasting id. Raises GraphError, also for an id it had before a move."""
        wanted = plain(event_id)
        for calendar in self.calendars.values():
            if wanted.partition(".")[0] in calendar.events and event_id in (wanted, shown_id(wanted, calendar.folder)):
                return calendar, wanted
        raise not_found()


class Store:
    """Every mailbox. `epoch` is part of every delta link: raising it kills them all. `series` has the ids of all
    occurrences that a series was ever told to have; `rounds` what is on the pages of rounds under way. `now` is the
    number of the latest change.
    """

    def __init__(self) -> None:
        self.mailboxes: dict[str, Mailbox] = {}
        self.series: dict[str, set[str]] = {}
        self.rounds: dict[str, list[Resource]] = {}
        self.epoch = 1
        self.now = 0

    def add(self, email: str, name: str, zone: str) -> Mailbox:
        """A mailbox with its default calendar."""
        made = Mailbox(email.lower(), name, zone)
        self.mailboxes[made.email] = made
        self.add_calendar(made, "Calendar", default=True)
        return made

    def add_calendar(self, mailbox: Mailbox, name: str, *, can_edit: bool = True, default: bool = False) -> Calendar:
        """An empty calendar."""
        made = Calendar(f"{CONTAINER}{uuid4().hex}", name, _folder(), can_edit, default)
        mailbox.calendars[made.id] = made
        return made

    def mailbox(self, named: str) -> Mailbox:
        """By e-mail or id. Raises GraphError."""
        found = self.mailboxes.get(named.lower())
        found = found or next((m for m in self.mailboxes.values() if m.id == named), None)
        if found is None:
            raise GraphError(404, "ErrorInvalidUser", "The requested user is invalid.")
        return found

    def keep(self, calendar: Calendar, event: Event) -> Event:
        """Store an event, as a change."""
        event.version = self._count(calendar, event.id)
        calendar.events[event.id] = event
        _file(calendar, event)
        if event.recurrence is None:
            calendar.spans.setdefault(event.id, []).append((event.version, event.start, event.end))
        return event

    def remove(self, calendar: Calendar, event: Event) -> None:
        """Take an event out, as a change."""
        del calendar.events[event.id]
        self._count(calendar, event.id)

    def change_ids(self, mailbox: Mailbox) -> None:
        """Give all events of a mailbox other ids, save those that outlive a move."""
        for calendar in mailbox.calendars.values():
            calendar.folder = _folder()
            for event in calendar.events.values():
                _file(calendar, event)

    def expire(self) -> None:
        """Kill every link of every delta."""
        self.epoch += 1
        self.rounds.clear()

    def _count(self, calendar: Calendar, event_id: str) -> int:
        self.now += 1
        calendar.changes.append((self.now, event_id))
        return self.now


def new_id() -> str:
    """An id that outlives everything."""
    return f"{IMMUTABLE}{uuid4().hex}"


def plain(told: str) -> str:
    """The lasting id of an event, whichever kind was told."""
    return IMMUTABLE + told[len(MUTABLE) + FOLDER_LENGTH :] if told.startswith(MUTABLE) else told


def shown_id(own: str, folder: str, *, immutable: bool = False) -> str:
    """An event's id of the kind that was asked for, while it is in that folder."""
    return own if immutable or not own.startswith(IMMUTABLE) else MUTABLE + folder + own[len(IMMUTABLE) :]


def _folder() -> str:
    return uuid4().hex[:FOLDER_LENGTH]


def _file(calendar: Calendar, event: Event) -> None:
    for each in (event, *event.exceptions.values()):
        each.folder = calendar.folder


def occurrence_id(master: str, original: datetime) -> str:
    """The id of an occurrence."""
    return f"{master}.{original:%Y%m%dT%H%M%SZ}"
