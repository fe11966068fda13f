"""Answering: a fresh access token for a Cal.com instance whose platform is syncd (facts: calcom-calendars, 3.4).

answer   when
200      access_token, expiry_date in epoch milliseconds, token_type and scope; never a refresh token
400      {"error":"invalid_grant"}, and only for a grant that is truly gone: Cal.com marks its credential invalid
404      no connection that is not paused, or an app without access tokens
409      several connections: one is chosen by pausing the others, or by `credentialId`
503      no fresh token can be had now, or only once the operator mends something
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from syncd.connector import oauth
from syncd.errors import ParkError, ReconnectError, RetryError, SyncdError, VaultError, WaitUntilError
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.source import credential_sync as wire
from syncd.source.credential_sync import CredentialSyncError, Reply, Target
from syncd.source.key_objects import SHAPES
from syncd.store import directory
from syncd.store.database import Database
from syncd.store.tables import Connection
from syncd.vault import Binding, CredentialVault

from .audit import Action, Audit, AuditResult

GRANT_GONE = frozenset({"grant_revoked", "invalid_grant", "refresh_answer_lost"})
"""Codes of a `ReconnectError` that say so. The others, such as a credential we cannot read, are ours to mend."""

RETRY_AFTER_S = 30
NO_STORE = {"cache-control": "no-store"}

FreshCredential = Callable[[int], Mapping[str, Any]]
"""A connection's credential with an access token that lives for some minutes."""


class PlatformAnswers:
    """Answers Cal.com's requests for tokens. Safe for several threads."""

    def __init__(
        self, database: Database, fresh: FreshCredential, audit: Audit, *, token_minutes: int, clock: Clock
    ) -> None:
        self._database = database
        self._fresh = fresh
        self._audit = audit
        self._unknown_life = timedelta(minutes=token_minutes)
        self._clock = clock

    def answer(self, target: Target, *, source: str = "") -> Reply:
        """A fresh access token, or why there is none. Never raises for trouble with the provider.

        Raises:
            CredentialSyncError: there is no such connection, or several could be meant.
        """
        row = self._chosen(target)
        assert row.id is not None
        try:
            credential = self._fresh(row.id)
            reply = self._token(row, credential)
        except SyncdError as error:
            self._note(row, AuditResult.FAILED, source, error.code)
            return self._refusal(error)
        self._note(row, AuditResult.DONE, source, row.app)
        return reply

    def _chosen(self, target: Target) -> Connection:
        with self._database.read() as session:
            rows = directory.listed_connections(session, user_id=target.user_id, app=target.app)
        if target.connection_id is not None:
            rows = [row for row in rows if row.id == target.connection_id]
        rows = [row for row in rows if row.state != ConnectionState.PAUSED]
        shape = SHAPES.get(target.app)
        if not rows or (shape and not shape.has_token):
            raise CredentialSyncError(wire.NO_CREDENTIAL, "There is no such connection.", code="not_found")
        if len(rows) > 1:
            raise wire.ambiguous(target.app, [row.id for row in rows if row.id])
        return rows[0]

    def _token(self, row: Connection, credential: Mapping[str, Any]) -> Reply:
        now = self._clock()
        ends = oauth.expires_at(credential) or now + self._unknown_life
        token = credential.get("access_token")
        if not isinstance(token, str) or not token:
            raise ParkError(f"Connection {row.id} has no access token.", code="no_access_token")
        if ends <= now:
            raise RetryError(f"The access token of connection {row.id} has ended.", code="token_ended")
        content: dict[str, Any] = {"access_token": token, "expiry_date": oauth.to_ms(ends)}
        told = {name: credential[name] for name in ("token_type", "scope") if isinstance(credential.get(name), str)}
        return Reply(200, {**content, **{name: value for name, value in told.items() if value}}, NO_STORE)

    def _refusal(self, error: SyncdError) -> Reply:
        if isinstance(error, ReconnectError) and error.code in GRANT_GONE:
            return Reply(400, {"error": "invalid_grant"}, NO_STORE)
        wait = _wait_s(error, self._clock())
        content = {"message": error.message, "code": error.code, "retryable": isinstance(error, RetryError)}
        return Reply(503, content, {**NO_STORE, "retry-after": str(wait)})

    def _note(self, row: Connection, result: AuditResult, source: str, detail: str) -> None:
        self._audit.record(
            action=Action.CREDENTIAL_READ,
            result=result,
            actor="calcom",
            source=source,
            target=f"connection {row.id}",
            detail=detail,
        )


class StoredCredentials:
    """Credentials as they are stored, for where nothing refreshes them."""

    def __init__(self, database: Database, vault: CredentialVault) -> None:
        self._database = database
        self._vault = vault

    def __call__(self, connection_id: int) -> Mapping[str, Any]:
        """The credential of a connection.

        Raises:
            ParkError: the vault cannot open it.
            InputError: there is no such connection.
        """
        with self._database.read() as session:
            row = directory.get_connection(session, connection_id)
        binding = Binding(connection_id=connection_id, app=row.app, user_id=row.user_id)
        try:
            return self._vault.open_credential(row.envelope, binding)
        except VaultError as error:
            raise ParkError(error.message, code=error.code, remedy=error.remedy) from None


def _wait_s(error: SyncdError, now: datetime) -> int:
    if isinstance(error, WaitUntilError):
        return max(int((error.retry_at - now).total_seconds()) + 1, 1)
    return RETRY_AFTER_S
