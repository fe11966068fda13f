"""Reading busy times: due calendars, from their cursors, into the store.

A read that brings nothing costs one provider call and its share of one commit. One that brings changes stores them in
the transaction that moves the cursor. One from the start writes under the next generation and swaps it in at its end.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from syncd.connector import CalendarConnector, CalendarRead
from syncd.errors import NotFoundError, ProviderError, ReconnectError, ResyncError, RetryError, WaitUntilError
from syncd.model.calendar import ChangePage
from syncd.model.clock import Clock
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.model.time import Window
from syncd.provider.guard import Tally, tally
from syncd.provider.limits import Priority, priority
from syncd.rules.connection import ConnectionEvent
from syncd.rules.drift import Seen
from syncd.rules.retry import RetryPolicy, back_off_ceiling
from syncd.settings import Settings
from syncd.store import busy, directory
from syncd.store.busy import DueCalendar, LeaseLostError, Read
from syncd.store.database import Database
from syncd.store.owner import this_owner

from .drift import Drifts
from .pool import ConnectorPool, as_provider_error
from .pump import pump
from .results import Results

READS_PER_CONNECTION = 4
"""Calendars of one connection read at once: one that hangs leaves hands for the others."""

LEASE = timedelta(minutes=10)
"""Runs from the claim, and anew from each page stored."""

READ_THREADS = 16
"""Calendars read at once, over all connections."""

FAILED_READS = RetryPolicy(base=timedelta(seconds=30), cap=timedelta(minutes=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the read of one calendar ended: `read` when it is known now, `error` when not. `stored` is set when the read
    wrote its own transaction.
    """

    calendar: DueCalendar
    read: Read | None
    stored: bool
    error: ProviderError | None
    tally: Tally
    changed: int = 0
    repaired: int = 0


@dataclass(slots=True)
class BusySyncReport:
    """What a round did."""

    outcomes: Counter[str] = field(default_factory=Counter)
    results: list[SyncResult] = field(default_factory=list)


