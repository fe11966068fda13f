"""HTTP facts every provider shares: what a status means, and when to come back."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    ReconnectError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.time import require_aware

MAX_RETRY_AFTER = timedelta(hours=24)
DEFAULT_THROTTLE_WAIT = timedelta(seconds=30)

STATUS_ERRORS: dict[int, tuple[type[ProviderError], str]] = {
    401: (ReconnectError, "The provider does not accept the credential."),
    403: (ForbiddenError, "The account may not do this."),
    404: (NotFoundError, "It is not there."),
    408: (UnclearError, "The provider gave up waiting for the request."),
    409: (ConflictError, "It conflicts with what is there."),
    410: (NotFoundError, "It is gone."),
    412: (ConflictError, "It was changed meanwhile."),
    413: (RefusedError, "It is too large for the provider."),
    415: (RefusedError, "The provider does not take this kind of content."),
    423: (RetryError, "It is locked."),
    500: (UnclearError, "The provider failed."),
    502: (UnclearError, "The provider is not reachable behind its gateway."),
    503: (RetryError, "The provider is not available."),
    504: (UnclearError, "The provider did not answer its gateway in time."),
    507: (ForbiddenError, "The account's storage is full."),
}
"""Status -> what to do next (RFC 9110, RFC 4918, RFC 6585). 429 and anything with Retry-After is handled before it."""


def error_for_status(
    status: int,
    operation: str,
    now: datetime,
    *,
    retry_after: str | None = None,
    detail: str = "",
    request_id: str | None = None,
) -> ProviderError:
    """The error for an HTTP `status` of 400 or more. `detail` is the provider's own code, never a body."""
    told = parse_retry_after(retry_after, now)
    if status == 429 or (status == 503 and told is not None):
        return WaitUntilError(
            f"{operation}: too many requests ({status}).",
            retry_at=told or now + DEFAULT_THROTTLE_WAIT,
            status=status,
            told=told is not None,
        )
    kind, meaning = STATUS_ERRORS.get(status) or (
        (UnclearError, "The provider failed.") if status >= 500 else (RefusedError, "The provider refuses the request.")
    )
    told_detail = f" ({detail})" if detail else ""
    return kind(f"{operation}: {meaning} [{status}]{told_detail}", status=status, request_id=request_id)


def parse_retry_after(value: str | None, now: datetime) -> datetime | None:
    """The time a Retry-After header names: seconds or an HTTP date, at most 24 hours away; None when unusable."""
    if not value:
        return None
    text = value.strip()
    try:
        wait = timedelta(seconds=int(text)) if text.isdigit() else require_aware(parsedate_to_datetime(text)) - now
    except (ValueError, OverflowError):
        return None
    return now + min(max(wait, timedelta()), MAX_RETRY_AFTER)
