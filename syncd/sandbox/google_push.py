"""Notification channels: made by `watch`, ended by `channels.stop` or their time; each change is told by a POST.

Source: google-calendar.facts.json, `push`: no body, all is in `X-Goog-*` headers; the first message is `sync` with
number 1, later numbers grow, but not by one; 500, 502, 503 and 504 are tried again. A thread of its own delivers.
"""

from __future__ import annotations

import hashlib
import queue
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import urllib3

from .google_errors import GoogleError
from .kernel import http_date

LIFE = timedelta(days=7)
LONGEST_ID, LONGEST_TOKEN = 64, 256
AGAIN = (500, 502, 503, 504)
TRIES, FIRST_PAUSE_S, TIMEOUT_S = 4, 0.02, 10.0
NUMBER_STEP = 3

_ID = re.compile(r"[A-Za-z0-9\-_+/=]+")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel. `calendar` is the id of the calendar that is watched; "" is the person's list of calendars."""

    id: str
    account: str
    calendar: str
    uri: str
    address: str
    token: str = field(repr=False)
    expires_at: datetime
    number: int = 1

    @property
    def resource_id(self) -> str:
        """What is watched, the same for each channel on it."""
        return hashlib.sha256(f"{self.account} {self.calendar}".encode()).hexdigest()[:27]

    def told(self) -> dict[str, Any]:
        """The channel as `watch` answers it."""
        return {
            "kind": "api#channel",
            "id": self.id,
            "resourceId": self.resource_id,
            "resourceUri": self.uri,
            "expiration": str(int(self.expires_at.timestamp() * 1000)),
            **({"token": self.token} if self.token else {}),
        }

    def message(self, state: str) -> Message:
        """The next message of the channel."""
        headers = {
            "X-Goog-Channel-ID": self.id,
            "X-Goog-Message-Number": str(self.number),
            "X-Goog-Resource-ID": self.resource_id,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": self.uri,
            "X-Goog-Channel-Expiration": http_date(self.expires_at),
            **({"X-Goog-Channel-Token": self.token} if self.token else {}),
        }
        self.number += NUMBER_STEP
        return Message(self.address, headers)


@dataclass(frozen=True, slots=True)
class Message:
    """One POST."""

    address: str
    headers: Mapping[str, str] = field(repr=False)


def channel_of(body: Mapping[str, Any], account: str, calendar: str, uri: str, now: datetime) -> Channel:
    """The channel that a `watch` asks for. Raises GoogleError."""
    for name in ("id", "type", "address"):
        if not body.get(name):
            raise GoogleError("required", f"Missing {name}", location=name)
    if body["type"] not in ("web_hook", "webhook"):
        raise GoogleError("push.channelTypeNotSupported")
    if len(body["id"]) > LONGEST_ID or _ID.fullmatch(body["id"]) is None:
        raise GoogleError("invalid", "Invalid channel id", location="id")
    if len(body.get("token", "")) > LONGEST_TOKEN:
        raise GoogleError("invalid", "Invalid channel token", location="token")
    place = urlsplit(body["address"])
    if place.scheme != "https" and not (place.scheme == "http" and place.hostname in _LOOPBACK):
        raise GoogleError("push.webhookUrlNotHttps", f"WebHook callback must be HTTPS: {body['address']}")
    return Channel(
        id=body["id"],
        account=account,
        calendar=calendar,
        uri=uri,
        address=body["address"],
        token=body.get("token", ""),
        expires_at=_expiry(body, now),
    )


def _expiry(body: Mapping[str, Any], now: datetime) -> datetime:
    asked = now + LIFE
    try:
        if body.get("expiration"):
            asked = datetime.fromtimestamp(int(body["expiration"]) / 1000, UTC)
        elif body.get("params", {}).get("ttl"):
            asked = now + timedelta(seconds=int(body["params"]["ttl"]))
    except (ValueError, TypeError, OverflowError) as error:
        raise GoogleError("invalid", "Invalid expiration", location="expiration") from error
    if asked <= now:
        raise GoogleError("invalid", "Invalid expiration", location="expiration")
    return min(asked, now + LIFE)


class Pusher:
    """Delivers messages in order, from a thread that starts with the first of them."""

    def __init__(self) -> None:
        self.undelivered = 0
        self._waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._open = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def send(self, message: Message) -> None:
        """Deliver soon."""
        with self._changed:
            self._open += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="google-push", daemon=True)
                self._thread.start()
        self._waiting.put(message)

    def settle(self, timeout_s: float = 30.0) -> None:
        """Wait until all is delivered, or given up. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open == 0, timeout_s):
                raise TimeoutError(f"{self._open} notifications are still to be delivered")

    def _run(self) -> None:
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(TIMEOUT_S))
        pause = threading.Event()
        while True:
            message = self._waiting.get()
            delivered = False
            try:
                delivered = any(_delivered(pool, message) or pause.wait(FIRST_PAUSE_S * 2**n) for n in range(TRIES))
            finally:
                with self._changed:
                    self.undelivered += not delivered
                    self._open -= 1
                    self._changed.notify_all()


def _delivered(pool: urllib3.PoolManager, message: Message) -> bool:
    """Whether the address took it, or refused it for good."""
    try:
        answer = pool.request("POST", message.address, headers=dict(message.headers), body=b"", redirect=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status not in AGAIN
