"""Requests to Zoho Calendar for one account, and what an answer must look like to count as one.

Nothing is paged: a listing is whole, or refused. What is written goes as JSON in the parameter `eventdata`, never as a
body of JSON; in a form, because descriptions are too long for addresses (facts: zoho-calendar, event_create).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from syncd.errors import ProviderError, RefusedError, RetryError, UnclearError
from syncd.model.clock import Clock, utc_now
from syncd.model.time import Window
from syncd.provider.client import Answer, HttpClient
from syncd.provider.guard import Guard
from syncd.provider.zoho import SCHEME

from .refusals import refusal
from .times import Json, text_of

VERSION = "/api/v1"
LARGE = {"Accept": "application/json+large"}
"""Without it a listing tells no descriptions, where our marks are (facts: zoho-calendar, event_list)."""

EVERY_CALENDAR = {"category": "all", "showhiddencal": "true"}
"""Shared, group and app calendars too, hidden or not."""

Resource = dict[str, Any]


class Api:
    """Zoho Calendar of one data centre, for one token. Safe for several threads.

    Args:
        base: the data centre's calendar host.
    """

    def __init__(self, base: str, token: str, guard: Guard, *, clock: Clock = utc_now) -> None:
        self._root = base + VERSION
        self._clock = clock
        self._http = HttpClient(guard, self._refuse, headers={"Authorization": f"{SCHEME} {token}"})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def calendars(self) -> list[Resource]:
        """Every calendar of the account's list. Which categories there are is told differently in two places, so where
        `all` is refused, none is named.
        """
        try:
            answer = self._get("/calendars", "list calendars", EVERY_CALENDAR)
        except RefusedError:
            answer = self._get("/calendars", "list calendars", {"showhiddencal": "true"})
        return _listed(answer, "calendars", "list calendars")

    def calendar(self, uid: str) -> Resource:
        """One calendar; `primary` is the account's own."""
        return _one(_listed(self._get(_calendar(uid), "get calendar"), "calendars", "get calendar"), "get calendar")

    def events(self, calendar: str, window: Window, *, by_instance: bool = False) -> list[Resource]:
        """What overlaps `window`, of at most 31 days: series as series with their exceptions; or everything by
        instance, with little said of each.
        """
        bounds = {"start": text_of(window.start), "end": text_of(window.end)}
        query = {"range": _compact(bounds), **({"byinstance": "true"} if by_instance else {})}
        headers = {} if by_instance else LARGE
        return _listed(
            self._get(f"{_calendar(calendar)}/events", "list events", query, headers), "events", "list events"
        )

    def event(self, calendar: str, uid: str) -> list[Resource]:
        """An event; a series with its exceptions and its deleted occurrences, in any order.

        Raises:
            NotFoundError: it is not there, or its calendar is not.
        """
        return _listed(self._get(_event(calendar, uid), "get event", headers=LARGE), "events", "get event")

    def create(self, calendar: str, data: Json) -> Resource:
        """Make an event."""
        return self._written("POST", f"{_calendar(calendar)}/events", "create event", data)

    def update(self, calendar: str, uid: str, data: Json) -> Resource:
        """Replace an event, or an occurrence of it. `data` holds the etag that must still be current.

        Raises:
            ConflictError: it is not.
        """
        return self._written("PUT", _event(calendar, uid), "update event", data)

    def delete(self, calendar: str, uid: str, etag: str, recurrence_id: str = "") -> None:
        """Delete an event, or one occurrence of it.

        Raises:
            ConflictError: the etag is not current.
        """
        query = {}
        if recurrence_id:
            data = {"uid": uid, "recurrenceid": recurrence_id, "recurrence_edittype": "only"}
            query = {"eventdata": _compact(data)}
        self._http.request(
            "DELETE", self._root + _event(calendar, uid), "delete event", query=query, headers={"etag": etag}
        )

    def free_busy(self, email: str, window: Window) -> Json:
        """When a colleague, or the account itself, is busy in `window`, by event."""
        query = {
            "uemail": email,
            "sdate": text_of(window.start).rstrip("Z"),
            "edate": text_of(window.end).rstrip("Z"),
            "ftype": "eventbased",
        }
        told = self._get("/calendars/freebusy", "get free/busy", query).json
        if not isinstance(told, Mapping):
            raise _unusable("get free/busy")
        return told

    def _get(
        self, path: str, operation: str, query: Mapping[str, str] | None = None, headers: Json | None = None
    ) -> Answer:
        return self._http.request("GET", self._root + path, operation, query=query or {}, headers=headers)

    def _written(self, method: str, path: str, operation: str, data: Json) -> Resource:
        """What a write was answered with. One that cannot be understood may have been carried out."""
        answer = self._http.request(method, self._root + path, operation, form={"eventdata": _compact(data)})
        try:
            return _one(_listed(answer, "events", operation), operation)
        except RetryError as error:
            raise UnclearError(str(error), code=error.code, status=answer.status) from None

    def _refuse(self, answer: Answer, operation: str) -> ProviderError:
        return refusal(answer, operation, self._clock())


def _calendar(uid: str) -> str:
    return f"/calendars/{quote(uid, safe='')}"


def _event(calendar: str, uid: str) -> str:
    return f"{_calendar(calendar)}/events/{quote(uid, safe='')}"


def _compact(data: Json) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _listed(answer: Answer, name: str, operation: str) -> list[Resource]:
    """The list in an answer. Nothing counts as an empty list but that, an empty 204, and Zoho's own word for it."""
    told = answer.json
    if (told is None and answer.status == 204) or (isinstance(told, Mapping) and told.get("NODATA")):
        return []
    items = told.get(name) if isinstance(told, Mapping) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and isinstance(i.get("uid"), str) for i in items):
        raise _unusable(operation)
    return items


def _one(items: list[Resource], operation: str) -> Resource:
    if not items:
        raise _unusable(operation)
    return items[0]


def _unusable(operation: str) -> RetryError:
    return RetryError(f"{operation}: the answer is not one of Zoho Calendar.", code="answer_unusable")
