"""Writing events: create, update, delete, move.

An update needs the etag inside `eventdata`, a delete in the header `etag` or inside `eventdata`. One occurrence is
meant by `recurrenceid`, with `recurrence_edittype` `only` (also when it is not said) or `following`; a series' own etag
then holds, or that of the exception.
"""

from __future__ import annotations

from dataclasses import replace

from .zoho_call import Call
from .zoho_errors import ZohoError
from .zoho_event import check_rule, deleted, read_fields, read_times, shown
from .zoho_series import cut, occurrence
from .zoho_store import WRITERS, Entry, Event, Resource, new_uid

EDITS = ("only", "following", "all")


def create(call: Call) -> Resource:
    """POST /calendars/{calendar}/events."""
    call.only("eventdata")
    entry, data = call.writable(), call.json("eventdata")
    fields = read_fields(data)
    times = read_times(data, entry.calendar.zone, inclusive=call.rules.inclusive)
    check_rule(fields.get("rrule"), times)
    now = call.store.clock()
    made = Event(
        uid=new_uid(),
        start=times.start,
        end=times.end,
        zone=times.zone,
        fields=fields,
        organizer=call.user.email,
        created=now,
        modified=now,
    )
    return _told(call, entry, call.store.keep(entry.calendar, made))


def update(call: Call) -> Resource:
    """PUT /calendars/{calendar}/events/{event}."""
    call.only("eventdata")
    entry, data = call.writable(), call.json("eventdata")
    event = call.event(entry.calendar)
    _organized(call, event)
    wanted, edit = _edit(data)
    _current(call, data.get("etag"), event, wanted)
    if wanted and edit == "following":
        _end_before(call, entry, event, wanted)
        return create(call)
    old = occurrence(event, wanted) if wanted else event
    return _told(call, entry, call.store.keep(entry.calendar, _changed(call, entry, old, data)))


def delete(call: Call) -> Resource:
    """DELETE /calendars/{calendar}/events/{event}."""
    call.only("eventdata")
    entry = call.writable()
    event = call.event(entry.calendar)
    data = call.json("eventdata") if "eventdata" in call.params else {}
    wanted, edit = _edit(data)
    _current(call, call.request.headers.get("etag", data.get("etag")), event, wanted)
    if wanted and edit == "following":
        _end_before(call, entry, event, wanted)
    else:
        if wanted:
            occurrence(event, wanted)
        call.store.remove(entry.calendar, event, wanted)
    return {"events": [deleted(event, entry.calendar, wanted)]}


def move(call: Call) -> Resource:
    """PUT /calendars/{calendar}/events/{event}/move."""
    call.only("destinationcaluid")
    entry = call.writable()
    event = call.event(entry.calendar)
    if "destinationcaluid" not in call.params:
        raise ZohoError("LESS_THAN_MIN_OCCURANCE", "destinationcaluid")
    target = call.named(call.params["destinationcaluid"], WRITERS)
    call.store.remove(entry.calendar, event)
    return _told(call, target, call.store.keep(target.calendar, event))


def _end_before(call: Call, entry: Entry, series: Event, wanted: str) -> None:
    """End a series before an occurrence; before the first, it is deleted."""
    if cut(series, wanted):
        call.store.keep(entry.calendar, series)
    else:
        call.store.remove(entry.calendar, series)


def _changed(call: Call, entry: Entry, old: Event, data: Resource) -> Event:
    sent = data if call.rules.replaces else {**_as_sent(call, entry, old), **data}
    fields = read_fields(sent, tuple(old.fields.get("attendees", ())))
    times = read_times(sent, old.zone, inclusive=call.rules.inclusive)
    if old.recurrence_id:
        fields.pop("rrule", None)
    check_rule(fields.get("rrule"), times)
    same = (times.start, fields.get("rrule", "")) == (old.start, old.rrule)
    return replace(
        old,
        start=times.start,
        end=times.end,
        zone=times.zone,
        fields=fields,
        exceptions=dict(old.exceptions) if same else {},
        gone=list(old.gone) if same else [],
    )


def _as_sent(call: Call, entry: Entry, event: Event) -> Resource:
    """An event as it would be sent to be made."""
    told = shown(event, entry.calendar, call.view(entry))
    return {**event.fields, "dateandtime": told["dateandtime"], "isallday": event.all_day}


def _edit(data: Resource) -> tuple[str, str]:
    """Which occurrence is meant, and whether alone. Raises ZohoError."""
    wanted = str(data.get("recurrenceid", ""))
    edit = data.get("recurrence_edittype", "only" if wanted else "all")
    if edit not in EDITS or (edit != "all" and not wanted):
        raise ZohoError("INVALID_DATA", "recurrence_edittype")
    return ("" if edit == "all" else wanted), edit


def _current(call: Call, etag: object, event: Event, wanted: str) -> None:
    """Raises ZohoError unless the etag is there and current."""
    if etag in (None, ""):
        raise ZohoError("ETAG_MISSING")
    current = {str(event.etag)}
    if wanted in event.exceptions:
        current.add(str(event.exceptions[wanted].etag))
    if str(etag) not in current or call.switch("stale-etag"):
        raise ZohoError("ETAG_MISMATCH")


def _organized(call: Call, event: Event) -> None:
    """Raises ZohoError for a change by somebody who was only invited."""
    if event.organizer != call.user.email and any(
        a["email"] == call.user.email for a in event.fields.get("attendees", ())
    ):
        raise ZohoError("OPERATION_NOT_PERMITTED")


def _told(call: Call, entry: Entry, event: Event) -> Resource:
    return {"events": [shown(event, entry.calendar, call.view(entry))]}
