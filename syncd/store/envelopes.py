"""Every sealed credential, as rotation walks them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlmodel import Session

from syncd.vault import Binding, Change, EnvelopeRow

from .database import Database
from .directory import connections


class StoredEnvelopes:
    """The envelopes of connections: `syncd.vault.EnvelopeRows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> int:
        """How many there are."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(connections)) or 0

    def after(self, last_id: int, limit: int) -> Sequence[EnvelopeRow]:
        """Up to `limit` rows with an id above `last_id`, by ascending id."""
        columns = (connections.c.id, connections.c.app, connections.c.user_id, connections.c.envelope)
        statement = select(*columns).where(connections.c.id > last_id).order_by(connections.c.id).limit(limit)
        with self._database.read() as session:
            return [
                EnvelopeRow(row.id, Binding(connection_id=row.id, app=row.app, user_id=row.user_id), row.envelope)
                for row in session.execute(statement)
            ]

    def swap(self, changes: Sequence[Change]) -> int:
        """Replace each envelope that is still the old one, in one transaction; how many were.

        The row's `updated_at` stays: the credential is the same.
        """
        with self._database.write() as session:
            return sum(self._swap(session, change) for change in changes)

    @staticmethod
    def _swap(session: Session, change: Change) -> int:
        statement = update(connections).where(connections.c.id == change.id, connections.c.envelope == change.old)
        return session.execute(statement.values(envelope=change.new)).rowcount  # type: ignore[attr-defined, no-any-return]
