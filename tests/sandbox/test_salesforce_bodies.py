from __future__ import annotations

import json
from typing import Any

import pytest
from given import SettableClock
from hypothesis import given
from hypothesis import strategies as st
from test_salesforce_client import ANA, END, SCOPES, START

from syncd.sandbox.kernel import Request
from syncd.sandbox.salesforce import Salesforce
from syncd.sandbox.salesforce_bodies import mapping, objects, texts, whole
from syncd.sandbox.salesforce_errors import SalesforceError

PROVIDER = Salesforce(SettableClock())
PROVIDER.add_user(ANA)
PROVIDER.add_field("Lead", "Key__c", external_id=True)
LEAD = PROVIDER.add_record("Lead", LastName="x", Company="y", Key__c="k")
EVENT = PROVIDER.add_record("Event", StartDateTime=START, EndDateTime=END)
TOKEN = PROVIDER.issuer.issue(ANA, SCOPES)["access_token"]

CALLS = [
    ("POST", "/sobjects/Lead"),
    ("POST", "/sobjects/Event"),
    ("PATCH", f"/sobjects/Event/{EVENT}"),
    ("PATCH", "/sobjects/Lead/Key__c/k"),
    ("POST", "/composite"),
    ("POST", "/composite/graph"),
    ("POST", "/composite/batch"),
    ("POST", "/composite/sobjects"),
    ("PATCH", "/composite/sobjects/Lead/Key__c"),
    ("POST", "/composite/sobjects/Lead"),
    ("POST", "/parameterizedSearch"),
]
KEYS = (
    "LastName", "Company", "Email", "OwnerId", "DoNotCall", "StartDateTime", "EndDateTime", "DurationInMinutes",
    "EventWhoIds", "WhoId", "IsRecurrence2", "Recurrence2PatternText", "Key__c", "records", "attributes", "type",
    "compositeRequest", "graphs", "batchRequests", "method", "url", "referenceId", "body", "httpHeaders", "allOrNone",
    "q", "in", "sobjects", "name", "fields", "limit", "ids",
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from([LEAD, EVENT, START, "Lead", "POST", "/services/data/v59.0/sobjects/Lead", "@{a.id}", "ada"])
)  # fmt: skip
BODIES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
)


@given(st.sampled_from(CALLS), BODIES)
def test_any_body_is_taken_or_refused_and_none_breaks_the_sandbox(call: tuple[str, str], body: Any) -> None:
    method, path = call
    PROVIDER.org.used = 0
    headers = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1"}
    request = Request(method, f"/services/data/v59.0{path}", "", headers, json.dumps(body).encode())
    answer, _ = PROVIDER.answer(request)
    assert answer.status < 500
    assert answer.status < 300 or answer.body[0]["errorCode"]


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (objects, [{"a": 1}], [["a"], {"a": 1}, "x", 1]),
        (texts, ["a"], [[1], "a", {"a": 1}]),
        (mapping, {"a": 1}, [[1], "a", 1]),
    ],
)
def test_a_part_that_is_something_else_is_refused(read: Any, good: Any, bad: list[Any]) -> None:
    assert read({"part": good}, "part") == good
    assert not read({}, "part")
    for each in bad:
        with pytest.raises(SalesforceError, match="JSON_PARSER_ERROR: part must be"):
            read({"part": each}, "part")


def test_a_number_may_be_a_text() -> None:
    assert [whole({"n": n}, "n", 7) for n in (3, "3", None, "")] == [3, 3, 7, 7]
    wrong: list[Any] = [True, "x", 1.5, -1, []]
    for each in wrong:
        with pytest.raises(SalesforceError):
            whole({"n": each}, "n", 7)
