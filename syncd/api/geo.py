"""Where a booker is, as the proxy in front of syncd says.

    vendor       country                 region                                city
    Cloudflare   CF-IPCountry            CF-Region, else CF-Region-Code        CF-IPCity
    Vercel       X-Vercel-IP-Country     X-Vercel-IP-Country-Region            X-Vercel-IP-City, percent-encoded

Believed from a peer in `[http] trusted_proxies` only; from anyone else the headers mean nothing. All three are of one
vendor, the first whose country is there: what the other one's headers say, the proxy let through from outside.
Cloudflare's `XX` and `T1` (unknown, Tor) are no countries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import unquote

from starlette.requests import HTTPConnection

from .sources import is_from_proxy

MAX_CHARACTERS = 200
NO_COUNTRY = ("XX", "T1")


@dataclass(frozen=True, slots=True)
class Place:
    """A country and region, each a code or a name, and a city; "" where unknown."""

    country: str = ""
    region: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class _Vendor:
    country: str
    region: tuple[str, ...]
    city: str


VENDORS = (
    _Vendor("cf-ipcountry", ("cf-region", "cf-region-code"), "cf-ipcity"),
    _Vendor("x-vercel-ip-country", ("x-vercel-ip-country-region",), "x-vercel-ip-city"),
)


def place_of(connection: HTTPConnection, trusted: Sequence[IPv4Network | IPv6Network]) -> Place:
    """Where the booker is; all "" when nobody who is believed says so."""
    if not is_from_proxy(connection, trusted):
        return Place()
    for vendor in VENDORS:
        country = _told(connection, vendor.country)
        if country:
            region = next((told for name in vendor.region if (told := _told(connection, name))), "")
            return Place("" if country.upper() in NO_COUNTRY else country, region, _told(connection, vendor.city))
    return Place()


def _told(connection: HTTPConnection, name: str) -> str:
    """A header as text: both vendors write UTF-8, one of them percent-encoded. Too long a one tells nothing."""
    raw = connection.headers.get(name, "").encode("latin-1")
    text = unquote(raw.decode("utf-8", "replace")).strip()
    return text if len(text) <= MAX_CHARACTERS and text.isprintable() else ""
