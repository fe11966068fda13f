"""Listing: filters, pages, and what changed since a sync token.

A page token names a listing that was made when its first page was asked for, so pages never overlap or skip. A sync
token names the calendar's version at that moment, and the parameters of the first listing, which hold for the later
ones. What is told for it:

- series as series (`singleEvents` not set): every event, series and exception that changed, deleted ones as stubs; the
  exceptions of a deleted series go with it and are not told;
- instances (`singleEvents=true`): of what changed, all instances as they are now that differ from what they were, and
  a stub for each that is no more.

An event that left the listing's window is told with the times it has now; under the switch `moved-out` it is told as
a stub instead. Neither is documented.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .google_errors import GoogleError
from .google_event import stub
from .google_series import EARLIEST, LATEST, has_master, instances, is_live, is_master, occurs, span
from .google_store import Calendar, Record, Resource
from .kernel import Request

MOST_PAGES = 2_000
RESTRICTIONS = ("iCalUID", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin")
"""What cannot stand beside a sync token, besides orderBy."""
TYPES = ("default", "outOfOffice", "focusTime", "workingLocation", "birthday", "fromGmail")

_SEARCHED = ("summary", "description", "location")
_WITHOUT_TOKEN = {"q", "iCalUID", "privateExtendedProperty", "sharedExtendedProperty", "updatedMin", "orderBy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What events.list and events.instances are asked. `given` are the names of the parameters that were there."""

    given: frozenset[str]
    single: bool = False
    show_deleted: bool | None = None
    low: datetime = EARLIEST
    high: datetime = LATEST
    updated_min: datetime | None = None
    order: str = ""
    words: str = ""
    ical_uid: str = ""
    private: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    types: tuple[str, ...] = TYPES
    size: int = 250

    def remembered(self) -> dict[str, Any]:
        """What a sync token keeps of it."""
        window = [t.isoformat() if n in self.given else "" for n, t in (("timeMin", self.low), ("timeMax", self.high))]
        return {"single": self.single, "types": list(self.types), "window": window}


def query_of(request: Request) -> Query:
    """The parameters of a request. Raises GoogleError."""
    given, many = request.query, _many(request)
    query = Query(
        given=frozenset(given),
        single=flag(given, "singleEvents") or False,
        show_deleted=flag(given, "showDeleted"),
        low=moment_of(given, "timeMin", EARLIEST),
        high=moment_of(given, "timeMax", LATEST),
        updated_min=moment_of(given, "updatedMin", EARLIEST) if "updatedMin" in given else None,
        order=given.get("orderBy", ""),
        words=given.get("q", "").lower(),
        ical_uid=given.get("iCalUID", ""),
        private=many("privateExtendedProperty"),
        shared=many("sharedExtendedProperty"),
        types=many("eventTypes") or TYPES,
        size=size_of(given, 250, 2500),
    )
    if query.high <= query.low:
        raise GoogleError("timeRangeEmpty")
    if query.order not in ("", "startTime", "updated") or (query.order == "startTime" and not query.single):
        raise GoogleError("badRequest", "The requested ordering is not available for the particular query.")
    if unknown := set(query.types) - set(TYPES):
        raise GoogleError("invalid", f"Invalid event type {unknown.pop()}", location="eventTypes")
    return query


def flag(given: Mapping[str, str], name: str) -> bool | None:
    """A boolean parameter; None where it is not given."""
    text = given.get(name)
    if text not in (None, "true", "false"):
        raise GoogleError("invalid", f"Invalid boolean value: '{text}'.", location=name)
    return None if text is None else text == "true"


def size_of(given: Mapping[str, str], default: int, most: int) -> int:
    """`maxResults`, cut to what a page can hold."""
    text = given.get("maxResults", str(default))
    if not text.isdecimal() or int(text) < 1:
        raise GoogleError("invalid", location="maxResults")
    return min(int(text), most)


def moment_of(given: Mapping[str, str], name: str, default: datetime) -> datetime:
    """An RFC 3339 parameter; its offset is mandatory, its milliseconds are ignored."""
    if name not in given:
        return default
    try:
        moment = datetime.fromisoformat(given[name])
    except ValueError as error:
        raise GoogleError("badRequest", "Bad Request", location=name) from error
    if moment.tzinfo is None:
        raise GoogleError("badRequest", "Bad Request", location=name)
    return moment.replace(microsecond=0)


def _many(request: Request) -> Callable[[str], tuple[str, ...]]:
    return lambda wanted: tuple(value for name, value in request.pairs if name == wanted)


