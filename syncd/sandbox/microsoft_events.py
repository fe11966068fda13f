"""Events: listing, creating, changing, deleting, the instances of series, and views of a window."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .microsoft_call import Call, page, window
from .microsoft_errors import GraphError, denied, not_found
from .microsoft_event import change, end_meeting, etag, new_event, shown
from .microsoft_series import instances, occurrence
from .microsoft_store import Calendar, Event, Mailbox, Resource, Store, plain
from .microsoft_times import read_moment

VALUE_FILTER = re.compile(
    r"singleValueExtendedProperties/any\((\w+):\s*\1/id eq '((?:[^']|'')*)' and \1/value eq '((?:[^']|'')*)'\)",
    re.IGNORECASE,
)
UID_FILTER = re.compile(r"iCalUId eq '((?:[^']|'')*)'", re.IGNORECASE)
ORDERS: Mapping[str, Callable[[Event], Any]] = {
    "start/datetime": lambda event: event.start,
    "end/datetime": lambda event: event.end,
    "createddatetime": lambda event: event.created,
    "lastmodifieddatetime": lambda event: event.modified,
    "subject": lambda event: str(event.fields.get("subject") or ""),
}


def list_events(call: Call) -> Resource:
    """GET events: single ones and masters."""
    found = list(call.calendar.events.values())
    if wanted := call.request.query.get("$filter", ""):
        found = list(filter(_filter(wanted), found))
    return _listed(call, found)


def list_instances(call: Call) -> Resource:
    """GET instances of a series in a window."""
    _, event = _found(call)
    start, end = window(call)
    return _listed(call, instances(event, start, end) if event.recurrence else [])


def calendar_view(call: Call) -> Resource:
    """GET calendarView: single events and occurrences in a window."""
    start, end = window(call)
    found = [e for event in call.calendar.events.values() for e in instances(event, start, end)]
    return _listed(call, sorted(found, key=lambda e: (e.start, e.id)))


def get_event(call: Call) -> Resource:
    """GET an event, or an occurrence."""
    return shown(_found(call)[1], call.view())


def create_event(call: Call) -> Resource:
    """POST events. A transactionId that was used before gives the event it made, or as a switch says."""
    target = call.calendar
    _require_edit(target)
    data = call.body()
    known = _of_transaction(target, data.get("transactionId"))
    if known is not None:
        if call.switch("transaction-409"):
            raise GraphError(409, "ErrorDuplicateTransactionId", "An event of this transactionId was made before.")
        if not call.switch("transaction-ignored"):
            return shown(known, call.view())
    made = call.store.keep(target, new_event(data, call.mailbox, call.now))
    call.pushed(call.mailbox, target, made.id, "created")
    if call.switch("concurrent-save"):
        raise GraphError(503, "ConcurrentItemSave", "The item was saved at the same time.")
    return shown(made, call.view())


def update_event(call: Call) -> Resource:
    """PATCH an event, or an occurrence, which becomes an exception."""
    holder, event = _found(call)
    _require_edit(holder)
    _require_match(call, event)
    data = call.body()
    kept = changed(call.store, holder, event, data, call.mailbox, call.now)
    if "body" in data:
        end_meeting(kept)
    call.pushed(call.mailbox, holder, kept.id, "updated")
    return shown(kept, call.view())


def delete_event(call: Call) -> None:
    """DELETE an event, or an occurrence."""
    holder, event = _found(call)
    _require_edit(holder)
    _require_match(call, event)
    removed(call.store, holder, event)
    call.pushed(call.mailbox, holder, event.id, "deleted")


def changed(
    store: Store, holder: Calendar, event: Event, data: Mapping[str, Any], mailbox: Mailbox, now: datetime
) -> Event:
    """Keep an event, or an occurrence as an exception, with what was sent. Raises GraphError, and nothing is kept."""
    draft = replace(event, fields=dict(event.fields), exceptions=dict(event.exceptions), cancelled=set(event.cancelled))
    change(draft, data, mailbox, now)
    if draft.original is None:
        return store.keep(holder, draft)
    master = holder.events[plain(draft.master)]
    master.exceptions[draft.original] = draft
    draft.version = store.keep(holder, master).version
    return draft


def removed(store: Store, holder: Calendar, event: Event) -> None:
    """Take an event away, or an occurrence out of its series."""
    if event.original is None:
        store.remove(holder, event)
        return
    master = holder.events[plain(event.master)]
    master.exceptions.pop(event.original, None)
    master.cancelled.add(event.original)
    store.keep(holder, master)


def located(mailbox: Mailbox, event_id: str) -> tuple[Calendar, Event]:
    """An event or an occurrence by its id, with its calendar. Raises GraphError."""
    holder, wanted = mailbox.holding(event_id)
    master, _, original = wanted.partition(".")
    event = holder.events[master]
    if not original:
        return holder, event
    text = f"{original[:4]}-{original[4:6]}-{original[6:11]}:{original[11:13]}:{original[13:]}"
    found = occurrence(event, read_moment(text, "UTC", "id")) if event.recurrence else None
    if found is None:
        raise not_found()
    return holder, found


def _listed(call: Call, found: Sequence[Event]) -> Resource:
    name, _, direction = call.request.query.get("$orderby", "").strip().partition(" ")
    if name:
        key = ORDERS.get(name.lower())
        if key is None or direction.strip().lower() not in ("", "asc", "desc"):
            raise GraphError(400, "ErrorInvalidUrlQuery", "The query parameter '$orderby' is not supported.")
        found = sorted(found, key=key, reverse=direction.strip().lower() == "desc")
    view = call.view()
    return page(call, [shown(e, view) for e in found])


def _filter(wanted: str) -> Callable[[Event], bool]:
    """What `$filter` asks of an event. Raises GraphError."""
    if found := VALUE_FILTER.fullmatch(wanted.strip()):
        name, value = (found[n].replace("''", "'") for n in (2, 3))
        return lambda event: _has(event, name, value)
    if found := UID_FILTER.fullmatch(wanted.strip()):
        uid = found[1].replace("''", "'")
        return lambda event: event.uid == uid
    raise GraphError(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")


def _has(event: Event, name: str, value: str) -> bool:
    held = event.fields.get("singleValueExtendedProperties", ())
    return any(p["id"].lower() == name.lower() and p["value"] == value for p in held)


def _of_transaction(target: Calendar, transaction: Any) -> Event | None:
    if not transaction:
        return None
    return next((e for e in target.events.values() if e.fields.get("transactionId") == transaction), None)


def _found(call: Call) -> tuple[Calendar, Event]:
    holder, event = located(call.mailbox, call.request.params["event"])
    if "calendar" in call.request.params and call.calendar is not holder:
        raise not_found()
    return holder, event


def _require_edit(target: Calendar) -> None:
    if not target.can_edit:
        raise denied()


def _require_match(call: Call, event: Event) -> None:
    given = call.request.headers.get("if-match")
    if given in (None, "*"):
        return
    if given != etag(event) or call.switch("stale-etag"):
        raise GraphError(412, "ErrorIrresolvableConflict", "The send or update operation could not be performed.")
