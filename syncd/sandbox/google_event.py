"""Event resources: what a body becomes, what may be changed by whom, and what is shown to whom. Pure.

Source: the discovery document's descriptions of Event; see google-calendar.facts.json for the refusals.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .google_errors import GoogleError
from .google_series import check_rules, known_zone, moment
from .google_store import Calendar, Resource, User

EVENT_ID = re.compile(r"[a-v0-9]{5,1024}")
MOST_REMINDERS, LONGEST_REMINDER = 5, 40_320

_EMAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+")
_OURS = {
    "kind", "etag", "id", "created", "updated", "creator", "organizer", "htmlLink", "hangoutLink", "iCalUID", "locked",
    "recurringEventId", "originalStartTime", "eventType", "privateCopy", "attendeesOmitted",
}  # fmt: skip
"""Fields that no update changes."""
_SHARED = (
    "summary", "description", "location", "start", "end", "recurrence", "attendees", "conferenceData", "attachments",
    "guestsCanInviteOthers", "guestsCanModify", "guestsCanSeeOtherGuests", "status",
)  # fmt: skip
"""Fields that every guest's copy shares: the organizer's to change."""
_SILENT = {"transparency": "opaque", "visibility": "default", "attendees": [], "recurrence": [], "attachments": []}
"""Values that are not told, being the default."""
_STUB = ("kind", "etag", "id", "status", "recurringEventId", "originalStartTime")
_HIDDEN = (*_STUB, "start", "end", "created", "updated", "iCalUID", "organizer", "eventType", "sequence")
_TYPES: Mapping[str, Mapping[str, str]] = {
    "default": {},
    "outOfOffice": {"transparency": "opaque"},
    "focusTime": {"transparency": "opaque"},
    "workingLocation": {"transparency": "transparent", "visibility": "public"},
    "birthday": {"transparency": "transparent", "visibility": "private"},
}
"""Types that a client may create, and what each must be."""
_PROPERTIES = {"workingLocation": "workingLocationProperties", "birthday": "birthdayProperties"}
_MEET = {
    "key": {"type": "hangoutsMeet"},
    "name": "Google Meet",
    "iconUri": "https://fonts.gstatic.com/s/i/productlogos/meet_2020q4/v6/web-512dp/logo_meet_2020q4_color_2x_web_512dp.png",
}


def stamp(now: datetime) -> str:
    """A moment as Google stamps resources."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


def new_event(body: Mapping[str, Any], calendar: Calendar, user: User, now: datetime, event_id: str) -> Resource:
    """A resource of a body, not yet settled."""
    kept = {k: v for k, v in body.items() if k not in _OURS and v is not None}
    organizer = {"email": calendar.id, "self": True}
    if not calendar.primary:
        organizer["displayName"] = calendar.summary
    return {
        "id": event_id,
        "status": "confirmed",
        "htmlLink": f"https://www.google.com/calendar/event?eid={event_id}",
        "created": stamp(now),
        "updated": stamp(now),
        "creator": {"email": user.email, **({"self": True} if user.email == calendar.id else {})},
        "organizer": organizer,
        "iCalUID": body.get("iCalUID") or f"{event_id}@google.com",
        "sequence": 0,
        "reminders": {"useDefault": True},
        "eventType": body.get("eventType") or "default",
        **kept,
    }


def patched(old: Resource, body: Mapping[str, Any]) -> Resource:
    """The event with a patch: objects are merged, lists replaced, null removes."""
    return _merged(old, {k: v for k, v in body.items() if k not in _OURS})


def replaced(old: Resource, body: Mapping[str, Any]) -> Resource:
    """The event with all its fields from a body, but those that no update changes."""
    kept = {k: v for k, v in old.items() if k in _OURS or k == "sequence"}
    given = {k: v for k, v in body.items() if k not in _OURS and v is not None}
    return {**kept, "status": "confirmed", "reminders": {"useDefault": True}, **given}


def _merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        elif isinstance(value, dict):
            before = new.get(name)
            new[name] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            new[name] = value
    return new


def settled(event: Resource, calendar: Calendar) -> Resource:
    """A resource checked and in the form that it is kept in. Raises GoogleError."""
    event = dict(event)
    recurring = bool(event.get("recurrence"))
    for name in ("start", "end"):
        event[name] = _event_time(event.get(name), name, calendar, recurring)
    _check_times(event, calendar)
    if recurring:
        check_rules(event, calendar)
    event["attendees"] = _attendees(event, calendar)
    event["reminders"] = _reminders(event.get("reminders"))
    if event.get("status") not in ("confirmed", "tentative", "cancelled"):
        raise GoogleError("invalid", "Invalid status value.", location="status")
    return {k: v for k, v in event.items() if k not in _SILENT or v != _SILENT[k]}


