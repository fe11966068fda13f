"""Where a browser on this machine comes back to from a consent page: one answer, on 127.0.0.1 (RFC 8252, 7.3)."""

from __future__ import annotations

import hmac
import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from syncd.api.page import HEADERS, page
from syncd.errors import ConfigError

HOST = "127.0.0.1"
MAX_FIELDS = 50
SLOW_BROWSER_S = 10.0
LAST_WORD_S = 5.0
"""How long the person's page may take to be sent."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the browser is told."""

    status: int
    text: str


STRANGE = _Told(404, page("Not found", "There is nothing here."))
WRONG_STATE = _Told(400, page("Not connected", "This is no answer to the consent that syncd waits for."))
SECOND = _Told(400, page("Not connected", "This answer was used before."))
STOPPED = _Told(400, page("Not connected", "The command was stopped. Nothing was stored."))


class LoopbackCallback:
    """Waits for the one request that brings `state` back. It is answered when `tell` says what became of it.

    Args:
        state: what the consent page was given.
        port: where to listen; 0 is any free one.
        name: what this machine is called in the address; it is 127.0.0.1, whatever it is called.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(self, state: str, *, port: int = 0, name: str = HOST) -> None:
        self._state = state.encode()
        self._answers: queue.Queue[dict[str, str]] = queue.Queue()
        self._outcome: queue.Queue[_Told] = queue.Queue()
        self._lock = threading.Lock()
        self._came = False
        self._sent = threading.Event()
        try:
            self._server = _Server((HOST, port), _handler(self))
        except OSError as error:
            raise ConfigError(
                f"Port {port} cannot be listened on: {error.strerror}.", remedy="Name another one: --port"
            ) from error
        self.port = int(self._server.server_address[1])
        self.address = f"http://{name}:{self.port}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="syncd-callback", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(STOPPED)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, within_s: float) -> dict[str, str] | None:
        """The parameters that came back; None when nothing did in that time."""
        try:
            return self._answers.get(timeout=within_s)
        except queue.Empty:
            return None

    def tell(self, title: str, *texts: str, status: int = 200) -> None:
        """Show the person what became of it."""
        self._tell(_Told(status, page(title, *texts)))

    def _tell(self, told: _Told) -> None:
        with self._lock:
            waits = self._came and not self._sent.is_set()
        if waits:
            self._outcome.put(told)
            self._sent.wait(LAST_WORD_S)

    def take(self, path: str) -> _Told:
        """What a browser is told that asks for a path; for the one that is waited for, once that is known."""
        parts = urlsplit(path)
        if parts.path != "/":
            return STRANGE
        try:
            answer = dict(parse_qsl(parts.query, max_num_fields=MAX_FIELDS))
        except ValueError:
            return WRONG_STATE
        if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), self._state):
            return WRONG_STATE
        with self._lock:
            if self._came:
                return SECOND
            self._came = True
        self._answers.put(answer)
        return self._outcome.get()

    def sent(self, told: _Told) -> None:
        """Note that a browser was told, or has gone away."""
        if told not in (STRANGE, WRONG_STATE, SECOND):
            self._sent.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(callback: LoopbackCallback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOW_BROWSER_S

        def do_GET(self) -> None:
            """The browser comes back, or asks for an icon."""
            told = callback.take(self.path)
            try:
                self._send(told)
            finally:
                callback.sent(told)

        def _send(self, told: _Told) -> None:
            body = told.text.encode()
            self.send_response_only(told.status)
            for name, value in {**HEADERS, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the address holds a code."""

    return Handler
