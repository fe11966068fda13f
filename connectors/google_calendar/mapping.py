"""Event <-> Google's event resource. Pure.

Theory of operation. There is one direction of writing: a patch, the fields that differ from what is wanted. A new event
is a patch of nothing. What is not named here is never looked at, and so survives: colour, transparency, attachments,
labels, a person's guests.

Who owns what:

- ours: summary, description, location, source (the URL), start, end, recurrence, status, sequence;
- attendees: see `people`; reminders: those that we set, and a person's beside them;
- visibility only rises: no booking makes an event public that a person hid;
- a conference is made when it is asked for and there is none, and never taken away: once the booking knows the room's
  address it does not ask any more;
- sequence never falls, and Google raises it itself when times change;
- private extended properties of ours (`marks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from syncd.model.calendar import Conference, Event, EventStatus

from .marks import REMINDERS, marks_of, organizer_of, properties, reminders_of, reminders_text
from .people import guests_read, guests_wanted
from .recurrence import rule_of, same_recurrence, wanted_recurrence
from .times import Moment, UnreadableError, moment_of, to_second, zone_of

Json = Mapping[str, Any]
Resource = dict[str, Any]

MEET = "hangoutsMeet"
MOST_REMINDERS, LONGEST_REMINDER = 5, 40_320
"""Discovery: Event.reminders.overrides, EventReminder.minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an event is written: the calendar's id, and what guests that we add have answered."""

    calendar: str
    rsvp: str = "needsAction"


@dataclass(frozen=True, slots=True)
class Span:
    """When an event or an occurrence of one is wanted: instants in UTC, or days. `zone` is "" for days."""

    start: Moment
    end: Moment
    zone: str = ""


def span_of(event: Event) -> Span:
    """When the event is wanted."""
    if event.start_date is not None:
        return Span(event.start_date, event.end_date or event.start_date + timedelta(days=1))
    return Span(to_second(event.start), to_second(event.end), zone_name(event))


def zone_name(event: Event) -> str:
    """The zone the event is shown in; UTC for one this machine does not know."""
    return event.zone if zone_of(event.zone) else "UTC"


def new_resource(event: Event, place: Place, identity: str) -> Resource:
    """The body of an insert, or of an update that brings a deleted event back."""
    patch = patch_of({"id": identity}, event, place)
    body = {name: _without_none(value) for name, value in patch.items() if value is not None}
    return {"id": identity, "iCalUID": event.uid, **body}


def patch_of(
    current: Json,
    event: Event,
    place: Place,
    span: Span | None = None,
    *,
    moved: bool = False,
    hidden: Iterable[str] | None = None,
) -> Resource:
    """What makes our fields of `current` equal to `event`; empty when they are.

    With `span`, `current` is an occurrence of the event's series, wanted there; `moved`: not where the rule puts it.
    `hidden` are the occurrences of a series to be marked as such; None leaves the mark.
    """
    patch = {
        **_texts(current, event),
        **_times(current, span or span_of(event)),
        **_state(current, event),
        **_reminders(current, event),
    }
    if span is None:
        patch |= {**_recurrence(current, event), **_conference(current, event)}
    guests = guests_wanted(current, event, place.calendar, place.rsvp)
    if guests is not None:
        patch["attendees"] = guests
    return patch | _marks(current, event, moved, hidden) | _sequence(current, event)


