"""ICS feeds keep the reading half of the contract. A feed is one item, which is the source of every exemption."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from feed_server import TOKEN, FeedServer
from syncd_connectors.ics_feed import ICS_FEED
from syncd_connectors.ics_feed.connector import IcsFeedConnector
from syncd_connectors.ics_feed.feed import IcsFeedCredential, IcsFeedSettings, feed_id

from syncd.connector import Ability, Opened
from syncd.provider.guard import Guard
from syncd.testing.contract import Hooks, ReadContract

EVENTS = re.compile(r"BEGIN:VEVENT.*END:VEVENT", re.DOTALL)


class TestIcsFeed(ReadContract):
    exempt = {
        "test_a_new_a_changed_and_a_deleted_event_are_seen": "a feed is one item; test_ics_feed has its changes",
        "test_an_audit_finds_what_was_lost_and_counts_it": "a feed is one item; test_ics_feed has the audit",
        "test_a_dead_cursor_asks_for_a_new_start": "a server without our validators sends the whole feed",
        "test_reading_a_missing_calendar_says_so": "see test_ics_feed, with a 404",
        "test_a_calendar_that_cannot_be_read_is_an_error_beside_the_ones_that_can": "see test_ics_feed, with a 404",
    }

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        return ICS_FEED.abilities

    @pytest.fixture
    def server(self) -> Iterator[FeedServer]:
        server = FeedServer()
        server.serve(feed({}))
        yield server
        server.close()

    @pytest.fixture
    def calendar(self, server: FeedServer) -> str:
        return feed_id(server.url())

    @pytest.fixture
    def connector(self, server: FeedServer) -> Iterator[IcsFeedConnector]:
        opened = connect(server.url())
        yield opened
        opened.close()

    @pytest.fixture
    def hooks(self, server: FeedServer) -> Iterator[Hooks]:
        events: dict[str, str] = {}

        def store(uid: str, text: str) -> str:
            events[uid] = text
            server.serve(feed(events))
            return "feed"

        refused = FeedServer()
        refused.serve("", status=401)
        rejected = connect(refused.url())
        rejected._urls = {feed_id(server.url()): refused.url()}  # the same calendar, at a server that refuses
        yield Hooks(
            store=store,
            garble=lambda: server.serve("<html>Welcome to the hotel's network</html>"),
            rejected=rejected,
            secrets=(TOKEN,),
        )
        rejected.close()
        refused.close()


def connect(url: str) -> IcsFeedConnector:
    hours = itertools.count()

    def clock() -> datetime:
        """An hour later each time it is asked: the least pause between two reads is always over."""
        return datetime(2027, 3, 1, tzinfo=UTC) + timedelta(hours=next(hours))

    opened = Opened(
        connection_id=1,
        credential=IcsFeedCredential(urls=(url,)),
        settings=IcsFeedSettings(allow_private_addresses=True),
        guard=Guard("ics-feed", 1, timeout_s=5),
    )
    return IcsFeedConnector(opened, clock=clock)


def feed(events: dict[str, str]) -> str:
    """One feed of the events of several objects."""
    found = [match.group() for text in events.values() if (match := EVENTS.search(text))]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "X-WR-CALNAME:Team", *found, "END:VCALENDAR", ""])
