"""What every sandboxed provider is made of: requests, answers, routes, limits, counts, faults.

A provider is a class with state and a table of routes; a handler takes a `Request` and gives an `Answer`. It runs on
the server's event loop, one at a time, under the provider's lock.
"""

from __future__ import annotations

import json
import re
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from syncd.model.clock import Clock, utc_now

from .faults import Faults


@dataclass(frozen=True)
class Request:
    """A request as it came. `path` is raw (still percent-encoded), header names are in small letters, `params` the
    decoded parts that the route's template names.
    """

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The query, in order."""
        return parse_qsl(self.query_string, keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query; of a name that comes twice, the last."""
        return dict(self.pairs)

    @cached_property
    def form(self) -> dict[str, str]:
        """A form body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """A JSON body; ValueError when it is none."""
        return json.loads(self.body)

    @property
    def bearer(self) -> str:
        """The access token in the Authorization header, whatever its scheme is called; "" for none."""
        return self.headers.get("authorization", "").partition(" ")[2].strip()


@dataclass(slots=True)
class Answer:
    """An answer. `body` is text, bytes, or what is sent as JSON; None sends nothing."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        """The body's bytes, and the headers with its type."""
        if self.body is None:
            return b"", self.headers
        if isinstance(self.body, bytes):
            return self.body, {"Content-Type": "application/octet-stream", **self.headers}
        if isinstance(self.body, str):
            return self.body.encode(), {"Content-Type": "text/html; charset=utf-8", **self.headers}
        text = json.dumps(self.body, ensure_ascii=False)
        return text.encode(), {"Content-Type": "application/json; charset=utf-8", **self.headers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as they crossed; what is checked against the provider's specification.

    `status` None: the connection was cut instead. `forced`: a fault gave the answer, not the provider.
    """

    provider: str
    request: Request
    template: str
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    forced: bool


Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`template` has `{name}` for a part of the path, decoded into `Request.params`."""

    method: str
    template: str
    handler: Handler


@dataclass(slots=True, kw_only=True)
class Quota:
    """At most `calls` in `seconds` for one account, `burst` of them at once; above that `retry_after` is told (None:
    nothing is).
    """

    calls: float
    seconds: float = 1.0
    burst: float = 1.0
    retry_after: float | None = 1.0
    due: dict[str, float] = field(default_factory=dict)

    def exceeded(self, account: str) -> bool:
        """Take a place; whether there was none."""
        now, interval = time.monotonic(), self.seconds / self.calls
        due = max(self.due.get(account, 0.0), now)
        if due - now > interval * (self.burst - 1):
            return True
        self.due[account] = due + interval
        return False


class Provider(ABC):
    """One provider's API.

    Class attributes: `name` is the app's slug or the provider's name; `switches` its own faults and what each does;
    `tls` says that it is also served over TLS, for clients that insist; `concurrency` how many requests of one account
    it answers at once (None: any number).
    """

    name: ClassVar[str]
    switches: ClassVar[Mapping[str, str]] = {}
    tls: ClassVar[bool] = False
    concurrency: int | None = None

    def __init__(self, clock: Clock = utc_now) -> None:
        self.clock = clock
        self.faults = Faults(self.switches)
        self.lock = threading.RLock()
        self.delay_s = 0.0
        self.quota: Quota | None = None
        self.calls: Counter[str] = Counter()
        self.refused = 0
        self.in_flight: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.url = ""
        self.tls_url = ""
        self._table: list[tuple[str, re.Pattern[str], Route]] | None = None

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Every route. Of those that match, the one whose template has the fewest names is taken."""

    @abstractmethod
    def not_found(self, request: Request) -> Answer:
        """What the provider answers where it has nothing, in its own shape."""

    @abstractmethod
    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        """What it answers above a quota (or above its concurrency), in its own shape."""

    def account_of(self, request: Request) -> str:
        """Whose request it is, for quotas; by default one for all."""
        return ""

    def unlimited(self, request: Request) -> bool:
        """Whether neither quota nor concurrency hold for it, as for tokens; by default they hold for all."""
        return False

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """What can be done to it from outside (`POST /_sandbox/do/NAME` with a JSON object of arguments)."""
        return {}

    def state(self) -> Any:
        """What it holds, as JSON, for `GET /_sandbox/state`. No secret."""
        return {}

    def answer(self, request: Request) -> tuple[Answer, str]:
        """Answer a request: (answer, the template of its route)."""
        account = self.account_of(request)
        for name, pattern, route in self._routes():
            found = pattern.fullmatch(request.path) if name == request.method else None
            if found is None:
                continue
            params = {key: unquote(value) for key, value in found.groupdict().items()}
            self.calls[f"{route.method} {route.template}"] += 1
            limited = not self.unlimited(request)
            if limited and self.quota is not None and self.quota.exceeded(account):
                self.refused += 1
                return self.throttled(request, self.quota.retry_after), route.template
            if limited and self.concurrency is not None and self.in_flight[account] > self.concurrency:
                self.refused += 1
                return self.throttled(request, 1.0, concurrent=True), route.template
            placed = Request(**{**_fields(request), "params": params})
            with self.lock:
                return route.handler(placed), route.template
        self.calls["unknown"] += 1
        return self.not_found(request), ""

    def total(self, part: str = "") -> int:
        """How many requests came whose method and template contain `part`."""
        return sum(n for name, n in self.calls.items() if part in name)

    def _routes(self) -> list[tuple[str, re.Pattern[str], Route]]:
        if self._table is None:
            ordered = sorted(self.routes(), key=lambda r: r.template.count("{"))
            self._table = [(r.method, _pattern(r.template), r) for r in ordered]
        return self._table


def _fields(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in Request.__dataclass_fields__}


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile("".join(f"(?P<{p}>[^/]+)" if n % 2 else re.escape(p) for n, p in enumerate(parts)))


def http_date(moment: datetime) -> str:
    """A moment as HTTP headers tell it."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
