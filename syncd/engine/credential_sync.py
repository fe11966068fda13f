"""Receiving: credentials that a platform pushes become connections; listing and removing them.

A credential is one transaction: nonce, user, connection, log entry and audit event, or none of them. The provider is
asked afterwards, in the background, because the platform waits for its answer: the connection is believed until the
probe says otherwise.

Which connection a credential is for: the one of its `credentialId`; else the only one of this user and app; else the
one of the same account; else the oldest, and the log says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlmodel import Session

from syncd.connector import ConnectorSpec, oauth
from syncd.errors import ConfigError, InputError, SyncdError, VaultError
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.rules.connection import ConnectionEvent
from syncd.settings import CredentialSync
from syncd.source import credential_sync as wire
from syncd.source import key_objects
from syncd.source.credential_sync import CredentialSyncError, Delivery, PlatformAccess, Reply, Target
from syncd.source.issues import UNSTORABLE, custom
from syncd.source.key_objects import KeyShape
from syncd.store import directory, platform, tokens
from syncd.store.database import Database
from syncd.store.tables import Connection
from syncd.vault import Binding, CredentialVault
from syncd.vault.calcom import decode_legacy

from .accounts import Accounts
from .audit import Action, Audit, AuditResult
from .pool import ConnectorPool
from .results import Results

ACTOR = "platform"

Background = Callable[[Callable[[], object]], object]
"""Runs something later, in another thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    connection_id: int
    created: bool
    result: SyncResult


