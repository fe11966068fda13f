"""Bookings as last told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update
from sqlmodel import Session

from syncd.model.booking import Booking
from syncd.rules.destinations import PlanProblem

from .chunks import chunks
from .codec import dump_booking, load_booking
from .database import conflict_insert
from .tables import StoredBooking

bookings = StoredBooking.__table__  # type: ignore[attr-defined]

# Built once: every booking taken in runs these, and building one costs several times what running it does.
NO_PROBLEM = {"problem_code": "", "problem": "", "remedy": ""}
BY_UID = select(bookings.c.content).where(bookings.c.uid == bindparam("b_uid"))
BY_SUBJECTS = (
    select(bookings.c.subject, bookings.c.content, bookings.c.problem_code)
    .where(bookings.c.subject.in_(bindparam("b_subjects", expanding=True)))
    .order_by(bookings.c.starts_at)
)
BY_PREVIOUS = (
    select(bookings.c.content).where(bookings.c.previous_uid == bindparam("b_uid")).order_by(bookings.c.revision)
)
SOLVED = (
    update(bookings)
    .where(bookings.c.subject == bindparam("b_subject"), bookings.c.problem_code != "")
    .values(**NO_PROBLEM)
)


def get(session: Session, uid: str) -> Booking | None:
    """The booking, None when it is not known."""
    text = session.connection().execute(BY_UID, {"b_uid": uid}).scalar()
    return load_booking(text) if text is not None else None


@dataclass(slots=True)
class Subject:
    """The bookings kept under one subject, oldest first; `problem`: whether it could not be planned."""

    bookings: list[Booking] = field(default_factory=list)
    problem: bool = False


def of_subjects(session: Session, subjects: Iterable[str]) -> dict[str, Subject]:
    """What is kept under each subject."""
    found = {subject: Subject() for subject in subjects}
    for chunk in chunks(list(found), 500):
        for row in session.connection().execute(BY_SUBJECTS, {"b_subjects": chunk}):
            kept = found[row.subject]
            kept.bookings.append(load_booking(row.content))
            kept.problem |= row.problem_code != ""
    return found


def successors(session: Session, uid: str) -> list[Booking]:
    """The bookings that name `uid` as the one they replace."""
    found = session.connection().execute(BY_PREVIOUS, {"b_uid": uid})
    return [load_booking(text) for (text,) in found]


def save(session: Session, booking: Booking, now: datetime) -> None:
    """Store what a booking now is."""
    dialect = session.get_bind().dialect.name
    if dialect not in _saves:
        _saves[dialect] = _save(session)
    session.connection().execute(_saves[dialect], {**_columns(booking, now), **NO_PROBLEM})


_saves: dict[str, Any] = {}


def _save(session: Session) -> Any:
    insert = conflict_insert(session, bookings)
    kept = {"uid", "created_at", *NO_PROBLEM}
    changed = {column.name: insert.excluded[column.name] for column in bookings.columns if column.name not in kept}
    return insert.on_conflict_do_update(index_elements=["uid"], set_=changed)


def _columns(booking: Booking, now: datetime) -> dict[str, Any]:
    return {
        "uid": booking.uid,
        "subject": booking.subject,
        "previous_uid": booking.previous_uid,
        "status": booking.status,
        "title": booking.title,
        "revision": booking.revision,
        "starts_at": booking.start,
        "ends_at": booking.end,
        "organizer_email": booking.organizer.email.casefold() if booking.organizer else "",
        "content": dump_booking(booking),
        "created_at": now,
        "updated_at": now,
    }


def set_problem(session: Session, subject: str, problem: PlanProblem | None) -> bool:
    """Write down why a subject cannot be planned, or that it can; whether that was news."""
    if problem is None:
        return bool(session.connection().execute(SOLVED, {"b_subject": subject}).rowcount)
    values = {"problem_code": problem.code, "problem": problem.reason, "remedy": problem.remedy}
    news = or_(bookings.c.problem_code != problem.code, bookings.c.problem != problem.reason)
    statement = update(bookings).where(bookings.c.subject == subject, news).values(**values)
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def subjects_with_problem(session: Session, *, after: str = "", limit: int = 200) -> list[str]:
    """The next subjects, in their order, that could not be planned."""
    statement = (
        select(bookings.c.subject)
        .where(bookings.c.problem_code != "", bookings.c.subject > after)
        .distinct()
        .order_by(bookings.c.subject)
        .limit(limit)
    )
    return [subject for (subject,) in session.execute(statement)]


def count_problems(session: Session) -> int:
    """How many subjects could not be planned."""
    statement = select(func.count(bookings.c.subject.distinct())).where(bookings.c.problem_code != "")
    return int(session.execute(statement).scalar_one())


def listed(
    session: Session, *, uids: Sequence[str] = (), status: str = "", parked: bool = False, limit: int = 50
) -> list[StoredBooking]:
    """Bookings for people to look at, the latest told first."""
    statement = select(StoredBooking).order_by(bookings.c.updated_at.desc(), bookings.c.uid).limit(limit)
    if uids:
        statement = statement.where(or_(bookings.c.uid.in_(uids), bookings.c.subject.in_(uids)))
    if status:
        statement = statement.where(bookings.c.status == status)
    if parked:
        statement = statement.where(bookings.c.problem_code != "")
    return list(session.execute(statement).scalars())
