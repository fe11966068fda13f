"""Connecting by consent for a running daemon: begun by an API call, finished by the browser that comes back.

    begin     the provider's page, with a signed state; what finishing needs is kept, sealed, under the state's nonce
    finish    the state is checked and its consent taken, once; the code is exchanged, the provider asked, the
              connection stored

Whatever goes wrong after the consent was taken stores nothing; the person begins anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from syncd.connector import ConnectorSpec
from syncd.connector.consent import Memo
from syncd.errors import (
    InputError,
    ParkError,
    ProviderError,
    ReconnectError,
    RetryError,
    StoreError,
    SyncdError,
    VaultError,
)
from syncd.model.clock import Clock
from syncd.rules.consent import AGAIN, STATE_LIFE, is_allowed, read_state, sign_state
from syncd.settings import Http
from syncd.store import access, consents, directory
from syncd.store.database import Database
from syncd.store.tables import Consent, User
from syncd.vault import ConsentBinding, CredentialVault

from .accounts import Accounts, Connected
from .audit import Action, Audit, AuditResult
from .opening import Opener

CALLBACK_PATH = "/api/connections/callback"
STATE_KEY = "state_key"

ANEW = "Begin connecting anew, and allow everything that is asked for."
REMEDIES = {
    "already_connected": "To renew it, begin anew for that connection; to add another account, choose that one.",
    "other_account": "Begin anew and choose the account it was connected to, or connect this one in addition.",
}
"""Error code -> what a person before a browser can do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be connected: a user to an app, or a connection of theirs anew.

    `email` is for a user that is not known yet, and changes nothing of one who is. `redirect` is where the person goes
    in the end.
    """

    user_id: int
    app: str
    email: str = ""
    connection_id: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    redirect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where the person consents, and until when."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What became of a consent: `redirect` is where the person goes, "" for nowhere."""

    app: str
    connected: Connected
    redirect: str


class ConsentFailedError(Exception):
    """A consent that was taken, and failed by `cause`: nothing was stored. `redirect` is where the person came from."""

    def __init__(self, cause: SyncdError, redirect: str) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.redirect = redirect


