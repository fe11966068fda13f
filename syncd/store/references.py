"""References: what is wanted where, what is there, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, null, or_, select, update
from sqlmodel import Session

from syncd.model.calendar import Event, Receipt
from syncd.model.connection import ConnectionState
from syncd.model.reference import Place, Reference, ReferenceState

from .codec import dump_event, dump_receipt, load_event, load_receipt
from .owner import is_gone
from .tables import Connection, StoredReference

references = StoredReference.__table__  # type: ignore[attr-defined]
connections = Connection.__table__  # type: ignore[attr-defined]


def of_subjects(session: Session, subjects: Iterable[str]) -> list[Reference]:
    """Every reference of the subjects, REMOVED ones included: their keys and UIDs live on."""
    statement = select(references).where(references.c.subject.in_(list(subjects))).order_by(references.c.id)
    return [_reference(row) for row in session.execute(statement)]


def make(session: Session, subject: str, place: Place, key: str, desired: Event, now: datetime) -> None:
    """Add a reference for an event wanted in `place`."""
    row = {
        "subject": subject,
        "connection_id": place.connection_id,
        "calendar_id": place.calendar_id,
        "external_id": place.external_id,
        "app": place.app,
        "key": key,
        "state": ReferenceState.PENDING,
        "desired": dump_event(desired),
        "desired_version": 1,
        "applied_version": 0,
        "event_uid": desired.uid,
        "attempted": False,
        "attempts": 0,
        "due_at": now,
        **CLEARED,
        "created_at": now,
        "updated_at": now,
    }
    session.execute(insert(references).values(**row))


EVENT_GONE = "event_gone"
"""The code of an update whose event is not in its calendar any more (`EventConnector.put_event`)."""

CLEARED: dict[str, Any] = {"error_code": "", "error": "", "remedy": "", "attempts": 0, "first_failed_at": None}


def want(session: Session, reference: Reference, desired: Event | None, key: str, now: datetime) -> None:
    """Change what is wanted; the next reconcile brings it there. A parked reference gets another chance.

    `key` is the create's idempotency key from now on: a new one when the event is to be made anew.
    """
    values = {
        "key": key,
        "desired": dump_event(desired),
        "desired_version": reference.desired_version + 1,
        "state": ReferenceState.PENDING,
        "due_at": now,
        "updated_at": now,
        **CLEARED,
    }
    if desired is not None:
        values["event_uid"] = desired.uid
    session.execute(update(references).where(references.c.id == reference.id).values(**values))


def move(session: Session, reference_id: int, subject: str, now: datetime) -> None:
    """Hand a reference over to the booking that replaces its own."""
    session.execute(update(references).where(references.c.id == reference_id).values(subject=subject, updated_at=now))


def discard(session: Session, reference_id: int) -> None:
    """Forget a reference that was never tried at the provider."""
    session.execute(delete(references).where(references.c.id == reference_id, references.c.attempted.is_(False)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Which references a claim takes: due at `now`, at most `limit`; of one connection at most what its app allows at
    once (`per_app`, else `per_connection`) less what of it is `in_hand` already.
    """

    now: datetime
    limit: int
    per_connection: int = 4
    per_app: Mapping[str, int]
    in_hand: Mapping[int, int]
    connection_id: int | None = None
    subjects: Sequence[str] = ()


def claim(session: Session, due: Due, owner: str, lease_until: datetime) -> list[Reference]:
    """Take due references for `owner` until `lease_until`, and mark each as attempted before anything is sent.

    A reference comes back by itself when its lease runs out or its holder is found dead (`release_dead`). Those
    returned are as they were before: `attempted` says whether an earlier attempt may have happened.
    """
    rows = session.execute(_claimable(session, due)).all()
    if not rows:
        return []
    ids = [row.id for row in rows]
    session.execute(
        update(references)
        .where(references.c.id.in_(ids))
        .values(lease_owner=owner, lease_until=lease_until, attempted=True)
    )
    return [_reference(row) for row in rows]


def _claimable(session: Session, due: Due) -> Any:
    turn = func.row_number().over(
        partition_by=references.c.connection_id, order_by=(references.c.due_at, references.c.id)
    )
    waiting = (
        select(references.c.id, references.c.connection_id, references.c.app, references.c.due_at, turn.label("turn"))
        .join(connections, connections.c.id == references.c.connection_id)
        .where(_is_due(due))
        .subquery()
    )
    allowed: Any = due.per_connection
    if due.per_app:
        allowed = case(due.per_app, value=waiting.c.app, else_=due.per_connection)
    if due.in_hand:
        allowed = allowed - case(due.in_hand, value=waiting.c.connection_id, else_=0)
    chosen = (
        select(waiting.c.id).where(waiting.c.turn <= allowed).order_by(waiting.c.due_at, waiting.c.id).limit(due.limit)
    )
    statement = select(references).where(references.c.id.in_(chosen)).order_by(references.c.due_at, references.c.id)
    if session.get_bind().dialect.name == "postgresql":
        statement = statement.where(_is_free(due.now)).with_for_update(skip_locked=True)
    return statement


def _is_due(due: Due) -> Any:
    conditions = [
        references.c.state == ReferenceState.PENDING,
        references.c.due_at <= due.now,
        _is_free(due.now),
        connections.c.state == ConnectionState.ACTIVE,
    ]
    if due.connection_id is not None:
        conditions.append(references.c.connection_id == due.connection_id)
    if due.subjects:
        conditions.append(references.c.subject.in_(due.subjects))
    return and_(*conditions)


