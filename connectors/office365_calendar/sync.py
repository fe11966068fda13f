"""Incremental reading of one calendar, by `calendarView/delta`.

Theory of operation. A first round lists everything in a window, page by page, and ends with a deltaLink; following
that link later gives what changed since, and another link. The window is frozen into the link (facts: microsoft-graph,
delta), so it is taken `AHEAD` longer than asked for, and a window that moves beyond it means a new first round, which
replaces what was known. Such a round is due about once a month; the coverage recorded is the frozen window itself.

Items are what Graph lists: single events, masters of series, and each occurrence. A master blocks nothing itself, its
occurrences do; but they come slim (start, end, seriesMasterId), and whether they block is said by the master. In a
first round masters come along. Later a change of the master alone may change all its occurrences, and an occurrence
may come alone: so each series that was touched is read again, master and instances, by batches.

- `@removed` names an item that was deleted, or that left the window.
- A link is followed whole, and only to Graph; a round that repeats a link ends with an error, not in a circle.
- 410, or one of the codes for a forgotten state, is a ResyncError.
- The version of an item is its etag; an occurrence's is its master's with its own times, since it is shown by both.
- `audit` reads a first round as well, and counts what differs from the store without having been told.

    nothing changed    1 request
    changes            1 for each page, and 1 or 2 batches for up to 20 series touched
    window moved on    1 for each page of a first round
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.connector import CalendarRead, KnownVersions
from syncd.errors import NotFoundError, ProviderError, ResyncError, RetryError
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, ItemChange
from syncd.model.time import Window

from .busy import VIEW_FIELDS, busy_time, is_declined, uid_of
from .graph import PAGE, TEXT, Graph, Part, items_of, segment, with_query
from .marks import uid_in_transaction
from .refusals import CHANGES
from .times import Json, UnreadableError, span_query

AHEAD = timedelta(days=30)
PAGE_SIZE = "odata.maxpagesize=200"

_VERSION = 1
_SHARED = ("showAs", "isCancelled", "responseStatus", "isAllDay")
"""What an occurrence that comes slim has from its master."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next read starts, and the window frozen into it; opaque to everyone else."""

    link: str
    covers: Window

    def dump(self) -> str:
        """As text, for the store."""
        parts = {"v": _VERSION, "link": self.link}
        parts["from"], parts["to"] = self.covers.start.isoformat(), self.covers.end.isoformat()
        return json.dumps(parts, separators=(",", ":"))

    @classmethod
    def load(cls, text: str, graph: Graph) -> Cursor:
        """From text. Raises ResyncError for one that is not of this version, or of another cloud's Graph."""
        try:
            parts = json.loads(text)
            covers = Window(datetime.fromisoformat(parts["from"]), datetime.fromisoformat(parts["to"]))
            if parts["v"] != _VERSION or not graph.owns(str(parts["link"])):
                raise ValueError("not ours")
            return cls(link=str(parts["link"]), covers=covers)
        except (ValueError, TypeError, KeyError) as error:
            raise ResyncError("The cursor is not one of this version.") from error


@dataclass(slots=True)
class _Round:
    """What one round has brought so far. `masters` are those that came, `slim` occurrences that wait for theirs."""

    masters: dict[str, Json] = field(default_factory=dict)
    slim: dict[str, Json] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    link: str = ""

    def forget(self, removed: tuple[str, ...]) -> None:
        """Drop what a later page says is gone."""
        for item in removed:
            self.slim.pop(item, None)
            self.masters.pop(item, None)
            self.touched.discard(item)


