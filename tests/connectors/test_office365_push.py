"""Subscriptions: made with a secret of ours, renewed, ended; and what Graph calls us with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from office365_given import World, office365
from office365_items import in_utc
from syncd_connectors.office365_calendar import OFFICE365_CALENDAR, SUBSCRIPTION_LIFE
from syncd_connectors.office365_calendar.connector import Office365Connector

from syncd.connector.push import PushAnswer, PushKind, PushNotice, PushRequest
from syncd.errors import NotFoundError, RefusedError, RetryError
from syncd.model.calendar import Channel
from syncd.model.clock import utc_now
from syncd.sandbox import Exchange
from syncd.testing.cases import OWNER, utc

ADDRESS = "https://syncd.example/push/office365-calendar"
TIMES = {"start": in_utc(utc(2027, 3, 10, 9)), "end": in_utc(utc(2027, 3, 10, 10))}
MADE = {"id": "s-1", "resource": "me/calendars/c/events", "expirationDateTime": "2027-03-08T00:00:00.0000000Z"}


@pytest.fixture
def world() -> Iterator[World]:
    with office365() as running:
        yield running


@pytest.fixture
def calendar(world: World) -> str:
    return world.graph.add_calendar(OWNER, "Work", can_edit=True)


@pytest.fixture
def connector(world: World) -> Iterator[Office365Connector]:
    with closing(world.connect()) as connector:
        yield connector


@dataclass
class Receiver:
    """Our end of a push: what calls say, by the connector's own rules."""

    url: str = ""
    notices: list[PushNotice] = field(default_factory=list)

    def take(self, query: str, body: bytes) -> PushAnswer:
        """Answer a call."""
        assert OFFICE365_CALENDAR.push is not None
        asked = dict(parse_qsl(query))
        answer = OFFICE365_CALENDAR.push.read(PushRequest(query=asked, headers={}, body=body))
        self.notices += answer.notices
        return answer


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = found.take(urlsplit(self.path).query, body)
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/push"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def exchanges(world: World) -> list[Exchange]:
    seen: list[Exchange] = []
    world.sandbox.tap(seen.append)
    return seen


def test_a_subscription_names_the_calendar_the_secret_and_one_address_for_all(
    world: World, connector: Office365Connector, calendar: str
):
    seen = exchanges(world)
    world.graph.faults.add("answer", method="POST", path="subscriptions", status=201, body=MADE)
    channel = connector.watch(calendar, ADDRESS, "ours", "t0ken")
    (asked,) = [json.loads(e.request.body) for e in seen]
    ends = asked.pop("expirationDateTime")
    assert asked == {
        "changeType": "created,updated,deleted",
        "notificationUrl": ADDRESS,
        "lifecycleNotificationUrl": ADDRESS,
        "resource": f"me/calendars/{calendar}/events",
        "clientState": "t0ken",
    }
    assert timedelta(0) <= utc_now() + SUBSCRIPTION_LIFE - utc_now().fromisoformat(ends) < timedelta(minutes=1)
    assert channel == Channel(id="s-1", calendar=calendar, expires_at=utc(2027, 3, 8), resource=MADE["resource"])


def test_a_change_is_called_in_and_so_is_what_becomes_of_the_subscription(
    world: World, connector: Office365Connector, calendar: str, receiver: Receiver
):
    channel = connector.watch(calendar, receiver.url, "ours", "t0ken")
    assert channel.calendar == calendar
    item = world.graph.put_event(OWNER, calendar, {"subject": "x", **TIMES})["id"]
    world.graph.faults.add("push-twice")
    world.graph.change_event(OWNER, calendar, item, subject="y")
    world.graph.delete_event(OWNER, calendar, item)
    for event in ("reauthorizationRequired", "missed", "subscriptionRemoved"):
        world.graph.lifecycle(channel.id, event)
    world.graph.settle()
    assert {(n.channel_id, n.token) for n in receiver.notices} == {(channel.id, "t0ken")}
    assert [n.kind for n in receiver.notices] == [
        *[PushKind.CHANGED] * 4,
        PushKind.RENEW,
        PushKind.MISSED,
        PushKind.GONE,
    ]


def test_a_subscription_is_renewed_and_ended(
    world: World, connector: Office365Connector, calendar: str, receiver: Receiver
):
    channel = connector.watch(calendar, receiver.url, "ours", "t0ken")
    later = connector.renew(channel)
    assert later.id == channel.id
    assert later.expires_at >= channel.expires_at
    connector.unwatch(later)
    connector.unwatch(later)
    with pytest.raises(NotFoundError):
        connector.renew(channel)
    world.graph.put_event(OWNER, calendar, {"subject": "x", **TIMES})
    world.graph.settle()
    assert receiver.notices == []


def test_an_application_subscribes_for_the_mailbox_it_acts_for(world: World, calendar: str, receiver: Receiver):
    with closing(world.delegated()) as connector:
        channel = connector.watch(calendar, receiver.url, "ours", "t0ken")
        assert channel.resource == f"users/{OWNER}/calendars/{calendar}/events"
        world.graph.put_event(OWNER, calendar, {"subject": "x", **TIMES})
        world.graph.settle()
    assert [n.kind for n in receiver.notices] == [PushKind.CHANGED]


def test_a_renewal_is_one_patch(world: World, connector: Office365Connector, calendar: str):
    world.graph.faults.add("answer", method="PATCH", path="subscriptions/s-1", status=200, body=MADE)
    channel = Channel(id="s-1", calendar=calendar, expires_at=utc(2027, 3, 1))
    renewed = connector.renew(channel)
    assert (renewed.id, renewed.calendar, renewed.expires_at) == ("s-1", calendar, utc(2027, 3, 8))


def test_a_subscription_that_is_no_more_cannot_be_renewed_and_counts_as_stopped(
    world: World, connector: Office365Connector, calendar: str
):
    body = {"error": {"code": "ResourceNotFound", "message": "x", "innerError": {}}}
    world.graph.faults.add("answer", path="subscriptions", status=404, body=body, times=0)
    channel = Channel(id="s-1", calendar=calendar, expires_at=utc(2027, 3, 1))
    with pytest.raises(NotFoundError):
        connector.renew(channel)
    connector.unwatch(channel)


def test_an_address_that_graph_cannot_reach_is_refused_with_advice(
    world: World, connector: Office365Connector, calendar: str
):
    body = {"error": {"code": "ValidationError", "message": "The request timed out.", "innerError": {}}}
    world.graph.faults.add("answer", path="subscriptions", status=400, body=body)
    with pytest.raises(RefusedError) as refused:
        connector.watch(calendar, ADDRESS, "ours", "t")
    assert refused.value.code == "address_refused"
    assert "https" in refused.value.remedy


@pytest.mark.parametrize("body", [{}, {"id": "s-1"}, {"id": "s-1", "expirationDateTime": "soon"}])
def test_a_subscription_without_id_or_end_is_none(
    world: World, connector: Office365Connector, calendar: str, body: dict[str, str]
):
    world.graph.faults.add("answer", path="subscriptions", status=201, body=body)
    with pytest.raises(RetryError):
        connector.watch(calendar, ADDRESS, "ours", "t")
