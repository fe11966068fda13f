"""The HTTP session of one account: `requests`, one of the two client libraries of the `caldav` package.

Not the package's own client: importing that brings iCalendar libraries nobody here uses, and the other library wherever
that is installed, together 0.2 s and 20 MB at each start.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

import requests
from caldav.lib.auth import extract_auth_types
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from requests.utils import get_environ_proxies

POOL = 32  # connections kept per host; more than any guard lets through at once


class Session:
    """Connections to one server, kept alive and shared by threads, and how they authenticate.

    Args:
        kind: "basic", "digest" or "bearer"; "auto" sends no credential until `authenticate`.
        verify: certificate authorities to trust; True for the system's.
    """

    def __init__(
        self, scheme: str, kind: str, username: str, secret: str, *, timeout_s: float, verify: str | bool
    ) -> None:
        self.auth: Any = None
        self.timeout = timeout_s
        self._username = username
        self._secret = secret
        self._verify = _system_authorities() if verify is True else verify
        self._http = requests.Session()
        self._http.headers["User-Agent"] = "syncd"
        self._http.trust_env = False  # it would take passwords from .netrc, and look for proxies at every request
        self._http.mount(f"{scheme}://", HTTPAdapter(pool_connections=4, pool_maxsize=POOL))
        if kind != "auto":
            self.authenticate(kind)

    def authenticate(self, kind: str) -> None:
        """Send the credential this way from now on."""
        if kind == "bearer":
            self.auth = _Bearer(self._secret)
        elif kind == "digest":
            self.auth = HTTPDigestAuth(self._username, self._secret)
        else:
            self.auth = HTTPBasicAuth(self._username.encode(), self._secret.encode())  # of text it makes Latin-1

    def send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Any:
        """One request and its answer; redirects are not followed."""
        return self._http.request(
            method,
            url,
            data=body or None,
            headers=headers,
            auth=self.auth,
            timeout=self.timeout,
            verify=self._verify,
            proxies=_proxies("/".join(url.split("/", 3)[:3])),
            allow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def offered_kinds(challenge: str) -> set[str]:
    """The kinds of authentication that a WWW-Authenticate header offers."""
    return set(extract_auth_types(challenge))


class _Bearer:
    """A token in the Authorization header."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = self._header
        return request


@cache
def _proxies(origin: str) -> dict[str, str]:
    """The proxies that the environment names for a server."""
    return dict(get_environ_proxies(origin))


@cache
def _system_authorities() -> str | bool:
    """The system's certificate authorities; True, which is `certifi`'s, where it has none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return paths.cafile
    return paths.capath if paths.capath and any(os.scandir(paths.capath)) else True
