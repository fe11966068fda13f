"""The connector: bookings into Google Calendar and its busy times back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syncd.connector import CalendarRead, EventConnector, KnownVersions, Opened
from syncd.connector.push import PushConnector
from syncd.errors import ProviderError, ReconnectError, RefreshError, RetryError, WaitUntilError
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Channel, Event, Probe, Receipt, RemoteCalendar
from syncd.model.time import Window

from . import GoogleClient, GoogleCredential, GoogleSettings, push
from .api import Api
from .calendars import ENTRY_FIELDS, PAGE_SIZE, remote_calendar
from .freebusy import read_busy
from .login import Delegated, Given, Login
from .sync import CalendarSync
from .writing import CalendarEvents

_EVERYWHERE = frozenset({"unreachable", "connection_lost", "tls", "fresh_token_refused"})
"""Troubles that no calendar is spared."""


def open_google(opened: Opened) -> GoogleConnector:
    """A connector for a person, or for a service account that acts for one. Sends nothing."""
    credential: GoogleCredential = opened.credential
    client: GoogleClient = opened.client or GoogleClient()
    login: Login = (
        Delegated(credential, client, opened.guard) if credential.delegated else Given(credential.access_token)
    )
    return GoogleConnector(Api(client.api_url, login, opened.guard, ca_file=client.ca_file), opened.settings)


class GoogleConnector(EventConnector, PushConnector):
    """One Google account."""

    def __init__(self, api: Api, settings: GoogleSettings) -> None:
        self._api = api
        self._settings = settings

    def probe(self) -> Probe:
        """Ask for the primary calendar, whose id is the account's address."""
        entry = self._api.call("get calendar", self._api.calendar_list.get(calendarId="primary"), safe=True)
        return Probe(account=str(entry.get("id", "")), facts={"zone": str(entry.get("timeZone", ""))})

    def calendars(self) -> list[RemoteCalendar]:
        """Every calendar of the list, hidden ones too."""
        pages = self._api.pages(
            "list calendars",
            "calendar#calendarList",
            lambda token: self._api.calendar_list.list(
                showHidden=True,
                maxResults=PAGE_SIZE,
                fields=f"kind,{ENTRY_FIELDS},nextPageToken",
                pageToken=token,
            ),
        )
        entries: list[dict[str, Any]] = [entry for page in pages for entry in page.get("items") or ()]
        return [remote_calendar(entry) for entry in entries if not entry.get("deleted")]

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """All by freeBusy; but a calendar whose transparent events count is listed, for freeBusy knows none."""
        plain = [read.id for read in calendars if not read.transparent_is_busy]
        told = read_busy(self._api, plain, window)
        for read in calendars:
            if read.transparent_is_busy:
                told[read.id] = self._listed(read, window)
        return told

    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """See `sync` for how."""
        return CalendarSync(self._api, calendar).changes(window, cursor, known, audit=audit)

    def put_event(
        self, calendar: str, event: Event, key: str, applied: Receipt | None, *, unclear: bool = False
    ) -> Receipt:
        """See `writing` for how."""
        return self._events(calendar).put(event, key, applied, unclear=unclear)

    def remove_event(self, calendar: str, key: str, uid: str, applied: Receipt | None) -> None:
        """Remove the event, by its id, else by the key's id and by UID."""
        self._events(calendar).remove(key, uid, applied)

    def find_event(self, calendar: str, uid: str, applied: Receipt | None) -> Event | None:
        """The event by its id, else by UID."""
        return self._events(calendar).find(uid, applied)

    def watch(self, calendar: str, address: str, channel_id: str, token: str) -> Channel:
        """Make a channel."""
        return push.watch(self._api, calendar, address, channel_id, token)

    def renew(self, channel: Channel) -> Channel | None:
        """Google's channels cannot be renewed."""
        return None

    def unwatch(self, channel: Channel) -> None:
        """Stop a channel."""
        push.unwatch(self._api, channel)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _events(self, calendar: str) -> CalendarEvents:
        return CalendarEvents(self._api, calendar, self._settings)

    def _listed(self, read: CalendarRead, window: Window) -> list[BusyTime] | ProviderError:
        try:
            return CalendarSync(self._api, read).busy_times(window)
        except (ReconnectError, RefreshError, WaitUntilError):
            raise
        except ProviderError as error:
            if isinstance(error, RetryError) and error.code in _EVERYWHERE:
                raise
            return error
