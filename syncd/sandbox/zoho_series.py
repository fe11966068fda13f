"""Occurrences of series, and what happens to a series when one or all from one on are changed or deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dateutil.rrule import rrule, rrulestr

from .zoho_errors import ZohoError
from .zoho_store import Event
from .zoho_times import date_text, midnight, utc_text, zone_of

UNTIL = re.compile(r"UNTIL=(\d{8})(T\d{6})?(Z?)")


def spans(event: Event, since: datetime, until: datetime) -> Iterator[Event]:
    """What happens of an event, a series or an exception within [since, until): single events, occurrences of a series
    each with its `recurrence_id`. Exceptions are events of their own and not among a series' occurrences.
    """
    for each in _occurrences(event, until) if event.rrule and not event.recurrence_id else (event,):
        start, end = bounds(each)
        if start < until and (end > since or start == end >= since):
            yield each


def bounds(event: Event) -> tuple[datetime, datetime]:
    """Start and end in UTC; days begin at midnight in the event's zone."""
    if isinstance(event.start, datetime) and isinstance(event.end, datetime):
        return event.start, event.end
    return midnight(event.start, event.zone), midnight(event.end, event.zone)


def recurrence_id(start: datetime | date) -> str:
    """What an occurrence is known by: where the rule put it."""
    return utc_text(start) if isinstance(start, datetime) else date_text(start)


def rule_of(text: str, start: datetime | date, zone: str) -> Any:
    """A rule that can be iterated. Raises ZohoError."""
    begin = start.astimezone(zone_of(zone)) if isinstance(start, datetime) else datetime(*start.timetuple()[:3])  # noqa: DTZ001 - a day
    try:
        return rrulestr(UNTIL.sub(lambda found: _until(found, begin), text), dtstart=begin)
    except (ValueError, TypeError, KeyError) as error:
        raise ZohoError("INVALID_DATA", "rrule") from error


def occurrence(series: Event, wanted: str) -> Event:
    """One occurrence by its id, changed already or not. Raises ZohoError."""
    if wanted in series.exceptions:
        return series.exceptions[wanted]
    day = datetime.strptime(wanted[:8], "%Y%m%d").replace(tzinfo=UTC) if re.match(r"\d{8}", wanted) else None
    for each in _occurrences(series, day + timedelta(days=3)) if day and series.rrule else ():
        if each.recurrence_id == wanted:
            return each
    raise ZohoError("EVENT_NOTFOUND", "recurrenceid")


def cut(series: Event, wanted: str) -> bool:
    """End a series before one of its occurrences; whether anything of it is left. Raises ZohoError."""
    first = occurrence(replace(series, exceptions={}), wanted).start
    last = first - timedelta(seconds=1) if isinstance(first, datetime) else first - timedelta(days=1)
    kept = [part for part in series.rrule.split(";") if not part.startswith(("COUNT=", "UNTIL="))]
    series.fields["rrule"] = ";".join([*kept, f"UNTIL={recurrence_id(last)}"])
    series.exceptions = {k: e for k, e in series.exceptions.items() if k < wanted}
    series.gone = [k for k in series.gone if k < wanted]
    return wanted != recurrence_id(series.start)


def _occurrences(series: Event, until: datetime) -> Iterator[Event]:
    length = series.end - series.start  # type: ignore[operator]
    rule: rrule = rule_of(series.rrule, series.start, series.zone)
    for begin in rule:
        start = begin.astimezone(UTC) if begin.tzinfo else begin.date()
        if (start if isinstance(start, datetime) else midnight(start, series.zone)) >= until:
            return
        known = recurrence_id(start)
        if known not in series.gone and known not in series.exceptions:
            yield replace(series, start=start, end=start + length, recurrence_id=known)


def _until(found: re.Match[str], begin: datetime) -> str:
    """UNTIL as the rule's start needs it: UTC beside a time, a date beside a date."""
    if begin.tzinfo is None:
        return f"UNTIL={found[1]}"
    if found[3]:
        return found[0]
    local = datetime.strptime(found[1] + (found[2] or "T235959"), "%Y%m%dT%H%M%S").replace(tzinfo=begin.tzinfo)
    return f"UNTIL={utc_text(local)}"
