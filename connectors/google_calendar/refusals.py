"""What Google's refusals mean: the one table of the package.

The reason in the body counts before the status: 403 alone means "too fast", "not yours" or "not consented" (facts:
google-calendar, `errors`). What has no reason we know goes by its status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ParkError,
    ProviderError,
    RefreshError,
    RefusedError,
    ResyncError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.provider.http import DEFAULT_THROTTLE_WAIT, error_for_status, parse_retry_after

LIST = "list events"
"""The operation in which 410 means a dead cursor."""

USAGE_WAIT = timedelta(hours=1)
"""After "Calendar usage limits exceeded": it takes hours to recover (facts: provider-limits section 1, observed)."""

_WEB_HOOK = "Google takes push addresses with https and a certificate that it trusts: look at [http] public_url."
_SCOPES = "Connect again and allow everything that is asked for: syncd connections reconnect ID"
_ENABLE = "Enable the Google Calendar API in the Cloud project of the OAuth client, then: syncd connections test ID"
_SERVICE = "Have the account given the Calendar service, or remove the connection."
_INVITED = "Remove the invitation from the calendar, or choose the organizer's, then: syncd bookings retry UID"


class Meaning(NamedTuple):
    """What a reason says. `remedy` "" is the error's own."""

    error: type[ProviderError]
    code: str
    text: str
    remedy: str = ""


_RATE = Meaning(WaitUntilError, "throttled", "Too many requests.")
_USAGE = Meaning(WaitUntilError, "usage_limit", "The calendar's use limits are reached.")
_FORBIDDEN = Meaning(ForbiddenError, "forbidden", "The account may not do this here.")
_UNSCOPED = Meaning(ForbiddenError, "scopes_missing", "The consent does not reach that far.", _SCOPES)
_DISABLED = Meaning(ParkError, "api_disabled", "The Google Calendar API is not enabled.", _ENABLE)
_DEAD_CURSOR = Meaning(ResyncError, "cursor_expired", "The sync token is no longer valid.")
_DELETED = Meaning(NotFoundError, "event_gone", "It was deleted.")
_TOKEN = Meaning(RefreshError, "token_refused", "The access token is not accepted.")
_CONTENT = Meaning(RefusedError, "content_refused", "Google refuses the request.")
_PUSH = Meaning(ParkError, "push_refused", "Google does not push to that address.", _WEB_HOOK)
_FAILED = Meaning(UnclearError, "unclear", "Google failed.")

REASONS: Mapping[str, Meaning] = {
    "authError": _TOKEN,
    "userRateLimitExceeded": _RATE,
    "rateLimitExceeded": _RATE,
    "RATE_LIMIT_EXCEEDED": _RATE,
    "quotaExceeded": _USAGE,
    "calendarUsageLimitsExceeded": _USAGE,
    "forbiddenForNonOrganizer": Meaning(
        ForbiddenError, "not_organizer", "Only the event's organizer may change it.", _INVITED
    ),
    "requiredAccessLevel": _FORBIDDEN,
    "forbidden": _FORBIDDEN,
    "domainPolicy": _FORBIDDEN,
    "insufficientPermissions": _UNSCOPED,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _UNSCOPED,
    "accessNotConfigured": _DISABLED,
    "SERVICE_DISABLED": _DISABLED,
    "notACalendarUser": Meaning(ParkError, "no_calendar", "The account has no Google Calendar.", _SERVICE),
    "notFound": Meaning(NotFoundError, "not_found", "It is not there."),
    "deleted": _DELETED,
    "duplicate": Meaning(ConflictError, "duplicate", "The identifier is taken."),
    "conditionNotMet": Meaning(ConflictError, "conflict", "It was changed meanwhile."),
    "fullSyncRequired": _DEAD_CURSOR,
    "updatedMinTooLongAgo": _DEAD_CURSOR,
    "timeRangeEmpty": Meaning(RefusedError, "range_empty", "The time range is empty."),
    "timeRangeTooLong": Meaning(RefusedError, "range_too_long", "The time range is too long."),
    "badRequest": _CONTENT,
    "invalid": _CONTENT,
    "required": _CONTENT,
    "parseError": _CONTENT,
    "eventTypeRestriction": _CONTENT,
    "channelIdNotUnique": Meaning(ConflictError, "channel_exists", "There is such a channel."),
    "push.webhookUrlNotHttps": _PUSH,
    "push.webhookUrlUnauthorized": _PUSH,
    "push.channelTypeNotSupported": _PUSH,
    "backendError": _FAILED,
    "internalError": _FAILED,
}
"""Reason -> error, code, meaning, remedy."""

