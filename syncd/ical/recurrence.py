"""Recurrence rules (RFC 5545 section 3.3.10) in local time, without zones, between two moments.

Theory of operation. A rule divides time into periods (years, months, weeks, days ... every INTERVAL of them), counted
from the one that holds DTSTART; each period has a set of starts. So, with the true anchor kept:

- no rule is walked from DTSTART unless it has COUNT: the period that holds the window's start is found by division;
- plain DAILY and WEEKLY (with BYDAY) are arithmetic progressions, one per weekday, COUNT included;
- DAILY, WEEKLY and finer rules with further BY parts: their BY parts can only drop or multiply (`_LIMITS`, `_EXPANDS`);
- MONTHLY and YEARLY sets are asked of dateutil, one period at a time and cached.

Why not one dateutil rule for all: it walks from DTSTART, and a rule that never matches
(`FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30`) makes it walk to the year 9999, a few seconds to hours for one event, with no
way to stop it. Asked for one period, with an interval that leaves the calendar, it always returns. Where else it
departs from the RFC, tests/ical/test_recurrence.py shows: the first week under BYSETPOS, BYWEEKNO without BYDAY.
HOURLY and finer rules step on the wall clock, as dateutil does: across a DST switch a start falls into the gap.

Every step is charged to a Budget, so a hostile rule ends in a LimitError, not in a hang.
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import product

from dateutil.rrule import MONTHLY, YEARLY, rrule, weekday

from .values import DAY, UnreadableError, parse_clock, shown

_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")

#: BY parts that are numbers: highest value, whether 0 is allowed, whether negatives count from the end.
_NUMBERS = {
    "BYMONTH": (12, False, False),
    "BYWEEKNO": (53, False, True),
    "BYYEARDAY": (366, False, True),
    "BYMONTHDAY": (31, False, True),
    "BYHOUR": (23, True, False),
    "BYMINUTE": (59, True, False),
    "BYSECOND": (59, True, False),
    "BYSETPOS": (366, False, True),
}
_TIME_PARTS = ("BYHOUR", "BYMINUTE", "BYSECOND")
_TIME_FIELDS = {"BYHOUR": "hour", "BYMINUTE": "minute", "BYSECOND": "second"}

#: How far one period is from the next at INTERVAL=1, in months or in time.
_MONTHS = {"YEARLY": 12, "MONTHLY": 1}
_STEPS = {
    "WEEKLY": timedelta(days=7),
    "DAILY": DAY,
    "HOURLY": timedelta(hours=1),
    "MINUTELY": timedelta(minutes=1),
    "SECONDLY": timedelta(seconds=1),
}
#: The time parts that multiply a period's starts; the others drop those that do not fit.
_EXPANDS = {
    "WEEKLY": _TIME_PARTS,
    "DAILY": _TIME_PARTS,
    "HOURLY": ("BYMINUTE", "BYSECOND"),
    "MINUTELY": ("BYSECOND",),
    "SECONDLY": (),
}
#: What a limiting part looks at: a start is kept if any of these is in the part's list.
_LIMITS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "BYMONTH": lambda at: (at.month,),
    "BYMONTHDAY": lambda at: (at.day, at.day - calendar.monthrange(at.year, at.month)[1] - 1),
    "BYYEARDAY": lambda at: ((day := at.timetuple().tm_yday), day - 366 - calendar.isleap(at.year)),
    "BYHOUR": lambda at: (at.hour,),
    "BYMINUTE": lambda at: (at.minute,),
    "BYSECOND": lambda at: (at.second,),
}
#: dateutil's names, with its frequency and an interval whose second period lies past the year 9999.
_DATEUTIL = {"YEARLY": (YEARLY, 10_000), "MONTHLY": (MONTHLY, 120_000)}
_DATEUTIL_COST = 10  # a period asked of dateutil costs about ten steps of ours
_TIMES_A_DAY = 100  # more BYHOUR x BYMINUTE x BYSECOND than this is no meeting


class LimitError(UnreadableError):
    """A rule needs more steps than anyone's calendar does."""


