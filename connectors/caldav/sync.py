"""Incremental reading of one calendar.

Theory of operation. The cursor says where to go on (a sync token, or a ctag where there is no sync report) and which
window the store's busy times cover. A read is a comparison of versions with three sources of doubt, each with its
cure:

- a token the server forgot: the answer is a ResyncError, never a full list taken for a delta;
- a server that answers a forgotten token with a full list and a new token, so that what was deleted meanwhile is
  never said (DAViCal and SOGo do): an answer that repeats what we hold, names no deletion and is as long as the
  calendar is checked against a listing of versions, once;
- a server that forgets changes without a sign: `audit` compares all versions, and what it finds is counted as repaired.

Versions of objects outside the window are known too, without times: else their deletion or repetition would look new.

    nothing changed     1 request    sync-collection, or PROPFIND of the ctag
    changes             +1 per 100   calendar-multiget of what differs from the store
    no sync report      +1           PROPFIND of all etags when the ctag moved
    window moved on     +1           calendar-query for the part not covered yet
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from syncd.connector import CalendarRead, KnownVersions
from syncd.errors import InputError, RefusedError, ResyncError
from syncd.ical import BusyRules, read_busy
from syncd.model.calendar import ChangePage, ItemChange
from syncd.model.time import Window

from .collection import Collection, Stored, UnsupportedError, paths_of

PAGE = 200
ROLL_AFTER = timedelta(days=1)
"""How far a window may outrun the coverage before the missing part is read: windows move with the clock, by minutes."""

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next read starts. `kind` is "token" or "ctag"; opaque to everyone else."""

    kind: str
    value: str
    covers: Window

    def dump(self) -> str:
        """As text, for the store."""
        parts = {"v": _VERSION, "kind": self.kind, "value": self.value}
        parts["from"], parts["to"] = self.covers.start.isoformat(), self.covers.end.isoformat()
        return json.dumps(parts, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Cursor:
        """From text. Raises ResyncError for one of another version or none of ours."""
        try:
            parts = json.loads(text)
            if parts["v"] != _VERSION or parts["kind"] not in ("token", "ctag"):
                raise ValueError("another version")
            covers = Window(datetime.fromisoformat(parts["from"]), datetime.fromisoformat(parts["to"]))
            return cls(kind=parts["kind"], value=str(parts["value"]), covers=covers)
        except (ValueError, TypeError, KeyError) as error:
            raise ResyncError("The cursor is not one of this version.") from error


@dataclass(slots=True)
class _Plan:
    """What differs from the store. `repaired` of it had been hidden by the cursor."""

    changed: dict[str, str]
    removed: set[str]
    repaired: int = 0


class CalendarSync:
    """One read of one calendar."""

    def __init__(self, collection: Collection, read: CalendarRead, window: Window) -> None:
        self._collection = collection
        self._window = window
        self._rules = rules_of(read)

    def everything(self) -> Iterator[ChangePage]:
        """A first read: versions of all objects, then the objects of the window."""
        cursor, versions = self._start()
        items = {path: ItemChange(item=path, version=version) for path, version in versions.items()}
        for item in self._read(self._in_window(versions), self._window):
            items[item.item] = item
        last = ChangePage(full=True, cursor=cursor.dump(), coverage=cursor.covers)
        yield from _paged(items.values(), last)

    def since(self, text: str, known: KnownVersions, *, audit: bool) -> Iterator[ChangePage]:
        """What changed since the cursor `text`."""
        cursor = Cursor.load(text)
        plan, value = self._plan(cursor, known, audit=audit)
        covers, missing = rolled(cursor.covers, self._window)
        after = Cursor(kind=cursor.kind, value=value, covers=covers)
        last = ChangePage(cursor=after.dump(), coverage=covers, repaired=plan.repaired)
        yield from self._pages(plan, covers, missing, last)

    def _start(self) -> tuple[Cursor, dict[str, str]]:
        """Cursor and versions. The cursor is older than what is read afterwards, so nothing falls between."""
        try:
            delta = self._collection.since("")
        except UnsupportedError:
            versions, ctag = self._collection.etags()
            return Cursor(kind="ctag", value=ctag, covers=self._window), versions
        return Cursor(kind="token", value=delta.token, covers=self._window), delta.changed

    def _in_window(self, versions: Mapping[str, str]) -> Iterator[Stored]:
        try:
            yield from self._collection.between(self._window)
        except RefusedError:  # no time filter here: read everything
            for batch in self._collection.objects(versions):
                yield from batch

    def _plan(self, cursor: Cursor, known: KnownVersions, *, audit: bool) -> tuple[_Plan, str]:
        """What to read, and the value of the next cursor."""
        if cursor.kind == "ctag":
            return self._by_ctag(cursor.value, known, audit=audit)
        delta = self._collection.since(cursor.value)
        if not (delta.changed or delta.removed or audit):
            return _Plan({}, set()), delta.token
        held = known()
        fresh = {path: version for path, version in delta.changed.items() if not _same(held.get(path), version)}
        plan = _Plan(fresh, delta.removed)
        if audit or _looks_full(delta.changed, delta.removed, fresh, held):
            plan = self._compared(plan, held)
        return plan, delta.token

    def _by_ctag(self, value: str, known: KnownVersions, *, audit: bool) -> tuple[_Plan, str]:
        """Without a ctag every read compares versions: one request all the same."""
        if value and not audit and self._collection.ctag() == value:
            return _Plan({}, set()), value
        versions, ctag = self._collection.etags()
        plan = _difference(versions, known())
        if audit and value and ctag == value:
            plan.repaired = len(plan.changed) + len(plan.removed)
        return plan, ctag

    def _compared(self, plan: _Plan, held: Mapping[str, str]) -> _Plan:
        """`plan` with what a listing of all versions adds to it."""
        versions, _ = self._collection.etags()
        whole = _difference(versions, held)
        hidden = (whole.changed.keys() - plan.changed.keys()) | (whole.removed - plan.removed)
        changed = {**plan.changed, **whole.changed}
        return _Plan(changed, (plan.removed | whole.removed) - versions.keys(), len(hidden))

    def _pages(self, plan: _Plan, covers: Window, missing: list[Window], last: ChangePage) -> Iterator[ChangePage]:
        gone = set(plan.removed)
        items: list[ItemChange] = []
        for batch in self._collection.objects(plan.changed):
            items += self._read(batch, covers)
        gone |= plan.changed.keys() - {item.item for item in items}  # deleted between the two requests
        seen = {item.item for item in items}
        for window in missing:
            entered = [stored for stored in self._collection.between(window) if stored.path not in seen]
            seen |= paths_of(entered)
            items += self._read(entered, covers)
        yield from _paged(items, replace(last, removed=tuple(sorted(gone - seen))))

    def _read(self, objects: Iterable[Stored], window: Window) -> Iterator[ItemChange]:
        return (read_item(stored, window, self._rules) for stored in objects)


def rules_of(read: CalendarRead) -> BusyRules:
    """How the texts of a calendar are read."""
    return BusyRules(zone=read.zone, owner_emails=read.owner_emails, transparent_is_busy=read.transparent_is_busy)


def read_item(stored: Stored, window: Window, rules: BusyRules) -> ItemChange:
    """An object with the busy times it causes. One that cannot be read is a problem of its own, and stops no other.

    Raises:
        RefusedError: the calendar's own zone is unknown, which concerns every object.
    """
    try:
        reading = read_busy(stored.text or "", window, rules)
    except InputError as error:
        if error.code == "unknown_zone":
            raise RefusedError(error.message, code=error.code) from error
        return ItemChange(item=stored.path, version=stored.version, problem=error.message)
    problem = "; ".join(f"line {p.line}: {p.reason}" for p in reading.problems)
    return ItemChange(item=stored.path, version=stored.version, times=tuple(reading.times), problem=problem)


def rolled(covered: Window, wanted: Window) -> tuple[Window, list[Window]]:
    """The coverage after a read for `wanted`, and the parts that must be read for it.

    The past is let go of; a little of the future may stay missing until it is worth a request (`ROLL_AFTER`).
    """
    if wanted.start >= covered.end or wanted.end <= covered.start:
        return wanted, [wanted]
    missing = []
    end = covered.end
    if wanted.start < covered.start:
        missing.append(Window(wanted.start, covered.start))
    if wanted.end > covered.end + ROLL_AFTER:
        missing.append(Window(covered.end, wanted.end))
        end = wanted.end
    return Window(wanted.start, end), missing


def _paged(items: Iterable[ItemChange], last: ChangePage) -> Iterator[ChangePage]:
    """Pages of items; `last` closes them and carries what only the last page has."""
    waiting = iter(items)
    batch = tuple(islice(waiting, PAGE))
    while following := tuple(islice(waiting, PAGE)):
        yield ChangePage(changed=batch, full=last.full)
        batch = following
    yield replace(last, changed=batch)


def _difference(versions: Mapping[str, str], held: Mapping[str, str]) -> _Plan:
    changed = {path: version for path, version in versions.items() if not _same(held.get(path), version)}
    return _Plan(changed, set(held.keys() - versions.keys()))


def _same(held: str | None, version: str) -> bool:
    """An object without a version counts as changed: we cannot know."""
    return bool(version) and held == version


def _looks_full(
    answered: Mapping[str, str], removed: set[str], fresh: Mapping[str, str], held: Mapping[str, str]
) -> bool:
    """Whether a delta may be a full list in disguise: it repeats, removes nothing, and is as long as the calendar."""
    repeats = len(answered) - len(fresh)
    silent = len(held.keys() - answered.keys())
    return repeats > 0 and not removed and silent > 0 and 2 * len(answered) >= len(held)
