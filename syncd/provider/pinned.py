"""One request, to one checked address, within one deadline, and without a word in the log."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Protocol, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from syncd.errors import ParkError, RetryError

from .addresses import Address


class Timer(Protocol):
    """Calls something later, unless cancelled first."""

    def start(self) -> None:
        """Let time run."""

    def cancel(self) -> None:
        """Call nothing any more."""


def daemon_timer(seconds: float, run: Callable[[], None]) -> Timer:
    """A timer thread that does not keep the process alive."""
    timer = threading.Timer(seconds, run)
    timer.daemon = True
    return timer


class PinnedAdapter(HTTPAdapter):
    """Sends every request to `address`, which the caller has checked, whatever the URL's host name resolves to.

    For one request: `connected` says whether a connection was made, that is, whether the server may have seen it.
    """

    def __init__(self, address: Address, deadline: Deadline) -> None:
        super().__init__(max_retries=0)
        self.connected = False
        self._address = address
        self._deadline = deadline

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        """The pool for the pinned address; certificate and SNI stay with the URL's name. Proxies are ignored."""
        host, options = self.build_connection_pool_key_attributes(request, verify, cert)
        settings: dict[str, Any] = dict(options)
        if host["scheme"] == "https":
            settings["server_hostname"] = host["host"].rstrip(".")
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(
            str(self._address), port=host["port"], scheme=host["scheme"], pool_kwargs=settings
        )
        pool.ConnectionCls = self._watched(pool.ConnectionCls)
        return pool

    def _watched(self, kind: Any) -> Any:
        def connect(connection: Any) -> None:
            kind.connect(connection)
            self.connected = True
            self._deadline.watch(connection.sock.fileno(), self._address)

        return type(kind.__name__, (kind,), {"connect": connect})


class Deadline:
    """Cuts the connections of one fetch when `seconds` are over."""

    def __init__(self, seconds: float, timer: Callable[[float, Callable[[], None]], Timer]) -> None:
        self._seconds = seconds
        self._timer = timer(seconds, self._expire)
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._expired = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    def watch(self, descriptor: int, address: Address) -> None:
        """Cut this connection, too, when time is over.

        Raises:
            ParkError: the other end is not `address`.
            RetryError: time is over already.
        """
        # A duplicate is ours: it cannot be closed, and its number reused, between our look and our cut.
        connected = socket.socket(fileno=os.dup(descriptor))
        with self._lock:
            self._sockets.append(connected)
        if ip_address(connected.getpeername()[0]) != address:
            raise ParkError("The connection went to another address than the one checked.", code="address_refused")
        self.check()

    def check(self) -> None:
        """Raise RetryError when time is over."""
        if error := self.error():
            raise error

    def error(self) -> RetryError | None:
        """What an expired deadline means; None while there is time."""
        if not self._expired:
            return None
        return RetryError(f"The server did not finish its answer in {self._seconds:g} seconds.", code="too_slow")

    def _expire(self) -> None:
        with self._lock:
            self._expired = True
            for connected in self._sockets:
                try:
                    connected.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # closed by the other end


_fetching: ContextVar[bool] = ContextVar("syncd_fetching", default=False)


@contextmanager
def quiet_urllib3() -> Iterator[None]:
    """Keep urllib3 from logging in this thread: it writes request paths, at debug level and with some warnings."""
    token = _fetching.set(True)
    try:
        yield
    finally:
        _fetching.reset(token)


def _not_fetching(_record: logging.LogRecord) -> bool:
    return not _fetching.get()


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.response", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_not_fetching)
