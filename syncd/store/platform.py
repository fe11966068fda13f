"""What credential sync asks of the store: a user's turn, and nonces that are used once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session

from .database import conflict_insert
from .directory import users
from .tables import Nonce

nonces = Nonce.__table__  # type: ignore[attr-defined]


def claim_user(session: Session, user_id: int, now: datetime, *, create: bool) -> bool:
    """Whether the user is there, or now is. Others who claim the same user wait until this transaction ends."""
    if create:
        values = {"id": user_id, "email": "", "name": "", "zone": "", "created_at": now}
        session.execute(conflict_insert(session, users).values(**values).on_conflict_do_nothing())
    statement = select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)
    return session.execute(statement).one_or_none() is not None


def has_user(session: Session, user_id: int) -> bool:
    """Whether the user is there."""
    return session.execute(select(users.c.id).where(users.c.id == user_id)).one_or_none() is not None


def use_nonce(session: Session, nonce: str, now: datetime, forget_before: datetime) -> bool:
    """Use a nonce; False when it was used before. Those of `forget_before` are forgotten."""
    session.execute(delete(nonces).where(nonces.c.seen_at < forget_before))
    statement = conflict_insert(session, nonces).values(nonce=nonce, seen_at=now).on_conflict_do_nothing()
    return session.execute(statement.returning(nonces.c.nonce)).one_or_none() is not None
