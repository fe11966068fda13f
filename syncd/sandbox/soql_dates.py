"""The times that SOQL's date literals stand for, in the time zone of the person who asks.

A literal is a half-open range of days. `=` is being in it; `<` before its first day, `>` after its last.
`LAST_N_DAYS:n` begins n days ago and ends with today; `NEXT_N_DAYS:n` begins tomorrow. Weeks begin on Sunday, as in the
locale en_US. Fiscal periods are not here.

Source: the SOQL reference, "Date Formats and Date Literals", from memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from .salesforce_errors import SalesforceError
from .soql_nodes import Period

Range = tuple[date, date]

UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_FIXED = {"TODAY": (0, 1), "YESTERDAY": (-1, 0), "TOMORROW": (1, 2), "LAST_90_DAYS": (-90, 1), "NEXT_90_DAYS": (1, 91)}
"""Literal -> its first day and the day after its last, counted from today."""

_WHOLE = re.compile(r"(THIS|LAST|NEXT)_(WEEK|MONTH|QUARTER|YEAR)")
_COUNTED = re.compile(r"(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR)S|N_(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO)")


def is_period(word: str) -> bool:
    """Whether a word is a date literal."""
    return word in _FIXED or _WHOLE.fullmatch(word) is not None or needs_number(word)


def needs_number(word: str) -> bool:
    """Whether it is one that a number follows."""
    return _COUNTED.fullmatch(word) is not None


def days(period: Period, today: date) -> Range:
    """The first day of a literal, and the day after its last.

    Raises:
        SalesforceError: there is no such day (MALFORMED_QUERY).
    """
    try:
        return _days(period, today)
    except (OverflowError, ValueError) as error:
        raise SalesforceError("MALFORMED_QUERY", f"{period.name}:{period.number} is out of range") from error


def _days(period: Period, today: date) -> Range:
    if period.name in _FIXED:
        first, end = _FIXED[period.name]
        return today + timedelta(first), today + timedelta(end)
    if whole := _WHOLE.fullmatch(period.name):
        move = {"THIS": 0, "LAST": -1, "NEXT": 1}[whole[1]]
        return _start(whole[2], today, move), _start(whole[2], today, move + 1)
    counted = _COUNTED.fullmatch(period.name)
    assert counted is not None
    assert period.number is not None
    return _count(counted[1], counted[2] or counted[3], period.number, today)


def _count(which: str | None, unit: str, number: int, today: date) -> Range:
    if which is None:
        return _start(unit, today, -number), _start(unit, today, 1 - number)
    if which == "NEXT":
        return _start(unit, today, 1), _start(unit, today, 1 + number)
    return _start(unit, today, -number), _start(unit, today, 1 if unit == "DAY" else 0)


def _start(unit: str, day: date, move: int) -> date:
    """The first day of the unit that a day is in, `move` units on."""
    return _STARTS[unit](day, move)


def _month(day: date, move: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + move, 12)
    return date(year, month + 1, 1)


_STARTS: dict[str, Callable[[date, int], date]] = {
    "DAY": lambda day, move: day + timedelta(move),
    "WEEK": lambda day, move: day - timedelta(day.isoweekday() % 7) + timedelta(weeks=move),
    "MONTH": _month,
    "QUARTER": lambda day, move: _month(day.replace(month=(day.month - 1) // 3 * 3 + 1), move * 3),
    "YEAR": lambda day, move: date(day.year + move, 1, 1),
}
