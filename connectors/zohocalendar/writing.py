"""Events of ours in one calendar: put, found, removed.

Zoho takes no id and no key of a client's, so a create that is repeated makes a second event. After an unclear answer
our mark is looked for before anything is sent: around the event's own time, then in all of the time that bookings are
made for (`BEHIND`, `AHEAD`), because they may have been moved since. Once there is an event, whatever fails is unclear
at most, so that the next attempt looks as well.

An update reads what is there, builds the whole event from it, and sends that under the etag it read. When the etag is
refused, it is read and planned again once. How a stale one is refused is not documented but for 412 or 400, so a
refusal also counts as that where the etag has changed.

    create                  1 request; after an unclear answer up to 14 more
    update                  2 requests; 1 where nothing differs
    remove                  1 request; 2 more where it was changed meanwhile
    occurrence of a series  2 requests each, and 1
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from syncd.errors import ConflictError, NotFoundError, ProviderError, RefusedError, UnclearError
from syncd.model.calendar import Event, Receipt
from syncd.model.clock import Clock
from syncd.model.time import Window

from .api import Api
from .mapping import Resource, dropped_fields, event_of, is_wanted, wanted
from .marks import mark_of
from .series import State, Step, event_part, occurrences_of, revived, state_of, steps
from .times import DAY, Json, UnreadableError, pieces

BEHIND = timedelta(days=31)
AHEAD = timedelta(days=12 * 31)
"""How much of a calendar is searched for an event of ours whose id we do not know."""

UNSURE = ("conference", "allowForwarding", "color")
"""What a person may have set and Zoho may not take as it tells it."""

GONE_REMEDY = "Somebody removed it. To write it again: syncd bookings retry UID"


class CalendarEvents:
    """Our events in one calendar."""

    def __init__(self, api: Api, calendar: str, clock: Clock) -> None:
        self._api = api
        self._calendar = calendar
        self._clock = clock

    def put(self, event: Event, applied: Receipt | None, *, unclear: bool) -> Receipt:
        """Make the event what is wanted.

        Raises:
            NotFoundError: the calendar is gone; code `event_gone`: a person deleted the event of `applied`.
            ConflictError: it keeps changing.
            UnclearError: also: the event was made, but not all of it yet.
        """
        identity = applied.id if applied else next(self._marked(event.uid, event), "") if unclear else ""
        if not identity:
            return self._create(event)
        state = self._read(identity)
        if state is None:
            raise _gone()
        return self._become(event, state)

    def find(self, uid: str, applied: Receipt | None) -> Event | None:
        """The event as it is."""
        identity = applied.id if applied else next(self._marked(uid), "")
        state = self._read(identity) if identity else None
        if state is None:
            return None
        try:
            event = event_of(state.item, uid)
            return replace(event, occurrences=occurrences_of(event, state)) if event.rrule else event
        except UnreadableError as error:
            raise _unreadable(error) from None

    def remove(self, uid: str, applied: Receipt | None) -> None:
        """Remove the event of `applied`, or every one with our mark and `uid`. What is not there is removed."""
        try:
            copies = [(applied.id, applied.version)] if applied else [(found, "") for found in self._marked(uid)]
        except NotFoundError:
            return
        for identity, version in copies:
            with suppress(NotFoundError):
                self._delete(identity, version)

    # finding

    def _read(self, identity: str) -> State | None:
        """An event by its id; None where there is none.

        Raises:
            NotFoundError: its calendar is gone.
        """
        try:
            return state_of(self._api.event(self._calendar, identity))
        except NotFoundError as error:
            if error.code != "event_gone":
                self._api.calendar(self._calendar)  # the address has two parts; this tells which of them is missing
            return None

    def _marked(self, uid: str, event: Event | None = None) -> Iterator[str]:
        """The ids of events that bear our mark and `uid`."""
        found = set()
        for window in self._searched(event):
            for item in self._api.events(self._calendar, window):
                identity = str(item["uid"])
                if identity not in found and mark_of(item).uid == uid:
                    found.add(identity)
                    yield identity

    def _searched(self, event: Event | None) -> Iterator[Window]:
        if event is not None:
            yield from pieces(Window(event.start - DAY, max(event.end, event.start) + DAY))
        now = self._clock()
        yield from pieces(Window(now, now + AHEAD))
        yield from pieces(Window(now - BEHIND, now))

    # creating

    def _create(self, event: Event) -> Receipt:
        part = event_part(event)
        data = wanted(event, {}, part)
        made = {**data, **self._api.create(self._calendar, data)}
        try:
            if (event.rrule and event.occurrences) or "etag" not in made:
                return self._become(event, self._again(str(made["uid"])))
            return _receipt(event, State(made))
        except ProviderError as error:
            raise UnclearError(f"The event was made, but not all of it: {error}", code=error.code) from None

    # updating

    def _become(self, event: Event, state: State) -> Receipt:
        """Write what differs; plan again when it changed between our read and our write."""
        try:
            return self._attempt(event, state)
        except ConflictError:
            return self._attempt(event, self._again(str(state.item["uid"])))

    def _attempt(self, event: Event, state: State) -> Receipt:
        """Write what differs. A refusal of what has changed since is a conflict."""
        try:
            return self._written(event, state)
        except NotFoundError:
            raise _gone() from None
        except RefusedError as error:
            if self._again(str(state.item["uid"])).etag == state.etag:
                raise
            raise ConflictError(f"The event changed meanwhile: {error}") from None

    def _again(self, identity: str) -> State:
        state = self._read(identity)
        if state is None:
            raise _gone()
        return state

    def _written(self, event: Event, state: State) -> Receipt:
        try:
            state = self._event_written(event, state)
            if not event.rrule:
                return _receipt(event, state)
            state, missed = self._occurrences_written(event, state)
        except UnreadableError as error:
            raise _unreadable(error) from None
        receipt = _receipt(event, state)
        return replace(receipt, dropped=(*receipt.dropped, "occurrences")) if missed else receipt

    def _event_written(self, event: Event, state: State) -> State:
        """The event itself as wanted; of a series the occurrences are still to come."""
        part = event_part(event)
        if is_wanted(event, state.item, part, event.zone) and not revived(event, state):
            return state
        data = wanted(event, state.item, part)
        if revived(event, state):
            single = {name: value for name, value in data.items() if name != "rrule"}
            state = State(self._sent(state.item, single))
        told = self._sent(state.item, data)
        return self._again(str(state.item["uid"])) if event.rrule else State(told)

    def _occurrences_written(self, event: Event, state: State) -> tuple[State, bool]:
        """The occurrences as wanted, one after the other: each changes the series' etag. Also whether one is missing
        that could not be had.
        """
        tried: set[str] = set()
        while step := next((s for s in steps(event, state) if s.recurrence_id not in tried), None):
            tried.add(step.recurrence_id)
            self._take(event, step)
            state = self._again(str(state.item["uid"]))
        return state, any(step.part is not None for step in steps(event, state))

    def _take(self, event: Event, step: Step) -> None:
        etag = str(step.current.get("etag") or "")
        try:
            if step.part is None:
                self._api.delete(self._calendar, str(step.current["uid"]), etag, step.recurrence_id)
            else:
                self._sent(step.current, wanted(event, step.current, step.part))
        except NotFoundError:  # there is no such occurrence, or not any more
            return

    def _sent(self, current: Json, data: Resource) -> Resource:
        """Replace an item by `data`, under its etag; without what a person set where that was what Zoho refused."""
        whole = {**data, "etag": current.get("etag")}
        if current.get("rrule") and "recurrence_edittype" not in whole:
            whole["recurrence_edittype"] = "all"
        identity = str(current["uid"])
        try:
            return {**data, **self._api.update(self._calendar, identity, whole)}
        except RefusedError:
            bare = {name: value for name, value in whole.items() if name not in UNSURE}
            if bare == whole:
                raise
        return {**data, **self._api.update(self._calendar, identity, bare)}

    # removing

    def _delete(self, identity: str, version: str = "") -> None:
        """Delete an event, under the etag that is known, or the one it has. Raises NotFoundError: it is gone."""
        etag = version or self._again(identity).etag
        try:
            self._api.delete(self._calendar, identity, etag)
        except (ConflictError, RefusedError) as error:
            current = self._again(identity).etag
            if current == etag and isinstance(error, RefusedError):
                raise
            self._api.delete(self._calendar, identity, current)


def _receipt(event: Event, state: State) -> Receipt:
    item = state.item
    return Receipt(
        id=str(item["uid"]),
        version=state.etag,
        uid=event.uid,
        dropped=dropped_fields(event, item, event_part(event)),
    )


def _gone() -> NotFoundError:
    return NotFoundError(
        "The event is not in the calendar any more.", code="event_gone", status=404, remedy=GONE_REMEDY
    )


def _unreadable(error: UnreadableError) -> RefusedError:
    return RefusedError(f"The event at Zoho cannot be read: {error}.", code="unreadable_event")
