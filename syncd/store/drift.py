"""What people did to events of ours: which events a read told of, which are to be looked at, and what was found.

An event that a read tells of is marked in the transaction that moves the read's cursor on, whatever its reference is
doing then, and looked at once the reference is at rest. So nothing that was told is lost by a failure, a crash or a
write that is under way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlmodel import Session

from syncd.model.drift import Drift, Told
from syncd.model.reference import Reference, ReferenceState
from syncd.rules.drift import Written

from .chunks import chunks
from .codec import load_event, load_receipt
from .references import CLEARED, EVENT_GONE, reference_of, references
from .tables import StoredBusyTime, UtcTime

busy_times = StoredBusyTime.__table__  # type: ignore[attr-defined]

CHUNK = 500


def uids(session: Session, calendar_id: int, generation: int, items: Collection[str]) -> Iterator[tuple[str, str]]:
    """(item, UID) of items as they were known."""
    for chunk in chunks(list(items), CHUNK):
        statement = select(busy_times.c.item, busy_times.c.uid).where(
            busy_times.c.calendar_id == calendar_id,
            busy_times.c.generation == generation,
            busy_times.c.item.in_(chunk),
            busy_times.c.uid != "",
        )
        yield from ((item, uid) for item, uid in session.execute(statement.distinct()))


def written(
    session: Session, calendar_id: int, items: Collection[str], event_uids: Collection[str]
) -> Iterator[tuple[int, Written]]:
    """(reference id, what was written) of the events in a calendar that are among `items`, or have one of the UIDs."""
    found: dict[int, Written] = {}
    for column, names in ((references.c.receipt_id, items), (references.c.event_uid, event_uids)):
        for chunk in chunks(list(names), CHUNK):
            found.update(_written(session, calendar_id, column.in_(chunk)))
    yield from found.items()


def all_written(session: Session, calendar_id: int) -> Iterator[tuple[int, Written]]:
    """As `written`, of every event in a calendar."""
    return _written(session, calendar_id, references.c.receipt_id.is_not(None))


def _written(session: Session, calendar_id: int, condition: Any) -> Iterator[tuple[int, Written]]:
    statement = select(references.c.id, references.c.desired, references.c.receipt, references.c.drift).where(
        references.c.calendar_id == calendar_id, references.c.desired.is_not(None), condition
    )
    for row in session.execute(statement):
        desired = load_event(row.desired)
        assert desired is not None
        yield row.id, Written(desired=desired, receipt=load_receipt(row.receipt), drifted=row.drift != "")


MARK = (
    update(references)
    .where(references.c.id == bindparam("b_id"))
    .values(told=bindparam("b_told"), told_at=bindparam("b_now", type_=UtcTime))
)


def mark(session: Session, told: Mapping[int, Told], now: datetime) -> None:
    """Have events looked at: reference id -> what a read told."""
    if told:
        rows = [{"b_id": each, "b_told": str(what), "b_now": now} for each, what in sorted(told.items())]
        session.connection().execute(MARK, rows)


_AT_REST = and_(
    references.c.desired.is_not(None),
    or_(
        and_(references.c.state == ReferenceState.SYNCED, references.c.desired_version == references.c.applied_version),
        and_(references.c.state == ReferenceState.PARKED, references.c.error_code == EVENT_GONE),
    ),
)
"""Nothing is being written: what is wanted is there as far as we know, or was found deleted when it was written."""


def is_marked(calendar_id: Any, now: datetime) -> Any:
    """Whether events of a calendar are to be looked at now, for a query over calendars."""
    return exists().where(references.c.calendar_id == calendar_id, references.c.told_at <= now, _AT_REST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An event that is to be looked at, and what is known of a person's hand in it."""

    reference: Reference
    told: Told
    told_at: datetime
    drift: str
    detail: str
    restored: int
    restored_at: datetime | None


def marked(session: Session, calendar_id: int, limit: int, now: datetime) -> list[Marked]:
    """The events of a calendar to look at now, those told of first."""
    statement = select(references).where(references.c.calendar_id == calendar_id, references.c.told_at <= now, _AT_REST)
    return [_marked(row) for row in session.execute(statement.order_by(references.c.told_at).limit(limit))]


def _marked(row: Any) -> Marked:
    return Marked(
        reference=reference_of(row),
        told=Told(row.told),
        told_at=row.told_at,
        drift=row.drift,
        detail=row.drift_detail,
        restored=row.restored,
        restored_at=row.restored_at,
    )


UNMARKED: dict[str, Any] = {"told": "", "told_at": None}
NO_DRIFT: dict[str, Any] = {"drift": "", "drift_detail": "", "drifted_at": None}


def unmark(session: Session, seen: Marked) -> None:
    """It was looked at, unless it has been told of again meanwhile."""
    session.execute(
        update(references)
        .where(references.c.id == seen.reference.id, references.c.told_at == seen.told_at)
        .values(**UNMARKED)
    )


def postpone(session: Session, seen: Marked, until: datetime) -> None:
    """It could not be looked at, and is to be later, unless it is told of again before."""
    session.execute(
        update(references)
        .where(references.c.id == seen.reference.id, references.c.told_at == seen.told_at)
        .values(told_at=until)
    )


def note(session: Session, seen: Marked, drift: Drift | None, now: datetime) -> bool:
    """Write down what a person did (None: nothing, or no more); whether that is another thing than was known."""
    if (seen.drift, seen.detail) == ((drift.kind, drift.detail) if drift else ("", "")):
        return False
    values = {"drift": str(drift.kind), "drift_detail": drift.detail, "drifted_at": now} if drift else NO_DRIFT
    return _change(session, seen, values)


def restore(session: Session, seen: Marked, key: str | None, restored: int, now: datetime) -> bool:
    """Want it put back, for the `restored`-th time in a row; with `key`, as an event that is made anew."""
    values: dict[str, Any] = {
        "state": ReferenceState.PENDING,
        "due_at": now,
        "desired_version": seen.reference.desired_version + 1,
        "restored": restored,
        "restored_at": now,
        **NO_DRIFT,
        **CLEARED,
    }
    if key is not None:
        values |= {"key": key, "receipt": None, "receipt_id": None, "attempted": False}
    return _change(session, seen, values)


def _change(session: Session, seen: Marked, values: Mapping[str, Any]) -> bool:
    """Change a reference that is as it was when it was looked at."""
    statement = update(references).where(
        references.c.id == seen.reference.id,
        references.c.state == seen.reference.state,
        references.c.desired_version == seen.reference.desired_version,
        references.c.drift == seen.drift,
        references.c.drift_detail == seen.detail,
    )
    return bool(session.execute(statement.values(**values)).rowcount)  # type: ignore[attr-defined]


def drifted(session: Session, limit: int) -> Sequence[Any]:
    """Events that people moved, deleted or declined, those noticed last first: for people to look at."""
    columns = (
        references.c.subject,
        references.c.app,
        references.c.drift,
        references.c.drift_detail,
        references.c.drifted_at,
    )
    statement = select(*columns).where(references.c.drifted_at.is_not(None)).order_by(references.c.drifted_at.desc())
    return session.execute(statement.limit(limit)).all()


def drifted_subjects(session: Session) -> list[str]:
    """The subjects of those, each once."""
    statement = select(references.c.subject).where(references.c.drifted_at.is_not(None)).distinct()
    return list(session.scalars(statement))