def _event_time(value: Any, name: str, calendar: Calendar, recurring: bool) -> dict[str, str]:
    if not isinstance(value, dict) or not (value.get("date") or value.get("dateTime")):
        raise GoogleError("required", f"Missing {name} time.", location=name)
    if value.get("date") and value.get("dateTime"):
        raise GoogleError("invalid", f"Invalid {name} time.", location=name)
    try:
        if value.get("date"):
            return {"date": date.fromisoformat(value["date"]).isoformat()}
        at = datetime.fromisoformat(value["dateTime"]).replace(microsecond=0)
    except (ValueError, TypeError) as error:
        raise GoogleError("invalid", f"Invalid {name} time.", location=name) from error
    named = value.get("timeZone")
    if not named and (recurring or at.tzinfo is None):
        raise GoogleError("required", f"Missing time zone definition for {name} time.", location=f"{name}.timeZone")
    message = f"Invalid time zone definition for {name} time."
    zone = known_zone(named or calendar.zone, f"{name}.timeZone", message)
    at = at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)
    return {"dateTime": at.isoformat(), "timeZone": str(zone)}


def _check_times(event: Resource, calendar: Calendar) -> None:
    start, end = event["start"], event["end"]
    if ("date" in start) != ("date" in end):
        raise GoogleError("invalid", "Start and end times must either both be date or both be dateTime.")
    late = moment(end, calendar.zone) - moment(start, calendar.zone)
    if late < timedelta(0) or ("date" in start and not late):
        raise GoogleError("timeRangeEmpty")


def _attendees(event: Resource, calendar: Calendar) -> list[Resource]:
    found: dict[str, Resource] = {}
    for attendee in event.get("attendees") or ():
        email = attendee.get("email", "") if isinstance(attendee, dict) else ""
        if _EMAIL.fullmatch(email) is None:
            raise GoogleError("invalid", "Invalid attendee email.", location="attendees")
        kept = {k: v for k, v in attendee.items() if k not in ("self", "organizer") and v is not None}
        kept.setdefault("responseStatus", "needsAction")
        if email.lower() == calendar.id.lower():
            kept["self"] = True
        if email.lower() == event["organizer"].get("email", "").lower():
            kept["organizer"] = True
        found[email.lower()] = kept
    return list(found.values())


def _reminders(value: Any) -> Resource:
    told: Resource = dict(value) if isinstance(value, dict) else {"useDefault": True}
    told.setdefault("useDefault", False)
    overrides: list[Any] = told.get("overrides") or []
    if overrides and told["useDefault"]:
        raise GoogleError("cannotUseDefaultRemindersAndSpecifyOverride")
    minutes = [o.get("minutes", -1) for o in overrides]
    if len(overrides) > MOST_REMINDERS or any(not 0 <= m <= LONGEST_REMINDER for m in minutes):
        raise GoogleError("invalid", "Invalid reminder override.", location="reminders")
    return told if overrides else {k: v for k, v in told.items() if k != "overrides"}


def typed(event: Resource, calendar: Calendar) -> Resource:
    """A new event as its type demands. Raises GoogleError where the type cannot be created so."""
    kind = event["eventType"]
    demands = _TYPES.get(kind)
    if demands is None:
        raise GoogleError("eventTypeRestriction", f"An event of type {kind} cannot be created.")
    if kind != "default" and not calendar.primary:
        raise GoogleError("eventTypeRestriction", "The event type is for primary calendars only.")
    if kind in ("outOfOffice", "focusTime") and "date" in event["start"]:
        raise GoogleError("eventTypeRestriction", "An event of this type cannot be all-day.")
    if kind == "birthday" and "FREQ=YEARLY" not in "".join(event.get("recurrence", ())):
        raise GoogleError("eventTypeRestriction", "A birthday recurs every year.")
    if kind in _PROPERTIES:
        event = {_PROPERTIES[kind]: {"type": "birthday"} if kind == "birthday" else {}, **event}
    return {k: v for k, v in {**event, **demands}.items() if k not in _SILENT or v != _SILENT[k]}