class CredentialReceiver:
    """Stores, lists and removes what the platform owns. Safe for several threads and processes."""

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        pool: ConnectorPool,
        accounts: Accounts,
        results: Results,
        audit: Audit,
        *,
        access: PlatformAccess,
        settings: CredentialSync,
        clock: Clock,
        background: Background,
    ) -> None:
        self._database = database
        self._vault = vault
        self._pool = pool
        self._accounts = accounts
        self._results = results
        self._audit = audit
        self._access = access
        self._settings = settings
        self._clock = clock
        self._background = background
        self._log = structlog.get_logger("syncd.credential_sync")

    def receive(self, delivery: Delivery, *, nonce: str = "", source: str = "") -> Reply:
        """Store a credential. The provider is asked afterwards.

        Raises:
            CredentialSyncError: it is refused, and nothing was changed.
        """
        with self._refusal_audited(Action.CREDENTIAL_RECEIVED, delivery.user_id, source):
            shape = self._require_place(delivery)
            credential = self._opened(delivery, shape)
            received = self._store(delivery, shape, credential, nonce, source)
        self._results.publish([received.result])
        self._pool.drop(received.connection_id)
        if self._spec(delivery.app):
            self._probe_later(received)
        return wire.created(delivery.user_id) if received.created else wire.updated(delivery.user_id)

    def listed(self, target: Target, *, nonce: str = "", source: str = "") -> Reply:
        """The connections of a user, without a secret.

        Raises:
            CredentialSyncError: the nonce was used before.
        """
        if nonce:
            with (
                self._refusal_audited(Action.CREDENTIAL_READ, target.user_id, source),
                self._database.write() as session,
            ):
                self._use(session, nonce)
        with self._database.read() as session:
            rows = self._rows(session, target)
        listed = [
            {"id": row.id, "appId": row.app, "appSlug": row.app, "invalid": row.state == ConnectionState.INVALID}
            for row in rows
        ]
        return Reply(200, {"credentials": listed})

    def remove(self, target: Target, *, nonce: str = "", source: str = "") -> Reply:
        """Forget a connection. Events at the provider stay.

        Raises:
            CredentialSyncError: there is none, several could be meant, or the nonce was used before.
        """
        with (
            self._refusal_audited(Action.CREDENTIAL_REMOVED, target.user_id, source),
            self._database.write() as session,
        ):
            self._use(session, nonce)
            rows = self._rows(session, target)
            if not rows:
                raise CredentialSyncError(wire.NO_CREDENTIAL, "There is no such connection.", code="not_found")
            if len(rows) > 1:
                raise wire.ambiguous(target.app or "this user", [row.id for row in rows if row.id])
            (row,) = rows
            self._audit_done(session, Action.CREDENTIAL_REMOVED, row, source)
            session.delete(row)
        assert row.id is not None
        self._pool.drop(row.id)
        return Reply(200, {"credentialDeleted": {"id": row.id, "appId": row.app}})

    @contextmanager
    def _refusal_audited(self, action: Action, user_id: int, source: str) -> Iterator[None]:
        """Around the transaction: what it refuses is rolled back, and the event stays."""
        try:
            yield
        except CredentialSyncError as error:
            self._audit.record(
                action=action,
                result=AuditResult.REFUSED,
                actor=ACTOR,
                source=source,
                target=f"user {user_id}",
                detail=error.code,
            )
            raise

    def _require_place(self, delivery: Delivery) -> KeyShape:
        """User, then app, as the original asks; the shape of the app's key object."""
        if not self._settings.create_users:
            with self._database.read() as session:
                if not platform.has_user(session, delivery.user_id):
                    raise _no_user()
        shape = key_objects.SHAPES.get(delivery.app)
        if shape is None and delivery.app in self._pool.registry.apps:
            return KeyShape()
        if shape is None:
            raise wire.unknown_app(delivery.app)
        return shape

    def _opened(self, delivery: Delivery, shape: KeyShape) -> dict[str, Any]:
        key = self._decrypted(self._access.key, delivery.keys)
        if shape.wrapped and isinstance(key, str):
            if not self._access.storage_key:
                message = "Encrypted once more under CALENDSO_ENCRYPTION_KEY, which is not configured here"
                raise wire.with_issues([custom(message, ("keys",))])
            key = self._decrypted(self._access.storage_key, key)
        key = key_objects.with_our_names(shape, key)
        issues = key_objects.shape_issues(shape, key) or self._model_issues(delivery.app, key)
        if issues or not isinstance(key, dict):
            raise wire.with_issues(issues)
        short = timedelta(minutes=self._settings.token_minutes) if self._owns(shape) else None
        return key_objects.to_credential(shape, key, self._clock(), short)

    def _owns(self, shape: KeyShape) -> bool:
        """Whether the platform gives fresh tokens of this app."""
        return shape.has_token and bool(self._access.endpoint)

    def _decrypted(self, key: str, text: str) -> Any:
        """One answer for whatever is wrong: telling more would help to guess at the plaintext."""
        try:
            return json.loads(decode_legacy(key, text))
        except (VaultError, ValueError, RecursionError) as error:
            cause = error if isinstance(error, VaultError) else None
        # raised outside the handler: JSON's errors hold the plaintext
        message, remedy = (cause.message, cause.remedy) if cause else ("What Cal.com's text holds is not JSON.", "")
        raise CredentialSyncError(wire.FAILED, message, code="not_decrypted", remedy=remedy)

    def _model_issues(self, app: str, key: object) -> list[dict[str, Any]]:
        spec = self._spec(app)
        if spec is None:
            return []
        try:
            spec.credential.model_validate(key)
        except ValidationError as error:
            return key_objects.model_issues(error.errors(include_url=False, include_input=False, include_context=False))
        return []

    def _store(
        self, delivery: Delivery, shape: KeyShape, credential: Mapping[str, Any], nonce: str, source: str
    ) -> _Received:
        now = self._clock()
        with self._database.write() as session:
            self._use(session, nonce)
            if not platform.claim_user(session, delivery.user_id, now, create=self._settings.create_users):
                raise _no_user()
            row, note = self._chosen(session, delivery, shape, credential)
            created = row is None
            if row is None:
                row = self._added(session, delivery, shape, credential, now)
            self._renew(session, row, credential, owned=self._owns(shape))
            assert row.id is not None
            result = self._result(row, created, note, now)
            self._results.store(session, [result])
            self._audit_done(session, Action.CREDENTIAL_RECEIVED, row, source)
            return _Received(connection_id=row.id, created=created, result=result)

    def _use(self, session: Session, nonce: str) -> None:
        """A timestamp may be ahead as well as behind, so a nonce could come again for twice the tolerance."""
        kept = timedelta(seconds=2 * self._settings.tolerance_seconds + 60)
        now = self._clock()
        if nonce and not platform.use_nonce(session, nonce, now, now - kept):
            raise wire.wrong_stamp("The nonce was used before.")

    def _chosen(
        self, session: Session, delivery: Delivery, shape: KeyShape, credential: Mapping[str, Any]
    ) -> tuple[Connection | None, str]:
        """The connection that the credential is for, None for a new one; and what is worth saying about the choice."""
        target = Target(user_id=delivery.user_id, app=delivery.app, connection_id=delivery.connection_id)
        rows = self._rows(session, target)
        if delivery.connection_id is not None and not rows:
            raise CredentialSyncError(wire.NO_CREDENTIAL, "There is no such connection.", code="not_found")
        if len(rows) < 2:
            return (rows[0] if rows else None), ""
        ids = ", ".join(str(row.id) for row in rows)
        identity = key_objects.identity_of(shape, credential)
        same = [row for row in rows if identity and self._is_account(row, shape, identity)]
        if len(same) == 1:
            return same[0], f"of {ids}, it is the one of the same account"
        return rows[0], f"ambiguous: it could be any of {ids}, and the oldest was taken; name it by credentialId"

    def _is_account(self, row: Connection, shape: KeyShape, identity: tuple[str, ...]) -> bool:
        if identity == (row.account.casefold(),):
            return True
        try:
            stored = self._vault.open_credential(row.envelope, _binding(row))
        except VaultError:
            return False
        return key_objects.identity_of(shape, stored) == identity

    def _added(
        self, session: Session, delivery: Delivery, shape: KeyShape, credential: Mapping[str, Any], now: datetime
    ) -> Connection:
        row = Connection(
            user_id=delivery.user_id,
            app=delivery.app,
            account=self._account(delivery.app, shape, credential),
            state=ConnectionState.ACTIVE,
            envelope="",
            settings={},
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        session.flush()
        return row

    def _renew(self, session: Session, row: Connection, credential: Mapping[str, Any], *, owned: bool) -> None:
        """Give a connection its credential. A paused one stays paused: a person did that."""
        assert row.id is not None
        try:
            row.envelope = self._vault.seal_credential(credential, _binding(row))
        except InputError:
            raise wire.with_issues([custom("Holds something that cannot be stored", ("keys",))]) from None
        # the pool and other processes tell a new credential by this time
        now = max(self._clock(), row.updated_at + timedelta(microseconds=1))
        row.token_owner = tokens.PLATFORM if owned else ""
        row.delegation_id = None
        session.add(row)
        session.flush()
        directory.move_connection(session, row.id, ConnectionEvent.PUSHED, now)
        tokens.replaced(session, row.id, oauth.expires_at(credential), now)

    def _account(self, app: str, shape: KeyShape, credential: Mapping[str, Any]) -> str:
        spec = self._spec(app)
        named = spec.account(spec.credential.model_validate(credential)) if spec else ""
        values = [str(credential[name]) for name in shape.identity if isinstance(credential.get(name), str)]
        return UNSTORABLE.sub("", named or (values[0] if values else ""))

    def _result(self, row: Connection, created: bool, note: str, now: datetime) -> SyncResult:
        parts = ["created" if created else "updated", note]
        if self._spec(row.app) is None:
            parts.append("not probed: no connector for this app is installed here")
        return SyncResult(
            at=now,
            operation=Operation.RECEIVE_CREDENTIAL,
            outcome=Outcome.DONE,
            app=row.app,
            connection_id=row.id,
            detail="; ".join(filter(None, parts)),
        )

    def _audit_done(self, session: Session, action: Action, row: Connection, source: str) -> None:
        self._audit.record_in(
            session,
            action=action,
            result=AuditResult.DONE,
            actor=ACTOR,
            source=source,
            target=f"connection {row.id}",
            detail=row.app,
        )

    def _probe_later(self, received: _Received) -> None:
        def probe() -> None:
            try:
                self._accounts.settle(received.connection_id, choose=received.created)
            except SyncdError:
                pass  # the sync log and the connection say it
            except Exception as error:
                self._log.error("a probe failed", connection_id=received.connection_id, error=type(error).__name__)

        try:
            self._background(probe)
        except RuntimeError:  # the threads have ended: the process stops
            self._log.warning("not probed: syncd stops", connection_id=received.connection_id)

    def _spec(self, app: str) -> ConnectorSpec | None:
        """The app's connector; None when there is none here."""
        try:
            return self._pool.registry.spec(app) if app in self._pool.registry.apps else None
        except ConfigError:
            return None

    @staticmethod
    def _rows(session: Session, target: Target) -> list[Connection]:
        rows = directory.listed_connections(session, user_id=target.user_id, app=target.app)
        return [row for row in rows if target.connection_id in (None, row.id)]


def _no_user() -> CredentialSyncError:
    return CredentialSyncError(wire.NO_USER, "There is no such user.", code="unknown_user")


def _binding(row: Connection) -> Binding:
    assert row.id is not None
    return Binding(connection_id=row.id, app=row.app, user_id=row.user_id)
