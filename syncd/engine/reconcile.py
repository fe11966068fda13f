"""Making desired and applied equal: claims due references, writes them, writes down what the provider confirmed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sqlmodel import Session

from syncd.connector import EventConnector
from syncd.errors import ProviderError, UnclearError, WaitUntilError
from syncd.model.calendar import Event, Receipt
from syncd.model.clock import Clock
from syncd.model.reference import Reference, ReferenceState
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.provider.guard import Tally, tally
from syncd.rules.connection import ConnectionEvent
from syncd.rules.plan import idempotency_key
from syncd.rules.retry import Decision, RetryPolicy, decide
from syncd.settings import Settings, Writes
from syncd.store import busy, directory, references
from syncd.store.database import Database
from syncd.store.owner import this_owner
from syncd.store.references import Due, Finished

from .pool import ConnectorPool, as_provider_error
from .pump import Bell, pump
from .results import Results

if TYPE_CHECKING:
    from syncd.connector.crm import CrmConnector

    from .activities import Activities
    from .crm import Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt at a reference ended: a receipt (None: nothing of ours is there now), or an error; `put` says
    more of one in a CRM.
    """

    reference: Reference
    receipt: Receipt | None
    error: ProviderError | None
    tally: Tally
    put: Put | None = None


@dataclass(slots=True)
class ReconcileReport:
    """What a reconcile did."""

    outcomes: Counter[str] = field(default_factory=Counter)
    results: list[SyncResult] = field(default_factory=list)


def retry_policy(writes: Writes) -> RetryPolicy:
    """The retry policy of the settings."""
    return RetryPolicy(
        base=timedelta(seconds=writes.first_retry_seconds),
        cap=timedelta(minutes=writes.longest_retry_minutes),
        give_up_after=timedelta(hours=writes.give_up_hours),
    )


