"""Recorded decisions: as JSON and back, and decided again under other rules."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.crm import CountKind, CountRequest, Counts, Evidence, Question, RecordKind
from syncd.rules.routing import (
    Decision,
    ExcludedRecordTypes,
    Outcome,
    OwnerBooking,
    Recorded,
    Request,
    Rules,
    Step,
    Tiebreaker,
    TieRule,
    Waterfall,
    decide,
    decision_json,
    from_json,
    questions,
    record,
    replay,
    same_choice,
    to_json,
)

from .generated import COUNTS, EVIDENCE, REQUESTS, RULES
from .given import ANN, BOB, account, account_rules, answered, booker, contact, counts, day, evidence

TEXAN = booker(country="US", region="TX", hosts=(ANN.email, BOB.email))
TIED = evidence(
    account("A", country="DE", owner=ANN, created=day(1)),
    account("B", country="US", owner=BOB, created=day(2)),
    account("C", country="US", owner=ANN, created=day(3)),
    asked=(Question.CONTACTS, Question.WEBSITES, Question.CONTACT_DOMAIN),
)


def recorded(rules: Rules, known: Evidence = TIED, request: Request = TEXAN, **numbers: Any) -> Recorded:
    """A decision as it was made: with the counts its rules asked for, and no others."""
    first = decide(request, rules, known)
    if isinstance(first, Decision):
        return record(request, rules, known, None, first)
    given_counts = answered(first, counts(**numbers))
    second = decide(request, rules, known, given_counts)
    assert isinstance(second, Decision)
    return record(request, rules, known, given_counts, second, {"lookup": 0.12, "counts": 0.08})


@given(REQUESTS, RULES, EVIDENCE, st.none() | COUNTS)
def test_a_recorded_decision_is_the_same_after_json(
    request: Request, rules: Rules, known: Evidence, numbers: Counts | None
) -> None:
    made = decide(request, rules, known, numbers)
    if isinstance(made, CountRequest):
        return
    before = record(request, rules, known, numbers, made)
    after = from_json(to_json(before))
    assert after == before
    assert after.rules.version == rules.version


@given(REQUESTS, RULES, EVIDENCE, COUNTS)
def test_a_replay_under_the_same_rules_is_the_same_decision(
    request: Request, rules: Rules, known: Evidence, numbers: Counts
) -> None:
    first = decide(request, rules, known)
    given_counts = numbers if isinstance(first, CountRequest) else None
    made = decide(request, rules, known, given_counts) if given_counts else first
    assert isinstance(made, Decision)
    assert replay(from_json(to_json(record(request, rules, known, given_counts, made))), rules) == made


@given(REQUESTS, RULES, RULES, EVIDENCE, st.none() | COUNTS)
def test_a_replay_under_any_rules_is_a_decision(
    request: Request, rules: Rules, other: Rules, known: Evidence, numbers: Counts | None
) -> None:
    made = decide(request, rules, known, numbers or Counts())
    assert isinstance(made, Decision)
    again = replay(record(request, rules, known, numbers, made), other)
    assert again.rules_version == other.version


NEW_RULES: list[tuple[str, Rules, str]] = [
    ("another order", account_rules(order=(TieRule.OPPORTUNITIES, TieRule.COUNTRY)), "B"),
    ("a rule removed", account_rules(order=(TieRule.CREATED,)), "A"),
    ("tiebreaker off", account_rules(on=False), "A"),
    ("geo off", account_rules(order=(TieRule.COUNTRY, TieRule.CREATED), geo=False), "A"),
    ("record types", account_rules(excluded=ExcludedRecordTypes(accounts=("x",)), order=(TieRule.COUNTRY,)), "B"),
]


@pytest.mark.parametrize(("what", "rules", "chosen"), NEW_RULES, ids=[what for what, _, _ in NEW_RULES])
def test_new_rules_decide_recorded_evidence_anew(what: str, rules: Rules, chosen: str) -> None:
    was = recorded(account_rules(), opportunities={"B": 1, "C": 4})
    assert was.decision.record_id == "C"
    again = replay(from_json(to_json(was)), rules)
    assert again.record_id == chosen
    assert not same_choice(again, was.decision)


def test_a_replay_says_which_counts_were_never_taken() -> None:
    was = recorded(account_rules(), opportunities={"B": 1, "C": 4})
    again = replay(was, account_rules(order=(TieRule.CHILD_ACCOUNTS, TieRule.CREATED)))
    assert again.record_id == "A"
    assert again.missing == (f"counts of {CountKind.CHILD_ACCOUNTS} for the tied accounts",)
    assert was.decision.missing == ()


def test_a_replay_says_which_question_was_never_asked() -> None:
    german = replace(TIED, accounts=(account("A", website="acme.de"),))
    was = recorded(account_rules(), german)
    again = replay(was, account_rules(fuzzy=True))
    assert again.outcome is Outcome.ROUND_ROBIN
    assert again.missing == ("answer to base-domain",)


def test_the_same_choice_by_another_way_is_no_difference() -> None:
    was = recorded(account_rules(order=(TieRule.CREATED,)))
    again = replay(was, account_rules(order=(TieRule.OPPORTUNITIES, TieRule.CREATED)))
    assert again != was.decision
    assert same_choice(again, was.decision)


def test_the_rules_version_changes_with_any_rule_and_only_then() -> None:
    assert account_rules().version == account_rules().version
    versions = {
        rules.version
        for rules in (
            Rules(),
            Rules(tiebreaker=Tiebreaker(geo=False)),
            Rules(tiebreaker=Tiebreaker(order=(TieRule.CREATED,))),
            Rules(waterfall=Waterfall(fuzzy=True)),
            Rules(excluded=ExcludedRecordTypes(leads=("x",))),
            Rules(owner_booking=OwnerBooking(source=RecordKind.LEAD)),
        )
    }
    assert len(versions) == 6
    assert Rules().version == Rules(tiebreaker=Tiebreaker()).version


def test_the_trace_tells_the_whole_way_to_a_decision() -> None:
    known = replace(TIED, people=(contact("P", email="other@acme.com", account_id="A"),))
    made = recorded(account_rules(), known, opportunities={"B": 1, "C": 4}).decision
    told = [(step.step, step.rule, step.outcome) for step in made.trace]
    assert told == [
        (Step.CONTACT, "", "none"),
        (Step.OWN_ACCOUNT, "", "none"),
        (Step.EXACT, "", "matched"),
        (Step.HOSTS, "", "unchanged"),
        (Step.TIEBREAK, "country", "narrowed"),
        (Step.TIEBREAK, "state", "unchanged"),
        (Step.TIEBREAK, "sub_region", "skipped"),
        (Step.TIEBREAK, "child_accounts", "unchanged"),
        (Step.TIEBREAK, "opportunities", "decided"),
        (Step.RESULT, "opportunities", "owner"),
    ]
    assert made.trace[4].values == {"A": "DE", "B": "US", "C": "US"}
    assert made.trace[3].values == {"A": ANN.email, "B": BOB.email, "C": ANN.email}
    assert made.rules_version == account_rules().version


def test_a_decision_is_json_for_people_without_its_evidence() -> None:
    made = recorded(account_rules(order=(TieRule.CREATED,))).decision
    shown = json.loads(decision_json(made))
    assert (shown["record_id"], shown["outcome"], shown["decisive_rule"]) == ("A", "owner", "created")
    assert "evidence" not in shown


def test_the_questions_recorded_cover_what_the_decision_used() -> None:
    asked = questions(TEXAN, account_rules()).asked
    known = replace(TIED, asked=asked)
    assert recorded(account_rules(), known).decision.missing == ()