class CalendarSync:
    """One read of one calendar."""

    def __init__(self, graph: Graph, read: CalendarRead, window: Window) -> None:
        self._graph = graph
        self._read = read
        self._window = window

    def everything(self) -> Iterator[ChangePage]:
        """A first round."""
        covers = Window(self._window.start, self._window.end + AHEAD)
        state = _Round()
        for page in self._pages(self._first_link(covers), state):
            state.forget(_removed(page))
            yield ChangePage(changed=self._taken(page, state, covers), full=True)
        rest = self._left_over(state, covers)
        yield ChangePage(changed=rest, full=True, cursor=Cursor(link=state.link, covers=covers).dump(), coverage=covers)

    def since(self, text: str, known: KnownVersions, *, audit: bool) -> Iterator[ChangePage]:
        """What changed since the cursor `text`."""
        cursor = Cursor.load(text, self._graph)
        if not cursor.covers.covers(self._window):
            yield from self.everything()
            return
        if not audit:
            yield from self._following(cursor)
            return
        told: set[str] = set()
        for page in self._following(cursor):
            told.update(page.removed, (change.item for change in page.changed))
        yield from self._audited(told, known)

    def _following(self, cursor: Cursor) -> Iterator[ChangePage]:
        state, covers = _Round(), cursor.covers
        for page in self._pages(cursor.link, state):
            gone = _removed(page)
            state.forget(gone)
            changed = self._told(page, state, covers)
            if gone or changed:
                yield ChangePage(changed=changed, removed=gone)
        yield ChangePage(
            changed=self._series(state, covers),
            cursor=Cursor(link=state.link, covers=covers).dump(),
            coverage=covers,
        )

    def _audited(self, told: set[str], known: KnownVersions) -> Iterator[ChangePage]:
        """A first round, which counts what it tells and the cursor did not."""
        held, seen = known(), set(told)
        repaired = 0
        for page in self.everything():
            for change in page.changed:
                repaired += change.item not in seen and held.get(change.item) != change.version
                seen.add(change.item)
            yield page if page.cursor is None else replace(page, repaired=repaired + len(held.keys() - seen))

    def _first_link(self, covers: Window) -> str:
        path = f"{self._graph.mailbox}/calendars/{segment(self._read.id)}/calendarView/delta"
        return with_query(path, span_query(covers))

    def _pages(self, link: str, state: _Round) -> Iterator[list[Json]]:
        """The pages of a round, of each item the last word; the deltaLink ends up in `state`.

        Raises:
            ResyncError: the cursor is dead.
            RetryError: the round does not end with a deltaLink.
        """
        last: Json = {}
        for page in self._graph.pages(link, CHANGES, prefer=(TEXT, PAGE_SIZE)):
            last = page
            items = items_of(page, CHANGES)
            if not all(isinstance(item.get("id"), str) for item in items):
                raise RetryError(f"{CHANGES}: an item has no id.", code="answer_unusable")
            yield list({item["id"]: item for item in items}.values())
        state.link = str(last.get("@odata.deltaLink") or "")
        if not self._graph.owns(state.link):
            raise RetryError(f"{CHANGES}: the last page has no link to go on from.", code="answer_unusable")

    # a first round

    def _taken(self, page: list[Json], state: _Round, covers: Window) -> tuple[ItemChange, ...]:
        """The items of a page that can be judged; slim occurrences wait for their masters."""
        for item in page:
            if item.get("type") == "seriesMaster":
                state.masters[item["id"]] = item
        changes = []
        for item in (i for i in page if "@removed" not in i):
            master = _series_of(item)
            if item.get("type") == "occurrence" and master and master not in state.masters:
                state.slim[item["id"]] = item
            else:
                changes.append(self._change(item, state.masters.get(master), covers))
        return tuple(changes)

    def _left_over(self, state: _Round, covers: Window) -> tuple[ItemChange, ...]:
        """Occurrences whose masters came later, or not at all: those are asked for."""
        missing = {_series_of(item) for item in state.slim.values()} - state.masters.keys()
        state.masters.update(self._masters(missing))
        return tuple(self._change(item, state.masters.get(_series_of(item)), covers) for item in state.slim.values())

    def _masters(self, ids: set[str]) -> dict[str, Json]:
        """Masters by id. One that is gone by now is left out: its occurrences are told as removed next time."""
        found = {}
        for master, answer in self._graph.batches({i: self._master_part(i) for i in sorted(ids)}).items():
            if isinstance(answer, NotFoundError):
                continue
            if isinstance(answer, ProviderError):
                raise answer
            found[master] = answer
        return found

    # a later round

    def _told(self, page: list[Json], state: _Round, covers: Window) -> tuple[ItemChange, ...]:
        """Single events; of series it is noted that they were touched."""
        changes = []
        for item in (i for i in page if "@removed" not in i):
            if item.get("type") == "seriesMaster":
                state.masters[item["id"]] = item
                state.touched.add(item["id"])
            elif series := _series_of(item):
                state.slim[item["id"]] = item
                state.touched.add(series)
            else:
                changes.append(self._change(item, None, covers))
        return tuple(changes)

    def _series(self, state: _Round, covers: Window) -> tuple[ItemChange, ...]:
        """Every series that was touched, as it is now in the window."""
        masters = {**state.masters, **self._masters(state.touched - state.masters.keys())}
        parts = {master: self._instances_part(master, covers) for master in sorted(masters.keys() & state.touched)}
        changes = {item: self._change(slim, None, covers) for item, slim in state.slim.items()}
        for master, answer in self._graph.listings(parts).items():
            if isinstance(answer, ProviderError) and not isinstance(answer, NotFoundError):
                raise answer
            instances = [] if isinstance(answer, ProviderError) else answer
            for item in (masters[master], *instances):
                changes[str(item.get("id"))] = self._change(item, masters[master], covers)
        return tuple(changes.values())

    def _master_part(self, master: str) -> Part:
        path = f"{self._graph.mailbox}/events/{segment(master)}"
        return Part(with_query(path, {"$select": VIEW_FIELDS}), "GET event")

    def _instances_part(self, master: str, covers: Window) -> Part:
        path = f"{self._graph.mailbox}/events/{segment(master)}/instances"
        query = {**span_query(covers), "$select": VIEW_FIELDS, "$top": str(PAGE)}
        return Part(with_query(path, query), "GET instances")

    # judging

    def _change(self, item: Json, master: Json | None, covers: Window) -> ItemChange:
        """An item with the busy time it causes. One that cannot be read is a problem of its own, and stops no other."""
        identity, version = str(item.get("id")), _version(item, master)
        if item.get("type") == "seriesMaster":
            return ItemChange(item=identity, version=version, declined=is_declined(item))
        whole = {**{name: master[name] for name in _SHARED if master and name in master}, **item} if master else item
        try:
            time = busy_time(whole, self._read, covers, _uid(item, master))
        except UnreadableError as error:
            return ItemChange(item=identity, version=version, problem=f"{error}.")
        times: tuple[BusyTime, ...] = (time,) if time else ()
        return ItemChange(item=identity, version=version, times=times, declined=is_declined(whole))


def _removed(page: list[Json]) -> tuple[str, ...]:
    return tuple(str(item["id"]) for item in page if "@removed" in item)


def _series_of(item: Json) -> str:
    """The series an occurrence is of, "" for a single event."""
    return str(item.get("seriesMasterId") or "")


def _uid(item: Json, master: Json | None) -> str:
    """Our own uid is the series'; another's occurrences each have their own."""
    return (uid_in_transaction(master.get("transactionId")) if master else "") or uid_of(item)


def _version(item: Json, master: Json | None) -> str:
    own = str(item.get("@odata.etag") or "")
    if item.get("type") != "occurrence":
        return own
    times = [str((item.get(name) or {}).get("dateTime", ""))[:19] for name in ("start", "end")]
    return "/".join([str(master.get("@odata.etag") or "") if master else own, *times])
