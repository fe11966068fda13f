from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google_given import ANA, BEN, CALENDAR, Bare, credentials, google_running, refused, service, ten_o_clock, transport
from googleapiclient.errors import HttpError
from sandboxed import provoked

from syncd.sandbox.google import REFUSING, SWITCHES, GoogleCalendar
from syncd.sandbox.kernel import Quota


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar()) as running:
        yield running


@pytest.fixture
def api(provider: GoogleCalendar) -> Any:
    return service(provider)


# switches

MEANINGS = {
    "user-rate": (403, "usageLimits", "userRateLimitExceeded"),
    "project-rate": (403, "usageLimits", "rateLimitExceeded"),
    "usage-limit": (403, "usageLimits", "quotaExceeded"),
    "too-many": (429, "usageLimits", "rateLimitExceeded"),
    "scope": (403, "global", "insufficientPermissions"),
    "no-calendar-user": (403, "calendar", "notACalendarUser"),
    "backend-error": (500, "global", "backendError"),
}


@pytest.mark.parametrize("kind", MEANINGS)
def test_a_refusal_on_demand_has_the_documented_shape_and_changes_nothing(
    provider: GoogleCalendar, api: Any, kind: str
) -> None:
    provider.faults.add(kind)
    with pytest.raises(HttpError) as caught:
        api.events().insert(calendarId="primary", body=ten_o_clock()).execute()
    assert refused(caught.value) == MEANINGS[kind]
    assert "retry-after" not in caught.value.resp
    assert provider.events(ANA) == []
    assert api.events().list(calendarId="primary").execute()["items"] == []


def test_every_refusing_switch_is_shown(provider: GoogleCalendar) -> None:
    assert MEANINGS.keys() | {"unauthorized"} == REFUSING.keys()
    assert set(SWITCHES) <= set(provider.faults.known)


def test_a_good_token_may_be_refused_once_and_the_client_refreshes(provider: GoogleCalendar, api: Any) -> None:
    api.calendarList().list().execute()
    before = provider.issuer.refreshes
    provider.faults.add("unauthorized")
    api.calendarList().list().execute()
    assert provider.issuer.refreshes == before + 1


def test_too_many_may_say_how_long_to_wait(provider: GoogleCalendar) -> None:
    provider.faults.add("too-many", value=7)
    told = Bare(provider)("GET", "/users/me/calendarList")
    assert (told.status_code, told.headers["Retry-After"]) == (429, "7")


def test_a_failure_may_come_after_the_deed(provider: GoogleCalendar, api: Any) -> None:
    provider.faults.add("backend-error", method="POST", after=True)
    with pytest.raises(HttpError) as caught:
        api.events().insert(calendarId="primary", body=ten_o_clock(id="abcde")).execute()
    assert refused(caught.value) == MEANINGS["backend-error"]
    assert [e["id"] for e in provider.events(ANA)] == ["abcde"]


def test_a_switch_strikes_only_what_it_is_meant_for(provider: GoogleCalendar, api: Any) -> None:
    provider.faults.add("user-rate", path="freeBusy")
    api.calendarList().list().execute()
    body = {"timeMin": "2026-03-01T00:00:00Z", "timeMax": "2026-03-02T00:00:00Z", "items": []}
    with pytest.raises(HttpError):
        api.freebusy().query(body=body).execute()
    api.freebusy().query(body=body).execute()


def test_a_change_may_be_refused_as_not_the_organizers(provider: GoogleCalendar, api: Any) -> None:
    made = provider.put_event(ANA, "primary", ten_o_clock())
    provider.faults.add("non-organizer")
    with pytest.raises(HttpError) as caught:
        api.events().patch(calendarId="primary", eventId=made["id"], body={"summary": "x"}).execute()
    assert refused(caught.value) == (403, "calendar", "forbiddenForNonOrganizer")


