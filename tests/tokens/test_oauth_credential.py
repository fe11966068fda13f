"""A credential's end, however it is told, and what an answer makes of a credential."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd.connector.oauth import PLACEHOLDER, SERVER_DATE, OAuthCredential, expires_at, renewed, settled, to_ms
from syncd.errors import UnclearError

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD = {"access_token": "old", "refresh_token": "keep", "expiry_date": 1, "scope": "a", "extra": "kept"}


@pytest.mark.parametrize(
    "told",
    [
        {"expires_in": 3600},
        {"expires_in": "3600"},
        {"expires_in": int((NOON + HOUR).timestamp())},
        {"expiry_date": to_ms(NOON + HOUR)},
        {"expiry_date": str(to_ms(NOON + HOUR))},
        {"expiry_date": int((NOON + HOUR).timestamp())},
        {"expires_in": 3600, "expiry_date": 5},
    ],
)
def test_an_end_is_the_same_however_it_is_told(told: dict[str, Any]) -> None:
    fresh = renewed(OLD, {"access_token": "new", **told}, NOON)
    assert fresh.expires_at == NOON + HOUR
    assert fresh.credential["expiry_date"] == to_ms(NOON + HOUR)
    assert "expires_in" not in fresh.credential
    assert OAuthCredential.model_validate(fresh.credential).expires_at == NOON + HOUR


def test_an_end_that_nobody_told_is_unknown_or_soon_and_never_the_old_one() -> None:
    assert renewed(OLD, {"access_token": "new"}, NOON).expires_at is None
    assert "expiry_date" not in renewed(OLD, {"access_token": "new"}, NOON).credential
    assert renewed(OLD, {"access_token": "new"}, NOON, default_life=HOUR).expires_at == NOON + HOUR


@pytest.mark.parametrize("hours", [-3, 3])
def test_an_end_by_a_clock_that_is_off_is_corrected(hours: int) -> None:
    theirs = NOON + timedelta(hours=hours)
    told = {
        "access_token": "new",
        "expiry_date": to_ms(theirs + HOUR),
        SERVER_DATE: format_datetime(theirs, usegmt=True),
    }
    fresh = renewed(OLD, told, NOON)
    assert (fresh.expires_at, fresh.skew) == (NOON + HOUR, timedelta(hours=hours))
    assert SERVER_DATE not in fresh.credential


@pytest.mark.parametrize("told", [{}, {"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": PLACEHOLDER}])
def test_an_answer_without_refresh_token_keeps_the_old_one(told: dict[str, Any]) -> None:
    fresh = renewed(OLD, {"access_token": "new", "scope": None, **told}, NOON).credential
    assert fresh == {"access_token": "new", "refresh_token": "keep", "scope": "a", "extra": "kept"}


def test_a_rotated_refresh_token_replaces_the_old_one() -> None:
    assert renewed(OLD, {"access_token": "new", "refresh_token": "next"}, NOON).credential["refresh_token"] == "next"


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": None}, {"access_token": 5}])
def test_an_answer_without_access_token_is_a_lost_one(answer: dict[str, Any]) -> None:
    with pytest.raises(UnclearError):
        renewed(OLD, answer, NOON)


def test_a_credential_that_comes_in_is_stored_with_an_absolute_end() -> None:
    stored = settled({"access_token": "a", "expires_in": 3600}, NOON)
    assert stored == {"access_token": "a", "expiry_date": to_ms(NOON + HOUR)}
    assert expires_at(stored) == NOON + HOUR


def test_a_credential_that_is_not_oauth_stays_as_it_is() -> None:
    password = {"username": "u", "password": "p", "expires_in": 3}
    assert settled(password, NOON) == password


def test_an_access_token_must_be_there_and_the_rest_may_be_null() -> None:
    OAuthCredential.model_validate({"access_token": "a", "refresh_token": None, "scope": None, "more": 1})
    with pytest.raises(ValidationError):
        OAuthCredential.model_validate({"access_token": "  "})


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers())


@given(expires_in=ANYTHING, expiry_date=ANYTHING, date=ANYTHING)
def test_whatever_an_answer_says_of_its_end_it_can_be_stored(expires_in: Any, expiry_date: Any, date: Any) -> None:
    answer = {"access_token": "new", "expires_in": expires_in, "expiry_date": expiry_date, SERVER_DATE: date}
    fresh = renewed(OLD, answer, NOON)
    assert fresh.credential["refresh_token"] == "keep"
    assert OAuthCredential.model_validate(fresh.credential).access_token == "new"
