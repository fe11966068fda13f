"""What the people of Zoho Calendar do outside the API: for tests, and `/_sandbox/do`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from syncd.model.clock import Clock

from .zoho_accounts import DATA_CENTRES, ZohoIssuer
from .zoho_call import Rules
from .zoho_event import STATUSES, View, check_rule, read_fields, read_times, shown
from .zoho_series import occurrence
from .zoho_store import PRIVILEGES, Calendar, Entry, Event, Resource, Store, User, all_events, new_uid


class People:
    """The part of the provider that is not its API. Each method may be called from any thread; events are given and
    told as in the API, times as `20260302T100000Z` in `dateandtime`.
    """

    store: Store
    issuer: ZohoIssuer
    rules: Rules
    lock: threading.RLock
    clock: Clock

    def add_user(self, email: str, zone: str = "Europe/Berlin", data_centre: str = "us", *, name: str = "") -> str:
        """A person with an account and a default calendar, which has their name; the calendar's uid."""
        if data_centre not in DATA_CENTRES:
            raise ValueError(f"no data centre {data_centre!r}; there are {', '.join(DATA_CENTRES)}")
        email = email.lower()
        with self.lock:
            user = User(email, zone)
            self.store.users[email] = user
            self.issuer.accounts.append(email)
            self.issuer.homes[email] = data_centre
            made = self.store.new_calendar(user, name or email.partition("@")[0].title(), zone)
            user.entries[made.uid] = Entry(made, "owner", default=True)
        return made.uid

    def add_calendar(self, email: str, name: str, privilege: str = "owner", zone: str = "") -> str:
        """A calendar in a person's list, their own or one shared with them; its uid."""
        if privilege not in PRIVILEGES:
            raise ValueError(f"no privilege {privilege!r}; there are {', '.join(sorted(PRIVILEGES))}")
        with self.lock:
            user = self.store.user(email)
            made = self.store.new_calendar(user, name, zone or user.zone)
            shared = privilege != "owner"
            if shared:
                made.owner = f"somebody@{user.email.partition('@')[2]}"
            user.entries[made.uid] = Entry(made, privilege, category="shared" if shared else "own", busy=not shared)
        return made.uid

    def set_calendar(
        self, email: str, calendar: str, *, visible: bool = True, busy: bool = True, privilege: str = ""
    ) -> None:
        """Change how a calendar is listed, whether it counts for free/busy, and what the person may do with it."""
        with self.lock:
            entry = self._entry(email, calendar)
            entry.visible, entry.busy, entry.privilege = visible, busy, privilege or entry.privilege
            self.store.touch(entry.calendar)

    def remove_calendar(self, email: str, calendar: str) -> None:
        """Take a calendar out of a person's list."""
        with self.lock:
            del self.store.user(email).entries[self._entry(email, calendar).calendar.uid]

    def set_freebusy(self, email: str, enabled: bool) -> None:
        """Whether a person lets their organisation see when they are busy."""
        with self.lock:
            self.store.user(email).freebusy = enabled

    def events(self, email: str, calendar: str = "primary") -> list[Resource]:
        """A calendar's events, series as series, each followed by its exceptions."""
        with self.lock:
            entry = self._entry(email, calendar)
            return [self._shown(email, entry, event) for event in all_events(entry.calendar)]

    def put_event(self, email: str, calendar: str, resource: Resource) -> Resource:
        """Another client makes an event, or replaces the one with that `uid`. `organizer` is the person unless it is
        given; with `recurrenceid` it is that occurrence of the series `uid`.
        """
        with self.lock:
            entry = self._entry(email, calendar)
            target, uid = entry.calendar, resource.get("uid") or new_uid()
            old = target.events.get(uid)
            if resource.get("recurrenceid") and old is None:
                raise ValueError(f"no series {uid}")
            data = {k: v for k, v in resource.items() if k not in ("organizer", "createdby")}
            times, fields = read_times(data, target.zone, inclusive=self.rules.inclusive), read_fields(data)
            check_rule(fields.get("rrule"), times)
            event = Event(
                uid=uid,
                start=times.start,
                end=times.end,
                zone=times.zone,
                fields=_with_answers(fields, resource),
                organizer=resource.get("organizer", email.lower()),
                created=old.created if old else self.clock(),
                modified=self.clock(),
                recurrence_id=str(resource.get("recurrenceid", "")),
            )
            return self._shown(email, entry, self.store.keep(target, event))

    def change_event(
        self, email: str, calendar: str, event_uid: str, recurrence_id: str = "", **fields: Any
    ) -> Resource:
        """A person changes fields of an event, or of one occurrence; other fields stay."""
        with self.lock:
            entry = self._entry(email, calendar)
            old = self._event(entry.calendar, event_uid, recurrence_id)
            whole = {**old.fields, "isallday": old.all_day, **fields}
            if "dateandtime" in fields:
                times = read_times(whole, old.zone, inclusive=self.rules.inclusive)
                old = replace(old, start=times.start, end=times.end, zone=times.zone)
            kept = {k: v for k, v in whole.items() if k not in ("isallday", "dateandtime")}
            changed = replace(old, fields=_with_answers(read_fields(kept), kept))
            return self._shown(email, entry, self.store.keep(entry.calendar, changed))

    def delete_event(self, email: str, calendar: str, event_uid: str, recurrence_id: str = "") -> None:
        """A person deletes an event, a series, or one occurrence of it."""
        with self.lock:
            target = self._entry(email, calendar).calendar
            event = self._event(target, event_uid)
            if recurrence_id:
                occurrence(event, recurrence_id)
            self.store.remove(target, event, recurrence_id)

    def respond(self, email: str, calendar: str, event_uid: str, attendee: str, status: str) -> Resource:
        """An attendee answers the invitation."""
        if status not in STATUSES:
            raise ValueError(f"no answer {status!r}; there are {', '.join(STATUSES)}")
        with self.lock:
            entry = self._entry(email, calendar)
            event = self._event(entry.calendar, event_uid)
            guests = [dict(a) for a in event.fields.get("attendees", ())]
            if attendee.lower() not in [g["email"] for g in guests]:
                raise ValueError(f"{attendee} is not invited to {event_uid}")
            for guest in guests:
                if guest["email"] == attendee.lower():
                    guest["status"] = status
            changed = replace(event, fields={**event.fields, "attendees": guests})
            return self._shown(email, entry, self.store.keep(entry.calendar, changed))

    def expire_tokens(self) -> None:
        """End every access token."""
        with self.lock:
            self.issuer.expire()

    def revoke(self, email: str) -> None:
        """The person withdraws consent."""
        with self.lock:
            self.issuer.revoke_account(email.lower())

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """What can be done from outside."""
        names = (
            "add_user", "add_calendar", "set_calendar", "remove_calendar", "set_freebusy", "events", "put_event",
            "change_event", "delete_event", "respond", "expire_tokens", "revoke",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def state(self) -> Any:
        """Calendars and events by person."""
        return {user.email: self._state(user) for user in self.store.users.values()}

    def _state(self, user: User) -> dict[str, Any]:
        return {
            "zone": user.zone,
            "data_centre": self.issuer.home(user.email),
            "calendars": {
                uid: {
                    "name": entry.calendar.name,
                    "privilege": entry.privilege,
                    "ctag": entry.calendar.ctag,
                    "events": [self._shown(user.email, entry, event) for event in all_events(entry.calendar)],
                }
                for uid, entry in user.entries.items()
            },
        }

    def _entry(self, email: str, calendar: str) -> Entry:
        entry = self.store.user(email).entry(calendar)
        if entry is None:
            raise ValueError(f"{email} has no calendar {calendar}")
        return entry

    def _event(self, calendar: Calendar, uid: str, recurrence_id: str = "") -> Event:
        if uid not in calendar.events:
            raise ValueError(f"no event {uid}")
        event = calendar.events[uid]
        return occurrence(event, recurrence_id) if recurrence_id else event

    def _shown(self, email: str, entry: Entry, event: Event) -> Resource:
        return shown(event, entry.calendar, View(email.lower(), "owner", inclusive=self.rules.inclusive))


def _with_answers(fields: Resource, given: Resource) -> Resource:
    """The fields with the attendees' answers as given, which the API does not take."""
    answers = {str(a.get("email", "")).lower(): a.get("status", STATUSES[0]) for a in given.get("attendees", ())}
    guests = [{**a, "status": answers[a["email"]]} for a in fields.get("attendees", ())]
    return {**fields, "attendees": guests} if guests else fields