def _is_free(now: datetime) -> Any:
    return or_(references.c.lease_until.is_(None), references.c.lease_until < now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How an attempt on a reference ended: what the provider confirmed, or the failure and when to try again.

    `state` is what the reference becomes when nothing newer is wanted meanwhile; `receipt` None: nothing is there.
    """

    id: int
    version: int
    state: ReferenceState
    receipt: Receipt | None
    applied: bool
    attempted: bool = True
    due_at: datetime
    attempts: int = 0
    first_failed_at: datetime | None = None
    error_code: str = ""
    error: str = ""
    remedy: str = ""


def finish(session: Session, finished: Sequence[Finished], owner: str, now: datetime) -> int:
    """Write down the ends of attempts and free their leases; returns how many were still ours.

    When something newer is wanted meanwhile the reference stays PENDING, due now. A lease that was taken over changes
    nothing: its new holder finds out what is there.
    """
    statement = (
        update(references)
        .where(references.c.id == bindparam("b_id"), references.c.lease_owner == owner)
        .values(
            state=case((references.c.desired_version == bindparam("b_version"), bindparam("b_state")), else_="pending"),
            due_at=case((references.c.desired_version == bindparam("b_version"), bindparam("b_due")), else_=now),
            applied_version=case((bindparam("b_applied"), bindparam("b_version")), else_=references.c.applied_version),
            applied_at=case((bindparam("b_applied"), now), else_=references.c.applied_at),
            receipt=bindparam("b_receipt"),
            attempted=bindparam("b_attempted"),
            attempts=bindparam("b_attempts"),
            first_failed_at=bindparam("b_first"),
            error_code=bindparam("b_code"),
            error=bindparam("b_error"),
            remedy=bindparam("b_remedy"),
            lease_owner=None,
            lease_until=None,
            updated_at=now,
        )
    )
    if not finished:
        return 0
    return session.connection().execute(statement, [_finish_row(f) for f in finished]).rowcount


def _finish_row(finished: Finished) -> dict[str, Any]:
    return {
        "b_id": finished.id,
        "b_version": finished.version,
        "b_state": str(finished.state),
        "b_due": finished.due_at,
        "b_applied": finished.applied,
        "b_receipt": dump_receipt(finished.receipt),
        "b_attempted": finished.attempted,
        "b_attempts": finished.attempts,
        "b_first": finished.first_failed_at,
        "b_code": finished.error_code,
        "b_error": finished.error,
        "b_remedy": finished.remedy,
    }


def release_dead(session: Session, now: datetime) -> int:
    """Free the leases of holders known to be dead; returns how many."""
    statement = select(references.c.lease_owner).where(references.c.lease_until >= now).distinct()
    dead = [owner for (owner,) in session.execute(statement) if owner and is_gone(owner)]
    return _free(session, references.c.lease_owner.in_(dead)) if dead else 0


def release(session: Session, owner: str) -> int:
    """Hand back what `owner` holds and has not begun."""
    return _free(session, references.c.lease_owner == owner)


def _free(session: Session, condition: Any) -> int:
    statement = update(references).where(condition).values(lease_owner=None, lease_until=None)
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def repair(session: Session, now: datetime) -> int:
    """Make every reference whose desired and applied versions differ pending again; returns how many were not.

    PARKED ones stay: they wait for a person.
    """
    settled = references.c.state.in_((ReferenceState.SYNCED, ReferenceState.REMOVED))
    statement = (
        update(references)
        .where(settled, references.c.desired_version != references.c.applied_version)
        .values(state=ReferenceState.PENDING, due_at=now)
    )
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def retry(session: Session, subjects: Sequence[str], now: datetime) -> int:
    """Make the unfinished references of the subjects due now; returns how many.

    An event that a person removed from its calendar is made anew: asking for it is the consent to do so.
    """
    gone = references.c.error_code == EVENT_GONE
    receipt = case((gone, null()), else_=references.c.receipt)
    statement = (
        update(references)
        .where(
            references.c.subject.in_(subjects),
            references.c.state.in_((ReferenceState.PARKED, ReferenceState.PENDING)),
        )
        .values(state=ReferenceState.PENDING, due_at=now, receipt=receipt, **CLEARED)
    )
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def rows(
    session: Session, *, subjects: Sequence[str] = (), states: Sequence[str] = (), limit: int = 200
) -> list[StoredReference]:
    """References for people to look at."""
    statement = select(StoredReference).order_by(references.c.id).limit(limit)
    if subjects:
        statement = statement.where(references.c.subject.in_(subjects))
    if states:
        statement = statement.where(references.c.state.in_(states))
    return list(session.execute(statement).scalars())


def counts(session: Session) -> dict[str, int]:
    """How many references are in each state."""
    statement = select(references.c.state, func.count()).group_by(references.c.state)
    return {state: count for state, count in session.execute(statement)}


def event_uids(session: Session, subjects: Sequence[str]) -> frozenset[str]:
    """The iCalendar UIDs the subjects have been written under."""
    statement = select(references.c.event_uid).where(references.c.subject.in_(subjects))
    return frozenset(uid for (uid,) in session.execute(statement) if uid)


def _reference(row: Any) -> Reference:
    place = Place(
        connection_id=row.connection_id, calendar_id=row.calendar_id, external_id=row.external_id, app=row.app
    )
    return Reference(
        id=row.id,
        subject=row.subject,
        place=place,
        key=row.key,
        desired=load_event(row.desired),
        desired_version=row.desired_version,
        applied_version=row.applied_version,
        receipt=load_receipt(row.receipt),
        attempted=row.attempted,
        state=ReferenceState(row.state),
        attempts=row.attempts,
        first_failed_at=row.first_failed_at,
    )
