"""Two users, keys of theirs, and an application that asks who calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from cli.command_line import CommandLine, configured
from fastapi import Depends, FastAPI
from starlette.requests import Request

from syncd.api.access import Caller, Gate, admit, authenticate, require
from syncd.api.errors import Success, answer_errors, success
from syncd.engine.audit import Audit
from syncd.model.clock import Clock
from syncd.settings import Http
from syncd.store import access, directory
from syncd.store.access import Scope
from syncd.store.database import Database

ADA, BEN = 1, 2
THINGS = {10: ADA, 20: BEN}
"""Things by id, with whom they belong to."""

MakeKey = Callable[..., str]


@pytest.fixture
def syncd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("SYNCD_DATABASE_URL", raising=False)
    return CommandLine(configured(tmp_path), capsys, monkeypatch)


@pytest.fixture
def make_key(database: Database, clock: Clock) -> MakeKey:
    """Makes a key of a user (None: an administrator's)."""
    with database.write() as session:
        directory.add_user(session, ADA, "ada@example.com", clock())
        directory.add_user(session, BEN, "ben@example.com", clock())

    def make(user_id: int | None = ADA, *scopes: Scope) -> str:
        with database.write() as session:
            _, key = access.create_key(session, "test", scopes or (Scope.APPS_READ,), clock(), user_id=user_id)
        return key

    return make


@pytest.fixture
def audit(database: Database, clock: Clock) -> Audit:
    return Audit(database, clock)


@pytest.fixture
def http() -> Http:
    return Http(failures_per_minute=3)


@pytest.fixture
def app(database: Database, audit: Audit, http: Http, clock: Clock) -> FastAPI:
    """An application with things that have owners."""
    made = FastAPI()
    admit(made, Gate(database, audit, http, clock))
    answer_errors(made, clock)

    async def who(request: Request) -> Any:
        caller = await authenticate(request)
        return success({"user": caller.user_id, "admin": caller.admin})

    made.add_api_route("/who", who, methods=["GET"])

    @made.get("/things/{thing}")
    @made.delete("/things/{thing}")
    async def thing(thing: int, caller: Annotated[Caller, Depends(require(Scope.APPS_READ))]) -> Success[int]:
        caller.check_owner(THINGS.get(thing), "Thing")
        return Success(data=thing)

    return made
