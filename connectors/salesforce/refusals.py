"""What Salesforce's refusals mean: the one table of the package (facts: salesforce-rest, error_codes_used)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from syncd.errors import (
    ForbiddenError,
    NotFoundError,
    ParkError,
    ProviderError,
    RefreshError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.provider.http import error_for_status

_DAILY = re.compile(r"total ?requests", re.IGNORECASE)
CONCURRENT_WAIT, DAILY_WAIT = timedelta(seconds=30), timedelta(hours=1)

KINDS: Mapping[str, type[ProviderError]] = {
    "INVALID_SESSION_ID": RefreshError,
    "INVALID_AUTH_HEADER": ParkError,
    "API_DISABLED_FOR_ORG": ParkError,
    "API_CURRENTLY_DISABLED": RetryError,
    "SERVER_UNAVAILABLE": RetryError,
    "UNKNOWN_EXCEPTION": UnclearError,
    "UNABLE_TO_LOCK_ROW": RetryError,
    "QUERY_TIMEOUT": RetryError,
    "INVALID_QUERY_LOCATOR": RetryError,
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": RetryError,
    "NOT_FOUND": NotFoundError,
    "ENTITY_IS_DELETED": NotFoundError,
    "ENTITY_IS_LOCKED": RefusedError,
    "INSUFFICIENT_ACCESS_OR_READONLY": ForbiddenError,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": ForbiddenError,
    "INSUFFICIENT_ACCESS": ForbiddenError,
    "INVALID_TYPE": ForbiddenError,
    "ENTITY_NOT_QUERYABLE": ForbiddenError,
}
"""Code -> error. What is not named here is a refusal of the content."""

REMEDIES: Mapping[str, str] = {
    "API_DISABLED_FOR_ORG": "The org's edition has no API; ask its administrator.",
    "INVALID_TYPE": "Give the connection's user access to the object.",
    "ENTITY_IS_LOCKED": "The record waits for an approval; then: syncd bookings retry UID",
}

DEPENDS = frozenset({"PROCESSING_HALTED"})
"""Another part of the same call was refused."""

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,80}")
MOST = 300
"""Characters of a message that are repeated: it may quote what was sent, which is the booker's, so it is short."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of an answer."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()


def complaints(body: Any) -> list[Complaint]:
    """The errors in a body: of a single request, or of a part of a composite one."""
    listed = body if isinstance(body, list) else [body]
    return [_complaint(each) for each in listed if isinstance(each, Mapping)]


def _complaint(told: Mapping[str, Any]) -> Complaint:
    code = str(told.get("errorCode") or told.get("statusCode") or "")
    named = told.get("fields")
    message = str(told.get("message") or "")
    fields = tuple(str(field) for field in named) if isinstance(named, list) else ()
    return Complaint(
        code if _CODE.fullmatch(code) else "UNKNOWN", message[:MOST], fields or _fields_in(message), _duplicates(told)
    )


def _fields_in(message: str) -> tuple[str, ...]:
    """The field that a message names where there is no list of fields: INVALID_FIELD never comes with one (facts:
    salesforce-rest, observed).
    """
    _, quote, rest = message.partition("No such column '")
    return (rest.partition("'")[0],) if quote else ()


def _duplicates(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The records that a duplicate rule found. The key really is misspelt (facts: error_bodies, duplicates_note)."""
    result = told.get("duplicateResut") or told.get("duplicateResult")
    matches = result.get("matchResults") if isinstance(result, Mapping) else None
    listed = [match for match in matches if isinstance(match, Mapping)] if isinstance(matches, list) else []
    found = [each for match in listed for each in match.get("matchRecords") or () if isinstance(each, Mapping)]
    records = [each.get("record") for each in found]
    return tuple(str(record["Id"]) for record in records if isinstance(record, Mapping) and record.get("Id"))


def refusal(status: int, headers: Mapping[str, str], body: bytes, operation: str, now: datetime) -> ProviderError:
    """The error for an answer of 300 or more."""
    try:
        told = complaints(json.loads(body))
    except (ValueError, RecursionError):
        told = []
    if not told or told[0].code == "UNKNOWN":
        if status == 401:
            return RefreshError(f"{operation}: the session is not accepted. [401]", status=401)
        return error_for_status(status, operation, now, retry_after=headers.get("Retry-After"))
    return error_of(told[0], status, operation, now)


def error_of(complaint: Complaint, status: int, operation: str, now: datetime) -> ProviderError:
    """The error for a complaint."""
    text = f"{operation}: {complaint.message or complaint.code} [{status} {complaint.code}]"
    if complaint.code == "REQUEST_LIMIT_EXCEEDED":
        daily = bool(_DAILY.search(complaint.message))
        return WaitUntilError(
            f"{operation}: the org's {'calls of the day are used up' if daily else 'concurrent calls are in use'}.",
            retry_at=now + (DAILY_WAIT if daily else CONCURRENT_WAIT),
            status=status,
            code="daily_limit" if daily else "concurrent_limit",
        )
    kind = KINDS.get(complaint.code, RefusedError)
    remedy = REMEDIES.get(complaint.code)
    return kind(text, code=complaint.code.casefold(), status=status, **({"remedy": remedy} if remedy else {}))
