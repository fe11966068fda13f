"""`POST /api/webhook/bookings`: Cal.com's booking webhook.

The body is verified as it came (X-Cal-Signature-256: hexadecimal HMAC-SHA256 of the raw body), read as far as is needed
to say whether it can be used, stored, and only then answered with 2xx. What it means is worked out later.

    answer   when
    200      stored; a repeated delivery too; or its trigger concerns nothing here (counted, not stored)
    400      not JSON, or a booking that cannot be used: kept in quarantine, with the reason
    401      no signature, or one that no secret gives
    413      the body is too long
    422      a webhook version that is not known
    429      too many requests, or too many refused ones, from this address
    503      the store cannot take it now: Cal.com does not repeat by itself, so syncd's own poll fetches it later
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from syncd.engine.arrivals import Arrivals
from syncd.errors import InputError
from syncd.model.clock import Clock
from syncd.settings import Http
from syncd.source.calcom import read_delivery
from syncd.store.inbox import Arrival, DeliveryState

from .body import BodyError, parse_json, read_body
from .sources import SourceLimit, client_address

UNSIGNED = "no-secret-provided"
"""What Cal.com sends for a subscription without a secret (facts: calcom-calendars, section 5)."""

VERSIONS = frozenset({"", "2021-10-20"})
"""The versions of the payload; "" from senders older than the header."""

JSON_HEADERS = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """Which signatures are accepted: of any of `secrets`; unsigned ones when `allow_unsigned`."""

    secrets: tuple[bytes, ...]
    allow_unsigned: bool = False

    def accept(self, signature: str, body: bytes) -> bool:
        """Whether `signature` is right for `body`. Every secret is tried, in constant time each."""
        if signature in ("", UNSIGNED):
            return self.allow_unsigned
        right = False
        for secret in self.secrets:
            expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
            right |= hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        return right


class BookingWebhook:
    """The endpoint. `count` is told the outcome of each request, for the metrics."""

    def __init__(
        self,
        signatures: Signatures,
        arrivals: Arrivals,
        http: Http,
        clock: Clock,
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        self._signatures = signatures
        self._arrivals = arrivals
        self._http = http
        self._clock = clock
        self._count = count
        self._requests = SourceLimit(http.requests_per_minute)
        self._failures = SourceLimit(http.failures_per_minute)
        self._waiting: dict[Future[None], list[asyncio.Future[None]]] = {}
        self._log = structlog.get_logger("syncd.webhook")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a POST of this path, as an ASGI application of its own: no router and no middleware is asked."""
        response = await self.take(Request(scope, receive))
        await response(scope, receive, send)

    async def take(self, request: Request) -> Response:
        """Take one delivery."""
        source = client_address(request, self._http.trusted_proxies)
        wait = self._requests.take(source) or self._failures.spent(source)
        if wait:
            return self._answer(429, "Too many requests.", "limited", {"retry-after": str(int(wait) + 1)})
        try:
            body = await read_body(request, self._http.max_body_kb * 1024)
        except BodyError as error:
            return self._answer(error.status, error.reason, "too_long")
        if not self._signatures.accept(request.headers.get("x-cal-signature-256", ""), body):
            self._failures.take(source)
            return self._answer(401, "The signature is missing or wrong.", "unsigned")
        if request.headers.get("x-cal-webhook-version", "") not in VERSIONS:
            return self._answer(422, "This webhook version is not known.", "unknown_version")
        return await self._read(body)

    async def _read(self, body: bytes) -> Response:
        try:
            parsed = parse_json(body, self._http.max_json_depth)
            change = read_delivery(parsed, self._clock())
        except (BodyError, InputError) as error:
            return await self._quarantine(body, str(error))
        if change is None:
            return self._answer(200, "Its trigger concerns nothing here.", "ignored")
        return await self._store(
            Arrival(source="webhook", raw=body.decode("utf-8", "replace")), 200, "Stored.", "stored"
        )

    async def _quarantine(self, body: bytes, reason: str) -> Response:
        text = body.decode("utf-8", "replace") or "(empty)"
        arrival = Arrival(source="webhook", raw=text, state=DeliveryState.QUARANTINED, reason=reason)
        return await self._store(arrival, 400, reason, "quarantined")

    async def _store(self, arrival: Arrival, status: int, message: str, outcome: str) -> Response:
        try:
            await self._committed(self._arrivals.put(arrival))
        except Exception as error:
            self._log.error("a delivery could not be stored", error=f"{type(error).__name__}: {error}")
            return self._answer(
                503, "The delivery could not be stored; send it again.", "store_failed", {"retry-after": "5"}
            )
        return self._answer(status, message, outcome)

    def _committed(self, group: Future[None]) -> asyncio.Future[None]:
        """A future of this request alone, done when its group is: the event loop is told once for all of them."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        waiting = self._waiting.get(group)
        if waiting is not None:
            waiting.append(mine)
            return mine
        self._waiting[group] = [mine]
        group.add_done_callback(lambda done: loop.call_soon_threadsafe(self._tell, done))
        return mine

    def _tell(self, group: Future[None]) -> None:
        """Wake the requests of a group that is committed, or could not be."""
        error = group.exception()
        for each in self._waiting.pop(group):
            if each.cancelled():
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)

    def _answer(self, status: int, message: str, outcome: str, headers: dict[str, str] | None = None) -> Response:
        self._count(outcome)
        content = json.dumps({"status": "success" if status < 400 else "error", "message": message})
        return Response(content, status, {**JSON_HEADERS, **(headers or {})})


def signatures(secret_text: str, allow_unsigned: bool) -> Signatures:
    """Secrets, one a line."""
    lines: Sequence[str] = [line.strip() for line in secret_text.splitlines() if line.strip()]
    return Signatures(secrets=tuple(line.encode() for line in lines), allow_unsigned=allow_unsigned)
