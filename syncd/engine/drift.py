"""Noticing what people do to events of ours, and what follows.

When changes of a calendar are read, the events of ours among them are marked with what was told (`rules.drift`), in the
transaction that stores the read. Afterwards each is looked up at its provider, for a change tells only that there was
one; that costs a call for each event of ours that somebody else touched. Neither delays nor fails the read of the busy
times: what cannot be looked at now stays marked, and is looked at after the calendar's next read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from syncd.errors import ConflictError, ProviderError, ReconnectError, RetryError, StoreError
from syncd.model.calendar import Event
from syncd.model.clock import Clock
from syncd.model.drift import Drift, DriftKind, DriftPolicy, Told
from syncd.model.reference import Reference
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.model.time import Window
from syncd.provider.guard import Tally, tally
from syncd.rules.drift import Seen, drift_of, in_a_row, restores, told_of
from syncd.rules.plan import idempotency_key
from syncd.settings import Settings
from syncd.store import bookings, drift
from syncd.store.busy import DueCalendar
from syncd.store.database import Database
from syncd.store.drift import Marked

from .pool import ConnectorPool, as_provider_error
from .results import Results

AT_ONCE = 50
"""Events looked at after one read; the others wait for the next."""

LOOK_AGAIN = timedelta(hours=6)
"""When an event is looked at again that its provider refuses to show."""

PASSING = (RetryError, ConflictError, ReconnectError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How looking at one event ended: what a person did (None: nothing), or an error."""

    marked: Marked
    drift: Drift | None
    error: ProviderError | None
    tally: Tally

    @property
    def passing(self) -> bool:
        """Whether it may succeed later."""
        return isinstance(self.error, PASSING)


class Drifts:
    """Marks, looks, reports, restores. Safe for several threads."""

    def __init__(
        self, database: Database, pool: ConnectorPool, results: Results, settings: Settings, clock: Clock
    ) -> None:
        self._database = database
        self._pool = pool
        self._results = results
        self._settings = settings
        self._clock = clock
        self._log = structlog.get_logger("syncd.drift")

    def mark(self, session: Session, calendar: DueCalendar, coverage: Window, seen: Seen) -> None:
        """Mark the events to look at after a read, before what it removes is forgotten."""
        if not seen.tells:
            return
        if seen.full:
            found = drift.all_written(session, calendar.id)
        else:
            for item, uid in drift.uids(session, calendar.id, calendar.generation, seen.nameless):
                seen.belongs(item, uid)
            found = drift.written(session, calendar.id, seen.versions.keys() | seen.removed, seen.parts.keys())
        told = {reference_id: told_of(written, seen, coverage) for reference_id, written in found}
        drift.mark(session, {each: what for each, what in told.items() if what}, self._clock())

    def look(self, calendar: DueCalendar) -> None:
        """Look at the marked events of a calendar. Their failures are in the sync log; none is raised."""
        try:
            with self._database.read() as session:
                waiting = drift.marked(session, calendar.id, AT_ONCE, self._clock())
            looks: list[Look] = []
            for each in waiting:
                looks.append(self._look_at(each))
                if looks[-1].passing:
                    break
            if looks:
                self._write_down(looks)
        except StoreError as error:
            self._log.warning("what people changed could not be looked at", calendar=calendar.id, error=str(error))

    def _look_at(self, marked: Marked) -> Look:
        reference = marked.reference
        place, receipt, desired = reference.place, reference.receipt, reference.desired
        assert isinstance(desired, Event)  # what was told of is in a calendar
        uid = (receipt.uid if receipt else "") or reference.event_uid
        with tally() as counted:
            try:
                there = self._pool.run_event(
                    place.connection_id, lambda connector: connector.find_event(place.external_id, uid, receipt)
                )
            except Exception as error:
                return Look(marked=marked, drift=None, error=as_provider_error(error), tally=counted)
        declined, dropped = marked.told is Told.DECLINED, receipt.dropped if receipt else ()
        found = drift_of(desired, there, declined=declined, dropped=dropped)
        return Look(marked=marked, drift=found, error=None, tally=counted)

    def _write_down(self, looks: Sequence[Look]) -> None:
        with self._database.write() as session:
            policies = self._policies(session, [each.marked.reference.subject for each in looks if each.drift])
            told = [self._conclude(session, each, policies) for each in looks]
            results = [result for result in told if result is not None]
            self._results.store(session, results)
        self._results.publish(results)

    def _policies(self, session: Session, subjects: Sequence[str]) -> dict[str, DriftPolicy]:
        """Those of the event types that bookings are of."""
        policies = {}
        for subject, kept in bookings.of_subjects(session, subjects).items():
            newest = max(kept.bookings, key=lambda booking: booking.revision, default=None)
            policies[subject] = self._settings.event_type(newest.event_type_id if newest else None).calendar_changes
        return policies

    def _conclude(self, session: Session, look: Look, policies: Mapping[str, DriftPolicy]) -> SyncResult | None:
        """Act on what was found. What follows a person's change is decided here, by the policy."""
        now, marked, found = self._clock(), look.marked, look.drift
        if look.passing:
            return _result(look, now, outcome=Outcome.RETRY)
        if look.error is not None:
            drift.postpone(session, marked, now + LOOK_AGAIN)
            return _result(look, now, outcome=Outcome.FAILED)
        drift.unmark(session, marked)
        if found and restores(policies[marked.reference.subject], found, marked.restored, marked.restored_at, now):
            times = in_a_row(marked.restored, marked.restored_at, now) + 1
            done = drift.restore(session, marked, _key(marked.reference, found), times, now)
            return _result(look, now, "It is put back.") if done else None
        if not drift.note(session, marked, found, now):
            return None
        return _result(look, now, "It is left as it is.") if found else None


def _key(reference: Reference, found: Drift) -> str | None:
    """A key to make the event anew with, when it is gone: a provider may keep the id of a removed one taken."""
    if found.kind is not DriftKind.DELETED:
        return None
    return idempotency_key(reference.subject, reference.place, reference.desired_version + 1)


def _result(look: Look, now: datetime, what: str = "", outcome: Outcome = Outcome.DONE) -> SyncResult:
    reference, error = look.marked.reference, look.error
    return SyncResult(
        at=now,
        operation=Operation.DRIFT,
        outcome=outcome,
        app=reference.place.app,
        connection_id=reference.place.connection_id,
        subject=reference.subject,
        place=reference.place.external_id,
        calls=look.tally.calls,
        seconds=round(look.tally.seconds, 4),
        code=error.code if error else str(look.drift.kind) if look.drift else "",
        error=str(error) if error else "",
        remedy=error.remedy if error else "",
        detail=f"{look.drift.detail} {what}" if look.drift else "",
    )
