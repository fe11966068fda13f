"""The few rules that values hold themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from syncd.model.booking import Attendee, Booking, BookingStatus
from syncd.model.busy import BusyAnswer, BusyState, CalendarAnswer
from syncd.model.calendar import Participant
from syncd.model.clock import utc_now
from syncd.model.time import Window, require_aware

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CET = timezone(HOUR)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive time 2026-01-02"):
        require_aware(NOON.replace(tzinfo=None))


def test_times_become_utc() -> None:
    assert require_aware(NOON.astimezone(CET)).tzinfo is UTC
    window = Window(NOON.astimezone(CET), (NOON + HOUR).astimezone(CET))
    assert (window.start.tzinfo, window.end.tzinfo) == (UTC, UTC)
    assert window == Window(NOON, NOON + HOUR)


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
def test_a_window_has_a_length(length: timedelta) -> None:
    with pytest.raises(ValueError, match="before it starts"):
        Window(NOON, NOON + length)


def test_a_window_covers_itself_and_what_lies_inside() -> None:
    day = Window(NOON, NOON + 24 * HOUR)
    assert day.covers(day)
    assert day.covers(Window(NOON + HOUR, NOON + 2 * HOUR))
    assert not day.covers(Window(NOON - HOUR, NOON + HOUR))
    assert not day.covers(Window(NOON + HOUR, NOON + 25 * HOUR))


def test_the_clock_is_aware() -> None:
    assert utc_now().tzinfo is UTC


def calendar_answer(state: BusyState) -> CalendarAnswer:
    return CalendarAnswer(
        calendar_id=1, name="work", app="memory", connection_id=1, state=state, times=(), as_of=NOON, coverage=None
    )


def test_an_answer_is_complete_when_no_calendar_failed() -> None:
    window = Window(NOON, NOON + HOUR)
    fresh, stale, failed = (calendar_answer(state) for state in (BusyState.FRESH, BusyState.STALE, BusyState.FAILED))
    assert BusyAnswer(window=window, busy=(), calendars=(fresh, stale)).complete
    assert not BusyAnswer(window=window, busy=(), calendars=(fresh, failed)).complete


def test_occurrences_of_a_series_are_kept_under_one_subject() -> None:
    single = Booking(uid="b1", revision=NOON, status=BookingStatus.ACCEPTED, title="", start=NOON, end=NOON + HOUR)
    assert single.subject == "b1"
    assert replace(single, series="s1").subject == "s1"


def test_an_attendee_is_a_participant_of_the_event() -> None:
    known: dict[str, Any] = {
        "email": "a@example.com",
        "name": "A",
        "zone": "Europe/Berlin",
        "phone": "1",
        "locale": "de",
    }
    assert Attendee(**known, told_at=NOON, absent=True).participant == Participant(**known)
