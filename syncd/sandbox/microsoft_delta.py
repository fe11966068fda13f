"""calendarView/delta: a first round over a window that the links keep, then what has changed since.

Source: microsoft-graph.facts.json, `delta`. A round in pages tells what was there when it began; what changes meanwhile
is told by the next.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from .microsoft_call import Call, window
from .microsoft_errors import GraphError
from .microsoft_event import View, shown
from .microsoft_series import instances
from .microsoft_store import Calendar, Event, Resource, shown_id

UNSUPPORTED = ("$select", "$filter", "$orderby", "$search", "$expand", "$top", "$skip")
DEFAULT_PAGE = 100
SLIM = ("@odata.etag", "id", "seriesMasterId", "type", "start", "end")
"""What is told of an occurrence that is as its rule has it."""

_PAGE_SIZE = re.compile(r"odata\.maxpagesize\s*=\s*(\d+)")


def delta(call: Call) -> Resource:
    """GET calendarView/delta. Raises GraphError."""
    query = call.request.query
    token = query.get("$deltatoken") or query.get("$skiptoken") or ""
    if not token:
        for name in UNSUPPORTED:
            if name in query:
                raise GraphError(400, "ErrorInvalidUrlQuery", f"The query parameter '{name}' is not supported.")
        start, end = window(call)
        return _round(call, {"from": 0, "start": start.isoformat(), "end": end.isoformat(), "at": 0})
    return _round(call, _state(call, token))


def _round(call: Call, state: Mapping[str, Any]) -> Resource:
    """A page of a round, with the link to the next, or to the next round."""
    size = _PAGE_SIZE.search(call.prefer)
    at, most = int(state["at"]), max(1, int(size[1])) if size else DEFAULT_PAGE
    if "round" not in state:
        state = {**state, "round": str(uuid4()), "until": call.store.now}
        items = _changed(call, state)
    else:
        items = call.store.rounds[state["round"]]
    empty = call.switch("empty-page") is not None
    following = at if empty else at + most
    told: Resource = {"value": items[at:following]}
    if empty or following < len(items):
        call.store.rounds[state["round"]] = items
        return {**told, "@odata.nextLink": _link(call, "$skiptoken", {**state, "at": following})}
    done = {"from": state["until"], "start": state["start"], "end": state["end"], "at": 0}
    told["@odata.deltaLink"] = _link(call, "$deltatoken", done)
    return told


def _changed(call: Call, state: Mapping[str, Any]) -> list[Resource]:
    """What changed between two numbers of events in the window; `@removed` for what is not in it any more."""
    start, end = (datetime.fromisoformat(state[name]) for name in ("start", "end"))
    since, until, holder, view = state["from"], state["until"], call.calendar, call.view(select=False)
    told: list[Resource] = []
    for event_id in dict.fromkeys(i for n, i in holder.changes if since < n <= until):
        event = holder.events.get(event_id)
        found = instances(event, start, end) if event else []
        told += _told(event, found, view)
        if since:
            now = {e.id for e in found} | ({event_id} if found else set())
            before = _before(call, holder, event_id, since, start, end)
            told += [_removed(each, holder, view) for each in sorted(before - now)]
        if event is not None and event.recurrence is not None:
            call.store.series.setdefault(event_id, set()).update(e.id for e in found)
    return told


def _told(event: Event | None, found: list[Event], view: View) -> list[Resource]:
    """An event as a round tells it: of a series the master in full, and its occurrences slim."""
    if event is None or not found:
        return []
    master = [shown(event, view)] if event.recurrence is not None else []
    return [*master, *(_slim(e, view) if e.kind == "occurrence" else shown(e, view) for e in found)]


def _before(call: Call, holder: Calendar, event_id: str, since: int, start: datetime, end: datetime) -> set[str]:
    """The ids by which an event was known to earlier rounds."""
    occurrences = call.store.series.get(event_id, set())
    known = bool(occurrences) or holder.was_within(event_id, since, start, end)
    return occurrences | ({event_id} if known else set())


def _slim(event: Event, view: View) -> Resource:
    told = shown(event, view)
    return {name: told[name] for name in SLIM}


def _removed(event_id: str, holder: Calendar, view: View) -> Resource:
    return {
        "@odata.type": "#microsoft.graph.event",
        "id": shown_id(event_id, holder.folder, immutable=view.immutable),
        "@removed": {"reason": "deleted"},
    }


def _link(call: Call, name: str, state: Mapping[str, Any]) -> str:
    text = base64.urlsafe_b64encode(json.dumps({**state, "epoch": call.store.epoch}).encode()).decode()
    return f"{call.base}{call.request.path}?{quote(name, safe='$')}={quote(text)}"


def _state(call: Call, text: str) -> dict[str, Any]:
    """What a link says. Raises GraphError: it is dead."""
    try:
        state = json.loads(base64.urlsafe_b64decode(text))
    except ValueError:
        state = None
    alive = isinstance(state, dict) and state.get("epoch") == call.store.epoch
    if not alive or state.get("round", "") not in ("", *call.store.rounds) or call.switch("state-gone"):
        raise _gone(call, state if isinstance(state, dict) else {})
    return dict(state)


def _window_of(state: Mapping[str, Any]) -> str:
    """The window of a dead link, so that the round it leads to is over the same."""
    told = {"startDateTime": state.get("start"), "endDateTime": state.get("end")}
    return "".join(f"{name}={quote(value)}&" for name, value in told.items() if isinstance(value, str))


def _gone(call: Call, state: Mapping[str, Any]) -> GraphError:
    if fault := call.switch("state-400"):
        return GraphError(400, str(fault.value or "SyncStateNotFound"), "The sync state generation is not found.")
    where = f"{call.base}{call.request.path}?{_window_of(state)}$deltatoken="
    return GraphError(410, "syncStateNotFound", "The sync state is not found.", headers={"Location": where})
