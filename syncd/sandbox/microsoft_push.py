"""Subscriptions: made after a handshake, renewed, ended; change and lifecycle notifications by a thread of its own.

Source: microsoft-graph.facts.json, `webhook` and `limits`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import urllib3

from syncd.model.clock import Clock

from .faults import Faults
from .microsoft_errors import GraphError
from .microsoft_login import TENANT_ID
from .microsoft_store import Calendar, Mailbox, new_id, shown_id
from .microsoft_times import stamp

LONGEST = timedelta(minutes=10_080)
SHORTEST = timedelta(minutes=45)
LONGEST_STATE = 128
MOST_PER_MAILBOX = 1000
ANSWER_S = 10.0
KINDS = frozenset({"created", "updated", "deleted"})
LIFECYCLE = ("reauthorizationRequired", "subscriptionRemoved", "missed")
ADDRESSES = ("notificationUrl", "lifecycleNotificationUrl")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True, kw_only=True)
class Subscription:
    """A promise to call. `account` is who made it; `resource` is as it was asked for."""

    id: str
    account: str
    client_id: str
    mailbox: str
    calendar: str
    resource: str
    kinds: frozenset[str]
    addresses: Mapping[str, str]
    client_state: str | None = field(repr=False)
    expires_at: datetime
    immutable: bool

    def shown(self) -> dict[str, Any]:
        """As it is told."""
        return {
            "id": self.id,
            "resource": self.resource,
            "changeType": ",".join(sorted(self.kinds)),
            "notificationUrl": self.addresses["notificationUrl"],
            "lifecycleNotificationUrl": self.addresses.get("lifecycleNotificationUrl"),
            "expirationDateTime": stamp(self.expires_at),
            "clientState": self.client_state,
            "applicationId": self.client_id,
            "creatorId": self.account,
            "includeResourceData": None,
        }


class Pusher:
    """Keeps subscriptions, and calls their addresses from a thread of its own."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self._faults = faults
        self._clock = clock
        self._http = urllib3.PoolManager(retries=False, timeout=ANSWER_S)
        self._waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._thread: threading.Thread | None = None

    def living(self, account: str) -> list[Subscription]:
        """Those that somebody made and that have not ended."""
        now = self._clock()
        return [s for s in self.subscriptions.values() if s.account == account and s.expires_at > now]

    def subscribe(self, asked: Subscription) -> Subscription:
        """Keep a subscription, once its addresses have answered the handshake. Raises GraphError."""
        if sum(s.mailbox == asked.mailbox for s in self.subscriptions.values()) >= MOST_PER_MAILBOX:
            raise GraphError(403, "ExtensionError", "The mailbox has reached its limit of subscriptions.")
        if self._faults.take("push-early"):
            notice = self._notice(asked, {"changeType": min(asked.kinds), **_resource(asked, "", new_id())})
            self._send(asked.addresses["notificationUrl"], notice)
        for address in dict.fromkeys(asked.addresses.values()):
            self._handshake(address)
        self.subscriptions[asked.id] = asked
        return asked

    def _handshake(self, address: str) -> None:
        """The address must echo a token, decoded, as plain text. Raises GraphError."""
        if self._faults.take("handshake-unheard"):
            raise _unvalidated("it did not answer in time")
        token = f"Validation: {uuid4()}"
        url = f"{address}{'&' if '?' in address else '?'}validationToken={quote(token, safe='')}"
        try:
            answer = self._http.request("POST", url, headers={"Content-Type": "text/plain"})
        except urllib3.exceptions.HTTPError:
            raise _unvalidated("it could not be reached") from None
        if answer.status != 200:
            raise _unvalidated(f"it answered {answer.status}")
        if answer.data != token.encode() or not answer.headers.get("content-type", "").startswith("text/plain"):
            raise _unvalidated("it did not echo the token as text/plain")

    def changed(self, mailbox: Mailbox, calendar: Calendar, event_id: str, kind: str) -> None:
        """Tell everybody who watches."""
        for each in list(self.subscriptions.values()):
            if (each.mailbox, each.calendar) == (mailbox.email, calendar.id) and kind in each.kinds:
                notice = {"changeType": kind, **_resource(each, calendar.folder, event_id)}
                self._tell(each, each.addresses["notificationUrl"], notice)

    def lifecycle(self, subscription_id: str, event: str) -> None:
        """Tell of a subscription itself; one that is removed is no more.

        Raises:
            ValueError: no such event, or no such subscription.
        """
        if event not in LIFECYCLE:
            raise ValueError(f"no lifecycle event {event!r}; there are {', '.join(LIFECYCLE)}")
        each = self.subscriptions.get(subscription_id)
        if each is None:
            raise ValueError(f"no subscription {subscription_id}")
        if address := each.addresses.get("lifecycleNotificationUrl"):
            self._tell(each, address, {"lifecycleEvent": event, "resource": each.resource})
        if event == "subscriptionRemoved":
            del self.subscriptions[subscription_id]

    def _tell(self, each: Subscription, address: str, what: Mapping[str, Any]) -> None:
        if each.expires_at <= self._clock() or self._faults.take("push-dropped"):
            return
        for _ in range(2 if self._faults.take("push-twice") else 1):
            self._waiting.put((address, self._notice(each, what)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="syncd-sandbox-push", daemon=True)
            self._thread.start()

    def _notice(self, each: Subscription, what: Mapping[str, Any]) -> dict[str, Any]:
        notice = {
            "subscriptionId": each.id,
            "clientState": each.client_state,
            "subscriptionExpirationDateTime": stamp(each.expires_at),
            "tenantId": TENANT_ID,
            **what,
        }
        return {"value": [notice]}

    def _run(self) -> None:
        while True:
            address, body = self._waiting.get()
            try:
                self._send(address, body)
            finally:
                self._waiting.task_done()

    def _send(self, address: str, body: Mapping[str, Any]) -> None:
        try:
            self._http.request("POST", address, json=body)
        except urllib3.exceptions.HTTPError:
            pass  # Graph tries again for hours; a test that wants that sends it again

    def settle(self) -> None:
        """Wait until everything is delivered."""
        self._waiting.join()


def expiry(given: Mapping[str, Any], now: datetime) -> datetime:
    """When a subscription is to end; what is asked for below the shortest life is raised to it. Raises GraphError."""
    try:
        wanted = datetime.fromisoformat(str(given["expirationDateTime"]).replace("Z", "+00:00"))
    except (KeyError, ValueError):
        raise _bad("expirationDateTime is not valid.") from None
    wanted = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
    if wanted - now > LONGEST:
        raise _bad("Subscription expiration can only be 10080 minutes in the future.")
    return max(wanted, now + SHORTEST)


def kinds(given: Mapping[str, Any]) -> frozenset[str]:
    """The kinds of change that are asked for. Raises GraphError."""
    found = frozenset(k.strip().lower() for k in str(given.get("changeType") or "").split(","))
    if not found or not found <= KINDS:
        raise _bad("changeType is not valid.")
    return found


def addresses(given: Mapping[str, Any]) -> dict[str, str]:
    """Where to call; https, or plain on loopback. Raises GraphError."""
    found = {name: str(given[name]) for name in ADDRESSES if given.get(name)}
    if "notificationUrl" not in found:
        raise _bad("notificationUrl is required.")
    for name, address in found.items():
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise _bad(f"{name} must be an https address.")
    return found


def client_state(given: Mapping[str, Any]) -> str | None:
    """The secret that notifications carry. Raises GraphError."""
    if given.get("includeResourceData"):
        raise _bad("Notifications with resource data need an encryptionCertificate.")
    state = given.get("clientState")
    if state is not None and len(str(state)) > LONGEST_STATE:
        raise _bad(f"clientState is longer than {LONGEST_STATE}.")
    return None if state is None else str(state)


def _resource(each: Subscription, folder: str, event_id: str) -> dict[str, Any]:
    told = shown_id(event_id, folder, immutable=each.immutable)
    resource = f"Users/{each.mailbox}/Events/{told}"
    data = {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": resource, "id": told}
    return {"resource": resource, "resourceData": data}


def _bad(message: str) -> GraphError:
    return GraphError(400, "InvalidRequest", message)


def _unvalidated(why: str) -> GraphError:
    return GraphError(400, "ValidationError", f"Subscription validation request failed: {why}.")
