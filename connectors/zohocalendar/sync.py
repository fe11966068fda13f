"""Incremental reading of one calendar, without anything of Zoho's to go on from.

Theory of operation. Zoho has neither sync tokens nor tombstones (facts: zoho-calendar, sync). What it has is a version
of the calendar as a whole: `ctag`, with `lastmodifiedtime` beside it. While those stay, nothing has happened, and that
is one request. When they change, the window is read again, in ranges of 31 days, and compared with the store by event
and version; what the store has and the window has not is gone, or was moved out, which is the same here.

The cursor is ours: the calendar's state before the read, and the window that the store's busy times are for. The state
is older than what was read, so a change during the read is found by the next one. A window that outruns the coverage
means a read anew, which replaces what was known; so the coverage is taken `AHEAD` longer than asked for.

- A cursor of another version, or of another zone of the calendar, is not compared with: the first is a ResyncError, the
  second a read anew, because the days of all-day events begin elsewhere.
- A calendar that does not say its state is compared each time; so is one of which only free/busy is told, because that
  is of another thing than the calendar.
- `audit` compares although the state stayed, and counts what differs.

    nothing changed    1 request
    changes            1, and 1 for every 31 days of the window, 2 for those with a series in them
    window moved on    as changes, once in `AHEAD`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.connector import CalendarRead, KnownVersions
from syncd.errors import ResyncError
from syncd.model.calendar import ChangePage, ItemChange
from syncd.model.time import Window

from .api import Api
from .reading import FREE_BUSY_ITEM, Reader
from .times import Json

AHEAD = timedelta(days=30)
PAGE = 200

_VERSION = 1
_STATE = ("ctag", "lastmodifiedtime", "visibility", "privilege")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The calendar's state as it was read ("": it has to be compared), in which zone, and the window that is known."""

    state: str
    zone: str
    covers: Window

    def dump(self) -> str:
        """As text, for the store."""
        parts = {"v": _VERSION, "state": self.state, "zone": self.zone}
        parts["from"], parts["to"] = self.covers.start.isoformat(), self.covers.end.isoformat()
        return json.dumps(parts, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Cursor:
        """From text. Raises ResyncError for one that is not of this version."""
        try:
            parts = json.loads(text)
            if parts["v"] != _VERSION:
                raise ValueError("another version")
            covers = Window(datetime.fromisoformat(parts["from"]), datetime.fromisoformat(parts["to"]))
            return cls(state=str(parts["state"]), zone=str(parts["zone"]), covers=covers)
        except (ValueError, TypeError, KeyError) as error:
            raise ResyncError("The cursor is not one of this version.") from error


class CalendarSync:
    """Reads of one calendar."""

    def __init__(self, api: Api, reader: Reader, read: CalendarRead) -> None:
        self._api = api
        self._reader = reader
        self._read = read

    def changes(self, window: Window, text: str | None, known: KnownVersions, *, audit: bool) -> Iterator[ChangePage]:
        """What changed since the cursor `text`; everything without one, or where the window has outrun it."""
        since = Cursor.load(text) if text is not None else None
        entry = self._api.calendar(self._read.id)
        state = state_of(entry)
        if since is None or since.zone != self._read.zone or not since.covers.covers(window):
            yield from self._everything(entry, state, Window(window.start, window.end + AHEAD))
            return
        stayed = bool(state) and state == since.state
        if stayed and not audit:
            yield ChangePage(cursor=since.dump(), coverage=since.covers)
            return
        yield from self._compared(entry, state, since.covers, known, hidden=stayed)

    def _everything(self, entry: Json, state: str, covers: Window) -> Iterator[ChangePage]:
        items = self._reader.items(self._read, entry, covers)
        for batch in _batches(items):
            yield ChangePage(changed=batch, full=True)
        yield ChangePage(full=True, cursor=self._cursor(items, state, covers), coverage=covers)

    def _compared(
        self, entry: Json, state: str, covers: Window, known: KnownVersions, *, hidden: bool
    ) -> Iterator[ChangePage]:
        """What differs from the store; `hidden`: though nothing had said so."""
        items = self._reader.items(self._read, entry, covers)
        held = known()
        changed = [item for item in items if held.get(item.item) != item.version]
        gone = held.keys() - {item.item for item in items}
        for batch in _batches(changed):
            yield ChangePage(changed=batch)
        yield ChangePage(
            removed=tuple(sorted(gone)),
            cursor=self._cursor(items, state, covers),
            coverage=covers,
            repaired=len(changed) + len(gone) if hidden else 0,
        )

    def _cursor(self, items: Sequence[ItemChange], state: str, covers: Window) -> str:
        by_free_busy = any(item.item == FREE_BUSY_ITEM for item in items)
        return Cursor(state="" if by_free_busy else state, zone=self._read.zone, covers=covers).dump()


def state_of(entry: Json) -> str:
    """What of a calendar changes with its events, or with what it tells of them; "" where it has no ctag."""
    return json.dumps([entry.get(name) for name in _STATE]) if entry.get("ctag") else ""


def _batches(items: Sequence[ItemChange]) -> Iterator[tuple[ItemChange, ...]]:
    return (tuple(items[at : at + PAGE]) for at in range(0, len(items), PAGE))
