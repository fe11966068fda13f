"""The connector: one Zoho account's calendars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from syncd.connector import CalendarRead, EventConnector, KnownVersions, Opened, ScheduleConnector
from syncd.errors import ProviderError
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Event, Probe, Receipt, RemoteCalendar
from syncd.model.clock import Clock, utc_now
from syncd.model.time import Window
from syncd.provider.guard import Guard
from syncd.provider.zoho import DataCentre, account_of, data_centre_of, data_centres, prefix

from . import APP, ZohoClient, ZohoCredential
from .api import Api
from .reading import Reader, remote_calendar
from .sync import CalendarSync
from .writing import CalendarEvents


def open_zoho(opened: Opened, clock: Clock = utc_now) -> ZohoConnector:
    """A connector for the account of the credential. Sends nothing.

    Raises:
        ReconnectError: code `data_centre_unknown`: where the account is, is not on the list.
    """
    credential: ZohoCredential = opened.credential
    client: ZohoClient = opened.client or ZohoClient()
    centre = data_centre_of(credential.model_dump(), data_centres(client.accounts_url))
    return ZohoConnector(calendar_host(centre, client), centre, credential, opened.guard, clock=clock)


def calendar_host(centre: DataCentre, client: ZohoClient) -> str:
    """Where a data centre's calendars are: not at its `api_domain` (facts: zoho-calendar, base)."""
    if client.calendar_url:
        return client.calendar_url + prefix(centre.location)
    return f"https://calendar.{centre.domain}"


class ZohoConnector(EventConnector, ScheduleConnector):
    """One account."""

    def __init__(
        self, host: str, centre: DataCentre, credential: ZohoCredential, guard: Guard, *, clock: Clock = utc_now
    ) -> None:
        self._api = Api(host, credential.access_token, guard, clock=clock)
        self._centre = centre
        self._credential = credential
        self._guard = guard
        self._clock = clock
        self._reader = Reader(self._api, credential.email, lambda: self._email)

    @cached_property
    def _email(self) -> str:
        """Whose account it is. Cal.com's credentials do not say."""
        token = self._credential.access_token
        return self._credential.email or account_of(self._guard, self._centre, token, APP, clock=self._clock)

    def probe(self) -> Probe:
        """Ask for the account's own calendar: so the token, the data centre and the consent are seen to be right."""
        own = self._api.calendar("primary")
        return Probe(account=self._email or str(own.get("name", "")), facts={"data_centre": self._centre.location})

    def calendars(self) -> list[RemoteCalendar]:
        """Every calendar, shared, group and hidden ones too."""
        return [remote_calendar(entry) for entry in self._api.calendars()]

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """See `reading` for how."""
        return self._reader.busy_times(calendars, window)

    def schedules(self, emails: Sequence[str], window: Window) -> Mapping[str, list[BusyTime] | ProviderError]:
        """By free/busy, of people of the same organisation."""
        return self._reader.schedules(emails, window)

    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """See `sync` for how."""
        return CalendarSync(self._api, self._reader, calendar).changes(window, cursor, known, audit=audit)

    def put_event(
        self, calendar: str, event: Event, key: str, applied: Receipt | None, *, unclear: bool = False
    ) -> Receipt:
        """See `writing` for how. `key` is of no use: Zoho takes none, our mark has the uid."""
        return self._events(calendar).put(event, applied, unclear=unclear)

    def remove_event(self, calendar: str, key: str, uid: str, applied: Receipt | None) -> None:
        """Remove the event, by its id, else whatever bears our mark."""
        self._events(calendar).remove(uid, applied)

    def find_event(self, calendar: str, uid: str, applied: Receipt | None) -> Event | None:
        """The event, by its id, else by our mark."""
        return self._events(calendar).find(uid, applied)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _events(self, calendar: str) -> CalendarEvents:
        return CalendarEvents(self._api, calendar, self._clock)
