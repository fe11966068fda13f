"""Answering Cal.com: a fresh access token, nothing else of the credential, and never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from syncd.errors import InputError, KeyMissingError, ParkError, ReconnectError, RetryError, SyncdError, WaitUntilError
from syncd.settings import Http

from .conftest import CALDAV, GOOGLE, LOGIN, World

ENDS_MS = 1767400000000
STORED = {"access_token": "ya29", "refresh_token": "canary-refresh", "expiry_date": ENDS_MS, "scope": "calendar"}


class Failing:
    """Refreshing that fails."""

    def __init__(self, error: SyncdError) -> None:
        self.error = error

    def __call__(self, connection_id: int) -> Mapping[str, Any]:
        raise self.error


@pytest.fixture
def connection(world: World) -> int:
    ends = world.runtime.clock() + timedelta(hours=12)
    return world.add_connection(GOOGLE, {**STORED, "token_type": "Bearer"}, token_expires_at=ends)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("user_id", ["7", 7])
def test_calcom_gets_an_access_token_and_its_end_in_milliseconds(
    world: World, connection: int, as_json: bool, user_id: object
) -> None:
    answer = world.caller().token(as_json=as_json, calcomUserId=user_id)
    told = {"access_token": "ya29", "expiry_date": ENDS_MS, "token_type": "Bearer", "scope": "calendar"}
    assert (answer.status_code, answer.json()) == (200, told)
    assert answer.headers["cache-control"] == "no-store"
    assert world.events() == [("credential_read", "done", "connection 1", GOOGLE)]


def test_a_refresh_token_is_never_given_whatever_refreshing_returns(world: World, connection: int) -> None:
    answer = world.caller(fresh=lambda _: {**STORED, "id_token": "canary-id", "password": "canary"}).token()
    assert answer.status_code == 200
    assert "canary" not in answer.text


def test_a_token_whose_end_nobody_knows_is_given_a_short_life(world: World, connection: int) -> None:
    now_ms = int(world.runtime.clock().timestamp() * 1000)
    assert world.caller(fresh=lambda _: {"access_token": "x"}).token().json()["expiry_date"] == now_ms + 600_000


@pytest.mark.parametrize(("secret", "message"), [("", "secret header not set"), ("wrong", "Invalid secret")])
def test_another_secret_gets_nothing(world: World, connection: int, secret: str, message: str) -> None:
    answer = world.caller().token(secret=secret)
    assert (answer.status_code, answer.json()) == (403, {"message": message})


def test_a_secret_cannot_be_tried_for_long(world: World, connection: int) -> None:
    caller = world.caller(http=Http(failures_per_minute=2))
    assert [caller.token(secret="wrong").status_code for _ in range(3)] == [403, 403, 429]


def test_several_connections_are_reported_and_one_is_chosen_by_a_person(world: World, connection: int) -> None:
    other = world.add_connection(GOOGLE, {**STORED, "access_token": "other"}, state="invalid")
    caller = world.caller()
    answer = caller.token()
    assert (answer.status_code, answer.json()["credentialIds"]) == (409, [connection, other])
    assert caller.token(credentialId=connection).json()["access_token"] == "ya29"
    world.runtime.accounts.set_state(other, "paused")  # type: ignore[arg-type]
    assert caller.token().json()["access_token"] == "ya29"


@pytest.mark.parametrize("fields", [{"calcomUserId": "8"}, {"appSlug": "hubspot"}, {"appSlug": CALDAV}])
def test_what_is_not_there_is_not_found(world: World, connection: int, fields: dict[str, Any]) -> None:
    world.add_connection(CALDAV, LOGIN)
    assert world.caller().token(**fields).status_code == 404


@pytest.mark.parametrize("fields", [{"calcomUserId": "x"}, {"appSlug": None}])
def test_a_request_of_another_shape_is_told_its_issues(world: World, fields: dict[str, Any]) -> None:
    answer = world.caller().token(as_json=True, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"][0]["code"] == "invalid_type"


def test_only_a_grant_that_is_gone_is_called_that(world: World, connection: int) -> None:
    revoked = ReconnectError("canary: the grant is gone", code="grant_revoked")
    answer = world.caller(fresh=Failing(revoked)).token()
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (RetryError("The provider is down."), True),
        (ReconnectError("Not usable.", code="credential_shape"), False),
        (ReconnectError("No refresh token.", code="no_refresh_token"), False),
        (ParkError("The client secret is wrong.", code="client_refused"), False),
        (KeyMissingError("No such key."), False),
        (InputError("It was removed."), False),
    ],
)
def test_other_trouble_is_not_an_end_of_the_grant(
    world: World, connection: int, error: SyncdError, retryable: bool
) -> None:
    answer = world.caller(fresh=Failing(error)).token()
    assert (answer.status_code, answer.json()["retryable"]) == (503, retryable)
    assert "invalid_grant" not in answer.text
    assert world.events()[-1][:2] == ("credential_read", "failed")


def test_a_time_named_by_the_provider_is_passed_on(world: World, connection: int) -> None:
    later = world.runtime.clock() + timedelta(seconds=90)
    answer = world.caller(fresh=Failing(WaitUntilError("Slow down.", retry_at=later))).token()
    assert answer.headers["retry-after"] == "91"


def test_a_token_that_has_ended_is_not_given(world: World, connection: int) -> None:
    answer = world.caller(fresh=lambda _: {"access_token": "x", "expiry_date": 1767300000000}).token()
    assert answer.status_code == 503


def test_a_form_of_too_many_fields_is_refused(world: World, connection: int) -> None:
    answer = world.caller().token(**dict.fromkeys(map(str, range(20)), "x"))  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert "more than 20 fields" in answer.text
