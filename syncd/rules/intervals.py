"""Busy arithmetic: intervals are half-open and aware UTC."""

from __future__ import annotations

from collections.abc import Iterable
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
    return [
        (max(start, window.start), min(end, window.end))
        for start, end in intervals
        if start < window.end and end > window.start
    ]


def subtract(window: Window, covered: Iterable[Interval]) -> list[Interval]:
    """The parts of `window` that no interval of `covered` covers."""
    gaps, at = [], window.start
    for start, end in merge(clip(covered, window)):
        if start > at:
            gaps.append((at, start))
        at = max(at, end)
    if at < window.end:
        gaps.append((at, window.end))
    return gaps


def without(times: Iterable[BusyTime], uids: frozenset[str]) -> list[BusyTime]:
    """The busy times not caused by one of `uids`."""
    return [t for t in times if not t.uid or t.uid not in uids]
