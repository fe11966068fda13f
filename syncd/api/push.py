"""`POST /api/push/{app}`: a provider says that a calendar changed.

    answer          outcome (metrics)   when
    the provider's  taken               every channel it names is ours, and its token right
    the provider's  handshake           the provider asks whether we are here
    400             unusable            no call of that provider
    403             unknown             it names a channel that is not ours: what it says of that changes nothing
    403             forged              it names one of ours, without its token: the same
    404             unusable            no such app, or it does not push
    413             too_long
    429             limited             too many requests, or too many forged ones, from this address
    503             store_failed        nothing was taken: call again

A call only makes calendars due; they are read afterwards. So a repeated call costs a read at most, and a lost one a
delay. Unknown channels are not held against an address: a provider goes on calling over those that a restored database
has forgotten, from the address that the others call from.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from syncd.connector.push import PushRequest
from syncd.engine.pushes import Pushes
from syncd.errors import InputError, StoreError
from syncd.settings import Http

from .body import BodyError, read_body
from .sources import SourceLimit, client_address

PATH = "/api/push/{app}"
SAFE = {"x-content-type-options": "nosniff"}
"""A handshake sends back what came; no browser is to take it for a page."""


class PushWebhook:
    """The endpoint.

    Args:
        pushed: told after calendars were made due.
        count: told the outcome of each request, for the metrics.
    """

    def __init__(
        self,
        pushes: Pushes,
        http: Http,
        pushed: Callable[[], None],
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        self._pushes = pushes
        self._http = http
        self._pushed = pushed
        self._count = count
        self._requests = SourceLimit(http.requests_per_minute)
        self._forged = SourceLimit(http.failures_per_minute)
        self._log = structlog.get_logger("syncd.push")

    def routes(self) -> list[Route]:
        """The route, for the application."""
        return [Route(PATH, self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Take one call."""
        source = client_address(request, self._http.trusted_proxies)
        wait = self._requests.take(source) or self._forged.spent(source)
        if wait:
            return self._refused(429, "Too many requests.", "limited", {"retry-after": str(int(wait) + 1)})
        try:
            body = await read_body(request, self._http.max_body_kb * 1024)
        except BodyError as error:
            return self._refused(error.status, error.reason, "too_long")
        call = PushRequest(
            query=dict(request.query_params),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
        )
        try:
            taken = await run_in_threadpool(self._pushes.take, request.path_params["app"], call)
        except InputError as error:
            return self._refused(404 if error.code == "no_push" else 400, str(error), "unusable")
        except StoreError as error:
            self._log.error("a push could not be taken", error=str(error))
            return self._refused(503, "The store is away.", "store_failed", {"retry-after": "5"})
        if taken.due:
            self._pushed()
        if taken.forged:
            self._forged.take(source)
            return self._refused(403, "A channel's token is wrong.", "forged")
        if taken.unknown:
            return self._refused(403, "A channel is not known here.", "unknown")
        answer = taken.answer
        self._count("taken" if answer.notices else "handshake")
        return PlainTextResponse(answer.text, answer.status, SAFE)

    def _refused(self, status: int, reason: str, outcome: str, headers: dict[str, str] | None = None) -> Response:
        self._count(outcome)
        return PlainTextResponse(reason, status, {**SAFE, **(headers or {})})
