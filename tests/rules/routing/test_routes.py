"""Booking directly with the attendee's owner: every source, fallback and filter."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.crm import Owner, Person, Question, RecordKind
from syncd.rules.routing import (
    Decision,
    ExcludedRecordTypes,
    FieldAction,
    FieldRule,
    Outcome,
    OwnerBooking,
    Rules,
    Step,
    Tiebreaker,
    decide,
)

from .given import ANN, BOB, BOOKER, CAT, account, booker, contact, day, evidence, lead

CONTACT, LEAD, ACCOUNT = RecordKind.CONTACT, RecordKind.LEAD, RecordKind.ACCOUNT
INACTIVE = Owner(id="U9", email="gone@seller.example", active=False)


def routed(*rows: Any, email: str = BOOKER, hosts: Any = None, known: Any = None, **settings: Any) -> Decision:
    excluded = settings.pop("excluded", ExcludedRecordTypes())
    rules = Rules(owner_booking=OwnerBooking(**settings), excluded=excluded)
    decision = decide(booker(email, hosts=hosts), rules, evidence(*rows, **known or {}))
    assert isinstance(decision, Decision)
    return decision


SOURCES: list[tuple[RecordKind, Owner, str]] = [(CONTACT, ANN, "C"), (LEAD, BOB, "L"), (ACCOUNT, CAT, "A")]


@pytest.mark.parametrize(("source", "owner", "record"), SOURCES, ids=[s for s, _, _ in SOURCES])
def test_the_owner_of_the_record_of_the_configured_source_takes_the_meeting(
    source: RecordKind, owner: Owner, record: str
) -> None:
    decision = routed(contact("C"), lead("L"), account("A", owner=CAT), source=source)
    assert (decision.outcome, decision.owner) == (Outcome.OWNER, owner)
    assert (decision.record_kind, decision.record_id) == (source, record)
    assert owner.email in decision.reason


@pytest.mark.parametrize("source", list(RecordKind))
def test_without_a_record_it_is_round_robin(source: RecordKind) -> None:
    decision = routed(source=source)
    assert (decision.outcome, decision.owner, decision.record_id) == (Outcome.ROUND_ROBIN, None, "")
    assert decision.reason


@pytest.mark.parametrize("email", ["BEA@acme.com", "  bea@ACME.com\n"])
def test_the_email_is_compared_trimmed_and_without_case(email: str) -> None:
    assert routed(contact("C", email=" Bea@Acme.COM"), email=email).record_id == "C"


def test_an_empty_email_is_nobody() -> None:
    assert routed(contact("C", email=""), email=" ").outcome is Outcome.ROUND_ROBIN


def test_the_reason_says_whose_record_how_it_was_found_and_what_broke_the_tie() -> None:
    one = routed(account("A", name="Acme Inc."), source=ACCOUNT)
    assert one.reason == "ann@seller.example has account Acme Inc. (found by exact-website)"
    rules = Rules(owner_booking=OwnerBooking(source=ACCOUNT), tiebreaker=Tiebreaker(on=False))
    tied = decide(booker(), rules, evidence(account("A", name=""), account("B")))
    assert isinstance(tied, Decision)
    assert tied.reason == "ann@seller.example has account A (found by exact-website, tie decided by first)"
    assert routed(contact("C")).reason == "ann@seller.example owns contact C"


# fallback to the lead


def test_the_leads_owner_is_the_fallback_only_if_configured() -> None:
    assert routed(lead("L")).outcome is Outcome.ROUND_ROBIN
    decision = routed(lead("L"), fallback_to_lead=True)
    assert (decision.owner, decision.record_kind) == (BOB, LEAD)


def test_a_contact_comes_before_the_fallback() -> None:
    assert routed(contact("C"), lead("L"), fallback_to_lead=True).record_id == "C"


def test_a_contact_dropped_by_a_rule_leaves_the_fallback() -> None:
    excluded = ExcludedRecordTypes(contacts=("Partner",))
    rows = (contact("C", record_type="partner"), lead("L"))
    assert routed(*rows, fallback_to_lead=True, excluded=excluded).record_id == "L"


def test_a_contact_whose_owner_is_no_host_ends_in_round_robin_not_in_the_fallback() -> None:
    decision = routed(contact("C"), lead("L"), fallback_to_lead=True, hosts=(BOB.email,))
    assert decision.outcome is Outcome.ROUND_ROBIN


# hosts and owners


@pytest.mark.parametrize(("source", "owner", "record"), SOURCES, ids=[s for s, _, _ in SOURCES])
def test_an_owner_who_is_no_host_does_not_take_the_meeting(source: RecordKind, owner: Owner, record: str) -> None:
    rows = (contact("C"), lead("L"), account("A", owner=CAT))
    assert routed(*rows, source=source, hosts=("dan@seller.example",)).outcome is Outcome.ROUND_ROBIN
    assert routed(*rows, source=source, hosts=(owner.email.upper(),)).record_id == record


@pytest.mark.parametrize("owner", [None, INACTIVE, Owner(id="Q", is_queue=True, email="q@x.example"), Owner(id="U")])
def test_a_contact_nobody_can_answer_for_is_passed_over(owner: Owner | None) -> None:
    older = contact("C2", owner=BOB, created=day(1))
    newer = contact("C1", owner=owner, last_activity=day(9), account_id="A")
    assert routed(newer, older).owner == BOB
    assert routed(newer).outcome is Outcome.ROUND_ROBIN


# duplicates


DUPLICATES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("has an account", {"account_id": "A"}, {"last_activity": day(9), "created": day(1)}),
    ("most recent activity", {"last_activity": day(3)}, {"last_activity": day(2), "created": day(1)}),
    ("some activity", {"last_activity": day(1)}, {"created": day(1)}),
    ("oldest", {"created": day(1)}, {"created": day(2)}),
    ("some creation date", {"created": day(9)}, {}),
]


@pytest.mark.parametrize(("why", "better", "worse"), DUPLICATES, ids=[why for why, _, _ in DUPLICATES])
def test_among_duplicates_the_better_one_is_taken(why: str, better: dict[str, Any], worse: dict[str, Any]) -> None:
    """The better one has the larger id, so the id alone never explains the choice."""
    decision = routed(contact("C1", **worse), contact("C2", **better))
    assert decision.record_id == "C2"
    assert any(step.step is Step.CHOICE for step in decision.trace)


def test_the_trace_shows_what_duplicates_were_chosen_by() -> None:
    decision = routed(contact("C1", last_activity=day(3)), contact("C2", account_id="A", created=day(1)))
    step = next(step for step in decision.trace if step.step is Step.CHOICE)
    assert step.values == {
        "C1": "account none, last activity 2026-01-03T00:00:00+00:00, created never",
        "C2": "account A, last activity never, created 2026-01-01T00:00:00+00:00",
    }


def test_duplicates_alike_in_everything_are_told_by_the_smallest_id() -> None:
    assert routed(contact("C2"), contact("C1"), contact("C3")).record_id == "C1"


# converted leads


def test_a_converted_lead_is_its_contact() -> None:
    gone = lead("L", converted=True, converted_contact_id="C", converted_account_id="A")
    decision = routed(gone, contact("C", email="bea@new.example", owner=CAT), source=LEAD)
    assert (decision.owner, decision.record_kind, decision.record_id) == (CAT, CONTACT, "C")


def test_a_converted_lead_whose_contact_was_not_read_is_known_by_its_ids() -> None:
    gone = lead("L", converted=True, converted_contact_id="C", converted_account_id="A")
    decision = routed(gone, source=CONTACT)
    assert (decision.record_kind, decision.record_id, decision.account_id) == (CONTACT, "C", "A")


def test_a_converted_lead_without_a_contact_is_dropped() -> None:
    decision = routed(lead("L", converted=True), source=LEAD)
    assert decision.outcome is Outcome.ROUND_ROBIN
    assert next(s for s in decision.trace if s.outcome == "converted").dropped.keys() == {"L"}


def test_an_open_lead_comes_before_a_converted_one() -> None:
    gone = lead("L1", converted=True, converted_contact_id="C")
    assert routed(gone, lead("L2"), source=LEAD).record_id == "L2"


def test_a_lead_that_was_never_converted_stands_for_itself_whatever_ids_it_has() -> None:
    assert routed(lead("L", converted_contact_id="C"), contact("C", owner=CAT), source=LEAD).record_id == "L"
    assert routed(lead("L", converted_contact_id="C")).outcome is Outcome.ROUND_ROBIN


def test_the_contact_a_lead_became_is_one_of_the_bookers_contacts() -> None:
    gone = lead("L", converted=True, converted_contact_id="C2")
    decision = routed(gone, contact("C1"), contact("C2", email="bea@new.example", account_id="A", owner=CAT))
    assert (decision.record_id, decision.owner) == ("C2", CAT)


def test_a_lead_with_the_id_of_that_contact_is_not_it() -> None:
    gone = lead("L", converted=True, converted_contact_id="7")
    decision = routed(gone, lead("7", owner=CAT))
    assert (decision.record_kind, decision.record_id, decision.owner) == (CONTACT, "7", BOB)


# free mail


@pytest.mark.parametrize("source", list(RecordKind))
def test_free_mail_can_be_skipped(source: RecordKind) -> None:
    email = "bea@gmail.com"
    rows = (contact("C", email=email, account_id="A"), lead("L", email=email), account("A"))
    assert routed(*rows, email=email, source=source).outcome is Outcome.OWNER
    decision = routed(*rows, email=email, source=source, skip_free_mail=True)
    assert (decision.outcome, "free-mail" in decision.reason) == (Outcome.ROUND_ROBIN, True)


def test_a_company_address_is_never_skipped_as_free_mail() -> None:
    assert routed(contact("C"), skip_free_mail=True).record_id == "C"


# record types


@pytest.mark.parametrize(
    ("source", "excluded"),
    [
        (CONTACT, ExcludedRecordTypes(contacts=("business",))),
        (LEAD, ExcludedRecordTypes(leads=("business",))),
        (ACCOUNT, ExcludedRecordTypes(accounts=("business",))),
    ],
)
def test_record_types_are_excluded_for_each_object_by_itself(source: RecordKind, excluded: ExcludedRecordTypes) -> None:
    rows = (contact("C"), lead("L"), account("A"))
    typed: list[Any] = [
        type(row)(**{f: getattr(row, f) for f in row.__slots__} | {"record_type": "Business"}) for row in rows
    ]
    assert routed(*typed, source=source, excluded=excluded).outcome is Outcome.ROUND_ROBIN
    assert all(
        routed(*typed, source=other, excluded=excluded).outcome is Outcome.OWNER for other in set(RecordKind) - {source}
    )


# field rules

IGNORE, MUST = FieldAction.IGNORE, FieldAction.MUST_INCLUDE

FIELD_RULES: list[tuple[FieldAction, Any, str, bool]] = [
    (IGNORE, "Closed", "closed", False),
    (IGNORE, "Open", "closed", True),
    (IGNORE, None, "closed", True),
    (IGNORE, None, "", False),
    (MUST, "Customer", "CUSTOMER", True),
    (MUST, " Customer ", "customer", True),
    (MUST, "Prospect", "customer", False),
    (MUST, None, "customer", False),
    (MUST, None, "", True),
    (MUST, "", "", True),
    (MUST, True, "true", True),
    (MUST, False, "true", False),
    (MUST, False, "false", True),
    (MUST, 0, "0", True),
    (MUST, 5.0, "5", True),
]


@pytest.mark.parametrize("source", list(RecordKind))
@pytest.mark.parametrize(("action", "value", "wanted", "passes"), FIELD_RULES)
def test_a_field_rule_lets_a_record_pass_or_not(
    source: RecordKind, action: FieldAction, value: Any, wanted: str, passes: bool
) -> None:
    rule = FieldRule(field="status__C", value=wanted, action=action)
    fields = {"Status__c": value}
    rows = (contact("C", fields=fields), lead("L", fields=fields), account("A", fields=fields))
    decision = routed(*rows, source=source, field_rules=(rule,))
    assert (decision.outcome is Outcome.OWNER) is passes


def test_every_field_rule_must_let_the_record_pass() -> None:
    rules = (FieldRule(field="A", value="1", action=MUST), FieldRule(field="B", value="2", action=IGNORE))
    assert routed(contact("C", fields={"A": "1", "B": "3"}), field_rules=rules).record_id == "C"
    assert routed(contact("C", fields={"A": "1", "B": "2"}), field_rules=rules).outcome is Outcome.ROUND_ROBIN
    assert routed(contact("C", fields={"A": "0", "B": "3"}), field_rules=rules).outcome is Outcome.ROUND_ROBIN


def test_a_field_that_was_not_read_lets_the_record_pass_and_is_told() -> None:
    rule = FieldRule(field="Gone__c", value="x", action=MUST)
    decision = routed(contact("C"), field_rules=(rule,))
    assert (decision.record_id, decision.missing) == ("C", ("field Gone__c",))


def test_an_account_dropped_by_a_field_rule_leaves_the_next_step() -> None:
    rule = FieldRule(field="Type", value="Partner", action=IGNORE)
    rows = (account("A", fields={"Type": "Partner"}), account("B", website="www.acme.com", fields={"Type": "Customer"}))
    assert routed(*rows, source=ACCOUNT, field_rules=(rule,)).record_id == "B"


# denied lookups


@pytest.mark.parametrize(("source", "question"), [(CONTACT, Question.CONTACTS), (LEAD, Question.LEADS)])
def test_a_denied_lookup_is_round_robin_and_traced(source: RecordKind, question: Question) -> None:
    decision = routed(contact("C"), lead("L"), source=source, known={"denied": {question: "no access"}})
    assert decision.outcome is Outcome.ROUND_ROBIN
    assert any("no access" in step.reason for step in decision.trace)


def test_people_of_other_emails_in_the_answer_are_ignored() -> None:
    others: tuple[Person, ...] = (contact("C", email="bob@acme.com"), contact("D", email="xbea@acme.com"))
    assert routed(*others).outcome is Outcome.ROUND_ROBIN