def event_of(resource: Json, uid: str) -> Event:
    """Our fields of an event as Google holds them; without its moved occurrences. Days begin at midnight UTC.

    Raises:
        UnreadableError: its times cannot be read.
    """
    start, end = moment_of(resource.get("start")), moment_of(resource.get("end"))
    all_day = not isinstance(start, datetime)
    return Event(
        uid=uid,
        title=_text(resource, "summary"),
        start=instant(start),
        end=instant(end),
        zone="UTC" if all_day else str(resource["start"].get("timeZone") or "UTC"),
        start_date=None if isinstance(start, datetime) else start,
        end_date=None if isinstance(end, datetime) else end,
        description=_text(resource, "description"),
        location=_text(resource, "location"),
        url=_text(_mapping(resource.get("source")), "url"),
        organizer=organizer_of(resource),
        attendees=guests_read(resource),
        status=EventStatus.TENTATIVE if resource.get("status") == "tentative" else EventStatus.CONFIRMED,
        private=resource.get("visibility") in ("private", "confidential"),
        rrule=rule_of(resource),
        sequence=int(resource.get("sequence") or 0),
        reminders=_reminders_read(resource),
        conference=Conference.GOOGLE_MEET if has_our_room(resource) else Conference.NONE,
    )


def dropped_fields(resource: Json, event: Event, place: Place) -> tuple[str, ...]:
    """The fields of `event` that Google did not keep, by what would still have to be written."""
    missing = patch_of(resource, event, place)
    dropped = [ours for name, ours in FIELDS.items() if name in missing]
    wanted = event.conference is not Conference.NONE
    if wanted and (event.conference is not Conference.GOOGLE_MEET or room_state(resource) == "failure"):
        dropped.append("conference")
    if event.url and not _is_web(event.url):
        dropped.append("url")
    if event.reminders is not None and _usable(event.reminders) != event.reminders:
        dropped.append("reminders")
    return tuple(dict.fromkeys(dropped))


FIELDS: Mapping[str, str] = {
    "summary": "title",
    "description": "description",
    "location": "location",
    "source": "url",
    "start": "start",
    "end": "end",
    "status": "status",
    "visibility": "private",
    "attendees": "attendees",
    "recurrence": "rrule",
    "reminders": "reminders",
    "conferenceData": "conference",
}
"""Google's field -> ours."""


def meeting_url(resource: Json) -> str:
    """The address of the event's room, "" while there is none."""
    if resource.get("hangoutLink"):
        return str(resource["hangoutLink"])
    entries = _mapping(resource.get("conferenceData")).get("entryPoints") or ()
    return next((str(e["uri"]) for e in entries if e.get("entryPointType") == "video" and e.get("uri")), "")


def room_state(resource: Json) -> str:
    """What has become of the room that was asked for: pending, success or failure; "" where none was."""
    request = _mapping(_mapping(resource.get("conferenceData")).get("createRequest"))
    return str(_mapping(request.get("status")).get("statusCode") or "")


def has_our_room(resource: Json) -> bool:
    """Whether there is a room that we asked for."""
    request = _mapping(_mapping(resource.get("conferenceData")).get("createRequest"))
    return bool(request) and request.get("requestId") == resource.get("id") and room_state(resource) != "failure"


def instant(moment: Moment) -> datetime:
    """A moment in UTC, a day at its midnight there."""
    if isinstance(moment, datetime):
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


# the fields of a patch


def _texts(current: Json, event: Event) -> Resource:
    wanted = {"summary": event.title, "description": event.description, "location": event.location}
    patch: Resource = {
        name: text or None for name, text in wanted.items() if not _same_text(_text(current, name), text)
    }
    url = event.url if _is_web(event.url) else ""
    if _text(_mapping(current.get("source")), "url") != url:
        patch["source"] = {"url": url, "title": urlsplit(url).hostname} if url else None
    return patch


def _times(current: Json, span: Span) -> Resource:
    patch: Resource = {}
    for name, moment in (("start", span.start), ("end", span.end)):
        there = _mapping(current.get(name))
        wanted = event_time(moment, span.zone)
        if not _same_time(there, moment, span.zone):
            patch[name] = {**dict.fromkeys(there.keys() - wanted.keys()), **wanted}
    return patch


def event_time(moment: Moment, zone: str) -> dict[str, str]:
    """An EventDateTime."""
    if not isinstance(moment, datetime):
        return {"date": moment.isoformat()}
    return {"dateTime": moment.astimezone(ZoneInfo(zone)).isoformat(), "timeZone": zone}