def test_a_cursor_may_be_gone(provider: GoogleCalendar, api: Any) -> None:
    token = api.events().list(calendarId="primary").execute()["nextSyncToken"]
    provider.faults.add("gone")
    with pytest.raises(HttpError) as caught:
        api.events().list(calendarId="primary", syncToken=token).execute()
    assert refused(caught.value) == (410, "calendar", "fullSyncRequired")


# quotas


@pytest.mark.parametrize(
    ("status", "domain", "reason", "header"),
    [(403, "usageLimits", "userRateLimitExceeded", None), (429, "usageLimits", "rateLimitExceeded", "2")],
)
def test_above_its_quota_one_person_is_refused_and_nobody_else(
    provider: GoogleCalendar, status: int, domain: str, reason: str, header: str | None
) -> None:
    provider.throttles_with = status
    ana, ben = Bare(provider), Bare(provider, BEN)
    provider.quota = Quota(calls=1, seconds=3600, retry_after=2)
    first, second, other = (ask("GET", "/users/me/calendarList") for ask in (ana, ana, ben))
    assert [a.status_code for a in (first, second, other)] == [200, status, 200]
    item = second.json()["error"]["errors"][0]
    assert (item["domain"], item["reason"], second.headers.get("Retry-After")) == (domain, reason, header)


def test_tokens_are_not_counted_against_the_quota(provider: GoogleCalendar) -> None:
    provider.quota = Quota(calls=1, seconds=3600)
    held = credentials(provider)
    for _ in range(3):
        held.refresh(transport())
    assert provider.refused == 0
    assert service(provider).calendarList().list().execute()


# batches

PART = "--b\r\nContent-Type: application/http\r\nContent-ID: <{}>\r\n\r\nGET /calendar/v3/calendars/{} HTTP/1.1\r\n\r\n"


def batched(api: Any, calls: list[Any]) -> dict[str, Any]:
    """Each call's answer or error, in the order they came in."""
    told: dict[str, Any] = {}
    batch = api.new_batch_http_request(callback=lambda name, answer, error: told.update({name: error or answer}))
    for n, call in enumerate(calls):
        batch.add(call, request_id=str(n))
    batch.execute()
    return told


def test_each_call_of_a_batch_is_answered_by_itself(provider: GoogleCalendar, api: Any) -> None:
    events = api.events()
    provider.put_event(ANA, "primary", ten_o_clock(id="there"))
    calls = [
        events.insert(calendarId="primary", body=ten_o_clock(id="abcde")),
        events.get(calendarId="primary", eventId="nothere"),
        events.delete(calendarId="primary", eventId="there"),
        api.calendarList().list(fields="items/id"),
    ]
    told = batched(api, calls)
    assert told["0"]["id"] == "abcde"
    assert refused(told["1"]) == (404, "global", "notFound")
    assert told["3"] == {"items": [{"id": ANA}]}
    assert [e["id"] for e in provider.events(ANA)] == ["abcde"]
    assert provider.total("POST /batch/calendar/v3") == 1
    assert provider.total("events") == 3


def test_a_batch_is_answered_in_another_order(provider: GoogleCalendar) -> None:
    ask = Bare(provider)
    body = PART.format("first", "primary") + PART.format("second", ANA) + "--b--\r\n"
    headers = {"Authorization": f"Bearer {ask.token}", "Content-Type": "multipart/mixed; boundary=b"}
    told = ask.session.post(f"{provider.url}/batch/calendar/v3", data=body, headers=headers, timeout=10).text
    assert told.index("response-second") < told.index("response-first")
    assert told.count("HTTP/1.1 200") == 2


