"""A store as small as can be, for seeing what a connector's changes amount to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from syncd.connector import CalendarConnector, CalendarRead
from syncd.model.busy import BusyTime
from syncd.model.time import Window

from .cases import WINDOW


@dataclass(slots=True)
class Mirror:
    """What a store would hold of one calendar after reading it through `changes`."""

    connector: CalendarConnector
    read: CalendarRead
    window: Window = WINDOW
    cursor: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    times: dict[str, tuple[BusyTime, ...]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    repaired: int = 0
    pages: int = 0

    def sync(self, *, audit: bool = False) -> Mirror:
        """Read on from the cursor and apply every page; `touched` are the items of this read."""
        self.touched, self.repaired, self.pages = set(), 0, 0
        cursor = None
        seen: set[str] = set()
        full = False
        known = dict(self.versions)
        for page in self.connector.changes(self.read, self.window, self.cursor, lambda: known, audit=audit):
            assert cursor is None, "only the last page has the cursor"
            cursor, full = page.cursor, page.full
            self.pages += 1
            self.repaired += page.repaired
            for change in page.changed:
                self.versions[change.item] = change.version
                self.times[change.item] = change.times
                seen.add(change.item)
            self._drop(page.removed)
            self.touched |= {change.item for change in page.changed} | set(page.removed)
        assert cursor is not None, "the last page has the cursor"
        if full:
            self._drop(self.versions.keys() - seen)
        self.cursor = cursor
        return self

    @property
    def busy(self) -> list[tuple[datetime, datetime]]:
        """All busy times, sorted."""
        return sorted((t.start, t.end) for times in self.times.values() for t in times)

    def _drop(self, items: Iterable[str]) -> None:
        for item in list(items):
            self.versions.pop(item, None)
            self.times.pop(item, None)
