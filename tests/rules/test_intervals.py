"""Interval arithmetic against the plainest model: the set of minutes covered."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from syncd.model.busy import BusyTime
from syncd.model.time import Window
from syncd.rules.intervals import Interval, LeftOut, clip, merge, without

from .made import NOON, at

BOUNDS = st.tuples(st.integers(0, 60), st.integers(0, 60))
INTERVALS = st.lists(BOUNDS.map(lambda b: (at(b[0]), at(b[1]))), max_size=12)
"""Empty and inverted ones are among them."""

FORWARD = st.lists(BOUNDS.filter(lambda b: b[0] < b[1]).map(lambda b: (at(b[0]), at(b[1]))), max_size=12)
WINDOWS = BOUNDS.filter(lambda b: b[0] < b[1]).map(lambda b: Window(at(b[0]), at(b[1])))


def minutes(intervals: list[Interval]) -> set[int]:
    """Every minute of a half-open interval, as its offset from NOON."""
    spans = [(int((s - NOON).total_seconds()) // 60, int((e - NOON).total_seconds()) // 60) for s, e in intervals]
    return {minute for start, end in spans for minute in range(start, end)}


@given(INTERVALS)
def test_merging_covers_the_same_minutes_in_order_and_with_gaps_between(intervals: list[Interval]) -> None:
    merged = merge(intervals)
    assert minutes(merged) == minutes(intervals)
    assert all(start < end for start, end in merged)
    assert all(before[1] < after[0] for before, after in pairwise(merged))


@given(INTERVALS.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found * 2))))
def test_merging_ignores_order_and_repetition(both: tuple[list[Interval], list[Interval]]) -> None:
    intervals, shuffled = both
    assert merge(shuffled) == merge(intervals) == merge(merge(intervals))


def test_intervals_that_touch_become_one() -> None:
    assert merge([(at(10), at(20)), (at(0), at(10))]) == [(at(0), at(20))]


@given(FORWARD, WINDOWS)
def test_clipping_keeps_exactly_the_minutes_inside(intervals: list[Interval], window: Window) -> None:
    clipped = clip(intervals, window)
    assert minutes(clipped) == minutes(intervals) & minutes([(window.start, window.end)])
    assert all(window.start <= start < end <= window.end for start, end in clipped)
    assert clip(clipped, window) == clipped


def test_a_window_is_half_open() -> None:
    window = Window(at(10), at(20))
    assert clip([(at(0), at(10)), (at(20), at(30))], window) == []
    assert clip([(at(0), at(11)), (at(19), at(30))], window) == [(at(10), at(11)), (at(19), at(20))]


def test_only_busy_times_of_the_named_uids_are_left_out() -> None:
    own, other, nameless = (BusyTime(at(0), at(1), uid=uid) for uid in ("own", "other", ""))
    assert without([own, other, nameless], LeftOut(frozenset({"own", ""}))) == [other, nameless]


def test_of_a_series_only_the_occurrence_named_is_left_out() -> None:
    first, second = (BusyTime(at(start), at(start + 1), uid="series") for start in (0, 5))
    assert without([first, second], LeftOut(frozenset({"series"}), (at(5), at(6)))) == [first]
