"""The table of busy answers, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.model.busy import BusyPolicy, BusyState, BusyTime
from syncd.model.time import Window
from syncd.rules.answer import Knowledge, by_policy, state_of

from .made import NOON, at

WINDOW = Window(at(60), at(120))
WHOLE = [BusyTime(WINDOW.start, WINDOW.end)]
STORED = [BusyTime(at(70), at(80))]
STALE_AFTER = timedelta(minutes=30)


def knowledge(**changed: Any) -> Knowledge:
    values: dict[str, Any] = {
        "coverage": Window(at(0), at(600)),
        "as_of": NOON,
        "failing": False,
        "policy": BusyPolicy.LAST_KNOWN,
        "policy_hours": 2,
    }
    return Knowledge(**values | changed)


@pytest.mark.parametrize(
    ("minutes_old", "failing", "state"),
    [
        (0, False, BusyState.FRESH),
        (30, False, BusyState.FRESH),
        (30, True, BusyState.FRESH),
        (31, False, BusyState.STALE),
        (31, True, BusyState.FAILED),
    ],
)
def test_the_state_follows_from_age_and_the_last_read(minutes_old: int, failing: bool, state: BusyState) -> None:
    assert state_of(knowledge(failing=failing), WINDOW, at(minutes_old), STALE_AFTER) is state


@pytest.mark.parametrize(
    "unknown",
    [
        {"coverage": None},
        {"as_of": None},
        {"coverage": Window(at(61), at(600))},
        {"coverage": Window(at(0), at(119))},
    ],
)
def test_a_calendar_not_known_for_the_whole_window_is_asked_live(unknown: dict[str, Any]) -> None:
    assert state_of(knowledge(**unknown), WINDOW, NOON, STALE_AFTER) is None


@pytest.mark.parametrize(
    ("known", "minutes_old", "contributes"),
    [
        ({"policy": BusyPolicy.BLOCK}, 0, WHOLE),
        ({"policy": BusyPolicy.IGNORE}, 0, []),
        ({}, 120, STORED),
        ({}, 121, WHOLE),
        ({"coverage": None}, 0, WHOLE),
        ({"coverage": Window(at(90), at(600))}, 0, WHOLE),
        ({"as_of": None}, 0, WHOLE),
    ],
)
def test_an_unreadable_calendar_contributes_by_its_policy(
    known: dict[str, Any], minutes_old: int, contributes: list[BusyTime]
) -> None:
    assert by_policy(knowledge(**known), STORED, WINDOW, at(minutes_old)) == contributes
