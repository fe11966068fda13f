"""What went wrong with the syncs of event types in CRMs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session

from .tables import StoredSyncError

if TYPE_CHECKING:
    from syncd.rules.crm.repair import SyncError, SyncOutcome

sync_errors = StoredSyncError.__table__  # type: ignore[attr-defined]
NO_EVENT_TYPE = 0


def follow(session: Session, connection_id: int, event_type_id: int | None, outcomes: Sequence[SyncOutcome]) -> None:
    """Open, renew and close the errors of an event type by how syncs ended."""
    from syncd.rules.crm.repair import follow as followed  # what only those need who have a CRM

    event_type = event_type_id if event_type_id is not None else NO_EVENT_TYPE
    for outcome in outcomes:
        row = session.execute(
            select(StoredSyncError).where(
                sync_errors.c.connection_id == connection_id,
                sync_errors.c.event_type_id == event_type,
                sync_errors.c.moment == str(outcome.moment),
            )
        ).scalar_one_or_none()
        error = followed(_error(row) if row else None, outcome)
        if error is None:
            continue
        if row is None:
            row = StoredSyncError(connection_id=connection_id, event_type_id=event_type, moment=str(error.moment))
        _update(row, error)
        session.add(row)
    session.flush()


def listed(session: Session, *, connection_id: int | None = None, closed: bool = False) -> list[StoredSyncError]:
    """The errors, those seen last first; without `closed` the open ones."""
    statement = select(StoredSyncError).order_by(sync_errors.c.at.desc())
    if connection_id is not None:
        statement = statement.where(sync_errors.c.connection_id == connection_id)
    if not closed:
        statement = statement.where(sync_errors.c.closed_at.is_(None))
    return list(session.execute(statement).scalars())


def _error(row: StoredSyncError) -> SyncError:
    from syncd.rules.crm.mapping import Moment
    from syncd.rules.crm.repair import SyncError

    return SyncError(
        moment=Moment(row.moment),
        code=row.code,
        message=row.message,
        dropped=tuple(json.loads(row.dropped)),
        opened_at=row.opened_at,
        at=row.at,
        closed_at=row.closed_at,
        seen=row.seen,
    )


def _update(row: StoredSyncError, error: SyncError) -> None:
    row.code, row.message, row.dropped = error.code, error.message, json.dumps(error.dropped)
    row.opened_at, row.at, row.closed_at, row.seen = error.opened_at, error.at, error.closed_at, error.seen
