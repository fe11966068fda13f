"""The audit log: what happened to keys, credentials and the configuration, by whom, from where, and how it ended.

An address is never stored, only its keyed hash: HMAC-SHA256 under a random key of this installation, made when first
needed. So the same address has the same hash inside one installation, events of one source can be told together, and
without the database nobody can tell whose they were. With the database the few addresses there are can be tried.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum
from ipaddress import IPv6Address, ip_address

from sqlmodel import Session

from syncd.model.clock import Clock
from syncd.store import access
from syncd.store.database import Database
from syncd.store.tables import AuditEvent

ADDRESS_KEY = "address_key"
HASH_CHARACTERS = 32
MAX_TEXT = 500


class Action(StrEnum):
    """What happened."""

    API_KEY_CREATED = "api_key_created"
    API_KEY_REVOKED = "api_key_revoked"
    CREDENTIAL_RECEIVED = "credential_received"
    CREDENTIAL_READ = "credential_read"
    CREDENTIAL_ROTATED = "credential_rotated"
    CREDENTIAL_REMOVED = "credential_removed"
    CONSENT_BEGUN = "consent_begun"
    DELEGATION_ADDED = "delegation_added"
    DELEGATION_CHANGED = "delegation_changed"
    DELEGATION_REMOVED = "delegation_removed"
    LOGIN_FAILED = "login_failed"
    CONFIGURATION_CHANGED = "configuration_changed"
    DATABASE_ADOPTED = "database_adopted"


class AuditResult(StrEnum):
    """How it ended. REFUSED: the one who asked may not, or what was given is not accepted. FAILED: it did not work."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Audit:
    """Writes events. Safe for several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(
        self,
        *,
        action: Action,
        result: AuditResult,
        actor: str = "",
        source: str = "",
        target: str = "",
        detail: str = "",
    ) -> None:
        """Write an event, in a transaction of its own. Arguments as `record_in`."""
        with self._database.write() as session:
            self.record_in(
                session, action=action, result=result, actor=actor, source=source, target=target, detail=detail
            )

    def record_in(
        self,
        session: Session,
        *,
        action: Action,
        result: AuditResult,
        actor: str = "",
        source: str = "",
        target: str = "",
        detail: str = "",
    ) -> None:
        """Write an event in the transaction that makes the change it tells of: both are there or neither.

        Args:
            session: a write transaction.
            actor: who did it: `cli:<user>`, `api-key:<id>`, `platform`.
            source: the address it came from; its hash is stored.
            target: what it was done to, such as `connection 5`.
            detail: never a secret.
        """
        event = AuditEvent(
            at=self._clock(),
            action=action,
            result=result,
            actor=actor[:MAX_TEXT],
            source=_hash(session, source) if source else "",
            target=target[:MAX_TEXT],
            detail=detail[:MAX_TEXT],
        )
        access.append_event(session, event)


def _hash(session: Session, address: str) -> str:
    """The keyed hash of an address, however it is spelt."""
    key = access.installation_value(session, ADDRESS_KEY, secrets.token_hex(32))
    return hmac.new(bytes.fromhex(key), _plain(address).encode(), hashlib.sha256).hexdigest()[:HASH_CHARACTERS]


def _plain(address: str) -> str:
    """An address in its one short form; an IPv4 address that came as an IPv6 one is IPv4."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(parsed)
