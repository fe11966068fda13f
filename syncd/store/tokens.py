"""Access tokens in the store: which are due, who refreshes one, and swapping in what a refresh brought.

The refresh of a connection is held by at most one process: `refresh_owner` until `refresh_until`, taken and given back
by compare-and-swap. A credential is replaced only where it is still the one that was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Update, func, or_, select, update
from sqlmodel import Session

from syncd.model.connection import ConnectionState
from syncd.rules.connection import ConnectionEvent
from syncd.rules.refresh import TokenFacts, Trouble
from syncd.vault import Binding

from .directory import connections, move_connection
from .owner import is_gone, this_owner

PLATFORM = "platform"
"""`token_owner` where the platform refreshes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A connection as refreshing sees it."""

    id: int
    user_id: int
    app: str
    state: str
    reason: str
    remedy: str
    settings: dict[str, Any]
    envelope: str
    token_owner: str
    token_expires_at: datetime | None
    refresh_owner: str | None
    refresh_until: datetime | None
    refreshed_at: datetime | None
    refresh_failures: int
    refresh_retry_at: datetime | None
    refresh_lost_at: datetime | None
    refresh_code: str

    @property
    def binding(self) -> Binding:
        """What its envelope is bound to."""
        return Binding(connection_id=self.id, app=self.app, user_id=self.user_id)

    @property
    def by_platform(self) -> bool:
        """Whether the platform refreshes it."""
        return self.token_owner == PLATFORM

    def is_free(self, now: datetime) -> bool:
        """Whether nobody refreshes it, or whoever did has died or let the lease run out."""
        if self.refresh_owner is None or self.refresh_until is None or self.refresh_until <= now:
            return True
        return is_gone(self.refresh_owner)

    def facts(self, repeatable: bool, now: datetime) -> TokenFacts:
        """What decisions need to know. A refresh that nobody gave back counts as one whose answer was lost."""
        abandoned = now if self.refresh_owner is not None and self.is_free(now) else None
        return TokenFacts(
            connection_id=self.id,
            expires_at=self.token_expires_at,
            refreshed_at=self.refreshed_at,
            retry_at=self.refresh_retry_at,
            lost_at=self.refresh_lost_at or abandoned,
            repeatable=repeatable,
        )


COLUMNS = tuple(connections.c[name] for name in TokenRow.__dataclass_fields__)


def get(session: Session, connection_id: int) -> TokenRow | None:
    """The connection, None when it is gone."""
    row = session.execute(select(*COLUMNS).where(connections.c.id == connection_id)).one_or_none()
    return TokenRow(**row._mapping) if row else None


def ending(session: Session, before: datetime, now: datetime, connection_id: int | None = None) -> list[TokenRow]:
    """Connections (or that one) whose access token ends by `before` and may be refreshed now, by that end.

    An INVALID one only where the platform may have mended the grant meanwhile.
    """
    statement = (
        select(*COLUMNS)
        .where(
            connections.c.token_expires_at <= before,
            or_(connections.c.refresh_retry_at.is_(None), connections.c.refresh_retry_at <= now),
            or_(
                connections.c.state == ConnectionState.ACTIVE,
                (connections.c.state == ConnectionState.INVALID) & (connections.c.token_owner == PLATFORM),
            ),
        )
        .order_by(connections.c.token_expires_at, connections.c.id)
    )
    if connection_id is not None:
        statement = statement.where(connections.c.id == connection_id)
    return [TokenRow(**row._mapping) for row in session.execute(statement)]


def take(session: Session, row: TokenRow, now: datetime, until: datetime) -> TokenRow | None:
    """Take the refresh of a connection as it was read: the row as it is then, None when another holds it or it changed.

    Taken from a holder that did not give it back, the answer to its refresh counts as lost.
    """
    if not row.is_free(now):
        return None
    lost = now if row.refresh_owner is not None else None
    statement = update(connections).where(
        connections.c.id == row.id,
        connections.c.envelope == row.envelope,
        connections.c.refresh_owner.is_not_distinct_from(row.refresh_owner),
        connections.c.refresh_until.is_not_distinct_from(row.refresh_until),
    )
    values = {
        "refresh_owner": this_owner(),
        "refresh_until": until,
        "refresh_lost_at": func.coalesce(connections.c.refresh_lost_at, lost),
    }
    return get(session, row.id) if _changed(session, statement.values(**values)) else None


def release(session: Session, held: TokenRow) -> None:
    """Give back the refresh that `take` gave, if it is still ours."""
    statement = update(connections).where(
        connections.c.id == held.id,
        connections.c.refresh_owner == held.refresh_owner,
        connections.c.refresh_until == held.refresh_until,
    )
    session.execute(statement.values(refresh_owner=None, refresh_until=None))


def abandon(session: Session, owner: str, now: datetime) -> int:
    """Give back every refresh that `owner` holds; returns how many. Their answers count as lost."""
    statement = update(connections).where(connections.c.refresh_owner == owner)
    lost = func.coalesce(connections.c.refresh_lost_at, now)
    values = {"refresh_owner": None, "refresh_until": None, "refresh_lost_at": lost}
    return session.execute(statement.values(**values)).rowcount  # type: ignore[attr-defined, no-any-return]


def swap(session: Session, connection_id: int, old: str, new: str, expires_at: datetime | None, now: datetime) -> bool:
    """Replace the envelope `old` by what a refresh brought; False when it is not `old` any more.

    An INVALID connection becomes ACTIVE by it.
    """
    statement = update(connections).where(connections.c.id == connection_id, connections.c.envelope == old)
    if not _changed(session, statement.values(envelope=new, **_fresh(expires_at, now))):
        return False
    move_connection(session, connection_id, ConnectionEvent.ACCEPTED, now)
    _forget_reason(session, connection_id)
    return True


def replaced(session: Session, connection_id: int, expires_at: datetime | None, now: datetime) -> None:
    """Note that a connection was given a new credential, not by a refresh: what failed before it is over.

    A refresh in hand loses its lease, and finds another envelope than it read.
    """
    values = {**_fresh(expires_at, now), "refresh_owner": None, "refresh_until": None}
    session.execute(update(connections).where(connections.c.id == connection_id).values(**values))
    _forget_reason(session, connection_id)


def try_again_now(session: Session, connection_id: int) -> None:
    """Forget the back-off: a person asks."""
    session.execute(update(connections).where(connections.c.id == connection_id).values(refresh_retry_at=None))


def fail(session: Session, row: TokenRow, trouble: Trouble, now: datetime) -> None:
    """Write down that a refresh failed. Its reason shows on a connection that still works, too."""
    lost = now if trouble.lost else None
    values = {
        "refresh_failed_at": now,
        "refresh_failures": connections.c.refresh_failures + 1,
        "refresh_retry_at": trouble.retry_at,
        "refresh_lost_at": func.coalesce(connections.c.refresh_lost_at, lost),
        "refresh_code": trouble.error.code,
    }
    # a credential given meanwhile has nothing to do with this failure
    same = (connections.c.id == row.id) & (connections.c.envelope == row.envelope)
    if not _changed(session, update(connections).where(same).values(**values)):
        return
    error = trouble.error
    if trouble.refused:
        move_connection(session, row.id, ConnectionEvent.REFUSED, now, reason=str(error), remedy=error.remedy)
        return
    active = connections.c.state == ConnectionState.ACTIVE
    session.execute(update(connections).where(same, active).values(reason=str(error), remedy=error.remedy))


def _fresh(expires_at: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "token_expires_at": expires_at,
        "refreshed_at": now,
        "refresh_failed_at": None,
        "refresh_failures": 0,
        "refresh_retry_at": None,
        "refresh_lost_at": None,
        "refresh_code": "",
        "updated_at": now,
    }


def _forget_reason(session: Session, connection_id: int) -> None:
    active = connections.c.state == ConnectionState.ACTIVE
    session.execute(update(connections).where(connections.c.id == connection_id, active).values(reason="", remedy=""))


def _changed(session: Session, statement: Update) -> bool:
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]
