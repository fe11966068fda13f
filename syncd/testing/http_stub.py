"""HTTP/1.1 on loopback for stubs: requests in, answers out, authentication checked. No more than our clients use."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import time
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

_DIGEST_PART = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]*))')
_REASONS = {200: "OK", 201: "Created", 204: "No Content", 207: "Multi-Status"}
_NONCE = "stub-nonce"


@dataclass(frozen=True, slots=True)
class Login:
    """What the server asks for: `kind` "basic", "digest" or "bearer"."""

    kind: str = "basic"
    username: str = "ada"
    password: str = "stub-pass"

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header."""
        extra = f', nonce="{_NONCE}", qop="auth", algorithm=MD5' if self.kind == "digest" else ""
        return f'{self.kind.capitalize()} realm="stub"{extra}'

    def accepts(self, method: str, header: str) -> bool:
        """Whether an Authorization header is right."""
        kind, _, rest = header.partition(" ")
        if kind.lower() != self.kind:
            return False
        if self.kind == "digest":
            return self._digest_fits(method, rest)
        expected = self.password
        if self.kind == "basic":
            expected = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return rest == expected

    def _digest_fits(self, method: str, header: str) -> bool:
        """RFC 7616 with MD5 and qop=auth."""
        parts = {name: quoted or plain for name, quoted, plain in _DIGEST_PART.findall(header)}
        first = _md5(f"{self.username}:stub:{self.password}")
        second = _md5(f"{method}:{parts.get('uri', '')}")
        proof = _md5(":".join([first, _NONCE, parts.get("nc", ""), parts.get("cnonce", ""), "auth", second]))
        return parts.get("response") == proof


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; header names in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Response:
    """An answer. `drop` closes the connection instead of sending it."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


class Answering(Protocol):
    """What a connection needs of its server."""

    delay_s: float
    cpu_s: float
    connections: set[asyncio.Transport]

    def answer(self, request: Request) -> Response:
        """What the server says."""


class Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length and keep-alive: all that the clients of calendars send."""

    def __init__(self, server: Answering) -> None:
        self._server = server
        self._buffer = b""

    # the three methods of asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (request := self._next()) is not None:
            started = time.thread_time()
            response = self._server.answer(request)
            self._server.cpu_s += time.thread_time() - started
            if self._server.delay_s:
                asyncio.get_running_loop().call_later(self._server.delay_s, self._send, response)
            else:
                self._send(response)

    def _next(self) -> Request | None:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        method, target, _ = first.split(" ", 2)
        return Request(method, unquote(target.partition("?")[0]), headers, rest[:length].decode("utf-8"))

    def _send(self, response: Response) -> None:
        if self._transport.is_closing():
            return
        if response.drop:
            self._transport.abort()
            return
        body = response.body.encode()
        headers = {"Content-Type": "application/xml; charset=utf-8", **response.headers, "Content-Length": len(body)}
        head = f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Answer')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(head.encode() + b"\r\n" + body)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
