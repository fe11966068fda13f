"""The checks of what crosses a sandbox find each kind of mismatch, and nothing where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from sandboxed import provoked, sandboxed
from spec import google
from spec.exchanges import SPECS, spec
from spec.paths import Paths
from spec_checks import CHECKS

from syncd.sandbox import Answer, Exchange, Provider, Request, Route

GOOGLE, GRAPH, ZOHO = "google-calendar", "office365-calendar", "zohocalendar"
EVENTS = "/calendar/v3/calendars/primary/events"
JSON = "application/json; charset=utf-8"

needs_specs = pytest.mark.skipif(
    not SPECS.is_dir(),
    reason="../shared/specs is not here: Microsoft's document and Zoho's facts are not checked against",
)


def crossed(
    provider: str,
    call: str,
    sent: Any = None,
    told: Any = None,
    status: int | None = 200,
    *,
    forced: bool = False,
    headers: dict[str, str] | None = None,
) -> Exchange:
    """An exchange: `call` is method and target, what was sent and told is JSON (bytes as they are)."""
    method, target = call.split(" ", 1)
    path, _, query = target.partition("?")
    return Exchange(
        provider=provider,
        request=Request(method, path, query, {"content-type": JSON, **(headers or {})}, _encoded(sent)),
        template="",
        status=status,
        headers={"Content-Type": JSON},
        body=_encoded(told),
        forced=forced,
    )


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"" if value is None else json.dumps(value).encode()


def found(*given: Any, **named: Any) -> list[str]:
    """What is wrong with an exchange."""
    exchange = crossed(*given, **named)
    return CHECKS[exchange.provider](exchange)


GOOGLE_ERROR = {"error": {"errors": [{"domain": "global", "reason": "notFound", "message": "Not Found"}], "code": 404,
                          "message": "Not Found"}}  # fmt: skip
TIMES = {"start": {"dateTime": "2026-03-02T10:00:00Z"}, "end": {"dateTime": "2026-03-02T11:00:00Z"}}

GOOGLE_GOOD = {
    "a listing": (f"GET {EVENTS}?maxResults=5&singleEvents=true&timeMin=2026-03-02T00:00:00Z&alt=json&fields=items",
                  None, {"kind": "calendar#events", "items": [{"kind": "calendar#event", "status": "tentative"}]}, 200),
    "a parameter that is listed as repeated": (f"GET {EVENTS}?eventTypes=default&eventTypes=birthday", None, {}, 200),
    "a creation": (f"POST {EVENTS}?conferenceDataVersion=1", {"summary": "x", **TIMES}, {"id": "abcde"}, 200),
    "a time without an offset, in a zone": (
        f"POST {EVENTS}", {**TIMES, "start": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"}}, {}, 200),
    "a patch that removes fields": (f"PATCH {EVENTS}/x", {"location": None, "start": {"date": None}}, {}, 200),
    "free fields": (f"POST {EVENTS}", {**TIMES, "extendedProperties": {"private": {"mine": "1"}}}, {}, 200),
    "a deletion": (f"DELETE {EVENTS}/x?sendUpdates=all", None, None, 204),
    "what has not changed": (f"GET {EVENTS}/x", None, None, 304),
    "a refusal": (f"GET {EVENTS}/x", None, GOOGLE_ERROR, 404),
    "an answer with a field that is new": (f"GET {EVENTS}/x", None, {"novelty": 1}, 200),
    "a token": ("POST /token", {"any": "thing"}, {"any": "thing"}, 200),
}  # fmt: skip

GOOGLE_BAD = {
    "a path": ("GET /calendar/v3/calendars", None, {}, 200, "has no GET of this path"),
    "a path outside": ("GET /drive/v3/files", None, {}, 200, "has no GET of this path"),
    "a method": (f"PUT {EVENTS}", None, {}, 200, "has no PUT of this path"),
    "a parameter": (f"GET {EVENTS}?max=5", None, {}, 200, "query parameter 'max' is not listed"),
    "a parameter's type": (f"GET {EVENTS}?singleEvents=yes", None, {}, 200, "'yes' is not of type 'boolean'"),
    "a parameter's least value": (f"GET {EVENTS}?maxResults=0", None, {}, 200, "0 is less than the minimum of 1"),
    "a parameter's values": (f"GET {EVENTS}?orderBy=id", None, {}, 200, "'id' is not one of"),
    "a parameter's format": (f"GET {EVENTS}?timeMin=2026-03-02", None, {}, 200, "is not a 'date-time'"),
    "a parameter twice": (f"GET {EVENTS}?q=a&q=b", None, {}, 200, "'q' comes 2 times"),
    "a parameter that is missing": (f"POST {EVENTS}/x/move", None, {}, 200, "lacks the query parameter 'destination'"),
    "no body": (f"POST {EVENTS}", None, {}, 200, "lacks its body"),
    "a body that is not listed": (f"DELETE {EVENTS}/x", {}, None, 204, "has a body, and none is listed"),
    "a body that is no JSON": (f"POST {EVENTS}", b"{", {}, 200, "request's body is no JSON"),
    "a field": (f"POST {EVENTS}", {**TIMES, "attendees": [{"mail": ""}]}, {}, 200, "'attendees[0].mail' is not listed"),
    "a field's type": (f"POST {EVENTS}", {**TIMES, "summary": 1}, {}, 200, "body at summary: 1 is not of type"),
    "a field's values": (f"POST {EVENTS}", {**TIMES, "visibility": "secret"}, {}, 200, "'secret' is not one of"),
    "a field that is missing": (f"POST {EVENTS}", {"start": TIMES["start"]}, {}, 200, "'end' is a required"),
    "a time without offset": (
        f"POST {EVENTS}", {**TIMES, "start": {"dateTime": "2026-03-02T10:00:00"}}, {}, 200, "is not a 'date-time'"),
    "null where nothing is patched": (f"POST {EVENTS}", {**TIMES, "summary": None}, {}, 200, "None"),
    "an answer's type": (f"GET {EVENTS}/x", None, {"sequence": "1"}, 200, "answer 200 at sequence"),
    "an answer's kind": (f"GET {EVENTS}/x", None, {"kind": "calendar#events"}, 200, "answer 200 at kind"),
    "an answer's int64": (f"POST {EVENTS}/watch", {"id": "x"}, {"expiration": 1}, 200, "answer 200 at expiration"),
    "an answer deep inside": (
        f"GET {EVENTS}", None, {"items": [{"status": "gone"}]}, 200, "at items[0].status: 'gone' is not one of"),
    "an answer that is no JSON": (f"GET {EVENTS}", None, b"<html>", 200, "answer 200 is no JSON"),
    "an answer without a body": (f"GET {EVENTS}", None, None, 200, "answer 200 is no JSON"),
    "an answer with a body": (f"DELETE {EVENTS}/x", None, {}, 204, "answer 204 has a body"),
    "an error's shape": (f"GET {EVENTS}/x", None, {"error": "notFound"}, 404, "answer 404 at error"),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOGLE_GOOD)
def test_what_google_documents_passes(case: str) -> None:
    assert found(GOOGLE, *GOOGLE_GOOD[case]) == []


@pytest.mark.parametrize("case", GOOGLE_BAD)
def test_what_google_does_not_document_is_found(case: str) -> None:
    *given, expected = GOOGLE_BAD[case]
    mismatches = found(GOOGLE, *given)
    assert mismatches
    assert all(expected in mismatch for mismatch in mismatches)


@needs_specs
def test_the_cut_of_googles_document_says_the_same_as_the_installed_one() -> None:
    cut, whole = spec("google-calendar/calendar.v3.discovery.cut.json"), google.document()
    if cut["revision"] != whole["revision"]:
        pytest.skip(f"the cut is of revision {cut['revision']}, the installed client's document of {whole['revision']}")
    assert cut["schemas"].items() <= whole["schemas"].items()
    for name, resource in cut["resources"].items():
        assert resource["methods"].items() <= whole["resources"][name]["methods"].items()


# Google's batches


def _multipart(parts: dict[str, str], kind: str = "multipart/mixed") -> tuple[dict[str, str], bytes]:
    told = [
        f"--cut\r\nContent-Type: application/http\r\nContent-ID: <{name}>\r\n\r\n{text}\r\n"
        for name, text in parts.items()
    ]
    return {"Content-Type": f'{kind}; boundary="cut"'}, "".join([*told, "--cut--\r\n"]).encode()


def _batched(sent: dict[str, str], told: dict[str, str], kind: str = "multipart/mixed") -> list[str]:
    headers, body = _multipart(sent, kind)
    request = Request("POST", google.BATCH, "", {name.lower(): value for name, value in headers.items()}, body)
    headers, body = _multipart(told)
    return google.check(
        Exchange(provider=GOOGLE, request=request, template="", status=200, headers=headers, body=body, forced=False)
    )


ASKED = f"GET {EVENTS}/x?alt=json HTTP/1.1\r\nAccept: application/json\r\n\r\n"
TOLD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + '{"status": "confirmed"}'


def test_a_batch_as_google_documents_it_passes() -> None:
    assert _batched({"1": ASKED, "2": ASKED}, {"response-2": TOLD, "response-1": TOLD}) == []


@pytest.mark.parametrize(
    ("sent", "told", "kind", "expected"),
    [
        ({"1": ASKED.replace("alt", "alto")}, {"response-1": TOLD}, "mixed", "parameter 'alto' is not listed"),
        ({"1": ASKED}, {"response-1": TOLD.replace("confirmed", "gone")}, "mixed", "'gone' is not one of"),
        ({"1": ASKED}, {"1": TOLD}, "mixed", "are answered by ['1']"),
        ({"1": ASKED}, {"response-1": TOLD}, "parallel", "instead of multipart/mixed"),
        ({str(n): ASKED for n in range(51)}, {f"response-{n}": TOLD for n in range(51)}, "mixed", "51 calls"),
    ],
    ids=["request", "answer", "ids", "kind", "size"],
)
def test_a_mismatch_inside_a_batch_of_google_is_found(
    sent: dict[str, str], told: dict[str, str], kind: str, expected: str
) -> None:
    (mismatch,) = _batched(sent, told, f"multipart/{kind}")
    assert expected in mismatch


# Microsoft

VIEW = "/v1.0/me/calendarView?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-03-02T00:00:00Z"
GRAPH_ERROR = {"error": {"code": "ErrorItemNotFound", "message": "Not found."}}
START = {"dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time"}
BUSY = {"schedules": ["ana@example.com"], "startTime": START, "endTime": START, "availabilityViewInterval": 30}

GRAPH_GOOD = {
    "a listing": (f"GET {VIEW}&$select=id,subject&$top=9", None,
                  {"@odata.context": "x", "value": [{"@odata.etag": "x", "showAs": "oof", "recurrence": None}]}, 200),
    "the next page of a listing": ("GET /v1.0/me/calendarView?$skiptoken=x", None, {"value": []}, 200),
    "what changed": ("GET /v1.0/me/calendarView/delta?$deltatoken=x", None,
                     {"value": [{"id": "1", "@removed": {"reason": "deleted"}}], "@odata.deltaLink": "x"}, 200),
    "a creation": ("POST /v1.0/me/events", {"@odata.type": "#microsoft.graph.event", "subject": "x", "start": START,
                                            "transactionId": "t", "location": {"displayName": "x"}}, {"id": "1"}, 201),
    "a deletion": ("DELETE /v1.0/me/events/1", None, None, 204),
    "schedules in small letters": ("POST /v1.0/me/calendar/getSchedule", BUSY, {"value": []}, 200),
    "schedules as the document spells them": (
        "POST /v1.0/me/calendar/getSchedule", {k[0].upper() + k[1:]: v for k, v in BUSY.items()}, {"value": []}, 200),
    "a refusal": ("GET /v1.0/me/events/1", None, GRAPH_ERROR, 404),
    "the login service": ("POST /organizations/oauth2/v2.0/token", {"any": 1}, {"any": 1}, 200),
    "a tenant's keys": ("GET /common/discovery/v2.0/keys", None, {"any": 1}, 200),
}  # fmt: skip

GRAPH_BAD = {
    "a path": ("GET /v1.0/me/messages", None, {}, 200, "has no GET of this path"),
    "the beta": ("GET /beta/me/events", None, {}, 200, "has no GET of this path"),
    "a parameter": (f"GET {VIEW}&$page=2", None, {"value": []}, 200, "query parameter '$page' is not listed"),
    "a parameter beside a token": (
        "GET /v1.0/me/calendarView/delta?$deltatoken=x&page=2", None, {"value": []}, 200, "'page' is not listed"),
    "a parameter that is missing": ("GET /v1.0/me/calendarView?startDateTime=2026-03-01T00:00:00Z", None, {"value": []},
                                    200, "lacks the query parameter 'endDateTime'"),
    "a field": ("POST /v1.0/me/events", {"start": {**START, "zone": "UTC"}}, {}, 201, "'start.zone' is not listed"),
    "a field of an action": (
        "POST /v1.0/me/calendar/getSchedule", {**BUSY, "users": []}, {}, 200, "'users' is not listed"),
    "a field's values": ("POST /v1.0/me/events", {"showAs": "away"}, {}, 201, "'away' is not one of"),
    "an object where something or nothing is due": ("POST /v1.0/me/events", {"start": {"dateTime": 5}}, {}, 201,
                                                    "body at start.dateTime: 5 is not of type"),
    "an answer": (f"GET {VIEW}", None, {"value": [{"isAllDay": "no"}]}, 200, "answer 200 at value[0].isAllDay"),
    "an error's shape": ("GET /v1.0/me/events/1", None, {"error": {"code": "x"}}, 404, "'message' is a required"),
}  # fmt: skip


@needs_specs
@pytest.mark.parametrize("case", GRAPH_GOOD)
def test_what_microsoft_documents_passes(case: str) -> None:
    assert found(GRAPH, *GRAPH_GOOD[case]) == []


@needs_specs
@pytest.mark.parametrize("case", GRAPH_BAD)
def test_what_microsoft_does_not_document_is_found(case: str) -> None:
    *given, expected = GRAPH_BAD[case]
    (mismatch,) = found(GRAPH, *given)
    assert expected in mismatch


IN_JSON = {"Content-Type": "application/json"}
ONE = {"id": "1", "method": "GET", "url": "/me/calendars"}
LISTED = {"id": "1", "status": 200, "headers": IN_JSON, "body": {"value": []}}
LATE = {"id": "1", "status": 429, "headers": {**IN_JSON, "Retry-After": "9"}, "body": GRAPH_ERROR}


@needs_specs
@pytest.mark.parametrize(
    ("sent", "told", "expected"),
    [
        ([ONE], [LISTED], ""),
        ([ONE], [LATE], ""),
        ([{**ONE, "url": "me/calendars"}], [LISTED], ""),
        ([{**ONE, "url": "/me/calendars?$tip=1"}], [LISTED], "query parameter '$tip' is not listed"),
        ([{**ONE, "body": {"name": "x"}, "headers": IN_JSON}], [LISTED], "has a body, and none is listed"),
        ([ONE], [{**LISTED, "body": {"value": [{"id": 1}]}}], "answer 200 at value[0].id"),
        ([ONE], [{**LATE, "body": {"code": "x"}}], "'error' is a required property"),
        ([ONE], [{**LISTED, "id": "2"}], "are not the requests'"),
        ([ONE] * 21, [LISTED], "at requests:"),
        ([{**ONE, "method": "HEAD"}], [LISTED], "'HEAD' is not one of"),
        ([{**ONE, "priority": 1}], [LISTED], "'requests[0].priority' is not listed"),
    ],
)
def test_each_request_inside_a_batch_of_microsoft_is_checked(
    sent: list[dict[str, Any]], told: list[dict[str, Any]], expected: str
) -> None:
    mismatches = found(GRAPH, "POST /v1.0/$batch", {"requests": sent}, {"responses": told})
    if expected:
        assert any(expected in mismatch for mismatch in mismatches)
    else:
        assert mismatches == []


# Zoho

API = "/api/v1/calendars"
RANGE = '?range={"start":"20260301","end":"20260401T000000Z"}'
SENT = {"title": "x", "dateandtime": {"start": "20260302T100000Z", "end": "20260302T110000Z", "timezone": "UTC"}}
TOLD_EVENT = {"uid": "x", "etag": 1, "start": "20260302T110000", "isallday": False,
              "attendees": [{"email": "ben@example.com", "status": "ACCEPTED"}]}  # fmt: skip
ZOHO_TOKEN = {"authorization": "Zoho-oauthtoken t"}


def _eventdata(**fields: Any) -> str:
    return f"?{urlencode({'eventdata': json.dumps({**SENT, **fields})})}"


ZOHO_GOOD = {
    "calendars": (f"GET {API}?category=own", {"calendars": [{"uid": "x", "ctag": 1, "name": "", "novelty": 1}]}, 200),
    "a calendar elsewhere": ("GET /eu/api/v1/calendars/primary", {"calendars": [{"uid": "x"}]}, 200),
    "events": (f"GET {API}/x/events{RANGE}&byinstance=true", {"events": [TOLD_EVENT]}, 200),
    "a creation": (f"POST {API}/x/events{_eventdata(attendees=[{'email': 'a@b.c'}])}", {"events": [TOLD_EVENT]}, 200),
    "a change": (
        f"PUT {API}/x/events/y{_eventdata(etag=1, recurrence_edittype='only')}", {"events": [TOLD_EVENT]}, 200),
    "a deletion": (f"DELETE {API}/x/events/y{_eventdata(uid='y', etag='1')}", {"events": [{"uid": "y"}]}, 200),
    "a move": (f"PUT {API}/x/events/y/move?destinationcaluid=z", {"events": [TOLD_EVENT]}, 200),
    "free/busy": (
        f"GET {API}/freebusy?uemail=a@b.c&sdate=20260301T000000&edate=20260302T000000&ftype=eventbased",
        {"fb_not_enabled": False, "freebusy": [{"startTime": "", "endTime": "", "fbtype": "busy"}]}, 200),
    "free/busy by day": (f"GET {API}/freebusy?uemail=a@b.c&sdate=20260301T000000&edate=20260302T000000",
                         {"20260301": [None, ["00:30-01:00"]]}, 200),
    "a refusal": (f"GET {API}", {"error": [{"message": "INVALID_OAUTHTOKEN"}]}, 401),
    "a token": ("POST /eu/oauth/v2/token", {"access_token": "t", "api_domain": "x"}, 200),
    "no token": ("POST /oauth/v2/token", {"error": "invalid_code"}, 200),
    "a consent page": ("GET /oauth/v2/auth", b"<html>", 200),
}  # fmt: skip

ZOHO_BAD = {
    "a path": ("GET /api/v2/calendars", {}, 200, "no GET of this path"),
    "a method": (f"PATCH {API}/x/events/y", {}, 200, "no PATCH of this path"),
    "a parameter": (f"GET {API}?all=1", {"calendars": []}, 200, "parameter 'all' is not listed"),
    "no range": (f"GET {API}/x/events", {"events": []}, 200, "lacks the parameter 'range'"),
    "another range": (f"GET {API}/x/events?range=20260301", {"events": []}, 200, "'range'"),
    "no eventdata": (f"POST {API}/x/events", {"events": []}, 200, "lacks the parameter 'eventdata'"),
    "a key": (f"POST {API}/x/events{_eventdata(summary='x')}", {"events": []}, 200, "key 'summary' is not listed"),
    "a key inside": (f"POST {API}/x/events{_eventdata(attendees=[{'email': 'a@b.c', 'status': 'x'}])}", {"events": []},
                     200, "key 'attendees.status' is not listed"),
    "a value": (f"PUT {API}/x/events/y{_eventdata(etag=1, recurrence_edittype='one')}", {"events": []},
                200, "'one' is not"),
    "a long text": (f"POST {API}/x/events{_eventdata(location='x' * 256)}", {"events": []}, 200, "longer than 255"),
    "a time": (f"POST {API}/x/events{_eventdata(dateandtime={'start': '20260302T100000', 'end': '20260302'})}",
               {"events": []}, 200, "dateandtime.start"),
    "free/busy's time": (
        f"GET {API}/freebusy?uemail=a@b.c&sdate=20260301T000000Z&edate=20260302T000000", {}, 200, "'sdate'"),
    "a change without etag": (f"PUT {API}/x/events/y{_eventdata()}", {"events": []}, 200, "lacks the etag"),
    "a deletion without etag": (f"DELETE {API}/x/events/y", {"events": []}, 200, "lacks the header 'etag'"),
    "an answer's list": (f"GET {API}", {"data": []}, 200, "no list of calendars"),
    "an answer's type": (f"GET {API}", {"calendars": [{"uid": "x", "ctag": "1"}]}, 200, "calendars.ctag: '1' is not"),
    "an answer inside": (f"GET {API}/x/events{RANGE}", {"events": [{"uid": "x", "attendees": [{"email": 1}]}]}, 200,
                         "events.attendees.email: 1 is not"),
    "an answer's uid": (f"GET {API}/x/events{RANGE}", {"events": [{}]}, 200, "'uid' is missing"),
    "an error's shape": (f"GET {API}", {"error": "INVALID"}, 401, "no error with a message"),
    "an answer that is no JSON": (f"GET {API}", b"<html>", 200, "no JSON object"),
    "a token's answer": ("POST /oauth/v2/token", {"access_token": "t"}, 200, "api_domain"),
}  # fmt: skip


@needs_specs
@pytest.mark.parametrize("case", ZOHO_GOOD)
def test_what_is_known_of_zoho_passes(case: str) -> None:
    call, told, status = ZOHO_GOOD[case]
    assert found(ZOHO, call, None, told, status, headers=ZOHO_TOKEN) == []


@needs_specs
@pytest.mark.parametrize("case", ZOHO_BAD)
def test_what_is_not_known_of_zoho_is_found(case: str) -> None:
    call, told, status, expected = ZOHO_BAD[case]
    (mismatch,) = found(ZOHO, call, None, told, status, headers=ZOHO_TOKEN)
    assert expected in mismatch


@needs_specs
def test_a_body_of_json_and_another_scheme_are_found_at_zoho() -> None:
    mismatches = found(
        ZOHO, f"POST {API}/x/events{_eventdata()}", {}, {"events": []}, headers={"authorization": "Bearer t"}
    )
    assert ["Zoho-oauthtoken" in mismatches[0], "no form" in mismatches[1]] == [True, True]


# for every provider


def test_an_answer_that_a_fault_forced_is_not_checked_but_the_request_is() -> None:
    assert found(GOOGLE, f"GET {EVENTS}", None, b"<html>", 200, forced=True) == []
    (mismatch,) = found(GOOGLE, f"GET {EVENTS}?max=1", None, None, None, forced=True)
    assert "'max'" in mismatch


def test_a_literal_path_is_taken_before_one_with_a_name() -> None:
    paths = Paths(["/users/{id}/events", "/users/{id}", "/users/me", "/users/me/{what}"])
    assert paths.match("/users/me") == ("/users/me", {})
    assert paths.match("/users/a%2Fb") == ("/users/{id}", {"id": "a/b"})
    assert paths.match("/users/me/events") == ("/users/me/{what}", {"what": "events"})
    assert paths.match("/users") is None


class Odd(Provider):
    """A provider that answers with what Google's document does not have."""

    name = GOOGLE

    def routes(self) -> list[Route]:
        return [Route("GET", EVENTS, lambda request: Answer(200, {"items": 5}))]

    def not_found(self, request: Request) -> Answer:
        return Answer(404)

    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        return Answer(429)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_a_mismatch_fails_the_test_that_made_it(session: requests.Session) -> None:
    with (
        pytest.raises(AssertionError, match="answer 200 at items: 5 is not of type 'array'"),
        sandboxed([Odd()]) as box,
    ):
        session.get(box.url(GOOGLE) + EVENTS, timeout=10)


def test_a_fault_fails_no_test(session: requests.Session) -> None:
    with sandboxed([Odd()]) as box:
        box.providers[GOOGLE].faults.add("garble")
        assert session.get(box.url(GOOGLE) + EVENTS, timeout=10).status_code == 200


def test_what_a_test_sends_wrong_on_purpose_is_forgotten_but_no_answer_to_it(session: requests.Session) -> None:
    with pytest.raises(AssertionError) as caught, sandboxed([Odd()]) as box, provoked():
        session.get(f"{box.url(GOOGLE)}{EVENTS}?wrong=1", timeout=10)
    assert "'wrong'" not in str(caught.value)
    assert "answer 200" in str(caught.value)
