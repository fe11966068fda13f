"""Delegations: an organization's key with which syncd acts for the people of one domain.

A connection through a delegation has no credential of its own. Its envelope names whom the key acts for (`SUBJECT`);
the credential its connector is opened with is put together when it is opened, from the key as it is then:

    {...the fields of the key, "subject": "anna@example.com"}

What keeps a delegation from being used is written down with it, and shown until the connection it failed for works.
Disabling or removing it makes its connections INVALID, with the reason; enabling it, or a new key, makes them ACTIVE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from syncd.errors import InputError, ParkError, ProviderError, ReconnectError
from syncd.model.clock import Clock
from syncd.rules.delegation import domain_of, is_domain, subject_of
from syncd.source.delegation import PLATFORMS, check_key, credential_error
from syncd.store import delegations
from syncd.store.database import Database
from syncd.store.tables import Connection, Delegation, User
from syncd.vault import CredentialVault, DelegationBinding

SUBJECT = "subject"

SWITCHED_OFF = frozenset({"delegation_disabled", "delegation_gone"})
"""Codes of what a person did; nothing is wrong with the key."""

KEY_REMEDY = "See at the provider's administration that the key is valid, may act for this person, and has every scope."

WRONG_KEY = frozenset({"client_refused", "key_missing", "key_wrong", "envelope_moved", "envelope_damaged"})
"""Codes of a `ParkError` that say that the key cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A delegation that failed: since when, how, what to do, and Cal.com's payload that tells of it."""

    delegation_id: int
    domain: str
    platform: str
    code: str
    remedy: str
    failed_at: datetime | None
    payload: dict[str, Any]


