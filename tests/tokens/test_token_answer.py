"""What a token endpoint's answer means, by provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.connector.oauth import SERVER_DATE
from syncd.errors import ParkError, ProviderError, ReconnectError, RetryError, UnclearError, WaitUntilError
from syncd.provider.oauth import token_answer

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CASES: list[tuple[int, Any, type[ProviderError], str]] = [
    (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
        ReconnectError,
        "grant_revoked",
    ),
    (400, {"error": "invalid_grant", "error_codes": [700082]}, ReconnectError, "grant_revoked"),
    (400, {"error": "interaction_required"}, ReconnectError, "grant_revoked"),
    (200, {"error": "invalid_code"}, ReconnectError, "grant_revoked"),
    (
        400,
        {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
        ReconnectError,
        "grant_revoked",
    ),
    (401, {"error": "invalid_client"}, ParkError, "client_refused"),
    (200, {"error": "invalid_client_secret"}, ParkError, "client_refused"),
    (400, {"error": "invalid_client_id"}, ParkError, "client_refused"),
    (400, {"error": "Access Denied"}, WaitUntilError, "throttled"),
    (429, {}, WaitUntilError, "throttled"),
    (400, {"error": "invalid_request"}, ParkError, "refresh_refused"),
    (400, {"error": "temporarily_unavailable"}, RetryError, "unavailable"),
    (503, b"down", RetryError, "unavailable"),
    (502, b"<html>", UnclearError, "unclear"),
    (200, b"<html>", UnclearError, "refresh_answer_unusable"),
    (200, [], UnclearError, "refresh_answer_unusable"),
    (200, {"error": "something new"}, UnclearError, "refresh_answer_unusable"),
]


def answer(status: int, body: Any, **headers: str) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return token_answer(status, headers, content, NOON, "app")


@pytest.mark.parametrize(("status", "body", "kind", "code"), CASES)
def test_a_refusal_says_whose_it_is(status: int, body: Any, kind: type[ProviderError], code: str) -> None:
    with pytest.raises(ProviderError) as caught:
        answer(status, body)
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_no_description_is_shown() -> None:
    with pytest.raises(ProviderError) as caught:
        answer(400, {"error": "invalid_grant", "error_description": "canary-token"})
    assert "canary" not in f"{caught.value!r} {caught.value.remedy}"


def test_a_limit_is_kept_until_the_time_it_names() -> None:
    with pytest.raises(WaitUntilError) as caught:
        answer(400, {"error": "slow_down"}, **{"Retry-After": "90"})
    assert caught.value.retry_at == NOON + timedelta(seconds=90)


def test_an_answer_comes_with_the_servers_date() -> None:
    assert answer(200, {"access_token": "a", "status": "ok"}, Date="now") == {
        "access_token": "a",
        "status": "ok",
        SERVER_DATE: "now",
    }
