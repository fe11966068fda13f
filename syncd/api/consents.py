"""`GET /api/connections/callback`: the browser comes back from a provider's consent page.

Whoever calls has no API key; the signed `state` says which consent it is. A person sees a page or is sent on to the
address named at the start; a program that accepts JSON and no HTML gets JSON.

    200, 302    connected
    400 to 409  nothing was stored: denied, not all that is needed allowed, a state that is used, ended or made up,
                another account, an account connected before
    429         too many requests, or made-up states, from one source
    502, 503    nothing was stored: the provider or the store is not available
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from syncd.engine.audit import Action, Audit, AuditResult
from syncd.engine.consents import CALLBACK_PATH, ConsentFailedError, Consents, Finished
from syncd.errors import InputError, StoreError, SyncdError
from syncd.model.clock import Clock
from syncd.settings import Http

from .errors import ApiError, as_api_error, failure, success
from .page import HEADERS, page
from .sources import SourceLimit, client_address

THREADS, THREAD_NAMES = 4, "syncd-consent"
MAX_QUERY_CHARACTERS = 8_000
NO_STORE = {name: HEADERS[name] for name in ("cache-control", "referrer-policy")}


class ConsentCallback:
    """The route, and threads of its own: a provider that hangs holds up nothing else."""

    def __init__(self, consents: Consents, audit: Audit, http: Http, clock: Clock) -> None:
        self._consents = consents
        self._audit = audit
        self._http = http
        self._clock = clock
        self._requests = SourceLimit(http.requests_per_minute)
        self._failures = SourceLimit(http.failures_per_minute)
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix=THREAD_NAMES)
        self._log = structlog.get_logger("syncd.connections")

    def routes(self) -> list[Route]:
        """The route, for the application."""
        return [Route(CALLBACK_PATH, self._take, methods=["GET"])]

    def close(self) -> None:
        """Begin nothing more, and wait for nobody."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _take(self, request: Request) -> Response:
        if request.method != "GET":  # a HEAD looks, and must not use the consent up
            return Response(None, 405, {"allow": "GET"})
        source = client_address(request, self._http.trusted_proxies)
        wait = self._requests.take(source) or self._failures.spent(source)
        if wait:
            headers = {"retry-after": str(int(wait) + 1)}
            return self._refused(request, ApiError(429, "Too many requests.", headers=headers))
        if len(request.url.query) > MAX_QUERY_CHARACTERS:
            return self._refused(request, ApiError(400, "The address is too long."))
        finish = partial(self._consents.finish, dict(request.query_params), source=source)
        try:
            finished = await asyncio.get_running_loop().run_in_executor(self._executor, finish)
        except Exception as error:
            return await self._failed(request, error, source)
        return _connected(request, finished)

    async def _failed(self, request: Request, error: Exception, source: str) -> Response:
        now = self._clock()
        if isinstance(error, ConsentFailedError):
            cause = error.cause
            self._log.warning("a consent led to no connection", code=cause.code, error=str(cause))
            return self._refused(request, as_api_error(cause, now), back=error.redirect)
        if not isinstance(error, InputError):
            told = str(error) if isinstance(error, SyncdError) else type(error).__name__
            self._log.error("a consent could not be finished", error=told)
        elif error.code == "state_unknown":
            self._failures.take(source)
            await run_in_threadpool(self._note_failure, source)
        return self._refused(request, as_api_error(error, now))

    def _note_failure(self, source: str) -> None:
        try:
            self._audit.record(
                action=Action.LOGIN_FAILED,
                result=AuditResult.REFUSED,
                source=source,
                target=CALLBACK_PATH,
                detail="unknown state",
            )
        except StoreError as error:
            self._log.error("an unknown state could not be audited", error=str(error))

    def _refused(self, request: Request, error: ApiError, back: str = "") -> Response:
        if _wants_json(request):
            response: Response = failure(request, error, self._clock())
            response.headers.update(NO_STORE)
            return response
        details = error.details if isinstance(error.details, Mapping) else {}
        status = HTTPStatus(error.status)
        title = "Not connected" if status < 500 else "Not connected for now"
        text = page(title, error.message, str(details.get("remedy", "")), "Nothing was stored.", back=back)
        return Response(text, status, {**HEADERS, **(error.headers or {})})


def _connected(request: Request, finished: Finished) -> Response:
    if finished.redirect:
        return RedirectResponse(finished.redirect, 302, NO_STORE)
    connected = finished.connected
    if _wants_json(request):
        told = {"connectionId": connected.connection_id, "app": finished.app, "account": connected.probe.account}
        return JSONResponse(success(told), headers=NO_STORE)
    chosen = f"Checked for conflicts: {', '.join(connected.selected)}." if connected.selected else ""
    account = f"{connected.probe.account or 'The account'} is connected to {finished.app}."
    return Response(page("Connected", account, chosen, "You can close this page."), 200, HEADERS)


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted
