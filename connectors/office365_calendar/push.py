"""Push: subscriptions to a calendar's events, and what Graph calls us with. Pure but for `Subscriptions`.

A subscription lives for at most 10,080 minutes and is renewed by PATCH; 404 means that it is no more (facts:
microsoft-graph, webhook). Lifecycle notifications come to the same address as the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from syncd.connector.push import PushAnswer, PushKind, PushNotice, PushRequest
from syncd.errors import InputError, NotFoundError, RetryError
from syncd.model.calendar import Channel

from . import SUBSCRIPTION_LIFE
from .graph import Graph, segment

ACCEPTED = 202

LIFECYCLE: Mapping[str, PushKind] = {
    "reauthorizationRequired": PushKind.RENEW,
    "subscriptionRemoved": PushKind.GONE,
    "missed": PushKind.MISSED,
}
"""lifecycleEvent -> what to do (change-notifications-lifecycle-events); for another one, look again."""


class Subscriptions:
    """The subscriptions of one mailbox."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def add(self, calendar: str, address: str, token: str) -> Channel:
        """Subscribe. Graph calls `address` first, and wants its validationToken back within ten seconds."""
        wanted = {
            "changeType": "created,updated,deleted",
            "notificationUrl": address,
            "lifecycleNotificationUrl": address,
            "resource": f"{self._graph.mailbox.lstrip('/')}/calendars/{segment(calendar)}/events",
            "expirationDateTime": self._end(),
            "clientState": token,
        }
        told, _ = self._graph.answer("POST", "/subscriptions", "POST subscription", json=wanted)
        return _channel(told, calendar)

    def renew(self, channel: Channel) -> Channel:
        """Have it last longer, which also authorizes it anew. Raises NotFoundError when it is no more."""
        told, _ = self._graph.answer(
            "PATCH", _path(channel), "PATCH subscription", json={"expirationDateTime": self._end()}
        )
        return _channel({**told, "id": channel.id}, channel.calendar)

    def remove(self, channel: Channel) -> None:
        """Stop it; one that is no more counts as stopped."""
        try:
            self._graph.answer("DELETE", _path(channel), "DELETE subscription")
        except NotFoundError:
            return

    def _end(self) -> str:
        return f"{(self._graph.now() + SUBSCRIPTION_LIFE).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _path(channel: Channel) -> str:
    return f"/subscriptions/{segment(channel.id)}"


def _channel(told: Mapping[str, Any], calendar: str) -> Channel:
    try:
        ends = datetime.fromisoformat(str(told["expirationDateTime"]))
        identity = str(told["id"])
    except (KeyError, ValueError):
        raise RetryError("The subscription has no id or no end.", code="answer_unusable") from None
    return Channel(
        id=identity,
        calendar=calendar,
        expires_at=ends if ends.tzinfo else ends.replace(tzinfo=UTC),
        resource=str(told.get("resource") or ""),
    )


def read_push(request: PushRequest) -> PushAnswer:
    """What a call of Graph says.

    Raises:
        InputError: it is none of Graph's.
    """
    if "validationToken" in request.query:
        return PushAnswer(text=request.query["validationToken"])
    try:
        content = json.loads(request.body)
        listed = content["value"]
        notices = [_notice(item) for item in listed]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("This is no notification of Microsoft Graph.", code="bad_push") from None
    return PushAnswer(notices=tuple(dict.fromkeys(notices)), status=ACCEPTED)


def _notice(item: Mapping[str, Any]) -> PushNotice:
    event = item.get("lifecycleEvent")
    kind = PushKind.CHANGED if event is None else LIFECYCLE.get(event, PushKind.MISSED)
    return PushNotice(channel_id=str(item["subscriptionId"]), token=str(item.get("clientState") or ""), kind=kind)
