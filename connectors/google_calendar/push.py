"""Push channels: `events.watch`, and what Google's calls say.

A channel has an id and a token that we choose, lives for at most seven days and cannot be renewed: another one is made
beside it, and the old one stopped. Calls have no body, all is in `X-Goog-*` headers, and the first, `sync`, only says
that the channel is there. Delivery is not guaranteed (facts: google-calendar, push).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from syncd.connector.push import PushAnswer, PushKind, PushNotice, PushRequest
from syncd.errors import InputError, NotFoundError
from syncd.model.calendar import Channel

from . import CHANNEL_LIFE
from .api import Api

STATES: Mapping[str, PushKind] = {
    "sync": PushKind.READY,
    "exists": PushKind.CHANGED,
    "not_exists": PushKind.GONE,
}
"""X-Goog-Resource-State -> what it says; one nobody knows yet says to look again."""


def watch(api: Api, calendar: str, address: str, channel_id: str, token: str) -> Channel:
    """Make a channel on a calendar's events."""
    ends = api.clock() + CHANNEL_LIFE
    body = {
        "id": channel_id,
        "type": "web_hook",
        "address": address,
        "token": token,
        "expiration": str(int(ends.timestamp() * 1000)),
    }
    told = api.call("watch events", api.events.watch(calendarId=calendar, body=body))
    expiration = str(told.get("expiration", ""))
    return Channel(
        id=str(told.get("id") or channel_id),
        calendar=calendar,
        expires_at=datetime.fromtimestamp(int(expiration) / 1000, UTC) if expiration.isdecimal() else ends,
        resource=str(told.get("resourceId", "")),
    )


def unwatch(api: Api, channel: Channel) -> None:
    """Stop a channel. It is named by its own id and that of what it watches."""
    body = {"id": channel.id, "resourceId": channel.resource}
    try:
        api.call("stop channel", api.channels.stop(body=body))
    except NotFoundError:
        pass


def read_push(request: PushRequest) -> PushAnswer:
    """Understand a call.

    Raises:
        InputError: it is not one of Google's.
    """
    channel, state = request.headers.get("x-goog-channel-id", ""), request.headers.get("x-goog-resource-state", "")
    if not channel or not state:
        raise InputError("This is no call of a Google channel.", code="bad_push")
    token = request.headers.get("x-goog-channel-token", "")
    return PushAnswer(notices=(PushNotice(channel_id=channel, token=token, kind=STATES.get(state, PushKind.CHANGED)),))
