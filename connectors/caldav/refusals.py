"""What a server's refusal means: the one table of the package."""

from __future__ import annotations

from datetime import datetime

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    RefusedError,
    ResyncError,
    RetryError,
)
from syncd.provider.http import error_for_status

CONDITIONS: dict[str, tuple[type[ProviderError], str, str]] = {
    "valid-sync-token": (ResyncError, "cursor_expired", "The server no longer knows the sync token."),
    "no-uid-conflict": (RefusedError, "uid_conflict", "Another event of the account has the same UID."),
    "need-privileges": (ForbiddenError, "forbidden", "The account may not do this here."),
    "quota-not-exceeded": (ForbiddenError, "quota", "The account's storage is full."),
    "sufficient-disk-space": (ForbiddenError, "quota", "The server's storage is full."),
    "max-resource-size": (RefusedError, "too_large", "The event is too large for the server."),
    "valid-calendar-data": (RefusedError, "content_refused", "The server cannot read the event."),
    "valid-calendar-object-resource": (RefusedError, "content_refused", "The server does not take such objects."),
    "supported-calendar-data": (RefusedError, "content_refused", "The server does not take this kind of data."),
    "supported-calendar-component": (RefusedError, "not_for_events", "The calendar does not take events."),
    "calendar-collection-location-ok": (RefusedError, "content_refused", "A calendar cannot be there."),
    "min-date-time": (RefusedError, "content_refused", "The event is too early for the server."),
    "max-date-time": (RefusedError, "content_refused", "The event is too late for the server."),
    "max-instances": (RefusedError, "content_refused", "The series has too many occurrences for the server."),
    "max-attendees-per-instance": (RefusedError, "content_refused", "The event has too many guests for the server."),
    "lock-token-submitted": (RetryError, "locked", "The event is locked."),
    "supported-report": (RefusedError, "unsupported", "The server does not offer this report."),
    "supported-filter": (RefusedError, "unsupported", "The server does not offer this filter."),
    "number-of-matches-within-limits": (RefusedError, "truncated", "The server has too many matches to answer."),
}
"""Precondition -> error, code, meaning. They win over the status: servers answer with 403, 409, 410, 412 or 507 for one
and the same (RFC 6578 section 3.2, RFC 4791 sections 1.3 and 5.3.2.1, RFC 4918 section 16, RFC 3744 section 7.1.1)."""

_UNSUPPORTED = frozenset({405, 501})


def refusal(
    status: int, operation: str, now: datetime, *, conditions: tuple[str, ...] = (), retry_after: str | None = None
) -> ProviderError:
    """The error for an answer of 400 or more."""
    for name in conditions:
        if name in CONDITIONS:
            kind, code, meaning = CONDITIONS[name]
            return kind(f"{operation}: {meaning} [{status} {name}]", code=code, status=status)
    if status in _UNSUPPORTED:
        return RefusedError(
            f"{operation}: The server has no such request. [{status}]", code="unsupported", status=status
        )
    if status == 409 and operation.startswith("PUT"):
        # RFC 4918 section 9.7.1: 409 is a missing parent collection; a conflict of versions is 412
        return NotFoundError(f"{operation}: The calendar is not there. [409]", status=status)
    if status == 412:
        return ConflictError(f"{operation}: It was changed meanwhile. [412]", status=status)
    return error_for_status(status, operation, now, retry_after=retry_after)
