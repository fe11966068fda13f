"""Reading the answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).

    def refresh(opened):
        answer = opened.guard.call("refresh token", lambda: post(...), classify)
        return token_answer(answer.status_code, answer.headers, answer.content, now, app)

Only the error's own code is shown: a description may quote what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.connector.oauth import SERVER_DATE
from syncd.errors import ParkError, ProviderError, ReconnectError, RetryError, UnclearError, WaitUntilError

from .http import DEFAULT_THROTTLE_WAIT, error_for_status, parse_retry_after

GRANT, CLIENT, BUSY, LATER, REQUEST = "grant", "client", "busy", "later", "request"

TOKEN_ERRORS = {
    "invalid_grant": GRANT,
    "interaction_required": GRANT,  # Entra ID: a policy asks for the person
    "consent_required": GRANT,
    "login_required": GRANT,
    "invalid_code": GRANT,  # Zoho, with status 200; so the next two
    "invalid_token": GRANT,
    "access_denied": GRANT,
    "BAD_REFRESH_TOKEN": GRANT,  # HubSpot
    "invalid_client": CLIENT,
    "unauthorized_client": CLIENT,
    "invalid_client_secret": CLIENT,  # Zoho
    "invalid_client_id": CLIENT,  # Salesforce
    "BAD_CLIENT_ID": CLIENT,  # HubSpot
    "BAD_CLIENT_SECRET": CLIENT,
    "slow_down": BUSY,
    "Access Denied": BUSY,  # Zoho: too many requests
    "temporarily_unavailable": LATER,
    "server_error": LATER,
    "internal_failure": LATER,  # Google
    "invalid_request": REQUEST,
    "invalid_redirect_uri": REQUEST,  # Zoho
    "invalid_scope": REQUEST,
    "unsupported_grant_type": REQUEST,
}
"""The error's code -> whose it is. HubSpot tells its own as `status`."""

WRONG_CLIENT = "Mend [apps.APP.client] and its secret, and see that the secret has not expired at the provider."


def token_answer(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, app: str, *, operation: str = "refresh"
) -> dict[str, Any]:
    """The token endpoint's answer, with the server's date, as `ConnectorSpec.refresh` gives it. `headers` ignore case.
    `operation` names in messages what was asked.

    Raises:
        ReconnectError: the grant is expired, revoked or withdrawn.
        ParkError: `client_refused`: client id or secret are wrong; `refresh_refused`: the request as such is.
        WaitUntilError, RetryError: the provider limits, or does not work now.
        UnclearError: what came is no answer of a token endpoint.
    """
    content = _parsed(body)
    told = _error_of(content)
    if told in TOKEN_ERRORS:
        raise _error(TOKEN_ERRORS[told], f"{app} {operation}: {told} [{status}].", status, headers, now)
    if status >= 400:
        raise error_for_status(status, f"{app} {operation}", now, retry_after=headers.get("Retry-After"))
    if not isinstance(content, dict) or told:
        raise UnclearError(
            f"{app} {operation}: the answer is not one of a token endpoint [{status}].", code="refresh_answer_unusable"
        )
    date = headers.get("Date")
    return {**content, SERVER_DATE: date} if date else content


def _error(kind: str, text: str, status: int, headers: Mapping[str, str], now: datetime) -> ProviderError:
    if kind == GRANT:
        return ReconnectError(text, code="grant_revoked", status=status)
    if kind == CLIENT:
        return ParkError(text, code="client_refused", status=status, remedy=WRONG_CLIENT)
    if kind == BUSY:
        retry_at = parse_retry_after(headers.get("Retry-After"), now) or now + DEFAULT_THROTTLE_WAIT
        return WaitUntilError(text, retry_at=retry_at, status=status)
    if kind == LATER:
        return RetryError(text, status=status)
    return ParkError(text, code="refresh_refused", status=status)


def _error_of(content: Any) -> str:
    if not isinstance(content, dict):
        return ""
    told = content.get("error") or ("" if "access_token" in content else content.get("status"))
    return told if isinstance(told, str) else ""


def _parsed(body: bytes) -> Any:
    """None for what is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
