"""The tiebreaker: the page's table row by row, its configuration, and what the page leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.crm import CountKind, CountRequest, Counts
from syncd.rules.routing import DEFAULT_ORDER, TIE_RULES, Decision, Step, TieRule, decide

from .given import ANN, BOB, account, account_rules, answered, booker, counts, day, decided, evidence

TEXAN = booker(country="US", region="TX")


def chosen(*accounts: Any, request: Any = TEXAN, numbers: Any = None, denied: Any = None, **settings: Any) -> Decision:
    return decided(request, account_rules(**settings), evidence(*accounts), numbers, denied)


def rule_steps(decision: Decision) -> list[tuple[str, str]]:
    return [(step.rule, step.outcome) for step in decision.trace if step.step is Step.TIEBREAK]


def test_the_rules_and_their_order_are_the_pages() -> None:
    assert [(facts.priority, rule.value, facts.category.value) for rule, facts in TIE_RULES.items()] == [
        ("P1", "country", "geo"),
        ("P2", "state", "geo"),
        ("P3", "sub_region", "geo"),
        ("P5", "child_accounts", "relationship"),
        ("P6", "opportunities", "relationship"),
        ("P7", "contacts", "relationship"),
        ("P8", "last_activity", "activity"),
        ("P9", "created", "activity"),
    ]
    assert tuple(TIE_RULES) == DEFAULT_ORDER


LOSER = {"country": "DE", "state": "BY", "created": day(5), "last_activity": day(5)}
SAME = {"country": "US", "state": "TX", "fields": {"Territory__c": "South"}, "created": day(5), "last_activity": day(5)}
LEVEL = counts(child_accounts={"A": 1, "B": 1}, opportunities={"A": 1, "B": 1}, contacts={"A": 1, "B": 1})

ROWS: list[tuple[TieRule, dict[str, Any], dict[str, Any], dict[str, dict[str, int]]]] = [
    (TieRule.COUNTRY, {}, {"country": "DE"}, {}),
    (TieRule.STATE, {}, {"state": "CA"}, {}),
    (TieRule.SUB_REGION, {}, {"fields": {"Territory__c": "North"}}, {}),
    (TieRule.CHILD_ACCOUNTS, {}, {}, {"child_accounts": {"A": 1, "B": 2}}),
    (TieRule.OPPORTUNITIES, {}, {}, {"opportunities": {"A": 1, "B": 2}}),
    (TieRule.CONTACTS, {}, {}, {"contacts": {"A": 1, "B": 2}}),
    (TieRule.LAST_ACTIVITY, {"last_activity": day(6)}, {}, {}),
    (TieRule.CREATED, {"created": day(4)}, {}, {}),
]


@pytest.mark.parametrize(("rule", "better", "worse", "numbers"), ROWS, ids=[row[0] for row in ROWS])
def test_each_rule_decides_when_every_rule_before_it_is_level(
    rule: TieRule, better: dict[str, Any], worse: dict[str, Any], numbers: dict[str, dict[str, int]]
) -> None:
    """B is the better account, so the smaller id alone never explains the choice."""
    decision = chosen(
        account("A", **SAME | worse),
        account("B", **SAME | better),
        request=booker(country="US", region="TX", sub_region="South"),
        numbers=LEVEL | counts(**numbers),
        sub_region_field="Territory__c",
    )
    assert (decision.record_id, decision.decisive_rule) == ("B", rule)
    before = DEFAULT_ORDER[: DEFAULT_ORDER.index(rule)]
    assert rule_steps(decision) == [*((r, "unchanged") for r in before), (rule, "decided")]


def test_the_first_rule_that_leaves_one_ends_the_waterfall() -> None:
    decision = chosen(
        account("A", country="US", created=day(9)),
        account("B", country="DE", created=day(1)),
        numbers=counts(opportunities={"B": 99}),
    )
    assert (decision.record_id, decision.decisive_rule) == ("A", TieRule.COUNTRY)
    assert len(rule_steps(decision)) == 1


def test_rules_narrow_one_after_the_other() -> None:
    decision = chosen(
        account("A", country="US", created=day(3)),
        account("B", country="US", created=day(2)),
        account("C", country="DE", created=day(1)),
        order=(TieRule.COUNTRY, TieRule.CREATED),
    )
    assert decision.record_id == "B"
    assert rule_steps(decision) == [("country", "narrowed"), ("created", "decided")]


# configuration


def test_the_configured_order_runs_from_top_to_bottom() -> None:
    accounts = (account("A", country="US"), account("B", country="DE"))
    numbers = counts(opportunities={"A": 1, "B": 5})
    assert chosen(*accounts, numbers=numbers).record_id == "A"
    reordered = (TieRule.OPPORTUNITIES, TieRule.COUNTRY)
    assert chosen(*accounts, numbers=numbers, order=reordered).record_id == "B"


def test_a_removed_rule_no_longer_participates() -> None:
    accounts = (account("A", country="US", created=day(2)), account("B", country="DE", created=day(1)))
    without = tuple(rule for rule in DEFAULT_ORDER if rule is not TieRule.COUNTRY)
    decision = chosen(*accounts, order=without)
    assert decision.record_id == "B"
    assert "country" not in [rule for rule, _ in rule_steps(decision)]


def test_a_rule_added_back_participates_again() -> None:
    accounts = (account("A", country="US", created=day(2)), account("B", country="DE", created=day(1)))
    assert chosen(*accounts, order=(TieRule.CREATED,)).record_id == "B"
    assert chosen(*accounts, order=(TieRule.COUNTRY, TieRule.CREATED)).record_id == "A"


@pytest.mark.parametrize("settings", [{"on": False}, {"order": ()}], ids=["off", "all-removed"])
def test_without_a_tiebreaker_the_first_match_is_the_earliest_created_then_the_smallest_id(
    settings: dict[str, Any],
) -> None:
    accounts = (account("C", created=day(1)), account("B", created=day(1)), account("A", country="US", created=day(2)))
    decision = chosen(*accounts, **settings)
    assert (decision.record_id, decision.decisive_rule) == ("B", "first")
    assert chosen(account("A"), account("B", created=day(9)), **settings).record_id == "B"


@pytest.mark.parametrize("settings", [{"on": False}, {"order": ()}], ids=["off", "all-removed"])
def test_without_a_tiebreaker_no_counts_are_asked_for(settings: dict[str, Any]) -> None:
    known = evidence(account("A"), account("B"))
    assert isinstance(decide(TEXAN, account_rules(**settings), known), Decision)


def test_geo_rules_can_be_switched_off() -> None:
    accounts = (account("A", country="US", created=day(2)), account("B", country="DE", created=day(1)))
    decision = chosen(*accounts, geo=False)
    assert decision.record_id == "B"
    assert rule_steps(decision)[:3] == [("country", "skipped"), ("state", "skipped"), ("sub_region", "skipped")]


def test_without_geo_data_the_waterfall_starts_at_the_relationship_rules() -> None:
    accounts = (account("A", country="US"), account("B", country="DE"))
    decision = chosen(*accounts, request=booker(), numbers=counts(child_accounts={"B": 1}))
    assert (decision.record_id, decision.decisive_rule) == ("B", TieRule.CHILD_ACCOUNTS)
    assert {outcome for _, outcome in rule_steps(decision)[:3]} == {"skipped"}


def test_a_tie_after_every_rule_goes_to_the_smallest_id() -> None:
    decision = chosen(account("B", created=day(1)), account("A", created=day(1)), account("C", created=day(2)))
    assert (decision.record_id, decision.decisive_rule) == ("A", "id")


def test_one_candidate_is_no_tie() -> None:
    decision = chosen(account("A"))
    assert (decision.record_id, decision.decisive_rule) == ("A", "")
    assert rule_steps(decision) == []


# geo


@pytest.mark.parametrize(
    ("booker_says", "account_says"),
    [("US", "United States"), ("us", "USA"), ("DE", "Deutschland"), ("GB", "UK"), ("DEU", "Germany")],
)
def test_a_country_matches_in_any_spelling(booker_says: str, account_says: str) -> None:
    accounts = (account("A", country="France"), account("B", country=account_says))
    assert chosen(*accounts, request=booker(country=booker_says), order=(TieRule.COUNTRY,)).record_id == "B"


def test_the_orgs_country_code_comes_before_its_text() -> None:
    accounts = (
        account("A", country="US", country_code="DE"),
        account("B", country="Vereinigte St.", country_code="US"),
    )
    assert chosen(*accounts).record_id == "B"


@pytest.mark.parametrize("state", ["TX", "Texas", "texas", "US-TX"])
def test_a_state_matches_as_code_or_name(state: str) -> None:
    accounts = (account("A", country="US", state="CA"), account("B", country="US", state=state))
    for region in ("TX", "Texas"):
        request = booker(country="US", region=region)
        assert chosen(*accounts, request=request, order=(TieRule.STATE,)).record_id == "B"


def test_the_orgs_state_code_comes_before_its_text() -> None:
    accounts = (account("A", country="US", state="TX", state_code="CA"), account("B", country="US", state_code="TX"))
    assert chosen(*accounts, order=(TieRule.STATE,)).record_id == "B"


def test_a_state_of_another_country_is_another_state() -> None:
    accounts = (account("A", country="AU", state="WA"), account("B", country="US", state="Washington"))
    request = booker(country="US", region="WA")
    assert chosen(*accounts, request=request, order=(TieRule.STATE,)).record_id == "B"


def test_a_state_without_a_country_still_matches() -> None:
    accounts = (account("A", state="CA"), account("B", state="Texas"))
    assert chosen(*accounts, order=(TieRule.STATE,)).record_id == "B"
    accounts = (account("A", country="US", state="CA"), account("B", country="US", state="Texas"))
    assert chosen(*accounts, request=booker(region="TX"), order=(TieRule.STATE,)).record_id == "B"


@pytest.mark.parametrize(
    "request_", [booker(country="FR"), booker(country="XX"), booker(country=" ")], ids=["no-match", "unknown", "blank"]
)
def test_a_country_that_matches_nobody_changes_nothing(request_: Any) -> None:
    accounts = (account("A", country="US", created=day(2)), account("B", created=day(1)))
    decision = chosen(*accounts, request=request_, order=(TieRule.COUNTRY, TieRule.CREATED))
    assert (decision.record_id, decision.decisive_rule) == ("B", TieRule.CREATED)


def test_an_account_without_a_country_loses_to_one_that_matches() -> None:
    assert chosen(account("A"), account("B", country="US"), order=(TieRule.COUNTRY,)).record_id == "B"


@pytest.mark.parametrize(
    "territory", ["South", "south", "North; South", "West,South", "TX", "Texas", "US-TX", "Austin"]
)
def test_a_sub_region_field_names_the_bookers_location_in_one_of_its_values(territory: str) -> None:
    accounts = (account("A", fields={"Terr__c": "Bavaria"}), account("B", fields={"Terr__c": territory}))
    request = booker(country="US", region="TX", city="Austin", sub_region="South")
    settings: dict[str, Any] = {"order": (TieRule.SUB_REGION,), "sub_region_field": "terr__C"}
    assert chosen(*accounts, request=request, **settings).record_id == "B"


@pytest.mark.parametrize("territory", ["US", "Tex", "South Texas", ""])
def test_a_sub_region_field_that_names_something_else_is_no_match(territory: str) -> None:
    accounts = (account("A", fields={"T": "Bavaria"}), account("B", fields={"T": territory}))
    for request in (booker(country="US"), booker(country="US", region="TX")):
        settings: dict[str, Any] = {"order": (TieRule.SUB_REGION,), "sub_region_field": "T"}
        assert chosen(*accounts, request=request, **settings).record_id == "A"


def test_the_trace_shows_states_as_they_were_compared() -> None:
    accounts = (account("A", country="USA", state="Texas"), account("B", country="AU", state="wa"), account("C"))
    step = chosen(*accounts, order=(TieRule.STATE,)).trace[-2]
    assert (step.compared_with, step.values) == ("US-TX", {"A": "US-TX", "B": "AU-WA", "C": ""})


def test_a_sub_region_without_a_field_or_a_value_is_skipped_or_changes_nothing() -> None:
    accounts = (account("A", fields={"T": None}), account("B", fields={"T": ""}), account("C"))
    without_field = chosen(*accounts, order=(TieRule.SUB_REGION,))
    assert rule_steps(without_field)[0] == ("sub_region", "skipped")
    empty = chosen(*accounts, order=(TieRule.SUB_REGION,), sub_region_field="T")
    assert rule_steps(empty)[0] == ("sub_region", "unchanged")


# counts and dates


@pytest.mark.parametrize("kind", list(CountKind))
def test_no_related_record_loses_to_some(kind: CountKind) -> None:
    decision = chosen(account("A"), account("B"), numbers={kind: {"B": 1}})
    assert (decision.record_id, decision.decisive_rule) == ("B", kind.value)


@pytest.mark.parametrize("kind", list(CountKind))
def test_a_count_the_crm_denies_is_skipped_and_traced(kind: CountKind) -> None:
    decision = chosen(
        account("A", created=day(2)),
        account("B", created=day(1)),
        numbers={kind: {"A": 9}},
        denied={kind: "INSUFFICIENT_ACCESS"},
    )
    assert (decision.record_id, decision.decisive_rule) == ("B", TieRule.CREATED)
    step = next(s for s in decision.trace if s.rule == kind.value)
    assert (step.outcome, "INSUFFICIENT_ACCESS" in step.reason) == ("skipped", True)
    assert decision.missing == ()


@pytest.mark.parametrize("rule", [TieRule.LAST_ACTIVITY, TieRule.CREATED])
def test_a_missing_date_loses_to_any_and_matters_to_nobody_when_all_miss_it(rule: TieRule) -> None:
    name = "last_activity" if rule is TieRule.LAST_ACTIVITY else "created"
    assert chosen(account("A"), account("B", **{name: day(1)}), order=(rule,)).record_id == "B"
    level = chosen(account("A"), account("B"), order=(rule,))
    assert rule_steps(level) == [(rule, "unchanged"), ("id", "decided")]


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    naive = day(1).replace(tzinfo=None)
    accounts = (account("A", created=day(2)), account("B", created=naive))
    assert chosen(*accounts, order=(TieRule.CREATED,)).record_id == "B"


def test_an_owners_second_account_can_win() -> None:
    """The original kept one account for each owner before it compared, so Ann's better one was lost."""
    accounts = (account("A", owner=ANN), account("B", owner=BOB), account("C", owner=ANN))
    decision = chosen(*accounts, numbers=counts(opportunities={"A": 0, "B": 1, "C": 2}))
    assert (decision.record_id, decision.owner) == ("C", ANN)


