"""A guarded GET of a URL that somebody else chose.

Theory. The host name is resolved once per hop, every address of the answer is judged by the `AddressPolicy`, and the
connection goes to one of exactly these addresses; the name is never resolved again, so an answer that changes (DNS
rebinding) changes nothing. TLS and the Host header still use the name. Redirects are followed here, one by one, each
under the same check; a response is read in pieces, and counted again after decompression.

The `requests` adapter is used without a session: a session would take proxies, netrc and CA paths from the environment,
keep cookies, and read the body of a redirect whole. What is used of urllib3 is the same in its fork urllib3-future.

One time limit covers the whole fetch. When it ends the connection is cut from outside, because a per-read time-out
never ends an answer that comes drop by drop. Name resolution alone cannot be cut; the system's resolver limits that.

A feed's path is often its password: no message or log line of a fetch shows more of a URL than its host.
"""

from __future__ import annotations

import base64
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

import requests
import urllib3.exceptions

from syncd import __version__
from syncd.errors import ParkError, ProviderError, RetryError

from .addresses import Address, AddressPolicy, is_metadata_name
from .pinned import Deadline, PinnedAdapter, Timer, daemon_timer, quiet_urllib3

PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
CHUNK = 64 * 1024

Resolve = Callable[[str, int], Sequence[str]]
"""Host name and port -> its addresses as text. Raises OSError when the name does not resolve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """`max_bytes` holds for the body before and after decompression; `timeout_s` for connecting and each single read,
    `deadline_s` for everything together, redirects included.
    """

    max_bytes: int = 20_000_000
    timeout_s: float = 30.0
    deadline_s: float = 60.0
    max_redirects: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer: `headers` are case-insensitive; `body` is decompressed, and empty unless the status is 200.

    `host` is the host that answered in the end; `moved` says that permanent redirects, and no others, led there.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str
    moved: bool = False


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of `host` in the system's order of preference (RFC 6724)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Fetches URLs under one policy and one set of limits. Safe for several threads.

    Args:
        verify: True checks certificates against the usual authorities, a path against those in that file.
        resolve, timer: replaced in tests.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        limits: FetchLimits,
        *,
        verify: bool | str = True,
        resolve: Resolve = system_resolve,
        timer: Callable[[float, Callable[[], None]], Timer] = daemon_timer,
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._verify = verify
        self._resolve = resolve
        self._timer = timer

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Fetched:
        """GET `url` with `headers`, following redirects. Statuses are returned, not raised.

        User info in the URL is sent as basic authentication, to its own origin only.

        Raises:
            ParkError: an address, redirect, certificate, size or encoding that is refused, told by `code`.
            RetryError: the server could not be reached, was too slow, or stopped before the end.
        """
        with Deadline(self._limits.deadline_s, self._timer) as deadline, quiet_urllib3():
            try:
                return self._follow(_Hop.of(url, None), headers or {}, deadline)
            except ProviderError:
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, zlib.error) as cause:
                # Without the cause: its text holds the URL.
                raise deadline.error() or _fetch_error(cause) from None

    def _follow(self, hop: _Hop, headers: Mapping[str, str], deadline: Deadline) -> Fetched:
        passed: list[int] = []
        while True:
            with _closing(self._send(hop, headers, deadline)) as response:
                location = response.headers.get("Location")
                if response.status_code not in REDIRECTS or not location:
                    body = _body(response, self._limits.max_bytes) if response.status_code == 200 else b""
                    deadline.check()
                    moved = bool(passed) and PERMANENT.issuperset(passed)
                    return Fetched(
                        status=response.status_code, headers=response.headers, body=body, host=hop.host, moved=moved
                    )
            if len(passed) == self._limits.max_redirects:
                raise ParkError(f"{hop.host} redirects more than {len(passed)} times.", code="redirects")
            passed.append(response.status_code)
            hop = hop.next(location)

    def _send(self, hop: _Hop, headers: Mapping[str, str], deadline: Deadline) -> requests.Response:
        request = hop.request(headers)
        addresses = self._checked_addresses(hop)
        for address in addresses:
            deadline.check()
            adapter = PinnedAdapter(address, deadline)
            try:
                return adapter.send(request, stream=True, timeout=self._limits.timeout_s, verify=self._verify)
            except requests.ConnectionError as cause:
                adapter.close()
                # The next address is for a host that cannot be connected to, never for one that had the request.
                if adapter.connected or address == addresses[-1] or isinstance(cause, requests.exceptions.SSLError):
                    raise
        raise AssertionError("a checked host has at least one address")

    def _checked_addresses(self, hop: _Hop) -> list[Address]:
        """Every address of the hop's host; all are permitted, for a mixed answer is an attack or a mistake."""
        if is_metadata_name(hop.host):
            raise _address_refused(hop.host)
        try:
            addresses = [ip_address(text) for text in self._resolve(hop.host, hop.port)]
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise RetryError(f"The host name {hop.host} cannot be resolved.", code="dns")
        if not all(self._policy.permits(address) for address in addresses):
            raise _address_refused(hop.host)
        return addresses


