"""Asking the platform for a fresh token: the request Cal.com sends, and an answer that is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from given import SettableClock

from syncd.errors import ParkError, ProviderError, ReconnectError, RetryError, WaitUntilError
from syncd.source.credential_sync import PlatformAccess
from syncd.source.platform import MAX_ANSWER_BYTES, PlatformClient, PlatformTokens

from .conftest import ACCESS, GOOGLE, HEADER, SECRET, World
from .platform_server import PlatformServer

OLD = {"access_token": "old", "refresh_token": "1//old", "expiry_date": 1, "scope": "calendar"}
NOON_MS = 1767355200000
"""The tests' clock in epoch milliseconds."""

Ask = Callable[[], dict[str, Any]]


@pytest.fixture
def database_kind() -> str:
    """Nothing here is stored but through the tokens' engine, whose own tests run on both databases."""
    return "sqlite"


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def tokens(
    world: World,
    platform: PlatformServer,
    pauses: list[float],
    client_of: Callable[[PlatformAccess], PlatformClient],
) -> PlatformTokens:
    client = client_of(replace(ACCESS, endpoint=f"{platform.url}/token?tenant=canary-tenant"))
    return PlatformTokens(client, 10, world.runtime.clock, pauses.append)


@pytest.fixture
def ask(tokens: PlatformTokens) -> Ask:
    return lambda: tokens.ask(7, GOOGLE, OLD)


def refusal(ask: Ask) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    for secret in (SECRET, "canary"):
        assert secret not in f"{caught.value!r} {caught.value.remedy} {caught.value.__cause__!r}"
    assert caught.value.remedy
    return caught.value


def test_the_request_is_the_form_that_calcom_sends(ask: Ask, platform: PlatformServer) -> None:
    platform.will_answer({"access_token": "new"})
    ask()
    (asked,) = platform.asked
    assert asked.path == "/token?tenant=canary-tenant"
    assert asked.headers[HEADER] == SECRET
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {"calcomUserId": ["7"], "appSlug": [GOOGLE]}


