"""The documented envelopes (Cal.com, "Migrate from v1 to v2"; facts: calcom-calendars, section 4).

    {"status": "success", "data": ...}
    {"status": "error", "timestamp": ..., "path": ..., "error": {"code": "NOT_FOUND", "message": ..., "details": ...}}

`code` is the status in words. `path` goes without its query, which may hold a secret. What went wrong inside is in the
log, never in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from typing import Any, Generic, Literal, TypeVar

import structlog
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
    ParkError,
    ProviderError,
    ReconnectError,
    RepairError,
    StoreError,
    SyncdError,
    WaitUntilError,
)
from syncd.model.clock import Clock, utc_now

T = TypeVar("T")

INTERNAL = "Internal server error"

STATUS_BY_CODE = {"not_found": 404, "already_connected": 409, "other_account": 409}
"""Errors whose code says more than their class."""

STATUS_BY_CLASS: tuple[tuple[type[SyncdError], int], ...] = (
    (InputError, 400),
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (ReconnectError, 400),  # the credential given, or kept, is refused: the caller can mend it
    (RepairError, 400),
    (ParkError, 400),
    (WaitUntilError, 503),  # the provider's limit, not the caller's: no 429
    (ProviderError, 502),
    (StoreError, 503),
    (SyncdError, 500),
)
"""The first class that fits gives the status."""


class Success(BaseModel, Generic[T]):
    """The answer to a request that did what was asked."""

    status: Literal["success"] = "success"
    data: T


class ErrorBody(BaseModel):
    """What went wrong. `details` says more to a program: each problem of the input, or the stable code and remedy."""

    code: str
    message: str
    details: Any = None


class Failure(BaseModel):
    """The answer to a request that did not."""

    status: Literal["error"] = "error"
    timestamp: datetime
    path: str
    error: ErrorBody


FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": HTTPStatus(status).phrase} for status in (400, 401, 403, 404, 429)
}
"""What every documented route may answer besides success, for `responses=`."""


class ApiError(Exception):
    """A refusal with its status. `message` and `details` are shown to the caller."""

    def __init__(
        self, status: int, message: str, *, details: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers = headers


def success(data: object) -> dict[str, Any]:
    """The success envelope around `data`."""
    return {"status": "success", "data": data}


def failure(request: Request, error: ApiError, now: datetime) -> JSONResponse:
    """The error envelope."""
    body = {
        "status": "error",
        "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "path": request.url.path,
        "error": {"code": HTTPStatus(error.status).name, "message": error.message, "details": error.details},
    }
    return JSONResponse(body, error.status, headers=error.headers)


def as_api_error(error: Exception, now: datetime) -> ApiError:
    """Any exception as a refusal; one that nobody foresaw tells nothing."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, SyncdError):
        return _of_ours(error, now)
    return ApiError(500, INTERNAL)


def _of_ours(error: SyncdError, now: datetime) -> ApiError:
    status = STATUS_BY_CODE.get(error.code) or next(s for kind, s in STATUS_BY_CLASS if isinstance(error, kind))
    if status >= 500 and not isinstance(error, ProviderError):
        return ApiError(status, INTERNAL if status == 500 else "The database cannot be used now.")
    headers = None
    if isinstance(error, WaitUntilError):
        headers = {"retry-after": str(max(1, ceil((error.retry_at - now).total_seconds())))}
    return ApiError(status, str(error), details={"code": error.code, "remedy": error.remedy}, headers=headers)


def answer_errors(app: Starlette, clock: Clock = utc_now) -> None:
    """Make `app` (Starlette or FastAPI) answer every error with the error envelope."""
    from fastapi.exceptions import RequestValidationError  # FastAPI is loaded only where the documented API is

    log = structlog.get_logger("syncd.api")

    async def answer(request: Request, error: Exception) -> Response:
        now = clock()
        told = as_api_error(error, now)
        if told.status >= 500:
            log.error("a request failed", path=request.url.path, error=f"{type(error).__name__}: {error}")
        return failure(request, told, now)

    async def answer_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = [{"path": list(p["loc"]), "message": p["msg"], "code": p["type"]} for p in error.errors()]
        message = "; ".join(f"{'.'.join(map(str, p['path'][1:] or p['path']))}: {p['message']}" for p in problems[:5])
        return failure(request, ApiError(400, message, details=problems), clock())

    for kind in (ApiError, SyncdError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(RequestValidationError, answer_invalid)
