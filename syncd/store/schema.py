"""The schema's version, and bringing a database to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from syncd.errors import StoreError

from .database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"
"""The newest migration. Kept here so that a start need not import Alembic to learn that nothing is to be done."""

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x73796E6364


def version(database: Database) -> str | None:
    """The database's version, None when it has no tables of ours."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(database: Database, to: str = "head") -> tuple[str | None, str | None]:
    """Bring the database to `to`: (version before, version after). Does nothing when it is there.

    Raises:
        StoreError: the database was made by a newer syncd.
    """
    before = version(database)
    if before == HEAD and to in ("head", HEAD):
        return before, before
    _refuse_newer(before)
    from alembic import command

    config = alembic_config()
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
            connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
        connection.commit()
    return before, version(database)


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