class BusySync:
    """Reads selected calendars. Several may run; leases keep them apart."""

    def __init__(
        self,
        database: Database,
        pool: ConnectorPool,
        results: Results,
        settings: Settings,
        clock: Clock,
        *,
        threads: int = READ_THREADS,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._pool = pool
        self._results = results
        self._settings = settings.busy
        self._drifts = Drifts(database, pool, results, settings, clock)
        self._clock = clock
        self._threads = threads
        self._draw = draw

    def run(
        self,
        executor: Executor,
        *,
        connection_id: int | None = None,
        everything: bool = False,
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda count: None,
        keep_results: bool = True,
    ) -> BusySyncReport:
        """Read every calendar that is due; with `everything`, every selected one.

        Without `keep_results` the report only counts: a run may last for as long as one connection is slow.
        """
        report, in_hand = BusySyncReport(), Counter[int]()
        if everything:
            with self._database.write() as session:
                busy.make_due(session, self._clock(), connection_id)

        def turn(ends: Sequence[Reading], free: int) -> Sequence[DueCalendar]:
            ended = Counter(e.calendar.connection_id for e in ends)
            with self._database.write() as session:
                now = self._clock()
                done = self._write_down(session, ends, now)
                claimed = [] if stopping() else self._claim(session, now, free, connection_id, in_hand - ended)
            in_hand.subtract(ended)
            in_hand.update(c.connection_id for c in claimed)
            self._results.publish(done)
            report.results.extend(done if keep_results else ())
            report.outcomes.update(r.outcome for r in done)
            progress(len(ends))
            return claimed

        pump(executor, self._threads, turn, self._read)
        return report

    def _claim(
        self, session: Session, now: datetime, free: int, connection_id: int | None, in_hand: Mapping[int, int]
    ) -> list[DueCalendar]:
        if not free:
            return []
        claimed = busy.claim(
            session,
            now,
            this_owner(),
            now + LEASE,
            limit=free,
            per_connection=READS_PER_CONNECTION,
            in_hand=in_hand,
            connection_id=connection_id,
        )
        self._pool.keep_current(session, (c.connection_id for c in claimed))
        return claimed

    def _read(self, calendar: DueCalendar) -> Reading:
        reading = self._read_once_or_anew(calendar)
        if reading.stored or (calendar.marked and reading.error is None):
            with priority(Priority.BUSY):
                self._drifts.look(calendar)
        return reading

    def _read_once_or_anew(self, calendar: DueCalendar) -> Reading:
        with tally() as counted:
            try:
                return self._read_from(calendar, calendar.cursor, counted)
            except ResyncError:
                pass
            except Exception as error:
                return _failed(calendar, error, counted)
            try:
                return self._read_from(calendar, None, counted)
            except Exception as error:
                return _failed(calendar, error, counted)

    def _read_from(self, calendar: DueCalendar, cursor: str | None, counted: Tally) -> Reading:
        with priority(Priority.BACKFILL if cursor is None else Priority.BUSY):
            return self._pool.run(
                calendar.connection_id, lambda connector: self._read_with(connector, calendar, cursor, counted)
            )

    def _read_with(
        self, connector: CalendarConnector, calendar: DueCalendar, cursor: str | None, counted: Tally
    ) -> Reading:
        started = self._clock()
        window = self._window(started)
        audit = cursor is not None and self._audit_due(calendar, started)
        pages = connector.changes(calendar_read(calendar), window, cursor, lambda: self._known(calendar), audit=audit)
        writer, seen = _PageWriter(self._database, self._clock, calendar), Seen()
        for page in pages:
            writer.take(page)
            seen.take(page)
        coverage = writer.coverage or window
        read = Read(
            calendar_id=calendar.id,
            lease_until=calendar.lease_until,
            generation=writer.generation,
            cursor=writer.cursor,
            coverage=coverage,
            as_of=started,
            audited_at=started if audit or writer.full else calendar.audited_at,
            sync_at=started + self._period(calendar),
        )
        stored = writer.finish(read, lambda session: self._drifts.mark(session, calendar, coverage, seen))
        return Reading(
            calendar=calendar,
            read=read,
            stored=stored,
            error=None,
            tally=counted,
            changed=writer.changed,
            repaired=writer.repaired,
        )

    def _known(self, calendar: DueCalendar) -> dict[str, str]:
        with self._database.read() as session:
            return busy.known_versions(session, calendar.id, calendar.generation)

    def _window(self, now: datetime) -> Window:
        """What is to be known: whole days, so that it moves once a day."""
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return Window(
            today - timedelta(days=self._settings.past_days), today + timedelta(days=self._settings.horizon_days)
        )

    def _audit_due(self, calendar: DueCalendar, now: datetime) -> bool:
        last = calendar.audited_at
        return last is None or now - last >= timedelta(hours=self._settings.audit_hours)

    def _period(self, calendar: DueCalendar) -> timedelta:
        """Until the next read: the period, a tenth of it jittered, so that calendars spread."""
        minutes = self._settings.refresh_minutes
        if calendar.watched:
            minutes = max(minutes, self._settings.refresh_minutes_pushed)
        return timedelta(minutes=minutes) * (0.95 + 0.1 * self._draw())

    def _write_down(self, session: Session, ends: Sequence[Reading], now: datetime) -> list[SyncResult]:
        busy.finish_unchanged(session, [e.read for e in ends if e.read and not e.stored])
        for end in ends:
            if end.error is not None:
                self._fail(session, end.calendar, end.error, now)
        results = [_result(end, now) for end in ends]
        self._results.store(session, results)
        return results

    def _fail(self, session: Session, calendar: DueCalendar, error: ProviderError, now: datetime) -> None:
        """A refusal breaks the connection, unless its credential has been replaced since the claim."""
        if isinstance(error, ReconnectError):
            directory.move_connection(
                session,
                calendar.connection_id,
                ConnectionEvent.REFUSED,
                now,
                reason=str(error),
                remedy=error.remedy,
                unchanged_since=calendar.claimed_at,
            )
            self._pool.drop(calendar.connection_id)
        again = now + back_off_ceiling(calendar.failures, FAILED_READS) * (0.5 + 0.5 * self._draw())
        if isinstance(error, WaitUntilError):
            again = max(error.retry_at, now)
        busy.fail_read(session, calendar, now, again, code=error.code, error=str(error), remedy=error.remedy)


class _PageWriter:
    """Stores the pages of one read: a full one under the next generation as it comes, others all at the end.

    It writes only while the calendar is held: whoever takes it over writes under the same generation.
    """

    def __init__(self, database: Database, clock: Clock, calendar: DueCalendar) -> None:
        self._database = database
        self._clock = clock
        self._calendar = calendar
        self._held: list[ChangePage] = []
        self.full = False
        self.generation = calendar.generation
        self.cursor: str | None = calendar.cursor
        self.coverage: Window | None = None
        self.changed = 0
        self.repaired = 0

    def take(self, page: ChangePage) -> None:
        """Take a page."""
        self.changed += len(page.changed) + len(page.removed)
        self.repaired += page.repaired
        if page.cursor is not None:
            self.cursor = page.cursor
        self.coverage = page.coverage or self.coverage
        if page.full and not self.full:
            self._begin_full()
        if page.changed or page.removed:
            self._held.append(page)
        if self.full and self._held:
            self._flush_alone()

    def _begin_full(self) -> None:
        self.full = True
        self.generation = self._calendar.generation + 1
        with self._holding() as session:
            busy.forget_other_generations(session, self._calendar.id, self._calendar.generation)

    def _flush_alone(self) -> None:
        with self._holding() as session:
            self._flush(session)

    @contextmanager
    def _holding(self) -> Iterator[Session]:
        """A transaction that extends the lease; LeaseLostError when it is another's."""
        until = self._clock() + LEASE
        with self._database.write() as session:
            busy.hold(session, self._calendar, until)
            yield session
        self._calendar.lease_until = until

    def _flush(self, session: Session) -> None:
        for page in self._held:
            busy.apply_changes(session, self._calendar.id, self.generation, page.changed, page.removed)
        self._held.clear()

    def finish(self, read: Read, beside: Callable[[Session], None]) -> bool:
        """Make the read the calendar's knowledge; False when it brought nothing and is left to a shared commit.

        `beside` comes first in the transaction: what is forgotten in it is still there, and references are locked
        before calendars, as the reconciler does.
        """
        if not self.full and not self._held:
            return False
        with self._database.write() as session:
            beside(session)
            busy.hold(session, self._calendar, read.lease_until)  # before the items: two readers lock in one order
            self._flush(session)
            busy.finish_read(session, read)
            if self.full:
                busy.forget_other_generations(session, read.calendar_id, read.generation)
        return True


def calendar_read(calendar: DueCalendar) -> CalendarRead:
    """How a calendar is to be read: its own zone, else its owner's."""
    return CalendarRead(
        id=calendar.external_id,
        zone=calendar.zone or calendar.user_zone or "UTC",
        owner_emails=calendar.owner_emails,
        transparent_is_busy=calendar.transparent_is_busy,
    )


def _failed(calendar: DueCalendar, error: Exception, counted: Tally) -> Reading:
    known = as_provider_error(error)
    if isinstance(error, LeaseLostError):
        known = RetryError("Reading took too long; another reader has taken the calendar over.", code="lease_lost")
    if isinstance(known, ResyncError):
        known = ProviderError("The provider refuses even a read from the start.", code=known.code)
    if isinstance(known, NotFoundError):
        known.remedy = "See whether it is still listed: syncd calendars list --refresh; else unselect it."
    return Reading(calendar=calendar, read=None, stored=False, error=known, tally=counted)


def _result(end: Reading, now: datetime) -> SyncResult:
    error = end.error
    outcome = Outcome.FAILED if error else (Outcome.DONE if end.stored else Outcome.UNCHANGED)
    detail = f"{end.changed} items changed" if end.changed else ""
    if end.repaired:
        detail += f", {end.repaired} of them missed by the provider's cursor"
    return SyncResult(
        at=now,
        operation=Operation.BUSY_SYNC,
        outcome=outcome,
        app=end.calendar.app,
        connection_id=end.calendar.connection_id,
        place=end.calendar.external_id,
        attempt=end.calendar.failures + 1,
        calls=end.tally.calls,
        seconds=round(end.tally.seconds, 4),
        code=error.code if error else "",
        error=str(error) if error else "",
        remedy=error.remedy if error else "",
        detail=detail,
    )
