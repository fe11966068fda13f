"""What each kind of failed refresh means: for callers, for the connection, and for whoever has to act."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from syncd.connector.oauth import to_ms
from syncd.errors import (
    ParkError,
    ReconnectError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.connection import ConnectionState
from syncd.model.result import Operation, Outcome
from syncd.store import log
from syncd.testing.memory import MemoryProvider
from syncd.vault import KeyRing

from .conftest import OpenDesk
from .issuer import Answer, Issuer
from .rented import Desk, open_desk, rented_spec
from .test_single_flight import MovableClock


def test_trouble_with_the_network_leaves_a_living_token_in_use(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.answers.extend([Answer(503, {})] * 2)
    clock.advance(minutes=57)
    assert desk.round() == {"refresh_unreachable": 1}
    assert desk.access(connection) == "access-0"
    row = desk.row(connection)
    assert (row.state, row.refresh_failures, row.refresh_code) == ("active", 1, "refresh_unreachable")
    assert (row.refresh_failed_at, bool(row.reason)) == (clock(), True)


def test_a_refresh_that_failed_is_not_tried_again_before_its_time(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.answers.append(Answer(503, {}))
    clock.advance(hours=1)
    assert desk.failure(connection).code == "refresh_unreachable"
    waits = desk.failure(connection)
    assert isinstance(waits, WaitUntilError)
    assert (waits.code, waits.retry_at) == ("refresh_unreachable", desk.row(connection).refresh_retry_at)
    assert not desk.round()
    assert issuer.requests == 1
    clock.now = waits.retry_at
    assert desk.round() == {"refreshed": 1}
    row = desk.row(connection)
    assert (row.refresh_failures, row.refresh_code, row.reason, row.refresh_retry_at) == (0, "", "", None)


def test_waits_grow_with_failures(desk: Desk, connection: int, issuer: Issuer, clock: MovableClock) -> None:
    issuer.answers.extend([Answer(503, {})] * 12)
    clock.advance(hours=1)
    waits = []
    for _ in range(12):
        desk.failure(connection)
        until = desk.row(connection).refresh_retry_at
        assert until is not None
        waits.append((until - clock()).total_seconds())
        clock.now = until
    assert 15 <= waits[0] <= 30
    assert 450 <= waits[-1] <= 900


def test_a_limit_of_the_provider_is_kept(desk: Desk, connection: int, issuer: Issuer, clock: MovableClock) -> None:
    issuer.answers.append(Answer(429, {}, {"Retry-After": "600"}))
    clock.advance(hours=1)
    assert desk.failure(connection).code == "refresh_throttled"
    assert desk.row(connection).refresh_retry_at == clock() + timedelta(minutes=10)


def test_a_limit_of_whoever_issues_tokens_closes_no_calendar(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    assert desk.probe(connection)
    issuer.answers.append(Answer(429, {}, {"Retry-After": "600"}))
    clock.advance(minutes=57)
    assert desk.round() == {"refresh_throttled": 1}
    assert desk.probe(connection)


class Away:
    """A store that refuses the next `times` new credentials."""

    def __init__(self, desk: Desk, times: int) -> None:
        self.times = times
        event.listen(desk.database.engine, "before_cursor_execute", self._before)

    def _before(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self.times and statement.startswith("UPDATE") and "envelope=" in statement.partition("WHERE")[0]:
            self.times -= 1
            raise OperationalError(statement, None, Exception("database is locked"))


def test_a_new_token_survives_a_store_that_is_away_for_a_moment(
    open_a_desk: OpenDesk, issuer: Issuer, clock: MovableClock
) -> None:
    desk = open_a_desk(pause=lambda seconds: clock.advance(seconds=seconds))
    connection = desk.connect(issuer.access, issuer.refresh)
    away = Away(desk, times=3)
    clock.advance(minutes=55)
    assert desk.round() == {"refreshed": 1}
    assert (away.times, issuer.reused) == (0, 0)
    assert desk.credential(connection)["refresh_token"] == issuer.refresh


def test_a_new_token_that_cannot_be_stored_counts_as_a_lost_answer(
    open_a_desk: OpenDesk, issuer: Issuer, clock: MovableClock
) -> None:
    desk = open_a_desk(pause=lambda seconds: clock.advance(seconds=seconds))
    connection = desk.connect(issuer.access, issuer.refresh)
    Away(desk, times=10_000)
    clock.advance(minutes=50)
    began = clock()
    assert desk.round() == {"refresh_not_stored": 1}
    row = desk.row(connection)
    assert clock() - began == timedelta(minutes=2), "as long as the lease lasts"
    assert (row.state, row.refresh_owner, row.refresh_lost_at) == ("active", None, clock())
    assert desk.access(connection) == "access-0"


def test_a_wrong_client_is_the_operators_and_heals_once_it_is_mended(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.client_secret, right = "another", issuer.client_secret
    clock.advance(hours=1)
    refused = desk.failure(connection)
    assert isinstance(refused, RetryError)
    assert refused.code == "client_refused"
    assert "client id and secret" in refused.remedy
    assert desk.row(connection).state == ConnectionState.ACTIVE
    issuer.client_secret = right
    clock.advance(minutes=1)
    assert desk.access(connection) == "access-1"


def test_a_revoked_grant_needs_a_person_and_is_not_asked_for_again(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.dead = True
    clock.advance(hours=1)
    revoked = desk.failure(connection)
    assert isinstance(revoked, ReconnectError)
    row = desk.row(connection)
    assert (row.state, row.refresh_code) == ("invalid", "grant_revoked")
    assert row.remedy == revoked.remedy == f"Give a working credential: syncd connections reconnect {connection}"
    assert desk.failure(connection).code == "grant_revoked"
    clock.advance(days=1)
    assert not desk.round()
    assert issuer.requests == 1


def test_a_refresh_that_works_again_makes_the_connection_active(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.dead = True
    clock.advance(hours=1)
    desk.failure(connection)
    issuer.dead = False
    clock.advance(hours=2)
    assert desk.access(connection) == "access-1"
    row = desk.row(connection)
    assert (row.state, row.reason, row.remedy, row.broken_at) == ("active", "", "", None)


def test_without_refresh_token_a_living_token_is_used_to_its_end(desk: Desk, clock: MovableClock) -> None:
    connection = desk.connect("access-0", "")
    clock.advance(minutes=59)
    desk.round()
    assert desk.row(connection).state == ConnectionState.ACTIVE
    clock.advance(minutes=2)
    assert desk.failure(connection).code == "no_refresh_token"
    assert desk.row(connection).state == ConnectionState.INVALID


def test_a_lost_answer_is_survived_where_the_old_refresh_token_still_works(
    open_a_desk: OpenDesk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    desk = open_a_desk(repeatable=True)
    issuer.grace = True
    issuer.answers.append(Answer(lost=True))
    clock.advance(hours=1)
    lost = desk.failure(connection)
    assert lost.code == "refresh_unanswered"
    assert not isinstance(lost, UnclearError), "the work that needed the token was never sent"
    clock.advance(minutes=1)
    assert desk.access(connection) == "access-2"
    assert desk.row(connection).refresh_lost_at is None


def test_a_lost_answer_that_cost_the_grant_is_named(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.answers.append(Answer(lost=True))
    clock.advance(hours=1)
    lost_at = clock()
    assert desk.failure(connection).code == "refresh_unanswered"
    clock.advance(minutes=1)
    named = desk.failure(connection)
    assert isinstance(named, ReconnectError)
    assert named.code == "refresh_answer_lost"
    assert lost_at.isoformat(timespec="seconds") in str(named)


def test_an_answer_that_is_none_counts_as_lost(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    issuer.answers.append(Answer(200, b"<html>"))
    clock.advance(hours=1)
    assert desk.failure(connection).code == "refresh_answer_unusable"
    assert desk.row(connection).refresh_lost_at == clock()


def test_a_token_that_has_ended_when_it_comes_means_the_clocks_disagree(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    clock.advance(hours=1)
    issuer.extra = {"expiry_date": to_ms(clock() - timedelta(minutes=10))}
    skewed = desk.failure(connection)
    assert skewed.code == "clock_skew"
    assert desk.failure(connection).code == "clock_skew"
    row = desk.row(connection)
    assert (row.state, row.refresh_code) == ("active", "clock_skew")
    assert "clock" in row.remedy
    assert desk.credential(connection)["refresh_token"] == "refresh-1", "it was rotated, and must be kept"
    assert desk.probe(connection) == "memory", "the provider accepts it all the same"
    assert issuer.requests == 1


def test_a_clock_that_is_off_is_seen_by_the_date_and_costs_nothing(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    clock.advance(hours=1)
    theirs = clock() - timedelta(hours=2)
    issuer.extra = {"expiry_date": to_ms(theirs + timedelta(hours=1))}
    issuer.answers.append(Answer(headers={"Date": format_datetime(theirs, usegmt=True)}))
    assert desk.access(connection) == "access-1"
    assert desk.row(connection).token_expires_at == clock() + timedelta(hours=1)
    with desk.database.read() as session:
        assert "-7200 s from ours" in log.listed(session, operation=Operation.REFRESH)[0].detail


def test_every_refresh_is_in_the_sync_log(desk: Desk, connection: int, issuer: Issuer, clock: MovableClock) -> None:
    issuer.answers.append(Answer(503, {}))
    clock.advance(hours=1)
    desk.failure(connection)
    clock.advance(minutes=1)
    desk.access(connection)
    with desk.database.read() as session:
        logged = log.listed(session, operation=Operation.REFRESH)
    assert [(r.outcome, r.code, r.attempt, r.calls) for r in logged] == [
        (Outcome.RETRY, "refresh_unreachable", 1, 1),
        (Outcome.DONE, "", 2, 1),
    ]


def test_a_credential_without_access_token_has_none_to_give(desk: Desk) -> None:
    connection = desk.connect("", "", None)
    error = desk.failure(connection)
    assert isinstance(error, ParkError)
    assert error.code == "no_access_token"


def test_a_refused_token_that_nothing_can_refresh_needs_a_person(
    database_url: str, ring: KeyRing, clock: MovableClock, memory: MemoryProvider, issuer: Issuer
) -> None:
    spec = replace(rented_spec(issuer.url, memory, clock), refresh=None)
    with ExitStack() as stack:
        desk = open_desk(stack, database_url, ring, clock, spec)
        connection = desk.connect("wrong", "refresh-0")
        with pytest.raises(ReconnectError):
            desk.probe(connection)
        assert desk.row(connection).state == ConnectionState.INVALID
