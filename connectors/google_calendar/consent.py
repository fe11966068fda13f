"""Consent at Google, and the refresh of what it gave.

Whose account it is, its primary calendar tells by its id: so no scope of OpenID Connect is asked for.

Google gives a refresh token only for `access_type=offline`, and after the first time only with `prompt=consent` (facts:
google-calendar, oauth). Its list of scopes for codes typed on other devices has none of the Calendar's (from memory):
where it refuses them so, there is no such flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.connector import Opened
from syncd.connector.consent import DeviceCode, Memo
from syncd.connector.oauth import settled
from syncd.errors import ReconnectError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import Answer, HttpClient
from syncd.provider.consent import (
    CONNECT_AGAIN,
    CodeFlow,
    Endpoints,
    ask_token,
    require_client,
    require_scopes,
    token_refusal,
)
from syncd.provider.guard import Guard
from syncd.provider.oauth import token_answer

from . import APP, GOOGLE_CALENDAR, SCOPES, GoogleClient
from .api import Api
from .login import Given

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
WAITING = frozenset({"authorization_pending"})
LATE = frozenset({"expired_token"})
DENIED = frozenset({"access_denied"})
"""What the token endpoint answers while nobody has typed a code, when it is too late, and when the person said no (RFC
8628, section 3.5)."""


class GoogleFlow(CodeFlow):
    """The consent of a person with a Google account."""

    def __init__(self, client: GoogleClient, guard: Guard, *, clock: Clock = utc_now) -> None:
        endpoints = Endpoints(
            app=APP,
            authorize=client.authorize_url,
            token=client.token_url,
            scopes=SCOPES,
            required=GOOGLE_CALENDAR.scopes,
            parameters={"access_type": "offline", "prompt": "consent"},
        )
        super().__init__(endpoints, client, guard, ca_file=client.ca_file, clock=clock)
        self._google = client
        self._guard = guard

    def credential(self, told: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        """The token's fields, and whose account it is."""
        kept = super().credential(told, answer)
        kept.pop("id_token", None)
        return {**kept, "email": self._account(str(kept["access_token"]))}

    def begin_device(self) -> DeviceCode | None:
        """A code to type; None where Google gives none for these scopes."""
        require_client(self._client, APP)
        form = {"client_id": self._client.client_id, "scope": " ".join(SCOPES)}
        answer = ask_token(self._http, self._google.device_url, form, APP)
        if _error_of(answer) == "invalid_scope":
            return None
        told = self._read(answer, "device code")
        return DeviceCode(
            url=str(told.get("verification_url") or told.get("verification_uri", "")),
            user_code=str(told.get("user_code", "")),
            expires_in_s=float(told.get("expires_in", 0)),
            interval_s=float(told.get("interval", 5)),
            memo={"device_code": told.get("device_code", "")},
        )

    def poll_device(self, memo: Memo) -> dict[str, Any] | None:
        """Ask once."""
        form = {
            "grant_type": DEVICE_GRANT,
            "device_code": str(memo["device_code"]),
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
        }
        answer = ask_token(self._http, self._endpoints.token, form, APP)
        error = _error_of(answer)
        if error in WAITING:
            return None
        if error in LATE:
            raise ReconnectError("Nobody typed the code in time.", code="device_code_expired", remedy=CONNECT_AGAIN)
        if error in DENIED:
            raise ReconnectError(f"{APP}: consent was not given.", code="consent_denied", remedy=CONNECT_AGAIN)
        told = self._read(answer, "consent")
        require_scopes(told, self._endpoints.required, APP)
        return settled(self.credential(told, {}), self._clock())

    def _read(self, answer: Answer, operation: str) -> dict[str, Any]:
        return token_answer(answer.status, answer.headers, answer.body, self._clock(), APP, operation=operation)

    def _account(self, token: str) -> str:
        google = self._google
        api = Api(google.api_url, Given(token), self._guard, ca_file=google.ca_file, clock=self._clock)
        try:
            primary = api.call("get calendar", api.calendar_list.get(calendarId="primary"), safe=True)
        finally:
            api.close()
        return str(primary.get("id", ""))


def refreshed(opened: Opened, *, clock: Clock = utc_now) -> dict[str, Any]:
    """The token endpoint's answer to the credential's refresh token. Asks once."""
    client: GoogleClient = opened.client
    require_client(client, APP)
    http = HttpClient(opened.guard, token_refusal, ca_file=client.ca_file)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": opened.credential.refresh_token,
        "client_id": client.client_id,
        "client_secret": client.client_secret.get_secret_value(),
    }
    try:
        answer = ask_token(http, client.token_url, form, APP)
    finally:
        http.close()
    return token_answer(answer.status, answer.headers, answer.body, clock(), APP)


def _error_of(answer: Answer) -> str:
    """The error's code in a token endpoint's refusal."""
    told = answer.json if answer.status >= 400 and answer.body.lstrip().startswith(b"{") else None
    return str(told.get("error", "")) if isinstance(told, dict) else ""
