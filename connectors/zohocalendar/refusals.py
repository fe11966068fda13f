"""What Zoho Calendar's refusals mean: the one table of the package.

A refusal's code counts before its status. Where in the body it stands is not settled: documented are `error_code` and
`message_key`, clients meet it as `message` (facts: zoho-calendar, errors; basis memory).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    ReconnectError,
    RefreshError,
    RefusedError,
    UnclearError,
)
from syncd.provider.client import Answer
from syncd.provider.consent import CONNECT_AGAIN
from syncd.provider.http import error_for_status

_TOKEN = (RefreshError, "token_refused", "The access token is not accepted.")
_CONTENT = (RefusedError, "content_refused", "Zoho refuses the content.")
_RANGE = (RefusedError, "range_too_long", "The time range is too long.")
_ETAG = (ConflictError, "conflict", "It was changed meanwhile.")

CODES: Mapping[str, tuple[type[ProviderError], str, str]] = {
    "INVALID_OAUTHTOKEN": _TOKEN,
    "INVALID_TICKET": _TOKEN,  # with 400: no token that counts reached Zoho (observed)
    "INVALID_OAUTHSCOPE": (ReconnectError, "scopes_missing", "The consent does not reach that far."),
    "OPERATION_NOT_PERMITTED": (ForbiddenError, "forbidden", "The account may not do this here."),
    "CALENDAR_NOTFOUND": (NotFoundError, "not_found", "The calendar is not there."),
    "EVENT_NOTFOUND": (NotFoundError, "event_gone", "The event is not there."),
    "ETAG_MISMATCH": _ETAG,
    "ETAG_MISSING": _ETAG,
    "RANGE_EXCEEDED": _RANGE,
    "EXTRA_KEY_FOUND_IN_JSON": _CONTENT,
    "EXTRA_PARAM_FOUND": _CONTENT,
    "INVALID_DATA": _CONTENT,
    "LESS_THAN_MIN_OCCURANCE": _CONTENT,
    "MORE_THAN_MAX_LENGTH": _CONTENT,
    "PATTERN_NOT_MATCHED": _CONTENT,
    "INTERNAL_SERVER_ERROR": (UnclearError, "unclear", "Zoho failed."),
}
"""Code -> error, our code, meaning. Limits are told by the status."""

REMEDIES: Mapping[str, str] = {"scopes_missing": CONNECT_AGAIN}

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
_PLACES = ("error_code", "message", "message_key")


def refusal(answer: Answer, operation: str, now: datetime) -> ProviderError:
    """The error for an answer of 400 or more."""
    told = list(_codes(answer.body))
    code = next((each for each in told if each in CODES), "")
    if answer.status == 429 or not (code or answer.status == 401):
        retry_after = answer.headers.get("Retry-After")
        return error_for_status(answer.status, operation, now, retry_after=retry_after, detail=next(iter(told), ""))
    kind, ours, meaning = CODES[code] if code else _TOKEN
    text = f"{operation}: {meaning} [{' '.join(filter(None, (str(answer.status), code)))}]"
    return kind(text, code=ours, status=answer.status, remedy=REMEDIES.get(ours))


def _codes(body: bytes) -> Iterator[str]:
    """Whatever looks like a code in a refusal; nothing else of it is repeated."""
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        return
    errors = told.get("error") if isinstance(told, Mapping) else None
    for error in errors if isinstance(errors, list) else [errors]:
        given: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
        for place in _PLACES:
            code = str(given.get(place) or "").upper()
            if _CODE.fullmatch(code):
                yield code
