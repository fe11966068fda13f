"""RRULE <-> patternedRecurrence. Pure.

Graph knows six patterns; each row says which rules it expresses (recurrencePattern, recurrenceRange):

    daily             DAILY
    weekly            WEEKLY with or without BYDAY; DAILY on some weekdays
    absoluteMonthly   MONTHLY on one day of the month up to 28, or on the last one (BYMONTHDAY=-1, which is 31 there)
    relativeMonthly   MONTHLY;BYDAY=2TU or -1FR, or several weekdays with one BYSETPOS
    absoluteYearly    YEARLY on one day, not after the 28th unless every year's month has it
    relativeYearly    YEARLY;BYMONTH=3;BYDAY=2TU, or several weekdays with one BYSETPOS

On a month that is too short Graph takes the last day, where RFC 5545 (section 3.3.10) leaves the month out. Whatever
else a rule says is refused rather than approximated: people would be invited to other days than they booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from syncd.errors import RefusedError
from syncd.ical.recurrence import Budget, Rule, parse_rule, starts

from .zones import windows_of

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
INDEXES = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
LAST_DAY = 31

_SHORTEST = 28
_LONG_MONTHS = {1: 31, 2: 28, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}


class InexpressibleError(RefusedError):
    """Graph has no pattern for the rule."""

    code = "rrule_unsupported"
    remedy = "Give the event type a daily, weekly, monthly or yearly recurrence, or another calendar's app."


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a series begins: the local start, and the zone it repeats in (`name` is IANA)."""

    local: datetime
    zone: tzinfo
    name: str
    all_day: bool = False


def patterned(rrule: str, anchor: Anchor) -> dict[str, Any]:
    """The patternedRecurrence of a rule.

    Raises:
        InexpressibleError: Graph cannot say it.
    """
    try:
        rule = parse_rule(rrule, anchor.all_day)
        first = starts(rule, anchor.local, anchor.local, anchor.local + timedelta(seconds=1), Budget())
    except (ValueError, OverflowError) as error:
        raise InexpressibleError(f"The recurrence {rrule} cannot be read: {error}.") from None
    pattern = _pattern(rule, anchor.local)
    if pattern is None:
        raise InexpressibleError(f"Office 365 cannot express the recurrence {rrule}.")
    if not first:
        raise InexpressibleError(f"The first occurrence is not one of the recurrence {rrule}.")
    return {"pattern": {**pattern, "interval": rule.interval}, "range": _range(rule, anchor)}


def _pattern(rule: Rule, start: datetime) -> dict[str, Any] | None:
    makers = {"DAILY": _daily, "WEEKLY": _weekly, "MONTHLY": _monthly, "YEARLY": _yearly}
    make = makers.get(rule.freq)
    return make(rule, start) if make else None


def _daily(rule: Rule, start: datetime) -> dict[str, Any] | None:
    return None if rule.by or rule.days else {"type": "daily"}


def _weekly(rule: Rule, start: datetime) -> dict[str, Any] | None:
    if rule.by or any(ordinal for _, ordinal in rule.days):
        return None
    days = sorted({day for day, _ in rule.days} or {start.weekday()})
    return {
        "type": "weekly",
        "daysOfWeek": [DAYS[day] for day in days],
        "firstDayOfWeek": DAYS[rule.week_start],
    }


def _monthly(rule: Rule, start: datetime) -> dict[str, Any] | None:
    if rule.days:
        return _relative(rule, "relativeMonthly", {})
    day = _day_of_month(rule, start, frozenset({"BYMONTHDAY"}))
    if day == -1:
        return {"type": "absoluteMonthly", "dayOfMonth": LAST_DAY}
    return {"type": "absoluteMonthly", "dayOfMonth": day} if day and 0 < day <= _SHORTEST else None


def _yearly(rule: Rule, start: datetime) -> dict[str, Any] | None:
    months = rule.by.get("BYMONTH", (start.month,))
    if len(months) != 1 or ("BYMONTHDAY" in rule.by and "BYMONTH" not in rule.by):  # the latter is every month's day
        return None
    if rule.days:
        return _relative(rule, "relativeYearly", {"month": months[0]}) if "BYMONTH" in rule.by else None
    day = _day_of_month(rule, start, frozenset({"BYMONTH", "BYMONTHDAY"}))
    if not day or not 0 < day <= _LONG_MONTHS[months[0]]:
        return None
    return {"type": "absoluteYearly", "dayOfMonth": day, "month": months[0]}


def _day_of_month(rule: Rule, start: datetime, allowed: frozenset[str]) -> int | None:
    """The one day, from the end when negative; None when other parts have a say, or there are several."""
    days = rule.by.get("BYMONTHDAY", (start.day,))
    return days[0] if len(days) == 1 and rule.by.keys() <= allowed else None


def _relative(rule: Rule, kind: str, more: Mapping[str, Any]) -> dict[str, Any] | None:
    """By weekday and its index: one ordinal, or one BYSETPOS for all weekdays named."""
    positions = rule.by.get("BYSETPOS", ())
    ordinals = {ordinal for _, ordinal in rule.days}
    if rule.by.keys() - {"BYSETPOS", *(("BYMONTH",) if more else ())}:
        return None
    if positions:
        index = positions[0] if len(positions) == 1 and ordinals == {0} else 0
    else:
        index = next(iter(ordinals)) if len(rule.days) == 1 else 0
    if index not in INDEXES:
        return None
    days = [DAYS[day] for day in sorted({day for day, _ in rule.days})]
    return {
        "type": kind,
        "daysOfWeek": days,
        "index": INDEXES[index],
        "firstDayOfWeek": DAYS[rule.week_start],
        **more,
    }


