"""ICS feeds: read-only calendars at a URL. Importing this opens no library of the network or of iCalendar."""

from __future__ import annotations

from syncd.connector import Ability, CalendarConnector, ConnectorSpec, Opened

from .feed import IcsFeedCredential, IcsFeedSettings, feed_hosts


def _open(opened: Opened) -> CalendarConnector:
    from .connector import IcsFeedConnector

    return IcsFeedConnector(opened)


ICS_FEED = ConnectorSpec(
    app="ics-feed",
    title="ICS feed",
    integration="ics-feed_calendar",
    credential=IcsFeedCredential,
    settings=IcsFeedSettings,
    open=_open,
    abilities=frozenset({Ability.CHANGES}),
    concurrency=4,
    secrets=("urls",),
    account=feed_hosts,
)
