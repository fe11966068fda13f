"""Recorded evidence tells no address, and decides the same."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given

from syncd.model.crm import CountRequest, Counts, Evidence
from syncd.rules.routing import (
    Decision,
    Outcome,
    Request,
    Rules,
    Step,
    decide,
    masked,
    masked_email,
    normalized_email,
    round_robin,
    same_choice,
    without_answer,
)

from .generated import COUNTS, EVIDENCE, REQUESTS, RULES
from .given import ANN, BOB, account, account_rules, booker, contact, evidence

MASKED = {
    "ada@acme.com": "ada's@acme.com",
    " ADA@Acme.com ": "ada's@acme.com",
    "a@b@acme.com": "a@b's@acme.com",
    "ada": "ada's",
    "@acme.com": "@acme.com's",
    "": "",
    "  ": "",
}


def _token(email: str) -> str:
    return hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@pytest.mark.parametrize("email", MASKED)
def test_an_address_keeps_only_its_domain(email: str) -> None:
    known = normalized_email(email)
    shown = known.rpartition("@")[0] if known.rpartition("@")[0] else known
    assert masked_email(email, lambda whole: f"{shown}'s" if whole == known else "?") == MASKED[email]


@given(REQUESTS, RULES, EVIDENCE, COUNTS)
def test_masked_evidence_decides_the_same(request: Request, rules: Rules, known: Evidence, numbers: Counts) -> None:
    whose, unread = masked(request, known, _token)
    plain, hidden = decide(request, rules, known), decide(whose, rules, unread)
    if isinstance(plain, CountRequest):
        assert hidden == plain
        plain, hidden = decide(request, rules, known, numbers), decide(whose, rules, unread, numbers)
    assert isinstance(plain, Decision)
    assert isinstance(hidden, Decision)
    assert [(s.step, s.outcome, s.before, s.after) for s in hidden.trace] == [
        (s.step, s.outcome, s.before, s.after) for s in plain.trace
    ]
    assert hidden.person is None if plain.person is None else hidden.person is not None
    assert same_choice(plain, hidden)


def test_people_lose_address_and_name_and_owners_keep_theirs() -> None:
    _, unread = masked(booker(), evidence(contact("C", name="Bea"), account("A")), _token)
    (person,) = unread.people
    assert (person.name, person.email) == ("", f"{_token('bea@acme.com')}@acme.com")
    assert (person.owner, unread.accounts[0].owner) == (ANN, ANN)


def test_without_any_answer_it_is_round_robin_and_the_trace_says_why() -> None:
    told = without_answer(booker(), account_rules(), Evidence(asked=()), "it hangs")
    assert (told.outcome, told.reason, told.rules_version) == (
        Outcome.ROUND_ROBIN,
        "it hangs",
        account_rules().version,
    )
    assert [(s.step, s.outcome, s.reason) for s in told.trace] == [
        (Step.LOOKUP, "failed", "it hangs"),
        (Step.RESULT, "round-robin", "it hangs"),
    ]


def test_without_counts_the_steps_before_the_tie_stay_and_nobody_is_chosen() -> None:
    known = evidence(account("A", owner=ANN), account("B", owner=BOB))
    told = without_answer(booker(), account_rules(), known, "it hangs")
    assert told.owner is None
    steps = [step.step for step in told.trace]
    assert steps[-3:] == [Step.HOSTS, Step.LOOKUP, Step.RESULT]
    assert Step.TIEBREAK not in steps


def test_round_robin_without_a_crm_has_a_reason_and_no_version() -> None:
    told = round_robin("nobody routes")
    assert (told.outcome, told.reason, told.rules_version, len(told.trace)) == (
        Outcome.ROUND_ROBIN,
        "nobody routes",
        "",
        1,
    )
