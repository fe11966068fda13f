"""A role that one process has at a time, on PostgreSQL: taken for seconds, kept by renewing, lost by not doing so.

Times are the database server's, so the machines' clocks may differ. `term` grows with every change of holder: what a
former holder still does under its old term can be refused (`holds`).
"""

from __future__ import annotations

from sqlalchemy import text
from sqlmodel import Session

from .owner import is_gone

TAKE = text(
    "INSERT INTO leads (role, owner, until, term)"
    " VALUES (:role, :owner, clock_timestamp() + :seconds * interval '1 second', 1)"
    " ON CONFLICT (role) DO UPDATE SET owner = excluded.owner, until = excluded.until,"
    " term = leads.term + CASE WHEN leads.owner = excluded.owner THEN 0 ELSE 1 END"
    " WHERE leads.owner IN (:owner, :dead) OR leads.until < clock_timestamp()"
    " RETURNING term"
)
HOLDS = text(
    "SELECT 1 FROM leads WHERE role = :role AND owner = :owner AND term = :term AND until > clock_timestamp() FOR SHARE"
)
GIVE_UP = text("UPDATE leads SET owner = '', until = clock_timestamp() WHERE role = :role AND owner = :owner")


def take(session: Session, role: str, owner: str, seconds: float) -> int | None:
    """Take or renew a role; its term, None while another holds it. A holder known to be dead is not waited for."""
    holder: str = session.execute(text("SELECT owner FROM leads WHERE role = :role"), {"role": role}).scalar() or ""
    dead = holder if holder and is_gone(holder) else owner
    values = {"role": role, "owner": owner, "dead": dead, "seconds": seconds}
    return session.execute(TAKE, values).scalar()


def holds(session: Session, role: str, owner: str, term: int) -> bool:
    """Whether the role is still held in this term; nobody takes it over before the transaction ends."""
    return session.execute(HOLDS, {"role": role, "owner": owner, "term": term}).scalar() is not None


def give_up(session: Session, role: str, owner: str) -> None:
    """Let the next one take the role at once."""
    session.execute(GIVE_UP, {"role": role, "owner": owner})