LOCATIONS: Mapping[tuple[str, str], Meaning] = {
    ("invalid", "syncToken"): _DEAD_CURSOR,
    ("invalid", "pageToken"): Meaning(RetryError, "paging_broken", "The page token is no longer valid."),
}
"""Reason and location -> what they say together."""

BUSY_REASONS: Mapping[str, Meaning] = {
    "notFound": Meaning(NotFoundError, "not_found", "The calendar is not there."),
    "groupTooBig": Meaning(RefusedError, "group_too_big", "The group has too many members for a free/busy query."),
    "tooManyCalendarsRequested": Meaning(RetryError, "too_many_calendars", "Too many calendars in one query."),
    "internalError": Meaning(RetryError, "unavailable", "Google could not compute it."),
}
"""Reasons inside a free/busy answer (discovery: Error); Google may add some."""

_REASON = re.compile(r"[A-Za-z_.]{1,60}")


class UsageLimitError(ProviderError):
    """The account's use limit is reached. No `WaitUntilError` yet: that would stop reading, which goes on."""

    code = "usage_limit"


def refusal(status: int, headers: Mapping[str, str], body: bytes, operation: str, now: datetime) -> ProviderError:
    """The error for an answer that is no success. `headers` are in small letters, or ignore case."""
    reason, location = _told(body)
    meaning = LOCATIONS.get((reason, location)) or REASONS.get(reason) or _by_status(status, operation)
    retry_after = headers.get("retry-after")
    if meaning is None:
        return error_for_status(status, operation, now, retry_after=retry_after, detail=reason)
    text = f"{operation}: {meaning.text} [{status}{f' {reason}' if reason else ''}]"
    if meaning is _USAGE:
        return UsageLimitError(text, status=status)
    if meaning is _RATE:
        told = parse_retry_after(retry_after, now)
        retry_at = told or now + DEFAULT_THROTTLE_WAIT
        return WaitUntilError(text, retry_at=retry_at, status=status, code=meaning.code, told=told is not None)
    return meaning.error(text, code=meaning.code, remedy=meaning.remedy or None, status=status)


def busy_refusal(reason: str) -> ProviderError:
    """The error for a calendar that a free/busy answer has no times of."""
    meaning = BUSY_REASONS.get(reason) or Meaning(RetryError, "unavailable", "Google has no times of it.")
    return meaning.error(f"free/busy: {meaning.text} [{_plain(reason) or 'unknown'}]", code=meaning.code)


def _by_status(status: int, operation: str) -> Meaning | None:
    """What a status says that comes without a reason we know, where it is more than in any API."""
    if status == 410:
        return _DEAD_CURSOR if operation == LIST else _DELETED
    return _TOKEN if status == 401 else None


def _told(body: bytes) -> tuple[str, str]:
    """The reason and the location of a refusal, each "" where there is none."""
    try:
        error = json.loads(body)["error"]
        items: list[dict[str, Any]] = [*error.get("errors", ()), *error.get("details", ())]
        item = next((i for i in items if "reason" in i), {})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", ""
    return _plain(item.get("reason")), _plain(item.get("location"))


def _plain(value: Any) -> str:
    """A name as Google gives them; anything else is not repeated."""
    return value if isinstance(value, str) and _REASON.fullmatch(value) else ""
