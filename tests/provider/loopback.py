"""A server on loopback that answers with given bytes, and fetchers for which every name leads to it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.errors import ProviderError
from syncd.provider.addresses import AddressPolicy
from syncd.provider.fetch import Fetcher, FetchLimits

LOOPBACK = AddressPolicy.of(["127.0.0.1/32"])
Answer = Callable[[str, socket.socket], None]


class Server:
    """Answers each connection with one answer; keeps the request heads."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.heads: list[str] = []
        self._answer = answer
        self._context = context
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._handle(connection)
                except OSError:
                    pass

    def _handle(self, connection: socket.socket) -> None:
        if self._context:
            connection = self._context.wrap_socket(connection, server_side=True)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        self._answer(head.decode().split(" ")[1], connection)
        if self._context:
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(answer, context, host)
    try:
        yield server
    finally:
        server.close()


def reply(status: int = 200, body: bytes = b"hello", **headers: str) -> bytes:
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body


def always(data: bytes) -> Answer:
    return lambda _path, connection: connection.sendall(data)


def by_path(answers: dict[str, bytes]) -> Answer:
    return lambda path, connection: connection.sendall(answers[path])


def resolving(*answers: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """A resolver that gives `answers` one after another, the last for ever."""
    left = list(answers)
    return lambda _host, _port: left.pop(0) if len(left) > 1 else left[0]


def fetcher(policy: AddressPolicy = LOOPBACK, *, limits: dict[str, Any] | None = None, **options: Any) -> Fetcher:
    """A fetcher for which every name leads to loopback."""
    limited = FetchLimits(**{"timeout_s": 5.0, "deadline_s": 30.0, **(limits or {})})
    return Fetcher(policy, limited, **{"resolve": resolving(["127.0.0.1"]), **options})


def refused(fetch: Fetcher, url: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch.get(url)
    return caught.value
