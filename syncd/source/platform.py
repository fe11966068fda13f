"""The two requests of credential sync that we make: for a fresh token, and with a credential for a Cal.com instance.

Both go to addresses of the operator's own configuration, with the shared secret in a header. Redirects are not
followed: the secret is for the configured host alone. No message shows more of an address than its host, and none shows
what was sent or answered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from syncd import __version__
from syncd.connector import oauth
from syncd.errors import ParkError, ProviderError, ReconnectError, RetryError, WaitUntilError
from syncd.model.clock import Clock
from syncd.provider.http import error_for_status
from syncd.provider.pinned import quiet_urllib3

from .credential_sync import PlatformAccess, created, updated
from .issues import MISSING, text_issues
from .key_objects import OAUTH_NUMBERS, OAUTH_TEXTS, is_number, with_one_end

CONNECT_S, READ_S, WHOLE_S = 5.0, 15.0, 30.0
RETRY_AFTER_S = 0.5
MAX_ANSWER_BYTES = 64 * 1024

SAME_ON_BOTH = "Give both sides the same secret and header name, and the same encryption key."
MEND_ANSWER = "Have the platform answer with JSON as Cal.com's documentation of credential sync asks."


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: Any
    retry_after: str | None


class PlatformClient:
    """Makes the requests. Safe for several threads; close it when done."""

    def __init__(self, access: PlatformAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._session = requests.Session()
        self._session.auth = _no_auth
        self._session.headers["User-Agent"] = f"syncd/{__version__}"

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()

    def token(self, user_id: int, app: str) -> dict[str, Any]:
        """Ask the platform for a fresh token: the answer's object, with its fields checked.

        Raises:
            ReconnectError: the platform says that the consent is revoked.
            RetryError: it cannot be reached, fails, or its answer cannot be used.
            ParkError: it refuses the request, or none can be made.
        """
        url = self._access.endpoint
        if not url:
            raise ParkError(
                "No address is configured to ask the platform for a token.",
                code="platform_unknown",
                remedy="Set credential_sync.endpoint, or connect again with a refresh token.",
            )
        answer = self._post(url, data={"calcomUserId": str(user_id), "appSlug": app})
        if not 200 <= answer.status < 300:
            raise self._token_refused(url, answer)
        return _checked_token(url, answer.content)

    def deliver(self, base_url: str, user_id: int, app: str, keys: str) -> bool:
        """Send an encrypted credential to a Cal.com instance; whether it was new there.

        Raises:
            RetryError: it cannot be reached or fails.
            ParkError: it refuses, or answers something else than that it stored the credential.
        """
        url = f"{base_url.rstrip('/')}/api/webhook/app-credential"
        answer = self._post(url, json={"userId": user_id, "appSlug": app, "keys": keys})
        if not 200 <= answer.status < 300:
            raise self._delivery_refused(url, answer)
        for reply, was_new in ((created(user_id), True), (updated(user_id), False)):
            if answer.content == reply.content:
                return was_new
        raise ParkError(
            f"{_host(url)} did not confirm that it stored the credential.",
            code="push_unverified",
            remedy="Check that calcom.url is the address of a Cal.com instance.",
        )

    def _post(self, url: str, **body: Any) -> _Answer:
        headers = {self._access.headers[0]: self._access.secret, "Accept": "application/json"}
        with quiet_urllib3():
            try:
                response = self._session.post(
                    url, headers=headers, timeout=(CONNECT_S, READ_S), allow_redirects=False, stream=True, **body
                )
                with response:
                    content = _parsed(_body(response))
                    return _Answer(response.status_code, content, response.headers.get("Retry-After"))
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as cause:
                trouble = _network_error(url, cause)
        raise trouble  # outside the handler: the client's errors hold the URL

    def _token_refused(self, url: str, answer: _Answer) -> ProviderError:
        if isinstance(answer.content, dict) and answer.content.get("error") == "invalid_grant":
            return ReconnectError(
                f"The platform at {_host(url)} says that the consent is revoked.",
                code="invalid_grant",
                remedy="Have the user connect again at the platform.",
                status=answer.status,
            )
        return self._refused(url, answer, "platform", f"Look into the platform's log. {SAME_ON_BOTH}")

    def _delivery_refused(self, url: str, answer: _Answer) -> ProviderError:
        remedies = {
            400: "Update the Cal.com instance, or syncd.",
            403: f"Turn credential sync on in Cal.com. {SAME_ON_BOTH}",
            404: "Check that the user and the app exist at Cal.com, and calcom.url.",
        }
        return self._refused(url, answer, "calcom", remedies.get(answer.status, SAME_ON_BOTH))

    def _refused(self, url: str, answer: _Answer, whom: str, remedy: str) -> ProviderError:
        if 300 <= answer.status < 400:
            return ParkError(
                f"{_host(url)} redirects [{answer.status}].",
                code=f"{whom}_redirects",
                remedy="Configure the address that it redirects to.",
                status=answer.status,
            )
        known = error_for_status(answer.status, _host(url), self._clock(), retry_after=answer.retry_after)
        if isinstance(known, RetryError):
            known.remedy = remedy if answer.status == 500 else known.remedy
            return known
        return ParkError(
            f"{_host(url)} refuses the request [{answer.status}].",
            code=f"{whom}_refused",
            remedy=remedy,
            status=answer.status,
        )


class PlatformTokens:
    """Fresh access tokens from the platform that owns them."""

    def __init__(
        self,
        client: PlatformClient,
        token_minutes: int,
        clock: Clock,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._life = timedelta(minutes=token_minutes)
        self._clock = clock
        self._pause = pause

    def ask(self, user_id: int, app: str, old: Mapping[str, Any]) -> dict[str, Any]:
        """The credential with a fresh access token: the platform's answer over the old one.

        `expiry_date` is in epoch milliseconds, and always there. An answer without refresh token keeps the old one.

        Raises:
            ReconnectError, RetryError, ParkError: as `PlatformClient.token`; passing trouble only after a second try.
        """
        answer = with_one_end(self._asked(user_id, app))
        return oauth.renewed(old, answer, self._clock(), default_life=self._life).credential

    def _asked(self, user_id: int, app: str) -> dict[str, Any]:
        try:
            return self._client.token(user_id, app)
        except WaitUntilError:
            raise
        except RetryError:
            pass
        self._pause(RETRY_AFTER_S)
        return self._client.token(user_id, app)


def _checked_token(url: str, content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _unusable(url, "is not a JSON object")
    if text_issues(content.get("access_token", MISSING), ("access_token",), filled=True):
        raise _unusable(url, "has no access_token")
    for name in OAUTH_TEXTS:
        if content.get(name) is not None and not isinstance(content[name], str):
            raise _unusable(url, f"has a {name} that is no text")
    for name in OAUTH_NUMBERS:
        if content.get(name) is not None and not is_number(content[name]):
            raise _unusable(url, f"has an {name} that is no number")
    return content


def _unusable(url: str, what: str) -> RetryError:
    return RetryError(f"The answer of {_host(url)} {what}.", code="platform_answer", remedy=MEND_ANSWER)


def _body(response: requests.Response) -> bytes:
    """At most `MAX_ANSWER_BYTES` within `WHOLE_S`. A wait for single bytes ends too: each read takes what is there."""
    ends, body = time.monotonic() + WHOLE_S, bytearray()
    read = getattr(response.raw, "read1", response.raw.read)
    while piece := read(8192, decode_content=True):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("too long")
        if time.monotonic() > ends:
            raise requests.Timeout
    return bytes(body)


def _parsed(body: bytes) -> Any:
    """None for what is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _network_error(url: str, cause: Exception) -> ProviderError:
    host = _host(url)
    if isinstance(cause, requests.exceptions.SSLError):
        return ParkError(
            f"The certificate of {host} is not trusted.",
            code="certificate",
            remedy="Renew it, or name its authority by $REQUESTS_CA_BUNDLE.",
        )
    if isinstance(cause, requests.Timeout | urllib3.exceptions.TimeoutError):
        return RetryError(f"{host} does not answer in time.", code="timeout")
    return RetryError(f"{host} cannot be reached, or broke off its answer.", code="unreachable")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps netrc's logins out."""
    return request
