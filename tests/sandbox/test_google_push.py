from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from given import SettableClock
from google_given import ANA, BEN, google_running, refused, service, ten_o_clock
from googleapiclient.errors import HttpError

from syncd.sandbox.google import GoogleCalendar


class Receiver:
    """Takes notifications; answers with the statuses that wait, then 204."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[dict[str, str]] = []
        self.bodies: set[bytes] = set()
        self.statuses: list[int] = []

    def told(self, channel: str = "") -> list[tuple[str, int]]:
        """State and number of each message (of a channel)."""
        return [
            (h["X-Goog-Resource-State"], int(h["X-Goog-Message-Number"]))
            for h in self.got
            if channel in ("", h["X-Goog-Channel-ID"])
        ]


@contextmanager
def receiving() -> Iterator[Receiver]:
    taken = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.bodies.add(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            taken.got.append(dict(self.headers))
            self.send_response(taken.statuses.pop(0) if taken.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{server.server_port}/push"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield taken
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar(clock)) as running:
        yield running


@pytest.fixture
def api(provider: GoogleCalendar) -> Any:
    return service(provider)


def channel(receiver: Receiver, channel_id: str = "channel-1", **fields: Any) -> dict[str, Any]:
    return {"id": channel_id, "type": "web_hook", "address": receiver.url, "token": "shared-secret", **fields}


def watch(api: Any, body: dict[str, Any], calendar: str = "primary") -> dict[str, Any]:
    told: dict[str, Any] = api.events().watch(calendarId=calendar, body=body).execute()
    return told


def test_a_channel_is_told_first_of_itself_then_of_changes(
    provider: GoogleCalendar, api: Any, receiver: Receiver
) -> None:
    made = watch(api, channel(receiver))
    provider.put_event(ANA, "primary", ten_o_clock())
    api.events().insert(calendarId="primary", body=ten_o_clock()).execute()
    provider.settle()
    assert receiver.told() == [("sync", 1), ("exists", 4), ("exists", 7)]
    assert receiver.bodies == {b""}
    headers = receiver.got[-1]
    assert headers["X-Goog-Channel-ID"] == made["id"] == "channel-1"
    assert headers["X-Goog-Channel-Token"] == made["token"] == "shared-secret"
    assert headers["X-Goog-Resource-ID"] == made["resourceId"]
    assert headers["X-Goog-Resource-URI"] == made["resourceUri"]
    assert headers["X-Goog-Channel-Expiration"] == "Fri, 09 Jan 2026 12:00:00 GMT"


def test_only_the_watched_calendar_is_told_of(provider: GoogleCalendar, api: Any, receiver: Receiver) -> None:
    side = provider.add_calendar(ANA, "Side")
    watch(api, channel(receiver, "side"), side)
    watch(api, channel(receiver, "ben"), side)
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.put_event(BEN, "primary", ten_o_clock())
    provider.settle()
    assert receiver.told() == [("sync", 1), ("sync", 1)]
    provider.put_event(ANA, side, ten_o_clock())
    provider.settle()
    assert receiver.told("side") == receiver.told("ben") == [("sync", 1), ("exists", 4)]


def test_the_list_of_calendars_is_watched_too(provider: GoogleCalendar, api: Any, receiver: Receiver) -> None:
    api.calendarList().watch(body=channel(receiver)).execute()
    provider.add_calendar(ANA, "New")
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.settle()
    assert receiver.told() == [("sync", 1), ("exists", 4)]


def test_a_stopped_channel_is_told_nothing_more(provider: GoogleCalendar, api: Any, receiver: Receiver) -> None:
    made = watch(api, channel(receiver))
    wrong = api.channels().stop(body={"id": made["id"], "resourceId": "other"})
    with pytest.raises(HttpError) as caught:
        wrong.execute()
    assert refused(caught.value) == (404, "global", "notFound")
    api.channels().stop(body={"id": made["id"], "resourceId": made["resourceId"]}).execute()
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.settle()
    assert receiver.told() == [("sync", 1)]
    with pytest.raises(HttpError):
        api.channels().stop(body={"id": made["id"], "resourceId": made["resourceId"]}).execute()


def test_only_its_owner_stops_a_channel(provider: GoogleCalendar, api: Any, receiver: Receiver) -> None:
    made = watch(api, channel(receiver))
    with pytest.raises(HttpError) as caught:
        service(provider, BEN).channels().stop(body={"id": made["id"], "resourceId": made["resourceId"]}).execute()
    assert refused(caught.value) == (404, "global", "notFound")


LIVES: list[tuple[dict[str, Any], int]] = [
    ({}, 7 * 86400),
    ({"params": {"ttl": "3600"}}, 3600),
    ({"expiration": "1767358800000"}, 3600),
    ({"params": {"ttl": "9999999"}}, 7 * 86400),
]


@pytest.mark.parametrize(("fields", "seconds"), LIVES)
def test_a_channel_ends_when_it_says(
    provider: GoogleCalendar,
    api: Any,
    receiver: Receiver,
    clock: SettableClock,
    fields: dict[str, Any],
    seconds: int,
) -> None:
    made = watch(api, channel(receiver, **fields))
    assert int(made["expiration"]) == int(clock().timestamp() + seconds) * 1000
    clock.advance(seconds=seconds)
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.settle()
    assert receiver.told() == [("sync", 1)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": ""}, "required"),
        ({"address": ""}, "required"),
        ({"id": "x" * 65}, "invalid"),
        ({"id": "with blank"}, "invalid"),
        ({"token": "x" * 257}, "invalid"),
        ({"expiration": "1"}, "invalid"),
        ({"type": "pigeon"}, "push.channelTypeNotSupported"),
        ({"address": "http://example.com/push"}, "push.webhookUrlNotHttps"),
    ],
)
def test_what_is_no_channel_is_refused(api: Any, receiver: Receiver, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(HttpError) as caught:
        watch(api, channel(receiver, **fields))
    assert refused(caught.value) == (400, "global", reason)


def test_a_channels_id_is_not_used_twice(api: Any, receiver: Receiver) -> None:
    watch(api, channel(receiver))
    with pytest.raises(HttpError) as caught:
        watch(api, channel(receiver))
    assert refused(caught.value) == (400, "global", "channelIdNotUnique")


def test_a_notification_that_fails_is_sent_again(provider: GoogleCalendar, api: Any, receiver: Receiver) -> None:
    receiver.statuses = [503, 500]
    watch(api, channel(receiver))
    provider.settle()
    assert receiver.told() == [("sync", 1)] * 3
    receiver.statuses = [403]
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.settle()
    assert receiver.told()[3:] == [("exists", 4)]
    assert provider.pusher.undelivered == 0


def test_an_address_where_nobody_is_gets_nothing(provider: GoogleCalendar, api: Any) -> None:
    with receiving() as gone:
        body = channel(gone)
    watch(api, body)
    provider.settle()
    assert provider.pusher.undelivered == 1


def test_a_notification_may_be_lost_or_come_twice(provider: GoogleCalendar, api: Any, receiver: Receiver) -> None:
    watch(api, channel(receiver))
    provider.faults.add("push-dropped")
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.faults.add("push-duplicated")
    provider.put_event(ANA, "primary", ten_o_clock())
    provider.settle()
    assert receiver.told() == [("sync", 1), ("exists", 7), ("exists", 7)]
