"""`POST /v2/connections/{app}/start`: where a user consents to be connected, or connected anew."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from syncd.engine.consents import Wanted
from syncd.engine.runtime import Runtime
from syncd.store import directory
from syncd.store.access import Scope

from .access import Caller, require
from .errors import ApiError, Success, success
from .sources import client_address

MAY_CONNECT = require(Scope.APPS_WRITE)
Id = Annotated[int, Field(ge=1, le=2**53 - 1)]
EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"


class Start(BaseModel):
    """What is to be connected. An administrator names the user, or a connection; `email` is for a new user."""

    model_config = ConfigDict(extra="forbid")

    userId: Id | None = None
    email: Annotated[str, Field(max_length=320, pattern=EMAIL)] | None = None
    connectionId: Annotated[Id | None, Field(description="Connect this one anew; it keeps its id.")] = None
    settings: Annotated[dict[str, Any], Field(description="Of the connector, no secrets.")] = {}
    redir: Annotated[str, Field(max_length=2000, description="Where the person goes afterwards.")] = ""


class Started(BaseModel):
    """Where the person consents, and until when."""

    authUrl: str
    expiresAt: datetime


def connections(runtime: Runtime) -> APIRouter:
    """The routes about connections."""
    router = APIRouter(prefix="/v2/connections", tags=["Connections"])

    @router.post("/{app}/start", summary="Begin to connect a user by consent")
    def start(
        app: str, request: Request, caller: Annotated[Caller, Depends(MAY_CONNECT)], wanted: Start | None = None
    ) -> Success[Started]:
        source = client_address(request, runtime.settings.http.trusted_proxies)
        begun = runtime.consents.begin(
            _wanted(runtime, caller, app, wanted or Start()), actor=caller.actor, source=source
        )
        return Success[Started].model_validate(success(Started(authUrl=begun.url, expiresAt=begun.expires_at)))

    return router


def _wanted(runtime: Runtime, caller: Caller, app: str, start: Start) -> Wanted:
    user_id = start.userId or caller.user_id
    if user_id is None and start.connectionId is not None:
        with runtime.database.read() as session:
            user_id = directory.get_connection(session, start.connectionId).user_id
    if user_id is None:
        raise ApiError(400, "An administrator's key names whom to connect: userId, or connectionId.")
    caller.check_owner(user_id, "User")
    return Wanted(
        user_id=user_id,
        app=app,
        email=start.email or "",
        connection_id=start.connectionId,
        settings=start.settings,
        redirect=start.redir,
    )
