"""From the inbox to references: deliveries into bookings, bookings into plans, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlmodel import Session

from syncd.errors import InputError
from syncd.model.booking import Booking, BookingChange, BookingStatus
from syncd.model.clock import Clock
from syncd.model.reference import Place, Reference
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.rules.destinations import Choices, PlanProblem
from syncd.rules.intake import merge, replaces
from syncd.rules.plan import Plan, key_for, plan, take_over
from syncd.settings import EventType, Settings
from syncd.source.calcom import read_delivery
from syncd.store import bookings, directory, inbox, references, work
from syncd.store.database import Database
from syncd.store.inbox import DeliveryState, Mark
from syncd.store.work import Task

from .results import Results

BATCH = 200
HEAD_START = timedelta(seconds=1)
"""How long whoever plans has to write what it planned, before other machines are asked to."""

INTAKE_LOCK = 0x696E626F78
DEFECTS = (ArithmeticError, AttributeError, DataError, LookupError, RecursionError, TypeError, ValueError)
"""What content that nobody thought of raises. It stops the delivery or the subject it came with, and no other."""


@dataclass(slots=True)
class IntakeReport:
    """What a take-in did: deliveries by state, and the plans that change something."""

    deliveries: dict[str, int] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)
    results: list[SyncResult] = field(default_factory=list)

    def count(self, state: DeliveryState) -> None:
        """Count a delivery."""
        self.deliveries[state] = self.deliveries.get(state, 0) + 1


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of a delivery, and the subjects it touched."""

    mark: Mark
    touched: Sequence[str] = ()


