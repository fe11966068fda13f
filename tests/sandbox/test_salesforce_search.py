from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from given import SettableClock
from hypothesis import given
from hypothesis import strategies as st
from test_salesforce_client import Org, org_running

from syncd.sandbox.salesforce import Salesforce
from syncd.sandbox.salesforce_search import RESERVED, words


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    with org_running(Salesforce(SettableClock())) as running:
        add = running.provider.add_record
        add("Contact", LastName="Lovelace", FirstName="Ada", Email="Ada@example.org", Phone="+49 30 1")
        add("Contact", LastName="Other", Email="not-ada@example.org", Title="ada@example.org")
        add("Lead", LastName="Ada", Company="ada@example.org", Email="ada@example.org")
        yield running


def escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in RESERVED else c for c in text)


def found(org: Org, search: str) -> list[str]:
    told = org.got("GET", f"/search?q={quote(search)}")["searchRecords"]
    return [f"{r['attributes']['type']} {r.get('LastName', '')}".strip() for r in told]


def test_an_address_is_found_whole_in_fields_of_addresses_only(org: Org) -> None:
    search = (
        f"FIND {{{escaped('ada@EXAMPLE.org')}}} IN EMAIL FIELDS RETURNING Lead(Id, LastName), Contact(Id, LastName)"
    )
    assert found(org, search) == ["Lead Ada", "Contact Lovelace"]


def test_records_are_chosen_and_cut_as_in_a_query(org: Org) -> None:
    search = "FIND {ada@example.org} RETURNING Contact(LastName WHERE Title != null), Lead(LastName LIMIT 1) LIMIT 1"
    assert found(org, search) == ["Contact Other"]
    search = "FIND {ada@example.org} RETURNING Contact(LastName ORDER BY LastName DESC LIMIT 1)"
    assert found(org, search) == ["Contact Other"]


@pytest.mark.parametrize(
    ("words_told", "names"),
    [
        ("lovelace ada", "Contact Lovelace"),
        ("love*", "Contact Lovelace"),
        ("l?velace", "Contact Lovelace"),
        ('"Ada Lovelace"', "Contact Lovelace"),
        ("lovelace nobody", ""),
        ("nobody OR lovelace", "Contact Lovelace"),
        ('"Ada Lovelace" or "No Body"', "Contact Lovelace"),
        ("ada AND lovelace", "Contact Lovelace"),
        ("ada AND nobody", ""),
        ('"ada and lovelace"', ""),
        ("love", ""),
    ],
)
def test_all_words_are_in_one_record(org: Org, words_told: str, names: str) -> None:
    assert " ".join(found(org, f"FIND {{{words_told}}} IN NAME FIELDS RETURNING Contact(LastName)")) == names


@pytest.mark.parametrize(
    "search",
    [
        "FIND ada",
        "FIND {a-b@example.org} IN EMAIL FIELDS",
        "FIND {O'Neil}",
        "FIND {ada AND bob OR cyd}",
        "FIND {ada AND NOT bob}",
        "FIND {ada OR}",
        "FIND {a}",
        "FIND {}",
        "FIND {ada} IN ODD FIELDS",
        "FIND {ada} RETURNING Contact(Id",
        "FIND {ada} RETURNING Contact(Id) Lead(Id)",
        "FIND {ada} WITH NETWORK = 'x'",
    ],
)
def test_what_is_not_understood_is_refused(org: Org, search: str) -> None:
    assert org.refused("GET", f"/search?q={quote(search)}") == (400, "MALFORMED_SEARCH")


def test_what_it_returns_is_checked_as_a_query(org: Org) -> None:
    assert org.refused("GET", f"/search?q={quote('FIND {nobody} RETURNING Contact(Nope__c)')}")[1] == "INVALID_FIELD"
    assert org.refused("GET", f"/search?q={quote('FIND {nobody} RETURNING Nope(Id)')}")[1] == "INVALID_TYPE"


def test_parameters_search_without_escaping(org: Org) -> None:
    body: dict[str, Any] = {
        "q": "not-ada@example.org",
        "in": "EMAIL",
        "fields": ["LastName"],
        "sobjects": [{"name": "Contact"}, {"name": "Lead", "fields": ["Id"], "limit": 1}],
    }
    told = org.got("POST", "/parameterizedSearch", body)["searchRecords"]
    assert [r["LastName"] for r in told] == ["Other"]
    path = f"/parameterizedSearch?q={quote('ada@example.org')}&in=EMAIL&sobject=Contact&Contact.fields=LastName"
    assert [r["LastName"] for r in org.got("GET", path)["searchRecords"]] == ["Lovelace"]


def test_a_search_may_lag_behind(org: Org) -> None:
    search = "FIND {ada@example.org} IN EMAIL FIELDS RETURNING Lead(LastName)"
    for seconds, names in ((60, []), (0, ["Lead Ada"])):
        org.provider.faults.add("search-lag", value=seconds)
        assert found(org, search) == names


@given(st.text(st.characters(min_codepoint=33, exclude_categories=("C", "Z")), min_size=2, max_size=12))
def test_a_word_that_is_escaped_is_looked_for_as_it_is(text: str) -> None:
    if text.upper() in ("AND", "OR", "NOT"):
        return
    ((word,),) = words(escaped(text))
    assert word.fullmatch(text)
