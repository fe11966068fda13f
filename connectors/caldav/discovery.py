"""Finding an account's calendars (RFC 4791 section 6.2, RFC 5397, RFC 6764)."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from urllib.parse import urljoin

from syncd.errors import ForbiddenError, NotFoundError, ProviderError, RefusedError
from syncd.ical.zones import named_zone
from syncd.model.calendar import RemoteCalendar

from . import queries
from .answers import APPLE, CALDAV, CALENDARSERVER, DAV, Resource, read_listing
from .client import DavClient
from .content import MalformedError, parse, split
from .origins import collection_path, origin_of

_ENTRY = queries.propfind("D:current-user-principal", "D:resourcetype", "C:calendar-home-set")
_LIST = queries.propfind(
    "D:resourcetype",
    "D:displayname",
    "C:supported-calendar-component-set",
    "C:calendar-timezone",
    "A:calendar-color",
    "D:current-user-privilege-set",
)
_WELL_KNOWN = "/.well-known/caldav"  # RFC 6764 section 5
_WRITES = frozenset({"all", "write", "write-content", "bind"})
_NOT_CALENDARS = (f"{CALDAV}schedule-inbox", f"{CALDAV}schedule-outbox", f"{CALENDARSERVER}notification")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True)
class Home:
    """Where the account's calendars are: its principal's URL ("" when never named) and its calendar homes."""

    principal: str
    urls: tuple[str, ...]


class Account:
    """The account's place at its server: found once, found again when the server says that it moved."""

    def __init__(self, client: DavClient) -> None:
        self._client = client
        self._home: Home | None = None
        self._lock = threading.Lock()

    def home(self, *, again: bool = False) -> Home:
        """The calendar homes, from memory unless `again`.

        Raises:
            NotFoundError: the address leads to no CalDAV account.
        """
        with self._lock:
            if self._home is None or again:
                self._home = self._find()
            return self._home

    def place(self, calendar: str) -> str:
        """The URL of a calendar: its own path, on the host where the account's homes were last found."""
        home = self._home
        if home is None or not home.urls:
            return calendar
        own = collection_path(calendar)
        for url in home.urls:
            if own.startswith(collection_path(url)):
                return urljoin(url, own)
        return calendar

    def calendars(self) -> list[RemoteCalendar]:
        """Every calendar of the account that can hold events."""
        found: dict[str, RemoteCalendar] = {}
        for url in self.home().urls:
            answer = self._client.propfind(url, "calendar list", _LIST, depth=1)
            for resource in read_listing(answer.body).resources:
                if _holds_events(resource):
                    calendar = _calendar(answer.url, resource)
                    found.setdefault(calendar.id, calendar)
        return list(found.values())

    def _find(self) -> Home:
        for entry in (self._client.url, urljoin(self._client.url, _WELL_KNOWN)):
            home = self._from_entry(entry)
            if home is None and self._client.insist():
                home = self._from_entry(entry)
            if home is not None:
                return home
        raise NotFoundError(
            "No calendars are found at this address.",
            code="no_account",
            remedy="Give the CalDAV address of the account, as its provider documents it.",
        )

    def _from_entry(self, entry: str) -> Home | None:
        try:
            answer = self._client.propfind(entry, "account", _ENTRY)
        except (NotFoundError, RefusedError):
            return None
        except ForbiddenError as error:
            if error.code == "foreign_host":
                raise
            return None
        for resource in read_listing(answer.body).resources:
            if homes := _hrefs(answer.url, resource, f"{CALDAV}calendar-home-set"):
                return Home(next(iter(_hrefs(answer.url, resource, f"{DAV}current-user-principal")), ""), homes)
            for principal in _hrefs(answer.url, resource, f"{DAV}current-user-principal"):
                return Home(principal, self._homes_of(principal))
            if _is_calendar(resource):  # the person gave one calendar's own address
                return Home("", (answer.url,))
        return None

    def _homes_of(self, principal: str) -> tuple[str, ...]:
        """Some servers key the answer by another path than was asked (iCloud: /principal/), so any response counts."""
        answer = self._client.propfind(principal, "principal", _ENTRY)
        for resource in read_listing(answer.body).resources:
            if homes := _hrefs(answer.url, resource, f"{CALDAV}calendar-home-set"):
                return homes
        raise NotFoundError("The account has no calendars.", code="no_account")


def moves(error: ProviderError) -> bool:
    """Whether an error can mean that the account lives elsewhere by now."""
    return error.status in (404, 421)


def _hrefs(base: str, resource: Resource, tag: str) -> tuple[str, ...]:
    element = resource.props.get(tag)
    if element is None:
        return ()
    return tuple(urljoin(base, href.text.strip()) for href in element.iterfind(f"{DAV}href") if href.text)


def _is_calendar(resource: Resource) -> bool:
    kind = resource.props.get(f"{DAV}resourcetype")
    return kind is not None and kind.find(f"{CALDAV}calendar") is not None


def _holds_events(resource: Resource) -> bool:
    kind = resource.props.get(f"{DAV}resourcetype")
    if kind is None or not (_is_calendar(resource) or kind.find(f"{CALENDARSERVER}subscribed") is not None):
        return False
    if any(kind.find(tag) is not None for tag in _NOT_CALENDARS):
        return False
    components = resource.props.get(f"{CALDAV}supported-calendar-component-set")
    if components is None or not len(components):
        return True  # unnamed means all (RFC 4791 section 5.2.3)
    return any(c.get("name", "").upper() == "VEVENT" for c in components.iterfind(f"{CALDAV}comp"))


def _calendar(base: str, resource: Resource) -> RemoteCalendar:
    color = _COLOR.match(resource.text(f"{APPLE}calendar-color"))  # #RRGGBBAA at Apple; names and rgb() are left out
    path = collection_path(resource.path)
    subscribed = resource.props[f"{DAV}resourcetype"].find(f"{CALENDARSERVER}subscribed") is not None
    return RemoteCalendar(
        id=f"{origin_of(base)}{path}",
        name=resource.text(f"{DAV}displayname") or path.rstrip("/").rpartition("/")[2],
        read_only=subscribed or _read_only(resource),
        color=color.group().upper() if color else "",
        zone=_zone(resource.text(f"{CALDAV}calendar-timezone")),
        special="subscribed" if subscribed else "",
    )


def _read_only(resource: Resource) -> bool:
    """True when privileges are told and none lets us write; a server that tells none is believed to allow it."""
    told = resource.props.get(f"{DAV}current-user-privilege-set")
    if told is None:
        return False
    names = {str(tag.tag).rpartition("}")[2] for tag in told.iterfind(f"{DAV}privilege/*")}
    return bool(names) and not names & _WRITES


def _zone(text: str) -> str:
    """The IANA name a calendar-timezone property means, "" when it means none."""
    try:
        zones = parse(text).named("VTIMEZONE") if text else []
    except MalformedError:
        return ""
    line = zones[0].first("TZID") if zones else None
    return getattr(named_zone(split(line)[1]), "key", "") if line else ""
