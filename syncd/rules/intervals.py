"""Busy arithmetic: intervals are half-open and aware UTC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from syncd.model.busy import BusyTime
from syncd.model.time import Window

Interval = tuple[datetime, datetime]


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The union, sorted; intervals that touch become one. Empty ones vanish."""
    merged: list[Interval] = []
    for start, end in sorted(i for i in intervals if i[0] < i[1]):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def clip(intervals: Iterable[Interval], window: Window) -> list[Interval]:
    """The parts inside `window`."""
    first, last = window.start, window.end
    return [
        (start if start > first else first, end if end < last else last)
        for start, end in intervals
        if start < last and end > first
    ]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What does not count: the events of `uids`; of a series only the occurrence at `times`."""

    uids: frozenset[str] = frozenset()
    times: tuple[datetime, datetime] | None = None


def without(times: Iterable[BusyTime], left_out: LeftOut) -> list[BusyTime]:
    """The busy times that count."""
    return [t for t in times if not (t.uid and t.uid in left_out.uids and left_out.times in (None, (t.start, t.end)))]
