"""Who asks: the client's address, believed from trusted proxies only, and how often it may.

A proxy in front of syncd is named in the configuration. From such a peer the right-most address of X-Forwarded-For that
is not itself a trusted proxy is the client; from anyone else the header means nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import HTTPConnection

MAX_SOURCES = 10_000


def client_address(connection: HTTPConnection, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address of whoever asks; "unknown" when the transport does not say (a UNIX socket)."""
    peer = connection.client.host if connection.client else "unknown"
    if not _is_trusted(peer, trusted):
        return peer
    forwarded = [part.strip() for part in connection.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    for address in reversed(forwarded):
        if not _is_trusted(address, trusted):
            return address
    return peer


def _is_trusted(address: str, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    if not trusted:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


class SourceLimit:
    """How many requests a minute each source may make: a bucket of `per_minute`, refilled evenly.

    Remembers the sources seen last, at most `MAX_SOURCES`: one that comes back after being forgotten starts anew.
    """

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60.0
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, source: str) -> float:
        """Take one; 0.0 when there was one, else the seconds until there is."""
        left, now = self._left(source)
        if left >= 1.0:
            self._keep(source, left - 1.0, now)
            return 0.0
        self._keep(source, left, now)
        return (1.0 - left) / self._per_second

    def spent(self, source: str) -> float:
        """As `take`, without taking: the seconds until the source may be heard again."""
        left, _ = self._left(source)
        return 0.0 if left >= 1.0 else (1.0 - left) / self._per_second

    def _left(self, source: str) -> tuple[float, float]:
        now = self._now()
        left, at = self._buckets.get(source, (self._capacity, now))
        return min(self._capacity, left + (now - at) * self._per_second), now

    def _keep(self, source: str, left: float, now: float) -> None:
        self._buckets[source] = (left, now)
        self._buckets.move_to_end(source)
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