# tokens


def sync_token(**fields: Any) -> str:
    """An opaque token of its fields."""
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def read_sync_token(text: str) -> dict[str, Any]:
    """Its fields. Raises GoogleError (invalid)."""
    try:
        fields = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error) as error:
        raise GoogleError("invalid", "Invalid sync token value.", location="syncToken") from error
    if not isinstance(fields, dict):
        raise GoogleError("invalid", "Invalid sync token value.", location="syncToken")
    return fields


@dataclass(slots=True)
class Listing:
    """A listing that waits for its further pages: where the next begins is in the page token."""

    owner: str
    items: Sequence[Resource]
    sync: str


@dataclass(slots=True)
class Pages:
    """The listings whose pages can still be asked for."""

    waiting: dict[str, Listing] = field(default_factory=dict)

    def first(self, listing: Listing, size: int) -> tuple[Sequence[Resource], dict[str, str]]:
        """The first page's items, and its token."""
        return self._page(listing, secrets.token_urlsafe(9), 0, size)

    def next(self, token: str, owner: str, size: int) -> tuple[Sequence[Resource], dict[str, str]]:
        """A later page. The same token gives the same page again. Raises GoogleError (invalid)."""
        key, offset = self._place(token, owner)
        return self._page(self.waiting[key], key, offset, size)

    def rest(self, token: str, owner: str) -> Listing:
        """What the later pages hold. Raises GoogleError (invalid)."""
        key, offset = self._place(token, owner)
        listing = self.waiting[key]
        return Listing(owner, listing.items[offset:], listing.sync)

    def empty(self, listing: Listing) -> tuple[Sequence[Resource], dict[str, str]]:
        """A page with nothing on it, and more to come."""
        return self._page(listing, secrets.token_urlsafe(9), 0, 0)

    def _place(self, token: str, owner: str) -> tuple[str, int]:
        key, _, offset = token.rpartition(".")
        listing = self.waiting.get(key)
        if listing is None or listing.owner != owner or not offset.isdecimal():
            raise GoogleError("invalid", "Invalid page token value.", location="pageToken")
        return key, int(offset)

    def _page(self, listing: Listing, key: str, offset: int, size: int) -> tuple[Sequence[Resource], dict[str, str]]:
        end = offset + size
        if end >= len(listing.items) and size:
            return listing.items[offset:], {"nextSyncToken": listing.sync} if listing.sync else {}
        self.waiting[key] = listing
        while len(self.waiting) > MOST_PAGES:
            del self.waiting[next(iter(self.waiting))]
        return listing.items[offset:end], {"nextPageToken": f"{key}.{end}"}


# events


def listed(calendar: Calendar, query: Query, horizon: datetime) -> list[Resource]:
    """All that a first listing tells; without timeMax, instances up to the horizon."""
    found, high = [], query.high if "timeMax" in query.given else horizon
    for record in calendar.events.values():
        event = record.now
        if not query.single:
            found += [_deleted_in_short(event)] if _wanted_as_is(event, calendar, query) else []
        elif is_master(event):
            exceptions = calendar.exceptions(event["id"])
            found += list(instances(event, exceptions, calendar, query.low, high).values())
        elif not has_master(event, calendar) and _meets(event, calendar, query):
            found.append(event)
    if query.single:
        found = [e for e in found if is_live(e) or _shows_deleted(e, query)]
    found = [e for e in found if matches(e, query)]
    if query.order == "updated":
        return sorted(found, key=lambda e: str(e.get("updated", "")))
    return sorted(found, key=lambda e: _start(e, calendar)) if query.order == "startTime" else found


def keeps_token(query: Query) -> bool:
    """Whether a listing ends with a sync token: one that was searched or ordered does not."""
    return not _WITHOUT_TOKEN & query.given


def _wanted_as_is(event: Resource, calendar: Calendar, query: Query) -> bool:
    """Whether a listing of series as series has an event."""
    master = calendar.get(event.get("recurringEventId", ""))
    dead = not is_live(event) if master is None else not is_live(master)
    if dead and not _shows_deleted(event, query):
        return False
    return _meets(event, calendar, query)


def _shows_deleted(event: Resource, query: Query) -> bool:
    late = query.updated_min is not None and datetime.fromisoformat(event["updated"]) >= query.updated_min
    return bool(query.show_deleted) or late


