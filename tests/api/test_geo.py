"""Where a booker is: as a trusted proxy says, one vendor at a time, and as nobody else says."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.requests import HTTPConnection

from syncd.api.geo import Place, place_of

PROXY, STRANGER = "10.0.0.7", "203.0.113.9"
TRUSTED = (ip_network("10.0.0.0/8"),)

CLOUDFLARE = {"CF-IPCountry": "DE", "CF-Region": "Land Berlin", "CF-Region-Code": "BE", "CF-IPCity": "Berlin"}
VERCEL = {"X-Vercel-IP-Country": "US", "X-Vercel-IP-Country-Region": "TX", "X-Vercel-IP-City": "San%20Antonio"}

TOLD: dict[str, tuple[dict[str, str], Place]] = {
    "nothing": ({}, Place()),
    "Cloudflare": (CLOUDFLARE, Place("DE", "Land Berlin", "Berlin")),
    "Cloudflare, the region by code": ({"CF-IPCountry": "DE", "CF-Region-Code": "BE"}, Place("DE", "BE")),
    "Cloudflare, UTF-8": (CLOUDFLARE | {"CF-IPCity": "Köln"}, Place("DE", "Land Berlin", "Köln")),
    "Cloudflare, country unknown": ({"CF-IPCountry": "XX"}, Place()),
    "Cloudflare, Tor": ({"CF-IPCountry": "T1"}, Place()),
    "Vercel": (VERCEL, Place("US", "TX", "San Antonio")),
    "Vercel, UTF-8": (VERCEL | {"X-Vercel-IP-City": "S%C3%A3o%20Paulo"}, Place("US", "TX", "São Paulo")),
    "both: what came through from outside does not count": (
        {"CF-IPCountry": "DE"} | VERCEL, Place("DE"),
    ),
    "unknown to one, and the other from outside": ({"CF-IPCountry": "XX"} | VERCEL, Place()),
    "a region without a country": ({"CF-Region": "Berlin"}, Place()),
    "too long": ({"CF-IPCountry": "DE", "CF-IPCity": "x" * 201}, Place("DE")),
    "a line break": ({"X-Vercel-IP-Country": "US", "X-Vercel-IP-City": "a%0Ab"}, Place("US")),
    "no UTF-8": ({"X-Vercel-IP-Country": "US", "X-Vercel-IP-City": "%FF"}, Place("US", "", "\ufffd")),
}  # fmt: skip


def connection(peer: str | None, headers: dict[str, str]) -> HTTPConnection:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    client = (peer, 4711) if peer else None
    return HTTPConnection({"type": "http", "headers": raw, "client": client})


@pytest.mark.parametrize("what", TOLD)
def test_a_trusted_proxy_says_where_the_booker_is(what: str) -> None:
    headers, place = TOLD[what]
    assert place_of(connection(PROXY, headers), TRUSTED) == place


@pytest.mark.parametrize("peer", [STRANGER, None], ids=["a stranger", "a UNIX socket"])
@pytest.mark.parametrize("headers", [CLOUDFLARE, VERCEL], ids=["Cloudflare", "Vercel"])
def test_nobody_else_does(peer: str | None, headers: dict[str, str]) -> None:
    assert place_of(connection(peer, headers), TRUSTED) == Place()


def test_without_trusted_proxies_nobody_does() -> None:
    assert place_of(connection(PROXY, CLOUDFLARE), ()) == Place()
