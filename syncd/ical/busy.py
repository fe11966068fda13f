"""When an iCalendar text makes its owner busy.

Theory of operation. `read_busy` scans the text, decides for every VEVENT what kind of busy it is (one table,
`_MEANINGS`), groups events by UID and expands each group inside the window. The first row of the table that matches
counts:

1. cancelled, or declined by the owner: free, whatever else is said;
2. "working elsewhere" (Microsoft): reachable, so free, though never by the feed's transparency rule;
3. TRANSP:TRANSPARENT or Microsoft's FREE: free unless the feed's rule says that its transparent events count;
4. out of office is busy of its own kind;
5. a tentative event; then the owner's own acceptance, before Microsoft's TENTATIVE: invitations from Outlook carry
   that for good, also after the owner accepted somewhere else; then the owner's tentative answer;
6. everything else is busy, also values nobody knows.

Transparency comes before Microsoft's other words, because calendars that are not Microsoft's keep those from the
invitation and express the owner's later "show as free" by TRANSP alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from enum import Enum, auto
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from syncd.errors import InputError
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.time import Window

from .scan import Feed, RawEvent, scan
from .series import Expansion, Part, expand
from .values import DAY, UnreadableError, parse_duration
from .zones import CalendarZones, named_zone


class Meaning(Enum):
    """What an event's properties say about its owner's time, before the feed's own rules."""

    FREE = auto()
    TRANSPARENT = auto()
    TENTATIVE = auto()
    OUT_OF_OFFICE = auto()
    BUSY = auto()


_BUSY_STATUS = "X-MICROSOFT-CDO-BUSYSTATUS"
#: Property, value, meaning: the first that matches, else busy.
_MEANINGS = (
    ("STATUS", "CANCELLED", Meaning.FREE),
    ("PARTSTAT", "DECLINED", Meaning.FREE),
    (_BUSY_STATUS, "WORKINGELSEWHERE", Meaning.FREE),
    ("TRANSP", "TRANSPARENT", Meaning.TRANSPARENT),
    (_BUSY_STATUS, "FREE", Meaning.TRANSPARENT),
    (_BUSY_STATUS, "OOF", Meaning.OUT_OF_OFFICE),
    ("STATUS", "TENTATIVE", Meaning.TENTATIVE),
    ("PARTSTAT", "ACCEPTED", Meaning.BUSY),
    (_BUSY_STATUS, "TENTATIVE", Meaning.TENTATIVE),
    ("PARTSTAT", "TENTATIVE", Meaning.TENTATIVE),
)
_LONGEST_TRAVEL = 7 * DAY  # a longer journey is a mistake, and an event of its own in any calendar


@dataclass(frozen=True, slots=True)
class BusyRules:
    """How one calendar is read.

    `zone` (IANA or Windows name) is where all-day events and floating times are, unless the text says otherwise in
    X-WR-TIMEZONE; there `UTC` says nothing, because producers write it when they do not know. `owner_emails` are the
    addresses whose PARTSTAT counts. The flags say what besides plain busy events makes the owner busy.
    """

    zone: str = "UTC"
    owner_emails: frozenset[str] = frozenset()
    transparent_is_busy: bool = False
    tentative_is_busy: bool = True
    travel_is_busy: bool = True

    def kinds(self) -> dict[Meaning, BusyKind | None]:
        """The kind of busy time each meaning makes, None for none."""
        return {
            Meaning.FREE: None,
            Meaning.TRANSPARENT: BusyKind.BUSY if self.transparent_is_busy else None,
            Meaning.TENTATIVE: BusyKind.TENTATIVE if self.tentative_is_busy else None,
            Meaning.OUT_OF_OFFICE: BusyKind.OUT_OF_OFFICE,
            Meaning.BUSY: BusyKind.BUSY,
        }


