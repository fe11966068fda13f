"""`POST /v2/connections/{app}/start`: where a user consents to be connected, or connected anew. `GET
/v2/connections/{id}/sync-errors`: what a CRM refused.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from syncd.engine.consents import Wanted
from syncd.engine.runtime import Runtime
from syncd.store import directory, sync_errors
from syncd.store.access import Scope
from syncd.store.tables import StoredSyncError

from .access import Caller, require
from .errors import ApiError, Success, success
from .sources import client_address

MAY_CONNECT, MAY_READ = require(Scope.APPS_WRITE), require(Scope.APPS_READ)
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


class SyncErrorOut(BaseModel):
    """What went wrong with the syncs of an event type in a CRM, until a later one goes well."""

    eventTypeId: int | None
    moment: str
    code: str
    message: str
    droppedFields: list[str]
    count: int
    openedAt: datetime
    lastSeenAt: datetime


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

    @router.get("/{connection_id}/sync-errors", summary="What a CRM refused, and which fields were left out")
    def list_sync_errors(
        connection_id: Id, caller: Annotated[Caller, Depends(MAY_READ)]
    ) -> Success[list[SyncErrorOut]]:
        with runtime.database.read() as session:
            caller.check_owner(directory.get_connection(session, connection_id).user_id, "Connection")
            found = [_sync_error(row) for row in sync_errors.listed(session, connection_id=connection_id)]
        return Success[list[SyncErrorOut]].model_validate(success(found))

    return router


def _sync_error(row: StoredSyncError) -> SyncErrorOut:
    return SyncErrorOut(
        eventTypeId=row.event_type_id or None,
        moment=row.moment,
        code=row.code,
        message=row.message,
        droppedFields=json.loads(row.dropped),
        count=row.seen,
        openedAt=row.opened_at,
        lastSeenAt=row.at,
    )


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
