"""When a token is refreshed, by whom, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from syncd.connector.oauth import to_ms
from syncd.errors import (
    ReconnectError,
    RetryError,
)
from syncd.model.connection import ConnectionState
from syncd.store import tokens
from syncd.store.envelopes import StoredEnvelopes
from syncd.store.owner import this_owner
from syncd.testing.memory import MemoryProvider
from syncd.vault import KeyRing, generate_key, rotate

from .conftest import OpenDesk
from .issuer import Answer, Issuer
from .rented import USER, Desk
from .test_single_flight import MovableClock

ELSEWHERE = "elsewhere:pid:[1]|7|1.00"
"""A holder on another machine: nobody here knows whether it lives."""


def test_a_token_is_refreshed_before_its_end_and_no_earlier(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    clock.advance(minutes=44)
    assert not desk.round()
    clock.advance(minutes=6)
    assert desk.round() == {"refreshed": 1}
    row = desk.row(connection)
    assert (desk.credential(connection)["access_token"], issuer.refreshes) == ("access-1", 1)
    assert (row.refreshed_at, row.token_expires_at) == (clock(), clock() + timedelta(hours=1))
    assert not desk.round()


def test_many_that_end_together_are_not_refreshed_together(desk: Desk, issuer: Issuer, clock: MovableClock) -> None:
    issuer.answers.extend([Answer(503, {})] * 40)
    for _ in range(40):
        desk.connect("access-0", "refresh-0")
    clock.advance(minutes=47, seconds=30)
    assert 5 < sum(desk.round().values()) < 35


def test_a_paused_connection_is_left_alone(desk: Desk, connection: int, issuer: Issuer, clock: MovableClock) -> None:
    desk.set(connection, state=ConnectionState.PAUSED)
    clock.advance(minutes=59)
    assert not desk.round()
    assert issuer.requests == 0


def test_a_refused_token_is_refreshed_and_the_call_made_once_more(
    desk: Desk, connection: int, issuer: Issuer, memory: MemoryProvider
) -> None:
    issuer.expire()
    assert desk.probe(connection) == "memory"
    assert (issuer.refreshes, memory.calls["probe"]) == (1, 1)


def test_a_token_that_another_process_refreshed_is_adopted(
    open_a_desk: OpenDesk, connection: int, desk: Desk, issuer: Issuer
) -> None:
    other = open_a_desk()
    other.probe(connection)
    issuer.expire()
    desk.probe(connection)
    other.probe(connection)
    assert issuer.refreshes == 1


def test_a_fresh_token_that_is_refused_too_is_no_reason_to_refresh_again(
    desk: Desk, connection: int, issuer: Issuer
) -> None:
    issuer.on_use = lambda token: issuer.expire()
    with pytest.raises(RetryError) as caught:
        desk.probe(connection)
    assert caught.value.code == "fresh_token_refused"
    assert "clock" in caught.value.remedy
    assert issuer.refreshes == 1
    assert desk.row(connection).state == ConnectionState.ACTIVE


def test_the_rotated_refresh_token_is_stored_before_the_new_token_is_used(
    desk: Desk, connection: int, issuer: Issuer
) -> None:
    stored: list[tuple[str, str]] = []
    issuer.on_use = lambda token: stored.append((token, desk.credential(connection)["refresh_token"]))
    issuer.expire()
    desk.probe(connection)
    assert stored[-1] == ("access-1", "refresh-1")


def test_an_answer_without_refresh_token_keeps_the_old_one_and_the_rest(
    desk: Desk, issuer: Issuer, clock: MovableClock
) -> None:
    connection = desk.connect("access-0", "refresh-0", more={"api_domain": "https://eu.example.com"})
    issuer.omitted.add("refresh_token")
    clock.advance(hours=1)
    assert desk.access(connection) == "access-1"
    kept = desk.credential(connection)
    assert (kept["refresh_token"], kept["api_domain"]) == ("refresh-0", "https://eu.example.com")
    assert "expires_in" not in kept


def test_who_asks_for_a_token_gets_one_that_lives_long_enough_and_no_refresh_token(
    desk: Desk, connection: int, clock: MovableClock
) -> None:
    clock.advance(minutes=50)
    assert desk.access(connection) == "access-0"
    given = desk.tokens.fresh_credential(connection, timedelta(minutes=20))
    assert given["access_token"] == "access-1"
    assert "refresh_token" not in given


def test_a_refresh_held_elsewhere_for_too_long_is_not_called_revoked(
    open_a_desk: OpenDesk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    waited = [0.0]
    desk = open_a_desk(monotonic=lambda: waited[0], pause=lambda s: waited.__setitem__(0, waited[0] + s))
    clock.advance(hours=1)
    desk.set(connection, refresh_owner=ELSEWHERE, refresh_until=clock() + timedelta(minutes=2))
    held = desk.failure(connection)
    assert isinstance(held, RetryError)
    assert held.code == "refresh_lock_timeout"
    assert waited[0] == pytest.approx(45, abs=1)
    assert (issuer.requests, desk.row(connection).state) == (0, "active")
    clock.advance(minutes=3)
    assert desk.access(connection) == "access-1"


def test_the_job_leaves_a_refresh_that_is_held_elsewhere(
    open_a_desk: OpenDesk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    def refuse(seconds: float) -> None:
        raise AssertionError("it waited")

    desk = open_a_desk(pause=refuse)
    clock.advance(minutes=55)
    desk.set(connection, refresh_owner=ELSEWHERE, refresh_until=clock() + timedelta(minutes=2))
    assert desk.round() == {"refresh_lock_timeout": 1}
    assert issuer.requests == 0


def while_refreshing(desk: Desk, connection: int, issuer: Issuer, act: Any) -> str:
    """Do something between the question and the answer; the token the refresh gives."""
    issuer.gate.clear()
    with ThreadPoolExecutor(1) as executor:
        given = executor.submit(desk.access, connection)
        assert issuer.asked.wait(30)
        try:
            act()
        finally:
            issuer.gate.set()
        return given.result(30)


def test_a_credential_given_during_a_refresh_wins(
    desk: Desk, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    clock.advance(hours=1)

    def reconnect() -> None:
        row = desk.row(connection)
        new = {"access_token": "given", "refresh_token": "given", "expiry_date": to_ms(clock() + timedelta(hours=1))}
        binding = tokens.TokenRow.binding.fget(row)  # type: ignore[attr-defined]
        desk.set(connection, envelope=desk.vault.seal_credential(new, binding))
        with desk.database.write() as session:
            tokens.replaced(session, connection, clock() + timedelta(hours=1), clock())

    assert while_refreshing(desk, connection, issuer, reconnect) == "given"
    assert desk.credential(connection)["refresh_token"] == "given"


def test_a_refresh_during_key_rotation_keeps_the_rotated_refresh_token(
    open_a_desk: OpenDesk, desk: Desk, ring: KeyRing, connection: int, issuer: Issuer, clock: MovableClock
) -> None:
    newer = KeyRing((generate_key("new"), *ring.keys), "new")
    rotating = open_a_desk(ring=newer)
    clock.advance(hours=1)
    assert (
        while_refreshing(rotating, connection, issuer, lambda: rotate(StoredEnvelopes(rotating.database), newer))
        == "access-1"
    )
    assert rotating.credential(connection)["refresh_token"] == "refresh-1"


def test_a_token_of_the_platforms_is_asked_of_the_platform(
    open_a_desk: OpenDesk, issuer: Issuer, clock: MovableClock
) -> None:
    asked: list[tuple[int, str, Any]] = []

    def ask(user_id: int, app: str, old: Mapping[str, Any]) -> dict[str, Any]:
        asked.append((user_id, app, old["access_token"]))
        return {"access_token": "theirs"}

    desk = open_a_desk(ask=ask)
    connection = desk.connect("old", "", owner=tokens.PLATFORM)
    clock.advance(minutes=57)
    assert desk.round() == {"refreshed": 1}
    assert asked == [(USER, "rented", "old")]
    assert issuer.requests == 0
    assert desk.row(connection).token_expires_at == clock() + timedelta(minutes=10), "it did not say: a short life"
    assert not desk.round(), "a token that lives shorter than the lead is not refreshed all the time"


def test_a_platform_that_mended_the_grant_is_noticed(open_a_desk: OpenDesk, clock: MovableClock) -> None:
    mended: list[bool] = []

    def ask(user_id: int, app: str, old: Mapping[str, Any]) -> dict[str, Any]:
        if not mended:
            raise ReconnectError("The platform says that the consent is revoked.")
        return {"access_token": "theirs", "expires_in": 3600}

    desk = open_a_desk(ask=ask)
    connection = desk.connect("old", "", owner=tokens.PLATFORM)
    clock.advance(minutes=57)
    assert desk.round() == {"grant_revoked": 1}
    assert desk.row(connection).state == ConnectionState.INVALID
    mended.append(True)
    clock.advance(hours=1)
    assert desk.round() == {"refreshed": 1}
    assert desk.row(connection).state == ConnectionState.ACTIVE


def test_a_platform_without_endpoint_is_named(desk: Desk, clock: MovableClock) -> None:
    connection = desk.connect("old", "", owner=tokens.PLATFORM)
    clock.advance(hours=1)
    assert desk.failure(connection).code == "platform_unset"


def test_a_holder_that_died_is_known_by_its_process(desk: Desk, connection: int, clock: MovableClock) -> None:
    here = this_owner().partition("|")[0]
    clock.advance(hours=1)
    until = datetime.max.replace(tzinfo=clock().tzinfo)
    desk.set(connection, refresh_owner=f"{here}|999999|1.00", refresh_until=until)
    assert desk.access(connection) == "access-1"
