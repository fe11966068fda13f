"""Events of ours in one calendar: put, found, removed.

A create carries a transactionId made of its key, and marks of ours (`marks`). What Graph answers to a repeated
transactionId is not documented: the event that is there, or 409; both end with that event. After an unclear answer our
mark is looked for before anything is sent. An update reads what is there, sends only what differs, under the etag it
read, and plans again once when that has changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from syncd.errors import ConflictError, NotFoundError, RefusedError, RetryError, UnclearError
from syncd.model.calendar import Conference, Event, Receipt
from syncd.model.time import Window

from .body import description_of, html_above_blob, join_url, same_text
from .graph import PAGE, TEXT, Graph, segment
from .mapping import EVENT_FIELDS, dropped_fields, event_of, new_event, patch_of
from .marks import EXPAND, filter_by_uid, mark_of, transaction_id, uid_in_transaction
from .series import INSTANCE_FIELDS, Step, looked_at, missing, occurrences_of, steps
from .times import Json, UnreadableError, span_query

_ATTEMPTS = 2  # a write that met a change is planned again once; the engine decides about more
_CREATES = 5  # transactionIds tried: each but the last belongs to an event of ours that a person deleted
_FOUND = "50"  # copies of an event that are looked at

REMOVED_REMEDY = "Somebody removed it. To write it again: syncd bookings retry UID"


class CalendarEvents:
    """Our events in one calendar."""

    def __init__(self, graph: Graph, calendar: str) -> None:
        self._graph = graph
        self._path = f"{graph.mailbox}/calendars/{segment(calendar)}/events"

    def put(self, event: Event, key: str, applied: Receipt | None, *, unclear: bool) -> Receipt:
        """Make the event what is wanted.

        Raises:
            NotFoundError: the calendar is gone; code `event_gone`: a person deleted the event of `applied`.
            ConflictError: it keeps changing.
            RefusedError: Graph cannot express the recurrence, or refuses the content.
        """
        if applied is None:
            found = self._marked(event.uid) if unclear else []
            return self._become(event, found[0]) if found else self._create(event, key)
        current = self._located(event.uid, applied.id)
        if current is None:
            raise _gone("The event is not in the calendar any more.")
        return self._become(event, current)

    def find(self, uid: str, applied: Receipt | None) -> Event | None:
        """The event as it is."""
        item = self._located(uid, applied.id if applied else "")
        if item is None:
            return None
        try:
            event = event_of(self._with_html(item) if item.get("isOnlineMeeting") else item, uid)
            if not event.rrule:
                return event
            window = looked_at(event, mark_of(item).reach)
            return replace(event, occurrences=occurrences_of(event, self._instances(item, window), window))
        except UnreadableError as error:
            raise _unreadable(error) from None

    def remove(self, uid: str, applied: Receipt | None) -> None:
        """Remove the event of `applied`, or every one with our mark and `uid`. What is not there is removed."""
        if applied is not None:
            self._delete(applied.id)
            return
        try:
            found = self._marked(uid)
        except NotFoundError:  # the calendar itself is gone
            return
        for item in found:
            self._delete(str(item["id"]))

    # finding

    def _located(self, uid: str, identity: str) -> Json | None:
        """The event by its id, else by our mark: a person may have moved it away and back."""
        if identity:
            try:
                return self._read(identity)
            except NotFoundError:
                pass
        return next(iter(self._marked(uid)), None)

    def _read(self, identity: str) -> Json:
        query = {"$select": EVENT_FIELDS, "$expand": EXPAND}
        item = self._graph.get(f"{self._path}/{segment(identity)}", "GET event", query, prefer=(TEXT,))
        if not isinstance(item.get("id"), str):
            raise RetryError("GET event: the answer has no id.", code="answer_unusable")
        return item

    def _marked(self, uid: str) -> list[Json]:
        """The events that bear our mark and `uid`, the one we made before copies of it."""
        query = {"$filter": filter_by_uid(uid), "$select": EVENT_FIELDS, "$expand": EXPAND, "$top": _FOUND}
        listed = self._graph.items(self._path, "GET events", query, prefer=(TEXT,))
        found = [item for item in listed if mark_of(item).uid == uid and isinstance(item.get("id"), str)]
        return sorted(found, key=lambda item: not uid_in_transaction(item.get("transactionId")))

    # creating

    def _create(self, event: Event, key: str) -> Receipt:
        """One POST. A transactionId that is taken belongs to our event, or to one that a person deleted."""
        for attempt in range(_CREATES):
            wanted = new_event(event, transaction_id(key, event.uid, attempt))
            try:
                item, request_id = self._graph.answer("POST", self._path, "POST event", json=wanted, prefer=(TEXT,))
            except ConflictError:
                found = self._marked(event.uid)
                if found:
                    return self._become(event, found[0])
                continue
            if not isinstance(item.get("id"), str):
                raise UnclearError("POST event: the answer has no id.", code="answer_unusable")
            return self._created(event, {**wanted, **item}, request_id)
        raise RefusedError("Office 365 says that the event exists, and does not have it.", code="transaction_taken")

    def _created(self, event: Event, item: Json, request_id: str) -> Receipt:
        """What a POST made, or had made before: the answer to a repeat may be an event as it was then."""
        try:
            if event.conference is Conference.TEAMS and not (item.get("isOnlineMeeting") and join_url(item)):
                item = self._read(str(item["id"]))  # the join link may come a little later than the event
            if event.occurrences or self._planned(event, item)[0]:
                return self._become(event, self._read(str(item["id"])))
        except NotFoundError:
            raise UnclearError("The event is not there right after it was written.", code="write_lost") from None
        return _receipt(event, item, request_id)

    # updating

    def _become(self, event: Event, item: Json) -> Receipt:
        """Write what differs; plan again when it changed between our read and our write."""
        identity = str(item["id"])
        for attempt in range(_ATTEMPTS):
            try:
                return self._written(event, self._read(identity) if attempt else item)
            except ConflictError:
                if attempt + 1 == _ATTEMPTS:
                    raise
            except NotFoundError as error:
                raise _gone("The event was removed while it was written.", error.request_id) from None
        raise ConflictError("The event keeps changing.")

    def _written(self, event: Event, item: Json) -> Receipt:
        patch, dropped = self._planned(event, item)
        request_id = ""
        if patch:
            item, request_id = self._send(item, patch)
        if event.rrule:
            item, lost = self._with_occurrences(event, item)
            dropped = (*dropped, *lost)
        receipt = _receipt(event, item, request_id)
        return replace(receipt, dropped=(*receipt.dropped, *dropped))

    def _planned(self, event: Event, item: Json) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What is to be sent, and what cannot be.

        The body of an online meeting is written with the join text below, which must survive. Where that is not found,
        the body stays as it is, and the description is dropped.
        """
        try:
            patch = patch_of(event, item)
        except UnreadableError as error:
            raise _unreadable(error) from None
        if "body" not in patch or not item.get("isOnlineMeeting"):
            return patch, ()
        item = self._with_html(item)
        merged = html_above_blob(event.description, str(item["body"].get("content") or ""), join_url(item))
        if merged is not None and not same_text(description_of(item), event.description):
            return {**patch, "body": {"contentType": "html", "content": merged}}, ()
        del patch["body"]
        return patch, () if merged is not None else ("description",)

    def _with_html(self, item: Json) -> dict[str, Any]:
        """An online meeting with its body as it is, which is HTML."""
        path, query = f"{self._path}/{segment(str(item['id']))}", {"$select": "body,onlineMeeting"}
        told = self._graph.get(path, "GET event", query)
        if not isinstance(told.get("body"), dict):
            raise RetryError("GET event: the answer has no body.", code="answer_unusable")
        return {**item, **told}

    def _send(self, item: Json, patch: dict[str, Any]) -> tuple[dict[str, Any], str]:
        told, request_id = self._graph.answer(
            "PATCH",
            f"{self._path}/{segment(str(item['id']))}",
            "PATCH event",
            json=patch,
            version=str(item.get("@odata.etag") or ""),
            prefer=(TEXT,),
        )
        return {**item, **told}, request_id

    # occurrences

    def _with_occurrences(self, event: Event, item: Json) -> tuple[Json, tuple[str, ...]]:
        """Bring the occurrences to where they are wanted; what could not be done is dropped."""
        window = looked_at(event, mark_of(item).reach)
        try:
            instances = self._instances(item, window)
            if missing(event, instances, window):
                item = self._renewed(event, item)
                instances = self._instances(item, window)
            todo = steps(event, instances)
            lost = ("occurrences",) if missing(event, instances, window) else ()
        except UnreadableError as error:
            raise _unreadable(error) from None
        for step in todo:
            self._take(step)
        return (self._read(str(item["id"])) if todo else item), lost

    def _instances(self, item: Json, window: Window) -> list[Json]:
        query = {**span_query(window), "$select": INSTANCE_FIELDS, "$top": str(PAGE)}
        return self._graph.items(f"{self._path}/{segment(str(item['id']))}/instances", "GET instances", query)

    def _renewed(self, event: Event, item: Json) -> Json:
        """The series with all its occurrences: its recurrence is taken away and written again."""
        single, _ = self._send(item, {"recurrence": None})
        wanted = new_event(event, "")
        self._send(single, {name: wanted[name] for name in ("recurrence", "start", "end", "isAllDay")})
        return self._read(str(item["id"]))

    def _take(self, step: Step) -> None:
        if step.times is None:
            self._delete(step.id)
            return
        path = f"{self._path}/{segment(step.id)}"
        self._graph.answer("PATCH", path, "PATCH occurrence", json=dict(step.times))

    def _delete(self, identity: str) -> None:
        try:
            self._graph.answer("DELETE", f"{self._path}/{segment(identity)}", "DELETE event")
        except NotFoundError:
            return


def _receipt(event: Event, item: Json, request_id: str) -> Receipt:
    return Receipt(
        id=str(item["id"]),
        version=str(item.get("@odata.etag") or ""),
        uid=event.uid,
        dropped=dropped_fields(event, item),
        request_id=request_id,
        meeting_url=join_url(item),
    )


def _gone(text: str, request_id: str | None = None) -> NotFoundError:
    return NotFoundError(text, code="event_gone", status=404, remedy=REMOVED_REMEDY, request_id=request_id)


def _unreadable(error: UnreadableError) -> RefusedError:
    return RefusedError(f"The event at Office 365 cannot be read: {error}.", code="unreadable_event")
