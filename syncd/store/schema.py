"""The schema's version, and bringing a database to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from syncd.errors import StoreError

from . import work
from .database import WRITE, Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The newest migration. Kept here so that a start need not import Alembic to learn that nothing is to be done."""

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x73796E6364


def version(database: Database) -> str | None:
    """The database's version, None when it has no tables of ours."""
    with database.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(database: Database, to: str = "head") -> tuple[str | None, str | None]:
    """Bring the database to `to`: (version before, version after). Does nothing when it is there.

    Raises:
        StoreError: the database was made by a newer syncd.
    """
    before = version(database)
    to_head = to in ("head", HEAD)
    if before == HEAD and to_head and _has_queue(database):
        return before, before
    _refuse_newer(before)
    from alembic import command

    config = alembic_config()
    with database.connect() as plain, _alone(plain):
        connection = plain.execution_options(**{WRITE: True})
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        if to_head and not database.is_sqlite:
            work.upgrade_queue(connection)
        connection.commit()
    return before, version(database)


def _has_queue(database: Database) -> bool:
    """Whether what hands work to other machines is up to date as well; SQLite has none."""
    if database.is_sqlite:
        return True
    with database.connect() as connection:
        return work.is_upgraded(connection)


def is_ours(_thing: object, name: str | None, kind: str, *_: Any) -> bool:
    """Whether Alembic compares something: what Procrastinate makes is left to it. An `include_object`."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other upgraders out; on SQLite, keep foreign keys from emptying tables while a table is made anew."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        connection.commit()
        try:
            yield
        finally:
            connection.rollback()
            connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
            connection.commit()
        return
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        raw.execute("PRAGMA foreign_keys=ON")


def alembic_config() -> Config:
    """Alembic's configuration, with the migrations of this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _refuse_newer(current: str | None) -> None:
    if current is not None and not list((MIGRATIONS / "versions").glob(f"{current}_*.py")):
        raise StoreError(
            f"The database has schema {current}, this syncd knows {HEAD}: it was made by a newer version.",
            code="schema_newer",
            remedy="Install that version, or restore a backup.",
        )
