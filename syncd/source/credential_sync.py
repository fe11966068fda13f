"""Credential sync on the wire: what is asked, and what is answered, to the byte (facts: calcom-calendars, 3.3).

order  what is wrong                          status  answer
1      no secret or key is configured         403     Credential sharing is not enabled
2      the secret is not ours                 403     Invalid credential sync secret
3      timestamp or nonce (ours)              403     Invalid credential sync timestamp or nonce
4      the body's shape                       400     zod's issues
5      no such user                           404     User not found
6      no such app                            404     App not found
7      another spelling of an app's slug      404     App not found. Ensure that you have the correct app slug
8      not JSON, or it does not decrypt       500     Internal server error
9      the credential's shape (ours)          400     zod's issues
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.errors import InputError
from syncd.settings import CredentialSync

from .issues import MISSING, Issue, integer_issues, object_issues, string_issues, text_issues
from .key_objects import SPELLINGS

TIMESTAMP_HEADER, NONCE_HEADER = "x-syncd-timestamp", "x-syncd-nonce"
NONCE_LENGTHS = range(8, 129)
MAX_USER_ID = 2**31 - 1
MAX_ID = 2**63 - 1
"""Cal.com's user ids are 32 bit, our connection ids 64."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a JSON object."""

    status: int
    content: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """As JavaScript writes it; half of a surrogate pair is escaped."""
        return json.dumps(self.content, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformAccess:
    """What both sides share. `headers` are the accepted names of the secret's header; the first is the one we send."""

    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    storage_key: str = field(default="", repr=False)
    headers: tuple[str, ...] = ("calcom-credential-sync-secret",)
    endpoint: str = ""

    @property
    def is_on(self) -> bool:
        """Whether credentials are received and sent at all."""
        return bool(self.secret and self.key)

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has the secret, in constant time."""
        expected = self.secret.encode()
        given = [headers.get(name, "").encode("latin-1", "replace") for name in self.headers]
        return bool(expected) and any([hmac.compare_digest(expected, value) for value in given])

    def has_header(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has a secret, right or wrong."""
        return any(headers.get(name) for name in self.headers)


class CredentialSyncError(InputError):
    """A request that is refused. `reply` is what its sender is told."""

    code = "credential_sync_refused"

    def __init__(self, reply: Reply, message: str, *, code: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.reply = reply


def told(status: int, message: str, **more: Any) -> Reply:
    """An answer of one sentence."""
    return Reply(status, {"message": message, **more})


OFF = told(403, "Credential sharing is not enabled")
WRONG_SECRET = told(403, "Invalid credential sync secret")
WRONG_STAMP = told(403, "Invalid credential sync timestamp or nonce")
NO_USER = told(404, "User not found")
NO_APP = told(404, "App not found")
NO_APP_OF_THAT_SLUG = told(404, "App not found. Ensure that you have the correct app slug")
NO_CREDENTIAL = told(404, "Credential not found")
FAILED = told(500, "Internal server error")
TOO_MANY = told(429, "Too many requests")
NO_SECRET_SENT = told(403, "secret header not set")
WRONG_TOKEN_SECRET = told(403, "Invalid secret")


def created(user_id: int) -> Reply:
    """A credential is stored that was not there."""
    return told(200, f"Credentials created for userId: {user_id}")


def updated(user_id: int) -> Reply:
    """A credential replaces another."""
    return told(200, f"Credentials updated for userId: {user_id}")


def with_issues(issues: list[Issue]) -> CredentialSyncError:
    """The body is not of the shape asked for."""
    places = ", ".join(".".join(map(str, issue["path"])) or "body" for issue in issues)
    return CredentialSyncError(Reply(400, {"error": issues}), f"Not of the shape asked for: {places}.", code="shape")


def unknown_app(slug: str) -> CredentialSyncError:
    """No app has this slug; a spelling that Cal.com uses elsewhere gets its own advice."""
    reply = NO_APP_OF_THAT_SLUG if slug in SPELLINGS else NO_APP
    return CredentialSyncError(reply, "There is no app of this slug.", code="unknown_app")


def ambiguous(app: str, connection_ids: list[int]) -> CredentialSyncError:
    """Several connections could be meant, and picking one would be a guess."""
    ids = ", ".join(map(str, connection_ids))
    message = f"Several credentials of {app}: {ids}. Name one as credentialId"
    return CredentialSyncError(told(409, message, credentialIds=connection_ids), f"{message}.", code="ambiguous")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A credential that a platform sends. `keys` is still encrypted."""

    user_id: int
    app: str
    keys: str = field(repr=False)
    connection_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The connections that are meant: of a user, of an app, or one by its id."""

    user_id: int
    app: str = ""
    connection_id: int | None = None


def parse_body(body: bytes) -> Any:
    """The JSON of a body, as JavaScript reads it.

    Raises:
        CredentialSyncError: 500, as the original answers.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass
    raise CredentialSyncError(FAILED, "The body is not JSON.", code="not_json")


def read_delivery(body: object) -> Delivery:
    """The delivery in a body.

    Raises:
        CredentialSyncError: 400 with every issue.
    """
    if not isinstance(body, dict):
        raise with_issues(object_issues(body))
    issues = _required(body, integer_issues, "userId")
    issues += _required(body, string_issues, "appSlug") + _required(body, string_issues, "keys")
    issues += _optional(body, integer_issues, "credentialId")
    if issues:
        raise with_issues(issues)
    target = _target(body, "userId")
    return Delivery(user_id=target.user_id, app=target.app, keys=body["keys"], connection_id=target.connection_id)


def read_target(values: object, *, user_field: str = "userId", needs_app: bool) -> Target:
    """The connections named by a query, a form or a JSON body; numbers may be text. An empty app is no app.

    Raises:
        CredentialSyncError: 400 with every issue.
    """
    if not isinstance(values, dict):
        raise with_issues(object_issues(values))
    values = {name: _unquoted(value) if name != "appSlug" else value for name, value in values.items()}
    issues = _required(values, integer_issues, user_field) + _optional(values, integer_issues, "credentialId")
    issues += (_required if needs_app else _optional)(values, _filled_text_issues, "appSlug")
    if issues:
        raise with_issues(issues)
    return _target(values, user_field)


def check_stamp(headers: Mapping[str, str], settings: CredentialSync, now: datetime) -> str:
    """The nonce of a request that may be stored now; "" when it has none and needs none.

    Each of the two headers asks for the other: a nonce is remembered only while its timestamp is fresh.

    Raises:
        CredentialSyncError: 403, one of the two is missing, malformed or stale.
    """
    timestamp, nonce = headers.get(TIMESTAMP_HEADER, ""), headers.get(NONCE_HEADER, "")
    if not (timestamp or nonce or settings.require_timestamp):
        return ""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise wrong_stamp(f"{TIMESTAMP_HEADER} is missing or no epoch seconds.")
    if len(nonce) not in NONCE_LENGTHS or not (nonce.isascii() and nonce.isprintable()):
        raise wrong_stamp(f"{NONCE_HEADER} is missing, or not of 8 to 128 visible characters.")
    if abs(now.timestamp() - int(timestamp)) > settings.tolerance_seconds:
        raise wrong_stamp(f"{TIMESTAMP_HEADER} is more than {settings.tolerance_seconds} s from now.")
    return nonce


def wrong_stamp(message: str) -> CredentialSyncError:
    """A request that may be a replay."""
    return CredentialSyncError(WRONG_STAMP, message, code="replay", remedy="Compare the clocks; use each nonce once.")


def _target(values: Mapping[str, Any], user_field: str) -> Target:
    user_id, connection_id = int(values[user_field]), values.get("credentialId")
    if not 0 < user_id <= MAX_USER_ID:
        raise CredentialSyncError(NO_USER, "No user can have this id.", code="unknown_user")
    if connection_id is not None and not 0 < connection_id <= MAX_ID:
        raise CredentialSyncError(NO_CREDENTIAL, "No connection can have this id.", code="not_found")
    found = None if connection_id is None else int(connection_id)
    return Target(user_id=user_id, app=values.get("appSlug") or "", connection_id=found)


Check = Callable[[object, tuple[str | int, ...]], list[Issue]]


def _required(body: Mapping[str, Any], check: Check, name: str) -> list[Issue]:
    return check(body.get(name, MISSING), (name,))


def _optional(body: Mapping[str, Any], check: Check, name: str) -> list[Issue]:
    return check(body[name], (name,)) if body.get(name) is not None else []


def _filled_text_issues(value: object, path: tuple[str | int, ...]) -> list[Issue]:
    return text_issues(value, path, filled=True)


def _unquoted(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
