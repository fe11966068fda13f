"""References: what is wanted where, what is there, and whose turn it is.

Statements that run for every booking are built once: building one costs several times what running it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, null, or_, select, tuple_, update
from sqlmodel import Session

from syncd.model.activity import Wanted
from syncd.model.calendar import Receipt
from syncd.model.connection import ConnectionState
from syncd.model.reference import Place, Reference, ReferenceState

from .chunks import chunks
from .codec import dump_receipt, dump_wanted, load_receipt, load_wanted
from .owner import is_gone
from .tables import Connection, StoredReference, UtcTime

references = StoredReference.__table__  # type: ignore[attr-defined]
connections = Connection.__table__  # type: ignore[attr-defined]

SUBJECTS: Any = bindparam("b_subjects", expanding=True)
OF_SUBJECTS = select(references).where(references.c.subject.in_(SUBJECTS)).order_by(references.c.id)
MAKE = insert(references)


def of_subjects(session: Session, subjects: Iterable[str]) -> list[Reference]:
    """Every reference of the subjects, REMOVED ones included: their keys and UIDs live on."""
    connection, found = session.connection(), chunks(list(subjects), 500)
    return [reference_of(row) for chunk in found for row in connection.execute(OF_SUBJECTS, {"b_subjects": chunk})]


@dataclass(frozen=True, slots=True)
class New:
    """A reference to make for what is wanted in `place`."""

    subject: str
    place: Place
    key: str
    desired: Wanted


def make(session: Session, new: Sequence[New], now: datetime) -> None:
    """Add references."""
    if new:
        session.connection().execute(MAKE, [_new_row(each, now) for each in new])


def _new_row(new: New, now: datetime) -> dict[str, Any]:
    return {
        "subject": new.subject,
        "connection_id": new.place.connection_id,
        "calendar_id": new.place.calendar_id,
        "external_id": new.place.external_id,
        "app": new.place.app,
        "key": new.key,
        "state": ReferenceState.PENDING,
        "desired": dump_wanted(new.desired),
        "desired_version": 1,
        "applied_version": 0,
        "event_uid": new.desired.uid,
        "attempted": False,
        "due_at": now,
        **CLEARED,
        "created_at": now,
        "updated_at": now,
    }


EVENT_GONE = "event_gone"
"""The code of an update whose event is not in its calendar any more (`EventConnector.put_event`)."""

CLEARED: dict[str, Any] = {"error_code": "", "error": "", "remedy": "", "attempts": 0, "first_failed_at": None}


def want(session: Session, reference: Reference, desired: Wanted | None, key: str, now: datetime) -> None:
    """Change what is wanted; the next reconcile brings it there. A parked reference gets another chance.

    `key` is the create's idempotency key from now on: a new one when the event is to be made anew.
    """
    values = {
        "key": key,
        "desired": dump_wanted(desired),
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


def forget(session: Session, reference_id: int) -> None:
    """Forget a reference whose event another reference holds."""
    session.execute(delete(references).where(references.c.id == reference_id))


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
    ids = _chosen(session, due)
    if not ids:
        return []
    connection = session.connection()
    rows = connection.execute(CHOSEN, {"b_ids": ids, "b_now": due.now}).all()
    lease = {"b_ids": [row.id for row in rows], "b_owner": owner, "b_until": lease_until}
    if rows:
        connection.execute(LEASE, lease)
    return [reference_of(row, lease_until) for row in rows]


def _chosen(session: Session, due: Due) -> list[int]:
    """Ids of the oldest references due, page by page, leaving a connection out once it has as many as it may."""
    connection, statement = session.connection(), _waiting(due.connection_id is not None, bool(due.subjects))
    values: dict[str, Any] = {"b_now": due.now, "b_connection": due.connection_id, "b_subjects": list(due.subjects)}
    room: dict[int, int] = {}
    chosen: list[int] = []
    after = (BEFORE_ALL, 0)
    while len(chosen) < due.limit:
        full = [each for each, left in room.items() if left <= 0]
        values |= {"b_full": full, "b_due": after[0], "b_id": after[1], "b_limit": due.limit}
        page = connection.execute(statement, values).all()
        for row in page:
            left = room.setdefault(row.connection_id, _allowed(due, row.connection_id, row.app))
            if left > 0 and len(chosen) < due.limit:
                chosen.append(row.id)
            room[row.connection_id] = left - 1
        if len(page) < due.limit:
            break
        after = (page[-1].due_at, page[-1].id)
    return chosen


def _allowed(due: Due, connection_id: int, app: str) -> int:
    return due.per_app.get(app, due.per_connection) - due.in_hand.get(connection_id, 0)


BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


def _is_free(now: Any) -> Any:
    return or_(references.c.lease_until.is_(None), references.c.lease_until < now)


@cache
def _waiting(one_connection: bool, some_subjects: bool) -> Any:
    """The next page of references due, of connections that are not full. Its order is that of an index."""
    key = tuple_(references.c.due_at, references.c.id)
    now = bindparam("b_now", type_=UtcTime)
    statement = (
        select(references.c.id, references.c.connection_id, references.c.app, references.c.due_at)
        .join(connections, connections.c.id == references.c.connection_id)
        .where(
            references.c.state == ReferenceState.PENDING,
            references.c.due_at <= now,
            key > tuple_(bindparam("b_due", type_=UtcTime), bindparam("b_id")),
            references.c.connection_id.not_in(bindparam("b_full", expanding=True)),
            _is_free(now),
            connections.c.state == ConnectionState.ACTIVE,
        )
        .order_by(references.c.due_at, references.c.id)
        .limit(bindparam("b_limit"))
    )
    if one_connection:
        statement = statement.where(references.c.connection_id == bindparam("b_connection"))
    if some_subjects:
        statement = statement.where(references.c.subject.in_(SUBJECTS))
    return statement


CHOSEN = (
    select(references)
    .where(
        references.c.id.in_(bindparam("b_ids", expanding=True)),
        references.c.state == ReferenceState.PENDING,
        _is_free(bindparam("b_now", type_=UtcTime)),
    )
    .order_by(references.c.due_at, references.c.id)
    .with_for_update(skip_locked=True)
)
"""Locks on PostgreSQL, where another claim may have come first; SQLite has one writer, and no such clause."""

LEASE = (
    update(references)
    .where(references.c.id.in_(bindparam("b_ids", expanding=True)))
    .values(lease_owner=bindparam("b_owner"), lease_until=bindparam("b_until"), attempted=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How an attempt on a reference ended: what the provider confirmed, or the failure and when to try again.

    `state` is what the reference becomes when nothing newer is wanted meanwhile, `next_key` its idempotency key when
    something is (None: the one it has); `receipt` None: nothing is there.
    """

    id: int
    lease_until: datetime | None
    version: int
    state: ReferenceState
    receipt: Receipt | None
    next_key: str | None = None
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
    if not finished:
        return 0
    in_order = sorted(finished, key=lambda each: each.id)  # as everyone who locks several
    rows = [{**_finish_row(f), "b_owner": owner, "b_now": now} for f in in_order]
    return session.connection().execute(FINISH, rows).rowcount


