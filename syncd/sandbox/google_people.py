"""What the people of Google Calendar do outside the API, and what its keepers can: for tests, and `/_sandbox/do`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from syncd.model.clock import Clock

from .google_call import Store
from .google_event import conference_made, new_event, patched, revised, settled, stamp
from .google_events import find
from .google_oauth import GoogleIssuer, ServiceAccount
from .google_push import Pusher
from .google_series import is_live
from .google_store import ROLES, SPECIAL, Calendar, Resource, User, calendar_id
from .google_writes import remove, replace

GIVEN = ("organizer", "creator", "recurringEventId", "originalStartTime")
"""What only Google itself sets, and `put_event` takes as given."""
STATUSES = ("needsAction", "declined", "tentative", "accepted")


class People:
    """The part of the provider that is not its API. Each method may be called from any thread."""

    store: Store
    issuer: GoogleIssuer
    pusher: Pusher
    lock: threading.RLock
    clock: Clock

    def add_user(self, email: str, name: str = "", zone: str = "Europe/Berlin") -> str:
        """A person with an account and a primary calendar, whose id is the address."""
        email = email.lower()
        with self.lock:
            if email in self.store.users:
                raise ValueError(f"there is a user {email} already")
            user = User(email, name or email.partition("@")[0].title(), zone, changed=self.store.list_changed)
            user.settings = {"timezone": zone, "locale": "en", "weekStart": "1", "format24HourTime": "true"}
            self.store.users[email] = user
            self.issuer.accounts.append(email)
            reminders = [{"method": "popup", "minutes": 10}]
            primary = self.store.add(Calendar(email, user.name, zone, email, primary=True))
            user.list_calendar(primary, "owner", fields={"defaultReminders": reminders})
        return email

    def add_calendar(
        self, email: str, name: str, *, role: str = "owner", zone: str | None = None, special: str = ""
    ) -> str:
        """A calendar in a person's list; its id. `special`: `holiday` or `contacts`, which Google fills itself."""
        if role not in ROLES:
            raise ValueError(f"no role {role!r}; there are {', '.join(ROLES)}")
        with self.lock:
            user = self.store.user(email)
            made = Calendar(SPECIAL[special] if special else calendar_id(), name, zone or user.zone, user.email)
            made.special = special
            user.list_calendar(self.store.add(made), "reader" if special else role)
        return made.id

    def share(self, email: str, calendar: str, other: str, role: str = "reader") -> None:
        """Give another person access; the calendar is then in their list."""
        if role not in ROLES:
            raise ValueError(f"no role {role!r}; there are {', '.join(ROLES)}")
        with self.lock:
            self.store.user(other).list_calendar(self.store.entry(email, calendar).calendar, role)

    def set_entry(
        self, email: str, calendar: str, *, role: str = "", hidden: bool = False, selected: bool = True
    ) -> None:
        """Change a person's access to a calendar, and how it is listed."""
        with self.lock:
            user, entry = self.store.user(email), self.store.entry(email, calendar)
            entry.role, entry.hidden, entry.selected = role or entry.role, hidden, selected
            user.touch(entry)

    def remove_calendar(self, email: str, calendar: str) -> None:
        """Delete a calendar."""
        with self.lock:
            self.store.remove(self.store.entry(email, calendar).calendar)

    def events(self, email: str, calendar: str = "primary") -> list[Resource]:
        """A calendar's live events, series as series."""
        with self.lock:
            return [deepcopy(r.now) for r in self._calendar(email, calendar).events.values() if is_live(r.now)]

    def put_event(self, email: str, calendar: str, resource: Resource) -> Resource:
        """Another client makes an event, or replaces the one with that `id`. Nothing is refused but what has no time:
        types, organizers and ids are as given.
        """
        with self.lock:
            target, resource = self._calendar(email, calendar), deepcopy(resource)
            event_id = resource.get("id") or calendar_id()[2:28]
            old = target.get(event_id)
            event = new_event(resource, target, self.store.user(email), self.clock(), event_id)
            event |= {k: resource[k] for k in GIVEN if k in resource}
            event["sequence"] = resource.get("sequence", old["sequence"] + 1 if old else 0)
            return deepcopy(replace(target, old, settled(event, target)))

    def change_event(self, email: str, calendar: str, event_id: str, **fields: Any) -> Resource:
        """A person changes fields of an event, or of one instance of a series."""
        with self.lock:
            target = self._calendar(email, calendar)
            old = find(target, event_id)
            new = revised(old, settled(patched(old, deepcopy(fields)), target), self.clock())
            return deepcopy(replace(target, old, new))

    def delete_event(self, email: str, calendar: str, event_id: str) -> None:
        """A person deletes an event, a series, or one instance of it."""
        with self.lock:
            target = self._calendar(email, calendar)
            remove(target, find(target, event_id), stamp(self.clock()))

    def respond(self, email: str, calendar: str, event_id: str, attendee_email: str, status: str) -> Resource:
        """A guest answers the invitation."""
        if status not in STATUSES:
            raise ValueError(f"no answer {status!r}; there are {', '.join(STATUSES)}")
        with self.lock:
            target = self._calendar(email, calendar)
            event = find(target, event_id)
            guests = [dict(a) for a in event.get("attendees", ())]
            if attendee_email not in [g["email"] for g in guests]:
                raise ValueError(f"{attendee_email} is no guest of {event_id}")
            for guest in guests:
                if guest["email"] == attendee_email:
                    guest["responseStatus"] = status
            return deepcopy(target.put({**event, "attendees": guests, "updated": stamp(self.clock())}))

    def finish_conferences(self) -> int:
        """Make the conferences that are pending; how many there were."""
        made = 0
        with self.lock:
            for calendar in self.store.calendars:
                for record in list(calendar.events.values()):
                    request = record.now.get("conferenceData", {}).get("createRequest", {})
                    if request.get("status", {}).get("statusCode") == "pending":
                        calendar.put(conference_made(record.now))
                        made += 1
        return made

    def expire_cursors(self) -> None:
        """Make every sync token invalid."""
        with self.lock:
            self.store.epoch += 1

    def expire_tokens(self) -> None:
        """End every access token."""
        with self.lock:
            self.issuer.expire()

    def allow_device(self, user_code: str, email: str, *, allowed: bool = True) -> None:
        """A person types a device's code, and allows it or not."""
        with self.lock:
            self.issuer.allow_device(user_code, self.store.user(email).email, allowed=allowed)

    def revoke(self, email: str) -> None:
        """The person withdraws consent."""
        with self.lock:
            self.issuer.revoke_account(email.lower())

    def add_service_account(
        self, email: str, key_id: str, public_key: str, *, domains: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        """A service account with a key (PEM), and the scopes that each domain's administrator delegated to it."""
        with self.lock:
            account = self.issuer.service_accounts.setdefault(email, ServiceAccount())
            account.keys[key_id] = public_key
            account.domains.update({d: tuple(s) for d, s in (domains or {}).items()})

    def service_account(self, email: str, *, domains: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, str]:
        """A service account with a new key: the key file that its owner downloads."""
        private, public = key_pair()
        key_id = f"key{len(self.issuer.service_accounts) + 1}"
        self.add_service_account(email, key_id, public, domains=domains)
        return {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": key_id,
            "private_key": private,
            "client_email": email,
            "client_id": "100000000000000000001",
            "token_uri": f"{self.issuer.own_url()}/token",
        }

    def settle(self, timeout_s: float = 30.0) -> None:
        """Wait until all notifications are delivered. Raises TimeoutError."""
        self.pusher.settle(timeout_s)

    @property
    def mails(self) -> list[Resource]:
        """Each write with its `sendUpdates`, and whom Google would have written to."""
        return self.store.mails

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """What can be done from outside."""
        names = (
            "add_user", "add_calendar", "share", "set_entry", "remove_calendar", "events", "put_event", "change_event",
            "delete_event", "respond", "finish_conferences", "expire_cursors", "expire_tokens", "allow_device",
            "revoke",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names} | {"mails": lambda: self.mails}

    def state(self) -> Any:
        """Calendars, events and channels by person."""
        return {user.email: self._state(user) for user in self.store.users.values()}

    def _state(self, user: User) -> dict[str, Any]:
        channels = [c for c in self.store.channels.values() if c.account == user.email]
        return {
            "name": user.name,
            "calendars": {
                entry.calendar.id: {
                    "summary": entry.calendar.summary,
                    "role": entry.role,
                    "events": [r.now for r in entry.calendar.events.values()],
                }
                for entry in user.entries.values()
                if not entry.deleted
            },
            "channels": [{"id": c.id, "calendar": c.calendar, "expires": c.expires_at.isoformat()} for c in channels],
        }

    def _calendar(self, email: str, calendar: str) -> Calendar:
        return self.store.entry(email, calendar).calendar


def key_pair() -> tuple[str, str]:
    """A new RSA key as PEM: private, public."""
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
