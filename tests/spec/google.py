"""Google Calendar against the discovery document that its own client carries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from email import policy
from email.parser import BytesParser
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient

from syncd.sandbox import Exchange

from .discovery import openapi_of
from .exchanges import inner
from .openapi import OpenApi

DOCUMENT = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / "calendar.v3.json"
BASE = "/calendar/v3"
BATCH = "/batch/calendar/v3"
MOST_CALLS = 50
"""google-calendar.facts.json, `batch_max_calls`."""
ELSEWHERE = ("/o/", "/oauth2/", "/token", "/revoke", "/device/code", "/v1/userinfo", "/.well-known/")
"""OAuth and OpenID Connect, which the discovery document does not describe."""

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["errors", "code", "message"],
            "properties": {
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["domain", "reason", "message"],
                        "properties": {
                            name: {"type": "string"}
                            for name in ("domain", "reason", "message", "locationType", "location")
                        },
                    },
                },
                "code": {"type": "integer", "minimum": 300, "maximum": 599},
                "message": {"type": "string"},
            },
        }
    },
}
"""google-calendar.facts.json, `error_body`."""

Call = tuple[str, Mapping[str, str], bytes]
"""The first line of a part of a batch, its headers and its body."""


def document() -> Any:
    """Google's discovery document."""
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


@cache
def api() -> OpenApi:
    """The calendar's methods."""
    return OpenApi(document=openapi_of(document(), ERROR), base=BASE, prepared=without_nulls)


def check(exchange: Exchange) -> list[str]:
    """What is wrong with an exchange, and with each call of a batch."""
    path = exchange.request.path
    if path.startswith(ELSEWHERE):
        return []
    return list(_batch(exchange)) if path == BATCH else api().check(exchange)


def without_nulls(method: str, body: Any, schema: Mapping[str, Any]) -> Any:
    """A body as its schema can have it: in a patch, null removes a field, whatever its type is."""
    if method != "PATCH":
        return body
    if isinstance(body, dict):
        return {name: without_nulls(method, value, schema) for name, value in body.items() if value is not None}
    return [without_nulls(method, value, schema) for value in body] if isinstance(body, list) else body


def _batch(exchange: Exchange) -> Iterator[str]:
    try:
        calls = parts(exchange.request.headers, exchange.request.body)
    except ValueError as error:
        yield f"{exchange.provider} {BATCH}: the request: {error}"
        return
    if not 0 < len(calls) <= MOST_CALLS:
        yield f"{exchange.provider} {BATCH}: {len(calls)} calls, of at most {MOST_CALLS}"
    answers: dict[str, Call] = {}
    if exchange.status == 200 and not exchange.forced:
        try:
            answers = parts(exchange.headers, exchange.body)
        except ValueError as error:
            yield f"{exchange.provider} {BATCH}: the answer: {error}"
        if answers and answers.keys() != {f"response-{name}" for name in calls}:
            yield f"{exchange.provider} {BATCH}: calls {sorted(calls)} are answered by {sorted(answers)}"
    for name, call in calls.items():
        yield from api().check(_call(exchange, call, answers.get(f"response-{name}")))


def _call(exchange: Exchange, sent: Call, told: Call | None) -> Exchange:
    method, target = sent[0].split(" ")[:2]
    status = int(told[0].split(" ")[1]) if told else None
    return inner(exchange, method, target, sent=sent[1:], status=status, told=told[1:] if told else ({}, b""))


def parts(headers: Mapping[str, str], body: bytes) -> dict[str, Call]:
    """The calls of a multipart/mixed body (or their answers) by their Content-ID. Raises ValueError."""
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    message = BytesParser(policy=policy.HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    if message.get_content_type() != "multipart/mixed":
        raise ValueError(f"{kind or 'no type'} instead of multipart/mixed")
    found: dict[str, Call] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        if part.get_content_type() != "application/http" or not isinstance(content, bytes):
            raise ValueError(f"a part is {part.get_content_type()} instead of application/http")
        name = str(part["Content-ID"] or "").strip().strip("<>")
        if not name or name in found:
            raise ValueError(f"the Content-ID {name!r} is missing or comes twice")
        head, _, inside = content.replace(b"\r\n", b"\n").partition(b"\n\n")
        first, *lines = head.decode("latin-1").split("\n")
        named = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        found[name] = (first, named, inside)
    return found
