"""The calls on /subscriptions. A subscription is its maker's alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from .kernel import Request
from .microsoft_call import immutable_ids, json_object
from .microsoft_errors import GraphError
from .microsoft_push import Pusher, Subscription, addresses, client_state, expiry, kinds
from .microsoft_store import Calendar, Mailbox, Resource, Store


@dataclass(frozen=True, slots=True)
class Caller:
    """A call on subscriptions: by which account ("" for an application alone) and client, over what there is."""

    request: Request
    account: str
    client_id: str
    store: Store
    pusher: Pusher
    now: datetime


Managing = Callable[[Caller], Resource | None]


def list_subscriptions(caller: Caller) -> Resource:
    """GET subscriptions."""
    return {"value": [s.shown() for s in caller.pusher.living(caller.account)]}


def subscribe(caller: Caller) -> Resource:
    """POST subscriptions."""
    given = json_object(caller.request)
    resource = str(given.get("resource") or "")
    mailbox, calendar = _watched(caller, resource)
    asked = Subscription(
        id=str(uuid4()),
        account=caller.account,
        client_id=caller.client_id,
        mailbox=mailbox.email,
        calendar=calendar.id,
        resource=resource,
        kinds=kinds(given),
        addresses=addresses(given),
        client_state=client_state(given),
        expires_at=expiry(given, caller.now),
        immutable=immutable_ids(caller.request),
    )
    return caller.pusher.subscribe(asked).shown()


def get_subscription(caller: Caller) -> Resource:
    """GET a subscription."""
    return _one(caller).shown()


def renew(caller: Caller) -> Resource:
    """PATCH a subscription."""
    found = _one(caller)
    found.expires_at = expiry(json_object(caller.request), caller.now)
    return found.shown()


def reauthorize(caller: Caller) -> None:
    """POST reauthorize: it is watched on."""
    _one(caller)


def unsubscribe(caller: Caller) -> None:
    """DELETE a subscription."""
    del caller.pusher.subscriptions[_one(caller).id]


def _one(caller: Caller) -> Subscription:
    wanted = caller.request.params["id"]
    found = next((s for s in caller.pusher.living(caller.account) if s.id == wanted), None)
    if found is None:
        raise GraphError(404, "ResourceNotFound", "The object was not found.")
    return found


def _watched(caller: Caller, resource: str) -> tuple[Mailbox, Calendar]:
    """The calendar that a resource's path names: `me/events`, `users/X/calendars/Y/events`. Raises GraphError."""
    parts = resource.strip("/").split("/")
    if parts[0].lower() == "users" and len(parts) > 1:
        mailbox, rest = caller.store.mailbox(parts[1]), parts[2:]
    elif parts[0].lower() == "me" and caller.account:
        mailbox, rest = caller.store.mailbox(caller.account), parts[1:]
    else:
        rest = []
    if rest == ["events"]:
        found = mailbox, mailbox.calendar("")
    elif len(rest) == 3 and (rest[0], rest[2]) == ("calendars", "events"):
        found = mailbox, mailbox.calendar(rest[1])
    else:
        raise GraphError(400, "InvalidRequest", "The resource is not one that can be subscribed to.")
    if caller.account and mailbox.email != caller.account:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    return found
