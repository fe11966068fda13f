"""Routing decisions: who was chosen for a booker, found again by a keyed hash of the booker's e-mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session

from .access import installation
from .tables import RoutingDecision

decisions = RoutingDecision.__table__  # type: ignore[attr-defined]

BOOKER_KEY = "booker_key"
"""The name of the installation's key that bookers are hashed with."""

CHUNK = 200


def append(session: Session, decision: RoutingDecision) -> int:
    """Store a decision; its id."""
    session.add(decision)
    session.flush()
    assert decision.id is not None
    return decision.id


def booker_key(session: Session) -> str | None:
    """The key bookers are hashed with; None when no decision was ever stored."""
    found: str | None = session.execute(
        select(installation.c.value).where(installation.c.name == BOOKER_KEY)
    ).scalar_one_or_none()
    return found


def of_bookers(
    session: Session, bookers: Sequence[str], event_type_id: int | None, *, since: datetime, until: datetime
) -> list[RoutingDecision]:
    """The decisions about bookers in a time, both ends included, newest first. `event_type_id` None: of any."""
    statement = (
        select(RoutingDecision)
        .where(decisions.c.booker.in_(bookers), decisions.c.at >= since, decisions.c.at <= until)
        .order_by(decisions.c.at.desc(), decisions.c.id.desc())
    )
    if event_type_id is not None:
        statement = statement.where(decisions.c.event_type_id == event_type_id)
    return list(session.execute(statement).scalars())


def since(session: Session, moment: datetime) -> Iterator[RoutingDecision]:
    """The decisions made since a time, oldest first, read a few at a time."""
    last = 0
    while True:
        statement = (
            select(RoutingDecision)
            .where(decisions.c.at >= moment, decisions.c.id > last)
            .order_by(decisions.c.id)
            .limit(CHUNK)
        )
        found = list(session.execute(statement).scalars())
        yield from found
        if len(found) < CHUNK:
            return
        last = found[-1].id or 0


def forget(session: Session, before: datetime) -> int:
    """Delete decisions older than a time; returns how many."""
    return session.execute(delete(decisions).where(decisions.c.at < before)).rowcount  # type: ignore[attr-defined, no-any-return]
