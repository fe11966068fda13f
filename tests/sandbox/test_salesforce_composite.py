from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from test_salesforce_client import END, START, Org, org_running

from syncd.sandbox.salesforce import Salesforce

BASE = "/services/data/v59.0"
LEAD = {"LastName": "Lovelace", "Company": "Engines"}
HALTED = "PROCESSING_HALTED"


@pytest.fixture
def org(clock: SettableClock) -> Iterator[Org]:
    with org_running(Salesforce(clock)) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Org]:
    """An org for requests that change nothing."""
    with org_running(Salesforce(SettableClock())) as running:
        yield running


def part(ref: str, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    made: dict[str, Any] = {"referenceId": ref, "method": method, "url": f"{BASE}{path}"}
    made |= {"body": body} if body is not None else {}
    return made | ({"httpHeaders": {k.replace("_", "-"): v for k, v in headers.items()}} if headers else {})


def composite(org: Org, *parts: dict[str, Any], all_or_none: bool = False) -> list[Any]:
    told = org.got("POST", "/composite", {"allOrNone": all_or_none, "compositeRequest": list(parts)})
    done: list[Any] = told["compositeResponse"]
    return done


def codes(done: list[Any]) -> list[Any]:
    """The status of each part, or the code it is refused with."""
    return [p["body"][0]["errorCode"] if p["httpStatusCode"] >= 300 else p["httpStatusCode"] for p in done]


def test_a_part_uses_what_an_earlier_one_answered(org: Org) -> None:
    done = composite(
        org,
        part("who", "GET", "/query?q=SELECT+Id+FROM+User+WHERE+Email+%3D+%27ben@example.com%27"),
        part("lead", "POST", "/sobjects/Lead", {**LEAD, "OwnerId": "@{who.records[0].Id}"}),
        part("event", "POST", "/sobjects/Event", {"WhoId": "@{lead.id}", "StartDateTime": START, "EndDateTime": END}),
        part("read", "GET", "/sobjects/Event/@{event.id}?fields=WhoId"),
    )
    assert [p["httpStatusCode"] for p in done] == [200, 201, 201, 200]
    lead = done[1]["body"]["id"]
    assert (done[3]["body"]["WhoId"], org.provider.record(lead)["OwnerId"]) == (lead, org.ben)
    assert done[1]["httpHeaders"] == {"Location": f"{BASE}/sobjects/Lead/{lead}"}


def test_it_counts_as_one_call(org: Org) -> None:
    before = org.provider.org.used
    composite(org, *(part(f"p{n}", "POST", "/sobjects/Lead", LEAD) for n in range(25)))
    assert org.provider.org.used == before + 1


def test_a_refused_part_stops_those_that_need_it_and_no_others(org: Org) -> None:
    done = composite(
        org,
        part("bad", "POST", "/sobjects/Lead", {}),
        part("needs", "POST", "/sobjects/Event", {"WhoId": "@{bad.id}", "StartDateTime": START, "EndDateTime": END}),
        part("free", "POST", "/sobjects/Lead", LEAD),
    )
    assert codes(done) == ["REQUIRED_FIELD_MISSING", HALTED, 201]
    assert done[1]["body"][0]["message"].startswith("Invalid reference specified. No value for bad.id")
    assert len(org.provider.records("Lead")) == 1


@pytest.mark.parametrize("reference", ["@{none.id}", "@{q.records[0].Id}", "@{q.nothing}", "@{q.records}"])
def test_a_reference_to_nothing_is_refused(unchanged: Org, reference: str) -> None:
    done = composite(
        unchanged,
        part("q", "GET", "/query?q=SELECT+Id+FROM+Contact"),
        part("p", "POST", "/sobjects/Lead", {**LEAD, "FirstName": reference}),
    )
    assert codes(done) == [200, HALTED]


def test_all_or_none_takes_back_what_was_done(org: Org) -> None:
    kept = org.make("Lead", **LEAD)
    done = composite(
        org,
        part("a", "POST", "/sobjects/Lead", LEAD),
        part("b", "PATCH", f"/sobjects/Lead/{kept}", {"FirstName": "Ada"}),
        part("c", "POST", "/sobjects/Lead", {}),
        part("d", "POST", "/sobjects/Lead", LEAD),
        part("e", "POST", "/sobjects/Lead", {}),
        all_or_none=True,
    )
    assert codes(done) == [HALTED, HALTED, "REQUIRED_FIELD_MISSING", HALTED, HALTED]
    assert [(r["Id"], r.get("FirstName")) for r in org.provider.records("Lead")] == [(kept, None)]


def test_one_part_may_fail_on_demand(org: Org) -> None:
    org.provider.faults.add("part-fails", path="#event$")
    done = composite(
        org,
        part("lead", "POST", "/sobjects/Lead", LEAD),
        part("event", "POST", "/sobjects/Event", {"WhoId": "@{lead.id}", "StartDateTime": START, "EndDateTime": END}),
    )
    assert codes(done) == [201, "UNABLE_TO_LOCK_ROW"]
    assert (len(org.provider.records("Lead")), org.provider.records("Event")) == (1, [])


def test_a_part_has_its_own_headers(org: Org) -> None:
    org.provider.add_duplicate_rule("Lead")
    body = {**LEAD, "Email": "a@example.org"}
    parts = [
        part("a", "POST", "/sobjects/Lead", body),
        part("b", "POST", "/sobjects/Lead", body),
        part("c", "POST", "/sobjects/Lead", body, Sforce_Duplicate_Rule_Header="allowSave=true"),
    ]
    assert codes(composite(org, *parts)) == [201, "DUPLICATES_DETECTED", 201]


QUERIES = [part(f"q{n}", "GET", "/query?q=SELECT+Id+FROM+Lead") for n in range(6)]
WRONG: dict[str, tuple[Any, str]] = {
    "26 parts": ([part(f"p{n}", "GET", "/limits") for n in range(26)], "LIMIT_EXCEEDED"),
    "6 queries": (QUERIES, "LIMIT_EXCEEDED"),
    "same reference": ([QUERIES[0], QUERIES[0]], "INVALID_INPUT"),
    "no reference": ([{"method": "GET", "url": f"{BASE}/limits"}], "INVALID_INPUT"),
    "reference with a dash": ([{**QUERIES[0], "referenceId": "a-b"}], "INVALID_INPUT"),
    "no list": ({}, "JSON_PARSER_ERROR"),
    "nothing": ([], "JSON_PARSER_ERROR"),
}


@pytest.mark.parametrize("case", WRONG)
def test_too_much_or_nothing_is_refused_as_a_whole(unchanged: Org, case: str) -> None:
    parts, code = WRONG[case]
    assert unchanged.refused("POST", "/composite", {"compositeRequest": parts}) == (400, code)


def test_five_queries_are_not_too_many(org: Org) -> None:
    assert codes(composite(org, *QUERIES[:5])) == [200] * 5


def test_a_part_elsewhere_is_not_found(org: Org) -> None:
    done = composite(org, {"referenceId": "x", "method": "GET", "url": "/services/oauth2/userinfo"})
    assert codes(done) == ["NOT_FOUND"]


def test_a_graph_is_carried_out_as_a_whole(org: Org) -> None:
    good = [part("a", "POST", "/sobjects/Lead", LEAD)]
    bad = [part("a", "POST", "/sobjects/Lead", LEAD), part("b", "POST", "/sobjects/Lead", {})]
    body = {"graphs": [{"graphId": "1", "compositeRequest": bad}, {"graphId": "2", "compositeRequest": good}]}
    told = org.got("POST", "/composite/graph", body)["graphs"]
    assert [(g["graphId"], g["isSuccessful"]) for g in told] == [("1", False), ("2", True)]
    assert len(org.provider.records("Lead")) == 1


def test_a_batch_is_its_requests_one_by_one(org: Org) -> None:
    requests = [
        {"method": "POST", "url": "v59.0/sobjects/Lead", "richInput": LEAD},
        {"method": "POST", "url": "v59.0/sobjects/Lead", "richInput": {}},
        {"method": "GET", "url": "v59.0/limits"},
    ]
    told = org.got("POST", "/composite/batch", {"batchRequests": requests})
    assert (told["hasErrors"], [r["statusCode"] for r in told["results"]]) == (True, [201, 400, 200])
    told = org.got("POST", "/composite/batch", {"batchRequests": requests, "haltOnError": True})
    assert [r["statusCode"] for r in told["results"]] == [201, 400, 412]


# collections


def typed(entity: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": entity}, **fields}


def test_each_record_of_a_collection_has_its_own_outcome(org: Org) -> None:
    records = [typed("Lead", **LEAD), typed("Lead"), typed("Account", Name="x"), typed("Nope")]
    done = org.got("POST", "/composite/sobjects", {"records": records})
    assert [d["success"] for d in done] == [True, False, True, False]
    assert done[1]["errors"] == [
        {
            "statusCode": "REQUIRED_FIELD_MISSING",
            "message": "Required fields are missing: [LastName, Company]",
            "fields": ["LastName", "Company"],
        }
    ]


def test_all_or_none_takes_back_a_collection(org: Org) -> None:
    body = {"allOrNone": True, "records": [typed("Lead", **LEAD), typed("Lead")]}
    done = org.got("POST", "/composite/sobjects", body)
    assert [d["errors"][0]["statusCode"] for d in done] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert org.provider.records("Lead") == []


def test_a_collection_is_changed_upserted_read_and_deleted(org: Org) -> None:
    org.provider.add_field("Lead", "Key__c", external_id=True)
    body = {"records": [typed("Lead", **LEAD, Key__c="1"), typed("Lead", **LEAD, Key__c="2")]}
    path = "/composite/sobjects/Lead/Key__c"
    made = org.got("PATCH", path, body)
    assert [d["created"] for d in made] == [True, True]
    assert [d["created"] for d in org.got("PATCH", path, body)] == [False, False]
    first, second = (d["id"] for d in made)
    org.got("PATCH", "/composite/sobjects", {"records": [typed("Lead", id=first, FirstName="Ada")]})
    told = org.got("POST", "/composite/sobjects/Lead", {"ids": [first, "x", second], "fields": ["FirstName"]})
    assert [r and r["FirstName"] for r in told] == ["Ada", None, None]
    assert told[1] is None
    done = org.got("DELETE", f"/composite/sobjects?ids={first},{first}")
    assert [d["success"] for d in done] == [True, False]
    assert len(org.provider.records("Lead")) == 1


def test_a_collection_has_two_hundred_records_at_most(org: Org) -> None:
    records = [typed("Lead", **LEAD)] * 201
    assert org.refused("POST", "/composite/sobjects", {"records": records}) == (400, "EXCEEDED_ID_LIMIT")
    assert len(org.got("POST", "/composite/sobjects", {"records": records[:200]})) == 200
