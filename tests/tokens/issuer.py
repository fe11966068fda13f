"""A provider that issues tokens, on loopback: it rotates refresh tokens and kills the grant of one sent twice."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT_SECRET = "issuer-secret"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the token endpoint says instead of what it would; `lost`: it does its work, and the answer never comes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


class Issuer:
    """One grant. `refreshes` counts those carried out, `reused` refresh tokens that were sent again, `most_at_once` how
    many asked at the same time.

    `grace`: the refresh token before the current one still works. `gate`: closed, answers wait for it; `asked` tells
    that a request has come. A second one at the same time opens the gate: there must be none.
    """

    def __init__(self) -> None:
        self.url = ""
        self.grace = False
        self.extra: dict[str, Any] = {"expires_in": 3600}
        self.omitted: set[str] = set()
        self.client_secret = CLIENT_SECRET
        self.answers: deque[Answer] = deque()
        self.gate, self.asked = threading.Event(), threading.Event()
        self.gate.set()
        self.on_use: Callable[[str], None] = lambda token: None
        self.requests = self.refreshes = self.reused = self.most_at_once = 0
        self.dead = False
        self.number = 0
        self._valid = self.access
        self._lock = threading.Lock()
        self._at_once = 0

    @property
    def access(self) -> str:
        """The newest access token."""
        return f"access-{self.number}"

    @property
    def refresh(self) -> str:
        """The refresh token to be sent next."""
        return f"refresh-{self.number}"

    def expire(self) -> None:
        """The access token is not accepted any more."""
        self._valid = ""

    def accepts(self, token: str) -> bool:
        """Whether a call may be made with an access token."""
        self.on_use(token)
        return token == self._valid and not self.dead

    def exchange(self, form: dict[str, str]) -> Answer:
        """The token endpoint."""
        with self._lock:
            self._at_once += 1
            self.requests += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        self.asked.set()
        if self._at_once > 1:
            self.gate.set()
        self.gate.wait(30)
        with self._lock:
            self._at_once -= 1
            planned = self.answers.popleft() if self.answers else Answer()
            if planned.status != 200 or planned.body is not None:
                return planned
            told = self._told(form)
            return Answer(told.status, told.body, planned.headers, planned.lost)

    def _told(self, form: dict[str, str]) -> Answer:
        if form.get("client_secret") != self.client_secret:
            return Answer(401, {"error": "invalid_client"})
        sent = form.get("refresh_token", "")
        known = {self.refresh} | ({f"refresh-{self.number - 1}"} if self.grace else set())
        if self.dead or sent not in known:
            self.reused += sent.startswith("refresh-") and sent != self.refresh
            self.dead = True
            return Answer(400, {"error": "invalid_grant"})
        self.number += 1
        self.refreshes += 1
        self._valid = self.access
        body = {"access_token": self.access, "refresh_token": self.refresh, "token_type": "Bearer", **self.extra}
        return Answer(200, {k: v for k, v in body.items() if k not in self.omitted})


@contextmanager
def serve(issuer: Issuer) -> Iterator[Issuer]:
    """Serve it until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
            answer = issuer.exchange(form)
            if not answer.lost:
                self._send(answer)

        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._send(Answer(200 if issuer.accepts(token) else 401, {}))

        def _send(self, answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
