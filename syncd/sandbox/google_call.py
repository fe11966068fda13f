"""What every handler of Google Calendar works with: all that is kept, and one call of one person upon it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.model.clock import Clock

from .faults import Fault, Faults
from .google_errors import GoogleError
from .google_list import Listing, Pages
from .google_push import Channel, Pusher
from .google_store import ROLES, Calendar, Entry, Resource, User
from .kernel import Request

SCOPE = "https://www.googleapis.com/auth/"


@dataclass(slots=True, kw_only=True)
class Store:
    """All that is kept. `epoch` is part of each sync token: another one makes them invalid. `horizon` is how far ahead
    an endless series is expanded where no timeMax says (not documented).
    """

    clock: Clock
    faults: Faults
    pusher: Pusher
    users: dict[str, User] = field(default_factory=dict)
    calendars: list[Calendar] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)
    mails: list[Resource] = field(default_factory=list)
    pages: Pages = field(default_factory=Pages)
    epoch: int = 1
    horizon: timedelta = timedelta(days=730)
    longest_freebusy: timedelta = timedelta(days=92)

    def add(self, calendar: Calendar) -> Calendar:
        """Keep a new calendar; its changes are pushed from now on."""
        self.calendars.append(calendar)
        calendar.changed = self._calendar_changed
        return calendar

    def remove(self, calendar: Calendar) -> None:
        """Delete a calendar, and take it from everybody's list."""
        calendar.deleted = True
        for user in self.users.values():
            entry = user.entries.get(calendar.id)
            if entry is not None and entry.calendar is calendar:
                entry.deleted = True
                user.touch(entry)

    def list_changed(self, user: User) -> None:
        """Push that a person's list of calendars changed."""
        self._push(lambda channel: channel.account == user.email and not channel.calendar)

    def _calendar_changed(self, calendar: Calendar) -> None:
        def watches(channel: Channel) -> bool:
            entry = self.users[channel.account].entry(channel.calendar) if channel.calendar else None
            return entry is not None and entry.calendar is calendar

        self._push(watches)

    def _push(self, watches: Callable[[Channel], bool]) -> None:
        for channel in self.channels.values():
            if channel.expires_at <= self.clock() or not watches(channel):
                continue
            message = channel.message("exists")
            if self.faults.take("push-dropped", "POST", channel.address):
                continue
            self.pusher.send(message)
            if self.faults.take("push-duplicated", "POST", channel.address):
                self.pusher.send(message)

    def user(self, email: str) -> User:
        """A person. Raises ValueError."""
        found = self.users.get(email.lower())
        if found is None:
            raise ValueError(f"no user {email}")
        return found

    def entry(self, email: str, calendar: str) -> Entry:
        """A calendar that a person can reach. Raises ValueError."""
        found = self.user(email).entry(calendar)
        if found is None:
            raise ValueError(f"{email} has no calendar {calendar}")
        return found


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one person."""

    request: Request
    user: User
    store: Store
    scopes: tuple[str, ...] = ()

    @property
    def now(self) -> datetime:
        """The time."""
        return self.store.clock()

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters."""
        return self.request.query

    @property
    def body(self) -> Resource:
        """The JSON object that was sent. Raises GoogleError (parseError)."""
        try:
            body = self.request.json
        except ValueError as error:
            raise GoogleError("parseError") from error
        if not isinstance(body, dict):
            raise GoogleError("parseError")
        return body

    def calendar(self, role: str = "freeBusyReader") -> Entry:
        """The calendar of the path, for somebody with at least that role. Raises GoogleError."""
        entry = self.user.entry(self.request.params["calendarId"])
        if entry is None:
            raise GoogleError("notFound")
        if ROLES.index(entry.role) < ROLES.index(role):
            raise GoogleError("requiredAccessLevel")
        return entry

    def writable(self) -> Entry:
        """The calendar of the path, to write to. Raises GoogleError."""
        entry = self.calendar("writerWithoutPrivateAccess")
        only_owned = {f"{SCOPE}calendar.events.owned", f"{SCOPE}calendar.app.created"}
        if set(self.scopes) <= only_owned and entry.role != "owner":
            raise GoogleError("insufficientPermissions")
        return entry

    def switch(self, kind: str) -> Fault | None:
        """The provider's own fault of that kind, when it strikes this request."""
        return self.store.faults.take(kind, self.request.method, self.request.target)

    def paged(self, make: Callable[[], Listing], size: int) -> tuple[list[Resource], dict[str, str]]:
        """A page of a listing, and what points to the next, or the sync token."""
        if self.switch("empty-page"):
            items, token = self.store.pages.empty(make() if "pageToken" not in self.query else self._same())
            return list(items), token
        if short := self.switch("short-page"):
            size = int(short.value or 1)
        if "pageToken" in self.query:
            items, token = self.store.pages.next(self.query["pageToken"], self._owner, size)
        else:
            items, token = self.store.pages.first(make(), size)
        return list(items), token

    def listing(self, items: list[Resource], sync: str) -> Listing:
        """A listing whose pages are this person's, at this path."""
        return Listing(self._owner, items, sync)

    @property
    def _owner(self) -> str:
        return f"{self.user.email} {self.request.path}"

    def _same(self) -> Listing:
        return self.store.pages.rest(self.query["pageToken"], self._owner)
