"""Request bodies: their size and the nesting of their JSON are bounded before anything looks at them."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
BRACKETS = re.compile(rb"[\[{}\]]")


class BodyError(Exception):
    """A body that is not taken: the status to answer, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body.

    Raises:
        BodyError: 413, it is longer than `max_bytes` by its own word or by what came.
    """
    too_long = BodyError(413, f"The body is longer than {max_bytes} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_long
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise too_long
    return bytes(body)


def parse_json(body: bytes, max_depth: int) -> Any:
    """The body's JSON.

    Raises:
        BodyError: 400, it is not JSON, or nested deeper than `max_depth`.
    """
    if deeper_than(body, max_depth):
        raise BodyError(400, f"The JSON is nested deeper than {max_depth} levels.")
    try:
        return from_json(body)
    except (ValueError, RecursionError):
        raise BodyError(400, "The body is not JSON.") from None


def deeper_than(body: bytes, max_depth: int) -> bool:
    """Whether brackets outside of texts nest deeper than `max_depth`."""
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return False
    depth = 0
    for bracket in BRACKETS.findall(TEXTS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            return True
    return False
