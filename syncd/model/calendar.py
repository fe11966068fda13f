"""Calendars, the events written into them, and what comes back from both directions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from .busy import BusyTime
from .time import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCalendar:
    """A calendar as its provider lists it.

    `id` is the provider's own (a URL for CalDAV). `zone` is its IANA zone, "" when unknown. `special` names kinds
    people rarely mean to check for conflicts (holidays, birthdays), "" for an ordinary one.
    """

    id: str
    name: str
    read_only: bool = False
    primary: bool = False
    color: str = ""
    zone: str = ""
    special: str = ""


class EventStatus(StrEnum):
    """iCalendar STATUS of an event of ours."""

    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"


class Conference(StrEnum):
    """A meeting room that the calendar's own provider makes together with the event."""

    NONE = ""
    GOOGLE_MEET = "google-meet"
    TEAMS = "teams"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody at a meeting. `zone` is an IANA name or ""."""

    email: str
    name: str = ""
    zone: str = ""
    phone: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An occurrence that differs from its rule: `original` is where the rule puts it; `start` None: cancelled."""

    original: datetime
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A booking as a calendar event: exactly the fields syncd owns there. Everything else belongs to people.

    `start` and `end` are aware UTC, shown in `zone` (IANA). An all-day event has `start_date` and `end_date`
    (exclusive) as well, and these win. `rrule` is an RFC 5545 rule without the `RRULE:` prefix, "" when it does not
    recur.
    `sequence` grows with each change that matters to attendees. `private` asks for CLASS:PRIVATE or its like.
    `reminders` are minutes before the start; None leaves the calendar's own default. `conference` asks the calendar's
    provider for a meeting room of its own; one that cannot make it leaves the event without and drops the field.
    """

    uid: str
    title: str
    start: datetime
    end: datetime
    zone: str = "UTC"
    start_date: date | None = None
    end_date: date | None = None
    description: str = ""
    location: str = ""
    url: str = ""
    organizer: Participant | None = None
    attendees: tuple[Participant, ...] = ()
    status: EventStatus = EventStatus.CONFIRMED
    private: bool = False
    rrule: str = ""
    occurrences: tuple[Occurrence, ...] = ()
    sequence: int = 0
    reminders: tuple[int, ...] | None = None
    conference: Conference = Conference.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider confirmed: the event's `id` there, its `version` (an ETag or the like, "" when none was given),
    the iCalendar `uid`, and the names of our fields it did not keep. `meeting_url` is the room it made for the event.
    `notes` are what a CRM's writer needs to know again: ids of people, what was told of whom.
    """

    id: str
    version: str = ""
    uid: str = ""
    dropped: tuple[str, ...] = ()
    request_id: str = ""
    meeting_url: str = ""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """An item (event, iCalendar object) that is new or changed: its `version` and the busy times it now causes inside
    the window asked for. `problem` says that its times could not be understood; `times` then holds what could be.
    `declined`: the calendar's owner has declined it.
    """

    item: str
    version: str
    times: tuple[BusyTime, ...] = ()
    problem: str = ""
    declined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """A page of changes. With `full`, the pages of this read together are the whole calendar: an item in none of them
    is gone. Only the last page has `cursor`, where the next read starts, and `coverage`, the window now known.

    `repaired` counts items whose loss or change the provider's own cursor had hidden, found by comparing versions.
    """

    changed: tuple[ItemChange, ...] = ()
    removed: tuple[str, ...] = ()
    full: bool = False
    cursor: str | None = None
    coverage: Window | None = None
    repaired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a connection test found: who we are there, and facts worth showing (abilities of the server, quotas)."""

    account: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A provider's promise to call us when a calendar changes, until `expires_at`.

    `id` is what its calls name it by. `resource` is the provider's own name of what is watched, which some want back
    when the channel is to be stopped; "" where there is none.
    """

    id: str
    calendar: str
    expires_at: datetime
    resource: str = ""
