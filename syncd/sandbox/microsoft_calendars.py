"""A mailbox's owner, settings and calendars, and the schedules of an organization's people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .microsoft_call import Call, page, selected
from .microsoft_errors import GraphError
from .microsoft_series import instances
from .microsoft_store import Calendar, Event, Resource
from .microsoft_times import read_time, time_told, zone_preferred

LONGEST_SCHEDULE, MOST_SCHEDULES, DOCUMENTED_SCHEDULES, MOST_ENTRIES = timedelta(days=62), 100, 20, 1000
SHORTEST_SLOT, LONGEST_SLOT, DEFAULT_SLOT = 5, 1440, 30
DIGITS = {"free": "0", "tentative": "1", "busy": "2", "oof": "3", "workingElsewhere": "4", "unknown": "2"}
WEIGHT = ("free", "workingElsewhere", "tentative", "unknown", "busy", "oof")
"""What counts more where events overlap, from the least."""


def user(call: Call) -> Resource:
    """GET of the mailbox's owner."""
    told = {
        "@odata.context": f"{call.base}/v1.0/$metadata#users/$entity",
        "id": call.mailbox.id,
        "displayName": call.mailbox.name,
        "mail": call.mailbox.email,
        "userPrincipalName": call.mailbox.email,
    }
    return selected(call, told)


def mailbox_settings(call: Call) -> Resource:
    """GET mailboxSettings."""
    return selected(call, {"timeZone": call.mailbox.zone, "dateFormat": "dd.MM.yyyy", "timeFormat": "HH:mm"})


def calendars(call: Call) -> Resource:
    """GET calendars, in pages."""
    return page(call, [selected(call, _calendar(call, c)) for c in call.mailbox.calendars.values()])


def calendar(call: Call) -> Resource:
    """GET a calendar."""
    return selected(call, _calendar(call, call.calendar))


def _calendar(call: Call, found: Calendar) -> Resource:
    return {
        "id": found.id,
        "name": found.name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": found.default,
        "changeKey": "CK",
        "canShare": True,
        "canViewPrivateItems": True,
        "canEdit": found.can_edit,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"],
        "defaultOnlineMeetingProvider": "teamsForBusiness",
        "isTallyingResponses": True,
        "isRemovable": not found.default,
        "owner": {"name": call.mailbox.name, "address": call.mailbox.email},
    }


def get_schedule(call: Call) -> Resource:
    """POST getSchedule: of people of the same organization. Names in the body may begin with a capital."""
    given, capitals = call.body(), call.switch("capitals-only") is not None
    data = {k[:1].lower() + k[1:]: v for k, v in given.items() if k[:1].isupper() or not capitals}
    people = data.get("schedules")
    if not isinstance(people, list) or not people:
        raise GraphError(400, "ErrorInvalidParameter", "There are no schedules to look up.")
    if len(people) > (DOCUMENTED_SCHEDULES if call.switch("schedules-20") else MOST_SCHEDULES):
        raise GraphError(400, "ErrorMailboxDataArrayTooBig", "Mailbox data array is too big.")
    start, _ = read_time(data.get("startTime"), "startTime")
    end, _ = read_time(data.get("endTime"), "endTime")
    if end <= start:
        raise GraphError(400, "ErrorInvalidTimeInterval", "The time interval is invalid.")
    if end - start > LONGEST_SCHEDULE:
        raise GraphError(400, "ErrorTimeIntervalTooBig", "The requested time duration is too long.")
    slot = data.get("availabilityViewInterval") or DEFAULT_SLOT
    if not isinstance(slot, int) or not SHORTEST_SLOT <= slot <= LONGEST_SLOT:
        raise GraphError(400, "ErrorInvalidMergedFreeBusyInterval", "The interval is out of range.")
    return {"value": [_schedule(call, str(p), start, end, timedelta(minutes=slot)) for p in people]}


def _schedule(call: Call, email: str, start: datetime, end: datetime, slot: timedelta) -> Resource:
    found = call.store.mailboxes.get(email.lower())
    if found is None:
        message = f"Unable to resolve e-mail address {email} to an Active Directory object."
        return _failed(email, message, "5009")
    events = [e for each in found.calendar("").events.values() for e in instances(each, start, end)]
    if len(events) > MOST_ENTRIES:
        return _failed(email, "The number of calendar entries is more than the allowed limit of 1000.", "5006")
    items = [_item(call, e) for e in sorted(events, key=lambda e: e.start)]
    view, at = "", start
    while at < end:
        within = [_status(e) for e in events if e.start < at + slot and e.end > at]
        view += DIGITS[max(within, key=WEIGHT.index, default="free")]
        at += slot
    return {"scheduleId": email, "availabilityView": view, "scheduleItems": items}


def _failed(email: str, message: str, code: str) -> Resource:
    return {"scheduleId": email, "error": {"message": message, "responseCode": code}}


def _item(call: Call, event: Event) -> dict[str, Any]:
    zone = zone_preferred(call.prefer)
    return {
        "status": _status(event),
        "start": time_told(event.start, zone),
        "end": time_told(event.end, zone),
        "isPrivate": event.fields.get("sensitivity") == "private",
    }


def _status(event: Event) -> str:
    return str(event.fields.get("showAs") or "busy")
