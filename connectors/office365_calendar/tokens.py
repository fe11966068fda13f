"""Every Microsoft token, by msal.

msal speaks the protocol; its network is ours (`_Network`), so that each request passes the guard with its time-out, a
refusal is one of our errors, and no answer that is not understood gets into msal's log. Where tokens are issued is
known from Entra's documentation (v2.0 endpoints below authority and tenant), so msal's discovery asks nobody.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import msal

from syncd.connector.oauth import SERVER_DATE
from syncd.errors import ParkError, ProviderError, ReconnectError, UnclearError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import HttpClient
from syncd.provider.consent import TokenRefusal, require_client, token_refusal
from syncd.provider.guard import Guard
from syncd.provider.oauth import token_answer

from . import APP, MicrosoftClient, Office365Credential
from .refusals import parsed

T = TypeVar("T")

RESERVED = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that msal adds by itself, and takes from nobody."""

DEVICE_STATES = frozenset(
    {"authorization_pending", "slow_down", "authorization_declined", "access_denied", "expired_token"}
    | {"bad_verification_code", "code_expired"}
)
"""What the token endpoint says of a device code besides a token (entra: v2-oauth2-device-code)."""

DELEGATION_REMEDY = (
    "See the application at Entra ID: its secret, and the permission Calendars.ReadWrite with an administrator's "
    "consent; then give the delegation its new key."
)

_EARLY = timedelta(minutes=5)
"""How long before its end an application's token is replaced."""


@dataclass(frozen=True, slots=True)
class _Response:
    """An answer as msal reads it."""

    status_code: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Nothing: a refusal was raised before."""


class _Network:
    """msal's `http_client`."""

    def __init__(self, authority: str, http: HttpClient, clock: Clock) -> None:
        self._authority = authority
        self._http = http
        self._clock = clock
        self.server_date = ""

    def get(self, url: str, params: Any = None, headers: Any = None, **more: Any) -> _Response:
        """Msal asks where its endpoints are, and nothing else."""
        where = f"{self._authority}/oauth2/v2.0"
        endpoints = {
            "issuer": f"{self._authority}/v2.0",
            "authorization_endpoint": f"{where}/authorize",
            "token_endpoint": f"{where}/token",
            "device_authorization_endpoint": f"{where}/devicecode",
        }
        return _Response(200, json.dumps(endpoints))

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **more: Any) -> _Response:
        """Ask the token endpoint, or for a device code.

        Raises:
            ProviderError: as `token_answer`; the network failed.
        """
        form = {str(name): str(value) for name, value in dict(data or {}).items()}
        try:
            answer = self._http.request("POST", url, f"{APP} token", form=form, headers=headers, safe=False)
        except TokenRefusal as refusal:
            answer = refusal.answer
        told = parsed(answer.body)
        if isinstance(told, dict) and told.get("error") in DEVICE_STATES:
            return _Response(400, json.dumps(told))
        try:
            content = token_answer(
                answer.status, answer.headers, answer.body, self._clock(), APP, operation=_operation(form)
            )
        except ProviderError as error:
            raise _explained(error, told, answer.headers) from None
        self.server_date = content.pop(SERVER_DATE, "")
        return _Response(200, json.dumps(content))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _operation(form: Mapping[str, str]) -> str:
    return {"refresh_token": "refresh", "client_credentials": "delegation"}.get(form.get("grant_type", ""), "consent")


def _explained(error: ProviderError, told: Any, headers: Mapping[str, str]) -> ProviderError:
    """With Entra's own number (AADSTS...), which its documentation explains, and its id of the request."""
    codes = told.get("error_codes") if isinstance(told, dict) else None
    numbers = [f"AADSTS{code}" for code in codes if isinstance(code, int)] if isinstance(codes, list) else []
    if numbers:
        error.message = f"{error.message.removesuffix('.')} {' '.join(numbers)}."
    error.request_id = headers.get("x-ms-request-id")
    return error


class _NoCache(msal.TokenCache):  # type: ignore[misc]  # msal has no types
    """Tokens are kept in the vault, an application's in `TenantTokens`. msal's own cache logs what it is given."""

    def add(self, event: Any, now: Any = None) -> None:
        """Keep nothing."""


