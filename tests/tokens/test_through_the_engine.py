"""An access token that ends in the middle of work costs the work nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from syncd.connector.oauth import to_ms
from syncd.connector.registry import Registry
from syncd.engine.runtime import Runtime
from syncd.engine.scheduler import Scheduler
from syncd.model.busy import BusyState
from syncd.model.calendar import Event
from syncd.model.clock import Clock, utc_now
from syncd.model.connection import ConnectionState
from syncd.model.time import Window
from syncd.store import directory, inbox, tokens
from syncd.store.inbox import Arrival
from syncd.store.tables import Connection
from syncd.testing.memory import Item, MemoryProvider

from .issuer import Issuer
from .rented import APP, USER, rented_spec
from .test_single_flight import MovableClock


@pytest.fixture
def engine(
    open_runtime: Callable[..., Runtime], memory: MemoryProvider, clock: MovableClock, issuer: Issuer
) -> Runtime:
    """Anna is connected; calendar `work` is read and written."""
    return connected(open_runtime, memory, clock, issuer)


def connected(open_runtime: Callable[..., Runtime], memory: MemoryProvider, clock: Clock, issuer: Issuer) -> Runtime:
    memory.add_calendar("work")
    registry = Registry(specs={APP: rented_spec(issuer.url, memory, clock)})
    runtime = open_runtime(registry=registry, clock=clock)
    with runtime.database.write() as session:
        directory.add_user(session, USER, "anna@example.com", clock())
    credential = {"access_token": "access-0", "refresh_token": "refresh-0", "expires_in": 3600}
    connection = runtime.accounts.add(USER, APP, credential, {}).connection_id
    with runtime.database.write() as session:
        (calendar,) = [c for c, _ in directory.listed_calendars(session, connection_ids=[connection])]
        directory.set_destination(session, calendar, user_id=USER)
    return runtime


def row(engine: Runtime) -> Connection:
    with engine.database.read() as session:
        return directory.get_connection(session, 1)


def deliver(engine: Runtime, clock: MovableClock) -> None:
    start = clock() + timedelta(days=3)
    payload: dict[str, Any] = {
        "uid": "a",
        "title": "Talk",
        "status": "ACCEPTED",
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(hours=1)).isoformat(),
        "organizer": {"id": USER, "name": "Anna", "email": "anna@example.com", "timeZone": "UTC"},
        "attendees": [{"name": "Guest", "email": "guest@example.org", "timeZone": "UTC"}],
    }
    body = {"triggerEvent": "BOOKING_CREATED", "createdAt": clock().isoformat(), "payload": payload}
    with engine.database.write() as session:
        inbox.put(session, [Arrival(source="test", body=body)], clock())
    engine.intake.take_in()


def test_a_credential_is_stored_with_the_end_of_its_token(engine: Runtime, clock: MovableClock) -> None:
    assert row(engine).token_expires_at == clock() + timedelta(hours=1)


def test_a_booking_is_written_with_a_refreshed_token(
    engine: Runtime, memory: MemoryProvider, clock: MovableClock, issuer: Issuer
) -> None:
    issuer.expire()
    deliver(engine, clock)
    assert engine.reconciler.run(engine.executor).outcomes == {"done": 1}
    assert len(memory.events("work")) == 1
    assert (issuer.refreshes, memory.calls["put_event"]) == (1, 1)


def test_a_calendar_is_read_with_a_refreshed_token(
    engine: Runtime, memory: MemoryProvider, clock: MovableClock, issuer: Issuer
) -> None:
    memory.store("work", "x", _event(clock))
    issuer.expire()
    assert engine.busy_sync.run(engine.executor).outcomes == {"done": 1}
    assert issuer.refreshes == 1


def test_a_live_busy_answer_is_given_with_a_refreshed_token(
    engine: Runtime, clock: MovableClock, issuer: Issuer
) -> None:
    issuer.expire()
    far = clock() + timedelta(days=400)
    (answer,) = engine.answers.answer(USER, Window(far, far + timedelta(days=1))).calendars
    assert answer.state is BusyState.FRESH
    assert issuer.refreshes == 1


def test_a_booking_waits_while_refreshing_fails_and_needs_nobody(
    engine: Runtime, memory: MemoryProvider, clock: MovableClock, issuer: Issuer
) -> None:
    issuer.expire()
    issuer.client_secret, right = "another", issuer.client_secret
    deliver(engine, clock)
    assert engine.reconciler.run(engine.executor).outcomes == {"retry": 1}
    issuer.client_secret = right
    clock.advance(minutes=20)
    assert engine.reconciler.run(engine.executor).outcomes == {"done": 1}
    assert len(memory.events("work")) == 1


def test_a_test_by_a_person_does_not_wait_and_heals(engine: Runtime, clock: MovableClock, issuer: Issuer) -> None:
    issuer.expire()
    issuer.dead = True
    deliver(engine, clock)
    engine.reconciler.run(engine.executor)
    assert row(engine).state == ConnectionState.INVALID
    issuer.dead = False
    engine.accounts.test(1)
    assert row(engine).state == ConnectionState.ACTIVE
    assert not row(engine).refresh_code


def test_a_new_credential_ends_what_failed_before(engine: Runtime, clock: MovableClock, issuer: Issuer) -> None:
    issuer.expire()
    issuer.dead = True
    deliver(engine, clock)
    engine.reconciler.run(engine.executor)
    issuer.dead = False
    issuer.number += 1
    issuer.accepts = lambda token: token == "access-1"  # type: ignore[method-assign]
    new = {"access_token": "access-1", "refresh_token": "refresh-1", "expiry_date": to_ms(clock() + timedelta(hours=2))}
    engine.accounts.reconnect(1, new)
    mended = row(engine)
    assert (mended.state, mended.refresh_code, mended.refresh_retry_at) == ("active", "", None)
    assert mended.token_expires_at == clock() + timedelta(hours=2)


def test_the_scheduler_refreshes_what_is_due(
    open_runtime: Callable[..., Runtime], memory: MemoryProvider, issuer: Issuer
) -> None:
    engine = connected(open_runtime, memory, utc_now, issuer)
    with engine.database.write() as session:
        tokens.replaced(session, 1, utc_now(), utc_now() - timedelta(hours=1))
    scheduler = Scheduler(engine)
    scheduler.start()
    try:
        assert issuer.asked.wait(30)
    finally:
        assert scheduler.stop(30)
    assert issuer.refreshes == 1


def _event(clock: MovableClock) -> Item:
    start = clock() + timedelta(days=1)
    return Item(uid="x", version="", event=Event(uid="x", title="Busy", start=start, end=start + timedelta(hours=1)))
