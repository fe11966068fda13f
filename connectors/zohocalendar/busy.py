"""When the events of a calendar make its owner busy. Pure.

Theory of operation. Zoho lists a calendar in two ways, and neither says all:

- whole: single events, series, exceptions, each with guests and transparency; but an occurrence that was deleted is not
  told, only the event's own page has it;
- by instance: every occurrence that there is, where it is, and little more: no guests, so not whether the owner
  declined.

So occurrences and their times are taken from the instances, and what they mean from the series, or from the exception.
Expanding the rule ourselves would count deleted occurrences as busy, or cost a request for each series; this way the
rule is Zoho's own to understand, and it costs one more request for 31 days in which there is a series.

What counts, the first that matches: deleted; declined by the owner; transparent; tentatively accepted; else busy. That
an event is private hides its texts, not its times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from syncd.connector import CalendarRead
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import ItemChange
from syncd.model.time import Window

from .marks import mark_of
from .times import Json, UnreadableError, instant, span_of

GONE = frozenset({"deleted", "cancelled"})
FREE = frozenset({"1", "transparent"})
"""`transparency` of what leaves its people free. Its values are not documented; anything else is busy."""

Items = dict[str, dict[str, Json]]
"""By an event's uid, then by the id of the occurrence: "" for the event itself."""


@dataclass(slots=True)
class Listing:
    """What was listed of a calendar, window by window; an event in two of them counts once."""

    whole: Items = field(default_factory=dict)
    instances: Items = field(default_factory=dict)

    def add(self, whole: Iterable[Json], instances: Iterable[Json] = ()) -> None:
        """Add what was listed of one window."""
        for items, told in ((self.whole, whole), (self.instances, instances)):
            for item in told:
                items.setdefault(str(item["uid"]), {})[recurrence_id(item)] = item

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told."""
        return not self.whole and not self.instances

    def items(self, read: CalendarRead, owners: frozenset[str], window: Window) -> Iterator[ItemChange]:
        """Each event with the busy times it causes; a series is one. `owners` are addresses in small letters."""
        for uid in self.whole | self.instances:
            event = _Event(uid, self.whole.get(uid, {}), self.instances.get(uid, {}))
            yield _item(event, _Judge(read, owners, window))


@dataclass(frozen=True, slots=True)
class _Event:
    """All that was told of one event. `records` are from the whole listing, `instances` from the other."""

    uid: str
    records: Mapping[str, Json]
    instances: Mapping[str, Json]

    @property
    def master(self) -> Json:
        """The event itself; empty where only occurrences were told."""
        return self.records.get("", {})

    @property
    def is_single(self) -> bool:
        """Whether it is known not to be a series."""
        return bool(self.master) and not is_series(self.master)

    def happens(self) -> Iterator[Json]:
        """What happens of it, each as an item with its own times. Of an instance that is no exception the series says
        what it means.
        """
        if self.is_single:
            yield self.master
            return
        exceptions = {known: item for known, item in self.records.items() if known}
        yield from exceptions.values()
        for known, item in self.instances.items():
            if known not in exceptions:
                yield {**self.master, **item}

    def version(self) -> str:
        """What changes with it: its etag, and of a series what is known of its occurrences."""
        if self.is_single and self.master.get("etag"):
            return str(self.master["etag"])
        parts = [
            [known, item.get("etag"), item.get("dateandtime")]
            for items in (self.records, self.instances)
            for known, item in sorted(items.items())
        ]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"{self.master.get('etag', '')}+{digest[:24]}"


def is_series(item: Json) -> bool:
    """Whether it is a series, or an occurrence of one: then its calendar is to be listed by instance, too."""
    return bool(item.get("rrule") or item.get("isrep") or recurrence_id(item))


def recurrence_id(item: Json) -> str:
    """The id of an occurrence, told as text or as a number; "" for what is none."""
    told = item.get("recurrenceid")
    return "" if told in (None, "", 0) else str(told)


@dataclass(frozen=True, slots=True)
class _Judge:
    """How a calendar is read."""

    read: CalendarRead
    owners: frozenset[str]
    window: Window

    def answer(self, item: Json) -> str:
        """What the owner has answered to the invitation; "" where nothing is told."""
        for guest in item.get("attendees") or ():
            if isinstance(guest, Mapping) and str(guest.get("email", "")).casefold() in self.owners:
                return str(guest.get("status", "")).upper()
        return ""

    def kind(self, item: Json) -> BusyKind | None:
        """Why the owner is not free; None when they are."""
        answer = self.answer(item)
        if str(item.get("estatus", "")).lower() in GONE or answer == "DECLINED":
            return None
        if str(item.get("transparency", "")).lower() in FREE and not self.read.transparent_is_busy:
            return None
        return BusyKind.TENTATIVE if answer == "TENTATIVE" else BusyKind.BUSY

    def time(self, item: Json, uid: str) -> BusyTime | None:
        """The busy time it causes in the window; None for none. Raises UnreadableError."""
        kind = self.kind(item)
        if kind is None:
            return None
        span = span_of(item, self.read.zone)
        start, end = (instant(moment, self.read.zone) for moment in (span.start, span.end))
        if start >= end or end <= self.window.start or start >= self.window.end:
            return None
        return BusyTime(start, end, kind, uid)


def _item(event: _Event, judge: _Judge) -> ItemChange:
    uid = mark_of(event.master).uid or event.uid
    times, problem = set(), ""
    for item in event.happens():
        try:
            time = judge.time(item, uid)
        except UnreadableError as error:
            problem = str(error)
        else:
            times |= {time} if time else set()
    return ItemChange(
        item=event.uid,
        version=event.version(),
        times=tuple(sorted(times)),
        problem=problem,
        declined=judge.answer(event.master) == "DECLINED",
    )