class ItemProblem(NamedTuple):
    """What could not be understood: the event's UID ("" for the text as a whole), its line (from 1), and why."""

    uid: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class BusyReading:
    """What one iCalendar text says.

    `times` are sorted by start, not merged and not clipped: each overlaps the window. `uids` are those of all events,
    in the order of the text. `zone` is the calendar's own IANA zone; it, `name` and `color` are "" when the text is
    silent.
    """

    times: list[BusyTime]
    problems: list[ItemProblem]
    uids: tuple[str, ...]
    name: str = ""
    color: str = ""
    zone: str = ""


def read_busy(text: str | bytes, window: Window, rules: BusyRules) -> BusyReading:
    """The busy times of an iCalendar text that overlap `window`.

    What cannot be understood is a problem of its own event; the other events are read. Raises InputError when the text
    is no calendar, or the rules' zone is unknown.
    """
    feed = scan(text, frozenset(email.lower() for email in rules.owner_emails))
    stated = named_zone(feed.zone) if feed.zone else None
    own = stated if stated is not None and stated is not UTC else _zone(rules.zone)
    found: list[tuple[RawEvent, str]] = []
    expansion = Expansion(window, CalendarZones(own, feed.zones), lambda event, reason: found.append((event, reason)))
    groups: dict[str, list[Part]] = {}
    for part in _parts(feed, rules, expansion):
        groups.setdefault(part.uid or f"\0{part.raw.line}", []).append(part)
    for parts in groups.values():
        expand(parts, expansion)
    expansion.times.sort(key=itemgetter(0))
    return BusyReading(
        times=expansion.times,
        problems=_problems(feed, found),
        uids=tuple(uid for uid in groups if uid[0] != "\0"),
        name=feed.name,
        color=feed.color,
        zone=getattr(stated, "key", "UTC") if stated else "",
    )


def _zone(name: str) -> tzinfo:
    zone = named_zone(name)
    if zone is None:
        raise InputError(f"unknown time zone {name!r} for the calendar", code="unknown_zone")
    return zone


def _parts(feed: Feed, rules: BusyRules, expansion: Expansion) -> list[Part]:
    """Every VEVENT with its kind and travel time."""
    kinds = rules.kinds()
    parts = []
    for event in feed.events:
        meaning = _meaning(*(event.value(name) for name in ("STATUS", "TRANSP", _BUSY_STATUS, "PARTSTAT")))
        part = Part(event, event.props.get("UID", "").partition(":")[2].strip(), kinds[meaning])
        if rules.travel_is_busy and "X-APPLE-TRAVEL-DURATION" in event.props:
            with expansion.reporting(event):
                part.travel = _travel(event.value("X-APPLE-TRAVEL-DURATION"))
        parts.append(part)
    return parts


@lru_cache(maxsize=256)
def _meaning(status: str, transp: str, busy_status: str, partstat: str) -> Meaning:
    """The table's answer."""
    said = {"STATUS": status, "TRANSP": transp, _BUSY_STATUS: busy_status, "PARTSTAT": partstat}
    return next((meaning for name, value, meaning in _MEANINGS if said[name].upper() == value), Meaning.BUSY)


def _travel(value: str) -> timedelta:
    days, exact = parse_duration(value)
    travel = days * DAY + exact
    if not timedelta(0) <= travel <= _LONGEST_TRAVEL:
        raise UnreadableError("the travel time is negative or longer than a week")
    return travel


def _problems(feed: Feed, found: list[tuple[RawEvent, str]]) -> list[ItemProblem]:
    """Problems with their lines in the text, in its order, each once."""
    if not found and not feed.problems:
        return []
    lines = feed.line_numbers()
    uids = {event.line: event.props.get("UID", "").partition(":")[2].strip() for event in feed.events}
    logical = {(event.line, reason) for event, reason in found} | set(feed.problems)
    return [ItemProblem(uids.get(line, ""), lines[min(line, len(lines) - 1)], why) for line, why in sorted(logical)]
