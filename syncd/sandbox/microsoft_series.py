"""Series: patternedRecurrence expanded, with exceptions and cancelled occurrences. Source: the OpenAPI's schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dateutil.rrule import DAILY, FR, MO, MONTHLY, SA, SU, TH, TU, WE, WEEKLY, YEARLY, rrule

from .microsoft_errors import GraphError
from .microsoft_store import Event, occurrence_id
from .microsoft_times import zone_of

DAYS = {"monday": MO, "tuesday": TU, "wednesday": WE, "thursday": TH, "friday": FR, "saturday": SA, "sunday": SU}
INDEX = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
KINDS: Mapping[str, Any] = {
    "daily": DAILY,
    "weekly": WEEKLY,
    "absoluteMonthly": MONTHLY,
    "relativeMonthly": MONTHLY,
    "absoluteYearly": YEARLY,
    "relativeYearly": YEARLY,
}
SHORTEST_MONTH, LONGEST_MONTH = 28, 31
FAR = timedelta(days=3660)
"""How far a series without an end is expanded."""


def rule_of(recurrence: Any, start: datetime) -> rrule:
    """The rule of a patternedRecurrence, in local time without zone. Raises GraphError."""
    try:
        return _rule(recurrence, start)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise _invalid("Your request can't be completed. The recurrence pattern is not valid.") from None


def _rule(recurrence: Mapping[str, Any], start: datetime) -> rrule:
    pattern, limit = recurrence.get("pattern"), recurrence.get("range")
    if not isinstance(pattern, Mapping) or not isinstance(limit, Mapping) or pattern.get("type") not in KINDS:
        raise _invalid("Your request can't be completed. The recurrence pattern is not valid.")
    kind = str(pattern["type"])
    told: dict[str, Any] = {"dtstart": start, "interval": int(pattern.get("interval") or 1)}
    days = [DAYS[str(day).lower()] for day in pattern.get("daysOfWeek", ()) if str(day).lower() in DAYS]
    if kind == "weekly":
        if not days:
            raise _invalid("daysOfWeek is required for a weekly pattern.")
        told |= {"byweekday": days, "wkst": DAYS[str(pattern.get("firstDayOfWeek") or "sunday").lower()]}
    elif kind.startswith("relative"):
        told |= {"byweekday": days, "bysetpos": INDEX[str(pattern.get("index") or "first")]}
    elif kind.startswith("absolute"):
        told |= _day_of_month(int(pattern.get("dayOfMonth") or start.day))
    if kind.endswith("Yearly"):
        told["bymonth"] = int(pattern.get("month") or start.month)
    return rrule(KINDS[kind], **told, **_limit(limit, start))


def _day_of_month(day: int) -> dict[str, Any]:
    """A month that is too short has it on its last day, as the EWS reference says of DayOfMonth
    (https://learn.microsoft.com/exchange/client-developer/web-service-reference/absolutemonthlyrecurrence).
    """
    if not 1 <= day <= LONGEST_MONTH:
        raise _invalid("dayOfMonth is out of range.")
    return {"bymonthday": range(min(day, SHORTEST_MONTH), day + 1), "bysetpos": -1}


def _limit(limit: Mapping[str, Any], start: datetime) -> dict[str, Any]:
    match limit.get("type"):
        case "numbered":
            return {"count": int(limit.get("numberOfOccurrences") or 1)}
        case "endDate":
            last = date.fromisoformat(str(limit.get("endDate")))
            return {"until": datetime(last.year, last.month, last.day, 23, 59, 59)}  # noqa: DTZ001 (local)
        case "noEnd":
            return {"until": start + FAR}
    raise _invalid("The range of the recurrence is not valid.")


def originals(master: Event) -> Iterator[datetime]:
    """Where the rule puts its occurrences, UTC."""
    assert master.recurrence is not None
    zone = zone_of(master.zone)
    local = master.start.astimezone(zone).replace(tzinfo=None)
    for moment in rule_of(master.recurrence, local):
        yield moment.replace(tzinfo=zone).astimezone(UTC)


def occurrence(master: Event, original: datetime) -> Event | None:
    """One occurrence as it is now; None: cancelled, or the rule does not put it there."""
    if original in master.exceptions:
        return master.exceptions[original]
    planned = next((o for o in originals(master) if o >= original), None)
    return _regular(master, original) if planned == original and original not in master.cancelled else None


def _regular(master: Event, original: datetime) -> Event:
    """An occurrence as its rule has it. Its iCalUId is its own ("different for each occurrence", the OpenAPI)."""
    return replace(
        master,
        id=occurrence_id(master.id, original),
        uid=f"{master.uid}{original:%Y%m%d}",
        start=original,
        end=original + (master.end - master.start),
        fields=dict(master.fields),
        recurrence=None,
        exceptions={},
        cancelled=set(),
        master=master.id,
        original=original,
        version=0,
    )


def instances(event: Event, start: datetime, end: datetime) -> list[Event]:
    """What of an event overlaps the window: itself, or the occurrences of a series."""
    if event.recurrence is None:
        return [event] if event.start < end and event.end > start else []
    found = []
    for original in originals(event):
        if original >= end and original not in event.exceptions:
            break
        if original in event.cancelled or original in event.exceptions:
            continue
        each = _regular(event, original)
        if each.start < end and each.end > start:
            found.append(each)
    found += [e for e in event.exceptions.values() if e.start < end and e.end > start]
    return sorted(found, key=lambda e: (e.start, e.id))


def _invalid(message: str) -> GraphError:
    return GraphError(400, "ErrorInvalidRecurrencePattern", message)
