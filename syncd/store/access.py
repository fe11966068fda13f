"""Who may use the HTTP API, and what happened to its security: API keys, the audit log, facts of the installation.

A key is `cal_` and 32 random bytes as base64url: 256 bits that nobody chose. It is stored as its SHA-256. A slow hash
with a salt defends passwords, of which people choose few; here there is nothing to guess through, and equal keys do not
occur. A plain digest can be looked up by an index, so that no stored secret is ever compared with what came in, and how
long the look-up takes says something about the digest of a guess only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session

from syncd.errors import InputError

from .database import conflict_insert
from .tables import ApiKey, AuditEvent, Installation

keys = ApiKey.__table__  # type: ignore[attr-defined]
events = AuditEvent.__table__  # type: ignore[attr-defined]
installation = Installation.__table__  # type: ignore[attr-defined]

KEY_PREFIX = "cal_"
KEY_BYTES = 32
USE_NOTED_EVERY = timedelta(minutes=1)


class Scope(StrEnum):
    """What a key may do to its user's own things (Cal.com, "OAuth", "Available Scopes": the individual level; syncd has
    no teams and organisations for TEAM_ and ORG_ scopes). No scope includes another: the documentation says so of
    ORG_ and TEAM_ only.
    """

    EVENT_TYPE_READ = "EVENT_TYPE_READ"
    EVENT_TYPE_WRITE = "EVENT_TYPE_WRITE"
    BOOKING_READ = "BOOKING_READ"
    BOOKING_WRITE = "BOOKING_WRITE"
    SCHEDULE_READ = "SCHEDULE_READ"
    SCHEDULE_WRITE = "SCHEDULE_WRITE"
    APPS_READ = "APPS_READ"
    APPS_WRITE = "APPS_WRITE"
    PROFILE_READ = "PROFILE_READ"
    PROFILE_WRITE = "PROFILE_WRITE"
    WEBHOOK_READ = "WEBHOOK_READ"
    WEBHOOK_WRITE = "WEBHOOK_WRITE"
    VERIFIED_RESOURCES_READ = "VERIFIED_RESOURCES_READ"
    VERIFIED_RESOURCES_WRITE = "VERIFIED_RESOURCES_WRITE"
    CREDITS_READ = "CREDITS_READ"
    CREDITS_WRITE = "CREDITS_WRITE"


def digest_of(key: str) -> str:
    """What is stored of a key, and looked up."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def create_key(
    session: Session, name: str, scopes: Iterable[Scope], now: datetime, *, user_id: int | None
) -> tuple[ApiKey, str]:
    """A new key of a user, or an administrator's (`user_id` None): its row, and the key, which is nowhere else."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    row = ApiKey(user_id=user_id, name=name, digest=digest_of(key), scopes=" ".join(sorted({*scopes})), created_at=now)
    session.add(row)
    session.flush()
    return row, key


def find_key(session: Session, key: str) -> ApiKey | None:
    """The row of a key, revoked or not; None when there is none."""
    found: ApiKey | None = session.execute(select(ApiKey).where(keys.c.digest == digest_of(key))).scalar_one_or_none()
    return found


def revoke_key(session: Session, key_id: int, now: datetime) -> bool:
    """Revoke a key; whether that was news.

    Raises:
        InputError: no such key.
    """
    if session.get(ApiKey, key_id) is None:
        raise InputError(f"No API key {key_id}.", code="not_found", remedy="See what is there: syncd api-keys list")
    statement = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(revoked_at=now)
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def use_is_old(row: ApiKey, now: datetime) -> bool:
    """Whether the use of a key is to be noted: its last noted one is at least a minute ago."""
    return row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY


def note_use(session: Session, key_id: int, now: datetime) -> None:
    """Note that a key was used, unless another process did within the last minute."""
    old = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at <= now - USE_NOTED_EVERY)
    session.execute(update(keys).where(keys.c.id == key_id, old).values(last_used_at=now))


def listed_keys(session: Session) -> list[ApiKey]:
    """Every key, revoked ones too, by id."""
    return list(session.execute(select(ApiKey).order_by(keys.c.id)).scalars())


def append_event(session: Session, event: AuditEvent) -> None:
    """Write an event to the audit log."""
    session.add(event)
    session.flush()


def listed_events(
    session: Session,
    *,
    actions: Sequence[str] = (),
    since: datetime | None = None,
    target: str = "",
    limit: int = 50,
) -> list[AuditEvent]:
    """The newest events that match, oldest of them first."""
    statement = select(AuditEvent).order_by(events.c.id.desc()).limit(limit)
    if actions:
        statement = statement.where(events.c.action.in_(actions))
    if since is not None:
        statement = statement.where(events.c.at >= since)
    if target:
        statement = statement.where(events.c.target == target)
    return list(reversed(list(session.execute(statement).scalars())))


def forget_events(session: Session, before: datetime) -> int:
    """Delete events older than a time; returns how many."""
    return session.execute(delete(events).where(events.c.at < before)).rowcount  # type: ignore[attr-defined, no-any-return]


def installation_value(session: Session, name: str, first: str) -> str:
    """A fact of this installation; it is `first`, and stays so, when there is none yet. Needs a write transaction."""
    statement = conflict_insert(session, installation).values(name=name, value=first)
    session.execute(statement.on_conflict_do_nothing())
    value: str = session.execute(select(installation.c.value).where(installation.c.name == name)).scalar_one()
    return value
