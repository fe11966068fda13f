"""Batches: up to 50 calls as one multipart/mixed request (RFC 2046), each part a request, each answered by itself.

Source: google-calendar.facts.json, `batch_max_calls` and `batch_note`: a part with Content-ID `<x>` is answered with
`<response-x>`, in any order; here the last comes first. A part without its own Authorization has the batch's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from email import policy
from email.parser import BytesParser
from typing import NamedTuple
from urllib.parse import urlsplit

from .google_errors import GoogleError
from .kernel import Answer, Request

MOST_CALLS = 50


class Part(NamedTuple):
    """A call of a batch, with its Content-ID (without the angle brackets)."""

    content_id: str
    request: Request


def parts(request: Request) -> list[Part]:
    """The calls of a batch. Raises GoogleError (badRequest)."""
    found = [_part(kind, body, content_id, request) for kind, content_id, body in _split(request.headers, request.body)]
    if not 0 < len(found) <= MOST_CALLS:
        raise GoogleError("badRequest", f"A batch holds 1 to {MOST_CALLS} calls, this one holds {len(found)}.")
    return found


def answered(calls: Sequence[Part], call: Callable[[Request], Answer]) -> Answer:
    """The batch's answer: always 200, with each call's own inside."""
    boundary = f"batch_{secrets.token_urlsafe(16)}"
    told = [_answer(part.content_id, call(part.request)) for part in calls]
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), each) for each in reversed(told))
    return Answer(200, body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/mixed; boundary={boundary}"})


def _split(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str, bytes]]:
    kind = headers.get("content-type", "")
    if not kind.lower().startswith("multipart/mixed"):
        raise GoogleError("badRequest", "A batch is multipart/mixed.")
    message = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    found = []
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        content_id = str(part.get("Content-ID", "")).strip().removeprefix("<").removesuffix(">")
        found.append((part.get_content_type(), content_id, payload if isinstance(payload, bytes) else b""))
    return found


def _part(kind: str, body: bytes, content_id: str, outer: Request) -> Part:
    head, _, inner = body.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    words = first.split(" ")
    if kind != "application/http" or len(words) < 2:
        raise GoogleError("badRequest", "A part of a batch is an application/http request.")
    own = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    authorization = {"authorization": outer.headers["authorization"]} if "authorization" in outer.headers else {}
    target = urlsplit(words[1])
    return Part(
        content_id,
        Request(
            method=words[0],
            path=target.path,
            query_string=target.query,
            headers={**authorization, **own},
            body=inner,
            url=outer.url,
        ),
    )


def _answer(content_id: str, answer: Answer) -> bytes:
    body, headers = answer.encoded()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    told = f"HTTP/1.1 {answer.status} \r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
    return b"Content-Type: application/http\r\nContent-ID: <response-%s>\r\n\r\n%s" % (content_id.encode(), told + body)
