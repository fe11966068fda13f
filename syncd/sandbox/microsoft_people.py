"""What people of the tenant do outside the API, and what its keepers can: for tests, and `/_sandbox/do`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from syncd.model.clock import Clock

from .microsoft_errors import GraphError
from .microsoft_event import View, new_event, shown
from .microsoft_events import changed, located, removed
from .microsoft_login import MicrosoftIssuer
from .microsoft_push import Pusher
from .microsoft_store import Event, Mailbox, Resource, Store, plain
from .microsoft_times import stamp, zone_of

GIVEN = ("isCancelled", "responseStatus", "organizer")
"""What only Exchange itself sets, and `put_event` takes as given."""
RESPONSES = ("none", "tentativelyAccepted", "accepted", "declined", "notResponded")


class People:
    """The part of the provider that is not its API. Each method may be called from any thread."""

    store: Store
    issuer: MicrosoftIssuer
    pusher: Pusher
    lock: threading.RLock
    clock: Clock

    def add_user(self, email: str, name: str = "", zone: str = "W. Europe Standard Time") -> str:
        """A person with a mailbox; `zone` is its Windows name."""
        email = email.lower()
        zone_of(zone)
        with self.lock:
            if email in self.store.mailboxes:
                raise ValueError(f"there is a user {email} already")
            self.store.add(email, name or email.partition("@")[0].title(), zone)
            self.issuer.accounts.append(email)
        return email

    def add_calendar(self, email: str, name: str, *, can_edit: bool = True) -> str:
        """A calendar in somebody's mailbox; its id."""
        with self.lock:
            return self.store.add_calendar(self.store.mailbox(email), name, can_edit=can_edit).id

    def events(self, email: str, calendar: str = "") -> list[Resource]:
        """What a calendar ("": the default one) holds: single events and masters, in UTC, with all their extended
        properties.
        """
        with self.lock:
            mailbox = self.store.mailbox(email)
            return [_raw(e, mailbox) for e in mailbox.calendar(calendar).events.values()]

    def put_event(self, email: str, calendar: str, resource: Resource) -> Resource:
        """Another client makes an event, or changes the one (or the occurrence) with that `id`."""
        with self.lock:
            mailbox = self.store.mailbox(email)
            holder, data = mailbox.calendar(calendar), deepcopy(dict(resource))
            event_id = plain(str(data.pop("id", "")))
            known = event_id.partition(".")[0] in holder.events
            if known:
                event = changed(self.store, holder, located(mailbox, event_id)[1], data, mailbox, self.clock())
            else:
                event = new_event(data, mailbox, self.clock())
                event.id, event.uid = event_id or event.id, data.get("iCalUId") or event.uid
                self.store.keep(holder, event)
            event.fields |= {name: data[name] for name in GIVEN if name in data}
            self.pusher.changed(mailbox, holder, event.id, "updated" if known else "created")
            return _raw(event, mailbox)

    def change_event(self, email: str, calendar: str, event_id: str, **fields: Any) -> Resource:
        """A person changes fields of an event, or of one occurrence of a series."""
        with self.lock:
            located(self.store.mailbox(email), event_id)
            return self.put_event(email, calendar, {**fields, "id": event_id})

    def delete_event(self, email: str, calendar: str, event_id: str) -> None:
        """A person deletes an event, a series, or one occurrence of it."""
        with self.lock:
            mailbox = self.store.mailbox(email)
            holder, event = located(mailbox, event_id)
            if holder is not mailbox.calendar(calendar):
                raise ValueError(f"calendar {calendar!r} has no event {event_id}")
            removed(self.store, holder, event)
            self.pusher.changed(mailbox, holder, event.id, "deleted")

    def move_event(self, email: str, calendar: str, event_id: str, to: str) -> Resource:
        """A person moves an event or a series to another calendar. Its lasting id stays, the other one changes."""
        with self.lock:
            mailbox = self.store.mailbox(email)
            holder, event = located(mailbox, event_id)
            target = mailbox.calendar(to)
            if holder is not mailbox.calendar(calendar) or target is holder or event.original is not None:
                raise ValueError(f"calendar {calendar!r} has no event {event_id} that can move there")
            self.store.remove(holder, event)
            self.pusher.changed(mailbox, holder, event.id, "deleted")
            self.store.keep(target, event)
            self.pusher.changed(mailbox, target, event.id, "created")
            return _raw(event, mailbox)

    def respond(self, email: str, calendar: str, event_id: str, attendee: str, response: str) -> Resource:
        """A guest answers an invitation; or the mailbox's owner, where `attendee` is its address."""
        if response not in RESPONSES:
            raise ValueError(f"no response {response!r}; there are {', '.join(RESPONSES)}")
        with self.lock:
            mailbox = self.store.mailbox(email)
            holder, event = located(mailbox, event_id)
            told = {"response": response, "time": stamp(self.clock())}
            known = event.fields.get("attendees") or []
            guests = [{**each, "status": told} if _is(each, attendee) else each for each in known]
            event = changed(self.store, holder, event, {}, mailbox, self.clock())
            event.fields["attendees"] = guests
            if attendee.lower() == mailbox.email:
                event.fields["responseStatus"] = told
            self.pusher.changed(mailbox, holder, event.id, "updated")
            return _raw(event, mailbox)

    def expire_cursors(self) -> None:
        """Every link of a delta is dead."""
        with self.lock:
            self.store.expire()

    def lifecycle(self, subscription_id: str, event: str) -> None:
        """A lifecycle notification: reauthorizationRequired, subscriptionRemoved (which it then is), or missed."""
        with self.lock:
            self.pusher.lifecycle(subscription_id, event)

    def settle(self) -> None:
        """Wait until every notification is delivered."""
        self.pusher.settle()

    def allow_device(self, user_code: str, account: str, *, allowed: bool = True) -> None:
        """A person types the code that another device shows."""
        with self.lock:
            self.issuer.allow_device(user_code, account, allowed=allowed)

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """What can be done from outside."""
        methods = (
            self.add_user,
            self.add_calendar,
            self.events,
            self.put_event,
            self.change_event,
            self.delete_event,
            self.move_event,
            self.respond,
            self.expire_cursors,
            self.lifecycle,
            self.allow_device,
        )
        return {method.__name__: _told(method) for method in methods}

    def state(self) -> Any:
        """Mailboxes with their calendars and events, and the subscriptions. No token, no clientState."""
        return {
            "mailboxes": {
                email: {c.id: {"name": c.name, "events": self.events(email, c.id)} for c in mailbox.calendars.values()}
                for email, mailbox in self.store.mailboxes.items()
            },
            "subscriptions": [
                {k: v for k, v in s.shown().items() if k != "clientState"} for s in self.pusher.subscriptions.values()
            ],
        }


def _raw(event: Event, mailbox: Mailbox) -> Resource:
    return deepcopy(shown(event, View(mailbox, properties=None)))


def _is(attendee: Mapping[str, Any], address: str) -> bool:
    return str(attendee["emailAddress"].get("address", "")).lower() == address.lower()


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose refusals are told as ValueError, which the control endpoint answers with 400."""

    def called(**arguments: Any) -> Any:
        try:
            return method(**arguments)
        except GraphError as error:
            raise ValueError(error.message) from error

    return called
