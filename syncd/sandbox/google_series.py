"""When events are: moments of a resource, and the instances of a series.

A series is a master with `recurrence` lines (RFC 5545, without DTSTART) and exceptions, which are events of their own
with `recurringEventId` and `originalStartTime`. The rules run in the local time of the master's zone, so an instance
keeps its wall clock when the clocks change; an all-day series runs on dates. dateutil does the rules here, on purpose:
the daemon's own arithmetic is what this is to be a judge of.

An instance's id is the master's id, `_`, and its original start: `20260301T090000Z`, or `20260301` for all-day events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rruleset, rrulestr

from .google_errors import GoogleError
from .google_store import Calendar, Resource

DAY = timedelta(days=1)
MOST_INSTANCES = 20_000
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

_LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)((?:;[^:]*)?):(.+)", re.IGNORECASE)
_UNTIL = re.compile(r"(?<=UNTIL=)\d{8}(?:T\d{6}Z?)?", re.IGNORECASE)


class Span(NamedTuple):
    """A half-open interval in UTC."""

    start: datetime
    end: datetime

    def meets(self, low: datetime, high: datetime) -> bool:
        """Whether it ends after `low` and starts before `high`, as timeMin and timeMax mean it."""
        return self.end > low and self.start < high


def is_master(resource: Resource | None) -> bool:
    """Whether it is a series."""
    return bool(resource and resource.get("recurrence"))


def is_live(resource: Resource | None) -> bool:
    """Whether it is there and not deleted."""
    return resource is not None and resource.get("status") != "cancelled"


def has_master(resource: Resource, calendar: Calendar) -> bool:
    """Whether it is an exception of a series that the calendar has; one without is an invitation to that day only."""
    return resource.get("recurringEventId", "") in calendar.events


def known_zone(name: str, location: str = "timeZone", message: str = "Invalid time zone.") -> ZoneInfo:
    """A zone by its name. Raises GoogleError (invalid)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise GoogleError("invalid", message, location=location) from error


def zone_of(value: Mapping[str, str], default: str) -> ZoneInfo:
    """The zone that an EventDateTime names."""
    return ZoneInfo(value.get("timeZone") or default)


def local(value: Mapping[str, str], default: str) -> datetime:
    """An EventDateTime as local time of its zone, without it; a date as its midnight."""
    if "date" in value:
        return datetime.combine(date.fromisoformat(value["date"]), time())
    moment = datetime.fromisoformat(value["dateTime"])
    return moment.astimezone(zone_of(value, default)).replace(tzinfo=None)


def moment(value: Mapping[str, str], calendar_zone: str) -> datetime:
    """An EventDateTime in UTC; a date begins at the calendar's midnight."""
    if "date" in value:
        midnight = datetime.combine(date.fromisoformat(value["date"]), time(), ZoneInfo(calendar_zone))
        return midnight.astimezone(UTC)
    return datetime.fromisoformat(value["dateTime"]).astimezone(UTC)


def span(resource: Resource, calendar: Calendar) -> Span | None:
    """When an event is; None for a stub that does not say."""
    if "start" not in resource or "end" not in resource:
        return None
    return Span(moment(resource["start"], calendar.zone), moment(resource["end"], calendar.zone))


def check_rules(resource: Resource, calendar: Calendar) -> None:
    """Refuse recurrence lines that mean nothing. Raises GoogleError (invalid)."""
    for line in resource.get("recurrence") or ():
        if not isinstance(line, str) or _LINE.fullmatch(line.strip()) is None:
            raise GoogleError("invalid", "Invalid recurrence rule.", location="recurrence")
    try:
        _rules(resource, calendar)
    except (ValueError, TypeError, KeyError) as error:
        raise GoogleError("invalid", "Invalid recurrence rule.", location="recurrence") from error


def starts(master: Resource, calendar: Calendar, low: datetime, high: datetime) -> Iterator[datetime]:
    """The original starts, in local time, of the instances that meet [low, high)."""
    zone = _zone(master, calendar)
    first, length = local(master["start"], calendar.zone), _length(master, calendar)
    begin = low.astimezone(zone).replace(tzinfo=None) - length - DAY
    end = high.astimezone(zone).replace(tzinfo=None) + DAY
    if end < first:
        return
    for count, start in enumerate(_rules(master, calendar).xafter(begin, inc=True)):
        if start > end or count >= MOST_INSTANCES:
            return
        yield start


def occurs(master: Resource, calendar: Calendar, low: datetime, high: datetime) -> bool:
    """Whether any instance, as the rules have it, meets [low, high)."""
    made = (span(instance(master, calendar, start), calendar) for start in starts(master, calendar, low, high))
    return any(when is not None and when.meets(low, high) for when in made)


