"""Events as they are sent and told. Source: the OpenAPI's `microsoft.graph.event` and the facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape, unescape
from typing import Any
from uuid import uuid4

from .microsoft_errors import GraphError
from .microsoft_series import rule_of
from .microsoft_store import Event, Mailbox, Resource, new_id, shown_id
from .microsoft_times import read_time, stamp, time_told, zone_of

WRITABLE = frozenset(
    {
        "allowNewTimeProposals", "attendees", "body", "categories", "end", "hideAttendees", "importance", "isAllDay",
        "isDraft", "isOnlineMeeting", "isReminderOn", "location", "locations", "onlineMeetingProvider", "recurrence",
        "reminderMinutesBeforeStart", "responseRequested", "sensitivity", "showAs", "start", "subject",
        "transactionId", "singleValueExtendedProperties", "multiValueExtendedProperties",
    }
)  # fmt: skip
READ_ONLY = frozenset(
    {
        "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "iCalUId", "isCancelled", "isOrganizer", "type",
        "organizer", "responseStatus", "seriesMasterId", "webLink", "onlineMeeting", "onlineMeetingUrl",
        "originalStart", "originalStartTimeZone", "originalEndTimeZone", "bodyPreview", "hasAttachments", "calendar",
    }
)  # fmt: skip
DEFAULTS: Mapping[str, Any] = {
    "subject": "",
    "importance": "normal",
    "sensitivity": "normal",
    "showAs": "busy",
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 15,
    "responseRequested": True,
    "allowNewTimeProposals": True,
    "isOnlineMeeting": False,
    "onlineMeetingProvider": "unknown",
    "hideAttendees": False,
    "isDraft": False,
    "categories": [],
    "attendees": [],
    "location": {"displayName": ""},
    "body": {"contentType": "html", "content": ""},
}


@dataclass(frozen=True, slots=True)
class View:
    """How events are told: of which mailbox, in which zone, which ids, which body, which fields ((): all), which of
    their extended properties (None: all). `shifted`: all-day events in the zone that is asked for, as others.
    """

    mailbox: Mailbox
    zone: str = "UTC"
    immutable: bool = True
    text: bool = False
    select: tuple[str, ...] = ()
    properties: tuple[str, ...] | None = ()
    shifted: bool = False


def new_event(data: Mapping[str, Any], mailbox: Mailbox, now: datetime) -> Event:
    """An event of what a client sent. Raises GraphError."""
    _check(data)
    if "start" not in data or "end" not in data:
        raise GraphError(400, "ErrorPropertyValidationFailure", "At least one property failed validation.")
    start, zone = read_time(data["start"], "start")
    end, _ = read_time(data["end"], "end")
    made = Event(
        id=new_id(),
        start=start,
        end=end,
        zone=zone,
        all_day=bool(data.get("isAllDay")),
        created=now,
        modified=now,
        version=0,
        uid=f"040000008200E00074C5B7101A82E008{uuid4().hex.upper()}",
    )
    made.fields = {"responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"}}
    change(made, data, mailbox, now)
    return made


def change(event: Event, data: Mapping[str, Any], mailbox: Mailbox, now: datetime) -> None:
    """Change what a client sent, and nothing else. Raises GraphError, with the event half changed: give it a draft."""
    _check(data)
    before = (event.start, event.end)
    if "start" in data:
        event.start, event.zone = read_time(data["start"], "start")
    if "end" in data:
        event.end, _ = read_time(data["end"], "end")
    event.all_day = bool(data.get("isAllDay", event.all_day))
    _check_times(event)
    if "recurrence" in data and not event.master:
        if data["recurrence"] is not None:
            rule_of(data["recurrence"], event.start.astimezone(zone_of(event.zone)).replace(tzinfo=None))
        if data["recurrence"] != event.recurrence:
            event.exceptions, event.cancelled = {}, set()
        event.recurrence = dict(data["recurrence"]) if data["recurrence"] else None
    if event.recurrence and before != (event.start, event.end):
        event.exceptions, event.cancelled = {}, set()
    for name in WRITABLE - {"start", "end", "isAllDay", "recurrence", "singleValueExtendedProperties"}:
        if name in data and name not in _settled(event):
            event.fields[name] = data[name]
    if "attendees" in data:
        event.fields["attendees"] = _attendees(event.fields.get("attendees") or [], data["attendees"])
    _keep_properties(event, data)
    _meet(event)
    event.modified = now


def _settled(event: Event) -> frozenset[str]:
    """What further changes are ignored of: the OpenAPI of transactionId, isOnlineMeeting and onlineMeetingProvider."""
    meeting = ("isOnlineMeeting", "onlineMeetingProvider") if "onlineMeeting" in event.fields else ()
    return frozenset({*meeting, *(("transactionId",) if "transactionId" in event.fields else ())})


def _check(data: Mapping[str, Any]) -> None:
    for name in data:
        if name not in WRITABLE and name not in READ_ONLY and "@" not in name and name != "id":
            raise GraphError(400, "RequestBodyRead", f"The property '{name}' does not exist on type 'Event'.")


def _check_times(event: Event) -> None:
    if event.end < event.start:
        raise GraphError(400, "ErrorPropertyValidationFailure", "The end is before the start.")
    if event.all_day:
        zone = zone_of(event.zone)
        for moment in (event.start, event.end):
            if moment.astimezone(zone).time() != datetime.min.time():
                raise GraphError(
                    400,
                    "ErrorInvalidRequest",
                    "The Event.Start and End of an all-day event need to be set to midnight.",
                )


def _attendees(known: Any, given: Any) -> list[Resource]:
    answers = {
        str(a["emailAddress"].get("address", "")).lower(): a.get("status") for a in known if a.get("emailAddress")
    }
    told = []
    for each in given or ():
        if not isinstance(each, Mapping) or not isinstance(each.get("emailAddress"), Mapping):
            raise GraphError(400, "ErrorPropertyValidationFailure", "An attendee has no e-mail address.")
        address = each["emailAddress"].get("address", "")
        status = answers.get(str(address).lower()) or {"response": "none", "time": "0001-01-01T00:00:00Z"}
        told.append(
            {"type": each.get("type") or "required", "status": status, "emailAddress": dict(each["emailAddress"])}
        )
    return told


def _keep_properties(event: Event, data: Mapping[str, Any]) -> None:
    given = data.get("singleValueExtendedProperties")
    if given:
        held = {p["id"]: p for p in event.fields.get("singleValueExtendedProperties", ())}
        held.update({p["id"]: {"id": p["id"], "value": p["value"]} for p in given})
        event.fields["singleValueExtendedProperties"] = list(held.values())


def _meet(event: Event) -> None:
    """Make the room of an online meeting once, and put the block that joins it into the body."""
    if not event.fields.get("isOnlineMeeting"):
        return
    provider = event.fields.get("onlineMeetingProvider")
    if provider in (None, "", "unknown"):
        event.fields["onlineMeetingProvider"] = "teamsForBusiness"
    if "onlineMeeting" not in event.fields:
        url = f"https://teams.example.com/l/meetup-join/{uuid4().hex}"
        event.fields["onlineMeeting"] = {"joinUrl": url}
        body = event.fields.get("body") or {"contentType": "html", "content": ""}
        content = str(body.get("content") or "")
        if str(body.get("contentType", "")).lower() == "text":
            content = f"<html><body>{escape(content).replace(chr(10), '<br>')}</body></html>"
        block = f'<div class="me-email-text">Join: <a href="{url}">{url}</a></div>'
        event.fields["body"] = {"contentType": "html", "content": content + block}


def end_meeting(event: Event) -> None:
    """End the online meeting of an event whose body, as a client sent it, has no way into it: "removing the meeting
    blob from the body would disable meeting online" (https://learn.microsoft.com/graph/api/event-update).
    """
    room = event.fields.get("onlineMeeting")
    if room and room["joinUrl"] not in str((event.fields.get("body") or {}).get("content")):
        del event.fields["onlineMeeting"]
        event.fields |= {"isOnlineMeeting": False, "onlineMeetingProvider": "unknown"}


def shown(event: Event, view: View) -> Resource:
    """An event as it is told."""
    own = {**DEFAULTS, **event.fields}
    organizer = {"emailAddress": {"name": view.mailbox.name, "address": view.mailbox.email}}
    told: Resource = {
        "@odata.etag": etag(event),
        "id": shown_id(event.id, event.folder, immutable=view.immutable),
        "createdDateTime": stamp(event.created),
        "lastModifiedDateTime": stamp(event.modified),
        "changeKey": change_key(event),
        "iCalUId": event.uid,
        "type": event.kind,
        "start": _time(event, event.start, view),
        "end": _time(event, event.end, view),
        "originalStartTimeZone": event.zone,
        "originalEndTimeZone": event.zone,
        "isAllDay": event.all_day,
        "isCancelled": bool(own.pop("isCancelled", False)),
        "isOrganizer": own["responseStatus"]["response"] == "organizer",
        "organizer": own.pop("organizer", organizer),
        "recurrence": event.recurrence,
        "seriesMasterId": shown_id(event.master, event.folder, immutable=view.immutable) if event.master else None,
        "hasAttachments": False,
        "webLink": "https://outlook.example.com/calendar",
        "onlineMeetingUrl": None,
        "onlineMeeting": own.pop("onlineMeeting", None),
        "transactionId": own.pop("transactionId", None),
        **{k: v for k, v in own.items() if k != "singleValueExtendedProperties"},
        "body": _body(own["body"], text=view.text),
        "bodyPreview": _plain(str((own["body"] or {}).get("content") or ""))[:255],
    }
    if event.original is not None:
        told["originalStart"] = f"{event.original:%Y-%m-%dT%H:%M:%SZ}"
    if view.select:
        told = {k: v for k, v in told.items() if k in view.select or k in ("@odata.etag", "id")}
    held = [
        p
        for p in event.fields.get("singleValueExtendedProperties", ())
        if view.properties is None or p["id"].lower() in view.properties
    ]
    if held:
        told["singleValueExtendedProperties"] = held
    return told


def _time(event: Event, moment: datetime, view: View) -> dict[str, str]:
    """All-day events go from midnight to midnight in whatever zone is asked for: "by design", says Microsoft in
    microsoftgraph/microsoft-graph-docs issue 1802.
    """
    if event.all_day and not view.shifted:
        return {**time_told(moment, event.zone), "timeZone": view.zone}
    return time_told(moment, view.zone)


def etag(event: Event) -> str:
    """Weak, as Graph's are."""
    return f'W/"{change_key(event)}"'


def change_key(event: Event) -> str:
    """Grows with each change; an occurrence has its master's."""
    return f"CQ{event.version:08}{event.modified:%H%M%S%f}"


def _body(body: Any, *, text: bool) -> Resource:
    given = body or {}
    kind, content = str(given.get("contentType") or "text").lower(), str(given.get("content") or "")
    if text:
        return {"contentType": "text", "content": _plain(content) if kind == "html" else content}
    if kind == "text":
        return {
            "contentType": "html",
            "content": f"<html><body>{escape(content).replace(chr(10), '<br>')}</body></html>",
        }
    return {"contentType": "html", "content": content}


def _plain(content: str) -> str:
    """HTML as text."""
    broken = re.sub(r"<br\s*/?>|</p>|</div>", "\n", content, flags=re.IGNORECASE)
    return unescape(re.sub(r"<[^>]+>", "", broken)).strip("\n")
