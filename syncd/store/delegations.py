"""Delegations of organizations, what keeps one from being used, and the connections that need it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Update, func, or_, select, update
from sqlmodel import Session

from syncd.errors import InputError
from syncd.rules.connection import ConnectionEvent

from .directory import connections, move_connection
from .tables import Connection, Delegation

delegations = Delegation.__table__  # type: ignore[attr-defined]


def get(session: Session, delegation_id: int) -> Delegation:
    """The delegation.

    Raises:
        InputError: no such delegation.
    """
    found = session.get(Delegation, delegation_id)
    if found is None:
        raise InputError(
            f"No delegation {delegation_id}.", code="not_found", remedy="See what is there: syncd delegations list"
        )
    return found


def find(session: Session, organization_id: int, domain: str) -> Delegation | None:
    """An organization's delegation for a domain."""
    same = (delegations.c.organization_id == organization_id) & (delegations.c.domain == domain)
    found: Delegation | None = session.execute(select(Delegation).where(same)).scalar_one_or_none()
    return found


def listed(session: Session) -> list[Delegation]:
    """Every delegation, by id."""
    return list(session.execute(select(Delegation).order_by(delegations.c.id)).scalars())


def unusable(session: Session) -> list[Delegation]:
    """Those that failed, and have not worked since, by id."""
    statement = select(Delegation).where(delegations.c.error_code != "").order_by(delegations.c.id)
    return list(session.execute(statement).scalars())


def counts(session: Session) -> dict[int, int]:
    """Delegation -> how many connections there are through it."""
    through = connections.c.delegation_id
    statement = select(through, func.count()).where(through.is_not(None)).group_by(through)
    return {delegation_id: count for delegation_id, count in session.execute(statement)}


def connections_of(session: Session, delegation_id: int) -> list[Connection]:
    """The connections through a delegation, by id."""
    statement = select(Connection).where(connections.c.delegation_id == delegation_id).order_by(connections.c.id)
    return list(session.execute(statement).scalars())


def stop_connections(session: Session, delegation_id: int, now: datetime, *, reason: str, remedy: str) -> int:
    """Make the connections of a delegation INVALID; returns how many there are. A paused one stays paused.

    `remedy` has ID for the connection's.
    """
    found = connections_of(session, delegation_id)
    for row in found:
        assert row.id is not None
        own = remedy.replace(" ID", f" {row.id}")
        move_connection(session, row.id, ConnectionEvent.REFUSED, now, reason=reason, remedy=own)
    _touch_connections(session, delegation_id, now)
    return len(found)


def start_connections(session: Session, delegation_id: int, now: datetime) -> int:
    """Believe in the connections of a delegation again; returns how many there are. A paused one stays paused."""
    found = connections_of(session, delegation_id)
    for row in found:
        assert row.id is not None
        move_connection(session, row.id, ConnectionEvent.PUSHED, now)
    _touch_connections(session, delegation_id, now)
    return len(found)


def _touch_connections(session: Session, delegation_id: int, now: datetime) -> None:
    """Have every process open their connectors anew: an open one holds the key as it was."""
    through = connections.c.delegation_id == delegation_id
    session.execute(update(connections).where(through).values(updated_at=now))


def fail(session: Session, delegation_id: int, now: datetime, **failure: object) -> None:
    """Write down that it could not be used; `failure` are the columns that say how and for whom."""
    session.execute(update(delegations).where(delegations.c.id == delegation_id).values(failed_at=now, **failure))


def forget_failure(session: Session, delegation_id: int) -> None:
    """What kept it from being used is over."""
    session.execute(_forget().where(delegations.c.id == delegation_id))


def forget_failure_of(session: Session, connection_id: int, delegation_id: int | None = None) -> None:
    """What a delegation failed with for this connection is over; for one that was not made, too, when it now works."""
    whom = delegations.c.failed_connection_id
    mine = whom == connection_id
    unmade = (delegations.c.id == delegation_id) & whom.is_(None)
    session.execute(_forget().where(or_(mine, unmade), delegations.c.error_code != ""))


def _forget() -> Update:
    nobody = {"failed_at": None, "failed_connection_id": None, "failed_user_id": None, "failed_email": ""}
    return update(delegations).values(error_code="", error="", remedy="", **nobody)
