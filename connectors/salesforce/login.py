"""Sessions: a person's token, which the engine refreshes, or those that a server gets by its key (RFC 7523)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from syncd.errors import ReconnectError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import HttpClient
from syncd.provider.consent import ask_token, token_refusal
from syncd.provider.guard import Guard
from syncd.provider.oauth import token_answer

from . import APP, SalesforceClient, SalesforceCredential

_ASSERTION_S = 180
"""How long an assertion is good: at most 3 minutes."""


@dataclass(frozen=True, slots=True)
class Session:
    """A token, and the org it is for."""

    token: str
    instance_url: str
    user_id: str = ""


class Login(Protocol):
    """Where sessions come from."""

    def session(self) -> Session:
        """One that is good as far as we know.

        Raises:
            ReconnectError: the key, or what its user may do, is refused.
        """
        ...

    def renews(self, token: str) -> bool:
        """Whether there will be another in the place of `token`, which was refused."""
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...


class Given:
    """A person's session. Another one comes with another connector."""

    def __init__(self, credential: SalesforceCredential) -> None:
        self._session = Session(credential.access_token, credential.instance_url, credential.user_id)

    def session(self) -> Session:
        """The session."""
        return self._session

    def renews(self, token: str) -> bool:
        """The engine's work."""
        return False

    def close(self) -> None:
        """Nothing is open."""


class Signed:
    """A server's sessions, kept as long as the connector. Safe for several threads: one asks, the others wait."""

    def __init__(
        self, credential: SalesforceCredential, client: SalesforceClient, guard: Guard, *, clock: Clock = utc_now
    ) -> None:
        self._credential = credential
        self._client = client
        self._http = HttpClient(guard, token_refusal, ca_file=client.ca_file)
        self._clock = clock
        self._lock = threading.Lock()
        self._session: Session | None = None

    def session(self) -> Session:
        """The one there is, or a new one."""
        with self._lock:
            if self._session is None:
                self._session = self._asked()
            return self._session

    def renews(self, token: str) -> bool:
        """Forget `token`."""
        with self._lock:
            if self._session is not None and self._session.token == token:
                self._session = None
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _asked(self) -> Session:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion()}
        url = f"{self._client.login_url}/services/oauth2/token"
        answer = ask_token(self._http, url, form, APP)
        told = token_answer(answer.status, answer.headers, answer.body, self._clock(), APP, operation="delegation")
        checked = SalesforceCredential.model_validate(
            {**told, "username": self._credential.username, "private_key": self._credential.private_key}
        )
        return Session(checked.access_token, checked.instance_url, checked.user_id)

    def _assertion(self) -> str:
        claims: dict[str, Any] = {
            "iss": self._client.client_id,
            "sub": self._credential.username,
            "aud": self._client.login_url,
            "exp": int(time.time()) + _ASSERTION_S,
        }
        try:
            return jwt.encode(claims, self._credential.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise ReconnectError(
                "The private key cannot be read.",
                code="key_unusable",
                remedy="Give the PEM of the key whose certificate the connected app has.",
            ) from None  # the library's own text may quote it
