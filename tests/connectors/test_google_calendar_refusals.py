"""What Google's refusals become, and the facts collected about Google, one by one."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from spec.exchanges import SPECS
from syncd_connectors.google_calendar import CHANNEL_LIFE, GOOGLE_CALENDAR, GoogleClient
from syncd_connectors.google_calendar.api import MOST_CALLS, resources
from syncd_connectors.google_calendar.calendars import PAGE_SIZE as CALENDARS_PAGE
from syncd_connectors.google_calendar.freebusy import LONGEST, MOST_CALENDARS
from syncd_connectors.google_calendar.marks import IDS, event_id
from syncd_connectors.google_calendar.push import STATES
from syncd_connectors.google_calendar.refusals import BUSY_REASONS, LIST, UsageLimitError, busy_refusal, refusal
from syncd_connectors.google_calendar.sync import PAGE_SIZE

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
from syncd.testing.cases import utc

NOW = utc(2027, 3, 10, 9)
FACTS = SPECS / "google-calendar" / "google-calendar.facts.json"

needs_facts = pytest.mark.skipif(not FACTS.is_file(), reason="../shared/specs is not here")


def facts() -> Any:
    return json.loads(FACTS.read_text(encoding="utf-8")) if FACTS.is_file() else {"errors": []}


def body(reason: str, location: str = "", message: str = "a canary in the text") -> bytes:
    item = {"domain": "global", "reason": reason, "message": message, "locationType": "parameter", "location": location}
    return json.dumps({"error": {"errors": [item], "code": 400, "message": message}}).encode()


def refused(status: int, text: bytes = b"", operation: str = "patch event", **headers: str) -> ProviderError:
    return refusal(status, headers, text, operation, NOW)


# status, reason, location -> error, code
TABLE: list[tuple[int, str, str, type[ProviderError], str]] = [
    (400, "timeRangeEmpty", "", RefusedError, "range_empty"),
    (400, "timeRangeTooLong", "", RefusedError, "range_too_long"),
    (400, "badRequest", "", RefusedError, "content_refused"),
    (400, "invalid", "", RefusedError, "content_refused"),
    (400, "invalid", "attendees", RefusedError, "content_refused"),
    (400, "invalid", "syncToken", ResyncError, "cursor_expired"),
    (400, "invalid", "pageToken", RetryError, "paging_broken"),
    (400, "required", "", RefusedError, "content_refused"),
    (401, "authError", "Authorization", RefreshError, "token_refused"),
    (401, "somethingNew", "", RefreshError, "token_refused"),
    (403, "userRateLimitExceeded", "", WaitUntilError, "throttled"),
    (403, "rateLimitExceeded", "", WaitUntilError, "throttled"),
    (403, "RATE_LIMIT_EXCEEDED", "", WaitUntilError, "throttled"),
    (429, "rateLimitExceeded", "", WaitUntilError, "throttled"),
    (429, "", "", WaitUntilError, "throttled"),
    (403, "quotaExceeded", "", UsageLimitError, "usage_limit"),
    (403, "forbiddenForNonOrganizer", "", ForbiddenError, "not_organizer"),
    (403, "insufficientPermissions", "", ForbiddenError, "scopes_missing"),
    (403, "forbidden", "", ForbiddenError, "forbidden"),
    (403, "requiredAccessLevel", "", ForbiddenError, "forbidden"),
    (403, "accessNotConfigured", "", ParkError, "api_disabled"),
    (403, "notACalendarUser", "", ParkError, "no_calendar"),
    (403, "somethingNew", "", ForbiddenError, "forbidden"),
    (403, "", "", ForbiddenError, "forbidden"),
    (404, "notFound", "", NotFoundError, "not_found"),
    (404, "", "", NotFoundError, "not_found"),
    (409, "duplicate", "", ConflictError, "duplicate"),
    (410, "fullSyncRequired", "syncToken", ResyncError, "cursor_expired"),
    (410, "updatedMinTooLongAgo", "updatedMin", ResyncError, "cursor_expired"),
    (410, "deleted", "", NotFoundError, "event_gone"),
    (410, "", "", NotFoundError, "event_gone"),
    (412, "conditionNotMet", "If-Match", ConflictError, "conflict"),
    (500, "backendError", "", UnclearError, "unclear"),
    (503, "backendError", "", UnclearError, "unclear"),
    (502, "", "", UnclearError, "unclear"),
    (503, "", "", RetryError, "unavailable"),
    (302, "", "", RefusedError, "content_refused"),
]


@pytest.mark.parametrize(("status", "reason", "location", "kind", "code"), TABLE)
def test_a_refusal_says_what_to_do_next(
    status: int, reason: str, location: str, kind: type[ProviderError], code: str
) -> None:
    error = refused(status, body(reason, location) if reason else b"")
    assert type(error) is kind
    assert (error.code, error.status) == (code, status)
    assert "patch event" in str(error)
    assert "canary" not in f"{error!r} {vars(error)!r}"


@needs_facts
def test_the_table_has_every_error_of_the_facts() -> None:
    known = {(status, reason) for status, reason, *_ in TABLE}
    listed = {(e["status"], reason) for e in facts()["errors"] for reason in e["reason"].split("|")}
    assert listed <= known


@pytest.mark.parametrize("operation", [LIST, "patch event"])
def test_a_410_without_a_reason_means_what_was_asked(operation: str) -> None:
    kind = ResyncError if operation == LIST else NotFoundError
    assert type(refused(410, operation=operation)) is kind


@pytest.mark.parametrize(
    ("given", "wait", "told"), [({"retry-after": "7"}, 7, True), ({}, 30, False), ({"retry-after": "soon"}, 30, False)]
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_wait_that_google_names_is_kept(given: dict[str, str], wait: int, told: bool, status: int) -> None:
    error = refused(status, body("rateLimitExceeded"), **given)
    assert isinstance(error, WaitUntilError)
    assert (error.retry_at, error.told) == (NOW + timedelta(seconds=wait), told)


def test_the_reason_may_be_in_the_details_as_newer_apis_tell_it() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
    told = {"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"@type": "x"}, info]}}
    assert refused(403, json.dumps(told).encode()).code == "scopes_missing"


@pytest.mark.parametrize(
    "text",
    [b"", b"<html>", b"[]", b"{}", b'{"error": "x"}', b'{"error": {"errors": 1}}', b'{"error": {"errors": [1]}}'],
)
def test_a_body_of_any_other_shape_leaves_the_status(text: bytes) -> None:
    assert type(refused(403, text)) is ForbiddenError


def test_only_names_of_reasons_are_repeated() -> None:
    assert "token" not in str(refused(400, body("token=abc def")))
    assert "a b" not in str(busy_refusal("a b"))


def test_what_a_person_can_do_is_said() -> None:
    for reason in ("insufficientPermissions", "accessNotConfigured", "notACalendarUser", "forbiddenForNonOrganizer"):
        assert refused(403, body(reason)).remedy


# facts that are numbers and names here


@needs_facts
def test_sizes_are_what_google_takes() -> None:
    limits = facts()["limits"]
    assert limits["batch_max_calls"]["value"] == MOST_CALLS
    assert limits["freebusy.calendarExpansionMax"]["value"] == MOST_CALENDARS
    assert limits["events.list.maxResults"]["value"]["max"] == PAGE_SIZE
    assert limits["calendarList.list.maxResults"]["value"]["max"] == CALENDARS_PAGE
    assert timedelta(seconds=limits["channel.ttl_default_seconds"]["value"]) == CHANNEL_LIFE
    quota = limits["quota_numbers"]["value"]
    assert quota["per_minute_per_project"] == GOOGLE_CALENDAR.app_requests_per_minute
    assert quota["per_minute_per_user_per_project"] == GOOGLE_CALENDAR.requests_per_minute
    assert timedelta(days=90) >= LONGEST


@needs_facts
def test_ids_have_the_letters_and_the_length_that_google_takes() -> None:
    pattern = facts()["limits"]["event_id"]["value"]["pattern"]
    assert all(re.match(pattern, event_id(key, n)) for key in ("", "ä", "x" * 500) for n in range(IDS))


@needs_facts
def test_reasons_inside_a_free_busy_answer_are_all_known() -> None:
    assert set(facts()["freebusy_item_errors"]["reasons"]) == BUSY_REASONS.keys()


@needs_facts
def test_states_of_a_push_are_all_known() -> None:
    assert set(facts()["push"]["states"]) == STATES.keys()


@needs_facts
def test_the_addresses_are_googles() -> None:
    told, client = facts(), GoogleClient()
    assert (client.authorize_url, client.token_url) == (told["oauth"]["authorize"], told["oauth"]["token"])
    assert told["base_url"].startswith(f"{client.api_url}/calendar/v3/")
    assert told["oauth"]["refresh_rotation"] is False
    assert GOOGLE_CALENDAR.refresh_repeatable


@needs_facts
def test_calls_and_batches_go_where_the_configuration_says() -> None:
    here = resources("http://127.0.0.1:1")
    assert (
        here.events.get(calendarId="c", eventId="e").uri
        == "http://127.0.0.1:1/calendar/v3/calendars/c/events/e?alt=json"
    )
    assert here.batch()._batch_uri == "http://127.0.0.1:1/batch/calendar/v3"
    assert resources(GoogleClient().api_url).batch()._batch_uri == facts()["batch_url"]


@needs_facts
def test_nothing_is_sent_with_a_sync_token_that_google_forbids() -> None:
    """The parameters themselves are checked at the sandbox, in test_google_calendar_sync."""
    forbidden = set(facts()["sync"]["forbidden_with_syncToken"])
    assert not forbidden & {"alt", "fields", "maxAttendees", "maxResults", "singleEvents", "syncToken", "pageToken"}
