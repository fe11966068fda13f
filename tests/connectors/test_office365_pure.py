"""What is decided without asking Graph: the busy table, the error table, bodies, pushes, the declaration."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from office365_items import BLOB, JOIN, in_utc
from pydantic import ValidationError
from syncd_connectors.office365_calendar import (
    CLOUDS,
    OFFICE365_CALENDAR,
    MicrosoftClient,
    Office365Credential,
)
from syncd_connectors.office365_calendar.body import description_of, html_above_blob, text_of
from syncd_connectors.office365_calendar.busy import busy_time, is_declined, kind_of
from syncd_connectors.office365_calendar.marks import transaction_id
from syncd_connectors.office365_calendar.push import read_push
from syncd_connectors.office365_calendar.reading import LONGEST_SCHEDULE, LONGEST_VIEW, pieces
from syncd_connectors.office365_calendar.refusals import CHANGES, refusal
from syncd_connectors.office365_calendar.times import span_query

from syncd.connector import CalendarRead
from syncd.connector.oauth import missing_scopes
from syncd.connector.push import PushKind, PushNotice, PushRequest
from syncd.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
    ProviderError,
    RefreshError,
    RefusedError,
    ResyncError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.time import Window
from syncd.testing.contract import utc

NOW = utc(2027, 3, 1)
WINDOW = Window(utc(2027, 3, 1), utc(2027, 4, 1))
READ = CalendarRead(id="c", zone="Europe/Berlin")

# --- busy


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"showAs": "busy"}, BusyKind.BUSY),
        ({"showAs": "tentative"}, BusyKind.TENTATIVE),
        ({"showAs": "oof"}, BusyKind.OUT_OF_OFFICE),
        ({"showAs": "free"}, None),
        ({"showAs": "workingElsewhere"}, None),
        ({"showAs": "unknown"}, BusyKind.BUSY),
        ({"showAs": "unknownFutureValue"}, BusyKind.BUSY),
        ({"showAs": None}, BusyKind.BUSY),
        ({}, BusyKind.BUSY),
        ({"showAs": "busy", "isCancelled": True}, None),
        ({"showAs": "busy", "responseStatus": {"response": "declined"}}, None),
        ({"showAs": "busy", "responseStatus": {"response": "organizer"}}, BusyKind.BUSY),
        ({"showAs": "tentative", "responseStatus": {"response": "notResponded"}}, BusyKind.TENTATIVE),
        ({"showAs": "oof", "responseStatus": None}, BusyKind.OUT_OF_OFFICE),
    ],
)
def test_who_is_not_free_and_why(item: dict[str, Any], kind: BusyKind | None):
    assert kind_of(item) is kind


def test_what_is_shown_as_free_blocks_where_the_calendar_is_read_so():
    assert kind_of({"showAs": "free"}, transparent_is_busy=True) is BusyKind.BUSY
    assert kind_of({"showAs": "workingElsewhere"}, transparent_is_busy=True) is None
    assert kind_of({"showAs": "free", "isCancelled": True}, transparent_is_busy=True) is None
    assert is_declined({"responseStatus": {"response": "declined"}})


def timed(start: datetime, end: datetime, **fields: Any) -> dict[str, Any]:
    return {"id": "AAMk-1", "showAs": "busy", "start": in_utc(start), "end": in_utc(end), **fields}


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        pytest.param(utc(2027, 2, 28, 23), utc(2027, 3, 1), False, id="ends where the window begins"),
        pytest.param(utc(2027, 2, 28, 23), utc(2027, 3, 1, 0, 1), True, id="reaches in"),
        pytest.param(utc(2027, 3, 31, 23), utc(2027, 4, 2), True, id="reaches out"),
        pytest.param(utc(2027, 4, 1), utc(2027, 4, 2), False, id="begins where it ends"),
        pytest.param(utc(2027, 3, 5), utc(2027, 3, 5), False, id="takes no time"),
    ],
)
def test_only_what_overlaps_the_window_counts(start: datetime, end: datetime, inside: bool):
    assert bool(busy_time(timed(start, end), READ, WINDOW)) is inside


def test_a_whole_day_blocks_from_midnight_in_the_calendars_zone():
    days = {"dateTime": "2027-03-28T00:00:00.0000000", "timeZone": "UTC"}
    after = {"dateTime": "2027-03-29T00:00:00.0000000", "timeZone": "UTC"}
    item = {"id": "x", "showAs": "busy", "isAllDay": True, "start": days, "end": after}
    found = busy_time(item, READ, WINDOW)
    assert found == BusyTime(utc(2027, 3, 27, 23), utc(2027, 3, 28, 22), uid="x")


@pytest.mark.parametrize(
    ("fields", "uid"),
    [
        ({"transactionId": transaction_id("k", "ours@syncd"), "iCalUId": "0400"}, "ours@syncd"),
        ({"transactionId": "localevent:1", "iCalUId": "0400"}, "0400"),
        ({}, "AAMk-1"),
    ],
)
def test_a_busy_time_is_known_by_our_uid_then_by_its_own(fields: dict[str, Any], uid: str):
    found = busy_time(timed(utc(2027, 3, 5), utc(2027, 3, 6), **fields), READ, WINDOW)
    assert found is not None
    assert found.uid == uid


@pytest.mark.parametrize("longest", [LONGEST_SCHEDULE, LONGEST_VIEW])
@pytest.mark.parametrize("days", [1, 62, 62.5, 124, 1825, 1826, 4000])
def test_pieces_of_a_window_leave_no_gap_and_no_tail(days: float, longest: timedelta):
    window = Window(NOW, NOW + timedelta(days=days))
    found = list(pieces(window, longest))
    assert found[0].start == window.start
    assert found[-1].end == window.end
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(piece.end - piece.start <= longest for piece in found)


def test_a_view_to_a_fraction_of_a_second_asks_for_the_whole_second():
    window = Window(NOW + timedelta(milliseconds=1), NOW + timedelta(milliseconds=1500))
    assert span_query(window) == {"startDateTime": "2027-03-01T00:00:00Z", "endDateTime": "2027-03-01T00:00:02Z"}


# --- refusals


def refused(status: int, code: str = "", operation: str = "GET event", **headers: str) -> ProviderError:
    error = {"code": code, "message": "words of theirs", "innerError": {"request-id": "r-2"}}
    return refusal(status, headers, {"error": error} if code else None, operation, NOW)


@pytest.mark.parametrize(
    ("status", "code", "kind", "ours"),
    [
        (400, "ErrorInvalidRequest", RefusedError, "content_refused"),
        (400, "BadRequest", RefusedError, "content_refused"),
        (400, "ErrorPropertyValidationFailure", RefusedError, "content_refused"),
        (400, "ErrorInvalidIdMalformed", NotFoundError, "not_found"),
        (400, "ErrorTimeIntervalTooBig", RefusedError, "window_refused"),
        (400, "ErrorInvalidTimeInterval", RefusedError, "window_refused"),
        (400, "ErrorMailboxDataArrayTooBig", RefusedError, "window_refused"),
        (400, "ErrorOccurrenceCrossingBoundary", RefusedError, "occurrence_crossing"),
        (400, "SyncStateNotFound", ResyncError, "cursor_expired"),
        (404, "syncStateNotFound", ResyncError, "cursor_expired"),
        (400, "SyncStateInvalid", ResyncError, "cursor_expired"),
        (410, "resyncRequired", ResyncError, "cursor_expired"),
        (410, "resyncChangesApplyDifferences", ResyncError, "cursor_expired"),
        (410, "ResyncChangesUploadDifferences", ResyncError, "cursor_expired"),
        (401, "InvalidAuthenticationToken", RefreshError, "token_refused"),
        (401, "", RefreshError, "token_refused"),
        (403, "ErrorAccessDenied", ForbiddenError, "forbidden"),
        (403, "", ForbiddenError, "forbidden"),
        (404, "ErrorItemNotFound", NotFoundError, "not_found"),
        (404, "MailboxNotEnabledForRESTAPI", ForbiddenError, "no_mailbox"),
        (404, "ResourceNotFound", ForbiddenError, "no_mailbox"),
        (404, "ErrorInvalidUser", ForbiddenError, "no_mailbox"),
        (404, "", NotFoundError, "not_found"),
        (409, "ErrorIrresolvableConflict", ConflictError, "conflict"),
        (409, "Conflict", ConflictError, "conflict"),
        (412, "ErrorIrresolvableConflict", ConflictError, "conflict"),
        (412, "PreconditionFailed", ConflictError, "conflict"),
        (429, "TooManyRequests", WaitUntilError, "throttled"),
        (429, "ApplicationThrottled", WaitUntilError, "throttled"),
        (503, "ConcurrentItemSave", UnclearError, "unclear"),
        (503, "ServiceUnavailable", RetryError, "unavailable"),
        (504, "GatewayTimeout", UnclearError, "unclear"),
        (504, "UnknownError", UnclearError, "unclear"),
        (500, "", UnclearError, "unclear"),
        (507, "QuotaExceeded", ForbiddenError, "quota"),
    ],
)
def test_a_refusal_says_what_to_do_next(status: int, code: str, kind: type[ProviderError], ours: str):
    error = refused(status, code)
    assert (type(error), error.code, error.status) == (kind, ours, status)
    assert "words of theirs" not in str(error)


def test_410_without_a_code_kills_a_cursor_and_nothing_else():
    assert isinstance(refused(410, operation=CHANGES), ResyncError)
    assert isinstance(refused(410), NotFoundError)


@pytest.mark.parametrize(("status", "code"), [(429, "ApplicationThrottled"), (503, "ServiceUnavailable")])
def test_a_time_that_graph_names_is_waited_for(status: int, code: str):
    error = refused(status, code, **{"Retry-After": "17"})
    assert isinstance(error, WaitUntilError)
    assert (error.told, error.retry_at) == (True, NOW + timedelta(seconds=17))


def test_throttling_without_a_time_leaves_it_to_the_guard():
    error = refused(429, "TooManyRequests")
    assert isinstance(error, WaitUntilError)
    assert not error.told


def test_the_requests_id_is_kept_from_the_header_or_the_body():
    assert refused(403, "ErrorAccessDenied", **{"request-id": "r-1"}).request_id == "r-1"
    assert refused(403, "ErrorAccessDenied").request_id == "r-2"
    assert refused(429, "TooManyRequests").request_id == "r-2"


def test_what_is_no_code_is_not_repeated():
    assert "secret" not in str(refused(400, "secret <b>words</b>"))


# --- bodies

LINE = "_" * 80
NEW = "<div>New<br>&lt;text&gt;</div>"


@pytest.mark.parametrize(
    ("body", "url", "expected"),
    [
        pytest.param("<div>Old</div>{blob}", JOIN, "<div>New<br>&lt;text&gt;</div>{blob}", id="blob beside ours"),
        pytest.param(
            "<html><head></head><body>\n<div>Old</div>\n{blob}</body></html>",
            "",
            "<html><head></head><body><div>New<br>&lt;text&gt;</div>{blob}</body></html>",
            id="known by its line",
        ),
        pytest.param(
            "<body><div><p>Old &amp; long</p><br>{blob}</div></body>",
            JOIN,
            "<body><div>New<br>&lt;text&gt;</div>{blob}</div></body>",
            id="both inside one element",
        ),
        pytest.param("<body>{blob}</body>", JOIN, f"<body>{NEW}{{blob}}</body>", id="nothing above"),
        pytest.param(
            f'<body>Old<p><a href="{JOIN.replace("&", "&amp;")}">Join</a></p></body>',
            JOIN,
            f'<body><div>New<br>&lt;text&gt;</div><p><a href="{JOIN.replace("&", "&amp;")}">Join</a></p></body>',
            id="known by its link alone",
        ),
    ],
)
def test_the_join_text_survives_a_new_description(body: str, url: str, expected: str):
    blob = BLOB.format(url=JOIN.replace("&", "&amp;"))
    assert html_above_blob("New\n<text>", body.replace("{blob}", blob), url) == expected.replace("{blob}", blob)


def test_a_body_without_join_text_is_not_touched():
    assert html_above_blob("New", "<body><p>Old</p></body>", JOIN) is None


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (
            "text",
            f"Ours\r\nsecond\r\n\r\n{LINE}\r\nTeams meeting\r\nJoin: {JOIN}\r\n{LINE}\r\n",
            "Ours\nsecond",
        ),
        ("text", f"Ours\r\n\r\nJoin: {JOIN}\r\n", "Ours"),
        ("html", f"<body><div>Ours<br>second</div>{BLOB.format(url=JOIN)}</body>", "Ours\nsecond"),
    ],
)
def test_the_description_ends_where_the_join_text_begins(kind: str, content: str, expected: str):
    item = {"body": {"contentType": kind, "content": content}, "isOnlineMeeting": True}
    assert description_of({**item, "onlineMeeting": {"joinUrl": JOIN}}) == expected


def test_a_line_in_the_description_of_an_ordinary_event_is_text():
    text = f"above\n{LINE}\nbelow"
    assert description_of({"body": {"contentType": "text", "content": text}}) == text


def test_html_is_read_as_a_person_does():
    page = "<html><head><style>p{}</style></head><body><p>One&nbsp;&amp; two</p>\n<p>three<br>four</p></body></html>"
    assert text_of(page) == "One & two\nthree\nfour"


# --- pushes


def push(value: Any, query: dict[str, str] | None = None) -> PushRequest:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return PushRequest(query=query or {}, headers={"content-type": "application/json"}, body=body)


def test_the_handshake_gets_its_token_back_as_it_was():
    answer = read_push(push(b"", {"validationToken": "Validation: <b>& token"}))
    assert (answer.status, answer.text, answer.notices) == (200, "Validation: <b>& token", ())


def test_notifications_name_their_subscription_and_its_secret_once_each():
    one = {"subscriptionId": "s-1", "clientState": "t-1", "changeType": "updated", "resource": "x"}
    other = {**one, "subscriptionId": "s-2", "clientState": "t-2"}
    answer = read_push(push({"value": [one, other, one]}))
    assert answer.status == 202
    assert answer.text == ""
    assert answer.notices == (
        PushNotice(channel_id="s-1", token="t-1", kind=PushKind.CHANGED),
        PushNotice(channel_id="s-2", token="t-2", kind=PushKind.CHANGED),
    )


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("reauthorizationRequired", PushKind.RENEW),
        ("subscriptionRemoved", PushKind.GONE),
        ("missed", PushKind.MISSED),
        ("somethingNew", PushKind.MISSED),
    ],
)
def test_a_lifecycle_notification_says_what_to_do(event: str, kind: PushKind):
    told = {"subscriptionId": "s-1", "clientState": "t-1", "lifecycleEvent": event}
    assert read_push(push({"value": [told]})).notices == (PushNotice(channel_id="s-1", token="t-1", kind=kind),)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"value": 1}', b'{"value": ["x"]}', b'{"value": [{}]}'])
def test_what_is_not_graphs_is_refused(body: bytes):
    with pytest.raises(InputError):
        read_push(push(body))


def test_a_notification_without_a_secret_is_believed_by_nobody():
    (notice,) = read_push(push({"value": [{"subscriptionId": "s-1"}]})).notices
    assert notice.token == ""


# --- the declaration


@pytest.mark.parametrize("cloud", list(CLOUDS))
def test_a_cloud_chooses_both_addresses(cloud: str):
    client = MicrosoftClient.model_validate({"cloud": cloud})
    assert (client.authority, client.graph_url) == CLOUDS[cloud]


def test_an_address_that_is_given_wins():
    client = MicrosoftClient(cloud="china", graph_url="http://127.0.0.1:1/")
    assert (client.authority, client.graph_url) == (CLOUDS["china"][0], "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "given",
    [
        {"authority": "http://login.example"},
        {"graph_url": "http://graph.example"},
        {"cloud": "moon"},
        {"tenant": "a/b"},
        {"batch": 21},
        {"unknown": 1},
    ],
)
def test_a_registration_that_cannot_be_used_is_refused(given: dict[str, Any]):
    with pytest.raises(ValidationError):
        MicrosoftClient.model_validate(given)


DELEGATED = {"tenant_id": "contoso.example", "client_id": "c", "private_key": "s", "subject": "ana@example.com"}


def test_a_credential_is_a_token_or_a_delegation():
    person = Office365Credential.model_validate({"access_token": "t", "expiry_date": 1_800_000_000, "email": "a@x"})
    assert (person.delegated, person.expiry_date) == (False, 1_800_000_000_000)
    assert Office365Credential.model_validate(DELEGATED).delegated
    assert OFFICE365_CALENDAR.account(person) == "a@x"
    assert OFFICE365_CALENDAR.account(Office365Credential.model_validate(DELEGATED)) == "ana@example.com"


@pytest.mark.parametrize("missing", [*DELEGATED, "all"])
def test_half_a_credential_is_none(missing: str):
    given = {} if missing == "all" else {name: value for name, value in DELEGATED.items() if name != missing}
    with pytest.raises(ValidationError) as refused:
        Office365Credential.model_validate(given)
    assert "contoso" not in str(refused.value.errors(include_input=False))


def test_a_tenant_that_would_leave_its_part_of_the_path_is_refused():
    with pytest.raises(ValidationError):
        Office365Credential.model_validate({**DELEGATED, "tenant_id": "../common"})


def test_a_token_must_be_able_to_write():
    assert missing_scopes(OFFICE365_CALENDAR.scopes, "https://graph.microsoft.com/Calendars.ReadWrite openid") == []
    assert missing_scopes(OFFICE365_CALENDAR.scopes, "Calendars.ReadWrite.Shared") == []
    assert missing_scopes(OFFICE365_CALENDAR.scopes, "Calendars.Read User.Read")


def test_the_limits_are_the_mailboxes():
    assert (OFFICE365_CALENDAR.concurrency, OFFICE365_CALENDAR.requests_per_minute) == (4, 1000)
    assert OFFICE365_CALENDAR.push is not None
    assert timedelta(minutes=10_000) < OFFICE365_CALENDAR.push.life < timedelta(minutes=10_080)
