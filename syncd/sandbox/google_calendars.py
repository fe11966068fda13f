"""Calendars, a person's list of them, and a person's settings."""

from __future__ import annotations

from .google_call import Call
from .google_errors import GoogleError
from .google_events import watch
from .google_list import flag, read_sync_token, size_of, sync_token
from .google_series import known_zone
from .google_store import ROLES, Calendar, Entry, Resource, calendar_id, etag

OWN_FIELDS = ("colorId", "backgroundColor", "foregroundColor", "summaryOverride", "defaultReminders")
"""What a list entry has of its own, beside `hidden` and `selected`."""
RGB_FIELDS = ("backgroundColor", "foregroundColor")
COLORS = {"colorId": "14", "backgroundColor": "#9fe1e7", "foregroundColor": "#000000"}
CONFERENCES = {"allowedConferenceSolutionTypes": ["hangoutsMeet"]}
DESCRIBED = ("summary", "description", "timeZone")


def shown_entry(entry: Entry, email: str) -> Resource:
    """A list entry as it is told."""
    calendar = entry.calendar
    if entry.deleted:
        return {
            "kind": "calendar#calendarListEntry",
            "etag": etag(entry.version),
            "id": calendar.id,
            "deleted": True,
        }
    told = {
        "kind": "calendar#calendarListEntry",
        "etag": etag(entry.version),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        **COLORS,
        "accessRole": entry.role,
        "defaultReminders": [],
        "conferenceProperties": CONFERENCES,
        **entry.fields,
    }
    flags = {"hidden": entry.hidden, "selected": entry.selected, "primary": calendar.id == email}
    told |= {name: True for name, value in flags.items() if value}
    if calendar.description:
        told["description"] = calendar.description
    return told if calendar.primary or calendar.special else {**told, "dataOwner": calendar.owner}


def list_entries(call: Call) -> Resource:
    """GET users/me/calendarList."""
    user, query = call.user, call.query
    least = query.get("minAccessRole", ROLES[0])
    if least not in ROLES:
        raise GoogleError("invalid", location="minAccessRole")
    since = _since(call) if "syncToken" in query else None
    deleted, hidden = flag(query, "showDeleted"), flag(query, "showHidden")
    entries = [
        e
        for e in user.entries.values()
        if (since is None and (deleted or not e.deleted) and (hidden or not e.hidden))
        or (since is not None and e.version > since)
    ]
    items = [shown_entry(e, user.email) for e in entries if ROLES.index(e.role) >= ROLES.index(least)]
    sync = sync_token(list=user.email, epoch=call.store.epoch, version=user.version)
    page, token = call.paged(lambda: call.listing(items, sync), size_of(query, 100, 250))
    return {"kind": "calendar#calendarList", "etag": etag(user.version), "items": page, **token}


def _since(call: Call) -> int:
    token = read_sync_token(call.query["syncToken"])
    hides = flag(call.query, "showDeleted") is False or flag(call.query, "showHidden") is False
    if hides or {"minAccessRole", "showOwnOrganizationOnly"} & call.query.keys():
        raise GoogleError("syncTokenWithRequestRestrictions")
    if call.switch("gone") or (token.get("list"), token.get("epoch")) != (call.user.email, call.store.epoch):
        raise GoogleError("fullSyncRequired")
    return int(token["version"])


def get_entry(call: Call) -> Resource:
    """GET users/me/calendarList/{calendarId}."""
    return shown_entry(call.calendar(), call.user.email)


def insert_entry(call: Call) -> Resource:
    """POST users/me/calendarList: back into the list, or a calendar that is there for everybody."""
    body = call.body
    entry = call.user.entries.get(str(body.get("id", "")))
    if entry is None or entry.calendar.deleted:
        raise GoogleError("notFound")
    entry.deleted = False
    return _changed(call, entry, body)


def patch_entry(call: Call) -> Resource:
    """PATCH users/me/calendarList/{calendarId}."""
    return _changed(call, call.calendar(), call.body)


def _changed(call: Call, entry: Entry, body: Resource) -> Resource:
    rgb = flag(call.query, "colorRgbFormat")
    for name in OWN_FIELDS:
        if name in body and (rgb or name not in RGB_FIELDS):
            entry.fields[name] = body[name]
    entry.hidden = bool(body.get("hidden", entry.hidden))
    entry.selected = bool(body.get("selected", entry.selected))
    call.user.touch(entry)
    return shown_entry(entry, call.user.email)


def delete_entry(call: Call) -> None:
    """DELETE users/me/calendarList/{calendarId}."""
    entry = call.calendar()
    if entry.calendar.id == call.user.email:
        raise GoogleError("forbidden", "The primary calendar stays in the list.")
    entry.deleted = True
    call.user.touch(entry)


def watch_entries(call: Call) -> Resource:
    """POST users/me/calendarList/watch."""
    return watch(call, "")


# calendars


def shown_calendar(calendar: Calendar) -> Resource:
    """A calendar as it is told."""
    told = {
        "kind": "calendar#calendar",
        "etag": etag(calendar.version),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "conferenceProperties": CONFERENCES,
    }
    if calendar.description:
        told["description"] = calendar.description
    return told if calendar.primary or calendar.special else {**told, "dataOwner": calendar.owner}


def get_calendar(call: Call) -> Resource:
    """GET calendars/{calendarId}."""
    return shown_calendar(call.calendar().calendar)


def insert_calendar(call: Call) -> Resource:
    """POST calendars."""
    body = call.body
    if not body.get("summary"):
        raise GoogleError("required", "Missing title.", location="summary")
    made = Calendar(calendar_id(), body["summary"], call.user.zone, call.user.email)
    _describe(made, body)
    call.store.add(made)
    call.user.list_calendar(made, "owner")
    return shown_calendar(made)


def patch_calendar(call: Call) -> Resource:
    """PATCH calendars/{calendarId}."""
    calendar = call.calendar("owner").calendar
    _describe(calendar, call.body)
    calendar.version += 1
    return shown_calendar(calendar)


def delete_calendar(call: Call) -> None:
    """DELETE calendars/{calendarId}: a secondary one."""
    calendar = call.calendar("owner").calendar
    if calendar.primary:
        raise GoogleError("forbidden", "The primary calendar cannot be deleted.")
    call.store.remove(calendar)


def _describe(calendar: Calendar, body: Resource) -> None:
    given = {name: body[name] for name in DESCRIBED if isinstance(body.get(name), str)}
    calendar.zone = str(known_zone(given.get("timeZone", calendar.zone)))
    calendar.summary = given.get("summary", calendar.summary)
    calendar.description = given.get("description", calendar.description)


# settings


def list_settings(call: Call) -> Resource:
    """GET users/me/settings."""
    settings = call.user.settings
    items = [_setting(name, value) for name, value in sorted(settings.items())]
    sync = sync_token(settings=call.user.email, epoch=call.store.epoch)
    if "syncToken" in call.query:
        items = []
    page, token = call.paged(lambda: call.listing(items, sync), size_of(call.query, 100, 250))
    return {"kind": "calendar#settings", "etag": etag(len(settings)), "items": page, **token}


def get_setting(call: Call) -> Resource:
    """GET users/me/settings/{setting}."""
    name = call.request.params["setting"]
    if name not in call.user.settings:
        raise GoogleError("notFound")
    return _setting(name, call.user.settings[name])


def _setting(name: str, value: str) -> Resource:
    return {"kind": "calendar#setting", "etag": etag(len(value)), "id": name, "value": value}
