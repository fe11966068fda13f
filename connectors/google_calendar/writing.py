"""Events of ours in one calendar: put, found, removed.

A create carries an id made of its key, so a repeat meets its own event (409). Google does not promise to notice that
(discovery: Event.id), so after an unclear answer the id is looked at first, and an answer with another id than the one
asked for is a second event, which is taken away. A deleted event keeps its id: it is brought back, or the key's next id
is taken.

An update reads what is there, sends only what differs, under the etag it read, and plans again once when that changed.

    create                 1 request
    update                 2 requests; 1 where nothing differs
    remove                 1 request
    series                 +1 to read its exceptions, +1 for all occurrences that change
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    RefreshError,
    RefusedError,
    UnclearError,
)
from syncd.model.calendar import Conference, Event, Receipt

from . import GoogleSettings
from .api import Api, Resource
from .mapping import Place, dropped_fields, event_of, meeting_url, new_resource, patch_of, room_state
from .marks import IDS, event_id, hidden_of, is_ours
from .series import Step, hidden_after, hidden_wanted, occurrences_of, steps
from .times import UnreadableError

PAGE_SIZE = 2500

_CONFERENCES = 1  # the version of conference data that we understand; below it Google keeps them from us

GONE_REMEDY = "Somebody removed it. To write it again: syncd bookings retry UID"


class CalendarEvents:
    """Our events in one calendar."""

    def __init__(self, api: Api, calendar: str, settings: GoogleSettings) -> None:
        self._api = api
        self._calendar = calendar
        self._place = Place(calendar=calendar, rsvp=settings.rsvp)
        self._writing = {"calendarId": calendar, "sendUpdates": settings.send_updates}

    def put(self, event: Event, key: str, applied: Receipt | None, *, unclear: bool) -> Receipt:
        """Make the event what is wanted.

        Raises:
            NotFoundError: the calendar is gone; code `event_gone`: a person deleted the event of `applied`.
            ConflictError: it keeps changing.
            UnclearError: also: the event was made, but not all of it yet.
        """
        if applied is not None:
            return self._become(event, self._applied(event.uid, applied.id))
        there = self._read(event_id(key)) if unclear else None
        if there is not None and is_live(there):
            return self._become(event, there)
        return self._create(event, key)

    def find(self, uid: str, applied: Receipt | None) -> Event | None:
        """The event as it is."""
        resource = self._read(applied.id) if applied else None
        if resource is None or not is_live(resource):
            resource = next(iter(self._with_uid(uid)), None)
        if resource is None:
            return None
        try:
            event = event_of(resource, uid)
            exceptions = self._exceptions(resource) if event.rrule else []
            return replace(event, occurrences=occurrences_of(resource, exceptions))
        except UnreadableError as error:
            raise RefusedError(f"The event at Google cannot be read: {error}.", code="unreadable_event") from None

    def remove(self, key: str, uid: str, applied: Receipt | None) -> None:
        """Remove the event of `applied`; else the one with the key's id, and whatever else of ours has the UID."""
        self._delete(applied.id if applied else event_id(key))
        if applied is not None:
            return
        try:
            found = self._with_uid(uid)
        except NotFoundError:  # the calendar itself is gone
            return
        for resource in found:
            self._delete(resource["id"])

    # creating

    def _create(self, event: Event, key: str) -> Receipt:
        for number in range(IDS):
            identity = event_id(key, number)
            try:
                return self._finished(event, self._insert(event, identity), identity)
            except ConflictError as error:
                if error.code != "duplicate":
                    raise
            taken = self._read(identity)
            if taken is None:
                return self._adopt(event)
            if is_live(taken) and (is_ours(taken) or taken.get("iCalUID") == event.uid):
                return self._become(event, taken)
            revived = None if is_live(taken) else self._revive(event, taken)
            if revived is not None:
                return self._finished(event, revived, identity)
        raise _taken("Every id of this booking is taken in the calendar by events that cannot be had back.")

    def _insert(self, event: Event, identity: str) -> Resource:
        body = new_resource(event, self._place, identity)
        return self._send("insert event", self._api.events.insert, body)

    def _adopt(self, event: Event) -> Receipt:
        """Take over the event that has our UID under another id: the UID comes from the booking."""
        listed = [e for e in self._list(event.uid, deleted=True) if "recurringEventId" not in e]
        for resource in sorted(listed, key=lambda e: (not is_live(e), not is_ours(e))):
            if is_live(resource):
                return self._become(event, resource)
            revived = self._revive(event, resource)
            if revived is not None:
                return self._finished(event, revived, resource["id"])
        raise _taken("Google says that the event exists, and does not have it in this calendar.")

    def _revive(self, event: Event, deleted: Resource) -> Resource | None:
        """Bring a deleted event back, as new; None where Google does not give it back (reported by clients)."""
        body = new_resource(event, self._place, deleted["id"])
        body |= {"status": str(event.status), "sequence": max(event.sequence, int(deleted.get("sequence") or 0))}
        try:
            return self._send("update event", self._api.events.update, body, eventId=deleted["id"])
        except (NotFoundError, ForbiddenError, RefusedError):
            return None

    def _finished(self, event: Event, made: Resource, identity: str) -> Receipt:
        """A new event with its occurrences. Whatever fails now: there is an event, so it is unclear at most."""
        try:
            if made["id"] != identity:
                return self._become(event, self._first(made, identity))
            missed = self._change(steps(made, made, (), event, self._place))
            return self._receipt(event, made, missed)
        except (RefreshError, UnclearError):
            raise
        except ProviderError as error:
            raise UnclearError(f"The event was made, but not all of it: {error}", code=error.code) from error

    def _first(self, made: Resource, identity: str) -> Resource:
        """The one to keep of two: Google took our id for a new one instead of saying that it is taken."""
        there = self._read(identity)
        if there is None or not is_live(there):
            return made
        self._delete(made["id"])
        return there

    # updating

    def _applied(self, uid: str, identity: str) -> Resource:
        """The event that an earlier put made."""
        there = self._read(identity)
        if there is not None and is_live(there):
            return there
        found = self._with_uid(uid) if there is None else []
        if not found:
            raise _gone()
        return found[0]

    def _become(self, event: Event, resource: Resource) -> Receipt:
        """Write what differs; plan again when it changed between our read and our write."""
        try:
            return self._written(event, resource)
        except ConflictError:
            changed = self._read(resource["id"])
            if changed is None or not is_live(changed):
                raise _gone() from None
        return self._written(event, changed)

    def _written(self, event: Event, resource: Resource) -> Receipt:
        exceptions = self._exceptions(resource) if event.rrule and resource.get("recurrence") else []
        patch = patch_of(resource, event, self._place, hidden=hidden_wanted(resource, exceptions, event))
        after = self._patch(resource, patch) if patch else resource
        missed = self._change(steps(resource, after, exceptions, event, self._place))
        left = hidden_after(resource, after, event)
        if left != hidden_of(after):
            after = self._patch(after, patch_of(after, event, self._place, hidden=left))
        return self._receipt(event, after, missed)

    def _patch(self, resource: Resource, patch: Resource) -> Resource:
        try:
            return self._send(
                "patch event", self._api.events.patch, patch, version=resource.get("etag"), eventId=resource["id"]
            )
        except NotFoundError:
            raise _gone() from None

    def _change(self, planned: Sequence[Step]) -> bool:
        """Change occurrences, all at once; whether the series has not all of them."""
        requests = [self._request(step) for step in planned]
        missed = False
        for step, answer in zip(planned, self._api.every("change occurrences", requests), strict=True):
            if isinstance(answer, NotFoundError):
                missed = missed or step.wanted
            elif isinstance(answer, ProviderError):
                raise answer
        return missed

    def _request(self, step: Step) -> Any:
        if step.patch is None:
            return self._api.events.delete(eventId=step.id, **self._writing)
        return self._api.events.patch(eventId=step.id, body=step.patch, **self._writing)

    def _send(
        self,
        operation: str,
        method: Callable[..., Any],
        body: Resource,
        *,
        version: str | None = None,
        **parameters: Any,
    ) -> Resource:
        """Write; without the conference where that was what Google refused."""
        request = method(body=body, conferenceDataVersion=_CONFERENCES, **self._writing, **parameters)
        if version:
            request.headers["If-Match"] = version
        try:
            return self._api.call(operation, request)
        except RefusedError:
            if "conferenceData" not in body:
                raise
        bare = {name: value for name, value in body.items() if name != "conferenceData"}
        return self._send(operation, method, bare, version=version, **parameters)

    def _receipt(self, event: Event, resource: Resource, missed: bool) -> Receipt:
        room = meeting_url(resource)
        if event.conference is Conference.GOOGLE_MEET and not room and room_state(resource) == "pending":
            raise UnclearError("The event is there, its meeting room is not ready yet.", code="conference_pending")
        dropped = dropped_fields(resource, event, self._place)
        return Receipt(
            id=str(resource["id"]),
            version=str(resource.get("etag", "")),
            uid=str(resource.get("iCalUID", "")),
            dropped=(*dropped, "occurrences") if missed else dropped,
            meeting_url=room,
        )

    # reading

    def _read(self, identity: str) -> Resource | None:
        """An event by its id, deleted or not; None where there never was one."""
        request = self._api.events.get(calendarId=self._calendar, eventId=identity)
        try:
            return self._api.call("get event", request, safe=True)
        except NotFoundError:
            return None

    def _with_uid(self, uid: str) -> list[Resource]:
        """The events of ours that have the UID. Raises NotFoundError: the calendar is gone."""
        return [e for e in self._list(uid) if is_live(e) and is_ours(e) and "recurringEventId" not in e]

    def _exceptions(self, series: Resource) -> list[Resource]:
        """The exceptions of a series: they share its UID (discovery: Event.iCalUID)."""
        return [e for e in self._list(str(series["iCalUID"])) if e.get("recurringEventId") == series["id"]]

    def _list(self, uid: str, *, deleted: bool = False) -> list[Resource]:
        pages = self._api.pages(
            "find event",
            "calendar#events",
            lambda token: self._api.events.list(
                calendarId=self._calendar, iCalUID=uid, showDeleted=deleted, maxResults=PAGE_SIZE, pageToken=token
            ),
        )
        return [event for page in pages for event in page.get("items") or ()]

    def _delete(self, identity: str) -> None:
        """Delete an event. One that is not there, or not any more, is deleted."""
        try:
            self._api.call("delete event", self._api.events.delete(eventId=identity, **self._writing))
        except NotFoundError:
            pass


def is_live(resource: Resource) -> bool:
    """Whether an event is not deleted."""
    return resource.get("status") != "cancelled"


def _gone() -> NotFoundError:
    return NotFoundError(
        "The event is not in the calendar any more.", code="event_gone", status=404, remedy=GONE_REMEDY
    )


def _taken(message: str) -> RefusedError:
    return RefusedError(
        message, code="uid_conflict", remedy="Remove the other event from the calendar, then: syncd bookings retry UID"
    )