@pytest.mark.parametrize(
    ("told", "ends_ms"),
    [
        ({"expiry_date": NOON_MS + 5_000_000}, NOON_MS + 5_000_000),
        ({"expires_in": 3600}, NOON_MS + 3_600_000),
        ({"expires_in": "3600"}, NOON_MS + 3_600_000),
        ({"expires_in": NOON_MS // 1000 + 60}, NOON_MS + 60_000),
        ({"expiry_date": NOON_MS + 5_000_000, "expires_in": 60}, NOON_MS + 5_000_000),
        ({"expiry_date": (NOON_MS + 5_000_000) // 1000}, NOON_MS + 5_000_000),
        ({}, NOON_MS + 600_000),
        ({"expiry_date": None, "expires_in": None}, NOON_MS + 600_000),
    ],
    ids=["ms", "seconds", "text", "epoch seconds", "both", "ms in seconds", "neither", "null"],
)
def test_the_end_of_the_token_is_known_however_it_is_told(
    ask: Ask, platform: PlatformServer, told: dict[str, Any], ends_ms: int
) -> None:
    platform.will_answer({"access_token": "new", **told})
    fresh = ask()
    assert (fresh["access_token"], fresh["expiry_date"]) == ("new", ends_ms)
    assert "expires_in" not in fresh


@pytest.mark.parametrize(
    "told", [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": "refresh_token"}]
)
def test_an_answer_without_refresh_token_keeps_the_old_one(
    ask: Ask, platform: PlatformServer, told: dict[str, Any]
) -> None:
    platform.will_answer({"access_token": "new", **told})
    assert ask()["refresh_token"] == "1//old"


def test_what_the_answer_holds_beside_the_token_is_kept(ask: Ask, platform: PlatformServer) -> None:
    platform.will_answer({"access_token": "new", "refresh_token": "1//new", "instance_url": "https://a.example"}, 201)
    fresh = ask()
    assert (fresh["refresh_token"], fresh["instance_url"], fresh["scope"]) == (
        "1//new",
        "https://a.example",
        "calendar",
    )


@pytest.mark.parametrize(
    ("status", "headers", "kind", "code"),
    [
        (401, {}, ParkError, "platform_refused"),
        (403, {}, ParkError, "platform_refused"),
        (404, {}, ParkError, "platform_refused"),
        (302, {"Location": "https://other.example/"}, ParkError, "platform_redirects"),
        (500, {}, RetryError, "unclear"),
        (503, {}, RetryError, "unavailable"),
        (429, {"Retry_After": "60"}, WaitUntilError, "throttled"),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    ask: Ask, platform: PlatformServer, status: int, headers: dict[str, str], kind: type[ProviderError], code: str
) -> None:
    platform.will_answer({"message": "canary"}, status, **headers)
    error = refusal(ask)
    assert isinstance(error, kind)
    assert not isinstance(error, ReconnectError)
    assert error.code == code


def test_only_a_revoked_consent_asks_for_a_person(ask: Ask, platform: PlatformServer) -> None:
    platform.will_answer({"error": "invalid_grant"}, 400)
    error = refusal(ask)
    assert isinstance(error, ReconnectError)
    assert error.code == "invalid_grant"


def test_passing_trouble_is_tried_once_more_and_not_oftener(
    ask: Ask, platform: PlatformServer, pauses: list[float]
) -> None:
    platform.will_answer({}, 502)
    platform.will_answer({"access_token": "new"})
    assert ask()["access_token"] == "new"
    platform.will_answer({}, 502)
    platform.answers.popleft()
    refusal(ask)
    assert (len(platform.asked), len(pauses)) == (4, 2)


@pytest.mark.parametrize("status", [401, 404])
def test_what_will_not_pass_is_not_repeated(ask: Ask, platform: PlatformServer, status: int) -> None:
    platform.will_answer({}, status)
    refusal(ask)
    assert len(platform.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>canary</html>",
        [],
        {},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "new", "expiry_date": "canary"},
        {"access_token": "new", "expires_in": True},
        {"access_token": "new", "refresh_token": ["canary"]},
        b"[" * 50_000,
        b" " * (MAX_ANSWER_BYTES + 1),
    ],
    ids=lambda answer: repr(answer)[:30],
)
def test_an_answer_that_is_no_token_is_told_without_showing_it(
    ask: Ask, platform: PlatformServer, answer: object
) -> None:
    platform.will_answer(answer)
    assert isinstance(refusal(ask), RetryError)


def test_a_platform_that_is_not_there_is_passing_trouble(
    world: World, client_of: Callable[[PlatformAccess], PlatformClient]
) -> None:
    client = client_of(replace(ACCESS, endpoint="http://127.0.0.1:9/canary"))
    error = refusal(lambda: PlatformTokens(client, 10, world.runtime.clock, lambda _: None).ask(7, GOOGLE, OLD))
    assert isinstance(error, RetryError)
    assert error.code == "unreachable"


def test_without_an_endpoint_nobody_is_asked(
    world: World, client_of: Callable[[PlatformAccess], PlatformClient]
) -> None:
    client = client_of(ACCESS)
    error = refusal(lambda: PlatformTokens(client, 10, world.runtime.clock).ask(7, GOOGLE, OLD))
    assert isinstance(error, ParkError)


def test_a_connection_of_the_platform_is_refreshed_by_asking_it(
    world: World, clock: SettableClock, tokens: PlatformTokens, platform: PlatformServer
) -> None:
    world.caller(replace(ACCESS, endpoint="set")).post({"access_token": "short", "expires_in": 30})
    platform.will_answer({"access_token": "new", "expires_in": 3600})
    world.runtime.tokens.ask = tokens.ask
    clock.advance(seconds=20)
    assert world.runtime.tokens.fresh_credential(1)["access_token"] == "new"
    assert world.credential(1)["expiry_date"] == NOON_MS + 3_620_000
