"""The connector: bookings into a CalDAV calendar and its busy times back.

An event's file is named after its UID, and so the same for every attempt: a repeated create meets its own object
(412) and becomes an update. Whatever is not at its usual name is looked for by UID, because people's clients rename
files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from syncd.connector import CalendarRead, EventConnector, KnownVersions, Opened
from syncd.errors import (
    ConflictError,
    NotFoundError,
    ProviderError,
    ReconnectError,
    RefusedError,
    RetryError,
)
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Event, Probe, Receipt, RemoteCalendar
from syncd.model.clock import Clock, utc_now
from syncd.model.time import Window

from . import APPLE_REMEDY, APPLE_URL, AppleCredential, CalDavCredential, CalDavSettings
from .answers import plain_etag, quoted_etag
from .client import Answer, DavClient, Login
from .collection import Collection, Stored, object_path
from .content import MalformedError
from .discovery import Account, moves
from .mapping import event_to_ics, patch_ics
from .origins import trust_given, trust_icloud
from .reading import differences, holds, ics_to_event
from .sync import CalendarSync, read_item, rules_of

T = TypeVar("T")

_ICS = "text/calendar; charset=utf-8"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,119}")
_ATTEMPTS = 2  # a write that met a change is planned again once; the engine decides about more
_EVERYWHERE = frozenset({"unreachable", "connection_lost", "tls"})  # troubles that no calendar is spared
_MAX_COPIES = 10  # objects of one UID in one calendar, some made by clients that copy


def open_caldav(opened: Opened) -> CalDavConnector:
    """A connector for any server. Sends nothing."""
    credential: CalDavCredential = opened.credential
    bearer = credential.auth == "bearer" or (credential.auth == "auto" and credential.token)
    login = Login(
        kind="bearer" if bearer else credential.auth,
        username=credential.username,
        secret=credential.token if bearer else credential.password,
    )
    settings: CalDavSettings = opened.settings
    client = DavClient(credential.url, login, trust_given(credential.url), opened.guard, ca_file=settings.ca_file)
    return CalDavConnector(client, settings)


def open_apple(opened: Opened) -> CalDavConnector:
    """A connector for iCloud: a fixed entry, Basic only, and passwords for icloud.com alone. Sends nothing."""
    credential: AppleCredential = opened.credential
    login = Login(kind="basic", username=credential.username, secret=credential.password, remedy=APPLE_REMEDY)
    return CalDavConnector(DavClient(APPLE_URL, login, trust_icloud, opened.guard), opened.settings)


class CalDavConnector(EventConnector):
    """One account at one CalDAV server."""

    def __init__(self, client: DavClient, settings: CalDavSettings, *, clock: Clock = utc_now) -> None:
        self._client = client
        self._account = Account(client)
        self._agent = settings.schedule_agent
        self._clock = clock

    def probe(self) -> Probe:
        """Find the account anew: one or two requests."""
        home = self._account.home(again=True)
        return Probe(account=home.principal or home.urls[0], facts={"calendar_home": ", ".join(home.urls)})

    def calendars(self) -> list[RemoteCalendar]:
        """Every calendar that can hold events; the homes are looked for again when the known ones are gone."""
        try:
            return self._account.calendars()
        except ProviderError as error:
            if not moves(error):
                raise
        self._account.home(again=True)
        return self._account.calendars()

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """One calendar-query for each. The server's own free-busy report is not used: iCloud refuses it (observed)."""
        answers: dict[str, list[BusyTime] | ProviderError] = {}
        for calendar in calendars:
            try:
                answers[calendar.id] = self._placed(calendar.id, partial(_busy, read=calendar, window=window))
            except (ReconnectError, RetryError) as error:
                if isinstance(error, ReconnectError) or error.code in _EVERYWHERE:
                    raise
                answers[calendar.id] = error
            except ProviderError as error:
                answers[calendar.id] = error
        return answers

    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """See `sync` for how."""
        # the first page is read where a moved account can still be found again
        pages, first = self._placed(calendar.id, lambda c: _opened_pages(c, calendar, window, cursor, known, audit))
        yield first
        yield from pages

    def put_event(
        self, calendar: str, event: Event, key: str, applied: Receipt | None, *, unclear: bool = False
    ) -> Receipt:
        """A create is one PUT that only succeeds where nothing is; an update is a GET, a patch, a PUT of that version.

        `unclear` needs nothing of its own: a create that had succeeded meets its own object.

        Raises:
            NotFoundError: the calendar is gone, or (code `event_gone`) a person deleted the event that `applied` names.
            RefusedError: code `uid_conflict`: the account has the UID in another calendar (iCloud allows one).
        """
        if applied is None:
            return self._placed(calendar, lambda c: self._create(c, event))
        return self._placed(calendar, lambda c: self._update(c, event, applied))

    def remove_event(self, calendar: str, key: str, uid: str, applied: Receipt | None) -> None:
        """Remove every object with the UID: the one at its known name first."""
        self._placed(calendar, lambda c: self._remove(c, uid, applied))

    def find_event(self, calendar: str, uid: str, applied: Receipt | None) -> Event | None:
        """The event by its known name, else by UID."""
        stored = self._placed(calendar, lambda c: self._locate(c, uid, applied.id if applied else None))
        return _read(stored, uid) if stored else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _placed(self, calendar: str, run: Callable[[Collection], T]) -> T:
        """Run on the calendar where it is; once more where discovery finds it when it has moved."""
        url = self._account.place(calendar)
        try:
            return run(Collection(self._client, url))
        except ProviderError as error:
            if not moves(error) or error.code == "event_gone":
                raise
            try:
                self._account.home(again=True)
            except NotFoundError:
                raise error from None
            moved = self._account.place(calendar)
            if moved == url:
                raise
        return run(Collection(self._client, moved))

    def _create(self, collection: Collection, event: Event) -> Receipt:
        path = object_path(collection.path, file_name(event.uid))
        text = event_to_ics(event, schedule_agent=self._agent, stamp=self._clock())
        try:
            answer = self._put(collection, path, text, {"If-None-Match": "*"})
        except (ConflictError, RefusedError) as error:
            if isinstance(error, RefusedError) and error.code != "uid_conflict":
                raise
            return self._adopt(collection, event, error)
        return self._receipt(collection, path, event, answer)

    def _adopt(self, collection: Collection, event: Event, refused: ProviderError) -> Receipt:
        """An object with our name or UID is there: the UID comes from the booking, so it is ours."""
        stored = self._locate(collection, event.uid, None)
        if stored is not None:
            return self._write_over(collection, event, stored)
        raise RefusedError(
            "The server says that the event exists, and does not have it in this calendar: another calendar of the "
            "account holds its UID.",
            code="uid_conflict",
            status=refused.status,
            remedy="Remove the event from the other calendar, or choose that calendar, then: syncd bookings retry UID",
        ) from refused

    def _update(self, collection: Collection, event: Event, applied: Receipt) -> Receipt:
        stored = self._locate(collection, event.uid, applied.id)
        if stored is None:
            raise NotFoundError(
                "The event is not in the calendar any more.",
                code="event_gone",
                status=404,
                remedy="Somebody removed it. To write it again: syncd bookings retry UID",
            )
        return self._write_over(collection, event, stored)

    def _write_over(self, collection: Collection, event: Event, stored: Stored) -> Receipt:
        """Patch what is there; plan again when it changed between our read and our write."""
        for attempt in range(_ATTEMPTS):
            text = self._patched(stored, event)
            if text is None:
                return Receipt(id=stored.path, version=stored.version, uid=event.uid)
            condition = {"If-Match": quoted_etag(stored.version)} if stored.version else {}
            try:
                answer = self._put(collection, stored.path, text, condition)
            except ConflictError:
                reread = collection.get(stored.path)
                if attempt + 1 == _ATTEMPTS or reread is None:
                    raise
                stored = reread
                continue
            return self._receipt(collection, stored.path, event, answer)
        raise ConflictError("The event keeps changing.")

    def _patched(self, stored: Stored, event: Event) -> str | None:
        try:
            return patch_ics(stored.text or "", event, schedule_agent=self._agent, stamp=self._clock())
        except MalformedError as error:
            raise RefusedError(f"The event at the server cannot be read: {error}.", code="unreadable_event") from error

    def _put(self, collection: Collection, path: str, text: str, condition: dict[str, str]) -> Answer:
        headers = {"Content-Type": _ICS, **condition}
        return self._client.request("PUT", collection.address(path), "event", text.encode(), headers)

    def _receipt(self, collection: Collection, path: str, event: Event, answer: Answer) -> Receipt:
        """A server that changed what we sent gives no ETag (RFC 4791 section 5.3.4): read back what it kept."""
        version = plain_etag(answer.headers.get("ETag"))
        if version:
            return Receipt(id=path, version=version, uid=event.uid)
        stored = collection.get(path)
        if stored is None:
            raise RetryError("The event is not there right after it was written.", code="write_lost")
        return Receipt(
            id=path, version=stored.version, uid=event.uid, dropped=differences(event, _read(stored, event.uid))
        )

    def _locate(self, collection: Collection, uid: str, path: str | None) -> Stored | None:
        """The object with `uid`: at `path`, by UID, or at its usual name where the server cannot search."""
        if path is not None:
            stored = collection.get(path)
            if stored is not None and holds(stored.text or "", uid):
                return stored
        try:
            found = [s for s in collection.with_uid(uid) if holds(s.text or "", uid)]
        except RefusedError:
            found = []
        if found:
            return found[0]
        usual = object_path(collection.path, file_name(uid))
        stored = collection.get(usual) if usual != path else None
        return stored if stored is not None and holds(stored.text or "", uid) else None

    def _remove(self, collection: Collection, uid: str, applied: Receipt | None) -> None:
        if applied is not None and applied.version and self._delete(collection, applied.id, applied.version):
            return
        for _ in range(_MAX_COPIES):
            stored = self._locate(collection, uid, applied.id if applied else None)
            if stored is None:
                return
            if not self._delete(collection, stored.path, stored.version):
                raise ConflictError("The event changed while it was being removed.")
        raise RetryError("The event is still there after it was removed.", code="write_lost")

    def _delete(self, collection: Collection, path: str, version: str) -> bool:
        """Delete that version. False when it is another by now, or not there."""
        condition = {"If-Match": quoted_etag(version)} if version else {}
        try:
            self._client.request("DELETE", collection.address(path), "event", headers=condition)
        except (ConflictError, NotFoundError):
            return False
        return True


def file_name(uid: str) -> str:
    """The name of a new event's file: the UID where it is a plain name, else a digest of it."""
    if _PLAIN_NAME.fullmatch(uid):
        return f"{uid}.ics"
    return f"{hashlib.sha256(uid.encode()).hexdigest()[:40]}.ics"


def _read(stored: Stored, uid: str) -> Event:
    try:
        return ics_to_event(stored.text or "", uid)
    except MalformedError as error:
        raise RefusedError(f"The event at the server cannot be read: {error}.", code="unreadable_event") from error


def _busy(collection: Collection, read: CalendarRead, window: Window) -> list[BusyTime]:
    rules = rules_of(read)
    found = [read_item(stored, window, rules) for stored in collection.between(window)]
    return sorted(time for item in found for time in item.times)


def _opened_pages(
    collection: Collection,
    read: CalendarRead,
    window: Window,
    cursor: str | None,
    known: KnownVersions,
    audit: bool,
) -> tuple[Iterator[ChangePage], ChangePage]:
    sync = CalendarSync(collection, read, window)
    pages = sync.everything() if cursor is None else sync.since(cursor, known, audit=audit)
    return pages, next(pages)
