"""Credential sync over HTTP: `/api/webhook/app-credential`, and `/api/credential-sync/token`.

    POST    a platform gives a user's credential (statuses and bodies: `source.credential_sync`)
    GET     the credentials of a user, without secrets
    DELETE  one is forgotten
    POST    .../token: Cal.com asks for a fresh access token (`engine.platform_answers`)

All have the same secret in the same header. Who fails with it, with a timestamp or nonce, or by what does not decrypt
spends the failures of the minute and is then answered with 429: that bounds guesses at a secret, and guesses at a
plaintext by altered ciphertexts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.engine.audit import Action, Audit, AuditResult
from syncd.engine.credential_sync import CredentialReceiver
from syncd.engine.platform_answers import PlatformAnswers
from syncd.model.clock import Clock
from syncd.settings import CredentialSync, Http
from syncd.source import credential_sync as wire
from syncd.source.credential_sync import CredentialSyncError, PlatformAccess, Reply

from .body import BodyError, deeper_than, read_body
from .sources import SourceLimit, client_address

WEBHOOK_PATH = "/api/webhook/app-credential"
TOKEN_PATH = "/api/credential-sync/token"  # noqa: S105
FORM = "application/x-www-form-urlencoded"

MAX_FORM_FIELDS = 20

SPENDING = frozenset({"replay", "not_decrypted", "wrong_secret"})
"""Codes that count as failures of their source."""

Work = Callable[[bytes, str], Reply]
"""What a request is for: its body and source to its answer. Runs in a thread."""


class CredentialWebhook:
    """The endpoints. `count` is told the outcome of each request, for the metrics."""

    def __init__(
        self,
        receiver: CredentialReceiver,
        answers: PlatformAnswers,
        audit: Audit,
        *,
        access: PlatformAccess,
        settings: CredentialSync,
        http: Http,
        clock: Clock,
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        self._receiver = receiver
        self._answers = answers
        self._audit = audit
        self._access = access
        self._settings = settings
        self._http = http
        self._clock = clock
        self._count = count
        self._requests = SourceLimit(http.requests_per_minute)
        self._failures = SourceLimit(http.failures_per_minute)
        self._log = structlog.get_logger("syncd.credential_sync")

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route(WEBHOOK_PATH, self._receive, methods=["POST"], name="receive_credential"),
            Route(WEBHOOK_PATH, self._list, methods=["GET"], name="list_credentials"),
            Route(WEBHOOK_PATH, self._remove, methods=["DELETE"], name="remove_credential"),
            Route(TOKEN_PATH, self._token, methods=["POST"], name="give_token"),
        ]

    async def _receive(self, request: Request) -> Response:
        def work(body: bytes, source: str) -> Reply:
            nonce = self._stamp(request, source)
            delivery = wire.read_delivery(self._parsed(body))
            return self._receiver.receive(delivery, nonce=nonce, source=source)

        return await self._answer(request, work)

    async def _list(self, request: Request) -> Response:
        def work(_body: bytes, source: str) -> Reply:
            nonce = self._stamp(request, source)
            target = wire.read_target(dict(request.query_params), needs_app=False)
            return self._receiver.listed(target, nonce=nonce, source=source)

        return await self._answer(request, work)

    async def _remove(self, request: Request) -> Response:
        def work(body: bytes, source: str) -> Reply:
            nonce = self._stamp(request, source)
            values = self._parsed(body) if body else dict(request.query_params)
            named = isinstance(values, dict) and values.get("credentialId") is not None
            target = wire.read_target(values, needs_app=not named)
            return self._receiver.remove(target, nonce=nonce, source=source)

        return await self._answer(request, work)

    async def _token(self, request: Request) -> Response:
        """Cal.com sends no timestamp and no nonce: none is asked for, and a repeat gives the same token."""

        def work(body: bytes, source: str) -> Reply:
            is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
            values = _form(body) if is_form else self._parsed(body)
            target = wire.read_target(values, user_field="calcomUserId", needs_app=True)
            return self._answers.answer(target, source=source)

        missing = not self._access.has_header(request.headers)
        return await self._answer(request, work, wire.NO_SECRET_SENT if missing else wire.WRONG_TOKEN_SECRET)

    async def _answer(self, request: Request, work: Work, wrong_secret: Reply = wire.WRONG_SECRET) -> Response:
        if not self._access.is_on:
            return self._response(wire.OFF, "off")
        source = client_address(request, self._http.trusted_proxies)
        wait = self._requests.take(source) or self._failures.spent(source)
        if wait:
            return self._response(wire.TOO_MANY, "limited", {"retry-after": str(int(wait) + 1)})
        if not self._access.admits(request.headers):
            self._failures.take(source)
            await run_in_threadpool(self._note_failure, request.url.path, source, "secret")
            return self._response(wrong_secret, "wrong_secret")
        try:
            body = await read_body(request, self._http.max_body_kb * 1024)
            reply = await run_in_threadpool(work, body, source)
        except BodyError as error:
            return self._response(wire.told(error.status, error.reason), "bad_body")
        except CredentialSyncError as error:
            if error.code in SPENDING:
                self._failures.take(source)
            self._log.warning("credential sync refused", code=error.code, error=error.message, remedy=error.remedy)
            return self._response(error.reply, error.code)
        except Exception as error:
            self._log.error("credential sync failed", error=type(error).__name__, code=getattr(error, "code", ""))
            return self._response(wire.FAILED, "failed")
        return self._response(reply, "done" if reply.status < 400 else "unavailable")

    def _stamp(self, request: Request, source: str) -> str:
        try:
            return wire.check_stamp(request.headers, self._settings, self._clock())
        except CredentialSyncError:
            self._note_failure(request.url.path, source, "timestamp or nonce")
            raise

    def _parsed(self, body: bytes) -> Any:
        if deeper_than(body, self._http.max_json_depth):
            raise BodyError(400, f"The JSON is nested deeper than {self._http.max_json_depth} levels.")
        return wire.parse_body(body)

    def _note_failure(self, path: str, source: str, what: str) -> None:
        try:
            self._audit.record(
                action=Action.LOGIN_FAILED, result=AuditResult.REFUSED, source=source, target=path, detail=what
            )
        except Exception as error:
            self._log.error("a refused login is not in the audit log", error=type(error).__name__)

    def _response(self, reply: Reply, outcome: str, headers: dict[str, str] | None = None) -> Response:
        self._count(outcome)
        return Response(
            reply.body, reply.status, {"content-type": "application/json", **reply.headers, **(headers or {})}
        )


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MAX_FORM_FIELDS))
    except ValueError:
        raise BodyError(400, f"The form has more than {MAX_FORM_FIELDS} fields.") from None
