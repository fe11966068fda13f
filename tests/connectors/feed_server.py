"""Feeds served on loopback, and the iCalendar text for them. Every event is from nine to ten UTC in November 2026."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from syncd.model.busy import BusyTime

TOKEN = "private-8f3a91"
PATH = f"/{TOKEN}/basic.ics"


def event(uid: str, day: int, *lines: str) -> str:
    times = [f"DTSTART:202611{day:02}T090000Z", f"DTEND:202611{day:02}T100000Z"]
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *times, *lines, "END:VEVENT"])


def calendar(*events: str, name: str = "Team") -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", f"X-WR-CALNAME:{name}", *events, "END:VCALENDAR", ""])


def nine_to_ten(uid: str, day: int) -> BusyTime:
    start = datetime(2026, 11, day, 9, tzinfo=UTC)
    return BusyTime(start, start + timedelta(hours=1), uid=uid)


@dataclass
class Page:
    """What the server gives at one path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class FeedServer:
    """Serves `pages`, answers If-None-Match and If-Modified-Since by a bare 304, and keeps what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str = PATH, scheme: str = "http") -> str:
        return f"{scheme}://localhost:{self._server.server_address[1]}{path}"

    def serve(self, text: str | bytes, path: str = PATH, status: int = 200, **headers: str) -> None:
        body = text.encode() if isinstance(text, str) else text
        self.pages[path] = Page(body, status, {name.replace("_", "-"): value for name, value in headers.items()})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feeds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                feeds.asked.append((self.path, dict(self.headers)))
                page = feeds.pages.get(self.path, Page(status=404))
                known = {"ETag": self.headers["If-None-Match"], "Last-Modified": self.headers["If-Modified-Since"]}
                same = any(value and page.headers.get(name) == value for name, value in known.items())
                self.send_response(304 if same else page.status)
                if not same:
                    for name, value in {**page.headers, "Content-Length": str(len(page.body))}.items():
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if same else page.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
