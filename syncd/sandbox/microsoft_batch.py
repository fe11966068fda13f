"""JSON batches: up to 20 requests as one, each answered by itself, in any order.

Source: microsoft-graph.facts.json, `limits`, and https://learn.microsoft.com/graph/json-batching: ids are unique
without regard to case, a body needs its Content-Type, what depends on a request that failed is answered with 424, and
four requests at a time go to Outlook.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from .kernel import Answer, Request
from .microsoft_call import json_object
from .microsoft_errors import GraphError

MOST_REQUESTS, DISPATCHED = 20, 4
FORCED = "x-sandbox-forced"
"""A header of an answer inside a batch that a fault gave, and not the provider: it is not held to the specification."""
VERSION = "/v1.0"


@dataclass(frozen=True, slots=True)
class Part:
    """A request of a batch. Those of the same `wave` are sent to Outlook at the same time."""

    id: str
    request: Request
    needs: tuple[str, ...]
    wave: int


def parts(request: Request) -> list[Part]:
    """The requests of a batch. Raises GraphError."""
    given = json_object(request).get("requests")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_REQUESTS:
        raise _invalid(f"A batch holds 1 to {MOST_REQUESTS} requests.")
    found: dict[str, Part] = {}
    for item in given:
        part = _part(request, item, found)
        if part.id.lower() in found:
            raise _invalid(f"The id '{part.id}' is there twice.")
        found[part.id.lower()] = part
    return list(found.values())


def answered(found: list[Part], call: Callable[[Part], Answer], failed: Callable[[], Answer]) -> Answer:
    """The batch's answer: always 200. The last request is told first, so that nobody relies on an order."""
    told: dict[str, Answer] = {}
    for part in found:
        unmet = any(told[name.lower()].status >= 400 for name in part.needs)
        told[part.id.lower()] = failed() if unmet else call(part)
    responses = [_told(part.id, told[part.id.lower()]) for part in reversed(found)]
    return Answer(200, {"responses": responses})


def _part(outer: Request, item: Any, before: Mapping[str, Part]) -> Part:
    needed = [item.get(name) for name in ("id", "method", "url")] if isinstance(item, Mapping) else []
    if not needed or not all(value and isinstance(value, str) for value in needed):
        raise _invalid("A request of a batch needs id, method and url.")
    needs = tuple(str(name) for name in item.get("dependsOn") or ())
    if any(name.lower() not in before for name in needs):
        raise _invalid("A request depends on one that does not come before it.")
    headers = {str(n).lower(): str(v) for n, v in (item.get("headers") or {}).items()}
    if item.get("body") is not None and "content-type" not in headers:
        raise _invalid("A request with a body needs a Content-Type.")
    path, _, query = item["url"].partition("?")
    request = Request(
        method=item["method"].upper(),
        path=f"{VERSION}/{path.lstrip('/')}",
        query_string=query,
        headers={"authorization": outer.headers.get("authorization", ""), **headers},
        body=json.dumps(item["body"]).encode() if item.get("body") is not None else b"",
        url=outer.url,
    )
    earliest = max((before[name.lower()].wave + 1 for name in needs), default=0)
    waves = Counter(part.wave for part in before.values())
    wave = next(n for n in count(earliest) if waves[n] < DISPATCHED)
    return Part(item["id"], request, needs, wave)


def _told(part_id: str, answer: Answer) -> dict[str, Any]:
    headers = dict(answer.headers)
    if answer.body is not None:
        headers.setdefault("Content-Type", "application/json")
    told: dict[str, Any] = {"id": part_id, "status": answer.status, "headers": headers}
    return told if answer.body is None else {**told, "body": answer.body}


def _invalid(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)
