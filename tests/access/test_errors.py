"""The envelopes of the documented API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from given import NOON, SettableClock
from pydantic import BaseModel

from syncd.api.errors import FAILURES, ApiError, Failure, Success, answer_errors
from syncd.errors import (
    ConfigError,
    ConflictError,
    InputError,
    KeyMissingError,
    NotFoundError,
    ParkError,
    ReconnectError,
    RetryError,
    StoreError,
    SyncdError,
    WaitUntilError,
)

from .exchange import ask

CANARY = "canary-5f1d"

STATUSES = {
    InputError("bad"): (400, "BAD_REQUEST"),
    InputError("gone", code="not_found"): (404, "NOT_FOUND"),
    InputError("twice", code="already_connected"): (409, "CONFLICT"),
    NotFoundError("gone"): (404, "NOT_FOUND"),
    ConflictError("changed"): (409, "CONFLICT"),
    ReconnectError("refused"): (400, "BAD_REQUEST"),
    ParkError("no"): (400, "BAD_REQUEST"),
    RetryError("down"): (502, "BAD_GATEWAY"),
    WaitUntilError("later", retry_at=NOON + timedelta(seconds=30)): (503, "SERVICE_UNAVAILABLE"),
    StoreError(CANARY): (503, "SERVICE_UNAVAILABLE"),
    ConfigError(CANARY): (500, "INTERNAL_SERVER_ERROR"),
    KeyMissingError(CANARY): (500, "INTERNAL_SERVER_ERROR"),
    SyncdError(CANARY): (500, "INTERNAL_SERVER_ERROR"),
    ApiError(403, "no"): (403, "FORBIDDEN"),
    RuntimeError(CANARY): (500, "INTERNAL_SERVER_ERROR"),
}


class Body(BaseModel):
    """A body to check."""

    password: int


@pytest.fixture
def app() -> FastAPI:
    """An application that raises what it is asked to."""
    made = FastAPI()
    answer_errors(made, SettableClock())
    kinds = list(STATUSES)

    @made.get("/raise/{number}", responses=FAILURES)
    async def raise_(number: int) -> Success[int]:
        raise kinds[number]

    @made.post("/body")
    async def take(body: Body) -> Success[int]:
        return Success(data=body.password)

    return made


@pytest.mark.parametrize("number", range(len(STATUSES)), ids=[repr(e) for e in STATUSES])
def test_every_error_has_its_status_in_the_documented_envelope(app: FastAPI, number: int) -> None:
    status, code = list(STATUSES.values())[number]
    answer = ask(app, f"/raise/{number}")
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.document["status"] == "error"
    assert answer.document["timestamp"] == "2026-01-02T12:00:00.000Z"
    assert answer.document["path"] == f"/raise/{number}"
    Failure.model_validate(answer.document)


@pytest.mark.parametrize("number", range(len(STATUSES)), ids=[repr(e) for e in STATUSES])
def test_what_went_wrong_inside_is_not_told(app: FastAPI, number: int) -> None:
    assert CANARY not in ask(app, f"/raise/{number}").body.decode()


def test_a_limit_of_the_provider_says_when_to_come_back(app: FastAPI) -> None:
    number = next(i for i, error in enumerate(STATUSES) if isinstance(error, WaitUntilError))
    assert ask(app, f"/raise/{number}").headers["retry-after"] == "30"


def test_the_stable_code_and_the_remedy_are_in_the_details(app: FastAPI) -> None:
    number = next(i for i, error in enumerate(STATUSES) if isinstance(error, ReconnectError))
    details = ask(app, f"/raise/{number}").error["details"]
    assert details == {"code": "credential_refused", "remedy": ReconnectError.remedy}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"password": "canary-5f1d"}', b'{"password": {"canary-5f1d": 1}}']
)
def test_invalid_input_is_a_bad_request_that_names_the_field_and_not_its_value(app: FastAPI, body: bytes) -> None:
    answer = ask(app, "/body", method="POST", body=body, headers={"content-type": "application/json"})
    assert (answer.status, answer.error["code"]) == (400, "BAD_REQUEST")
    assert answer.error["message"]
    assert answer.error["details"][0]["path"][0] == "body"
    assert CANARY not in answer.body.decode()


def test_a_body_that_is_no_text_is_a_bad_request(app: FastAPI) -> None:
    answer = ask(app, "/body", method="POST", body=b"\xff", headers={"content-type": "application/json"})
    assert (answer.status, answer.error["code"]) == (400, "BAD_REQUEST")


def test_a_path_parameter_of_the_wrong_type_is_a_bad_request(app: FastAPI) -> None:
    answer = ask(app, "/raise/x")
    assert answer.status == 400
    assert answer.error["message"].startswith("number: ")


def test_an_unknown_path_or_method_is_told_in_the_envelope(app: FastAPI) -> None:
    assert ask(app, "/nowhere").error == {"code": "NOT_FOUND", "message": "Not Found", "details": None}
    answer = ask(app, "/body")
    assert (answer.status, answer.error["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


def test_the_path_is_told_without_its_query(app: FastAPI) -> None:
    assert CANARY not in ask(app, f"/nowhere?token={CANARY}").body.decode()
