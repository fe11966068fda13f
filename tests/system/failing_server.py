"""An HTTP server that fails in every way, and quotes the request back while it does."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAILURES = ("401", "403", "404", "429", "500", "garbage", "half", "hang up", "elsewhere", "nobody listens")
FEED = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:Team\r\nEND:VCALENDAR\r\n"


class FailingServer:
    """Answers feeds rightly while `failure` is empty, then fails in that way.

    What it answers then holds the request's own line and headers, credentials and all, as careless servers do.
    """

    def __init__(self) -> None:
        self.failure = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __enter__(self) -> FailingServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])


def _handler(server: FailingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def fail(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = f"{self.requestline}\n{self.headers}".encode()
            if server.failure == "hang up":
                self.close_connection = True
                return
            self.send_response(int(server.failure) if server.failure.isdigit() else 200 if self._fine else 302)
            if server.failure == "elsewhere":
                self.send_header("Location", f"http://elsewhere.invalid{self.path}")
            self.send_header("WWW-Authenticate", f'Basic realm="{self.path}"')
            self.send_header("X-Told", self.headers.get("Authorization") or "nothing")
            body = FEED if not server.failure else told
            self.send_header("Content-Length", str(len(body) * (2 if server.failure == "half" else 1)))
            self.end_headers()
            self.wfile.write(body)

        @property
        def _fine(self) -> bool:
            return server.failure != "elsewhere"

        do_GET = do_PUT = do_DELETE = do_PROPFIND = do_REPORT = fail

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
