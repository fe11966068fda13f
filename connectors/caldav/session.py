"""The HTTP session of one account: the `caldav` package's client library and its kinds of authentication.

Not the package's own client: importing that brings iCalendar libraries nobody here uses, 0.1 s and 11 MB at each start.
"""

from __future__ import annotations

from typing import Any

from caldav.lib.auth import extract_auth_types
from caldav.lib.http_sync import HTTPBasicAuth, requests
from caldav.requests import HTTPBearerAuth

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
        self._verify = verify
        self._http = requests.Session()
        self._http.headers["User-Agent"] = "syncd"
        self._http.mount(f"{scheme}://", requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=POOL))
        if kind != "auto":
            self.authenticate(kind)

    def authenticate(self, kind: str) -> None:
        """Send the credential this way from now on."""
        if kind == "bearer":
            self.auth = HTTPBearerAuth(self._secret)
        elif kind == "digest":
            self.auth = requests.auth.HTTPDigestAuth(self._username, self._secret)
        else:
            self.auth = HTTPBasicAuth(self._username, self._secret)

    def send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Any:
        """One request and its answer; redirects are not followed."""
        return self._http.request(
            method,
            url,
            data=body or None,
            headers=headers,
            auth=self.auth or _anonymous,
            timeout=self.timeout,
            verify=self._verify,
            allow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def offered_kinds(challenge: str) -> set[str]:
    """The kinds of authentication that a WWW-Authenticate header offers."""
    return set(extract_auth_types(challenge))


def _anonymous(request: Any) -> Any:
    """Authentication that adds none. With None, the session would take a password from a .netrc file."""
    return request
