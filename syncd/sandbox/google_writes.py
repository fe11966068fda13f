"""Writing events: insert, import, patch, update, delete, move."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from .google_call import Call
from .google_errors import GoogleError
from .google_event import (
    EVENT_ID,
    may_change,
    new_event,
    patched,
    replaced,
    revised,
    settled,
    stamp,
    typed,
    with_conference,
)
from .google_events import find, present
from .google_list import flag
from .google_series import instance_by_id, is_live, is_master
from .google_store import Calendar, Entry, Resource

UPDATES = ("all", "externalOnly", "none")
MOST_ATTACHMENTS = 25


def insert(call: Call) -> Resource:
    """POST events."""
    entry, body = call.writable(), call.body
    calendar = entry.calendar
    event_id = _new_id(call, calendar, body)
    event = new_event(_without_attachments(call, body), calendar, call.user, call.now, event_id)
    event = typed(settled(event, calendar), calendar)
    event = _with_conference(call, None, event)
    return _written(call, entry, event, "insert")


def import_event(call: Call) -> Resource:
    """POST events/import: a copy of somebody's event, known by its iCalUID."""
    entry, body = call.writable(), call.body
    if not body.get("iCalUID"):
        raise GoogleError("required", "Missing iCalUID", location="iCalUID")
    calendar = entry.calendar
    known = next((r.now for r in calendar.events.values() if r.now.get("iCalUID") == body["iCalUID"]), None)
    event_id = known["id"] if known else f"_{secrets.token_hex(13)}"
    event = new_event({**body, "eventType": "default"}, calendar, call.user, call.now, event_id)
    if body.get("organizer"):
        own = body["organizer"].get("email") == calendar.id
        event["organizer"] = {**body["organizer"], **({"self": True} if own else {})}
    event = _with_conference(call, known, settled(event, calendar))
    return _written(call, entry, {**event, "privateCopy": True}, "import")


def patch(call: Call) -> Resource:
    """PATCH events/{eventId}."""
    entry, old = _target(call)
    return _changed(call, entry, old, patched(old, _without_attachments(call, call.body)), "patch")


def update(call: Call) -> Resource:
    """PUT events/{eventId}."""
    entry, old = _target(call)
    new = replaced(old, _without_attachments(call, call.body))
    if not flag(call.query, "supportsAttachments") and "attachments" in old:
        new["attachments"] = old["attachments"]
    return _changed(call, entry, old, new, "update")


def delete(call: Call) -> None:
    """DELETE events/{eventId}."""
    entry, old = _target(call)
    if not is_live(old):
        raise GoogleError("deleted")
    remove(entry.calendar, old, stamp(call.now))
    _mail(call, entry.calendar, old, "delete")


def move(call: Call) -> Resource:
    """POST events/{eventId}/move: to another calendar, whose owner is then the organizer."""
    entry, old = _target(call)
    target = call.user.entry(call.query.get("destination", ""))
    if target is None:
        raise GoogleError("notFound")
    if target.role not in ("writer", "owner"):
        raise GoogleError("requiredAccessLevel")
    if old.get("eventType", "default") != "default" or "recurringEventId" in old:
        raise GoogleError("eventTypeRestriction", "Only default events can be moved.")
    if is_live(target.calendar.get(old["id"])):
        raise GoogleError("duplicate")
    organizer = {"email": target.calendar.id, "self": True, "displayName": target.calendar.summary}
    moved = [{**e, "organizer": organizer} for e in (old, *entry.calendar.exceptions(old["id"]).values())]
    remove(entry.calendar, old, stamp(call.now))
    for event in moved:
        target.calendar.put({**event, "updated": stamp(call.now)})
    _mail(call, target.calendar, old, "move")
    return present(call, target, target.calendar.events[old["id"]].now)


def remove(calendar: Calendar, event: Resource, updated: str) -> None:
    """Delete an event, a series with its exceptions, or an instance."""
    calendar.put({**event, "status": "cancelled", "updated": updated})
    if is_master(event):
        _cancel(calendar, calendar.exceptions(event["id"]), updated)


