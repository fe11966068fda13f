"""Repairing what an event missed, and forgetting what is too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from syncd.model.clock import Clock
from syncd.settings import Settings
from syncd.store import access, busy, consents, inbox, log, references, routing
from syncd.store.database import Database
from syncd.store.inbox import DeliveryState

from .intake import Intake


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep repaired."""

    freed: int
    repaired: int
    taken: int
    planned: int

    def __str__(self) -> str:
        return f"{self.freed} leases freed, {self.repaired} references repaired, {self.taken} deliveries taken"


def sweep(database: Database, intake: Intake, clock: Clock) -> SweepReport:
    """Look at the state again, as if every event had been missed.

    Frees what dead processes held, makes pending what is not as wanted, takes in deliveries that waited for their
    booking, and plans again what could not be planned: a destination may have been chosen since.
    """
    now = clock()
    with database.write() as session:
        freed = references.release_dead(session, now) + busy.release_dead(session, now)
        repaired = references.repair(session, now)
    report = intake.take_in((DeliveryState.NEW, DeliveryState.WAITING))
    return SweepReport(
        freed=freed,
        repaired=repaired,
        taken=report.deliveries.get(DeliveryState.TAKEN, 0),
        planned=intake.replan_problems(),
    )


def clean_up(database: Database, settings: Settings, clock: Clock) -> str:
    """Forget deliveries, log entries, routing decisions, security events and busy times that are older than they are
    kept, and consents that nobody came back from.
    """
    now = clock()
    with database.write() as session:
        inbox.give_up(session, now - timedelta(days=settings.keep.deliveries), now)
        deliveries = inbox.forget(session, now - timedelta(days=settings.keep.deliveries))
        logged = log.forget(session, now - timedelta(days=settings.keep.log))
        routing.forget(session, now - timedelta(days=settings.keep.log))
        access.forget_events(session, now - timedelta(days=settings.keep.audit))
        consents.forget(session, now)
        past = busy.forget_past(session, now - timedelta(days=settings.busy.past_days + 30))
    return f"forgot {deliveries} deliveries, {logged} log entries, {past} busy times"
