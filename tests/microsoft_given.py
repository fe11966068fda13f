"""The sandboxed Microsoft Graph, as its tests and those of its clients use it: by bare requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from sandboxed import sandboxed

from syncd.sandbox import Sandbox
from syncd.sandbox.microsoft import MicrosoftGraph

ANA, BEN = "ana@example.com", "ben@example.com"
SCOPES = ("User.Read", "Calendars.ReadWrite", "MailboxSettings.Read", "offline_access")
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
TENANT = "contoso.example"
BERLIN, WINDOWS_BERLIN = "Europe/Berlin", "W. Europe Standard Time"
MARCH = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z"
IMMUTABLE = 'IdType="ImmutableId"'

_SESSIONS: list[requests.Session] = []
"""To close when the provider ends."""


@contextmanager
def graph_running(provider: MicrosoftGraph) -> Iterator[Sandbox]:
    """The provider on loopback: Ana and Ben, in Berlin."""
    provider.add_user(ANA)
    provider.add_user(BEN)
    with sandboxed([provider]) as sandbox:
        try:
            yield sandbox
        finally:
            while _SESSIONS:
                _SESSIONS.pop().close()


def session() -> requests.Session:
    """A session that is closed at the end, and asks no proxy."""
    made = requests.Session()
    made.trust_env = False
    _SESSIONS.append(made)
    return made


class Client:
    """Requests of one person, with immutable ids; `root` is the mailbox they are for."""

    def __init__(
        self, provider: MicrosoftGraph, email: str = ANA, scopes: tuple[str, ...] = SCOPES, root: str = "/me"
    ) -> None:
        self.url = f"{provider.url}/v1.0"
        self.root = root
        self.token = provider.issuer.issue(email, scopes)["access_token"]
        self._session = session()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request; `path` is below the mailbox, or a whole link, or below the version where it begins with `//`."""
        url = path if path.startswith("http") else self.url + (path[1:] if path.startswith("//") else self.root + path)
        given = {"Prefer": IMMUTABLE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        given["Authorization"] = f"Bearer {self.token}"
        return self._session.request(method, url, json=body, headers=given, timeout=20)

    def got(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of a request that is carried out."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and code of a request that is refused, in the documented shape."""
        answer = self.ask(method, path, body, **headers)
        error = answer.json()["error"]
        assert error.keys() == {"code", "message", "innerError"}
        assert error["innerError"].keys() == {"date", "request-id", "client-request-id"}
        return answer.status_code, error["code"]

    def create(self, path: str = "/events", **fields: Any) -> Any:
        """Make an event; 2 March 2026, ten to eleven in Berlin unless other times are given."""
        return self.got("POST", path, {**ten(), **fields})

    def batch(self, *parts: dict[str, Any]) -> dict[str, Any]:
        """A batch's answers by their ids."""
        told = self.got("POST", "//$batch", {"requests": list(parts)})
        return {each["id"]: each for each in told["responses"]}


def at(moment: str, zone: str = BERLIN) -> dict[str, str]:
    """A dateTimeTimeZone."""
    return {"dateTime": moment, "timeZone": zone}


def ten(day: str = "2026-03-02", **fields: Any) -> dict[str, Any]:
    """An event of one hour from ten in Berlin."""
    return {"subject": "Meeting", "start": at(f"{day}T10:00:00"), "end": at(f"{day}T11:00:00"), **fields}


def weekly(count: int = 4, **fields: Any) -> dict[str, Any]:
    """A series on Mondays at ten in Berlin from 2 March 2026; summer time begins on 29 March."""
    return ten(
        recurrence={
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday"},
            "range": {"type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": count},
        },
        **fields,
    )


class Receiver:
    """Takes notifications. `echoes` False: it does not pass the handshake."""

    def __init__(self) -> None:
        self.url = ""
        self.echoes = True
        self.handshakes: list[str] = []
        self.got: list[dict[str, Any]] = []

    def kinds(self) -> list[str]:
        """What each notification was about."""
        return [n.get("changeType") or n["lifecycleEvent"] for n in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    taken = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = parse_qs(urlsplit(self.path).query).get("validationToken", [""])[0]
            self._answer(200, (token if taken.echoes else "hello").encode()) if token else self._notified(body)

        def _notified(self, body: bytes) -> None:
            taken.got.extend(json.loads(body)["value"])
            self._answer(202, b"")

        def _answer(self, status: int, text: bytes) -> None:
            if text:
                taken.handshakes.append(text.decode())
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{server.server_port}/push"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield taken
    server.shutdown()
    server.server_close()
    thread.join()
