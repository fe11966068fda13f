"""JSON over HTTP for connectors whose provider has no client library of use.

urllib3 itself: at 64 threads it costs half of what a `requests` session does, and a fraction of httpx (measured). One
pool serves all threads. Redirects are not followed, bodies are read whole up to a limit, nothing is logged, and every
request passes the guard.
"""

from __future__ import annotations

import json as json_module
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from syncd import __version__
from syncd.errors import ProviderError, RetryError, UnclearError

from .guard import Guard
from .network import network_failure
from .pinned import quiet_urllib3

MAX_BODY = 20_000_000
POOL = 64
"""Connections kept per host; no guard lets more through at once."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Refuse = Callable[["Answer", str], ProviderError]
"""A connector's map from an answer of 400 or more, and the operation's name, to an error."""

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A provider's answer. `headers` ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None for an empty one.

        Raises:
            UnclearError: it is something else: a captive portal or a gateway answered for the provider.
        """
        if not self.body.strip():
            return None
        try:
            return json_module.loads(self.body)
        except (ValueError, RecursionError):
            raise UnclearError("The answer is not JSON.", code="answer_unusable", status=self.status) from None


class Pools:
    """Connections kept alive, shared by threads, and one exchange over them.

    Args:
        timeout_s: of each read, and at most 10 s for connecting.
        ca_file: certificate authorities to trust instead of the system's.
    """

    def __init__(self, timeout_s: float, ca_file: str = "") -> None:
        self._ca_file = ca_file
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._timeout = urllib3.Timeout(connect=min(10.0, timeout_s), read=timeout_s)

    def send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send a request as it is and read its answer whole; whatever its status, and without following it.

        Raises:
            urllib3.exceptions.HTTPError: the network failed; see `network_failure`.
            RetryError: the answer is too large.
        """
        with quiet_urllib3():
            response = self._pool(url).request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                content = response.read(MAX_BODY + 1, decode_content=True)
            except BaseException:
                response.close()
                raise
            if len(content) > MAX_BODY:
                response.close()
                raise RetryError("The provider's answer is too large.", code="answer_too_large")
            response.release_conn()
        return Answer(response.status, response.headers, content)

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.clear()

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = proxy_for("/".join(url.split("/", 3)[:3]))
        found = self._pools.get(proxy)
        if found is None:
            found = self._pools.setdefault(proxy, self._new_pool(proxy))
        return found

    def _new_pool(self, proxy: str) -> urllib3.PoolManager:
        shared: dict[str, Any] = {"num_pools": 4, "maxsize": POOL, "ssl_context": tls_context(self._ca_file)}
        return urllib3.ProxyManager(proxy, **shared) if proxy else urllib3.PoolManager(**shared)


class HttpClient:
    """Requests of one connection. Safe for several threads.

    Args:
        refuse: makes the error of an answer of 400 or more.
        headers: sent with every request, such as Authorization.
        ca_file: certificate authorities to trust instead of the system's.
    """

    def __init__(
        self, guard: Guard, refuse: Refuse, *, headers: Mapping[str, str] | None = None, ca_file: str = ""
    ) -> None:
        self._guard = guard
        self._refuse = refuse
        self._headers = {"User-Agent": f"syncd/{__version__}", "Accept": "application/json", **(headers or {})}
        self._pools = Pools(guard.timeout_s, ca_file)

    def request(
        self,
        method: str,
        url: str,
        operation: str,
        *,
        query: Pairs = (),
        json: Any = None,
        form: Pairs | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
        parts: int = 1,
    ) -> Answer:
        """Send one request and give its answer below 400.

        `operation` names it in messages and metrics. At most one of `json`, `form` and `body` is its content. `safe`:
        repeating it changes nothing; by default what the method says. `parts`: how many requests it holds, a batch.

        Raises:
            ProviderError: what `refuse` makes of an answer; RetryError: nothing was sent; UnclearError: the answer was
                lost.
        """
        repeatable = method in SAFE if safe is None else safe
        sent = dict(self._headers)
        if json is not None:
            body, sent["Content-Type"] = json_module.dumps(json, ensure_ascii=False).encode(), "application/json"
        elif form is not None:
            body, sent["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        sent.update(headers or {})
        target = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url

        def run() -> Answer:
            answer = self._pools.send(method, target, body, sent)
            if answer.status >= 400:
                raise self._refuse(answer, operation)
            if answer.status >= 300 and answer.status != 304:
                raise RetryError(f"{operation}: an unexpected redirect. [{answer.status}]", code="redirects")
            return answer

        def classify(cause: Exception) -> ProviderError | None:
            return network_failure(cause, operation, writes=not repeatable)

        return self._guard.call(operation, run, classify, safe=repeatable, parts=parts)

    def close(self) -> None:
        """Close the connections."""
        self._pools.close()


@cache
def tls_context(ca_file: str) -> ssl.SSLContext:
    """Trusts `ca_file`, or the system's authorities (certifi's where it has none). Made once: that costs 20 ms."""
    context = ssl.create_default_context(cafile=ca_file or None)
    if not ca_file and not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    return context


@cache
def proxy_for(origin: str) -> str:
    """The proxy that the environment names for a server; "" for none."""
    parts = urlsplit(origin)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return ""
    return getproxies().get(parts.scheme, "")
