"""The occurrences of all VEVENTs that share a UID, as moments in UTC.

Theory of operation. A series is one or more masters (no RECURRENCE-ID) and overrides (with one).

- A master's starts are DTSTART, RDATE and RRULE in its own local time; each becomes UTC by itself, so DST never shifts
  the wall clock. From them go the EXDATEs and every start an override replaces.
- EXDATE and RECURRENCE-ID are written in any zone form: the master's own local time, another zone or UTC, or a date.
  Marks compare each in its own terms: local with local, instant with instant, date with local date.
- An override stands at its own time, wherever that is, with its own properties; so one moved into or out of the window,
  cancelled, or without a master (an invitation to a single occurrence) needs no special case. One whose occurrence is
  in EXDATE is gone.
- RANGE=THISANDFUTURE moves the later starts by as much as it moved its own, and gives them its length and its kind.
- Masters with the same UID: the highest SEQUENCE is the current one; with equal SEQUENCE they are different events of a
  producer that repeats UIDs, and all stand (unknown is never free). Overrides of the same occurrence likewise.
- An end given by DTEND makes every occurrence exactly as long as the first; a DURATION counts its days by the calendar
  (RFC 5545 section 3.8.5.3). All-day events last whole days of the calendar's zone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from types import TracebackType
from typing import NamedTuple, TypeVar

from syncd.model.busy import BusyKind, BusyTime
from syncd.model.time import Window

from .recurrence import Budget, parse_rule, starts
from .scan import RawEvent
from .values import DAY, Length, Stamp, UnreadableError, parse_duration, to_utc
from .zones import CalendarZones

T = TypeVar("T")

_NONE = timedelta(0)
_MIN, _MAX = datetime(1, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001 - wall-clock times
_REPEATING = {"RRULE", "RDATE", "EXDATE"}
_ONE_DAY = Length(1, _NONE)


class Frame(NamedTuple):
    """How a master counts its starts: wall-clock times of `zone`, or whole days of it."""

    zone: tzinfo
    all_day: bool


class Timing(NamedTuple):
    """When one VEVENT's own occurrence begins, in its frame, and how long it lasts."""

    start: datetime
    frame: Frame
    length: Length


@dataclass(slots=True)
class Part:
    """One VEVENT. `kind` None means it makes nobody busy; `travel` is the time on the way to it."""

    raw: RawEvent
    uid: str
    kind: BusyKind | None
    travel: timedelta = _NONE


class Reporting:
    """A context in which whatever cannot be understood becomes a problem of `event`, and ends the context only."""

    __slots__ = ("event", "report")

    def __init__(self, event: RawEvent, report: Callable[[RawEvent, str], None]) -> None:
        self.event = event
        self.report = report

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, UnreadableError):
            self.report(self.event, str(error))
        elif isinstance(error, OverflowError | ValueError):
            self.report(self.event, "its times leave the calendar")
        else:
            return False
        return True


@dataclass(slots=True)
class Expansion:
    """One reading in progress: what to look for, and what was found. `report` takes an event and what is wrong with
    it.
    """

    window: Window
    zones: CalendarZones
    report: Callable[[RawEvent, str], None]
    budget: Budget = field(default_factory=Budget)
    times: list[BusyTime] = field(default_factory=list)

    def reporting(self, event: RawEvent) -> Reporting:
        """A context whose failures are problems of `event`."""
        return Reporting(event, self.report)

    def add(self, part: Part, start: datetime, zone: tzinfo, length: Length) -> None:
        """The occurrence of `part` at wall-clock `start`, and the way to it, as far as they touch the window."""
        begin = to_utc(start, zone)
        end = (to_utc(start + length.days * DAY, zone) if length.days else begin) + length.exact
        if begin >= end or part.kind is None:
            return
        if begin < self.window.end and end > self.window.start:
            self.times.append(BusyTime(begin, end, part.kind, part.uid))
        if part.travel and begin > self.window.start and begin - part.travel < self.window.end:
            self.times.append(BusyTime(begin - part.travel, begin, BusyKind.TRAVEL, part.uid))


