"""Bookings as last told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from syncd.model.booking import Booking
from syncd.rules.destinations import PlanProblem

from .codec import dump_booking, load_booking
from .tables import StoredBooking

bookings = StoredBooking.__table__  # type: ignore[attr-defined]


def get(session: Session, uid: str) -> Booking | None:
    """The booking, None when it is not known."""
    text = session.execute(select(bookings.c.content).where(bookings.c.uid == uid)).scalar()
    return load_booking(text) if text is not None else None


def of_subject(session: Session, subject: str) -> list[Booking]:
    """The bookings kept under one subject, oldest first."""
    statement = select(bookings.c.content).where(bookings.c.subject == subject).order_by(bookings.c.starts_at)
    return [load_booking(text) for (text,) in session.execute(statement)]


def successors(session: Session, uid: str) -> list[Booking]:
    """The bookings that name `uid` as the one they replace."""
    statement = select(bookings.c.content).where(bookings.c.previous_uid == uid).order_by(bookings.c.revision)
    return [load_booking(text) for (text,) in session.execute(statement)]


def save(session: Session, booking: Booking, now: datetime) -> None:
    """Store what a booking now is."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = _columns(booking, now)
    changed = {name: value for name, value in values.items() if name not in ("uid", "created_at")}
    new = {"problem_code": "", "problem": "", "remedy": ""}
    statement = insert(bookings).values(**values, **new)
    session.execute(statement.on_conflict_do_update(index_elements=["uid"], set_=changed))


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


def set_problem(session: Session, subject: str, problem: PlanProblem | None) -> None:
    """Write down why a subject cannot be planned, or that it can."""
    values = (
        {"problem_code": problem.code, "problem": problem.reason, "remedy": problem.remedy}
        if problem
        else {"problem_code": "", "problem": "", "remedy": ""}
    )
    statement = update(bookings).where(bookings.c.subject == subject)
    if problem is None:
        statement = statement.where(bookings.c.problem_code != "")
    session.execute(statement.values(**values))


def subjects_with_problem(session: Session, limit: int = 1000) -> list[str]:
    """The subjects that could not be planned."""
    statement = select(bookings.c.subject).where(bookings.c.problem_code != "").distinct().limit(limit)
    return [subject for (subject,) in session.execute(statement)]


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