@dataclass(frozen=True, slots=True)
class _Hop:
    """One URL on the way, without user info and fragment, and the Authorization that may be sent to it."""

    url: str
    scheme: str
    host: str
    port: int
    auth: str | None

    @classmethod
    def of(cls, url: str, previous: _Hop | None) -> _Hop:
        # Prepared first, so that the host resolved and the host asked for are spelled the same (IDNA).
        parts = urlsplit(urldefrag(requests.Request("GET", url).prepare().url or "").url)
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        if scheme not in PORTS or not host:
            raise ParkError("Only http and https addresses can be fetched.", code="scheme_refused")
        port = parts.port or PORTS[scheme]
        auth = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            auth = "Basic " + base64.b64encode(pair.encode()).decode()
        elif previous is not None and (previous.scheme, previous.host, previous.port) == (scheme, host, port):
            auth = previous.auth
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return cls(bare, scheme, host, port, auth)

    def next(self, location: str) -> _Hop:
        # Header values arrive as Latin-1; servers that send other characters at all send UTF-8.
        target = urljoin(self.url, location.encode("latin-1").decode("utf-8", "replace"))
        hop = _Hop.of(target, self)
        if self.scheme == "https" and hop.scheme == "http":
            raise ParkError(
                f"{self.host} redirects from https to http, where anybody on the way can read and change the content.",
                code="downgrade_refused",
                remedy="If that is meant, give the http address itself.",
            )
        return hop

    def request(self, headers: Mapping[str, str]) -> requests.PreparedRequest:
        own = {"User-Agent": f"syncd/{__version__}", "Accept-Encoding": "gzip", **headers}
        own["Host"] = urlsplit(self.url).netloc
        if self.auth is not None:
            own["Authorization"] = self.auth
        return requests.Request("GET", self.url, headers=own).prepare()


@contextmanager
def _closing(response: requests.Response) -> Iterator[requests.Response]:
    try:
        yield response
    finally:
        response.close()
        response.connection.close()


def _body(response: requests.Response, limit: int) -> bytes:
    """The body, decompressed, or an error as soon as it is known to exceed `limit` bytes."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise ParkError(f"The server sends content encoded as {encoding[:20]!r} unasked.", code="encoding_refused")
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    chunks = response.raw.stream(CHUNK, decode_content=False)
    gathered = bytearray()
    for piece in _gunzipped(chunks, limit) if encoding.endswith("gzip") else chunks:
        gathered += piece
        if len(gathered) > limit:
            raise _too_large(limit)
    return bytes(gathered)


def _gunzipped(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Decompress gzip members one after another; no piece is longer than `limit` + 1 bytes."""
    member = None
    taken = 0
    for chunk in chunks:
        taken += len(chunk)
        if taken > limit:  # members may be empty: they would add up to nothing for ever
            raise _too_large(limit)
        rest = chunk
        while rest:
            if member is None or member.eof:
                member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            yield member.decompress(rest, limit + 1)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if member is not None and not member.eof:
        raise RetryError("The answer ended in the middle.", code="cut_short")


def _too_large(limit: int) -> ParkError:
    return ParkError(
        f"The content is larger than {limit:,} bytes.",
        code="too_large",
        remedy="Ask for a smaller one, or raise the connection's max_bytes.",
    )


def _address_refused(host: str) -> ParkError:
    # The address stays out: it would tell a stranger what our network looks like.
    return ParkError(
        f"{host} leads to a network address that is not public.",
        code="address_refused",
        remedy="If it is meant to be reached, the operator can allow its network: allow_private_addresses.",
    )


def _fetch_error(cause: Exception) -> ProviderError:
    """What to do next after `cause`; the first row that fits. Its text is not used, for it holds the URL."""
    for kinds, error in _FETCH_ERRORS:
        if isinstance(cause, kinds):
            return error()
    return RetryError("The server's answer ended early or cannot be understood.", code="cut_short")


_FETCH_ERRORS: tuple[tuple[tuple[type[Exception], ...], Callable[[], ProviderError]], ...] = (
    (
        (requests.exceptions.SSLError,),
        lambda: ParkError(
            "The server's certificate is not accepted.",
            code="tls",
            remedy="The server's operator must renew or correct it. A private authority goes into ca_file.",
        ),
    ),
    (
        (requests.Timeout, urllib3.exceptions.TimeoutError),
        lambda: RetryError("The server did not answer in time.", code="too_slow"),
    ),
    ((requests.ConnectionError,), lambda: RetryError("The server cannot be reached.", code="unreachable")),
    ((requests.exceptions.InvalidHeader,), lambda: RetryError("The server's answer is malformed.", code="cut_short")),
    ((ValueError,), lambda: ParkError("The address is not a usable URL.", code="bad_url")),
)
"""Exceptions of requests -> ours; its InvalidURL is a ValueError. A GET changes nothing, so none is unclear."""
