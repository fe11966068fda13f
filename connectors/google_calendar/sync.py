"""Incremental reading of one calendar, by `events.list` and its sync tokens.

Theory of operation. Series are read as instances (`singleEvents`), not as masters with exceptions: Google expands them
as it shows them, an item is one busy time, and nothing of a series has to be kept here to understand a change of it.
The price is a bound: an endless series has no end, so the first listing has a window, and the token that comes with its
last page belongs to that window. What the token tells beyond it is not documented. So the window is taken `AHEAD`
longer than asked for, the coverage recorded is that window, and one that is asked for beyond it means a listing anew,
which replaces all that was known: about once a month.

- An item that was moved out of the window is told with its new times, or as cancelled; both mean that it is gone here.
- Events that began before the window and last into it are listed: `timeMin` bounds an event's end.
- The token comes on the last page only, and is kept also when nothing came. A listing that ends without one (clients
  report that) makes a cursor without one: then each read lists the window and compares versions.
- 410 means a dead token, with or without a reason; so does a token that is refused as invalid.
- A version is the etag; an instance that nobody changed has its series'.
- `audit` lists the window as well, and counts what differs from the store without having been told by the token.
- Titles, texts and guests are never asked for.

    nothing changed    1 request
    changes            1 for each page of up to 2500
    window moved on    1 for each page, once in `AHEAD`
    audit              1 for each page, once more
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from syncd.connector import CalendarRead, KnownVersions
from syncd.errors import ResyncError, RetryError
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, ItemChange
from syncd.model.time import Window

from .api import Api, Resource
from .busy import FIELDS, MOST_ATTENDEES, item_of, zone_in
from .refusals import LIST
from .times import stamp, whole_seconds

AHEAD = timedelta(days=30)
PAGE_SIZE = 2500

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next read starts, and the window that belongs to; opaque to everyone else. No `token`: versions are
    compared.
    """

    token: str
    covers: Window

    def dump(self) -> str:
        """As text, for the store."""
        parts = {"v": _VERSION, "token": self.token}
        parts["from"], parts["to"] = self.covers.start.isoformat(), self.covers.end.isoformat()
        return json.dumps(parts, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Cursor:
        """From text. Raises ResyncError for one that is not of this version."""
        try:
            parts = json.loads(text)
            covers = Window(datetime.fromisoformat(parts["from"]), datetime.fromisoformat(parts["to"]))
            if parts["v"] != _VERSION:
                raise ValueError("another version")
            return cls(token=str(parts["token"]), covers=covers)
        except (ValueError, TypeError, KeyError) as error:
            raise ResyncError("The cursor is not one of this version.") from error


class CalendarSync:
    """Reads of one calendar."""

    def __init__(self, api: Api, read: CalendarRead) -> None:
        self._api = api
        self._read = read

    def changes(self, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool) -> Iterator[ChangePage]:
        """What changed since `cursor`; everything where there is none, or where the window has outrun it."""
        since = Cursor.load(cursor) if cursor is not None else None
        if since is None or not since.covers.covers(window):
            return self._everything(Window(window.start, window.end + AHEAD))
        if not since.token:
            return self._compared(since, "", set(), known, hidden=False)
        return self._audited(since, known) if audit else self._told(since)

    def busy_times(self, window: Window) -> list[BusyTime]:
        """The busy times in the window, read live by the same rules."""
        listed = (item for page in self._listed(whole_seconds(window)) for item in self._items(page, window))
        return sorted(time for item in listed for time in item.times)

    def _everything(self, window: Window) -> Iterator[ChangePage]:
        """A first read: all that is in the window."""
        covers, token = whole_seconds(window), ""
        for page in self._listed(covers):
            token = str(page.get("nextSyncToken") or "")
            yield ChangePage(changed=tuple(self._items(page, covers)), full=True)
        yield ChangePage(full=True, cursor=Cursor(token=token, covers=covers).dump(), coverage=covers)

    def _told(self, since: Cursor) -> Iterator[ChangePage]:
        """What the token tells."""
        token = since.token
        for page in self._changed(since):
            token = str(page.get("nextSyncToken") or token)
            changed = tuple(self._items(page, since.covers))
            gone = _ids(page) - {item.item for item in changed}
            if changed or gone:
                yield ChangePage(changed=changed, removed=tuple(sorted(gone)))
        yield ChangePage(cursor=Cursor(token=token, covers=since.covers).dump(), coverage=since.covers)

    def _audited(self, since: Cursor, known: KnownVersions) -> Iterator[ChangePage]:
        """What the token tells, and what it should have told. The token is the older, so nothing falls between."""
        token, told = since.token, set[str]()
        for page in self._changed(since):
            token = str(page.get("nextSyncToken") or token)
            told |= _ids(page)
        return self._compared(since, token, told, known, hidden=True)

    def _compared(
        self, since: Cursor, token: str, told: set[str], known: KnownVersions, *, hidden: bool
    ) -> Iterator[ChangePage]:
        """All that differs from the store. With `hidden`, what is not `told` is counted as repaired."""
        held, repaired = known(), 0
        missing = set(held)
        for page in self._listed(since.covers):
            items = tuple(self._items(page, since.covers))
            missing -= {item.item for item in items}
            changed = tuple(item for item in items if not _same(held.get(item.item), item.version))
            repaired += sum(item.item not in told for item in changed)
            if changed:
                yield ChangePage(changed=changed)
        repaired += len(missing - told)
        yield ChangePage(
            removed=tuple(sorted(missing)),
            cursor=Cursor(token=token, covers=since.covers).dump(),
            coverage=since.covers,
            repaired=repaired if hidden else 0,
        )

    def _items(self, page: Resource, window: Window) -> Iterator[ItemChange]:
        zone = zone_in(page, self._read)
        items = (item_of(event, window, self._read, zone) for event in _events(page))
        return (item for item in items if item is not None)

    def _listed(self, window: Window) -> Iterator[Resource]:
        return self._pages(timeMin=stamp(window.start), timeMax=stamp(window.end))

    def _changed(self, since: Cursor) -> Iterator[Resource]:
        """Other parameters than the first listing's are undefined behaviour, so both have the same (discovery)."""
        return self._pages(syncToken=since.token)

    def _pages(self, **parameters: Any) -> Iterator[Resource]:
        return self._api.pages(
            LIST,
            "calendar#events",
            lambda token: self._api.events.list(
                calendarId=self._read.id,
                singleEvents=True,
                maxResults=PAGE_SIZE,
                maxAttendees=MOST_ATTENDEES,
                fields=f"kind,{FIELDS},nextPageToken,nextSyncToken,timeZone",
                pageToken=token,
                **parameters,
            ),
        )


def _events(page: Resource) -> list[Resource]:
    """The events of a page. Raises RetryError when it is not what a listing is: that is no empty calendar."""
    events = page.get("items", [])
    if not isinstance(events, list) or not all(isinstance(e, dict) and e.get("id") for e in events):
        raise RetryError(f"{LIST}: the answer is not one of Google's.", code="answer_unusable")
    return events


def _ids(page: Resource) -> set[str]:
    return {str(event["id"]) for event in _events(page)}


def _same(held: str | None, version: str) -> bool:
    """An item without a version counts as changed: we cannot know."""
    return bool(version) and held == version
