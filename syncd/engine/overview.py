"""How things stand: one reading of the store, for `syncd status` and the metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session

from syncd.model.connection import ConnectionState
from syncd.model.reference import ReferenceState
from syncd.store import bookings, drift, inbox, limits, log, sync_errors
from syncd.store.directory import calendars, connections
from syncd.store.inbox import deliveries
from syncd.store.references import references

from .delegations import Unusable, unusable

LIMITS_TOLD_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Counts and ages, no user data but what an operator needs to act.

    Attributes:
        connections: (app, state) -> how many.
        broken: connections that wait for a person: id, app, account, reason, remedy.
        delegations: those that could not be used.
        references: state -> how many; `oldest_pending_at` is when the longest waiting write was wanted.
        parked: writes that wait for a person: subject, app, code, error, remedy.
        drifted: events of ours that people moved, deleted or declined: subject, app, drift, drift_detail, drifted_at.
        sync_errors: open ones of event types in CRMs: connection_id, event_type_id, moment, code, message, dropped, at.
        unplanned: bookings that cannot be planned.
        deliveries: state -> how many; `oldest_delivery_at` is when the longest waiting one came.
        limits: of each connection lately used: app, calls that may go at once, until when its provider asked to wait,
            calls a second that its refusals have taught.
        calendars: app -> (fresh, stale, failed) of the selected ones; `oldest_as_of` by app.
    """

    at: datetime
    connections: dict[tuple[str, str], int]
    broken: list[dict[str, Any]]
    delegations: list[Unusable]
    references: dict[str, int]
    oldest_pending_at: datetime | None
    parked: list[dict[str, Any]]
    drifted: list[dict[str, Any]]
    sync_errors: list[dict[str, Any]]
    unplanned: int
    deliveries: dict[str, int]
    oldest_delivery_at: datetime | None
    calendars: dict[str, tuple[int, int, int]]
    oldest_as_of: dict[str, datetime | None]
    limits: list[dict[str, Any]]
    jobs: list[dict[str, Any]]


def overview(session: Session, now: datetime, stale_after: timedelta) -> Overview:
    """Read how things stand."""
    fresh, oldest = _calendars(session, now - stale_after)
    since = func.coalesce(references.c.first_failed_at, references.c.updated_at)  # a retry is an update, too
    pending = select(func.min(since)).where(references.c.state == ReferenceState.PENDING)
    waiting = select(func.min(deliveries.c.received_at)).where(deliveries.c.state == inbox.DeliveryState.NEW)
    by_state = select(connections.c.app, connections.c.state, func.count()).group_by(
        connections.c.app, connections.c.state
    )
    by_reference = select(references.c.state, func.count()).group_by(references.c.state)
    return Overview(
        at=now,
        connections={(app, state): count for app, state, count in session.execute(by_state)},
        broken=_broken(session),
        delegations=unusable(session),
        references={state: count for state, count in session.execute(by_reference)},
        oldest_pending_at=session.scalar(pending),
        parked=_parked(session),
        drifted=_drifted(session),
        sync_errors=_sync_errors(session),
        unplanned=bookings.count_problems(session),
        deliveries=inbox.counts(session),
        oldest_delivery_at=session.scalar(waiting),
        calendars=fresh,
        oldest_as_of=oldest,
        limits=_limits(session, now),
        jobs=[run.model_dump() for run in log.listed_jobs(session)],
    )


def _limits(session: Session, now: datetime) -> list[dict[str, Any]]:
    """The tightest of each connection, over the processes that told lately."""
    tightest: dict[int, dict[str, Any]] = {}
    for row in limits.shown(session, now - LIMITS_TOLD_WITHIN):
        tightest.setdefault(row.connection_id, dict(row._mapping))
    return list(tightest.values())


def _broken(session: Session) -> list[dict[str, Any]]:
    columns = (connections.c.id, connections.c.app, connections.c.account, connections.c.reason, connections.c.remedy)
    statement = select(*columns).where(connections.c.state == ConnectionState.INVALID).order_by(connections.c.id)
    return [dict(row._mapping) for row in session.execute(statement.limit(100))]


def _parked(session: Session) -> list[dict[str, Any]]:
    columns = (
        references.c.subject,
        references.c.app,
        references.c.error_code,
        references.c.error,
        references.c.remedy,
    )
    statement = select(*columns).where(references.c.state == ReferenceState.PARKED).order_by(references.c.updated_at)
    return [dict(row._mapping) for row in session.execute(statement.limit(100))]


def _drifted(session: Session) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in drift.drifted(session, 100)]


def _sync_errors(session: Session) -> list[dict[str, Any]]:
    told = sync_errors.listed(session)[:100]
    return [{**row.model_dump(exclude={"id", "closed_at"}), "dropped": json.loads(row.dropped)} for row in told]


def _calendars(
    session: Session, stale_before: datetime
) -> tuple[dict[str, tuple[int, int, int]], dict[str, datetime | None]]:
    """Selected calendars per app: how many are fresh, stale and failed; and the oldest as-of."""
    is_fresh = calendars.c.as_of >= stale_before
    failed = (calendars.c.error_code != "") & ~func.coalesce(is_fresh, False)
    statement = (
        select(
            connections.c.app,
            func.sum(case((is_fresh, 1), else_=0)),
            func.sum(case((failed, 1), else_=0)),
            func.count(),
            func.min(calendars.c.as_of),
        )
        .join(connections, connections.c.id == calendars.c.connection_id)
        .where(calendars.c.selected, connections.c.state != ConnectionState.PAUSED)
        .group_by(connections.c.app)
    )
    counted, oldest = {}, {}
    for app, fresh, broken, total, as_of in session.execute(statement):
        counted[app] = (fresh, total - fresh - broken, broken)
        oldest[app] = as_of
    return counted, oldest