def test_one_call_of_a_batch_may_be_throttled(provider: GoogleCalendar, api: Any) -> None:
    provider.faults.add("user-rate", path="nothere")
    body = {"error": {"errors": [], "code": 429, "message": ""}}
    provider.faults.add("answer", path="another", status=429, body=body)
    events = api.events()
    calls = [events.get(calendarId="primary", eventId=name) for name in ("nothere", "another")]
    told = batched(api, [*calls, api.calendarList().list()])
    assert refused(told["0"]) == MEANINGS["user-rate"]
    assert told["1"].resp.status == 429
    assert told["2"]["kind"] == "calendar#calendarList"


def test_each_call_of_a_batch_counts_against_the_quota(provider: GoogleCalendar, api: Any) -> None:
    provider.quota = Quota(calls=1, seconds=3600, burst=2)
    told = batched(api, [api.calendarList().list() for _ in range(3)])
    assert sorted(isinstance(answer, HttpError) for answer in told.values()) == [False, False, True]


def test_a_batch_holds_fifty_calls(provider: GoogleCalendar) -> None:
    ask = Bare(provider)

    def sent(calls: int) -> requests.Response:
        body = "".join(PART.format(n, "primary") for n in range(calls)) + "--b--\r\n"
        headers = {"Authorization": f"Bearer {ask.token}", "Content-Type": "multipart/mixed; boundary=b"}
        return ask.session.post(f"{provider.url}/batch/calendar/v3", data=body, headers=headers, timeout=10)

    assert sent(50).status_code == 200
    with provoked():
        refusal = sent(51)
    assert (refusal.status_code, refusal.json()["error"]["errors"][0]["reason"]) == (400, "badRequest")


def test_what_is_no_batch_is_refused(provider: GoogleCalendar) -> None:
    with provoked():
        told = requests.post(f"{provider.url}/batch/calendar/v3", json={}, timeout=10)
    assert (told.status_code, told.json()["error"]["errors"][0]["reason"]) == (400, "badRequest")


# from outside


def test_the_control_endpoint_does_what_people_do(provider: GoogleCalendar, api: Any) -> None:
    def do(action: str, **arguments: Any) -> Any:
        told = requests.post(f"{provider.url}/_sandbox/do/{action}", json=arguments, timeout=10)
        assert told.status_code == 200, told.text
        return told.json()["result"]

    do("add_user", email="cleo@example.com", zone="UTC")
    calendar = do("add_calendar", email=ANA, name="Side")
    made = do("put_event", email=ANA, calendar=calendar, resource=ten_o_clock())
    do("change_event", email=ANA, calendar=calendar, event_id=made["id"], summary="By hand")
    assert [e["summary"] for e in do("events", email=ANA, calendar=calendar)] == ["By hand"]
    do("delete_event", email=ANA, calendar=calendar, event_id=made["id"])
    token = api.events().list(calendarId="primary").execute()["nextSyncToken"]
    do("expire_cursors")
    with pytest.raises(HttpError) as caught:
        api.events().list(calendarId="primary", syncToken=token).execute()
    assert refused(caught.value)[0] == 410
    assert do("mails") == []


def test_the_state_tells_calendars_and_events_and_no_secret(provider: GoogleCalendar) -> None:
    token = provider.issuer.issue(ANA, (CALENDAR,))["access_token"]
    provider.put_event(ANA, "primary", ten_o_clock(id="abcde"))
    told = requests.get(f"{provider.url}/_sandbox/state", timeout=10)
    assert [e["id"] for e in told.json()[ANA]["calendars"][ANA]["events"]] == ["abcde"]
    assert token not in told.text


def test_what_is_not_there_is_not_found_in_googles_shape(provider: GoogleCalendar) -> None:
    with provoked():
        told = Bare(provider)("GET", "/nothing")
    assert (told.status_code, told.json()["error"]["errors"][0]["reason"]) == (404, "notFound")


def test_a_body_that_is_no_object_is_refused(provider: GoogleCalendar, api: Any) -> None:
    with provoked():
        told = Bare(provider)("POST", "/freeBusy", [1])
    assert (told.status_code, told.json()["error"]["errors"][0]["reason"]) == (400, "parseError")
