"""What a call of Graph has at hand, and what calls have in common: windows, pages, `$select`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from .faults import Fault, Faults
from .kernel import Request
from .microsoft_errors import GraphError
from .microsoft_event import View
from .microsoft_store import Calendar, Mailbox, Resource, Store
from .microsoft_times import read_moment, zone_preferred

DEFAULT_TOP, MOST_TOP = 10, 1000
LONGEST_VIEW = timedelta(days=1825)
PROPERTY = re.compile(r"id eq '((?:[^']|'')*)'", re.IGNORECASE)
KNOWN_OPTIONS = frozenset({"$select", "$top", "$skip", "$filter", "$expand", "$orderby", "$skiptoken", "$deltatoken"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its request, whose mailbox, everything there is, where continuation links begin, and who is told of
    changes.
    """

    request: Request
    mailbox: Mailbox
    store: Store
    faults: Faults
    now: datetime
    base: str
    pushed: Callable[[Mailbox, Calendar, str, str], None]

    @property
    def prefer(self) -> str:
        """The Prefer header."""
        return self.request.headers.get("prefer", "")

    @property
    def immutable(self) -> bool:
        """Whether ids shall outlive a move."""
        return immutable_ids(self.request)

    @property
    def calendar(self) -> Calendar:
        """The calendar that the path names; the default one where it names none. Raises GraphError."""
        return self.mailbox.calendar(self.request.params.get("calendar", ""))

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names in `$select`; () for all."""
        return tuple(n.strip() for n in self.request.query.get("$select", "").split(",") if n.strip())

    def view(self, *, select: bool = True) -> View:
        """How events are told."""
        return View(
            self.mailbox,
            zone_preferred(self.prefer),
            self.immutable,
            'outlook.body-content-type="text"' in self.prefer.lower(),
            self.chosen if select else (),
            tuple(p.replace("''", "'").lower() for p in PROPERTY.findall(self.request.query.get("$expand", ""))),
            self.switch("all-day-shifted") is not None,
        )

    def body(self) -> Mapping[str, Any]:
        """The JSON object that was sent. Raises GraphError."""
        return json_object(self.request)

    def switch(self, kind: str) -> Fault | None:
        """The fault of that kind that strikes now."""
        return self.faults.take(kind, self.request.method, self.request.target)


def immutable_ids(request: Request) -> bool:
    """Whether a request asks for ids that outlive a move."""
    return 'idtype="immutableid"' in request.headers.get("prefer", "").lower()


def json_object(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request. Raises GraphError."""
    try:
        told = request.json
    except ValueError:
        told = None
    if not isinstance(told, Mapping):
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.")
    return told


def window(call: Call) -> tuple[datetime, datetime]:
    """The window that is asked for. Raises GraphError."""
    query = call.request.query
    if not {"startDateTime", "endDateTime"} <= query.keys():
        message = "This request requires a time window specified by StartDateTime and EndDateTime."
        raise GraphError(400, "ErrorInvalidParameter", message)
    start, end = (read_moment(query[name], "UTC", name) for name in ("startDateTime", "endDateTime"))
    if end < start or end - start > LONGEST_VIEW:
        raise GraphError(400, "ErrorInvalidRequest", "The requested time range is too long.")
    return start, end


def page(call: Call, found: Sequence[Resource]) -> Resource:
    """A page by `$top` and `$skip`. Raises GraphError."""
    for name in call.request.query:
        if name.startswith("$") and name not in KNOWN_OPTIONS:
            raise GraphError(400, "ErrorInvalidUrlQuery", f"The query parameter '{name}' is not supported.")
    top, skip = _number(call, "$top", DEFAULT_TOP, 1, MOST_TOP), _number(call, "$skip", 0, 0, 1_000_000)
    if call.switch("empty-page"):
        return {"value": [], "@odata.nextLink": _next(call, skip)}
    told: Resource = {"value": list(found[skip : skip + top])}
    if skip + top < len(found):
        told["@odata.nextLink"] = _next(call, skip + top)
    return told


def selected(call: Call, told: Resource) -> Resource:
    """The fields that `$select` names, with the id."""
    chosen = call.chosen
    return {k: v for k, v in told.items() if k in chosen or k.startswith("@") or k == "id"} if chosen else told


def _number(call: Call, name: str, default: int, least: int, most: int) -> int:
    text = call.request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise GraphError(400, "ErrorInvalidUrlQuery", f"Invalid value for {name}.")
    return int(text)


def _next(call: Call, skip: int) -> str:
    kept = "&".join(f"{quote(n, safe='$')}={quote(v)}" for n, v in call.request.pairs if n != "$skip")
    return f"{call.base}{call.request.path}?{kept}{'&' if kept else ''}$skip={skip}"
