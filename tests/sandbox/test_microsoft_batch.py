"""$batch, limits of a mailbox, and refusals for a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from microsoft_given import ANA, BEN, TENANT, Client, graph_running, ten
from sandboxed import provoked

from syncd.sandbox.kernel import Quota
from syncd.sandbox.microsoft import MicrosoftGraph

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def graph() -> Iterator[MicrosoftGraph]:
    provider = MicrosoftGraph()
    with graph_running(provider):
        yield provider


@pytest.fixture
def ana(graph: MicrosoftGraph) -> Client:
    return Client(graph)


def get(n: Any, url: str = "/me/events", **fields: Any) -> dict[str, Any]:
    return {"id": str(n), "method": "GET", "url": url, **fields}


def post(n: Any, **fields: Any) -> dict[str, Any]:
    return {"id": str(n), "method": "POST", "url": "/me/events", "headers": JSON, "body": ten(), **fields}


def test_each_request_has_its_own_answer_in_no_order(ana: Client) -> None:
    told = ana.got("POST", "//$batch", {"requests": [post("a"), get("b", "/me/events/none"), get("c")]})["responses"]
    assert [each["id"] for each in told] != ["a", "b", "c"]
    by_id = {each["id"]: each for each in told}
    assert {n: each["status"] for n, each in by_id.items()} == {"a": 201, "b": 404, "c": 200}
    assert by_id["b"]["body"]["error"]["code"] == "ErrorItemNotFound"
    assert by_id["c"]["headers"]["Content-Type"] == "application/json"


def test_a_request_in_a_batch_has_its_own_headers(ana: Client) -> None:
    made = ana.create()
    stale = {**JSON, "If-Match": 'W/"old"'}
    part = {"id": "1", "method": "PATCH", "url": f"/me/events/{made['id']}", "headers": stale, "body": {"subject": "X"}}
    assert ana.batch(part)["1"]["status"] == 412


def test_what_depends_on_a_request_that_failed_is_not_carried_out(graph: MicrosoftGraph, ana: Client) -> None:
    told = ana.batch(get(1, "/me/events/none"), post(2, dependsOn=["1"]), post(3), get(4, dependsOn=["3"]))
    assert {n: each["status"] for n, each in told.items()} == {"1": 404, "2": 424, "3": 201, "4": 200}
    assert len(graph.events(ANA)) == 1


WRONG: list[list[dict[str, Any]]] = [
    [],
    [get(n) for n in range(21)],
    [get("a"), get("A")],
    [get(1, dependsOn=["2"]), get(2)],
    [post(1, headers={})],
    [{"id": "1", "method": "GET"}],
]


@pytest.mark.parametrize("parts", WRONG, ids=["none", "21", "same id", "unknown id", "no type", "no url"])
def test_a_batch_that_is_not_valid_is_refused_as_a_whole(ana: Client, parts: list[dict[str, Any]]) -> None:
    with provoked():
        assert ana.refused("POST", "//$batch", {"requests": parts}) == (400, "BadRequest")


def test_twenty_requests_of_one_mailbox_go_four_at_a_time(graph: MicrosoftGraph, ana: Client) -> None:
    told = ana.batch(*[get(n) for n in range(20)])
    assert {each["status"] for each in told.values()} == {200}
    assert graph.peak[ANA] == 4


def test_requests_of_a_batch_count_beside_those_outside(graph: MicrosoftGraph, ana: Client) -> None:
    graph.in_flight[ANA] += 1
    told = ana.batch(*[get(n) for n in range(8)])
    graph.in_flight[ANA] -= 1
    throttled = [each for each in told.values() if each["status"] == 429]
    assert len(throttled) == 2
    assert throttled[0]["headers"]["Retry-After"] == "1"
    assert throttled[0]["body"]["error"]["message"] == "Application is over its MailboxConcurrency limit."


def test_a_fifth_request_of_a_mailbox_is_throttled_and_another_mailbox_is_not(graph: MicrosoftGraph) -> None:
    clients = [Client(graph) for _ in range(5)] + [Client(graph, BEN)]
    graph.faults.add("hold", path="top=7", times=0)
    with ThreadPoolExecutor(5) as threads:
        asked = [threads.submit(client.ask, "GET", "/events?$top=7") for client in clients[:5]]
        while graph.in_flight[ANA] < 5 and not any(future.done() for future in asked):
            clients[5].ask("GET", "/calendars")
        other = clients[5].ask("GET", "/events")
        graph.faults.clear("hold")
        statuses = sorted(future.result().status_code for future in asked)
    assert other.status_code == 200
    assert statuses == [200, 200, 200, 200, 429]


def test_quotas_hold_for_graph_and_not_for_login(graph: MicrosoftGraph, ana: Client) -> None:
    graph.quota = Quota(calls=1, seconds=600, burst=2, retry_after=7)
    token = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    for _ in range(3):
        refresh = graph.issuer.issue(ANA, ("User.Read",))["refresh_token"]
        url = f"{graph.url}/{TENANT}/oauth2/v2.0/token"
        assert ana._session.post(url, data={**token, "refresh_token": refresh}, timeout=10).status_code == 200
    told = ana.batch(*[get(n) for n in range(3)])
    assert sorted(each["status"] for each in told.values()) == [200, 200, 429]
    answer = ana.ask("GET", "/events")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]["code"] == "ApplicationThrottled"


def test_a_mailbox_is_one_by_whatever_name_a_path_has_it(graph: MicrosoftGraph, ana: Client) -> None:
    own = ana.got("GET", "")["id"]
    graph.quota = Quota(calls=1, seconds=600)
    assert ana.ask("GET", f"//users/{ANA}/calendar").status_code == 200
    assert ana.refused("GET", f"//users/{own}/calendar") == (429, "ApplicationThrottled")
    assert ana.refused("GET", "/calendar") == (429, "ApplicationThrottled")


# switches


def test_a_request_is_throttled_inside_a_batch_that_is_answered_with_200(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("throttled", path="events", value=30)
    told = ana.batch(get(1), get(2, "/me/calendars"))
    assert (told["1"]["status"], told["1"]["headers"]["Retry-After"], told["2"]["status"]) == (429, "30", 200)


@pytest.mark.parametrize("value", [None, 12])
def test_a_batch_may_be_throttled_as_a_whole(graph: MicrosoftGraph, ana: Client, value: int | None) -> None:
    graph.faults.add("batch-throttled", value=value)
    answer = ana.ask("POST", "//$batch", {"requests": [post(1)]})
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, value and str(value))
    assert answer.json()["error"]["code"] == "TooManyRequests"
    assert graph.events(ANA) == []


def test_an_account_may_have_no_mailbox(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("no-mailbox", path="/calendars")
    assert ana.got("GET", "")["mail"] == ANA
    assert ana.refused("GET", "/calendars") == (404, "MailboxNotEnabledForRESTAPI")


def test_any_answer_can_be_given_inside_a_batch(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("answer", path="/events$", status=504, after=True)
    told = ana.batch(post(1), get(2))
    assert (told["1"]["status"], told["2"]["status"]) == (504, 200)
    assert len(graph.events(ANA)) == 1


def test_a_page_of_html_may_be_inside_a_batch(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("html-in-batch", path="events")
    told = ana.got("POST", "//$batch", {"requests": [get(1, "/me/calendars"), get(2)]})["responses"]
    by_id = {each["id"]: each for each in told}
    assert by_id["2"]["headers"]["Content-Type"] == "text/html"
    assert isinstance(by_id["2"]["body"], str)
    assert isinstance(by_id["1"]["body"], dict)


@pytest.mark.parametrize("value", [None, 9])
def test_the_service_may_be_unavailable_with_and_without_a_time(
    graph: MicrosoftGraph, ana: Client, value: int | None
) -> None:
    graph.faults.add("unavailable", value=value)
    answer = ana.ask("GET", "/events")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, value and str(value))
    assert ana.got("GET", "/events")["value"] == []


def test_a_good_token_may_be_refused(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("unauthorized")
    answer = ana.ask("GET", "/events")
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True)
    assert ana.got("GET", "/events")["value"] == []


def test_every_switch_is_explained(graph: MicrosoftGraph) -> None:
    assert all(len(text) > 10 for text in graph.switches.values())


def test_what_graph_does_not_have_is_refused_in_its_shape(ana: Client) -> None:
    with provoked():
        assert ana.refused("GET", "/unheard")[0] == 400