# what is asked


def test_counts_are_asked_for_the_tied_accounts_only_and_for_every_later_rule_at_once() -> None:
    known = evidence(account("A", country="US"), account("B", country="US"), account("C", country="DE"))
    assert decide(TEXAN, account_rules(), known) == CountRequest(account_ids=("A", "B"), kinds=tuple(CountKind))


def test_only_counts_of_rules_still_to_come_are_asked_for() -> None:
    order = (TieRule.OPPORTUNITIES, TieRule.CREATED, TieRule.CONTACTS)
    asked = decide(booker(), account_rules(order=order), evidence(account("A"), account("B")))
    assert asked == CountRequest(account_ids=("A", "B"), kinds=(CountKind.OPPORTUNITIES, CountKind.CONTACTS))


def test_a_tie_that_ends_before_any_count_asks_for_none() -> None:
    known = evidence(account("A", country="US"), account("B", country="DE"))
    assert isinstance(decide(TEXAN, account_rules(), known), Decision)
    earlier = account_rules(order=(TieRule.CREATED, TieRule.CONTACTS))
    dated = evidence(account("A", created=day(1)), account("B", created=day(2)))
    assert isinstance(decide(TEXAN, earlier, dated), Decision)


def test_counts_that_do_not_cover_the_tied_accounts_are_not_taken_for_zero() -> None:
    known = evidence(account("A", created=day(2)), account("B", created=day(1)))
    partial = Counts(account_ids=("A",), found=counts(child_accounts={"A": 5}, opportunities={}, contacts={}))
    decision = decide(booker(), account_rules(), known, partial)
    assert isinstance(decision, Decision)
    assert decision.record_id == "B"
    assert len(decision.missing) == 3


def test_the_trace_names_the_value_of_every_candidate_and_why_it_lost() -> None:
    decision = chosen(account("A"), account("B"), numbers=counts(opportunities={"A": 2, "B": 7}))
    step = next(s for s in decision.trace if s.rule == TieRule.OPPORTUNITIES)
    assert (step.values, step.compared_with) == ({"A": 2, "B": 7}, "7")
    assert (step.before, step.after) == (("A", "B"), ("B",))
    assert step.dropped == {"A": "not most opportunities"}


def test_ten_thousand_candidates_are_asked_about_in_one_request() -> None:
    known = evidence(*(account(f"A{i:05}") for i in range(10_000)))
    asked = decide(booker(), account_rules(), known)
    assert isinstance(asked, CountRequest)
    assert len(asked.account_ids) == 10_000
    decision = decide(booker(), account_rules(), known, answered(asked, counts(contacts={"A07777": 1})))
    assert isinstance(decision, Decision)
    assert decision.record_id == "A07777"