class Marks:
    """Starts of a master that are taken out, each compared in the terms it was written in."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._days: set[date] = set()
        self._locals: set[datetime] = set()
        self._instants: set[datetime] = set()

    def add(self, stamp: Stamp) -> None:
        """Mark the start (or the day's starts) that `stamp` names."""
        if stamp.is_date or self.frame.all_day:
            self._days.add(local_in(stamp, self.frame).date())
        elif stamp.zone is None or stamp.zone is self.frame.zone:
            self._locals.add(stamp.local)
        else:
            self._instants.add(stamp.instant(self.frame.zone))

    def __contains__(self, local: datetime) -> bool:
        return (
            local in self._locals
            or (bool(self._days) and local.date() in self._days)
            or (bool(self._instants) and to_utc(local, self.frame.zone) in self._instants)
        )


def local_in(stamp: Stamp, frame: Frame) -> datetime:
    """`stamp` on the wall clock of `frame`; of an all-day frame, the midnight of its day.

    Producers name the day of an all-day event by its date at midnight of any zone, or by the moment it begins.
    """
    if stamp.zone is None or stamp.zone is frame.zone or (frame.all_day and stamp.local.time() == time.min):
        local = stamp.local
    else:
        local = stamp.instant(frame.zone).astimezone(frame.zone).replace(tzinfo=None)
    return local.replace(hour=0, minute=0, second=0) if frame.all_day else local


def timing(props: dict[str, str], zones: CalendarZones) -> Timing:
    """When a VEVENT is. Raises UnreadableError, also for an end before the start.

    An all-day event that ends on its own start date lasts that day: producers forget that DTEND is exclusive.
    """
    if "DTSTART" not in props:
        raise UnreadableError("no DTSTART")
    start = _stamp(props, "DTSTART", zones)
    frame = Frame(start.zone or zones.own, start.is_date)
    length = _length(props, start, zones)
    if length.days < 0 or length.exact < _NONE:
        raise UnreadableError("it ends before it starts")
    if start.is_date and not length.days and not length.exact:
        length = _ONE_DAY
    return Timing(start.local, frame, length)


def _length(props: dict[str, str], start: Stamp, zones: CalendarZones) -> Length:
    if "DTEND" in props:
        end = _stamp(props, "DTEND", zones)
        if start.is_date and end.is_date:
            return Length((end.local - start.local).days, _NONE)
        exact = end.instant(zones.own) - start.instant(zones.own)
        if exact <= _NONE and end.zone is start.zone:
            exact = end.local - start.local  # a start in a DST gap can pass its end; the wall clock knows the length
        return Length(0, exact)
    if "DURATION" in props:
        return parse_duration(props["DURATION"].rpartition(":")[2].strip())
    return Length(0, _NONE)


def _stamp(props: dict[str, str], name: str, zones: CalendarZones) -> Stamp:
    parameters, _, value = props[name].rpartition(":")
    return zones.stamp(parameters, value.strip())


class Override(NamedTuple):
    """A part with the start it replaces (None: unreadable). `timing` None: it makes nobody busy, so it is not
    needed.
    """

    part: Part
    replaces: Stamp | None
    timing: Timing | None

    @property
    def future(self) -> bool:
        """Whether it also changes all later starts."""
        return "THISANDFUTURE" in self.part.raw.props["RECURRENCE-ID"].upper()


class Change(NamedTuple):
    """From the first start after `after`, what a THISANDFUTURE override makes of a start."""

    after: datetime
    part: Part
    shift: timedelta
    length: Length


def expand(parts: list[Part], expansion: Expansion) -> None:
    """Add the occurrences of all parts with one UID."""
    expansion.budget.next_event()
    masters = [part for part in parts if "RECURRENCE-ID" not in part.raw.props]
    overrides = _overrides([part for part in parts if "RECURRENCE-ID" in part.raw.props], expansion)
    gone: set[int] = set()
    for part in _current(masters, lambda part: part):
        if part.kind is not None or overrides:
            with expansion.reporting(part.raw):
                gone |= _add_master(part, overrides, expansion)
    for override in overrides:
        if override.timing is not None and id(override) not in gone:
            start, frame, length = override.timing
            with expansion.reporting(override.part.raw):
                expansion.add(override.part, start, frame.zone, length)


def _current(items: list[T], part_of: Callable[[T], Part]) -> list[T]:
    """Those with the highest SEQUENCE."""
    if len(items) < 2:
        return items
    highest = max(_sequence(part_of(item)) for item in items)
    return [item for item in items if _sequence(part_of(item)) == highest]


def _sequence(part: Part) -> int:
    text = part.raw.value("SEQUENCE")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _overrides(parts: list[Part], expansion: Expansion) -> list[Override]:
    """The readable overrides; of those that replace the same start, the current ones."""
    by_start: dict[object, list[Override]] = {}
    for part in parts:
        replaces = None
        with expansion.reporting(part.raw):
            replaces = _stamp(part.raw.props, "RECURRENCE-ID", expansion.zones)
        with expansion.reporting(part.raw):
            when = None if part.kind is None else timing(part.raw.props, expansion.zones)
            key = id(part) if replaces is None else replaces.instant(expansion.zones.own)
            by_start.setdefault(key, []).append(Override(part, replaces, when))
    return [one for same in by_start.values() for one in _current(same, lambda override: override.part)]


def _add_master(part: Part, overrides: list[Override], expansion: Expansion) -> set[int]:
    """Add the occurrences of one master. Returns the ids of the overrides its EXDATEs take out."""
    when = timing(part.raw.props, expansion.zones)
    if not overrides and not _REPEATING & part.raw.props.keys():
        expansion.add(part, when.start, when.frame.zone, when.length)
        return set()
    excluded, replaced = Marks(when.frame), Marks(when.frame)
    with expansion.reporting(part.raw):
        for stamp in expansion.zones.stamps(part.raw.props.get("EXDATE", "")):
            excluded.add(stamp)
    for override in overrides:
        if override.replaces is not None:
            replaced.add(override.replaces)
    changes = _changes(overrides, when.frame)
    for local, length in _starts(part, when, changes, expansion).items():
        if local not in excluded and local not in replaced:
            _add_start(part, local, when.frame.zone, length, changes, expansion)
    return {id(one) for one in overrides if one.replaces and local_in(one.replaces, when.frame) in excluded}


def _add_start(
    part: Part, local: datetime, zone: tzinfo, length: Length, changes: list[Change], expansion: Expansion
) -> None:
    """One start of a master, as the latest THISANDFUTURE override before it wants it."""
    change = next((change for change in reversed(changes) if change.after < local), None)
    if change is None:
        expansion.add(part, local, zone, length)
    else:
        expansion.add(change.part, local + change.shift, zone, change.length)


def _changes(overrides: list[Override], frame: Frame) -> list[Change]:
    """The THISANDFUTURE overrides in the order of the starts they replace."""
    changes = []
    for part, replaces, when in (override for override in overrides if override.future):
        if replaces is None:
            continue
        after = local_in(replaces, frame)
        if when is None:
            changes.append(Change(after, part, _NONE, Length(0, _NONE)))
        else:
            start = local_in(Stamp(when.start, when.frame.zone, when.frame.all_day), frame)
            changes.append(Change(after, part, start - after, when.length))
    return sorted(changes, key=lambda change: change.after)


def _starts(part: Part, when: Timing, changes: list[Change], expansion: Expansion) -> dict[datetime, Length]:
    """The local starts of a master that may touch the window, with their lengths; some that do not, too."""
    found: dict[datetime, Length] = {}
    rules = [line.rpartition(":")[2].strip() for line in part.raw.props.get("RRULE", "").split("\n") if line]
    ended = 0
    low, high = _reach(part, when, changes, expansion.window)
    for text in rules:
        with expansion.reporting(part.raw):
            rule = parse_rule(text, when.frame.all_day)
            last = rule.last(*when.frame) or _MAX
            ended += last < when.start
            limit = high if last >= high else last + timedelta(seconds=1)
            found.update(dict.fromkeys(starts(rule, when.start, low, limit, expansion.budget), when.length))
    if not rules or ended < len(rules):
        found[when.start] = when.length
    with expansion.reporting(part.raw):
        found.update(_extra(part, when, expansion.zones))
    return found


def _reach(part: Part, when: Timing, changes: list[Change], window: Window) -> tuple[datetime, datetime]:
    """Between which local times a start can touch the window. A day more on both sides covers every change of
    offset.
    """
    lengths = [when.length, *(change.length for change in changes)]
    shifts = [_NONE, *(change.shift for change in changes)]
    back = max(length.days * DAY + length.exact for length in lengths) + max(shifts) + DAY
    ahead = max([part.travel, *(change.part.travel for change in changes)]) - min(shifts) + DAY
    low, high = (at.astimezone(when.frame.zone).replace(tzinfo=None) for at in (window.start, window.end))
    return low - min(back, low - _MIN), high + min(ahead, _MAX - high)


def _extra(part: Part, when: Timing, zones: CalendarZones) -> dict[datetime, Length]:
    """RDATE: dates and times as long as the event, PERIODs with their own length."""
    found: dict[datetime, Length] = {}
    for line in part.raw.props.get("RDATE", "").split("\n") if "RDATE" in part.raw.props else ():
        parameters, _, values = line.rpartition(":")
        for value in values.split(","):
            first, slash, second = value.strip().partition("/")
            start = zones.stamp(parameters, first)
            length = _period_length(start, parameters, second, zones) if slash else when.length
            found[local_in(start, when.frame)] = length
    return found


def _period_length(start: Stamp, parameters: str, end: str, zones: CalendarZones) -> Length:
    """The length of a PERIOD given its end or its duration."""
    if end.startswith(("P", "+P")):
        return parse_duration(end)
    return Length(0, zones.stamp(parameters, end).instant(zones.own) - start.instant(zones.own))