def may_change(old: Resource, new: Resource) -> bool:
    """Whether somebody who is not the organizer may turn one into the other: only what is their own copy's."""
    if old["organizer"].get("self") or old.get("guestsCanModify"):
        return True
    return _shared(old) == _shared(new)


def _shared(event: Resource) -> list[Any]:
    shared = [event.get(name) for name in _SHARED if name != "attendees"]
    shared.append(event.get("extendedProperties", {}).get("shared"))
    return [*shared, [a for a in event.get("attendees", ()) if not a.get("self")]]


def revised(old: Resource, new: Resource, now: datetime) -> Resource:
    """The new state with what each change moves on: `updated`, and `sequence` when guests have to look again."""
    if new.get("sequence", 0) < old["sequence"]:
        raise GoogleError(
            "invalid", "Invalid sequence value. The specified sequence number is below the current sequence number of "
            "the resource. Re-fetch the resource and use its sequence number on the following request.",
        )  # fmt: skip
    moved = any(old.get(name) != new.get(name) for name in ("start", "end", "recurrence"))
    if moved and new.get("sequence", 0) == old["sequence"]:
        new = {**new, "sequence": old["sequence"] + 1}
    silent = {k: v for k, v in old.items() if k != "reminders"} == {k: v for k, v in new.items() if k != "reminders"}
    return new if silent else {**new, "updated": stamp(now)}


def with_conference(old: Resource | None, new: Resource, *, understood: bool, pending: bool) -> Resource:
    """The event with its conference. A client that does not say it understands conferences (conferenceDataVersion)
    neither makes one nor changes what is there.
    """
    kept: Resource = {k: old[k] for k in ("conferenceData", "hangoutLink") if old and k in old}
    bare = {k: v for k, v in new.items() if k not in ("conferenceData", "hangoutLink")}
    if not understood:
        return {**bare, **kept}
    data = new.get("conferenceData")
    if not data:
        return bare
    asked = data.get("createRequest")
    known = kept.get("conferenceData", {}).get("createRequest", {}).get("requestId")
    if not asked or asked.get("requestId") == known:
        return {**bare, "conferenceData": data, **kept}
    if not asked.get("requestId"):
        raise GoogleError("invalid", "Invalid conference create request.", location="conferenceData")
    request = {"conferenceSolutionKey": _MEET["key"], **asked, "status": {"statusCode": "pending"}}
    event = {**bare, "conferenceData": {"createRequest": request}}
    return event if pending else conference_made(event)


def conference_made(event: Resource) -> Resource:
    """The event once its conference is there."""
    request = event["conferenceData"]["createRequest"]
    digest = hashlib.sha256(f"{event['id']} {request['requestId']}".encode()).digest()
    letters = "".join(chr(ord("a") + b % 26) for b in digest)
    code = f"{letters[:3]}-{letters[3:7]}-{letters[7:10]}"
    link = f"https://meet.google.com/{code}"
    data = {
        "createRequest": {**request, "status": {"statusCode": "success"}},
        "entryPoints": [{"entryPointType": "video", "uri": link, "label": link.removeprefix("https://")}],
        "conferenceSolution": _MEET,
        "conferenceId": code,
    }
    return {**event, "conferenceData": data, "hangoutLink": link}


def stub(event: Resource) -> Resource:
    """What is told of a deleted event where no details are."""
    return {k: event[k] for k in _STUB if k in event} | {"status": "cancelled"}


def shown(event: Resource, role: str, zone: ZoneInfo, most_attendees: int | None) -> Resource:
    """An event as somebody with that role sees it, its times in a zone."""
    private = event.get("visibility") in ("private", "confidential") and role in (
        "reader",
        "writerWithoutPrivateAccess",
    )
    if role == "freeBusyReader" or private:
        event = {k: v for k, v in event.items() if k in _HIDDEN} | {"visibility": "private"}
    told = dict(event)
    for name in ("start", "end", "originalStartTime"):
        if "dateTime" in told.get(name, ()):
            at = datetime.fromisoformat(told[name]["dateTime"]).astimezone(zone)
            text = at.isoformat().replace("+00:00", "Z")
            told[name] = {**told[name], "dateTime": text}
    attendees = told.get("attendees", ())
    if most_attendees is not None and len(attendees) > most_attendees:
        told |= {"attendees": [a for a in attendees if a.get("self")], "attendeesOmitted": True}
    return told
