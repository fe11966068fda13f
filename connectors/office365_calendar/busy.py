"""When an item of a calendar makes its owner busy. Pure.

The first row that counts: cancelled, or declined by the calendar's owner: free; then `showAs`, which Outlook sets from
the owner's answer and the owner may change (specs/microsoft-graph, freeBusyStatus). Unknown is never free.
"""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.connector import CalendarRead
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.time import Window

from .marks import uid_in_transaction
from .times import Json, date_of, midnight_in, moment_of
from .zones import zone_of

KINDS: dict[str, BusyKind | None] = {
    "free": None,
    "workingElsewhere": None,
    "tentative": BusyKind.TENTATIVE,
    "busy": BusyKind.BUSY,
    "oof": BusyKind.OUT_OF_OFFICE,
    "unknown": BusyKind.BUSY,
}
"""showAs -> kind; None does not block."""

VIEW_FIELDS = "id,type,seriesMasterId,start,end,isAllDay,showAs,isCancelled,responseStatus,transactionId,iCalUId"
"""What is selected of an item to judge it."""


def is_declined(item: Json) -> bool:
    """Whether the calendar's owner has declined it."""
    status = item.get("responseStatus")
    return isinstance(status, dict) and status.get("response") == "declined"


def kind_of(item: Json, *, transparent_is_busy: bool = False) -> BusyKind | None:
    """Why its owner is not free; None when they are."""
    if item.get("isCancelled") or is_declined(item):
        return None
    shown = item.get("showAs")
    if shown == "free" and transparent_is_busy:
        return BusyKind.BUSY
    return KINDS.get(shown, BusyKind.BUSY) if isinstance(shown, str) else BusyKind.BUSY


def span_of(item: Json, zone_name: str) -> tuple[datetime, datetime]:
    """[start, end) in UTC; an all-day event's from midnight in the calendar's zone. Raises UnreadableError."""
    if not item.get("isAllDay"):
        return moment_of(item.get("start")), moment_of(item.get("end"))
    zone = zone_of(zone_name) or UTC
    first, after = (date_of(item.get(name), zone) for name in ("start", "end"))
    return midnight_in(first, zone), midnight_in(after, zone)


def uid_of(item: Json) -> str:
    """Our uid of an event of ours, else the provider's iCalendar UID, else its id."""
    return uid_in_transaction(item.get("transactionId")) or str(item.get("iCalUId") or item.get("id") or "")


def busy_time(item: Json, read: CalendarRead, window: Window, uid: str = "") -> BusyTime | None:
    """The busy time it causes inside `window`; None for none. `uid` is what it is known by, if not by itself. Raises
    UnreadableError.
    """
    kind = kind_of(item, transparent_is_busy=read.transparent_is_busy)
    if kind is None:
        return None
    start, end = span_of(item, read.zone)
    if start >= end or end <= window.start or start >= window.end:
        return None
    return BusyTime(start, end, kind, uid or uid_of(item))