_STILL_WANTED = references.c.desired_version == bindparam("b_version")
_NOW = bindparam("b_now", type_=UtcTime)
FINISH = (
    update(references)
    .where(
        references.c.id == bindparam("b_id"),
        references.c.lease_owner == bindparam("b_owner"),
        references.c.lease_until == bindparam("b_lease_until", type_=UtcTime),
    )
    .values(
        state=case((_STILL_WANTED, bindparam("b_state")), else_="pending"),
        due_at=case((_STILL_WANTED, bindparam("b_due_at", type_=UtcTime)), else_=_NOW),
        applied_version=case((bindparam("b_applied"), bindparam("b_version")), else_=references.c.applied_version),
        applied_at=case((bindparam("b_applied"), _NOW), else_=references.c.applied_at),
        receipt=bindparam("b_receipt"),
        receipt_id=bindparam("b_receipt_id"),
        drift=case((bindparam("b_applied"), ""), else_=references.c.drift),
        drift_detail=case((bindparam("b_applied"), ""), else_=references.c.drift_detail),
        drifted_at=case((bindparam("b_applied"), None), else_=references.c.drifted_at),
        key=case((_STILL_WANTED, references.c.key), else_=func.coalesce(bindparam("b_next_key"), references.c.key)),
        attempted=bindparam("b_attempted"),
        attempts=case((_STILL_WANTED, bindparam("b_attempts")), else_=0),
        first_failed_at=case((_STILL_WANTED, bindparam("b_first_failed_at", type_=UtcTime)), else_=None),
        error_code=case((_STILL_WANTED, bindparam("b_error_code")), else_=""),
        error=case((_STILL_WANTED, bindparam("b_error")), else_=""),
        remedy=case((_STILL_WANTED, bindparam("b_remedy")), else_=""),
        lease_owner=None,
        lease_until=None,
        updated_at=_NOW,
    )
)


def _finish_row(finished: Finished) -> dict[str, Any]:
    row = {f"b_{name}": getattr(finished, name) for name in Finished.__dataclass_fields__}
    receipt_id = finished.receipt.id if finished.receipt else None
    told = {"b_state": str(finished.state), "b_receipt": dump_receipt(finished.receipt), "b_receipt_id": receipt_id}
    return row | told


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
    receipt_id = case((gone, null()), else_=references.c.receipt_id)
    statement = (
        update(references)
        .where(
            references.c.subject.in_(subjects),
            references.c.state.in_((ReferenceState.PARKED, ReferenceState.PENDING)),
        )
        .values(state=ReferenceState.PENDING, due_at=now, receipt=receipt, receipt_id=receipt_id, **CLEARED)
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


def reference_of(row: Any, lease_until: datetime | None = None) -> Reference:
    """A row of `references` as a value."""
    place = Place(
        connection_id=row.connection_id, calendar_id=row.calendar_id, external_id=row.external_id, app=row.app
    )
    return Reference(
        id=row.id,
        subject=row.subject,
        place=place,
        key=row.key,
        desired=load_wanted(row.desired, crm=place.is_crm),
        desired_version=row.desired_version,
        applied_version=row.applied_version,
        receipt=load_receipt(row.receipt),
        event_uid=row.event_uid,
        attempted=row.attempted,
        state=ReferenceState(row.state),
        attempts=row.attempts,
        first_failed_at=row.first_failed_at,
        lease_until=lease_until,
    )
