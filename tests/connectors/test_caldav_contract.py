"""CalDAV keeps the contract on Radicale, on Xandikos, and on the stub, which can also fail on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from caldav_opening import PASSWORD, USER
from syncd_connectors.caldav import APPLE, APPLE_REMEDY, CALDAV, CalDavSettings
from syncd_connectors.caldav.client import DavClient, Login
from syncd_connectors.caldav.connector import CalDavConnector

from syncd.connector import Ability, EventConnector
from syncd.demo.servers import CalDavServer
from syncd.model.calendar import Receipt
from syncd.provider.guard import Guard
from syncd.testing.contract import CalendarContract, Hooks
from syncd.testing.dav import HOME, DavStub, Quirks, Response

BY_HAND = "X-PERSON:added by hand"
WRONG = "wr0ng-canary"


class CalDavContract(CalendarContract):
    """What all three have in common."""

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        return CALDAV.abilities


class RealServer(CalDavContract):
    """A server that does nothing on demand: the cases that need that run on the stub."""

    exempt = {
        "test_an_answer_out_of_order_is_an_error_of_the_provider": "runs on the stub",
        "test_a_create_whose_answer_was_lost_makes_one_event": "runs on the stub",
        "test_a_dead_cursor_asks_for_a_new_start": "runs on the stub; the token is made up in test_caldav",
    }

    @pytest.fixture
    def server(self) -> CalDavServer:
        raise NotImplementedError

    @pytest.fixture
    def calendar(self, server: CalDavServer, calendar_names: Iterator[str]) -> str:
        return server.create_calendar(USER, next(calendar_names), "A calendar")

    @pytest.fixture
    def connector(self, server: CalDavServer, caldav: Callable[..., EventConnector]) -> EventConnector:
        return caldav(server.url)

    @pytest.fixture
    def hooks(self, server: CalDavServer, calendar: str, rejected: EventConnector | None) -> Hooks:
        def address(item: str) -> str:
            return f"{server.url.rstrip('/')}{item}"

        def store(uid: str, text: str) -> str:
            path = f"{calendar}{uid.partition('@')[0]}.ics"
            status, _, _ = server.request(USER, "PUT", path, text.encode(), {"Content-Type": "text/calendar"})
            assert status in (201, 204)
            return path.removeprefix(server.url.rstrip("/"))

        def discard(item: str) -> None:
            assert server.request(USER, "DELETE", address(item))[0] in (200, 204)

        def annotate(receipt: Receipt) -> Callable[[], bool]:
            text = server.request(USER, "GET", address(receipt.id))[2].decode()
            edited = text.replace("END:VEVENT", f"{BY_HAND}\r\nEND:VEVENT", 1).encode()
            assert server.request(USER, "PUT", address(receipt.id), edited, {"Content-Type": "text/calendar"})[0] < 300
            return lambda: BY_HAND in server.request(USER, "GET", address(receipt.id))[2].decode()

        return Hooks(
            store=store,
            discard=discard,
            annotate=annotate,
            rejected=rejected,
            missing=calendar.rstrip("/") + "-missing/",
            secrets=(PASSWORD, WRONG),
        )


class TestRadicale(RealServer):
    @pytest.fixture
    def server(self, radicale_server: CalDavServer) -> CalDavServer:
        return radicale_server

    @pytest.fixture
    def rejected(self, server: CalDavServer, caldav: Callable[..., EventConnector]) -> EventConnector:
        return caldav(server.url, password=WRONG)


class TestXandikos(RealServer):
    exempt = {
        **RealServer.exempt,
        "test_a_refused_credential_asks_a_person": "Xandikos checks no password over plain HTTP",
        "test_a_refused_credential_is_no_empty_busy_answer": "Xandikos checks no password over plain HTTP",
    }

    @pytest.fixture
    def server(self, xandikos_server: CalDavServer) -> CalDavServer:
        return xandikos_server

    @pytest.fixture
    def rejected(self) -> None:
        return None


class TestStub(CalDavContract):
    many = 250

    @pytest.fixture
    def calendar(self, stub: DavStub) -> str:
        return stub.add_calendar("work")

    @pytest.fixture
    def connector(self, stub: DavStub, caldav: Callable[..., EventConnector]) -> EventConnector:
        return caldav(stub.url)

    @pytest.fixture
    def rejected(self, stub: DavStub, caldav: Callable[..., EventConnector]) -> EventConnector:
        return caldav(stub.url, password=WRONG)

    @pytest.fixture
    def hooks(self, stub: DavStub, calendar: str, rejected: EventConnector) -> Hooks:
        def annotate(receipt: Receipt) -> Callable[[], bool]:
            text = stub.texts(calendar)[receipt.id].replace("END:VEVENT", f"{BY_HAND}\r\nEND:VEVENT", 1)
            stub.store(calendar, receipt.id.rpartition("/")[2], text)
            return lambda: BY_HAND in stub.texts(calendar)[receipt.id]

        def expire() -> None:
            stub.epoch += 1

        def garble() -> None:
            for _ in range(2):  # a safe read is repeated once
                stub.once("REPORT", Response(207, "<html><p>Welcome to the hotel's network"))

        return Hooks(
            store=lambda uid, text: stub.store(calendar, f"{uid.partition('@')[0]}.ics", text),
            discard=lambda item: stub.discard(calendar, item),
            annotate=annotate,
            lose_answer=lambda: stub.once("PUT", Response(201, drop=True), applied=True),
            expire_cursors=expire,
            garble=garble,
            rejected=rejected,
            missing=f"{calendar.rstrip('/')}-missing/",
            secrets=(PASSWORD, WRONG),
        )


class TestAppleOnAStubLikeICloud(TestStub):
    """iCloud's ways (specs/caldav): another host for the home, a collection listing itself, no ETag after a write."""

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        return APPLE.abilities

    @pytest.fixture
    def calendar(self, stub: DavStub) -> str:
        stub.quirks = Quirks(
            lists_itself=True,
            put_etag=False,
            one_uid=True,
            home=f"http://localhost:{stub.port}{HOME}",
        )
        return stub.add_calendar("work").replace("127.0.0.1", "localhost")

    @pytest.fixture
    def connector(self, stub: DavStub) -> Iterator[EventConnector]:
        with closing(self.opened(stub, PASSWORD)) as connector:
            yield connector

    @pytest.fixture
    def rejected(self, stub: DavStub) -> Iterator[EventConnector]:
        with closing(self.opened(stub, WRONG)) as connector:
            yield connector

    @staticmethod
    def opened(stub: DavStub, password: str) -> CalDavConnector:
        login = Login(kind="basic", username=USER, secret=password, remedy=APPLE_REMEDY)
        partitions = {"127.0.0.1", "localhost"}
        guard = Guard("apple-calendar", 1, timeout_s=10)
        client = DavClient(stub.url, login, lambda origin: origin.host in partitions, guard)
        return CalDavConnector(client, CalDavSettings())
