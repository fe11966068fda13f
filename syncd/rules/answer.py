"""What a calendar contributes to a busy answer, by one table.

known for the window?   how old?              read last time?   contributes                    state
yes                     within stale-after    either way        what is stored                 fresh
yes                     older                 yes               what is stored                 stale
yes                     older                 no                by policy                      failed
no                      -                     live read works   what the provider says         fresh (live)
no                      -                     live read fails   by policy                      failed

policy                  contributes
block                   the whole window
last-known              what is stored, when it covers the window and is at most N hours old; else the whole window
ignore                  nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model.busy import BusyPolicy, BusyState, BusyTime
from syncd.model.time import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """How well one calendar is known: its coverage, when that was last true, and whether its last read failed."""

    coverage: Window | None
    as_of: datetime | None
    failing: bool
    policy: BusyPolicy
    policy_hours: int


def state_of(known: Knowledge, window: Window, now: datetime, stale_after: timedelta) -> BusyState | None:
    """The state of a calendar for `window`; None when it is not known for it and must be asked live."""
    if known.coverage is None or known.as_of is None or not known.coverage.covers(window):
        return None
    if now - known.as_of <= stale_after:
        return BusyState.FRESH
    return BusyState.FAILED if known.failing else BusyState.STALE


def by_policy(known: Knowledge, stored: list[BusyTime], window: Window, now: datetime) -> list[BusyTime]:
    """What a calendar that could not be read contributes. `stored` are its stored times in the window."""
    if known.policy is BusyPolicy.IGNORE:
        return []
    usable = known.coverage is not None and known.coverage.covers(window) and known.as_of is not None
    if known.policy is BusyPolicy.LAST_KNOWN and usable:
        assert known.as_of is not None
        if now - known.as_of <= timedelta(hours=known.policy_hours):
            return stored
    return [BusyTime(window.start, window.end)]