def _same_time(there: Json, moment: Moment, zone: str) -> bool:
    try:
        same = moment_of(there) == moment
    except UnreadableError:
        return False
    return same and (not isinstance(moment, datetime) or there.get("timeZone", zone) == zone)


def _state(current: Json, event: Event) -> Resource:
    patch: Resource = {}
    if current.get("status", EventStatus.CONFIRMED) != event.status:
        patch["status"] = str(event.status)
    if event.private and current.get("visibility") not in ("private", "confidential"):
        patch["visibility"] = "private"
    return patch


def _recurrence(current: Json, event: Event) -> Resource:
    there, wanted = current.get("recurrence") or [], wanted_recurrence(event, zone_name(event))
    return {} if same_recurrence(there, wanted) else {"recurrence": wanted or None}


def _conference(current: Json, event: Event) -> Resource:
    if event.conference is not Conference.GOOGLE_MEET or current.get("conferenceData"):
        return {}
    request = {"requestId": current["id"], "conferenceSolutionKey": {"type": MEET}}
    return {"conferenceData": {"createRequest": request}}


def _sequence(current: Json, event: Event) -> Resource:
    return {"sequence": event.sequence} if event.sequence > int(current.get("sequence") or 0) else {}


def _marks(current: Json, event: Event, moved: bool, hidden: Iterable[str] | None) -> Resource:
    there = properties(current)
    minutes = None if event.reminders is None else _usable(event.reminders)
    reminders = there.get(REMINDERS) if minutes is None else reminders_text(minutes)
    wanted = marks_of(event, reminders=reminders, moved=moved, hidden=hidden)
    changed = {name: value for name, value in wanted.items() if there.get(name) != value}
    return {"extendedProperties": {"private": changed}} if changed else {}


def _reminders(current: Json, event: Event) -> Resource:
    """Ours beside a person's; nothing where the calendar's default is to stay."""
    if event.reminders is None:
        return {}
    minutes, there = _usable(event.reminders), _overrides(current)
    ours = {*minutes, *(reminders_of(current) or ())}
    own = [{"method": "popup", "minutes": m} for m in minutes]
    theirs = [o for o in there if o.get("method") != "popup" or o.get("minutes") not in ours]
    wanted = [*own, *theirs][:MOST_REMINDERS]
    if _mapping(current.get("reminders")).get("useDefault") is False and _pairs(there) == _pairs(wanted):
        return {}
    return {"reminders": {"useDefault": False, "overrides": wanted}}


def _reminders_read(resource: Json) -> tuple[int, ...] | None:
    """Our own that are there; None where we set none."""
    ours = reminders_of(resource)
    if ours is None:
        return None
    there = {o.get("minutes") for o in _overrides(resource) if o.get("method") == "popup"}
    return tuple(minutes for minutes in ours if minutes in there)


def _usable(minutes: tuple[int, ...]) -> tuple[int, ...]:
    """Those that Google can keep."""
    return tuple(m for m in dict.fromkeys(minutes) if 0 <= m <= LONGEST_REMINDER)[:MOST_REMINDERS]


def _overrides(resource: Json) -> list[Json]:
    return list(_mapping(resource.get("reminders")).get("overrides") or ())


def _pairs(overrides: list[Json]) -> set[tuple[Any, Any]]:
    return {(o.get("method"), o.get("minutes")) for o in overrides}


def _is_web(url: str) -> bool:
    """What a source can be: http or https (discovery: Event.source.url)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _same_text(one: str, other: str) -> bool:
    """Whether two texts are the same but for line ends and what is around them."""
    return one == other or _settled(one) == _settled(other)


def _settled(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _text(resource: Json, name: str) -> str:
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _without_none(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_none(each) for name, each in value.items() if each is not None}