def instance(master: Resource, calendar: Calendar, start: datetime) -> Resource:
    """The instance of a series that starts at a local time, as it is while nobody changed it."""
    zone, end = _zone(master, calendar), start + _length(master, calendar)
    made = {k: v for k, v in master.items() if k != "recurrence"}
    made["id"] = f"{master['id']}_{_suffix(master, start, zone)}"
    made["recurringEventId"] = master["id"]
    made["start"] = _told(master["start"], start, zone)
    made["end"] = _told(master["end"], end, zone)
    made["originalStartTime"] = made["start"]
    return made


def instances(
    master: Resource, exceptions: Mapping[str, Resource], calendar: Calendar, low: datetime, high: datetime
) -> dict[str, Resource]:
    """The instances that meet [low, high) by their ids, exceptions in the place of what they replace. A deleted one is
    there with status `cancelled` when its original time meets the window.
    """
    found = {}
    if is_live(master):
        for start in starts(master, calendar, low, high):
            made = instance(master, calendar, start)
            when = span(made, calendar)
            if made["id"] not in exceptions and when and when.meets(low, high):
                found[made["id"]] = made
    for event_id, exception in exceptions.items():
        when = span(exception, calendar)
        if when is not None and when.meets(low, high):
            found[event_id] = exception if is_live(master) else {**exception, "status": "cancelled"}
    return dict(sorted(found.items(), key=lambda item: _order(item[1], calendar)))


def instance_by_id(calendar: Calendar, event_id: str) -> tuple[Resource, Resource] | None:
    """The master and the untouched instance that an id names; None when no series has such an instance."""
    series, _, suffix = event_id.rpartition("_")
    master = calendar.get(series)
    if master is None or not is_master(master):
        return None
    try:
        near = datetime.strptime(suffix[:8], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    for start in starts(master, calendar, near - DAY, near + 2 * DAY):
        made = instance(master, calendar, start)
        if made["id"] == event_id:
            return master, made
    return None


def _order(resource: Resource, calendar: Calendar) -> datetime:
    when = span(resource, calendar)
    return when.start if when else EARLIEST


def _zone(master: Resource, calendar: Calendar) -> ZoneInfo:
    """Where the rules run."""
    return ZoneInfo(calendar.zone) if "date" in master["start"] else zone_of(master["start"], calendar.zone)


def _length(master: Resource, calendar: Calendar) -> timedelta:
    return local(master["end"], calendar.zone) - local(master["start"], calendar.zone)


def _suffix(master: Resource, start: datetime, zone: ZoneInfo) -> str:
    if "date" in master["start"]:
        return start.strftime("%Y%m%d")
    return start.replace(tzinfo=zone).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _told(like: Mapping[str, str], at: datetime, zone: ZoneInfo) -> dict[str, str]:
    if "date" in like:
        return {"date": at.date().isoformat()}
    # through UTC, so that a time that the change of clocks leaves out becomes one that exists
    there = at.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return {"dateTime": there.isoformat(), "timeZone": str(zone)}


def _rules(master: Resource, calendar: Calendar) -> rruleset:
    zone, first = _zone(master, calendar), local(master["start"], calendar.zone)
    rules, ruled = rruleset(cache=False), False
    for line in master["recurrence"]:
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise ValueError(line)
        name, value = found[1].upper(), found[3].strip()
        if name in ("RRULE", "EXRULE"):
            rule = rrulestr(_UNTIL.sub(lambda m: _until(m[0], zone), value), dtstart=first)
            assert isinstance(rule, rrule)
            (rules.rrule if name == "RRULE" else rules.exrule)(rule)
            ruled = ruled or name == "RRULE"
        else:
            for each in value.split(","):
                (rules.rdate if name == "RDATE" else rules.exdate)(_listed(each, found[2], zone, first))
    if not ruled:
        rules.rdate(first)
    return rules


def _until(text: str, zone: ZoneInfo) -> str:
    """UNTIL in local time; a date reaches to its end."""
    if len(text) == 8:
        return f"{text}T235959"
    if text.upper().endswith("Z"):
        return _utc(text).astimezone(zone).strftime("%Y%m%dT%H%M%S")
    return text


def _listed(text: str, parameters: str, zone: ZoneInfo, first: datetime) -> datetime:
    """A moment of RDATE or EXDATE in the series' local time; a date means the instance of that day."""
    if len(text) == 8:
        day = datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - wall-clock time
        return day.replace(hour=first.hour, minute=first.minute, second=first.second)
    if text.upper().endswith("Z"):
        return _utc(text).astimezone(zone).replace(tzinfo=None)
    at = datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - wall-clock time
    named = re.search(r";TZID=([^;]+)", parameters, re.IGNORECASE)
    return at.replace(tzinfo=ZoneInfo(named[1])).astimezone(zone).replace(tzinfo=None) if named else at


def _utc(text: str) -> datetime:
    return datetime.strptime(text.upper(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
