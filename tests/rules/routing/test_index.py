"""The local index of accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.crm import Account, Question
from syncd.rules.routing import AccountIndex, Decision, Request, Rules, Step, decide, questions
from syncd.rules.routing.domains import base_domain, website_domain

from .given import account, account_rules, booker, evidence

WEBSITES = st.sampled_from(
    [
        "acme.com",
        "www.acme.com",
        "https://acme.de/x",
        "eu.acme.com",
        "bolt.io",
        "",
        "no website",
        "co.uk",
        "acme.github.io",
    ]
)
CHANGES = st.lists(st.tuples(st.sampled_from("ABCDE"), st.none() | WEBSITES), max_size=30)


@given(CHANGES)
def test_after_any_changes_the_index_holds_exactly_the_last_state(changes: list[tuple[str, str | None]]) -> None:
    index = AccountIndex()
    held: dict[str, Account] = {}
    for id_, website in changes:
        if website is None:
            index.remove(id_)
            held.pop(id_, None)
        else:
            held[id_] = account(id_, website=website)
            index.add(held[id_])
    ordered = [held[id_] for id_ in sorted(held)]
    assert sorted(index, key=lambda a: a.id) == ordered
    assert len(index) == len(held)
    for domain in ("acme.com", "acme.de", "eu.acme.com", "bolt.io"):
        assert index.by_domain(domain) == tuple(a for a in ordered if website_domain(a.website) == domain)
    for base in ("acme", "bolt"):
        expected = tuple(a for a in ordered if base_domain(website_domain(a.website)) == base)
        assert index.by_base_domain(base) == expected
    for id_ in "ABCDE":
        index.remove(id_)
    assert not index._by_domain
    assert not index._by_base


@given(st.lists(WEBSITES, max_size=8), st.sampled_from(["x@acme.com", "x@acme.de", "x@eu.acme.com", "x@acme.co.uk"]))
def test_an_index_decides_as_if_the_crm_had_returned_every_account(websites: list[str], email: str) -> None:
    accounts = tuple(account(f"A{i}", website=website) for i, website in enumerate(websites))
    rules, request = account_rules(fuzzy=True, order=()), booker(email)
    from_index = AccountIndex(accounts).answers(questions(request, rules))
    assert _chosen(from_index, request, rules) == _chosen(accounts, request, rules)


def _chosen(accounts: tuple[Account, ...], request: Request, rules: Rules) -> tuple[str, Step | None]:
    decision = decide(request, rules, evidence(*accounts))
    assert isinstance(decision, Decision)
    return decision.record_id, decision.method


@pytest.mark.parametrize(("fuzzy", "found"), [(False, ["A"]), (True, ["A", "B"])])
def test_the_index_answers_only_the_questions_asked(fuzzy: bool, found: list[str]) -> None:
    index = AccountIndex([account("A"), account("B", website="acme.de"), account("C", website="bolt.io")])
    asked = questions(booker(), account_rules(fuzzy=fuzzy))
    assert [a.id for a in index.answers(asked)] == found
    assert index.answers(replace(asked, asked=(Question.CONTACTS,))) == ()


def test_an_account_is_found_by_id() -> None:
    index = AccountIndex([account("A")])
    assert index.get("A") == account("A")
    assert index.get("B") is None