class Intake:
    """Takes deliveries in and plans. One runs at a time on a database; the order of deliveries does not matter."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        integrations: Callable[[], dict[str, str]],
        results: Results,
        clock: Clock,
    ) -> None:
        self._database = database
        self._settings = settings
        self._integrations = integrations
        self._results = results
        self._clock = clock
        self.head_start = HEAD_START

    def take_in(
        self,
        states: Sequence[DeliveryState] = (DeliveryState.NEW,),
        *,
        progress: Callable[[int], None] = lambda count: None,
    ) -> IntakeReport:
        """Take in everything in `states`, in batches of one transaction each; `progress` is told each batch's size."""
        report, after = IntakeReport(), 0
        while True:
            first, before = len(report.results), sum(report.deliveries.values())
            with self._database.write() as session:
                taken = self.take_batch(session, report, states, after)
            self._results.publish(report.results[first:])
            progress(sum(report.deliveries.values()) - before)
            if not taken:
                return report
            after = taken

    def take_batch(
        self, session: Session, report: IntakeReport, states: Sequence[DeliveryState], after: int = 0
    ) -> int:
        """Take in the next batch beyond id `after`; the id of its last delivery, 0 when it was the last batch."""
        _lock(session)
        now, first = self._clock(), len(report.results)
        rows = inbox.take(session, states, BATCH, after)
        taken = self._take_all(session, rows, now)
        inbox.mark(session, [t.mark for t in taken], now)
        for each in taken:
            report.count(each.mark.state)
            if each.mark.state is DeliveryState.QUARANTINED:
                report.results.append(_quarantine_result(each.mark, now))
        subjects = dict.fromkeys(subject for t in taken for subject in t.touched)
        self._plan_all(session, subjects, report, now)
        self._results.store(session, report.results[first:])
        return rows[-1].id if len(rows) == BATCH else 0

    def replan(self, subjects: Iterable[str]) -> IntakeReport:
        """Plan the subjects again, with the choices as they are now."""
        report = IntakeReport()
        with self._database.write() as session:
            self.replan_in(session, subjects, report)
            self._results.store(session, report.results)
        self._results.publish(report.results)
        return report

    def replan_in(self, session: Session, subjects: Iterable[str], report: IntakeReport) -> None:
        """As `replan`, in a transaction of the caller's; adds to the report and logs nothing."""
        _lock(session)
        self._plan_all(session, dict.fromkeys(subjects), report, self._clock())

    def replan_problems(self) -> int:
        """Plan again, in batches, what could not be planned; how many of them change something now."""
        planned, after = 0, ""
        while True:
            with self._database.read() as session:
                subjects = bookings.subjects_with_problem(session, after=after)
            if not subjects:
                return planned
            planned += len([p for p in self.replan(subjects).plans if p.problem is None])
            after = subjects[-1]

    def _take_all(self, session: Session, rows: Sequence[Any], now: datetime) -> list[_Taken]:
        """Take deliveries in under one savepoint; when one of them cannot be, each under its own."""
        try:
            with session.begin_nested():
                return [self._take(session, row, now) for row in rows]
        except DEFECTS:
            return [self._take_alone(session, row, now) for row in rows]

    def _take_alone(self, session: Session, row: Any, now: datetime) -> _Taken:
        try:
            with session.begin_nested():
                return self._take(session, row, now)
        except DEFECTS as error:
            return _Taken(Mark(delivery_id=row.id, state=DeliveryState.QUARANTINED, reason=_defect(error).reason))

    def _take(self, session: Session, row: Any, now: datetime) -> _Taken:
        """Take one delivery in."""
        try:
            change = read_delivery(json.loads(row.body), row.received_at)
        except (InputError, ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, InputError) else "It is not JSON."
            return _Taken(Mark(delivery_id=row.id, state=DeliveryState.QUARANTINED, reason=reason))
        if change is None:
            reason = "Its trigger concerns nothing here."
            return _Taken(Mark(delivery_id=row.id, state=DeliveryState.IGNORED, reason=reason))
        state, reason, touched = self._merge(session, change, now)
        told = Mark(delivery_id=row.id, state=state, trigger=change.trigger, uid=change.uid, reason=reason)
        return _Taken(told, touched)

    def _merge(self, session: Session, change: BookingChange, now: datetime) -> tuple[DeliveryState, str, list[str]]:
        known = bookings.get(session, change.uid)
        merged = merge(known, change)
        if merged.booking is None:
            return (DeliveryState.WAITING if merged.waits else DeliveryState.TAKEN), merged.reason, []
        touched = [known.subject] if known else []
        return DeliveryState.TAKEN, "", [*touched, *self._link(session, merged.booking, known, now)]

    def _link(self, session: Session, booking: Booking, known: Booking | None, now: datetime) -> list[str]:
        """Store a booking, `known` until now, and what follows for those it replaces and is replaced by; the subjects
        touched.
        """
        chain = _Chain(session, booking, known)
        chain.settle()
        for each in chain.changed():
            bookings.save(session, each, now)
        self._hand_over(session, chain.bookings.values(), now)
        return chain.subjects()

    def _hand_over(self, session: Session, touched: Iterable[Booking], now: datetime) -> None:
        """Let the last booking of a chain take over the references of those before it."""
        for booking in touched:
            if booking.status is not BookingStatus.RESCHEDULED:
                continue
            heir = _heir(session, booking)
            if heir is None or heir.subject == booking.subject:
                continue
            every = references.of_subjects(session, [booking.subject, heir.subject])
            moved = [r for r in every if r.subject == booking.subject]
            own = [r for r in every if r.subject == heir.subject]
            decided = take_over(moved, own)
            for reference in decided.discarded:
                references.discard(session, reference.id)
            for reference in decided.same:
                references.forget(session, reference.id)
            for reference in decided.taken:
                references.move(session, reference.id, heir.subject, now)

    def _plan_all(self, session: Session, subjects: Iterable[str], report: IntakeReport, now: datetime) -> None:
        kept = bookings.of_subjects(session, subjects)
        if not kept:
            return
        choices = directory.choices(session, self._integrations())
        existing: dict[str, list[Reference]] = {subject: [] for subject in kept}
        for reference in references.of_subjects(session, kept):
            existing[reference.subject].append(reference)
        new: list[references.New] = []
        touched: set[int] = set()
        for subject, known in kept.items():
            made = self._plan(subject, known.bookings, choices, existing[subject])
            news = (made.problem is not None or known.problem) and bookings.set_problem(session, subject, made.problem)
            if made.problem and news:
                report.results.append(_problem_result(made, now))
            new += _changed(session, made, now)
            touched.update(planned.place.connection_id for planned in made.references)
            if made.references or made.problem:
                report.plans.append(made)
        references.make(session, new, now)
        jobs = [work.Job(Task.WRITE_BOOKINGS, connection_id) for connection_id in touched]
        work.defer(session, jobs, now + self.head_start if self.head_start else None)

    def _plan(self, subject: str, found: Sequence[Booking], choices: Choices, existing: Sequence[Reference]) -> Plan:
        rules = self._settings.event_type(found[-1].event_type_id if found else None)
        try:
            return plan(
                subject, found, choices, existing, crms=crms_of(rules, choices), write_requests=rules.write_requests
            )
        except DEFECTS as error:
            return Plan(subject=subject, problem=_defect(error))