def replace(calendar: Calendar, old: Resource | None, new: Resource) -> Resource:
    """Keep what an event has become; of a series, exceptions of days that it has no more go."""
    kept = calendar.put(new)
    times = ("start", "end", "recurrence")
    if old is not None and is_master(old) and any(old.get(t) != new.get(t) for t in times):
        lost = [i for i in calendar.exceptions(new["id"]) if instance_by_id(calendar, i) is None]
        _cancel(calendar, lost, new["updated"])
    return kept


def _cancel(calendar: Calendar, event_ids: Iterable[str], updated: str) -> None:
    for event_id in event_ids:
        event = calendar.events[event_id].now
        if is_live(event):
            calendar.put({**event, "status": "cancelled", "updated": updated})


def _new_id(call: Call, calendar: Calendar, body: Resource) -> str:
    """The id for an insert: the client's own, when it is free."""
    event_id = body.get("id") or secrets.token_hex(13)
    if not isinstance(event_id, str) or EVENT_ID.fullmatch(event_id) is None:
        raise GoogleError("invalid", "Invalid resource id value.", location="id")
    uid = body.get("iCalUID")
    same_uid = uid and any(r.now.get("iCalUID") == uid and is_live(r.now) for r in calendar.events.values())
    if event_id not in calendar.events and not same_uid:
        return event_id
    collision = call.switch("collision")
    if collision is None:
        raise GoogleError("duplicate")
    return secrets.token_hex(13) if collision.value == "second" else event_id


def _target(call: Call) -> tuple[Entry, Resource]:
    """The event of the path, to be written, in the state that the client knows."""
    entry = call.writable()
    event = find(entry.calendar, call.request.params["eventId"])
    asked = call.request.headers.get("if-match")
    if asked not in (None, "*") and (asked != event["etag"] or call.switch("stale-etag")):
        raise GoogleError("conditionNotMet")
    return entry, event


def _changed(call: Call, entry: Entry, old: Resource, new: Resource, method: str) -> Resource:
    calendar = entry.calendar
    if "recurringEventId" in old and new.get("recurrence"):
        raise GoogleError("invalid", "An instance does not recur by itself.", location="recurrence")
    new = _with_conference(call, old, settled(new, calendar))
    if call.switch("non-organizer") or not may_change(old, new):
        raise GoogleError("forbiddenForNonOrganizer")
    new = revised(old, new, call.now)
    if is_live(old) and not is_live(new):
        remove(calendar, new, new["updated"])
        _mail(call, calendar, old, method)
        return present(call, entry, calendar.events[new["id"]].now)
    return _written(call, entry, new, method, old)


def _written(call: Call, entry: Entry, event: Resource, method: str, old: Resource | None = None) -> Resource:
    kept = replace(entry.calendar, old, event)
    _mail(call, entry.calendar, kept, method)
    return present(call, entry, kept)


def _with_conference(call: Call, old: Resource | None, event: Resource) -> Resource:
    version = call.query.get("conferenceDataVersion", "0")
    if version not in ("0", "1"):
        raise GoogleError("invalid", location="conferenceDataVersion")
    asked = version == "1" and event.get("conferenceData", {}).get("createRequest")
    pending = bool(asked) and call.switch("conference-pending") is not None
    return with_conference(old, event, understood=version == "1", pending=pending)


def _without_attachments(call: Call, body: Resource) -> Resource:
    """The body as it is understood: attachments only of clients that say they support them."""
    if len(body.get("attachments") or ()) > MOST_ATTACHMENTS:
        raise GoogleError("invalid", "Too many attachments.", location="attachments")
    return body if flag(call.query, "supportsAttachments") else {k: v for k, v in body.items() if k != "attachments"}


def _mail(call: Call, calendar: Calendar, event: Resource, method: str) -> None:
    """Note whom Google would have written to. A client that does not say gets no mail sent."""
    asked = call.query.get("sendUpdates") or ("all" if flag(call.query, "sendNotifications") else "none")
    if asked not in UPDATES:
        raise GoogleError("invalid", location="sendUpdates")
    guests = [a["email"] for a in event.get("attendees", ()) if not a.get("self")] if asked != "none" else []
    if asked == "externalOnly":
        guests = [g for g in guests if g.lower() not in call.store.users]
    call.store.mails.append(
        {
            "account": call.user.email,
            "calendar": calendar.id,
            "event": event["id"],
            "method": method,
            "sendUpdates": asked,
            "to": guests,
        }
    )
