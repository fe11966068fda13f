"""Consent at Salesforce, and the refresh of what it gave.

A token answer tells no end: it is asked for by introspection (facts: salesforce-rest, oauth: no_expires_in).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.connector import Opened
from syncd.connector.oauth import settled
from syncd.errors import ProviderError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import HttpClient
from syncd.provider.consent import CodeFlow, Endpoints, TokenRefusal, ask_token, token_refusal
from syncd.provider.guard import Guard
from syncd.provider.oauth import token_answer

from . import APP, SALESFORCE, SCOPES, SalesforceClient

_KEPT = ("access_token", "refresh_token", "instance_url", "id", "issued_at", "scope", "token_type", "expires_in")


def salesforce_flow(client: SalesforceClient, guard: Guard, *, clock: Clock = utc_now) -> SalesforceFlow:
    """How a person connects."""
    return SalesforceFlow(client, guard, clock=clock)


class SalesforceFlow(CodeFlow):
    """The authorization code flow, with the end of the token asked for afterwards."""

    loopback = "localhost"

    def __init__(self, client: SalesforceClient, guard: Guard, *, clock: Clock = utc_now) -> None:
        base = f"{client.login_url}/services/oauth2"
        endpoints = Endpoints(
            app=APP,
            authorize=f"{base}/authorize",
            token=f"{base}/token",
            scopes=SCOPES,
            required=SALESFORCE.scopes,
        )
        super().__init__(endpoints, client, guard, ca_file=client.ca_file, clock=clock)
        self._salesforce = client

    def finish(self, memo: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        """Exchange the code, and ask when the session ends."""
        credential = super().finish(memo, answer)
        life = _introspected(self._http, self._salesforce, str(credential["access_token"]))
        return settled({**credential, **life}, self._clock()) if life else credential

    def credential(self, told: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        """What of the answer is kept."""
        return {name: told[name] for name in _KEPT if name in told}


def refreshed_token(opened: Opened, *, clock: Clock = utc_now) -> dict[str, Any]:
    """The token endpoint's answer to the credential's refresh token, with the end of the session. Asks once."""
    client: SalesforceClient = opened.client
    http = HttpClient(opened.guard, token_refusal, ca_file=client.ca_file)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": opened.credential.refresh_token,
        "client_id": client.client_id,
        "client_secret": client.client_secret.get_secret_value(),
    }
    try:
        answer = ask_token(http, f"{client.login_url}/services/oauth2/token", form, APP)
        told = token_answer(answer.status, answer.headers, answer.body, clock(), APP)
        kept = {name: value for name, value in told.items() if name in (*_KEPT, "server_date")}
        if "expires_in" in kept:
            return kept
        return {**kept, **_introspected(http, client, str(kept.get("access_token", "")))}
    finally:
        http.close()


def _introspected(http: HttpClient, client: SalesforceClient, token: str) -> dict[str, Any]:
    """When a token ends; nothing where Salesforce does not say: it is then used until it is refused."""
    form = {
        "token": token,
        "token_type_hint": "access_token",
        "client_id": client.client_id,
        "client_secret": client.client_secret.get_secret_value(),
    }
    try:
        told = ask_token(http, f"{client.login_url}/services/oauth2/introspect", form, APP).json
    except (ProviderError, TokenRefusal):
        return {}
    active = told if isinstance(told, Mapping) and told.get("active") else {}
    end, began = active.get("exp"), active.get("iat")
    if not isinstance(end, int) or not isinstance(began, int) or end <= began:
        return {}
    return {"expires_in": end - began}
