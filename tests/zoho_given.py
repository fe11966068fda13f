"""The sandboxed Zoho Calendar, as its tests and those of its clients use it: by bare requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests
from sandboxed import sandboxed

from syncd.sandbox.zoho import ZohoCalendar

ANA, BEN, EVA = "ana@example.com", "ben@example.com", "eva@example.eu"
SCOPES = ("ZohoCalendar.calendar.ALL", "ZohoCalendar.event.ALL", "ZohoCalendar.freebusy.READ", "AaaServer.profile.READ")
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
REDIRECT = "http://127.0.0.1:1/callback"

_SESSIONS: list[requests.Session] = []
"""To close when the provider ends."""


@contextmanager
def zoho_running(provider: ZohoCalendar) -> Iterator[ZohoCalendar]:
    """The provider on loopback: Ana and Ben of one organisation, in Berlin; Eva in Europe's data centre."""
    provider.add_user(ANA)
    provider.add_user(BEN)
    provider.add_user(EVA, "Europe/Paris", "eu")
    with sandboxed([provider]):
        try:
            yield provider
        finally:
            while _SESSIONS:
                _SESSIONS.pop().close()


def session() -> requests.Session:
    """A session that is closed at the end, and asks no proxy."""
    made = requests.Session()
    made.trust_env = False
    _SESSIONS.append(made)
    return made


class Client:
    """Requests of one person. `refresh_token` is that of their consent."""

    def __init__(self, provider: ZohoCalendar, email: str = ANA, scopes: tuple[str, ...] = SCOPES) -> None:
        tokens = provider.issuer.issue(email, scopes)
        self.refresh_token = str(tokens["refresh_token"])
        self.base = provider.data_centre(provider.issuer.home(email))["calendar"]
        self.headers = {"Authorization": f"Zoho-oauthtoken {tokens['access_token']}"}
        self._session = session()

    def ask(self, method: str, path: str, params: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        """One request; values of parameters that are no text are JSON."""
        told = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (params or {}).items()}
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._session.request(method, self.base + path, params=told, headers=given, timeout=10)

    def got(self, method: str, path: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
        """The JSON of a request that is answered with 200."""
        answer = self.ask(method, path, params, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, params: dict[str, Any] | None = None, **headers: str) -> tuple[int, str]:
        """Status and code of a request that is refused."""
        answer = self.ask(method, path, params, **headers)
        (error,) = answer.json()["error"]
        return answer.status_code, error["message"]

    # events

    def create(self, calendar: str = "primary", **fields: Any) -> Any:
        """Make an event; 2 March 2026, 10 to 11 UTC unless other times are given."""
        return self.got("POST", f"/calendars/{calendar}/events", {"eventdata": {**ten(), **fields}})["events"][0]

    def update(self, event: Any, calendar: str = "primary", **fields: Any) -> Any:
        """Replace an event."""
        data = {"etag": event["etag"], **ten(), **fields}
        return self.got("PUT", path_of(event, calendar), {"eventdata": data})["events"][0]

    def delete(self, event: Any, calendar: str = "primary") -> Any:
        """Delete an event."""
        return self.got("DELETE", path_of(event, calendar), etag=str(event["etag"]))["events"][0]

    def read(self, event: Any, calendar: str = "primary") -> list[Any]:
        """What is told of an event."""
        found: list[Any] = self.got("GET", path_of(event, calendar))["events"]
        return found

    def listed(self, since: str = "20260301", until: str = "20260401", calendar: str = "primary", **more: Any) -> Any:
        """A calendar's events in March 2026."""
        accept = {"Accept": more.pop("accept")} if "accept" in more else {}
        params = {"range": {"start": since, "end": until}, **more}
        return self.got("GET", f"/calendars/{calendar}/events", params, **accept)["events"]


def path_of(event: Any, calendar: str = "primary") -> str:
    """The path of an event."""
    return f"/calendars/{quote(calendar, safe='')}/events/{quote(event['uid'], safe='')}"


def at(start: str, end: str, zone: str = "Europe/Berlin") -> dict[str, Any]:
    """Times of an event, UTC, or dates."""
    all_day = {"isallday": True} if len(start) == 8 else {}
    return {"dateandtime": {"start": start, "end": end, "timezone": zone}, **all_day}


def ten() -> dict[str, Any]:
    """2 March 2026, 10 to 11 UTC."""
    return at("20260302T100000Z", "20260302T110000Z")
