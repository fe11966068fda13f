"""Access tokens: a person's own, which the engine refreshes, or those that a service account gets for one person.

A service account's token is kept as long as its connector. Only google-auth's making of the signed assertion is used
(RFC 7523); what the token endpoint refuses is read here, so that nothing is repeated and no text of Google's is shown.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from syncd.errors import ReconnectError, UnclearError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import Answer, HttpClient
from syncd.provider.consent import ask_token, token_refusal
from syncd.provider.guard import Guard
from syncd.provider.oauth import token_answer

from . import APP, SCOPE, GoogleClient, GoogleCredential

_KEY_REMEDY = "Give a key of the service account that is valid, as JSON; see that this machine's clock is right."


class Login(Protocol):
    """What a request shows."""

    def token(self) -> str:
        """An access token that is good as far as we know.

        Raises:
            ReconnectError: the service account's key, or what it may do, is refused.
        """
        ...

    def renews(self, token: str) -> bool:
        """Whether there will be another in the place of `token`, which was refused."""
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...


class Given:
    """A person's token. Another one comes with another connector."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """The token."""
        return self._token

    def renews(self, token: str) -> bool:
        """The engine's work."""
        return False

    def close(self) -> None:
        """Nothing is open."""


class Refused(NamedTuple):
    """What a refused assertion means."""

    code: str
    text: str
    remedy: str


_USER_UNKNOWN = Refused(
    "delegation_user_unknown",
    "the domain has no such user.",
    "Look in the Google Workspace administration whether the address is a user's own, and no alias.",
)
_KEY_REFUSED = Refused("delegation_key_refused", "the service account's key is not accepted.", _KEY_REMEDY)
_UNAUTHORIZED = Refused(
    "delegation_unauthorized",
    "the domain has not delegated the calendar to the service account.",
    "Google Workspace administration, Security, API controls, Domain-wide delegation: add the service account's client "
    f"id with the scope {SCOPE}",
)

REFUSED: Mapping[tuple[str, str], Refused] = {
    ("unauthorized_client", ""): _UNAUTHORIZED,
    ("access_denied", ""): _UNAUTHORIZED,
    ("invalid_client", ""): _KEY_REFUSED,
    ("invalid_grant", "Invalid JWT"): _KEY_REFUSED,
    ("invalid_grant", "Invalid grant: account not found"): _KEY_REFUSED,
    ("invalid_grant", ""): _USER_UNKNOWN,
}
"""Error and how its description begins -> what it means; the first that fits (facts: calcom-calendars 2.1; the
descriptions as clients of Google report them)."""


class Delegated:
    """A service account that acts for `credential.subject`. Safe for several threads: one asks, the others wait."""

    def __init__(
        self, credential: GoogleCredential, client: GoogleClient, guard: Guard, *, clock: Clock = utc_now
    ) -> None:
        self._credential = credential
        self._token_url = client.token_url
        self._http = HttpClient(guard, token_refusal, ca_file=client.ca_file)
        self._clock = clock
        self._lock = threading.Lock()
        self._signed: Any = None

    def token(self) -> str:
        """A token that is good for some minutes more."""
        with self._lock:
            if self._signed is None:
                self._signed = self._account()
            if not self._signed.valid:
                self._ask()
            return str(self._signed.token)

    def renews(self, token: str) -> bool:
        """Forget `token`."""
        with self._lock:
            if self._signed is not None and self._signed.token == token:
                self._signed = None
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _account(self) -> Any:
        key = {**self._credential.model_dump(), "token_uri": self._token_url, "type": "service_account"}
        read: Any = service_account.Credentials.from_service_account_info  # without types
        try:
            return read(key, scopes=[SCOPE], subject=self._credential.subject)
        except (ValueError, GoogleAuthError):
            raise ReconnectError(
                "The service account's key cannot be read.", code="delegation_key_refused", remedy=_KEY_REMEDY
            ) from None  # google-auth's own text may quote it

    def _ask(self) -> None:
        try:
            self._signed.refresh(self._send)
        except GoogleAuthError:
            raise UnclearError(f"{APP} token: the answer is not one of a token endpoint.") from None

    def _send(self, url: str, method: str = "POST", body: bytes = b"", **_: Any) -> _Answered:
        """google-auth's transport. Gives nothing but success: google-auth repeats what it takes for passing trouble."""
        answer = ask_token(self._http, self._token_url, dict(parse_qsl(body.decode())), APP)
        if answer.status >= 400:
            raise_refused(answer)
        told = token_answer(answer.status, answer.headers, answer.body, self._clock(), APP)
        return _Answered(200, answer.headers, json.dumps(told).encode())


class _Answered(NamedTuple):
    """An answer as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def raise_refused(answer: Answer) -> None:
    """Raises ReconnectError for an assertion that is refused for good."""
    told = answer.json if answer.body.lstrip().startswith(b"{") else {}
    error, description = str(told.get("error", "")), str(told.get("error_description", ""))
    for (name, beginning), refused in REFUSED.items():
        if error == name and description.startswith(beginning):
            raise ReconnectError(
                f"{APP}: {refused.text} [{answer.status} {error}]",
                code=refused.code,
                remedy=refused.remedy,
                status=answer.status,
            )
