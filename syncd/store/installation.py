"""Where a database lives: what tells the place it was made in from one it was copied to.

SQLite: the machine and the file's path. PostgreSQL: the cluster's system identifier, the database's name and its oid.
A dump restored anywhere, a copied file and an upgraded cluster are somewhere else. A byte-wise copy of a PostgreSQL
cluster and its failed-over replica are the same place: the one cannot be told from the other by the server.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from .access import installation, installation_value
from .database import conflict_insert

HOME = "home"
UNKNOWN = "unknown"
MACHINE_ID = Path("/etc/machine-id")
PLACE = text("SELECT current_database() AS name, oid FROM pg_database WHERE datname = current_database()")


def place(session: Session) -> str:
    """Where this database is, as one readable line."""
    bind = session.connection()
    if bind.dialect.name == "sqlite":
        file = bind.engine.url.database
        path = str(Path(file).resolve()) if file and file != ":memory:" else ":memory:"
        return f"file {path}, machine {_machine()}"
    name, oid = session.execute(PLACE).one()
    return f"database {name}, oid {oid}, system {_system(session)}"


def is_same(one: str, other: str) -> bool:
    """Whether two places are the same, as far as both are known."""
    parts, others = one.split(", "), other.split(", ")
    known = [pair for pair in zip(parts, others, strict=False) if not any(p.endswith(UNKNOWN) for p in pair)]
    return len(parts) == len(others) and all(a == b for a, b in known)


def _machine() -> str:
    try:
        return MACHINE_ID.read_text(encoding="ascii").strip() or UNKNOWN
    except (OSError, UnicodeDecodeError):
        return UNKNOWN  # a container: only the path is left to go by


def _system(session: Session) -> str:
    try:
        with session.begin_nested():
            return str(session.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar_one())
    except DBAPIError:
        return UNKNOWN  # not permitted on some managed servers


def home(session: Session) -> str | None:
    """Where the database was first used, or adopted last; None when it was never used."""
    return session.execute(select(installation.c.value).where(installation.c.name == HOME)).scalar()


def settle(session: Session) -> str:
    """The same; here when it was never used. Needs a write transaction."""
    return installation_value(session, HOME, place(session))


def adopt(session: Session) -> None:
    """Make this place the database's home."""
    statement = conflict_insert(session, installation).values(name=HOME, value=place(session))
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": statement.excluded["value"]})
    )