class Budget:
    """Steps left to one reading, and to the event being expanded."""

    def __init__(self, reading: int = 300_000, event: int = 20_000) -> None:
        self._reading = reading
        self._event = self._left = event

    def next_event(self) -> None:
        """A new event starts with its own share."""
        self._left = self._event

    def spend(self, steps: int) -> None:
        """Take `steps`. Raises LimitError when the event or the reading has none left."""
        self._left -= steps
        if self._left < 0 or self._reading < steps:
            raise LimitError("the rule has too many occurrences to examine")
        self._reading -= steps


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed RRULE. `by` maps BY parts to their numbers; `days` is BYDAY as (weekday from Monday = 0, ordinal or 0).

    `until` is UNTIL as written: what it means depends on DTSTART, see `last`.
    """

    freq: str
    interval: int
    count: int | None
    until: str
    week_start: int
    days: tuple[tuple[int, int], ...]
    by: dict[str, tuple[int, ...]]

    def last(self, zone: tzinfo, all_day: bool) -> datetime | None:
        """The latest local start UNTIL allows for an event in `zone`, None without UNTIL.

        A date includes that whole day; UTC is turned into the event's zone, a local time is in it. For all-day events
        only the date counts. Raises UnreadableError.
        """
        if not self.until:
            return None
        until = parse_clock(self.until)
        if until.is_date or all_day:
            return until.local.replace(hour=23, minute=59, second=59)
        if until.is_utc:
            return until.local.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        return until.local


@lru_cache(maxsize=1024)
def parse_rule(text: str, all_day: bool = False) -> Rule:
    """An RRULE value. Raises UnreadableError, naming the part that cannot be used.

    In a rule of all-day events BYHOUR, BYMINUTE and BYSECOND are ignored, as RFC 5545 demands.
    """
    parts = dict(_pairs(text.upper()))
    for part in _TIME_PARTS if all_day else ():
        parts.pop(part, None)
    freq = parts.pop("FREQ", "")
    if freq not in _MONTHS and freq not in _STEPS:
        raise UnreadableError(f"RRULE without a known FREQ: {shown(freq)}")
    rule = Rule(
        freq=freq,
        interval=_number("INTERVAL", parts.pop("INTERVAL", "1"), 1),
        count=_count(parts.pop("COUNT", "")),
        until=parts.pop("UNTIL", ""),
        week_start=_weekday(parts.pop("WKST", "MO")),
        days=tuple(_byday(day) for day in _items(parts.pop("BYDAY", ""))),
        by={name: _numbers(name, value) for name, value in parts.items()},
    )
    _check(rule)
    if freq == "DAILY" and rule.interval == 1 and rule.days and not rule.by:
        return replace(rule, freq="WEEKLY")  # the same days, as progressions
    return rule


def _check(rule: Rule) -> None:
    """What no single part shows: too many times a day, parts that do not go together."""
    if math.prod(len(rule.by.get(part, (0,))) for part in _TIME_PARTS) > _TIMES_A_DAY:
        raise LimitError("the rule has too many times a day")
    if "BYWEEKNO" in rule.by and rule.freq != "YEARLY":
        raise UnreadableError("RRULE with BYWEEKNO needs FREQ=YEARLY")
    highest = 53 if rule.freq == "YEARLY" and "BYMONTH" not in rule.by else 5
    if any(abs(ordinal) > highest for _, ordinal in rule.days):
        raise UnreadableError(f"RRULE with an ordinal beyond {highest} in BYDAY")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        if name:
            yield name, value.strip()


def _items(value: str) -> list[str]:
    return value.split(",") if value else []


def _number(name: str, text: str, low: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if number < low:
        raise UnreadableError(f"RRULE with {name}={shown(text)}")
    return number


def _count(text: str) -> int | None:
    """COUNT; a negative one, which some producers write for "for ever", is none."""
    return None if not text or re.fullmatch(r"-\d+", text) else _number("COUNT", text, 1)


def _weekday(text: str) -> int:
    if text not in _WEEKDAYS:
        raise UnreadableError(f"not a weekday: {shown(text)}")
    return _WEEKDAYS[text]


def _byday(text: str) -> tuple[int, int]:
    match = _BYDAY.fullmatch(text.strip())
    if match is None:
        raise UnreadableError(f"RRULE with BYDAY={shown(text)}")
    return _WEEKDAYS[match[2]], int(match[1] or 0)


def _numbers(name: str, value: str) -> tuple[int, ...]:
    """A numeric BY part, sorted, without repeats."""
    if name not in _NUMBERS:
        raise UnreadableError(f"RRULE with the unknown part {shown(name)}")
    high, zero, negative = _NUMBERS[name]
    numbers = sorted({_number(name, item, -high if negative else 0) for item in _items(value)})
    if not numbers or numbers[-1] > high or (0 in numbers and not zero):
        raise UnreadableError(f"RRULE with {name}={shown(value)}")
    return tuple(numbers)


def starts(rule: Rule, start: datetime, low: datetime, high: datetime, budget: Budget) -> list[datetime]:
    """The local starts `rule` gives for DTSTART `start` in [low, high), none before `start`, in no order.

    DTSTART itself is among them only if the rule matches it. COUNT counts what the rule matches. UNTIL is the caller's
    to apply, through `high`. Raises LimitError, and OverflowError at the ends of the calendar.
    """
    if rule.freq in ("DAILY", "WEEKLY") and not rule.by and (rule.freq == "WEEKLY" or not rule.days):
        return _progressions(rule, start, low, high, budget)
    return _by_periods(rule, start, low, high, budget)


def _progressions(rule: Rule, start: datetime, low: datetime, high: datetime, budget: Budget) -> list[datetime]:
    """DAILY is one progression, WEEKLY one per weekday: first + k x step. COUNT runs over them in turn."""
    step = _STEPS[rule.freq] * rule.interval
    into_week = (start.weekday() - rule.week_start) % 7 if rule.freq == "WEEKLY" else 0
    offsets = sorted({(day - rule.week_start) % 7 for day, _ in rule.days}) or [into_week]
    skipped = sum(offset < into_week for offset in offsets)  # days of the first week before DTSTART
    found: list[datetime] = []
    for position, offset in enumerate(offsets):
        first = start + (offset - into_week) * DAY
        begin = max(int(position < skipped), -((first - low) // step))
        end = -((first - high) // step)
        if rule.count is not None:
            weeks, days = divmod(rule.count + skipped, len(offsets))
            end = min(end, weeks + (position < days))
        if begin < end:
            budget.spend(end - begin)
            found += [first + step * k for k in range(begin, end)]
    return found


def _by_periods(rule: Rule, start: datetime, low: datetime, high: datetime, budget: Budget) -> list[datetime]:
    """Period after period, from the one that holds `low`; from the first one if there is a COUNT to keep."""
    period, index_of = _period(rule, start)
    members = _members(rule, start, budget)
    left = rule.count if rule.count is not None else -1
    index = max(0, index_of(low)) if rule.count is None else 0
    found: list[datetime] = []
    while left and (begin := period(index)) < high:
        for at in members(begin):
            if at >= start and left:
                left -= 1
                if low <= at < high:
                    found.append(at)
        index += 1
    return found


def _period(rule: Rule, start: datetime) -> tuple[Callable[[int], datetime], Callable[[datetime], int]]:
    """Two functions: where period number k begins, and which period holds a moment (floor)."""
    if rule.freq in _MONTHS:
        months = _MONTHS[rule.freq] * rule.interval
        first_month = start.year * 12 + (start.month - 1 if rule.freq == "MONTHLY" else 0)

        def month(k: int) -> datetime:
            year, month = divmod(first_month + k * months, 12)
            if year > 9999:
                raise OverflowError("the rule leaves the calendar")
            return start.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0)

        return month, lambda at: (at.year * 12 + at.month - 1 - first_month) // months
    step = _STEPS[rule.freq] * rule.interval
    first = _floor(rule, start)
    return lambda k: first + k * step, lambda at: (at - first) // step


def _floor(rule: Rule, start: datetime) -> datetime:
    """The beginning of the week, day, hour, minute or second of `start`."""
    if rule.freq == "WEEKLY":
        start -= ((start.weekday() - rule.week_start) % 7) * DAY
    return _at(start, dict.fromkeys(_EXPANDS[rule.freq], 0))


def _at(moment: datetime, parts: dict[str, int]) -> datetime:
    """`moment` with the hour, minute and second that `parts` names."""
    hour, minute = parts.get("BYHOUR", moment.hour), parts.get("BYMINUTE", moment.minute)
    return moment.replace(hour=hour, minute=minute, second=parts.get("BYSECOND", moment.second))


def _members(rule: Rule, start: datetime, budget: Budget) -> Callable[[datetime], list[datetime]]:
    """A function that gives the sorted starts of the period that begins at its argument."""
    if rule.freq in _MONTHS:
        parts = _dateutil_parts(rule, start)
        time = start - start.replace(hour=0, minute=0, second=0)
        shift = timedelta(0) if any(part in rule.by for part in _TIME_PARTS) else time

        def from_dateutil(begin: datetime) -> list[datetime]:
            budget.spend(_DATEUTIL_COST)
            return [at + shift for at in _dateutil_period(rule.freq, begin, rule.week_start, parts)]

        return from_dateutil
    weekdays = {day for day, _ in rule.days}
    if rule.freq == "WEEKLY":
        weekdays = weekdays or {start.weekday()}
    limits = [(part, rule.by[part]) for part in _LIMITS if part in rule.by and part not in _EXPANDS[rule.freq]]
    times = [rule.by.get(part, (getattr(start, _TIME_FIELDS[part]),)) for part in _EXPANDS[rule.freq]]

    def limited(begin: datetime) -> list[datetime]:
        days = [begin + n * DAY for n in range(7)] if rule.freq == "WEEKLY" else [begin]
        budget.spend(len(days))
        found = [
            _at(day, dict(zip(_EXPANDS[rule.freq], time, strict=True)))
            for day in days
            if (not weekdays or day.weekday() in weekdays)
            and all(any(value in wanted for value in _LIMITS[part](day)) for part, wanted in limits)
            for time in product(*times)
        ]
        return _positions(found, rule.by.get("BYSETPOS", ()))

    return limited


def _positions(found: list[datetime], positions: tuple[int, ...]) -> list[datetime]:
    """BYSETPOS: the n-th of a period's starts, from 1, or from the end for negatives."""
    if not positions:
        return found
    size = len(found)
    return [found[n] for n in sorted({p - 1 if p > 0 else size + p for p in positions}) if 0 <= n < size]


