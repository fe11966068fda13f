"""Where credentials may go, and how addresses are compared. Pure.

A server can name another host in a redirect, in a home set or in any href. A password follows only when a rule here
says so:

- generic CalDAV: the origin the person gave; the same host over https on its usual port; and hosts below it
  (`example.com` -> `dav.example.com`), https only. A sibling (`caldav.example.com` -> `dav.example.com`) is refused,
  because telling a registrable domain from a public suffix (`a.co.uk` -> `b.co.uk`) needs a list that ages; the error
  names the host, and the person can give that address instead;
- iCloud: https on the usual port of icloud.com and hosts below it (partition hosts, pNN-caldav.icloud.com).

Objects are compared and kept by path, not by URL: iCloud answers with absolute and relative hrefs, with and without
the port, on the entry host and on the partition host (observed).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

Trust = Callable[["Origin"], bool]

_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/@:!$&'()*+,;=~-._"


class Origin(NamedTuple):
    """Scheme, host and port of an address."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def is_loopback(self) -> bool:
        """Whether requests stay on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def origin_of(url: str) -> Origin:
    """The origin of an absolute http(s) URL. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not an http or https URL")
    return Origin(parts.scheme, parts.hostname.rstrip("."), parts.port or _PORTS[parts.scheme])


def path_of(href: str) -> str:
    """The path of a URL or href in one spelling: percent escapes only where needed, no host, no query."""
    return quote(unquote(urlsplit(href).path), safe=_PATH_SAFE) or "/"


def collection_path(href: str) -> str:
    """`path_of` a collection: with its final slash."""
    return path_of(href).rstrip("/") + "/"


def trust_given(url: str) -> Trust:
    """The rule for the address a person gave."""
    given = origin_of(url)

    def trusted(target: Origin) -> bool:
        if target == given:
            return True
        return _is_plain_https(target) and (target.host == given.host or _is_below(target.host, given.host))

    return trusted


def trust_icloud(target: Origin) -> bool:
    """The rule for Apple."""
    return _is_plain_https(target) and (target.host == "icloud.com" or _is_below(target.host, "icloud.com"))


def _is_plain_https(origin: Origin) -> bool:
    return origin.scheme == "https" and origin.port == _PORTS["https"]


def _is_below(host: str, parent: str) -> bool:
    """Whether `host` is a name under `parent`; a bare label such as `com` has none."""
    return "." in parent and host.endswith("." + parent)
