"""Everything that is sealed, as rotation walks it: a table at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from syncd.vault import (
    Binding,
    Change,
    ConsentBinding,
    DelegationBinding,
    EnvelopeRow,
    KeyRing,
    RowBinding,
    status,
)

from .consents import consents
from .database import Database
from .delegations import delegations
from .directory import connections


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table with envelopes: what a row of it is called, the columns its binding needs, and the binding of a row."""

    name: str
    table: Any
    columns: tuple[str, ...]
    binding: Callable[[Any], RowBinding]


CONNECTIONS = Sealed(
    "connection",
    connections,
    ("app", "user_id"),
    lambda row: Binding(connection_id=row.id, app=row.app, user_id=row.user_id),
)
DELEGATIONS = Sealed(
    "delegation",
    delegations,
    ("organization_id", "domain", "platform"),
    lambda row: DelegationBinding(row.id, row.organization_id, row.domain, row.platform),
)
CONSENTS = Sealed("consent", consents, ("app", "user_id"), lambda row: ConsentBinding(row.id, row.app, row.user_id))
EVERYTHING = (CONNECTIONS, DELEGATIONS, CONSENTS)


class StoredEnvelopes:
    """The envelopes of one table: `syncd.vault.EnvelopeRows`."""

    def __init__(self, database: Database, sealed: Sealed = CONNECTIONS) -> None:
        self._database = database
        self._binding = sealed.binding
        self._table = sealed.table
        self._columns = [sealed.table.c[name] for name in ("id", *sealed.columns, "envelope")]
        self.name = sealed.name

    def count(self) -> int:
        """How many there are."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(self._table)) or 0

    def after(self, last_id: int, limit: int) -> Sequence[EnvelopeRow]:
        """Up to `limit` rows with an id above `last_id`, by ascending id."""
        key = self._table.c.id
        statement = select(*self._columns).where(key > last_id).order_by(key).limit(limit)
        with self._database.read() as session:
            return [EnvelopeRow(row.id, self._binding(row), row.envelope) for row in session.execute(statement)]

    def swap(self, changes: Sequence[Change]) -> int:
        """Replace each envelope that is still the old one, in one transaction; how many were.

        The row's `updated_at` stays: what is sealed is the same.
        """
        with self._database.write() as session:
            return sum(self._swap(session, change) for change in changes)

    def _swap(self, session: Session, change: Change) -> int:
        still = (self._table.c.id == change.id) & (self._table.c.envelope == change.old)
        statement = update(self._table).where(still).values(envelope=change.new)
        return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def every_envelope(database: Database) -> list[StoredEnvelopes]:
    """The envelopes of every table that has some."""
    return [StoredEnvelopes(database, sealed) for sealed in EVERYTHING]


def counted_by_key(database: Database, ring: KeyRing) -> dict[str, int]:
    """How many envelopes each key sealed (`syncd.vault.status`), over all tables."""
    counts = Counter(dict.fromkeys(ring.ids, 0))
    for rows in every_envelope(database):
        counts.update(status(rows, ring))
    return dict(counts)
