"""Who asks: the client's address, believed from trusted proxies only, and how often it may.

A proxy in front of syncd is named in the configuration. From such a peer the last address in the X-Forwarded-For lines
that is not itself a trusted proxy is the client; from anyone else the header means nothing. What stands before it was
written by the client.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection

MAX_SOURCES = 10_000
PORT = re.compile(r"\[(?P<v6>[^\]]*)\](:\d+)?|(?P<v4>[\d.]+):\d+")


def client_address(connection: HTTPConnection, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address of whoever asks; "unknown" when the transport does not say (a UNIX socket)."""
    peer = connection.client.host if connection.client else "unknown"
    if not _is_trusted(peer, trusted):
        return peer
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    for part in reversed([part.strip() for part in forwarded if part.strip()]):
        address = _without_port(part)
        if _parsed(address) is None:
            return peer
        if not _is_trusted(address, trusted):
            return address
    return peer


def is_from_proxy(connection: HTTPConnection, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether the peer is a trusted proxy, whose headers about the client are believed."""
    return connection.client is not None and _is_trusted(connection.client.host, trusted)


def _without_port(text: str) -> str:
    """An address as proxies write it: `203.0.113.9:4711`, `[::1]:4711`, or without a port."""
    if found := PORT.fullmatch(text):
        return found["v6"] or found["v4"]
    return text


@lru_cache(maxsize=4096)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address that came as an IPv6 one is IPv4; None for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _is_trusted(address: str, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    if not trusted:
        return False
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


@lru_cache(maxsize=4096)
def _limited_as(source: str) -> str:
    """What has one limit: an IPv4 address, or an IPv6 network of /64, all of which one subscriber has."""
    parsed = _parsed(source)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed or source)


class SourceLimit:
    """How many requests a minute each source may make: a bucket of `per_minute`, refilled evenly.

    The addresses of one IPv6 /64 network are one source. Remembers the sources seen last, at most `MAX_SOURCES`: one
    that comes back after being forgotten starts anew.
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
        left, at = self._buckets.get(_limited_as(source), (self._capacity, now))
        return min(self._capacity, left + (now - at) * self._per_second), now

    def _keep(self, source: str, left: float, now: float) -> None:
        limited = _limited_as(source)
        self._buckets[limited] = (left, now)
        self._buckets.move_to_end(limited)
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