def _dateutil_parts(rule: Rule, start: datetime) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """`rule`'s BY parts as dateutil's arguments, with what RFC 5545 takes from DTSTART made explicit.

    Times are left out (midnight) unless the rule names some, so that rules differing only in their time share the
    cache.
    """
    parts: dict[str, tuple[object, ...]] = {name.lower(): values for name, values in rule.by.items()}
    if rule.days:
        parts["byweekday"] = tuple(weekday(day, n or None) for day, n in rule.days)
    elif "BYWEEKNO" in rule.by and not {"BYYEARDAY", "BYMONTHDAY"} & rule.by.keys():
        parts["byweekday"] = (weekday(start.weekday()),)
    elif not {"BYYEARDAY", "BYMONTHDAY", "BYWEEKNO"} & rule.by.keys():
        parts["bymonthday"] = (start.day,)
        if rule.freq == "YEARLY":
            parts.setdefault("bymonth", (start.month,))
    if any(part in rule.by for part in _TIME_PARTS):
        for part in _TIME_PARTS:
            parts.setdefault(part.lower(), (getattr(start, _TIME_FIELDS[part]),))
    return tuple(sorted(parts.items()))


@lru_cache(maxsize=4096)
def _dateutil_period(
    freq: str, begin: datetime, week_start: int, parts: tuple[tuple[str, tuple[object, ...]], ...]
) -> tuple[datetime, ...]:
    """The starts dateutil finds in the one year or month that begins at `begin`."""
    frequency, beyond = _DATEUTIL[freq]
    return tuple(rrule(frequency, dtstart=begin, interval=beyond, wkst=week_start, **dict(parts)))  # type: ignore[arg-type]
