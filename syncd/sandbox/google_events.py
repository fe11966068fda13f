"""Reading events: list, get, instances; freeBusy; watching."""

from __future__ import annotations

from typing import Any

from . import google_freebusy as freebusy
from .google_call import Call
from .google_errors import GoogleError
from .google_event import shown
from .google_list import (
    Listing,
    Query,
    changes,
    check_sync,
    flag,
    keeps_token,
    listed,
    query_of,
    read_sync_token,
    size_of,
    sync_token,
)
from .google_push import channel_of
from .google_series import EARLIEST, instance_by_id, instances, is_live, is_master, known_zone
from .google_store import Calendar, Entry, Resource, etag


def find(calendar: Calendar, event_id: str) -> Resource:
    """An event, an exception, or an instance that nobody changed yet. Raises GoogleError (notFound)."""
    event = calendar.get(event_id)
    if event is not None:
        return event
    found = instance_by_id(calendar, event_id)
    if found is None:
        raise GoogleError("notFound")
    master, instance = found
    return instance if is_live(master) else {**instance, "status": "cancelled"}


def present(call: Call, entry: Entry, event: Resource) -> Resource:
    """An event as this call's person sees it."""
    most = size_of({"maxResults": call.query["maxAttendees"]}, 1, 10_000) if "maxAttendees" in call.query else None
    return shown(event, entry.role, known_zone(call.query.get("timeZone") or entry.calendar.zone), most)


def get(call: Call) -> Resource:
    """GET events/{eventId}."""
    entry = call.calendar()
    return present(call, entry, find(entry.calendar, call.request.params["eventId"]))


def list_events(call: Call) -> Resource:
    """GET events."""
    entry, query = call.calendar(), query_of(call.request)
    if query.updated_min is not None and call.switch("updated-min-gone"):
        raise GoogleError("updatedMinTooLongAgo")
    token = _sync_token(call, entry.calendar, query) if "syncToken" in query.given else None
    return _page(call, entry, query, lambda: _listing(call, entry.calendar, query, token))


def list_instances(call: Call) -> Resource:
    """GET events/{eventId}/instances."""
    entry, query = call.calendar(), query_of(call.request)
    master = find(entry.calendar, call.request.params["eventId"])
    if not is_master(master):
        raise GoogleError("badRequest", "The event is not recurring.")
    high = min(query.high, call.now + call.store.horizon) if "timeMax" not in query.given else query.high
    exceptions = entry.calendar.exceptions(master["id"])
    found = instances(master, exceptions, entry.calendar, query.low, high).values()
    original = call.query.get("originalStart")
    items = [
        e
        for e in found
        if (is_live(e) or flag(call.query, "showDeleted"))
        and original in (None, e["originalStartTime"].get("dateTime"), e["originalStartTime"].get("date"))
    ]
    return _page(call, entry, query, lambda: call.listing(items, ""))


def query_freebusy(call: Call) -> Resource:
    """POST freeBusy."""
    body = call.body
    window, most = freebusy.window_of(body, call.store.longest_freebusy), freebusy.limits_of(body)
    names = [str(item.get("id", "")) for item in body.get("items") or ()]
    zone = known_zone(body.get("timeZone") or "UTC")
    told: dict[str, Any] = {}
    for name in names:
        entry = call.user.entry(name)
        if len(names) > most:
            told[name] = freebusy.failure("tooManyCalendarsRequested")
        elif entry is None:
            told[name] = freebusy.failure("notFound")
        else:
            told[name] = {"busy": freebusy.told(freebusy.busy(entry.calendar, window), zone)}
    if (fault := call.switch("freebusy-error")) and names:
        reason, _, name = str(fault.value or "internalError").partition(" ")
        told[name if name in told else names[0]] = freebusy.failure(reason)
    low, high = freebusy.told([window], zone)[0].values()
    return {"kind": "calendar#freeBusy", "timeMin": low, "timeMax": high, "groups": {}, "calendars": told}


def watch_events(call: Call) -> Resource:
    """POST events/watch."""
    entry = call.calendar()
    return watch(call, entry.calendar.id)


def watch(call: Call, calendar: str) -> Resource:
    """Make a channel, and tell it so. `calendar` "" is the list of calendars."""
    body = call.body
    uri = f"{call.request.url}{call.request.path.removesuffix('/watch')}?alt=json"
    channel = channel_of(body, call.user.email, calendar, uri, call.now)
    if channel.id in call.store.channels:
        raise GoogleError("channelIdNotUnique", f"Channel id {channel.id} not unique")
    call.store.channels[channel.id] = channel
    told = channel.told()
    call.store.pusher.send(channel.message("sync"))
    return told


def stop(call: Call) -> None:
    """POST channels/stop."""
    body = call.body
    channel = call.store.channels.get(str(body.get("id", "")))
    if channel is None or channel.resource_id != body.get("resourceId") or channel.account != call.user.email:
        raise GoogleError("notFound", f"Channel '{body.get('id', '')}' not found for project 'sandbox'")
    del call.store.channels[channel.id]


def _sync_token(call: Call, calendar: Calendar, query: Query) -> dict[str, Any]:
    token = read_sync_token(call.query["syncToken"])
    check_sync(query, token)
    if call.switch("gone") or (token.get("epoch"), token.get("calendar")) != (call.store.epoch, calendar.id):
        raise GoogleError("fullSyncRequired")
    return token


def _listing(call: Call, calendar: Calendar, query: Query, token: dict[str, Any] | None) -> Listing:
    remembered = query.remembered() if token is None else {k: token[k] for k in ("single", "types", "window")}
    horizon = call.now + call.store.horizon
    if token is not None:
        items = changes(calendar, token, horizon, moved_out=call.switch("moved-out") is not None)
    else:
        items = listed(calendar, query, horizon)
    windowed = bool({"timeMin", "timeMax"} & query.given)
    if not keeps_token(query) or (windowed and call.switch("no-sync-token")):
        return call.listing(items, "")
    sync = sync_token(calendar=calendar.id, epoch=call.store.epoch, version=calendar.version, **remembered)
    return call.listing(items, sync)


def _page(call: Call, entry: Entry, query: Query, make: Any) -> Resource:
    calendar = entry.calendar
    items, token = call.paged(make, query.size)
    told = {
        "kind": "calendar#events",
        "etag": etag(calendar.version),
        "summary": calendar.summary,
        "updated": max((e.get("updated", "") for e in items), default="") or _since(calendar),
        "timeZone": call.query.get("timeZone") or calendar.zone,
        "accessRole": entry.role,
        "defaultReminders": entry.fields.get("defaultReminders", []),
        "items": [present(call, entry, event) for event in items],
    }
    if calendar.description:
        told["description"] = calendar.description
    return {**told, **token}


def _since(calendar: Calendar) -> str:
    latest = [r.now["updated"] for r in calendar.events.values() if "updated" in r.now]
    return max(latest, default=EARLIEST.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
