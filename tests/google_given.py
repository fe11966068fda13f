"""The sandboxed Google Calendar, as its tests and those of its clients use it: with Google's own client, and bare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httplib2
import requests
from google.auth.transport.requests import Request as Transport
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from sandboxed import sandboxed

from syncd.sandbox.google import GoogleCalendar

SCOPE = "https://www.googleapis.com/auth/"
CALENDAR = f"{SCOPE}calendar"
ANA, BEN = "ana@example.com", "ben@example.com"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
REDIRECT = "http://127.0.0.1:1/callback"


_OPEN: list[Any] = []
"""Clients to close when the provider ends."""


@contextmanager
def google_running(provider: GoogleCalendar) -> Iterator[GoogleCalendar]:
    """The provider on loopback, with Ana and Ben."""
    provider.add_user(ANA)
    provider.add_user(BEN)
    with sandboxed([provider]):
        try:
            yield provider
        finally:
            while _OPEN:
                _OPEN.pop().close()


@cache
def _document() -> str:
    return str(get_static_doc("calendar", "v3"))


def document(provider: GoogleCalendar) -> dict[str, Any]:
    """Google's own discovery document, pointed at the sandbox."""
    return {**json.loads(_document()), "rootUrl": f"{provider.url}/"}


def credentials(provider: GoogleCalendar, email: str = ANA, scopes: tuple[str, ...] = (CALENDAR,)) -> Credentials:
    """Credentials of somebody who consented."""
    told = provider.issuer.issue(email, scopes)
    token = told["access_token"]
    return Credentials(token, refresh_token=told["refresh_token"], token_uri=f"{provider.url}/token", **CLIENT)


def service(provider: GoogleCalendar, email: str = ANA, scopes: tuple[str, ...] = (CALENDAR,)) -> Any:
    """Google's own client."""
    http = AuthorizedHttp(credentials(provider, email, scopes), http=httplib2.Http(timeout=10))
    _OPEN.append(http)
    return build_from_document(document(provider), http=http)


def transport() -> Any:
    """What google-auth asks for tokens with."""
    session = requests.Session()
    _OPEN.append(session)
    return Transport(session)


class Bare:
    """Plain requests as one person, for what Google's client would not send."""

    def __init__(self, provider: GoogleCalendar, email: str = ANA, scopes: tuple[str, ...] = (CALENDAR,)) -> None:
        self.url = f"{provider.url}/calendar/v3"
        self.token = provider.issuer.issue(email, scopes)["access_token"]
        self.session = requests.Session()
        self.session.trust_env = False
        _OPEN.append(self.session)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        given = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.session.request(method, self.url + path, json=body, headers=given, timeout=10)


def timed(start: str, end: str, zone: str = "Europe/Berlin", **fields: Any) -> dict[str, Any]:
    """An event body between two local times."""
    return {
        "summary": "Meeting",
        "start": {"dateTime": start, "timeZone": zone},
        "end": {"dateTime": end, "timeZone": zone},
        **fields,
    }


def ten_o_clock(day: str = "2026-03-02", **fields: Any) -> dict[str, Any]:
    """An event body of one hour from ten in Berlin."""
    return timed(f"{day}T10:00:00", f"{day}T11:00:00", **fields)


def all_day(first: str, after: str, **fields: Any) -> dict[str, Any]:
    """An event body of whole days."""
    return {"summary": "Days", "start": {"date": first}, "end": {"date": after}, **fields}


def refused(error: HttpError) -> tuple[int, str, str]:
    """Status, domain and reason of a refusal, which has the documented shape."""
    body = json.loads(error.content)["error"]
    assert body.keys() == {"errors", "code", "message"}
    item = body["errors"][0]
    assert {"domain", "reason", "message"} <= item.keys() <= {"domain", "reason", "message", "locationType", "location"}
    assert body["code"] == error.resp.status
    assert body["message"] == item["message"]
    return error.resp.status, item["domain"], item["reason"]