class Reconciler:
    """Brings due references to what is wanted. Several may run, here and on other machines: leases keep them apart.

    Args:
        may_write: asked before each run; where it says no, nothing is claimed and nothing written.
    """

    def __init__(
        self,
        database: Database,
        pool: ConnectorPool,
        results: Results,
        writes: Writes,
        clock: Clock,
        draw: Callable[[], float] = random.random,
        *,
        may_write: Callable[[], bool] = lambda: True,
        settings: Settings | None = None,
    ) -> None:
        self._database = database
        self._pool = pool
        self._results = results
        self._writes = writes
        self._policy = retry_policy(writes)
        self._clock = clock
        self._draw = draw
        self._may_write = may_write
        self._settings = settings or Settings()
        self.bell = Bell()

    def run(
        self,
        executor: Executor,
        *,
        connection_id: int | None = None,
        subjects: Sequence[str] = (),
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda count: None,
        keep_results: bool = True,
    ) -> ReconcileReport:
        """Work until nothing is due. With `stopping`, no new work is taken and what is in hand is finished.

        Without `keep_results` the report only counts: a run may last for as long as one connection is slow.
        """
        report = ReconcileReport()
        if not self._may_write():
            return report
        per_app: dict[str, int] = {}
        in_hand: Counter[int] = Counter()

        def turn(ends: Sequence[Attempt], free: int) -> Sequence[Reference]:
            ended = Counter(e.reference.place.connection_id for e in ends)
            with self._database.write() as session:
                now = self._clock()
                done = self._write_down(session, ends, now)
                due = Due(
                    now=now,
                    limit=0 if stopping() else free,
                    per_app=per_app,
                    in_hand=in_hand - ended,
                    connection_id=connection_id,
                    subjects=subjects,
                )
                claimed = self._claim(session, due)
            in_hand.subtract(ended)  # here, for a turn that the store refuses is taken again
            in_hand.update(r.place.connection_id for r in claimed)
            self._results.publish(done)
            report.results.extend(done if keep_results else ())
            report.outcomes.update(r.outcome for r in done)
            progress(len(ends))
            return claimed

        allowed = self._pool.concurrency(self._apps())
        # half as many again wait at the guard, so that a call that ends is followed at once and not after a commit
        per_app.update({app: calls + calls // 2 for app, calls in allowed.items()})
        pump(executor, self._writes.threads, turn, self._attempt, self.bell)
        return report

    def _apps(self) -> set[str]:
        with self._database.read() as session:
            return {c.app for c in directory.listed_connections(session) if c.app in self._pool.registry.apps}

    def _claim(self, session: Session, due: Due) -> list[Reference]:
        if not due.limit:
            return []
        until = due.now + timedelta(seconds=self._writes.lease_seconds)
        claimed = references.claim(session, due, this_owner(), until)
        self._pool.keep_current(session, (r.place.connection_id for r in claimed))
        return claimed

    def _attempt(self, reference: Reference) -> Attempt:
        with tally() as counted:
            try:
                if reference.place.is_crm:
                    put = self._write_activity(reference)
                    return Attempt(reference=reference, receipt=put.receipt, error=None, tally=counted, put=put)
                receipt = self._write(reference)
                return Attempt(reference=reference, receipt=receipt, error=None, tally=counted)
            except Exception as error:
                known = as_provider_error(error)
                return Attempt(reference=reference, receipt=reference.receipt, error=known, tally=counted)

    def _write(self, reference: Reference) -> Receipt | None:
        if reference.desired is None and reference.receipt is None and not reference.attempted:
            return None

        def send(connector: EventConnector) -> Receipt | None:
            self._check_lease(reference)
            return _put_or_remove(reference, connector)

        return self._pool.run_event(reference.place.connection_id, send)

    @cached_property
    def _activities(self) -> Activities:
        from .activities import Activities  # the rules of CRMs, for those alone who have one

        return Activities(self._settings, self._clock)

    def _write_activity(self, reference: Reference) -> Put:
        def send(connector: CrmConnector) -> Put:
            self._check_lease(reference)
            return self._activities.write(reference, connector)

        return self._pool.run_crm(reference.place.connection_id, send)

    def _check_lease(self, reference: Reference) -> None:
        """Nothing is sent once another process may hold the reference, or soon might: a fifth of the lease is kept for
        the write itself.
        """
        now, until = self._clock(), reference.lease_until
        if until is not None and now + timedelta(seconds=self._writes.lease_seconds / 5) > until:
            raise WaitUntilError("Its turn came too late.", retry_at=now, code="lease_lost")

    def _write_down(self, session: Session, ends: Sequence[Attempt], now: datetime) -> list[SyncResult]:
        finished, results = [], []
        for end in ends:
            ended, result = self._conclude(session, end, now)
            finished.append(ended)
            results.append(result)
        references.finish(session, finished, this_owner(), now)
        places = (e.reference.place.calendar_id for e in ends if e.error is None)
        busy.make_due_now(session, sorted({calendar for calendar in places if calendar is not None}), now)
        self._results.store(session, results)
        for end in ends:
            if end.reference.place.is_crm:
                self._activities.tell(session, end.reference, end.put, end.error)
        return results

    def _conclude(self, session: Session, end: Attempt, now: datetime) -> tuple[Finished, SyncResult]:
        if end.error is None:
            return _succeeded(end, now), _result(end, Outcome.DONE, now)
        reference = end.reference
        first_failed = reference.first_failed_at or now
        decision = decide(
            end.error,
            attempts=reference.attempts + 1,
            first_failed_at=first_failed,
            now=now,
            draw=self._draw(),
            policy=self._policy,
        )
        if decision.connection_broken:
            self._break_connection(session, reference, end.error, now)
        finished = _failed(end, decision, first_failed, now)
        outcome = Outcome.RETRY if decision.at else Outcome.PARKED
        return finished, _result(end, outcome, now, decision)

    def _break_connection(self, session: Session, reference: Reference, error: ProviderError, now: datetime) -> None:
        """Unless the credential that was refused has been replaced since the reference was claimed."""
        assert reference.lease_until is not None
        claimed_at = reference.lease_until - timedelta(seconds=self._writes.lease_seconds)
        directory.move_connection(
            session,
            reference.place.connection_id,
            ConnectionEvent.REFUSED,
            now,
            reason=str(error),
            remedy=error.remedy,
            unchanged_since=claimed_at,
        )
        self._pool.drop(reference.place.connection_id)


def _put_or_remove(reference: Reference, connector: EventConnector) -> Receipt | None:
    place, receipt = reference.place, reference.receipt
    if reference.desired is None:
        uid = (receipt.uid if receipt else "") or reference.event_uid
        connector.remove_event(place.external_id, reference.key, uid, receipt)
        return None
    assert isinstance(reference.desired, Event)
    unclear = receipt is None and reference.attempted
    return connector.put_event(place.external_id, reference.desired, reference.key, receipt, unclear=unclear)


def _succeeded(end: Attempt, now: datetime) -> Finished:
    reference, version = end.reference, end.reference.desired_version
    wanted = reference.desired is not None
    return Finished(
        id=reference.id,
        lease_until=reference.lease_until,
        version=version,
        state=ReferenceState.SYNCED if wanted else ReferenceState.REMOVED,
        receipt=end.receipt,
        next_key=None if wanted else idempotency_key(reference.subject, reference.place, version + 1),
        applied=True,
        attempted=wanted,
        due_at=now,
    )


def _failed(end: Attempt, decision: Decision, first_failed: datetime, now: datetime) -> Finished:
    reference, error = end.reference, end.error
    assert error is not None
    return Finished(
        id=reference.id,
        lease_until=reference.lease_until,
        version=reference.desired_version,
        state=ReferenceState.PENDING if decision.at else ReferenceState.PARKED,
        receipt=reference.receipt,
        applied=False,
        attempted=reference.attempted or isinstance(error, UnclearError),
        due_at=decision.at or now,
        attempts=reference.attempts + (1 if decision.counts else 0),
        first_failed_at=first_failed if decision.counts else reference.first_failed_at,
        error_code=decision.code,
        error=str(error),
        remedy=decision.remedy,
    )


def _result(end: Attempt, outcome: Outcome, now: datetime, decision: Decision | None = None) -> SyncResult:
    reference, error = end.reference, end.error
    return SyncResult(
        at=now,
        operation=Operation.PUT_EVENT if reference.desired is not None else Operation.REMOVE_EVENT,
        outcome=outcome,
        app=reference.place.app,
        connection_id=reference.place.connection_id,
        subject=reference.subject,
        place=reference.place.external_id,
        attempt=reference.attempts + 1,
        calls=end.tally.calls,
        seconds=round(end.tally.seconds, 4),
        dropped=end.receipt.dropped if end.receipt and error is None else (),
        request_id=(error.request_id or "") if error else (end.receipt.request_id if end.receipt else ""),
        code=error.code if error else "",
        error=str(error) if error else "",
        remedy=decision.remedy if decision else "",
        retry_at=decision.at if decision else None,
    )
