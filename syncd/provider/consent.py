"""The authorization code flow with PKCE, as most providers have it (RFC 6749 section 4.1, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from syncd.connector.consent import ClientSettings, ConsentFlow, ConsentPage, Memo
from syncd.connector.oauth import missing_scopes, settled
from syncd.errors import ParkError, ProviderError, ReconnectError
from syncd.model.clock import Clock, utc_now

from .client import Answer, HttpClient
from .guard import Guard
from .oauth import token_answer

CONNECT_AGAIN = "Connect again and allow everything that is asked for: syncd connections add, or reconnect ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where an app's consent is given and its tokens are. `scopes` are asked for, parted by `separator`; `required` are
    the groups of which one each must be granted; `parameters` go to the consent page besides.
    """

    app: str
    authorize: str
    token: str
    scopes: tuple[str, ...]
    required: tuple[tuple[str, ...], ...] = ()
    separator: str = " "
    parameters: Mapping[str, str] = field(default_factory=dict)


class CodeFlow(ConsentFlow):
    """The flow against `endpoints`. A connector overrides `credential` to add what its credential needs besides."""

    def __init__(
        self, endpoints: Endpoints, client: ClientSettings, guard: Guard, *, ca_file: str = "", clock: Clock = utc_now
    ) -> None:
        self._endpoints = endpoints
        self._client = client
        self._clock = clock
        self._http = HttpClient(guard, token_refusal, ca_file=ca_file)

    def begin(self, redirect_uri: str, state: str) -> ConsentPage:
        """The page's address; nothing is asked."""
        require_client(self._client, self._endpoints.app)
        verifier = secrets.token_urlsafe(48)
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._endpoints.separator.join(self._endpoints.scopes),
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            **self._endpoints.parameters,
        }
        return ConsentPage(
            url=f"{self._endpoints.authorize}?{urlencode(query)}",
            memo={"verifier": verifier, "redirect_uri": redirect_uri},
        )

    def finish(self, memo: Memo, answer: Mapping[str, str]) -> dict[str, Any]:
        """Exchange the code, and see that what is needed was granted."""
        require_consent(answer, self._endpoints.app)
        form = {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "redirect_uri": str(memo["redirect_uri"]),
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
            "code_verifier": str(memo["verifier"]),
        }
        told = self._asked(self.token_url(answer), form)
        require_scopes(told, self._endpoints.required, self._endpoints.app)
        return settled(self.credential(told, answer), self._clock())

    def token_url(self, answer: Mapping[str, str]) -> str:
        """Where the code is exchanged."""
        return self._endpoints.token

    def credential(self, told: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        """The credential of a token answer."""
        return {k: v for k, v in told.items() if k != "server_date"}

    def _asked(self, url: str, form: Mapping[str, str]) -> dict[str, Any]:
        answer = ask_token(self._http, url, form, self._endpoints.app)
        return token_answer(
            answer.status, answer.headers, answer.body, self._clock(), self._endpoints.app, operation="consent"
        )


def ask_token(http: HttpClient, url: str, form: Mapping[str, str], app: str) -> Answer:
    """What a token endpoint answers, whatever its status: `token_answer` reads it. The client's `refuse` must be
    `token_refusal`.
    """
    try:
        return http.request("POST", url, f"{app} token", form=form, safe=False)
    except TokenRefusal as refusal:
        return refusal.answer


class TokenRefusal(ProviderError):
    """An answer of 400 or more from a token endpoint, to be read by `token_answer`."""

    code = "token_refusal"

    def __init__(self, answer: Answer) -> None:
        super().__init__("The token endpoint refuses.", status=answer.status)
        self.answer = answer


def token_refusal(answer: Answer, operation: str) -> ProviderError:
    """The `refuse` of a client that asks token endpoints."""
    return TokenRefusal(answer)


def require_client(client: ClientSettings, app: str) -> None:
    """Raises ParkError when the installation is not registered with the app's provider."""
    if not client.client_id:
        raise ParkError(
            f"syncd is not registered with {app}'s provider.",
            code="client_missing",
            remedy=f"Register an OAuth client there (README), then set [apps.{app}.client] client_id.",
        )


def require_consent(answer: Mapping[str, str], app: str) -> None:
    """Raises ReconnectError when the page sent back a refusal, or no code."""
    told = answer.get("error", "")
    if told or not answer.get("code"):
        denied = told in ("access_denied", "")
        raise ReconnectError(
            f"{app}: consent was not given." if denied else f"{app}: the consent page says {told[:60]}.",
            code="consent_denied",
            remedy=CONNECT_AGAIN,
        )


def require_scopes(told: Mapping[str, Any], required: tuple[tuple[str, ...], ...], app: str) -> None:
    """Raises ReconnectError when a token says what it is good for, and that is not enough."""
    granted = told.get("scope")
    missing = missing_scopes(required, granted) if isinstance(granted, str) and granted else []
    if missing:
        raise ReconnectError(
            f"{app}: not everything that is needed was allowed; missing: {', '.join(missing)}.",
            code="scopes_missing",
            remedy=CONNECT_AGAIN,
        )


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
