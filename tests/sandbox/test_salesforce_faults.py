from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from given import SettableClock
from test_salesforce_client import Org, org_running

from syncd.sandbox.kernel import Quota
from syncd.sandbox.salesforce import Salesforce
from syncd.sandbox.salesforce_errors import STATUSES
from syncd.sandbox.salesforce_traps import CALLS, RECORDS

LEAD = {"LastName": "Lovelace", "Company": "Engines"}
QUERY = "/query?q=SELECT+Id+FROM+Lead"


@pytest.fixture
def org(clock: SettableClock) -> Iterator[Org]:
    with org_running(Salesforce(clock)) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Org]:
    """An org for requests that change nothing."""
    with org_running(Salesforce(SettableClock())) as running:
        yield running


@pytest.mark.parametrize("switch", CALLS)
def test_a_request_is_refused_and_nothing_is_kept(org: Org, switch: str) -> None:
    org.provider.faults.add(switch)
    code = CALLS[switch][0]
    assert org.refused("POST", "/sobjects/Lead", LEAD) == (STATUSES[code], code)
    assert org.provider.records("Lead") == []
    assert org.make("Lead", **LEAD)


def test_a_request_may_be_carried_out_and_then_refused(org: Org) -> None:
    org.provider.faults.add("unavailable", after=True, value=7)
    answer = org.ask("POST", "/sobjects/Lead", LEAD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert len(org.provider.records("Lead")) == 1


def test_an_answer_may_be_lost(org: Org) -> None:
    org.provider.faults.add("lose", method="POST")
    with pytest.raises(requests.ConnectionError):
        org.ask("POST", "/sobjects/Lead", LEAD)
    assert len(org.provider.records("Lead")) == 1


@pytest.mark.parametrize("switch", RECORDS)
def test_the_write_of_a_record_is_refused_whichever_way_it_comes(org: Org, switch: str) -> None:
    made = org.provider.add_record("Lead", **LEAD)
    before = org.provider.record(made)
    path, code, change = f"/sobjects/Lead/{made}", RECORDS[switch][0], {"FirstName": "x"}
    part = {"method": "PATCH", "url": f"/services/data/v59.0{path}", "referenceId": "a", "body": change}
    ways: list[tuple[str, str, Any]] = [
        ("POST", "/sobjects/Lead", LEAD),
        ("PATCH", path, change),
        ("DELETE", path, None),
        ("POST", "/composite", {"compositeRequest": [part]}),
        ("PATCH", "/composite/sobjects", {"records": [{"attributes": {"type": "Lead"}, "id": made, **change}]}),
    ]
    for way in ways:
        org.provider.faults.add(switch)
        assert f'"{code}"' in org.ask(*way).text
        assert org.provider.records("Lead") == [before]


def test_the_words_of_a_refusal_may_be_given(org: Org) -> None:
    told = {"message": "Only on Mondays", "fields": ["Status"]}
    org.provider.faults.add("validation", value=told)
    (error,) = org.ask("POST", "/sobjects/Lead", LEAD).json()
    assert error == {**told, "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION"}


@pytest.mark.parametrize(("switch", "code"), [("query-timeout", "QUERY_TIMEOUT"), ("too-large", "OPERATION_TOO_LARGE")])
def test_a_query_fails_on_demand(org: Org, switch: str, code: str) -> None:
    org.provider.faults.add(switch)
    assert org.refused("GET", QUERY) == (400, code)


def test_the_next_rows_may_be_gone(org: Org) -> None:
    org.provider.set_batch(1)
    for _ in range(3):
        org.provider.add_record("Lead", **LEAD)
    following = org.got("GET", QUERY)["nextRecordsUrl"].removeprefix("/services/data/v59.0")
    assert org.got("GET", following)["done"] is False
    org.provider.faults.add("locator-expired")
    assert org.refused("GET", following) == (400, "INVALID_QUERY_LOCATOR")
    assert org.refused("GET", following) == (400, "INVALID_QUERY_LOCATOR")


def test_a_page_has_what_is_asked_for_within_limits(org: Org) -> None:
    for _ in range(201):
        org.provider.add_record("Lead", **LEAD)
    sizes = [len(org.got("GET", QUERY, Sforce_Query_Options=f"batchSize={n}")["records"]) for n in (1, 200, 201, 9999)]
    assert sizes == [200, 200, 201, 201]


def test_a_removed_field_is_told_and_unknown(org: Org) -> None:
    org.provider.add_field("Lead", "Old__c")
    made = org.make("Lead", **LEAD, Old__c="x")
    org.provider.faults.add("removed-field", value="Lead.Old__c")
    assert "Old__c" in {f["name"] for f in org.got("GET", "/sobjects/Lead/describe")["fields"]}
    assert org.refused("POST", "/sobjects/Lead", {**LEAD, "Old__c": "x"}) == (400, "INVALID_FIELD")
    assert org.refused("GET", "/query?q=SELECT+Old__c+FROM+Lead") == (400, "INVALID_FIELD")
    assert org.refused("GET", f"/sobjects/Lead/{made}?fields=Old__c") == (400, "INVALID_FIELD")
    assert "Old__c" not in org.got("GET", f"/sobjects/Lead/{made}")


def test_a_record_may_seem_deleted(org: Org) -> None:
    made = org.make("Lead", **LEAD)
    org.provider.faults.add("deleted")
    assert org.refused("PATCH", f"/sobjects/Lead/{made}", {"FirstName": "x"}) == (404, "ENTITY_IS_DELETED")


def test_duplicates_on_demand_name_those_with_the_same_address(org: Org) -> None:
    made = org.make("Lead", **LEAD, Email="a@example.org")
    org.provider.faults.add("duplicates")
    (error,) = org.ask("POST", "/sobjects/Lead", {**LEAD, "Email": "a@example.org"}).json()
    (match,) = error["duplicateResut"]["matchResults"]
    assert [r["record"]["Id"] for r in match["matchRecords"]] == [made]


def test_the_calls_of_a_day_are_counted_and_end(org: Org) -> None:
    org.provider.set_daily(2)
    used = [org.ask("GET", "/limits").headers["Sforce-Limit-Info"] for _ in range(2)]
    assert used == ["api-usage=1/2", "api-usage=2/2"]
    answer = org.ask("GET", "/limits")
    (error,) = answer.json()
    assert (answer.status_code, error["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert error["message"] == "TotalRequests Limit exceeded."
    assert "Retry-After" not in answer.headers


def test_above_a_quota_calls_are_refused_and_tokens_are_not(org: Org) -> None:
    org.provider.quota = Quota(calls=1, seconds=10_000)
    assert org.ask("GET", "/limits").status_code == 200
    answer = org.ask("GET", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert "Retry-After" not in answer.headers
    url = f"{org.provider.url}/services/oauth2/userinfo"
    headers = {"Authorization": f"Bearer {org.tokens['access_token']}"}
    assert org.session.get(url, headers=headers, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        ("20.0", 410, "UNSUPPORTED_API_VERSION"),
        ("30.0", 404, "UNSUPPORTED_API_VERSION"),
        ("31.0", 200, ""),
        ("65.0", 200, ""),
        ("66.0", 404, "NOT_FOUND"),
        ("59", 404, "NOT_FOUND"),
    ],
)
def test_versions_come_and_go(unchanged: Org, version: str, status: int, code: str) -> None:
    unchanged.version = version
    answer = unchanged.ask("GET", "/limits")
    assert answer.status_code == status
    assert not code or answer.json()[0]["errorCode"] == code


def test_versions_are_told_to_anybody(org: Org) -> None:
    told = org.session.get(f"{org.provider.url}/services/data", timeout=10).json()
    assert told[-1] == {"label": "Winter '26", "url": "/services/data/v65.0", "version": "65.0"}
    assert told[-3]["label"] == "Spring '25"


def test_a_method_that_is_not_there_and_a_path_that_is_not_there(org: Org) -> None:
    assert org.refused("PUT", "/sobjects/Lead", LEAD) == (405, "METHOD_NOT_ALLOWED")
    assert org.refused("GET", "/nowhere") == (404, "NOT_FOUND")
    assert org.refused("GET", "/sobjects/Nope/describe") == (404, "NOT_FOUND")
    assert org.refused("GET", f"/query?q={'x' * 16_400}") == (414, "URI_TOO_LONG")


def test_without_a_token_there_is_nothing(org: Org) -> None:
    assert org.refused("GET", "/limits", Authorization="Basic x") == (401, "INVALID_AUTH_HEADER")
    assert org.refused("GET", "/limits", Authorization="Bearer x") == (401, "INVALID_SESSION_ID")


def test_everything_can_be_done_from_outside(org: Org) -> None:
    def do(action: str, **arguments: Any) -> Any:
        url = f"{org.provider.url}/_sandbox/do/{action}"
        answer = org.session.post(url, json=arguments, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    account = do("add_account", name="Acme", children=2, Website="acme.com")
    do("add_field", entity="Lead", name="Area__c", type="picklist", values=["N", "S"], restricted=True)
    lead = do("add_record", entity="Lead", Area__c="N", **LEAD)
    do("change_record", record_id=lead, Area__c="S")
    assert do("record", record_id=lead)["Area__c"] == "S"
    do("delete_record", record_id=lead)
    state = org.session.get(f"{org.provider.url}/_sandbox/state", timeout=10).json()
    assert [r.get("ParentId") for r in state["records"]["Account"]] == [None, account, account]
    assert state["records"]["Lead"] == []
    assert org.tokens["access_token"] not in str(state)
