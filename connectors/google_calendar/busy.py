"""When an event of Google's makes its calendar's owner busy. Pure.

The first row of the table that fits counts:

1. cancelled: there is no such event any more;
2. declined by the owner of the calendar: free, whatever else is said;
3. where somebody works, and birthdays: free, by their type (they are transparent to Google as well);
4. transparent ("show me as available"): free, unless this calendar's transparent events count;
5. out of office: busy of its own kind;
6. tentative, as an event or as the owner's answer;
7. everything else is busy: focus time, what Gmail made, and types nobody knows yet.

This is what Google's own free/busy says, except that it tells no kinds. The owner is the attendee marked `self`: whose
calendar this copy of the event is in (discovery: EventAttendee).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any
from zoneinfo import ZoneInfo

from syncd.connector import CalendarRead
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import ItemChange
from syncd.model.time import Window

from .times import UnreadableError, instant_of, moment_of, zone_of

Json = Mapping[str, Any]

FIELDS = "items(id,etag,status,iCalUID,eventType,transparency,start,end,attendees(self,responseStatus))"
"""What is asked for of each event: nothing of what it is about. With `MOST_ATTENDEES`, only the owner's answer."""

MOST_ATTENDEES = 1
"""Above it Google tells only the owner's own attendance (discovery: `maxAttendees`)."""


class Meaning(Enum):
    """What an event says about its owner's time, before the calendar's own rule."""

    GONE = auto()
    DECLINED = auto()
    FREE = auto()
    TRANSPARENT = auto()
    OUT_OF_OFFICE = auto()
    TENTATIVE = auto()
    BUSY = auto()


def answer_of(event: Json) -> str:
    """What the calendar's owner has answered; "" where they were not asked."""
    return next((str(a.get("responseStatus", "")) for a in event.get("attendees") or () if a.get("self")), "")


MEANINGS: tuple[tuple[Callable[[Json], Any], str, Meaning], ...] = (
    (lambda event: event.get("status"), "cancelled", Meaning.GONE),
    (answer_of, "declined", Meaning.DECLINED),
    (lambda event: event.get("eventType"), "workingLocation", Meaning.FREE),
    (lambda event: event.get("eventType"), "birthday", Meaning.FREE),
    (lambda event: event.get("transparency"), "transparent", Meaning.TRANSPARENT),
    (lambda event: event.get("eventType"), "outOfOffice", Meaning.OUT_OF_OFFICE),
    (lambda event: event.get("status"), "tentative", Meaning.TENTATIVE),
    (answer_of, "tentative", Meaning.TENTATIVE),
)
"""What is looked at, its value, what that means; else busy."""

KINDS: Mapping[Meaning, BusyKind | None] = {
    Meaning.GONE: None,
    Meaning.DECLINED: None,
    Meaning.FREE: None,
    Meaning.TRANSPARENT: None,
    Meaning.OUT_OF_OFFICE: BusyKind.OUT_OF_OFFICE,
    Meaning.TENTATIVE: BusyKind.TENTATIVE,
    Meaning.BUSY: BusyKind.BUSY,
}


def meaning_of(event: Json) -> Meaning:
    """The table's answer."""
    return next((meaning for look, value, meaning in MEANINGS if look(event) == value), Meaning.BUSY)


def kind_of(meaning: Meaning, read: CalendarRead) -> BusyKind | None:
    """The kind of busy time, None for none."""
    if meaning is Meaning.TRANSPARENT and read.transparent_is_busy:
        return BusyKind.BUSY
    return KINDS[meaning]


def item_of(event: Json, window: Window, read: CalendarRead, zone: ZoneInfo) -> ItemChange | None:
    """The item of an event or of an instance of a series; None for one that is gone, or not in `window`.

    One whose times cannot be read is a problem of its own.
    """
    meaning = meaning_of(event)
    if meaning is Meaning.GONE:
        return None
    item, version, declined = str(event["id"]), str(event.get("etag", "")), meaning is Meaning.DECLINED
    try:
        start, end = (instant_of(moment_of(event.get(name)), zone) for name in ("start", "end"))
    except UnreadableError as error:
        return ItemChange(item=item, version=version, problem=str(error), declined=declined)
    if start >= window.end or end <= window.start:
        return None
    kind = kind_of(meaning, read)
    if kind is None or start >= end:
        return ItemChange(item=item, version=version, declined=declined)
    uid = str(event.get("iCalUID") or item)
    return ItemChange(item=item, version=version, times=(BusyTime(start, end, kind, uid),))


def zone_in(page: Json, read: CalendarRead) -> ZoneInfo:
    """Where a calendar's all-day events are: its own zone, as the listing tells it; else the one it is read in."""
    return zone_of(str(page.get("timeZone") or "")) or zone_of(read.zone) or ZoneInfo("UTC")
