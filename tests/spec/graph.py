"""Microsoft Graph's calendars against the cut of Microsoft's own OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from syncd.sandbox import Exchange
from syncd.sandbox.microsoft_batch import FORCED

from .exchanges import inner, spec
from .fields import Schema
from .openapi import OpenApi

NAME = "microsoft-graph/graph-v1.0.calendar.openapi.cut.json"
BASE = "/v1.0"
BATCH = f"{BASE}/$batch"
ELSEWHERE = re.compile(r"/(common|organizations|consumers|[0-9a-z.-]+)/(oauth2|v2\.0|discovery|\.well-known)(/|$)")
"""The login service, below a tenant; Graph's document does not describe it."""
TOKENS = frozenset({"$skiptoken", "$deltatoken"})
"""What the links of a listing carry (microsoft-graph.facts.json, `delta`)."""


@cache
def api() -> OpenApi | None:
    """Graph's calendar; None without its document."""
    document = spec(NAME)
    if document is None:
        return None
    return OpenApi(
        document=_null_alone(document),
        base=BASE,
        ignored=lambda name: "@odata." in name or name.startswith("@"),
        tokens=TOKENS,
        prepared=spelled,
    )


def check(exchange: Exchange) -> list[str]:
    """What is wrong with an exchange, and with each request of a batch."""
    graph = api()
    if graph is None or ELSEWHERE.match(exchange.request.path):
        return []
    inside = _batch(graph, exchange) if exchange.request.path == BATCH else ()
    return [*graph.check(exchange), *inside]


def spelled(method: str, body: Any, schema: Schema) -> Any:
    """The parameters of an action as the document spells them: the service takes `schedules` for `Schedules`."""
    listed = {name.lower(): name for name in schema.get("properties", ())}
    if not isinstance(body, dict):
        return body
    return {listed.get(name.lower(), name): value for name, value in body.items()}


def _null_alone(schema: Any) -> Any:
    """The document, where a choice of something or null is that.

    The cut has it as "something, or an object that may be null", which any object would satisfy.
    """
    if isinstance(schema, dict):
        if schema == {"type": "object", "nullable": True}:
            return {"enum": [None], "nullable": True}
        return {name: _null_alone(value) for name, value in schema.items()}
    return [_null_alone(value) for value in schema] if isinstance(schema, list) else schema


def _batch(graph: OpenApi, exchange: Exchange) -> Iterator[str]:
    sent, told = _json(exchange.request.body), _json(exchange.body)
    requests = [r for r in _listed(sent, "requests") if {"id", "method", "url"} <= r.keys()]
    answers = {str(a.get("id")): a for a in _listed(told, "responses")} if not exchange.forced else {}
    if answers and answers.keys() != {r["id"] for r in requests}:
        yield f"{exchange.provider} {BATCH}: the answers' ids {sorted(answers)} are not the requests'"
    for request in requests:
        yield from graph.check(_call(exchange, request, answers.get(request["id"])))


def _call(exchange: Exchange, request: Mapping[str, Any], answer: Mapping[str, Any] | None) -> Exchange:
    """A request of a batch with its answer, but for one that a fault forced."""
    if answer and FORCED in answer.get("headers", {}):
        answer = None
    return inner(
        exchange,
        request["method"],
        f"{BASE}/{request['url'].lstrip('/')}",
        sent=(request.get("headers", {}), _bytes(request)),
        status=answer["status"] if answer else None,
        told=(answer.get("headers", {}), _bytes(answer)) if answer else ({}, b""),
    )


def _bytes(item: Mapping[str, Any]) -> bytes:
    return json.dumps(item["body"]).encode() if item.get("body") is not None else b""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _listed(body: Any, name: str) -> list[dict[str, Any]]:
    items = body.get(name, []) if isinstance(body, dict) else []
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
