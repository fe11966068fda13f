"""Recurrence lines of a series: one RRULE, and an EXDATE for each occurrence that was cancelled before it was changed.

The lines are ours: what a person does to an occurrence in Google's calendar makes an exception of it, an event of its
own, and no line. Pure. Source: discovery, Event.recurrence (lines of RFC 5545 without DTSTART).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncd.ical.values import UnreadableError as UnreadableValueError
from syncd.ical.zones import CalendarZones
from syncd.model.calendar import Event, Occurrence

from .times import Moment, compact, to_second

_LINE = re.compile(r"(RRULE|EXDATE)((?:;[^:]*)?):(.+)", re.IGNORECASE | re.DOTALL)


def original_of(event: Event, occurrence: Occurrence, zone: str) -> Moment:
    """Where the rule puts an occurrence: an instant in UTC, or a day."""
    return day_of(occurrence.original, zone) if event.start_date is not None else to_second(occurrence.original)


def day_of(moment: datetime, zone: str) -> Moment:
    """The day of a moment where the event is."""
    return moment.astimezone(ZoneInfo(zone)).date()


def wanted_recurrence(event: Event, zone: str) -> list[str]:
    """The lines for an event; none for one that does not recur."""
    if not event.rrule:
        return []
    cancelled = sorted(compact(original_of(event, o, zone)) for o in event.occurrences if o.start is None)
    kind = ";VALUE=DATE" if event.start_date is not None else ""
    return [f"RRULE:{event.rrule}", *([f"EXDATE{kind}:{','.join(cancelled)}"] if cancelled else [])]


def same_recurrence(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether lines say the same, however they are written."""
    return same_rule(one, other) and cancelled_in(one) == cancelled_in(other)


def same_rule(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the rules are the same."""
    return _rules(one) == _rules(other)


def rule_of(resource: Mapping[str, Any]) -> str:
    """The rule without its name; "" where there is none."""
    return next((value for name, _, value in _parsed(resource.get("recurrence") or ()) if name == "RRULE"), "")


def cancelled_of(resource: Mapping[str, Any]) -> set[Moment]:
    """The occurrences that the lines leave out."""
    return cancelled_in(resource.get("recurrence") or ())


def cancelled_in(lines: Iterable[str]) -> set[Moment]:
    """What the EXDATE lines name: instants in UTC, or days. A value that cannot be read names nothing."""
    zones, found = CalendarZones(UTC, {}), set[Moment]()
    for name, parameters, value in _parsed(lines):
        for each in value.split(",") if name == "EXDATE" else ():
            try:
                read = zones.stamp(parameters, each.strip())
            except UnreadableValueError:
                continue
            found.add(read.local.date() if read.is_date else read.instant(UTC))
    return found


def _rules(lines: Iterable[str]) -> list[frozenset[str]]:
    return [
        frozenset(part for part in value.upper().split(";") if part)
        for name, _, value in _parsed(lines)
        if name == "RRULE"
    ]


def _parsed(lines: Iterable[str]) -> list[tuple[str, str, str]]:
    """Name in capitals, parameters, and value of each line."""
    matches = (_LINE.fullmatch(line.strip()) for line in lines)
    return [(m[1].upper(), m[2], m[3].strip()) for m in matches if m]
