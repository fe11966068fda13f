"""Push channels of Google Calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from google_calendar_given import google, google_sandbox
from syncd_connectors.google_calendar import CHANNEL_LIFE, GOOGLE_CALENDAR
from syncd_connectors.google_calendar.connector import GoogleConnector

from syncd.connector.push import PushKind, PushNotice, PushRequest
from syncd.errors import ConflictError, ForbiddenError, InputError, NotFoundError, ParkError
from syncd.model.clock import utc_now
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import OWNER, meeting

TOKEN = "t" * 64


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_sandbox() as running:
        yield running


@pytest.fixture
def connector(provider: GoogleCalendar) -> Iterator[GoogleConnector]:
    with google(provider) as running:
        yield running


@pytest.fixture
def calls() -> Iterator[tuple[str, list[PushRequest]]]:
    """An address for pushes, and what came there."""
    came: list[PushRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            came.append(PushRequest(query={}, headers=headers, body=body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/push", came
        server.shutdown()
        thread.join()


def read(request: PushRequest) -> list[PushNotice]:
    assert GOOGLE_CALENDAR.push is not None
    return list(GOOGLE_CALENDAR.push.read(request).notices)


def test_a_channel_says_ready_then_changed_with_its_own_token(
    provider: GoogleCalendar, connector: GoogleConnector, calls: tuple[str, list[PushRequest]]
) -> None:
    address, came = calls
    channel = connector.watch(OWNER, address, "channel-1", TOKEN)
    connector.put_event(OWNER, meeting(), "key", None)
    provider.settle()
    assert [notice for request in came for notice in read(request)] == [
        PushNotice(channel_id="channel-1", token=TOKEN, kind=PushKind.READY),
        PushNotice(channel_id="channel-1", token=TOKEN, kind=PushKind.CHANGED),
    ]
    assert (channel.id, channel.calendar) == ("channel-1", OWNER)
    assert channel.resource
    left = channel.expires_at - utc_now()
    assert CHANNEL_LIFE - timedelta(minutes=1) < left <= CHANNEL_LIFE


def test_a_stopped_channel_is_silent_and_may_be_stopped_again(
    provider: GoogleCalendar, connector: GoogleConnector, calls: tuple[str, list[PushRequest]]
) -> None:
    address, came = calls
    old = connector.watch(OWNER, address, "old", TOKEN)
    assert connector.renew(old) is None
    connector.watch(OWNER, address, "new", TOKEN)  # beside the old one
    for _ in range(2):
        connector.unwatch(old)
    connector.put_event(OWNER, meeting(), "key", None)
    provider.settle()
    changed = [n.channel_id for request in came for n in read(request) if n.kind is PushKind.CHANGED]
    assert changed == ["new"]


def test_an_address_that_google_does_not_push_to_waits_for_the_operator(connector: GoogleConnector) -> None:
    with pytest.raises(ParkError) as error:
        connector.watch(OWNER, "http://example.org/push", "one", TOKEN)
    assert error.value.code == "push_refused"
    assert "public_url" in error.value.remedy


def test_a_channel_id_that_is_taken_is_a_conflict(
    connector: GoogleConnector, calls: tuple[str, list[PushRequest]]
) -> None:
    connector.watch(OWNER, calls[0], "one", TOKEN)
    with pytest.raises(ConflictError) as error:
        connector.watch(OWNER, calls[0], "one", TOKEN)
    assert error.value.code == "channel_exists"


def test_a_channel_on_a_missing_calendar_says_so(connector: GoogleConnector) -> None:
    with pytest.raises(NotFoundError):
        connector.watch("c_missing@group.calendar.google.com", "https://example.org/push", "one", TOKEN)


def test_a_consent_that_does_not_reach_says_so(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.faults.add("scope")
    with pytest.raises(ForbiddenError):
        connector.watch(OWNER, "https://example.org/push", "one", TOKEN)


HEADERS = {
    "x-goog-channel-id": "c1",
    "x-goog-channel-token": "secret",
    "x-goog-message-number": "10",
    "x-goog-resource-id": "r1",
    "x-goog-resource-uri": "https://www.googleapis.com/calendar/v3/calendars/x/events?alt=json",
}


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("sync", PushKind.READY),
        ("exists", PushKind.CHANGED),
        ("not_exists", PushKind.GONE),
        ("something_new", PushKind.CHANGED),
    ],
)
def test_what_a_state_says(state: str, kind: PushKind) -> None:
    request = PushRequest(query={}, headers={**HEADERS, "x-goog-resource-state": state}, body=b"")
    assert read(request) == [PushNotice(channel_id="c1", token="secret", kind=kind)]


def test_a_call_without_a_token_has_none_to_be_believed() -> None:
    headers = {"x-goog-channel-id": "c1", "x-goog-resource-state": "exists"}
    assert read(PushRequest(query={}, headers=headers, body=b""))[0].token == ""


@pytest.mark.parametrize(
    "headers", [{}, {"x-goog-channel-id": "c1"}, {"x-goog-resource-state": "exists"}, {"client-request-id": "x"}]
)
def test_what_is_no_call_of_googles_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InputError):
        read(PushRequest(query={}, headers=headers, body=b"{}"))
