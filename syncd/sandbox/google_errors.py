"""How Google Calendar refuses: one body for all, and the reason says what is meant, never the status alone.

Source: google-calendar.facts.json, `errors` and `error_body` (each with its basis there); reasons of push and of sync
tokens as published clients meet them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .kernel import Answer


class Refusal(NamedTuple):
    """What a reason stands for."""

    status: int
    domain: str
    message: str
    location_type: str = ""
    location: str = ""


REFUSALS: Mapping[str, Refusal] = {
    "authError": Refusal(401, "global", "Invalid Credentials", "header", "Authorization"),
    "required": Refusal(400, "global", "Required"),
    "invalid": Refusal(400, "global", "Invalid Value"),
    "badRequest": Refusal(400, "global", "Bad Request"),
    "parseError": Refusal(400, "global", "Parse Error"),
    "timeRangeEmpty": Refusal(400, "calendar", "The specified time range is empty.", "parameter", "timeMax"),
    "timeRangeTooLong": Refusal(400, "calendar", "The requested time range is too long.", "parameter", "timeMax"),
    "syncTokenWithRequestRestrictions": Refusal(
        400, "calendar", "Sync token cannot be used with additional request restrictions.", "parameter", "syncToken"
    ),
    "syncTokenWithNonDefaultOrdering": Refusal(
        400, "calendar", "Sync token cannot be used together with requested ordering.", "parameter", "syncToken"
    ),
    "cannotUseDefaultRemindersAndSpecifyOverride": Refusal(
        400, "calendar", "Cannot specify both default reminders and overrides at the same time."
    ),
    "eventTypeRestriction": Refusal(400, "calendar", "The event type cannot be used like this."),
    "channelIdNotUnique": Refusal(400, "global", "Channel id not unique", "parameter", "id"),
    "push.webhookUrlNotHttps": Refusal(400, "global", "WebHook callback must be HTTPS", "parameter", "address"),
    "push.channelTypeNotSupported": Refusal(400, "global", "The channel type is not supported", "parameter", "type"),
    "userRateLimitExceeded": Refusal(403, "usageLimits", "User Rate Limit Exceeded"),
    "rateLimitExceeded": Refusal(403, "usageLimits", "Rate Limit Exceeded"),
    "quotaExceeded": Refusal(403, "usageLimits", "Calendar usage limits exceeded."),
    "forbiddenForNonOrganizer": Refusal(
        403, "calendar", "Shared properties can only be changed by the organizer of the event."
    ),
    "requiredAccessLevel": Refusal(403, "calendar", "You need to have writer access to this calendar."),
    "notACalendarUser": Refusal(403, "calendar", "The user must be signed up for Google Calendar."),
    "insufficientPermissions": Refusal(403, "global", "Insufficient Permission"),
    "forbidden": Refusal(403, "global", "Forbidden"),
    "notFound": Refusal(404, "global", "Not Found"),
    "duplicate": Refusal(409, "global", "The requested identifier already exists."),
    "fullSyncRequired": Refusal(
        410, "calendar", "Sync token is no longer valid, a full sync is required.", "parameter", "syncToken"
    ),
    "updatedMinTooLongAgo": Refusal(
        410, "calendar", "The requested minimum modification time lies too far in the past.", "parameter", "updatedMin"
    ),
    "deleted": Refusal(410, "global", "Resource has been deleted"),
    "conditionNotMet": Refusal(412, "global", "Precondition Failed", "header", "If-Match"),
    "backendError": Refusal(500, "global", "Backend Error"),
}


class GoogleError(Exception):
    """A refusal, by its reason. `message` and `location` say more than the reason's own; `headers` go with it."""

    def __init__(
        self,
        reason: str,
        message: str = "",
        *,
        location: str = "",
        status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        known = REFUSALS[reason]
        super().__init__(f"{reason}: {message or known.message}")
        self.refusal = known._replace(
            status=status or known.status,
            message=message or known.message,
            location_type="parameter" if location else known.location_type,
            location=location or known.location,
        )
        self.reason = reason
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """The refusal as it is sent."""
        said = self.refusal
        item = {"domain": said.domain, "reason": self.reason, "message": said.message}
        if said.location:
            item |= {"locationType": said.location_type, "location": said.location}
        headers = dict(self.headers)
        if said.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
        return Answer(said.status, _body(said.status, said.message, [item]), headers)


def unnamed(status: int, message: str) -> Answer:
    """A refusal that names no reason."""
    return Answer(status, _body(status, message, []))


def _body(status: int, message: str, items: list[dict[str, str]]) -> dict[str, Any]:
    return {"error": {"errors": items, "code": status, "message": message}}
