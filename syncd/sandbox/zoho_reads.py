"""Reading: calendars, events, free/busy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from .zoho_call import Call
from .zoho_errors import ZohoError
from .zoho_event import deleted, shown
from .zoho_series import bounds, spans
from .zoho_store import Calendar, Entry, Event, Resource, User, all_events
from .zoho_times import read_bound, read_moment, utc_text, zone_of

LONGEST_RANGE = timedelta(days=31)
COLORS = {"color": "#005DE0", "textcolor": "#FFFFFF"}
FREE = (1, "1", "transparent")
"""`transparency` of an event that leaves its people free; its values are not documented."""


def list_calendars(call: Call) -> Resource:
    """GET /calendars: those that are shown, unless `showhiddencal`."""
    call.only("category", "showhiddencal")
    hidden, category = call.flag("showhiddencal"), call.params.get("category", "")
    entries = [e for e in call.user.entries.values() if (e.visible or hidden) and category in ("", "all", e.category)]
    return {"calendars": [shown_calendar(entry) for entry in entries]}


def get_calendar(call: Call) -> Resource:
    """GET /calendars/{calendar}."""
    call.only()
    return {"calendars": [shown_calendar(call.entry())]}


def shown_calendar(entry: Entry) -> Resource:
    """A calendar as it is told."""
    calendar = entry.calendar
    return {
        "uid": calendar.uid,
        "id": calendar.number,
        "name": calendar.name,
        "category": entry.category,
        "caltype": entry.category,
        "timezone": calendar.zone,
        **COLORS,
        "isdefault": entry.default,
        "visibility": entry.visible,
        "include_infreebusy": entry.busy,
        "privilege": entry.privilege,
        "owner": calendar.owner,
        "ctag": calendar.ctag,
        "lastmodifiedtime": utc_text(calendar.modified),
        "modifiedtime": int(calendar.modified.timestamp() * 1000),
        "createdtime": int(calendar.created.timestamp() * 1000),
        "reminders": [{"action": "popup", "minutes": "-5"}],
    }


def list_events(call: Call) -> Resource:
    """GET /calendars/{calendar}/events: what is in the range, series as series or by instance."""
    call.only("range", "byinstance", "timezone", "crm_event_type")
    entry = call.readable()
    since, until = _range(call)
    if not entry.visible and call.switch("hidden-empty"):
        return {"events": []}
    zone = call.params.get("timezone", "")
    if zone:
        zone_of(zone)
    brief = call.flag("byinstance")
    view = call.view(entry, zone=zone, description=call.large and not brief, brief=brief)
    found = _instances if brief else _whole
    return {"events": [shown(e, entry.calendar, view) for e in found(entry.calendar, since, until)]}


def get_event(call: Call) -> Resource:
    """GET /calendars/{calendar}/events/{event}: of a series also its exceptions and deleted occurrences."""
    call.only()
    entry = call.readable()
    event = call.event(entry.calendar)
    view = call.view(entry)
    exceptions = [shown(e, entry.calendar, view) for e in event.exceptions.values()]
    gone = [deleted(event, entry.calendar, each) for each in event.gone]
    whole = [shown(event, entry.calendar, view)]
    return {"events": [*gone, *whole, *exceptions] if call.switch("deleted-first") else [*whole, *exceptions, *gone]}


def _range(call: Call) -> tuple[datetime, datetime]:
    given = call.json("range")
    if not {"start", "end"} <= given.keys():
        raise ZohoError("LESS_THAN_MIN_OCCURANCE", "range")
    since, until = (read_bound(given[name], call.user.zone, "range") for name in ("start", "end"))
    if until < since:
        raise ZohoError("INVALID_DATA", "range")
    if until - since > LONGEST_RANGE:
        raise ZohoError("RANGE_EXCEEDED", "range")
    return since, until


def _whole(calendar: Calendar, since: datetime, until: datetime) -> Iterator[Event]:
    return (event for event in all_events(calendar) if any(spans(event, since, until)))


def _instances(calendar: Calendar, since: datetime, until: datetime) -> Iterator[Event]:
    return (each for event in all_events(calendar) for each in spans(event, since, until))


# free/busy


def freebusy(call: Call) -> Resource:
    """GET /calendars/freebusy: one mailbox of the same organisation."""
    call.only("uemail", "sdate", "edate", "ftype")
    for name in ("uemail", "sdate", "edate"):
        if name not in call.params:
            raise ZohoError("LESS_THAN_MIN_OCCURANCE", name)
    since, until = (read_moment(call.params[name], "UTC", name) for name in ("sdate", "edate"))
    if until - since > LONGEST_RANGE:
        raise ZohoError("RANGE_EXCEEDED", "edate")
    user = _colleague(call)
    if not user.freebusy or call.switch("fb-not-enabled"):
        return {"fb_not_enabled": True}
    if call.switch("fb-no-data"):
        return {"NODATA": True}
    busy = sorted(_busy(user, since, until), key=bounds)
    match call.params.get("ftype", "timebased"):
        case "eventbased":
            return {"fb_not_enabled": False, "freebusy": [_period(call, event) for event in busy]}
        case "timebased":
            return _days(busy)
    raise ZohoError("INVALID_DATA", "ftype")


def _colleague(call: Call) -> User:
    email = call.params["uemail"].lower()
    found = call.store.users.get(email)
    if found is None or email.partition("@")[2] != call.user.email.partition("@")[2]:
        raise ZohoError("OPERATION_NOT_PERMITTED", "uemail")
    return found


def _busy(user: User, since: datetime, until: datetime) -> Iterator[Event]:
    for entry in user.entries.values():
        if entry.busy:
            yield from (e for e in _instances(entry.calendar, since, until) if _counts(e, user.email))


def _counts(event: Event, email: str) -> bool:
    declined = any(a["email"] == email and a["status"] == "DECLINED" for a in event.fields.get("attendees", ()))
    return event.fields.get("transparency") not in FREE and not declined


def _period(call: Call, event: Event) -> Resource:
    if event.all_day and call.switch("fb-dates"):
        texts = [f"{day:%Y%m%d}" for day in (event.start, event.end)]
    else:
        texts = [f"{moment:%Y%m%dT%H%M%S}" for moment in bounds(event)]
    mark = "Z" if call.rules.zulu else ""
    return {"startTime": texts[0] + mark, "endTime": texts[1] + mark, "fbtype": "busy"}


def _days(busy: list[Event]) -> dict[str, Any]:
    """By day (UTC): what is all-day, and the times."""
    told: dict[str, Any] = {}
    for event in busy:
        start, end = bounds(event)
        while start < end:
            tomorrow = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
            until = min(end, tomorrow)
            day = told.setdefault(f"{start:%Y%m%d}", [None, []])
            if event.all_day:
                day[0] = {"allday": True}
            else:
                day[1].append(f"{start:%H:%M}-{'24:00' if until == tomorrow else f'{until:%H:%M}'}")
            start = until
    return told
