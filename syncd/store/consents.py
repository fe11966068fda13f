"""Consents that wait for their person to come back from a provider's page. Each is used once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session

from .tables import Consent

consents = Consent.__table__  # type: ignore[attr-defined]


def add(session: Session, consent: Consent) -> int:
    """Keep a consent; its id."""
    session.add(consent)
    session.flush()
    assert consent.id is not None
    return consent.id


def take(session: Session, nonce: str) -> Consent | None:
    """The consent of a nonce, which is forgotten by that; None when it was taken before, or never was."""
    found: Consent | None = session.execute(select(Consent).where(consents.c.nonce == nonce)).scalar_one_or_none()
    if found is None:
        return None
    session.expunge(found)
    removed = session.execute(delete(consents).where(consents.c.nonce == nonce)).rowcount  # type: ignore[attr-defined]
    return found if removed else None


def forget(session: Session, before: datetime) -> int:
    """Forget those that ended before a time; returns how many."""
    return session.execute(delete(consents).where(consents.c.expires_at < before)).rowcount  # type: ignore[attr-defined, no-any-return]