def crms_of(rules: EventType, choices: Choices) -> list[Place]:
    """The CRMs an event type names. A connection that is not there is for `config check` to tell, and stops nothing."""
    named = [int(connection_id) for connection_id in rules.crm]
    return [
        Place(connection_id=connection_id, calendar_id=None, external_id="", app=choices.apps[connection_id])
        for connection_id in named
        if connection_id in choices.apps
    ]


class _Chain:
    """The bookings a telling concerns: itself, those it replaces and those that replace it."""

    def __init__(self, session: Session, told: Booking, known: Booking | None) -> None:
        self._session = session
        self._stored: dict[str, Booking | None] = {told.uid: known}
        self.bookings: dict[str, Booking] = {told.uid: told}
        self._open = [told.uid]

    def settle(self) -> None:
        """Apply `replaces` to each pair, until nothing changes: what one inherits, its successor may inherit too."""
        while self._open:
            uid = self._open.pop()
            previous = self._load(self.bookings[uid].previous_uid)
            if previous is not None:
                self._pair(uid, previous.uid)
            for successor in bookings.successors(self._session, uid):
                self._load(successor.uid)
                self._pair(successor.uid, uid)

    def changed(self) -> list[Booking]:
        """The bookings that differ from what is stored."""
        return [b for uid, b in self.bookings.items() if b != self._stored[uid]]

    def subjects(self) -> list[str]:
        """Every subject they are or were kept under."""
        both = [*self._stored.values(), *self.bookings.values()]
        return list(dict.fromkeys(b.subject for b in both if b is not None))

    def _load(self, uid: str) -> Booking | None:
        if uid and uid not in self._stored:
            stored = bookings.get(self._session, uid)
            if stored is None:
                return None
            self._stored[uid] = self.bookings[uid] = stored
        return self.bookings.get(uid)

    def _pair(self, successor: str, previous: str) -> None:
        pair = replaces(self.bookings[successor], self.bookings[previous])
        for uid, booking in zip((successor, previous), pair, strict=True):
            if booking != self.bookings[uid]:
                self.bookings[uid] = booking
                self._open.append(uid)


def _heir(session: Session, booking: Booking) -> Booking | None:
    """The last known booking of the chain that replaces `booking`."""
    heir, seen = booking, {booking.uid}
    while heir.replaced_by and heir.replaced_by not in seen:
        seen.add(heir.replaced_by)
        following = bookings.get(session, heir.replaced_by)
        if following is None:
            break
        heir = following
    return heir if heir is not booking else None


def _changed(session: Session, made: Plan, now: datetime) -> list[references.New]:
    """Change the references that are there; returns those to make."""
    new = []
    for planned in made.references:
        key = key_for(planned, made.subject)
        if planned.reference is not None:
            references.want(session, planned.reference, planned.desired, key, now)
        elif planned.desired is not None:
            new.append(references.New(made.subject, planned.place, key, planned.desired))
    return new


def _defect(error: Exception) -> PlanProblem:
    return PlanProblem(
        code="defect",
        reason=f"Unexpected {type(error).__name__} in syncd.",
        remedy="Report it with the delivery: syncd bookings show UID",
    )


def _problem_result(made: Plan, now: datetime) -> SyncResult:
    assert made.problem is not None
    return SyncResult(
        at=now,
        operation=Operation.PLAN,
        outcome=Outcome.PARKED,
        subject=made.subject,
        code=made.problem.code,
        error=made.problem.reason,
        remedy=made.problem.remedy,
    )


def _quarantine_result(mark: Mark, now: datetime) -> SyncResult:
    return SyncResult(
        at=now,
        operation=Operation.TAKE_IN,
        outcome=Outcome.FAILED,
        code="quarantined",
        error=mark.reason,
        detail=f"delivery {mark.delivery_id}",
    )


def _lock(session: Session) -> None:
    """One take-in at a time; on SQLite the write transaction is enough."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({INTAKE_LOCK})"))