class Delegations:
    """Adds, changes and removes delegations, and gives connectors their credential. Safe for several threads."""

    def __init__(self, database: Database, vault: CredentialVault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def add(self, organization_id: int, domain: str, platform: str, key: object) -> int:
        """Keep a key; the delegation's id. An organization has one for each domain.

        Raises:
            InputError: no such platform, no domain, not a key of that platform, or there is one.
        """
        checked, name = check_key(platform, key), domain.strip().casefold()
        if not is_domain(name):
            raise InputError(f"{domain!r} is no domain.", code="bad_domain", remedy="Write it as example.com.")
        now = self._clock()
        with self._database.write() as session:
            other = delegations.find(session, organization_id, name)
            if other is not None:
                raise InputError(
                    f"Organization {organization_id} has a delegation for {name}: {other.id}.",
                    code="already_delegated",
                    remedy=f"Give it a new key instead: syncd delegations update {other.id} --key-file FILE",
                )
            row = Delegation(organization_id=organization_id, domain=name, platform=platform)
            row.created_at = row.updated_at = now
            session.add(row)
            session.flush()
            assert row.id is not None
            row.envelope = self._vault.seal_credential(checked, _binding(row))
            return row.id

    def update(self, delegation_id: int, key: object) -> int:
        """Give it a new key; how many connections use it from now on.

        Raises:
            InputError: no such delegation, or not a key of its platform.
        """
        with self._database.write() as session:
            row = delegations.get(session, delegation_id)
            now = self._after(row)
            row.envelope, row.updated_at = self._vault.seal_credential(check_key(row.platform, key), _binding(row)), now
            session.add(row)
            session.flush()
            delegations.forget_failure(session, delegation_id)
            return delegations.start_connections(session, delegation_id, now) if row.enabled else 0

    def set_enabled(self, delegation_id: int, enabled: bool) -> int:
        """Enable it or disable it; how many connections that concerns. Enabling tries what failed again.

        Raises:
            InputError: no such delegation.
        """
        with self._database.write() as session:
            row = delegations.get(session, delegation_id)
            now = self._after(row)
            row.enabled, row.updated_at = enabled, now
            session.add(row)
            session.flush()
            if enabled:
                delegations.forget_failure(session, delegation_id)
                return delegations.start_connections(session, delegation_id, now)
            off = _disabled(row)
            return delegations.stop_connections(session, delegation_id, now, reason=str(off), remedy=off.remedy)

    def remove(self, delegation_id: int) -> int:
        """Forget it and its key; how many connections had it. They keep their calendars and references.

        Raises:
            InputError: no such delegation.
        """
        with self._database.write() as session:
            row = delegations.get(session, delegation_id)
            reason = f"Its delegation, for {row.domain}, was removed."
            remedy = "Connect it by another: syncd connections reconnect ID --delegation N"
            now = self._after(row)
            count = delegations.stop_connections(session, delegation_id, now, reason=reason, remedy=remedy)
            session.delete(row)
            return count

    def subject(self, delegation_id: int, email: str) -> dict[str, Any]:
        """What is stored as the credential of a connection through it, of the user with that e-mail.

        Raises:
            InputError: no such delegation, or an e-mail of another domain.
        """
        with self._database.read() as session:
            row = delegations.get(session, delegation_id)
        subject = subject_of(email)
        if domain_of(subject) != row.domain:
            raise InputError(
                f"{subject} is not of {row.domain}, which delegation {delegation_id} is for.",
                code="other_domain",
                remedy="Name the delegation of the user's own domain: syncd delegations list",
            )
        return {SUBJECT: subject}

    def complete(self, delegation_id: int, app: str, credential: Mapping[str, Any]) -> dict[str, Any]:
        """The credential that a connector is opened with, of what is stored for its connection.

        Raises:
            ReconnectError: the delegation is gone or disabled, or is not for this app or person.
            VaultError: its key cannot be opened.
        """
        with self._database.read() as session:
            row = session.get(Delegation, delegation_id)
        if row is None:
            raise ReconnectError(f"Delegation {delegation_id} was removed.", code="delegation_gone")
        if not row.enabled:
            raise _disabled(row)
        if PLATFORMS[row.platform].app != app:
            raise ReconnectError(f"Delegation {delegation_id} is for {row.platform}, not {app}.", code="other_platform")
        subject = str(credential.get(SUBJECT, ""))
        if domain_of(subject) != row.domain:
            raise ReconnectError(f"Delegation {delegation_id} is for {row.domain} only.", code="other_domain")
        return {**self._vault.open_credential(row.envelope, _binding(row)), SUBJECT: subject}

    def refused_connection(self, connection_id: int, error: ProviderError) -> ProviderError:
        """What a call of a connection failed with, as its caller is told. As `refused`, where it has a delegation."""
        if not _says_unusable(error):
            return error
        with self._database.read() as session:
            row = session.get(Connection, connection_id)
        if row is None or row.delegation_id is None:
            return error
        return self.refused(row.delegation_id, row.user_id, connection_id, error)

    def refused(
        self, delegation_id: int, user_id: int, connection_id: int | None, error: ProviderError
    ) -> ProviderError:
        """Write down that a delegation could not be used for a user; the error to go on with.

        `connection_id` None: the connection is not there yet. A client that is refused is to the connection what a
        refused grant is: its work waits for a person, and is not given up.
        """
        if not _says_unusable(error):
            return error
        told = _told(error, delegation_id, connection_id)
        with self._database.write() as session:
            user = session.get(User, user_id)
            delegations.fail(
                session,
                delegation_id,
                self._clock(),
                error_code=told.code,
                error=str(told),
                remedy=told.remedy,
                failed_connection_id=connection_id,
                failed_user_id=user_id,
                failed_email=user.email if user else "",
            )
        return told

    def _after(self, row: Delegation) -> datetime:
        """Now, and later than its last change: processes tell a changed key by this time."""
        return max(self._clock(), row.updated_at + timedelta(microseconds=1))


def unusable(session: Session) -> list[Unusable]:
    """The delegations that failed, and have not worked since."""
    return [_unusable(row) for row in delegations.unusable(session)]


def _unusable(row: Delegation) -> Unusable:
    assert row.id is not None
    payload = credential_error(
        message=row.error,
        connection_id=row.failed_connection_id,
        platform=row.platform,
        delegation_id=row.id,
        user_id=row.failed_user_id,
        email=row.failed_email,
        organization_id=row.organization_id,
    )
    return Unusable(
        delegation_id=row.id,
        domain=row.domain,
        platform=row.platform,
        code=row.error_code,
        remedy=row.remedy,
        failed_at=row.failed_at,
        payload=payload,
    )


def _binding(row: Delegation) -> DelegationBinding:
    assert row.id is not None
    return DelegationBinding(row.id, row.organization_id, row.domain, row.platform)


def _disabled(row: Delegation) -> ReconnectError:
    return ReconnectError(
        f"Delegation {row.id}, for {row.domain}, is disabled.",
        code="delegation_disabled",
        remedy=f"syncd delegations enable {row.id}",
    )


def _says_unusable(error: ProviderError) -> bool:
    if isinstance(error, ReconnectError):
        return error.code not in SWITCHED_OFF
    return isinstance(error, ParkError) and error.code in WRONG_KEY


def _told(error: ProviderError, delegation_id: int, connection_id: int | None) -> ProviderError:
    """A refused key as the connection's refused credential, with what to do about it."""
    if isinstance(error, ParkError) and error.code != "client_refused":
        return error  # the vault's: its remedy is to the point
    own = error.remedy if isinstance(error, ReconnectError) and error.remedy != ReconnectError.remedy else KEY_REMEDY
    again = f"syncd connections test {connection_id}" if connection_id else "add the connection again"
    remedy = f"{own.rstrip('.')}. Then: {again}. A new key: syncd delegations update {delegation_id} --key-file FILE"
    return ReconnectError(str(error), code=error.code, remedy=remedy, status=error.status, request_id=error.request_id)
