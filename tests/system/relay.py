"""A relay in front of a CalDAV server, which counts requests and can interfere with each."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

HOST = "127.0.0.1"
DROPPED = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}

Hook = Callable[[int], bool]
"""Told the number of a request; True: the request goes no further."""


def let_pass(number: int) -> bool:
    """Interferes with nothing."""
    return False


class Relay:
    """Passes requests on. `before` is asked when one came in, `after` when the server has carried it out.

    Numbers begin at 1 with each `restart`.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.before: Hook = let_pass
        self.after: Hook = let_pass
        self._numbers = count(1)
        self._server = _Server((HOST, 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    def restart(self, before: Hook = let_pass, after: Hook = let_pass) -> None:
        """Count from 1 again, with these hooks."""
        self._numbers = count(1)
        self.before, self.after = before, after

    def next_number(self) -> int:
        return next(self._numbers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # its client was killed while sending
                self.close_connection = True
                return
            number = relay.next_number()
            if relay.before(number):
                self.close_connection = True
                return
            status, headers, answer = self._asked(body)
            if relay.after(number):
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in DROPPED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(HOST, relay.target, timeout=30)
            try:
                kept = {n: v for n, v in self.headers.items() if n.lower() not in DROPPED | {"accept-encoding", "host"}}
                connection.request(self.command, self.path, body, {**kept, "Content-Length": str(len(body))})
                response = connection.getresponse()
                return response.status, response.getheaders(), response.read()
            finally:
                connection.close()

        do_GET = do_PUT = do_DELETE = do_OPTIONS = do_PROPFIND = do_REPORT = do_MKCALENDAR = pass_on

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
