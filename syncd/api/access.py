"""Who calls: API keys as `Authorization: Bearer cal_...`, what they may do, and whose things they may see.

Set the gate up once with `admit(app, gate)`; routes then ask for a caller:

    caller = await authenticate(request)                                    # a Starlette route
    async def calendars(caller: Annotated[Caller, Depends(require(Scope.APPS_READ))]): ...        # a FastAPI route

and each object is checked with `caller.check_owner(row.user_id, "Calendar")`: another user's object is not there, for
reading as for writing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from syncd.engine.audit import Action, Audit, AuditResult
from syncd.errors import StoreError
from syncd.model.clock import Clock
from syncd.settings import Http
from syncd.store import access
from syncd.store.access import Scope
from syncd.store.database import Database
from syncd.store.tables import ApiKey

from .errors import ApiError
from .sources import SourceLimit, client_address

CHALLENGE = {"www-authenticate": "Bearer"}
MAX_KEY_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls. An administrator's key has no user and sees every user's things; scopes bind it too."""

    key_id: int
    user_id: int | None
    scopes: frozenset[str]

    @property
    def admin(self) -> bool:
        """Whether the key is an administrator's."""
        return self.user_id is None

    @property
    def actor(self) -> str:
        """The caller in the audit log."""
        return f"api-key:{self.key_id}"

    def owns(self, user_id: int | None) -> bool:
        """Whether a thing of `user_id` is the caller's to see."""
        return self.admin or (user_id is not None and user_id == self.user_id)

    def check_scope(self, scope: Scope) -> None:
        """Accept a caller with `scope`.

        Raises:
            ApiError: 403.
        """
        if scope not in self.scopes:
            raise ApiError(403, f"This API key lacks the scope {scope}.")

    def check_owner(self, user_id: int | None, what: str) -> None:
        """Accept the owner of an object; `what` names it in the answer.

        Raises:
            ApiError: 404, as for an object that is not there.
        """
        if not self.owns(user_id):
            raise ApiError(404, f"{what} not found")


class Gate:
    """Tells callers by their keys. Failures are limited per source and audited."""

    def __init__(self, database: Database, audit: Audit, http: Http, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._trusted = http.trusted_proxies
        self._failures = SourceLimit(http.failures_per_minute)
        self._clock = clock
        self._log = structlog.get_logger("syncd.access")

    async def authenticate(self, request: Request) -> Caller:
        """The caller.

        Raises:
            ApiError: 401, no key or one that is not valid; 429, too many wrong ones from this source.
            StoreError: the store cannot be asked.
        """
        source = client_address(request, self._trusted)
        wait = self._failures.spent(source)
        if wait:
            raise ApiError(
                429, "Too many requests with a wrong API key.", headers={"retry-after": str(max(1, ceil(wait)))}
            )
        key = _bearer(request)
        if key is None:
            raise ApiError(401, "An API key is needed: Authorization: Bearer cal_...", headers=CHALLENGE)
        row = await run_in_threadpool(self._look_up, key)
        if row is None or row.revoked_at is not None:
            self._failures.take(source)
            await run_in_threadpool(self._note_failure, source, row)
            raise ApiError(401, "The API key is not valid.", headers=CHALLENGE)
        assert row.id is not None
        return Caller(key_id=row.id, user_id=row.user_id, scopes=frozenset(row.scopes.split()))

    def _look_up(self, key: str) -> ApiKey | None:
        if len(key) > MAX_KEY_CHARACTERS or not key.startswith(access.KEY_PREFIX):
            return None
        with self._database.read() as session:
            row = access.find_key(session, key)
        if row is not None and row.revoked_at is None and access.use_is_old(row, self._clock()):
            self._note_use(row)
        return row

    def _note_use(self, row: ApiKey) -> None:
        assert row.id is not None
        try:
            with self._database.write() as session:
                access.note_use(session, row.id, self._clock())
        except StoreError as error:  # whoever may read is not kept out because nothing can be written
            self._log.warning("the use of an API key could not be noted", key=row.id, error=str(error))

    def _note_failure(self, source: str, row: ApiKey | None) -> None:
        try:
            self._audit.record(
                action=Action.LOGIN_FAILED,
                result=AuditResult.REFUSED,
                source=source,
                target=f"api-key {row.id}" if row else "",
                detail="revoked API key" if row else "unknown API key",
            )
        except StoreError as error:
            self._log.error("a refused API key could not be audited", error=str(error))


def admit(app: Starlette, gate: Gate) -> None:
    """Let the routes of `app` (Starlette or FastAPI) ask `gate` who calls."""
    app.state.gate = gate


async def authenticate(request: Request) -> Caller:
    """The caller, whatever its scopes. As `Gate.authenticate`."""
    gate: Gate = request.app.state.gate
    return await gate.authenticate(request)


def require(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency, or a function of a request: the caller, who has `scope`."""

    async def caller_with_scope(request: Request) -> Caller:
        caller = await authenticate(request)
        caller.check_scope(scope)
        return caller

    return caller_with_scope


def _bearer(request: Request) -> str | None:
    """What follows `Bearer`; None without such a header."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
