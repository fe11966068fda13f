"""iCalendar objects as another client of Exchange would have stored them, for the contract's tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
from office365_given import World

from syncd.testing.cases import BERLIN, OWNER

WINDOWS = "W. Europe Standard Time"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def stored(world: World, calendar: str, uid: str, text: str, known: dict[str, str]) -> str:
    """Store the object, or what has become of it; `known` holds the ids by uid."""
    components: list[Any] = icalendar.Calendar.from_ical(text).walk("VEVENT")
    master, *overrides = components
    if uid in known:
        world.graph.change_event(OWNER, calendar, known[uid], **resource(master))
    else:
        known[uid] = world.graph.put_event(OWNER, calendar, resource(master))["id"]
    excluded = master.get("EXDATE")
    for stamp in excluded.dts if excluded is not None else ():
        world.person("DELETE", f"/events/{instance(world, known[uid], stamp.dt)}")
    for override in overrides:
        moved = instance(world, known[uid], override["RECURRENCE-ID"].dt)
        world.person("PATCH", f"/events/{moved}", {name: time(override[key]) for name, key in ENDS})
    return known[uid]


ENDS = (("start", "DTSTART"), ("end", "DTEND"))


def resource(event: Any) -> dict[str, Any]:
    """A VEVENT as Graph has it."""
    start = event["DTSTART"].dt
    item: dict[str, Any] = {
        "subject": str(event.get("SUMMARY", "")),
        **{name: time(event[key]) for name, key in ENDS},
        "isAllDay": not isinstance(start, datetime),
        "showAs": "free" if event.get("TRANSP") == "TRANSPARENT" else "busy",
        "isCancelled": event.get("STATUS") == "CANCELLED",
    }
    people = event.get("ATTENDEE", [])
    for person in people if isinstance(people, list) else [people]:
        address = str(person).removeprefix("mailto:")
        answer = {"response": person.params["PARTSTAT"].lower(), "time": "2026-01-01T00:00:00Z"}
        if address == OWNER:
            item["responseStatus"] = answer
        item.setdefault("attendees", []).append(
            {"type": "required", "emailAddress": {"address": address}, "status": answer}
        )
    if "RRULE" in event:
        item["recurrence"] = weekly(event)
    return item


def time(stamp: Any) -> dict[str, str]:
    """A DTSTART or the like as a dateTimeTimeZone."""
    value: date | datetime = stamp.dt
    if not isinstance(value, datetime):
        return {"dateTime": f"{value.isoformat()}T00:00:00", "timeZone": WINDOWS}
    if value.tzinfo == UTC or value.utcoffset() == timedelta():
        return {"dateTime": f"{value:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}
    return {"dateTime": f"{value.astimezone(ZoneInfo(BERLIN)):%Y-%m-%dT%H:%M:%S}", "timeZone": WINDOWS}


def weekly(event: Any) -> dict[str, Any]:
    """FREQ=WEEKLY;COUNT=n, the one rule of the contract's tests."""
    rule, start = event["RRULE"], event["DTSTART"].dt
    assert rule["FREQ"] == ["WEEKLY"]
    return {
        "pattern": {
            "type": "weekly",
            "interval": 1,
            "daysOfWeek": [WEEKDAYS[start.weekday()]],
            "firstDayOfWeek": "monday",
        },
        "range": {
            "type": "numbered",
            "startDate": f"{start:%Y-%m-%d}",
            "numberOfOccurrences": rule["COUNT"][0],
            "recurrenceTimeZone": WINDOWS,
        },
    }


def instance(world: World, series: str, original: datetime) -> str:
    """The id of the occurrence that the rule puts at `original`."""
    return world.instances(series)[f"{original.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]