def _range(rule: Rule, anchor: Anchor) -> dict[str, Any]:
    told = {"startDate": anchor.local.date().isoformat(), "recurrenceTimeZone": windows_of(anchor.name)}
    if rule.count is not None:
        return {"type": "numbered", "numberOfOccurrences": rule.count, **told}
    last = rule.last(anchor.zone, anchor.all_day)
    if last is None:
        return {"type": "noEnd", **told}
    # the end date is a whole day there; an UNTIL before that day's start means the day before
    end = last.date() if last.time() >= anchor.local.time() else last.date() - timedelta(days=1)
    return {"type": "endDate", "endDate": end.isoformat(), **told}


def rrule_of(recurrence: Any, anchor: Anchor) -> str:
    """The rule of a patternedRecurrence, what DTSTART implies left out; "" for none, or one we do not understand."""
    if not isinstance(recurrence, Mapping):
        return ""
    pattern, span = recurrence.get("pattern") or {}, recurrence.get("range") or {}
    parts = _by_parts(pattern, anchor.local)
    if parts is None:
        return ""
    interval = pattern.get("interval") or 1
    every = [f"INTERVAL={interval}"] if interval != 1 else []
    return ";".join([parts[0], *every, *_end_parts(span, anchor), *parts[1:]])


def _by_parts(pattern: Mapping[str, Any], start: datetime) -> list[str] | None:
    days = [day for day in range(7) if DAYS[day] in (pattern.get("daysOfWeek") or ())]
    ordinal = next((n for n, name in INDEXES.items() if name == pattern.get("index")), 1)
    kind, month_day, month = pattern.get("type"), pattern.get("dayOfMonth"), pattern.get("month")
    if kind == "daily":
        return ["FREQ=DAILY"]
    if kind == "weekly":
        week = pattern.get("firstDayOfWeek")
        first = [f"WKST={CODES[DAYS.index(week)]}"] if week in DAYS[1:] and pattern.get("interval", 1) != 1 else []
        return ["FREQ=WEEKLY", *([] if days == [start.weekday()] else [_byday(days)]), *first]
    if kind == "absoluteMonthly":
        said = -1 if month_day == LAST_DAY else month_day
        return ["FREQ=MONTHLY", *([] if said == start.day else [f"BYMONTHDAY={said}"])]
    if kind == "absoluteYearly":
        same = (month, month_day) == (start.month, start.day)
        return ["FREQ=YEARLY", *([] if same else [f"BYMONTH={month}", f"BYMONTHDAY={month_day}"])]
    if kind in ("relativeMonthly", "relativeYearly") and days:
        one = [f"BYDAY={ordinal}{CODES[days[0]]}"]
        by = one if len(days) == 1 else [_byday(days), f"BYSETPOS={ordinal}"]
        return ["FREQ=MONTHLY", *by] if kind == "relativeMonthly" else ["FREQ=YEARLY", f"BYMONTH={month}", *by]
    return None


def _byday(days: list[int]) -> str:
    return f"BYDAY={','.join(CODES[day] for day in days)}"


def _end_parts(span: Mapping[str, Any], anchor: Anchor) -> list[str]:
    if span.get("type") == "numbered" and span.get("numberOfOccurrences"):
        return [f"COUNT={span['numberOfOccurrences']}"]
    if span.get("type") != "endDate":
        return []
    day = date.fromisoformat(str(span.get("endDate"))[:10])
    if anchor.all_day:
        return [f"UNTIL={day:%Y%m%d}"]
    last = datetime.combine(day, time(23, 59, 59), anchor.zone).astimezone(UTC)
    return [f"UNTIL={last:%Y%m%dT%H%M%SZ}"]


def same_recurrence(wanted: Mapping[str, Any] | None, current: Any) -> bool:
    """Whether they mean the same: Graph fills in what a pattern does not need, and shows zones by other names."""
    return _essence(wanted) == _essence(current)


_NEEDED = {
    "daily": (),
    "weekly": ("daysOfWeek", "firstDayOfWeek"),
    "absoluteMonthly": ("dayOfMonth",),
    "relativeMonthly": ("daysOfWeek", "index"),
    "absoluteYearly": ("dayOfMonth", "month"),
    "relativeYearly": ("daysOfWeek", "index", "month"),
}
_ENDS = {"numbered": "numberOfOccurrences", "endDate": "endDate"}


def _essence(recurrence: Any) -> tuple[Any, ...] | None:
    if not isinstance(recurrence, Mapping):
        return None
    pattern, span = recurrence.get("pattern") or {}, recurrence.get("range") or {}
    kind, end = str(pattern.get("type")), str(span.get("type"))
    values = [pattern.get(name) for name in _NEEDED.get(kind, ())]
    plain = tuple(tuple(sorted(value)) if isinstance(value, list) else value for value in values)
    return (kind, pattern.get("interval", 1), plain, end, span.get(_ENDS.get(end, "")), span.get("startDate"))


def original_starts(rrule: str, anchor: Anchor, before: datetime) -> list[datetime]:
    """Where the rule puts its occurrences, local, ascending, those before local `before`. Raises InexpressibleError."""
    try:
        rule = parse_rule(rrule, anchor.all_day)
        last = rule.last(anchor.zone, anchor.all_day)
        high = before if last is None else min(before, last + timedelta(seconds=1))
        found = starts(rule, anchor.local, anchor.local, high, Budget()) if high > anchor.local else []
    except (ValueError, OverflowError) as error:
        raise InexpressibleError(f"The recurrence {rrule} cannot be read: {error}.") from None
    return sorted(found)
