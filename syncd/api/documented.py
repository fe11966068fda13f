"""The documented API: FastAPI, OpenAPI at /openapi.json and /docs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from syncd import __version__
from syncd.engine.overview import overview
from syncd.engine.runtime import Runtime
from syncd.store.tables import User

from .access import Caller, Gate, admit, authenticate
from .connections import connections
from .described import describe
from .errors import FAILURES, ApiError, Success, answer_errors, success
from .routing import routing


class Documented(FastAPI):
    """FastAPI, with the plain routes in the document too."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi())
        return self.openapi_schema


class Me(BaseModel):
    """Whose API key asks."""

    id: int | None
    email: str
    admin: bool
    scopes: list[str]


class Standing(BaseModel):
    """How things stand: counts by state."""

    connections: dict[str, dict[str, int]]
    references: dict[str, int]
    deliveries: dict[str, int]
    calendars: dict[str, dict[str, int]]
    unplanned: int


def documented(runtime: Runtime, gate: Gate) -> FastAPI:
    """The application."""
    app = Documented(
        title="syncd",
        version=__version__,
        description="Bookings into calendars and CRMs, busy times back.",
        dependencies=[Depends(HTTPBearer(auto_error=False, description="An API key: cal_..."))],
        responses={**FAILURES, 503: FAILURES[400] | {"description": "Service Unavailable"}},
    )
    admit(app, gate)
    answer_errors(app, runtime.clock)

    @app.get("/v2/me", summary="Whose API key asks", tags=["Me"])
    def me(caller: Annotated[Caller, Depends(authenticate)]) -> Success[Me]:
        with runtime.database.read() as session:
            user = session.get(User, caller.user_id) if caller.user_id is not None else None
        found = Me(
            id=caller.user_id, email=user.email if user else "", admin=caller.admin, scopes=sorted(caller.scopes)
        )
        return Success[Me].model_validate(success(found))

    @app.get("/v2/status", summary="How things stand", tags=["Operation"])
    def status(caller: Annotated[Caller, Depends(authenticate)]) -> Success[Standing]:
        if not caller.admin:
            raise ApiError(403, "An administrator's API key is needed.")
        return Success[Standing].model_validate(success(_standing(runtime)))

    app.include_router(connections(runtime))
    app.include_router(routing(runtime))
    return app


def _standing(runtime: Runtime) -> Standing:
    stale_after = timedelta(minutes=runtime.settings.busy.stale_minutes)
    with runtime.database.read() as session:
        found = overview(session, runtime.clock(), stale_after)
    connections: dict[str, dict[str, int]] = {}
    for (name, state), count in found.connections.items():
        connections.setdefault(name, {})[state] = count
    names = ("fresh", "stale", "failed")
    calendars = {name: dict(zip(names, counts, strict=True)) for name, counts in found.calendars.items()}
    return Standing(
        connections=connections,
        references=found.references,
        deliveries=found.deliveries,
        calendars=calendars,
        unplanned=found.unplanned,
    )
