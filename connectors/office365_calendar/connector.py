"""The connector: one mailbox at Microsoft Graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from syncd.connector import CalendarRead, EventConnector, KnownVersions, Opened, ScheduleConnector
from syncd.connector.push import PushConnector
from syncd.errors import ProviderError
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Channel, Event, Probe, Receipt, RemoteCalendar
from syncd.model.clock import Clock, utc_now
from syncd.model.time import Window

from . import MicrosoftClient, Office365Credential
from .graph import FixedToken, Graph, SharedToken, Token, segment
from .push import Subscriptions
from .reading import account_of, busy_of, calendars_of, schedules_of
from .sync import CalendarSync
from .writing import CalendarEvents


def open_office365(opened: Opened, clock: Clock = utc_now) -> Office365Connector:
    """A connector for the mailbox of the credential. Sends nothing."""
    credential: Office365Credential = opened.credential
    client: MicrosoftClient = opened.client or MicrosoftClient()
    mailbox = f"/users/{segment(credential.subject)}" if credential.delegated else "/me"
    graph = Graph(
        client.graph_url,
        mailbox,
        _token(credential, client, opened),
        opened.guard,
        batch=client.batch,
        ca_file=client.ca_file,
        clock=clock,
    )
    return Office365Connector(graph)


def _token(credential: Office365Credential, client: MicrosoftClient, opened: Opened) -> Token:
    if not credential.delegated:
        return FixedToken(credential.access_token)
    from .tokens import tenant_tokens

    shared = tenant_tokens(credential, client)
    return SharedToken(lambda: shared.token(credential, client, opened.guard), shared.forget)


class Office365Connector(EventConnector, ScheduleConnector, PushConnector):
    """One mailbox."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._subscriptions = Subscriptions(graph)

    def probe(self) -> Probe:
        """One request."""
        return Probe(account=account_of(self._graph))

    def calendars(self) -> list[RemoteCalendar]:
        """Every calendar, with the mailbox's zone."""
        return calendars_of(self._graph)

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """One batch for every twenty calendars (`MicrosoftClient.batch`), and more where one has more than a page."""
        return busy_of(self._graph, calendars, window)

    def schedules(self, emails: Sequence[str], window: Window) -> Mapping[str, list[BusyTime] | ProviderError]:
        """By getSchedule, twenty people at a time. Microsoft answers it for work and school accounts only."""
        return schedules_of(self._graph, emails, window)

    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """See `sync` for how."""
        sync = CalendarSync(self._graph, calendar, window)
        return sync.everything() if cursor is None else sync.since(cursor, known, audit=audit)

    def put_event(
        self, calendar: str, event: Event, key: str, applied: Receipt | None, *, unclear: bool = False
    ) -> Receipt:
        """See `writing` for how. Microsoft itself invites the attendees, and tells them of changes."""
        return CalendarEvents(self._graph, calendar).put(event, key, applied, unclear=unclear)

    def remove_event(self, calendar: str, key: str, uid: str, applied: Receipt | None) -> None:
        """Delete it; attendees get a cancellation from Microsoft."""
        CalendarEvents(self._graph, calendar).remove(uid, applied)

    def find_event(self, calendar: str, uid: str, applied: Receipt | None) -> Event | None:
        """By id, else by our mark."""
        return CalendarEvents(self._graph, calendar).find(uid, applied)

    def watch(self, calendar: str, address: str, channel_id: str, token: str) -> Channel:
        """Subscribe to the calendar's events. Graph chooses the id."""
        return self._subscriptions.add(calendar, address, token)

    def renew(self, channel: Channel) -> Channel:
        """Have the subscription last longer."""
        return self._subscriptions.renew(channel)

    def unwatch(self, channel: Channel) -> None:
        """End the subscription."""
        self._subscriptions.remove(channel)

    def close(self) -> None:
        """Close the connections."""
        self._graph.close()
