"""Requests to a CalDAV server, through a `requests` session (`session`).

What is ours around it: credentials only go where `origins` allows (redirects are followed by hand for that reason),
every request passes the guard, answers are read lean, and a refusal becomes an error that says what to do next. The
`caldav` package's own `request` follows redirects to any host, logs bodies at debug level and builds a document tree
for every answer.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from syncd.errors import ForbiddenError, ProviderError, ReconnectError, RetryError
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Guard
from syncd.provider.network import network_failure

from .answers import read_conditions
from .origins import Origin, Trust, origin_of
from .refusals import refusal
from .session import Session, offered_kinds

_MAX_HOPS = 5
_MOVED = frozenset({301, 302, 307, 308})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
_XML = "application/xml; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to authenticate. `kind` is "basic", "digest", "bearer" or "auto"; `secret` is the password or the token."""

    kind: str
    username: str
    secret: str
    remedy: str = ReconnectError.remedy


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer below 400."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class DavClient:
    """One account at one server. Several threads may use it; connections are kept alive and shared.

    Args:
        url: where the account's server is.
        trust: says which origins may be sent credentials.
        ca_file: certificate authorities to trust instead of the system's.
    """

    def __init__(
        self, url: str, login: Login, trust: Trust, guard: Guard, *, ca_file: str = "", clock: Clock = utc_now
    ) -> None:
        self.url = url
        self._login = login
        self._trust = trust
        self._guard = guard
        self._clock = clock
        self._moved: dict[Origin, Origin] = {}
        self._lock = threading.Lock()
        self._dav = _session(url, login, guard.timeout_s, ca_file)

    def request(
        self, method: str, url: str, what: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request. `what` names its object in messages and metrics: "event", "calendar", "principal".

        Raises:
            ProviderError: the refusal, classified. `UnclearError` when the answer to a write was lost.
        """
        operation = f"{method} {what}"
        writes = method not in _SAFE

        def run() -> Answer:
            return self._follow(method, url, operation, body, headers or {})

        def classify(cause: Exception) -> ProviderError | None:
            return network_failure(cause, operation, writes=writes)

        return self._guard.call(operation, run, classify, safe=not writes)

    def propfind(self, url: str, what: str, body: bytes, depth: int = 0) -> Answer:
        """Ask for properties."""
        return self.request("PROPFIND", url, what, body, {"Depth": str(depth), "Content-Type": _XML})

    def report(self, url: str, what: str, body: bytes, depth: int | None = 1) -> Answer:
        """Ask a report. `depth` None sends no Depth header."""
        headers = {"Content-Type": _XML} if depth is None else {"Content-Type": _XML, "Depth": str(depth)}
        return self.request("REPORT", url, what, body, headers)

    def insist(self) -> bool:
        """Send Basic from now on though nobody asked: some servers answer strangers. False when we did already."""
        with self._lock:
            if self._dav.auth is not None:
                return False
            self._dav.authenticate("basic")
            return True

    def close(self) -> None:
        """Close the connections."""
        self._dav.close()

    def _follow(self, method: str, url: str, operation: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send, going where redirects lead as far as credentials may go."""
        target = self._current(url)
        for _ in range(_MAX_HOPS):
            self._require_trust(target, operation)
            answer = self._exchange(method, target, body, headers)
            location = answer.headers.get("Location")
            if answer.status not in _MOVED or not location:
                return self._accepted(answer, operation)
            followed = urljoin(target, location)
            self._remember(target, followed)
            target = followed
        raise RetryError(f"{operation}: the server redirects in a circle.", code="redirects")

    def _accepted(self, answer: Answer, operation: str) -> Answer:
        if answer.status < 300:
            return answer
        if answer.status == 401:
            raise ReconnectError(
                f"{operation}: the server does not accept the credential. [401]", status=401, remedy=self._login.remedy
            )
        if answer.status == 421:
            raise RetryError(f"{operation}: the account is served elsewhere. [421]", code="moved", status=421)
        raise refusal(
            answer.status,
            operation,
            self._clock(),
            conditions=read_conditions(answer.body),
            retry_after=answer.headers.get("Retry-After"),
        )

    def _require_trust(self, url: str, operation: str) -> None:
        try:
            origin = origin_of(url)
        except ValueError as error:
            raise ForbiddenError(f"{operation}: the server points to something that is no web address.") from error
        if not self._trust(origin):
            raise ForbiddenError(
                f"{operation}: this leads to {origin}, where the credential was not given for.",
                code="foreign_host",
                remedy=f"If {origin} is right, connect again with that address.",
            )

    def _current(self, url: str) -> str:
        """`url` on the host its origin last redirected to."""
        if not self._moved:
            return url
        try:
            origin = origin_of(url)
        except ValueError:
            return url
        target = self._moved.get(origin)
        return url if target is None else urljoin(f"{target}/", url.split("/", 3)[3] if url.count("/") > 2 else "")

    def _remember(self, source: str, target: str) -> None:
        """A redirect that keeps the path says that the whole host moved."""
        try:
            old, new = origin_of(source), origin_of(target)
        except ValueError:
            return
        if old != new and self._trust(new) and source.split("/", 3)[3:] == target.split("/", 3)[3:]:
            self._moved[old] = new

    def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request and its answer; a second one when the server first says how to authenticate."""
        auth = self._dav.auth
        response = self._dav.send(method, url, body, dict(headers))
        if response.status_code == 401 and self._negotiate(response.headers.get("WWW-Authenticate", ""), auth):
            response = self._dav.send(method, url, body, dict(headers))
        return Answer(response.status_code, response.headers, response.content or b"", url)

    def _negotiate(self, offered: str, used: Any) -> bool:
        """Take up another kind of authentication that a 401 offers. True when a repeat is worth it."""
        if self._login.kind != "auto" or not offered:
            return False
        with self._lock:
            if self._dav.auth is not used:
                return True  # another thread found out meanwhile
            kinds = offered_kinds(offered)
            if used is not None and "basic" in kinds:
                return False  # Basic was tried: the password is wrong
            usable = next((kind for kind in ("digest", "basic") if kind in kinds), "")
            if usable:
                self._dav.authenticate(usable)
            return bool(usable)


def _session(url: str, login: Login, timeout_s: float, ca_file: str) -> Session:
    """A session for `login`.

    With "auto", Basic is sent at once over TLS (and on this machine), which saves a refused request per connection. In
    clear text the server is asked first, so that Digest can keep the password off the wire.
    """
    origin = origin_of(url)
    session = Session(
        origin.scheme, login.kind, login.username, login.secret, timeout_s=timeout_s, verify=ca_file or True
    )
    if login.kind == "auto" and (origin.scheme == "https" or origin.is_loopback):
        session.authenticate("basic")
    return session
