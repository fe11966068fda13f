"""Rows the store tests begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from syncd.model.calendar import Event, Receipt, RemoteCalendar
from syncd.model.connection import ConnectionState
from syncd.model.reference import Place, Reference
from syncd.store import directory, references
from syncd.store.database import Database
from syncd.store.references import Due
from syncd.store.tables import Connection

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
EVENT = Event(uid="a@test", title="Meeting", start=NOW, end=NOW + timedelta(minutes=30))
RECEIPT = Receipt(id="item", version="v1", uid="a@test")


def connect(session: Session, user_id: int = 1, app: str = "memory", envelope: str = "sealed") -> Place:
    """A user with a connection of one calendar, as the place there."""
    directory.add_user(session, user_id, f"user{user_id}@example.com", NOW)
    row = Connection(
        user_id=user_id,
        app=app,
        account=f"account{user_id}",
        state=ConnectionState.ACTIVE,
        envelope=envelope,
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    (calendar,), _ = directory.store_listing(session, row.id, [RemoteCalendar(id="work", name="Work")], "block", NOW)
    assert calendar.id is not None
    return Place(connection_id=row.id, calendar_id=calendar.id, external_id="work", app=app)


def connected(database: Database, **arguments: Any) -> Place:
    with database.write() as session:
        return connect(session, **arguments)


def make_references(database: Database, place: Place, count: int, prefix: str = "s", due: datetime = NOW) -> None:
    with database.write() as session:
        new = [references.New(f"{prefix}{n}", place, f"key-{prefix}{n}", EVENT) for n in range(count)]
        references.make(session, new, due)


def due(now: datetime = NOW, limit: int = 100, **arguments: Any) -> Due:
    return Due(now=now, limit=limit, **{"per_connection": 100, "per_app": {}, "in_hand": {}, **arguments})


def claim(database: Database, owner: str = "me", until: datetime = LATER, **arguments: Any) -> list[Reference]:
    with database.write() as session:
        return references.claim(session, due(**arguments), owner, until)


def reference(database: Database, subject: str = "s0") -> Any:
    with database.read() as session:
        (row,) = references.rows(session, subjects=[subject])
        return row
