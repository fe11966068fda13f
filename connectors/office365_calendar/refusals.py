"""What Graph's refusals mean: the one table of the package.

The code in the body counts before the status (specs/microsoft-graph, errors). Codes are compared without case: Graph
writes some both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    RefreshError,
    RefusedError,
    ResyncError,
    UnclearError,
)
from syncd.provider.http import error_for_status

CHANGES = "GET changes"
"""The operation in which 410 means a dead cursor."""

SUBSCRIPTION = "subscription"
"""What operations on subscriptions end with: there, 404 means that one, whatever the code."""

_WINDOW = "The window asked for is not one Office 365 answers."

CODES: Mapping[str, tuple[type[ProviderError], str, str]] = {
    "invalidauthenticationtoken": (RefreshError, "token_refused", "The access token is not accepted."),
    "errorinvalidrequest": (RefusedError, "content_refused", "Office 365 refuses the request."),
    "badrequest": (RefusedError, "content_refused", "Office 365 refuses the request."),
    "errorpropertyvalidationfailure": (RefusedError, "content_refused", "Office 365 refuses a field of the event."),
    "erroroccurrencecrossingboundary": (
        RefusedError,
        "occurrence_crossing",
        "Outlook moves no occurrence past another one of its series.",
    ),
    "errorinvalididmalformed": (NotFoundError, "not_found", "Nothing has such an id."),
    "errortimeintervaltoobig": (RefusedError, "window_refused", _WINDOW),
    "errorinvalidtimeinterval": (RefusedError, "window_refused", _WINDOW),
    "errormailboxdataarraytoobig": (RefusedError, "window_refused", "Office 365 takes no list that long."),
    "erroraccessdenied": (ForbiddenError, "forbidden", "The account may not do this here."),
    "erroritemnotfound": (NotFoundError, "not_found", "It is not there."),
    "mailboxnotenabledforrestapi": (ForbiddenError, "no_mailbox", "The account has no mailbox that can be used."),
    "mailboxnotsupportedforrestapi": (ForbiddenError, "no_mailbox", "The account has no mailbox that can be used."),
    "resourcenotfound": (ForbiddenError, "no_mailbox", "The account has no mailbox that can be used."),
    "errorinvaliduser": (ForbiddenError, "no_mailbox", "There is no such account."),
    "request_resourcenotfound": (ForbiddenError, "no_mailbox", "There is no such account."),
    "errorirresolvableconflict": (ConflictError, "conflict", "It was changed meanwhile."),
    "conflict": (ConflictError, "conflict", "It conflicts with what is there."),
    "preconditionfailed": (ConflictError, "conflict", "It was changed meanwhile."),
    "concurrentitemsave": (UnclearError, "unclear", "Another write was under way; this one may have been done."),
    "unknownerror": (UnclearError, "unclear", "Office 365 failed."),
    "gatewaytimeout": (UnclearError, "unclear", "Office 365 did not answer its gateway in time."),
    "validationerror": (RefusedError, "address_refused", "Office 365 does not reach the address it is to call."),
    "quotaexceeded": (ForbiddenError, "quota", "The mailbox is full."),
    "syncstatenotfound": (ResyncError, "cursor_expired", "The cursor is forgotten."),
    "syncstateinvalid": (ResyncError, "cursor_expired", "The cursor is not accepted."),
    "resyncrequired": (ResyncError, "cursor_expired", "The cursor is forgotten."),
    "resyncchangesapplydifferences": (ResyncError, "cursor_expired", "The cursor is forgotten."),
    "resyncchangesuploaddifferences": (ResyncError, "cursor_expired", "The cursor is forgotten."),
}
"""Code in small letters -> error, code, meaning. Throttling is told by the status."""

REMEDIES: Mapping[str, str] = {
    "no_mailbox": "Have an administrator give the account an Exchange Online mailbox, or remove the connection.",
    "address_refused": "See that the address for pushes leads here by https from the internet, with a trusted "
    "certificate; until then calendars are polled.",
}

_THROTTLED = frozenset({429, 503})
_CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")


def refusal(status: int, headers: Mapping[str, str], body: Any, operation: str, now: datetime) -> ProviderError:
    """The error for an answer of 400 or more, or for one inside a batch. `headers` ignore case; `body` is JSON, or
    None for anything else.
    """
    told, inner = _error_of(body)
    request_id = headers.get("request-id") or _text(inner.get("request-id")) or None
    known = CODES.get(told.casefold())
    if status == 401:
        known = CODES["invalidauthenticationtoken"]
    elif status == 410 and operation == CHANGES:
        known = CODES["syncstatenotfound"]
    elif status == 404 and operation.endswith(SUBSCRIPTION):
        known = CODES["erroritemnotfound"]
    if known is None or (status in _THROTTLED and known[0] is not UnclearError):
        retry_after = headers.get("Retry-After")
        error = error_for_status(status, operation, now, retry_after=retry_after, detail=told, request_id=request_id)
        error.request_id = request_id
        return error
    kind, code, meaning = known
    text = f"{operation}: {meaning} [{' '.join(filter(None, (str(status), told)))}]"
    return kind(text, code=code, status=status, request_id=request_id, remedy=REMEDIES.get(code))


def parsed(body: bytes) -> Any:
    """A body as JSON, None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error_of(body: Any) -> tuple[str, Mapping[str, Any]]:
    """The code and the inner error; a code that is not one is not repeated."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", {}
    code, inner = error.get("code"), error.get("innerError") or error.get("innererror")
    plain = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
    return plain, inner if isinstance(inner, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
