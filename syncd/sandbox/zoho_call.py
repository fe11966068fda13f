"""One request of one person to Zoho Calendar, and what every handler needs of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .faults import Fault, Faults
from .kernel import Request
from .zoho_errors import ZohoError
from .zoho_event import View
from .zoho_store import PRIVILEGES, READERS, WRITERS, Calendar, Entry, Event, Resource, Store, User

LARGE = "application/json+large"


@dataclass(slots=True)
class Rules:
    """What is not documented, or not twice the same.

    replaces: PUT drops what is not sent. inclusive: an all-day event ends on its last day, not on the day after.
    offsets: `dateandtime` has them. zulu: free/busy marks its times, which are UTC, with a `Z`.
    """

    replaces: bool = True
    inclusive: bool = False
    offsets: bool = True
    zulu: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one person."""

    request: Request
    user: User
    store: Store
    faults: Faults
    rules: Rules

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters, from the query and from a form."""
        kind = self.request.headers.get("content-type", "")
        form = self.request.form if kind.startswith("application/x-www-form-urlencoded") else {}
        return {**form, **self.request.query}

    def only(self, *names: str) -> None:
        """Raises ZohoError for a parameter that is not one of these."""
        for name in self.params.keys() - set(names):
            raise ZohoError("EXTRA_PARAM_FOUND", name)

    def json(self, name: str) -> Resource:
        """A parameter that is a JSON object. Raises ZohoError."""
        if name not in self.params:
            raise ZohoError("LESS_THAN_MIN_OCCURANCE", name)
        try:
            value = json.loads(self.params[name])
        except ValueError as error:
            raise ZohoError("INVALID_DATA", name) from error
        if not isinstance(value, dict):
            raise ZohoError("INVALID_DATA", name)
        return value

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; false when it is not there. Raises ZohoError."""
        value = self.params.get(name, "false")
        if value not in ("true", "false"):
            raise ZohoError("INVALID_DATA", name)
        return value == "true"

    def entry(self, allowed: frozenset[str] = PRIVILEGES) -> Entry:
        """The calendar of the path, for somebody who may. Raises ZohoError."""
        return self.named(self.request.params["calendar"], allowed)

    def named(self, uid: str, allowed: frozenset[str]) -> Entry:
        """A calendar by its uid. Raises ZohoError."""
        entry = self.user.entry(uid)
        if entry is None:
            raise ZohoError("CALENDAR_NOTFOUND")
        if entry.privilege not in allowed:
            raise ZohoError("OPERATION_NOT_PERMITTED")
        return entry

    def readable(self) -> Entry:
        """The calendar of the path, to read its events. Raises ZohoError."""
        return self.entry(READERS)

    def writable(self) -> Entry:
        """The calendar of the path, to write to. Raises ZohoError."""
        return self.entry(WRITERS)

    def event(self, calendar: Calendar) -> Event:
        """The event of the path. Raises ZohoError."""
        event = calendar.events.get(self.request.params["event"])
        if event is None:
            raise ZohoError("EVENT_NOTFOUND")
        return event

    def view(self, entry: Entry, **more: Any) -> View:
        """How this person is told of a calendar's events."""
        return View(
            self.user.email,
            entry.privilege,
            offsets=self.rules.offsets and not self.switch("no-offset"),
            inclusive=self.rules.inclusive,
            text_etag=self.switch("text-etag") is not None,
            **more,
        )

    @property
    def large(self) -> bool:
        """Whether descriptions are asked for."""
        return LARGE in self.request.headers.get("accept", "")

    def switch(self, kind: str) -> Fault | None:
        """The provider's own fault of that kind, when it strikes this request."""
        return self.faults.take(kind, self.request.method, self.request.target)