class Consents:
    """Begins and finishes consents. Safe for several threads and processes."""

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        opener: Opener,
        accounts: Accounts,
        settings: Http,
        clock: Clock,
    ) -> None:
        self._database = database
        self._vault = vault
        self._opener = opener
        self._accounts = accounts
        self._settings = settings
        self._audit = Audit(database, clock)
        self._clock = clock
        self._log = structlog.get_logger("syncd.connections")
        self._key: bytes | None = None

    def begin(self, wanted: Wanted, *, actor: str, source: str = "") -> Begun:
        """Begin a consent.

        Raises:
            InputError: no such app, user or connection, settings the app has not, or a redirect that is not allowed.
            ParkError: the app has no consent page or no client registered, or there is no public address.
        """
        spec = self._checked(wanted)
        callback = callback_address(self._settings)
        if not callback:
            raise ParkError(
                "This daemon has no public address that a browser could come back to.",
                code="no_public_url",
                remedy="Set [http] public_url, or connect by the command line: syncd connections add",
            )
        now, nonce = self._clock(), secrets.token_urlsafe(24)
        expires_at = now + STATE_LIFE
        state = sign_state(self._state_key(), nonce, expires_at)
        page = self._opener.consent(spec.app).begin(callback, state)
        row = Consent(
            nonce=nonce,
            user_id=wanted.user_id,
            app=spec.app,
            connection_id=wanted.connection_id,
            settings=dict(wanted.settings),
            redirect=wanted.redirect,
            actor=actor,
            envelope="",
            created_at=now,
            expires_at=expires_at,
        )
        self._keep(row, wanted.email, page.memo, source)
        return Begun(url=page.url, expires_at=expires_at)

    def finish(self, answer: Mapping[str, str], *, source: str = "") -> Finished:
        """Finish a consent by the parameters that the browser brought back. Asks the provider.

        Raises:
            InputError: no state of ours, one that has ended, or one that was used before; nothing else is told.
            ConsentFailedError: the consent was refused, or did not lead to a connection.
        """
        nonce = read_state(self._state_key(), answer.get("state", ""), self._clock())
        with self._database.write() as session:
            row = consents.take(session, nonce)
        if row is None:
            raise InputError("This consent was used before.", code="state_used", remedy=AGAIN)
        try:
            connected = self._connect(row, answer)
        except SyncdError as error:
            error.remedy = _remedy(error)
            self._note(row, _result_of(error), source, f"user {row.user_id}", f"{row.app}: {error.code}")
            raise ConsentFailedError(error, row.redirect) from error
        self._note(row, AuditResult.DONE, source, f"connection {connected.connection_id}", f"{row.app}, by consent")
        return Finished(app=row.app, connected=connected, redirect=row.redirect)

    def _checked(self, wanted: Wanted) -> ConnectorSpec:
        if wanted.app not in self._opener.registry.apps:
            raise InputError(
                f"No app {wanted.app!r}.",
                code="not_found",
                remedy=f"One of: {', '.join(self._opener.registry.apps)}.",
            )
        spec = self._opener.registry.spec(wanted.app)
        if wanted.redirect and not is_allowed(wanted.redirect, self._settings.redirect_allow):
            raise InputError(
                "The redirect is not an allowed one.",
                code="redirect_refused",
                remedy="Name its address in [http] redirect_allow.",
            )
        try:
            spec.settings.model_validate(dict(wanted.settings))
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            raise InputError(f"The settings cannot be used: {told}.", code="bad_settings") from None
        if wanted.connection_id is not None:
            self._check_connection(wanted, wanted.connection_id)
        return spec

    def _check_connection(self, wanted: Wanted, connection_id: int) -> None:
        with self._database.read() as session:
            row = directory.get_connection(session, connection_id)
        if row.user_id != wanted.user_id or row.app != wanted.app:
            raise InputError(f"No connection {connection_id} of this user to {wanted.app}.", code="not_found")

    def _keep(self, row: Consent, email: str, memo: Memo, source: str) -> None:
        with self._database.write() as session:
            if session.get(User, row.user_id) is None:
                if not email:
                    raise InputError(f"No user {row.user_id}.", code="not_found", remedy="Name the user's e-mail once.")
                directory.add_user(session, row.user_id, email, row.created_at)
            consent_id = consents.add(session, row)
            row.envelope = self._vault.seal_credential(memo, ConsentBinding(consent_id, row.app, row.user_id))
            self._audit.record_in(
                session,
                action=Action.CONSENT_BEGUN,
                result=AuditResult.DONE,
                actor=row.actor,
                source=source,
                target=f"user {row.user_id}",
                detail=row.app,
            )

    def _connect(self, row: Consent, answer: Mapping[str, str]) -> Connected:
        assert row.id is not None
        try:
            memo = self._vault.open_credential(row.envelope, ConsentBinding(row.id, row.app, row.user_id))
        except VaultError as error:
            raise ParkError(str(error), code=error.code, remedy=error.remedy) from error
        credential = self._opener.consent(row.app).finish(memo, answer)
        if row.connection_id is not None:
            return self._accounts.reconnect(row.connection_id, credential)
        return self._accounts.add(row.user_id, row.app, credential, row.settings)

    def _state_key(self) -> bytes:
        if self._key is None:
            with self._database.write() as session:
                self._key = bytes.fromhex(access.installation_value(session, STATE_KEY, secrets.token_hex(32)))
        return self._key

    def _note(self, row: Consent, result: AuditResult, source: str, target: str, detail: str) -> None:
        """Audit how it ended. What is stored by then stays so, whether or not that can be audited."""
        try:
            self._audit.record(
                action=Action.CREDENTIAL_RECEIVED,
                result=result,
                actor=row.actor,
                source=source,
                target=target,
                detail=detail,
            )
        except StoreError as error:
            self._log.error("the end of a consent could not be audited", target=target, error=str(error))


def callback_address(settings: Http) -> str:
    """Where browsers come back to, as it is registered at providers; "" where no public address is set."""
    return settings.public_url.rstrip("/") + CALLBACK_PATH if settings.public_url else ""


def _remedy(error: SyncdError) -> str:
    """What the person before the browser can do, where the error's own advice is for the command line."""
    if isinstance(error, ReconnectError):
        return ANEW
    return REMEDIES.get(error.code, error.remedy)


def _result_of(error: SyncdError) -> AuditResult:
    """Whether it was refused, or did not work."""
    passing = isinstance(error, RetryError) or not isinstance(error, ProviderError | InputError)
    return AuditResult.FAILED if passing else AuditResult.REFUSED