class MsalApp:
    """One msal application on our network.

    Args:
        tenant: whose accounts.
        secret: "" for a public client, which has none: device codes are for those.
    """

    def __init__(
        self,
        client: MicrosoftClient,
        guard: Guard,
        *,
        tenant: str,
        client_id: str,
        secret: str,
        clock: Clock = utc_now,
    ) -> None:
        authority = f"{client.authority}/{tenant}"
        self.network = _Network(authority, HttpClient(guard, token_refusal, ca_file=client.ca_file), clock)
        shared: dict[str, Any] = {
            "authority": authority,
            "instance_discovery": False,
            "http_client": self.network,
            "token_cache": _NoCache(),
        }
        if secret:
            self.msal: Any = msal.ConfidentialClientApplication(client_id, client_credential=secret, **shared)
        else:
            self.msal = msal.PublicClientApplication(client_id, **shared)

    def run(self, ask: Callable[[Any], T]) -> T:
        """What `ask` gets from the msal application; its connections are closed afterwards.

        Raises:
            ProviderError: the request was refused or failed; UnclearError when msal does not understand the answer.
        """
        try:
            return ask(self.msal)
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            # their texts quote what was sent and told
            raise UnclearError(
                f"{APP} token: msal does not accept the answer ({type(error).__name__}).",
                code="refresh_answer_unusable",
            ) from None
        finally:
            self.network.close()


def app_of(client: MicrosoftClient, guard: Guard, *, public: bool = False, clock: Clock = utc_now) -> MsalApp:
    """The installation's application.

    Raises:
        ParkError: code `client_missing`.
    """
    require_client(client, APP)
    secret = "" if public else client.client_secret.get_secret_value()
    return MsalApp(client, guard, tenant=client.tenant, client_id=client.client_id, secret=secret, clock=clock)


def refreshed(
    credential: Office365Credential, client: MicrosoftClient, guard: Guard, clock: Clock = utc_now
) -> Mapping[str, Any]:
    """The token endpoint's answer to a refresh (`ConnectorSpec.refresh`).

    The scopes are those that were granted: asking for one more is refused as `invalid_grant` (AADSTS65001).

    Raises:
        ProviderError: as `token_answer`.
    """
    if not credential.refresh_token:
        raise ReconnectError("There is no refresh token.", code="no_refresh_token")
    app = app_of(client, guard, clock=clock)
    granted = [scope for scope in credential.scope.split() if scope.casefold() not in RESERVED]
    scopes = granted or [default_scope(client)]
    told = app.run(lambda msal_app: msal_app.acquire_token_by_refresh_token(credential.refresh_token, scopes))
    answer = told_by(told)
    return {**answer, SERVER_DATE: app.network.server_date} if app.network.server_date else answer


def default_scope(client: MicrosoftClient) -> str:
    """All that was ever granted at this cloud's Graph."""
    return f"{client.graph_url}/.default"


KEPT = frozenset({"access_token", "refresh_token", "expires_in", "scope", "token_type"})


def told_by(result: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a token answer that a credential keeps: no id token, nothing that msal adds."""
    return {name: value for name, value in result.items() if name in KEPT and value is not None}


class TenantTokens:
    """The access token of a tenant's application, shared by all its mailboxes. Safe for several threads.

    One thread asks, the others wait for what it gets.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until: datetime | None = None

    def token(self, credential: Office365Credential, client: MicrosoftClient, guard: Guard) -> str:
        """A token for every mailbox of the tenant.

        Raises:
            ReconnectError: the application, its secret or its consent are not accepted.
            RetryError: Entra cannot be reached, or limits.
        """
        with self._lock:
            if self._until is None or self._clock() >= self._until:
                self._renew(credential, client, guard)
            return self._token

    def forget(self, token: str) -> None:
        """Graph does not accept `token`: ask for another next time."""
        with self._lock:
            if token == self._token:
                self._until = None

    def _renew(self, credential: Office365Credential, client: MicrosoftClient, guard: Guard) -> None:
        app = MsalApp(
            client,
            guard,
            tenant=credential.tenant_id,
            client_id=credential.client_id,
            secret=credential.private_key,
            clock=self._clock,
        )
        try:
            told = app.run(lambda msal_app: msal_app.acquire_token_for_client([default_scope(client)]))
        except (ReconnectError, ParkError) as error:
            raise ReconnectError(
                str(error),
                code=error.code,
                remedy=DELEGATION_REMEDY,
                status=error.status,
                request_id=error.request_id,
            ) from None
        life = timedelta(seconds=float(told.get("expires_in") or 0))
        self._token, self._until = str(told["access_token"]), self._clock() + max(life - _EARLY, life / 2)


def tenant_tokens(credential: Office365Credential, client: MicrosoftClient) -> TenantTokens:
    """The tokens of the credential's application; the same for every connection of it."""
    told = (client.authority, credential.tenant_id, credential.client_id, credential.private_key)
    return _tenant_tokens(hashlib.sha256("\n".join(told).encode()).digest())


@lru_cache(maxsize=256)
def _tenant_tokens(_application: bytes) -> TenantTokens:
    return TenantTokens()
