"""Limits that several processes keep together, and how those of one process stand, for people to look at.

A limit is a generic cell rate limit: `due` is the moment up to which calls have places, in seconds of the database's
own clock, which all machines share. A process takes places in chunks: one statement for several calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, text
from sqlmodel import Session

from .tables import LimitStanding

standings = LimitStanding.__table__  # type: ignore[attr-defined]

MAKE = text("INSERT INTO shared_limits (name, due) VALUES (:name, 0) ON CONFLICT (name) DO NOTHING")

TAKE = text(
    "WITH clock AS (SELECT extract(epoch FROM clock_timestamp())::float8 AS now), "
    "held AS (SELECT greatest(due, clock.now) - clock.now AS ahead FROM shared_limits, clock WHERE name = :name "
    "FOR UPDATE OF shared_limits), "
    "taken AS (UPDATE shared_limits SET due = clock.now + held.ahead + :step FROM clock, held "
    "WHERE name = :name AND held.ahead <= :most RETURNING 1) "
    "SELECT held.ahead FROM held LEFT JOIN taken ON true"
)

AHEAD = text(
    "SELECT greatest(due - extract(epoch FROM clock_timestamp())::float8, 0) FROM shared_limits WHERE name = :name"
)


def take(session: Session, name: str, step: float, most: float) -> float:
    """Take places worth `step` seconds unless those taken reach more than `most` seconds ahead; how far they reached.

    PostgreSQL only.
    """
    values = {"name": name, "step": step, "most": most}
    ahead = session.execute(TAKE, values).scalar()
    if ahead is None:
        session.execute(MAKE, values)
        ahead = session.execute(TAKE, values).scalar()
    return float(ahead or 0.0)


def ahead(session: Session, name: str) -> float:
    """How many seconds ahead the places taken reach."""
    return float(session.execute(AHEAD, {"name": name}).scalar() or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the limits of one connection stand: calls that may go at once (None: no limit), until when the provider has
    asked to wait, and the calls a second that its refusals have taught.
    """

    connection_id: int
    app: str
    left: int | None
    waits_until: datetime | None
    pace: float | None


def show(session: Session, owner: str, found: Sequence[Standing], now: datetime) -> None:
    """Replace what `owner`'s process told before."""
    session.execute(delete(standings).where(standings.c.owner == bindparam("b_owner")), {"b_owner": owner})
    if found:
        rows = [
            {
                "owner": owner,
                "connection_id": each.connection_id,
                "app": each.app,
                "calls_left": each.left,
                "waits_until": each.waits_until,
                "pace": each.pace,
                "at": now,
            }
            for each in found
        ]
        session.execute(insert(standings), rows)


def shown(session: Session, since: datetime) -> list[Any]:
    """What processes have told since, the tightest of each connection first."""
    statement = (
        select(standings).where(standings.c.at >= since).order_by(standings.c.connection_id, standings.c.calls_left)
    )
    return list(session.execute(statement))