def _meets(event: Resource, calendar: Calendar, query: Query) -> bool:
    """Whether an event, any instance of a series, or an exception by its old or new time is in the window."""
    if not {"timeMin", "timeMax"} & query.given:
        return True
    if is_master(event):
        return occurs(event, calendar, query.low, query.high)
    when = [span(event, calendar)]
    if "originalStartTime" in event:
        when.append(span({"start": event["originalStartTime"], "end": event["originalStartTime"]}, calendar))
    return any(w is not None and w.meets(query.low, query.high) for w in when)


def _deleted_in_short(event: Resource) -> Resource:
    """A deleted instance names what it was of; other deleted events keep their details on the organizer's calendar."""
    return stub(event) if not is_live(event) and "recurringEventId" in event else event


def _start(event: Resource, calendar: Calendar) -> datetime:
    when = span(event, calendar)
    return when.start if when else EARLIEST


def matches(event: Resource, query: Query) -> bool:
    """Whether an event has what is searched for."""
    if query.updated_min and datetime.fromisoformat(event["updated"]) < query.updated_min:
        return False
    if query.ical_uid and event.get("iCalUID") != query.ical_uid:
        return False
    if event.get("eventType", "default") not in query.types:
        return False
    properties = event.get("extendedProperties", {})
    wanted = [("private", p) for p in query.private] + [("shared", p) for p in query.shared]
    for kind, constraint in wanted:
        name, _, value = constraint.partition("=")
        if properties.get(kind, {}).get(name) != value:
            return False
    return not query.words or all(word in _text(event) for word in query.words.split())


def _text(event: Resource) -> str:
    people = [*event.get("attendees", ()), event.get("organizer", {})]
    told = [event.get(name, "") for name in _SEARCHED]
    told += [person.get(name, "") for person in people for name in ("displayName", "email")]
    return " ".join(told).lower()


# changes


def check_sync(query: Query, token: Mapping[str, Any]) -> None:
    """Refuse what cannot stand beside a sync token, and other parameters than the first listing's, which Google calls
    undefined behaviour. Raises GoogleError.
    """
    if "orderBy" in query.given:
        raise GoogleError("syncTokenWithNonDefaultOrdering")
    if query.given & set(RESTRICTIONS) or query.show_deleted is False:
        raise GoogleError("syncTokenWithRequestRestrictions")
    if (token.get("single"), token.get("types")) != (query.single, list(query.types)):
        raise GoogleError(
            "invalid", "Other parameters than those of the initial synchronization.", location="syncToken"
        )


def changes(calendar: Calendar, token: Mapping[str, Any], horizon: datetime, *, moved_out: bool) -> list[Resource]:
    """What a sync token's listing tells: see the module."""
    low, high = (datetime.fromisoformat(text) if text else None for text in token["window"])
    window = (low or EARLIEST, high or (horizon if token["single"] else LATEST))
    since, told = int(token["version"]), dict[str, Resource]()
    for record in calendar.changed_since(since):
        event = record.now
        master = calendar.get(event.get("recurringEventId", ""))
        if token["single"] and (is_master(event) or is_master(record.at(since))):
            told |= _instances_changed(calendar, record, since, window)
        elif master is None or is_live(master):
            outside = moved_out and is_live(event) and not _inside(event, calendar, window)
            told[event["id"]] = stub(event) if outside or not is_live(event) else event
    return [e for e in told.values() if e.get("eventType", "default") in token["types"]]


def _inside(event: Resource, calendar: Calendar, window: tuple[datetime, datetime]) -> bool:
    if is_master(event):
        return occurs(event, calendar, *window)
    when = span(event, calendar)
    return when is None or when.meets(*window)


def _instances_changed(
    calendar: Calendar, record: Record, since: int, window: tuple[datetime, datetime]
) -> dict[str, Resource]:
    series, then = record.now["id"], record.at(since)
    before = _units(then, calendar.exceptions(series, since), calendar, window) if then else {}
    after = _units(record.now, calendar.exceptions(series), calendar, window)
    told = {event_id: event for event_id, event in after.items() if before.get(event_id) != event}
    gone = {event_id: stub(event) for event_id, event in before.items() if is_live(event) and event_id not in after}
    return {**gone, **{i: e if is_live(e) else stub(e) for i, e in told.items()}}


def _units(
    event: Resource, exceptions: Mapping[str, Resource], calendar: Calendar, window: tuple[datetime, datetime]
) -> dict[str, Resource]:
    """What `singleEvents` lists of an event: itself, or its instances."""
    if is_master(event):
        return instances(event, exceptions, calendar, *window)
    return {event["id"]: event}
