"""What holds for any evidence and any rules."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from syncd.model.crm import Account, CountRequest, Counts, Evidence
from syncd.rules.routing import (
    Decision,
    Outcome,
    Purpose,
    RecordAction,
    Request,
    Rules,
    Step,
    Tiebreaker,
    TieRule,
    decide,
    questions,
)
from syncd.rules.routing.tiebreak import Winner, break_tie
from syncd.rules.routing.trace import TraceLog

from .generated import ACCOUNTS, ALL_COUNTED, COUNTS, EVIDENCE, ORDERS, REQUESTS, RULES


@given(REQUESTS, RULES, EVIDENCE, st.none() | COUNTS)
def test_a_decision_is_made_from_any_evidence(
    request: Request, rules: Rules, evidence: Evidence, counts: Counts | None
) -> None:
    made = decide(request, rules, evidence, counts)
    if isinstance(made, CountRequest):
        assert counts is None
        assert len(made.account_ids) > 1
        assert made.kinds
        assert set(made.account_ids) <= {account.id for account in evidence.accounts}
        return
    assert made.reason
    assert made.trace[-1].step is Step.RESULT
    assert (made.outcome is Outcome.OWNER) <= (made.owner is not None)
    assert (made.action in (RecordAction.USE, RecordAction.LINK_CONTACT)) == (made.person is not None)


@given(REQUESTS, RULES)
def test_questions_are_made_of_any_request(request: Request, rules: Rules) -> None:
    made = questions(request, rules)
    assert set(made.asked).isdisjoint(made.not_asked)
    assert made.base_domain.isascii()
    assert made.domain.isascii()


@given(REQUESTS, RULES, EVIDENCE, st.none() | COUNTS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_rows_changes_anything(
    request: Request, rules: Rules, evidence: Evidence, counts: Counts | None, shuffle: random.Random
) -> None:
    people, accounts = list(evidence.people) * 2, list(evidence.accounts) * 3
    shuffle.shuffle(people)
    shuffle.shuffle(accounts)
    counted = list(evidence.contact_counts.items())
    shuffle.shuffle(counted)
    other = replace(evidence, people=tuple(people), accounts=tuple(accounts), contact_counts=dict(counted))
    assert decide(request, rules, other, counts) == decide(request, rules, evidence, counts)


@given(REQUESTS, RULES, EVIDENCE, COUNTS)
def test_an_owner_chosen_is_an_active_host(request: Request, rules: Rules, evidence: Evidence, counts: Counts) -> None:
    made = decide(replace(request, purpose=Purpose.ROUTE), rules, evidence, counts)
    assert isinstance(made, Decision)
    if made.owner is None:
        return
    assert made.owner.active
    assert not made.owner.is_queue
    hosts = request.hosts
    assert hosts is None or made.owner.email.strip().casefold() in {host.strip().casefold() for host in hosts}


@given(REQUESTS, RULES, EVIDENCE, COUNTS)
def test_counts_that_are_not_needed_change_nothing(
    request: Request, rules: Rules, evidence: Evidence, counts: Counts
) -> None:
    made = decide(request, rules, evidence)
    if isinstance(made, Decision):
        assert decide(request, rules, evidence, counts) == made


CANDIDATES = st.lists(ACCOUNTS, min_size=2, max_size=4, unique_by=lambda a: a.id)


def survivors(accounts: list[Account], request: Request, order: tuple[TieRule, ...], counts: Counts) -> list[set[str]]:
    """Who is left after each rule of `order`; every rule is run, also after one has decided."""
    log = TraceLog()
    tied = Tiebreaker(order=order, sub_region_field="F")
    ordered = tuple(sorted(accounts, key=lambda a: a.id))
    winner = break_tie(ordered, request, tied, counts, log)
    assert isinstance(winner, Winner)
    left = [set(step.after) for step in log.steps if step.rule in order]
    return left + [{winner.account.id}] * (len(order) - len(left))


@given(CANDIDATES, REQUESTS, ORDERS, COUNTS)
def test_each_rule_leaves_some_of_what_the_rule_before_left(
    accounts: list[Account], request: Request, order: tuple[TieRule, ...], counts: Counts
) -> None:
    left = [{a.id for a in accounts}, *survivors(accounts, request, order, counts)]
    assert all(after and after <= before for before, after in pairwise(left))


@given(CANDIDATES, REQUESTS, ORDERS, COUNTS, st.data())
def test_removing_the_last_rules_never_loses_a_candidate(
    accounts: list[Account], request: Request, order: tuple[TieRule, ...], counts: Counts, data: st.DataObject
) -> None:
    kept = data.draw(st.integers(1, len(order)))
    full = survivors(accounts, request, order, counts)
    shorter = survivors(accounts, request, order[:kept], counts)
    assert shorter == full[:kept]
    assert full[-1] <= shorter[-1]


@given(CANDIDATES, REQUESTS, ORDERS, COUNTS, st.data())
def test_removing_a_rule_that_changed_nothing_changes_nothing(
    accounts: list[Account], request: Request, order: tuple[TieRule, ...], counts: Counts, data: st.DataObject
) -> None:
    left = [{a.id for a in accounts}, *survivors(accounts, request, order, counts)]
    idle = [rule for rule, (before, after) in zip(order, pairwise(left), strict=True) if before == after]
    removed = data.draw(st.sampled_from([*idle, None]))
    without = tuple(rule for rule in order if rule != removed)
    if not without:
        return
    ordered = tuple(sorted(accounts, key=lambda a: a.id))
    settings = Tiebreaker(order=order, sub_region_field="F")
    winner = break_tie(ordered, request, settings, counts, TraceLog())
    other = break_tie(ordered, request, replace(settings, order=without), counts, TraceLog())
    assert winner == other


@given(CANDIDATES, REQUESTS, st.sampled_from(list(TieRule)), st.data())
def test_leaving_out_a_loser_changes_no_choice_of_a_single_rule(
    accounts: list[Account], request: Request, rule: TieRule, data: st.DataObject
) -> None:
    settings, counts = Tiebreaker(order=(rule,), sub_region_field="F"), data.draw(ALL_COUNTED)
    ordered = tuple(sorted(accounts, key=lambda a: a.id))
    winner = break_tie(ordered, request, settings, counts, TraceLog())
    assert isinstance(winner, Winner)
    loser = data.draw(st.sampled_from([a for a in ordered if a.id != winner.account.id]))
    again = break_tie(tuple(a for a in ordered if a is not loser), request, settings, counts, TraceLog())
    assert isinstance(again, Winner)
    assert again.account == winner.account
