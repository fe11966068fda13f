"""The waterfall: which account an e-mail belongs to, step by step."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.crm import Owner, Question
from syncd.rules.routing import Decision, ExcludedRecordTypes, Outcome, Step, TieRule

from .given import ANN, BOB, BOOKER, CAT, account, account_rules, booker, contact, day, decided, evidence, lead

BY_AGE = {"order": (TieRule.CREATED,)}


def resolved(*rows: Any, email: str = BOOKER, hosts: Any = None, known: Any = None, **settings: Any) -> Decision:
    rules = account_rules(**BY_AGE | settings)
    return decided(booker(email, hosts=hosts), rules, evidence(*rows, **known or {}))


def found(decision: Decision) -> tuple[str, Step | None]:
    return decision.record_id, decision.method


def outcomes(decision: Decision) -> dict[Step, str]:
    return {step.step: step.outcome for step in decision.trace}


# the page's steps


@pytest.mark.parametrize("website", ["acme.com", "ACME.com", " acme.com"])
def test_a_website_that_is_the_domain_is_an_exact_match(website: str) -> None:
    assert found(resolved(account("A", website=website))) == ("A", Step.EXACT)


@pytest.mark.parametrize(
    "website",
    ["www.acme.com", "http://acme.com", "https://www.acme.com/", "acme.com/about", "acme.com:443", "acme.com."],
)
def test_a_website_with_prefixes_or_a_path_is_a_normalized_match(website: str) -> None:
    decision = resolved(account("A", website=website))
    assert decision.record_id == "A"
    assert decision.method is (Step.EXACT if website == "acme.com." else Step.NORMALIZED)


def test_an_international_domain_matches_in_either_writing() -> None:
    accounts = (account("A", website="münchen.de"), account("B", website="https://xn--mnchen-3ya.de"))
    assert found(resolved(accounts[0], email="x@xn--mnchen-3ya.de")) == ("A", Step.EXACT)
    assert found(resolved(accounts[1], email="x@MÜNCHEN.de")) == ("B", Step.NORMALIZED)


def test_the_account_of_contacts_in_the_domain_is_a_match() -> None:
    decision = resolved(account("A", website="other.org"), known={"contact_counts": {"A": 2}})
    assert found(decision) == ("A", Step.CONTACT_DOMAIN)


@pytest.mark.parametrize(
    ("email", "website"),
    [
        ("x@acme.co.uk", "acme.com"),
        ("x@acme.com", "acme.co.uk"),
        ("x@acme.com", "https://www.acme.de/kontakt"),
        ("x@eu.acme.de", "shop.acme.com.au"),
    ],
)
def test_the_same_base_domain_under_another_suffix_is_a_fuzzy_match(email: str, website: str) -> None:
    assert found(resolved(account("A", website=website), email=email, fuzzy=True)) == ("A", Step.FUZZY)
    assert resolved(account("A", website=website), email=email).outcome is Outcome.ROUND_ROBIN


@pytest.mark.parametrize("website", ["acme-corp.de", "macmedia.de", "1acme.de", "acmecorp.com", "acme.github.io", ""])
def test_a_website_that_only_contains_the_base_domain_is_no_match(website: str) -> None:
    assert resolved(account("A", website=website), fuzzy=True).outcome is Outcome.ROUND_ROBIN


@pytest.mark.parametrize("website", ["1acme.com", "acme.com.evil.org", "notacme.com", "acme.community.org"])
def test_a_website_that_only_contains_the_domain_is_no_match(website: str) -> None:
    assert resolved(account("A", website=website)).outcome is Outcome.ROUND_ROBIN


def test_a_page_on_a_hosting_domain_is_not_its_owner() -> None:
    assert resolved(account("A", website="acme.github.io"), email="x@github.com", fuzzy=True).record_id == ""


STEPS: list[tuple[Step, dict[str, Any]]] = [
    (Step.OWN_ACCOUNT, {"website": "own.example"}),
    (Step.EXACT, {"website": "acme.com"}),
    (Step.NORMALIZED, {"website": "https://acme.com"}),
    (Step.CONTACT_DOMAIN, {"website": "counted.example"}),
    (Step.FUZZY, {"website": "acme.de"}),
]


@pytest.mark.parametrize("position", range(len(STEPS)), ids=[step for step, _ in STEPS])
def test_the_first_step_that_finds_an_account_wins_over_all_later_ones(position: int) -> None:
    accounts = {step: account(step.value, **values) for step, values in STEPS[position:]}
    people = (contact("C", account_id="own-account"),) if Step.OWN_ACCOUNT in accounts else ()
    counted = {"contact_counts": {"contact-domain": 1}} if Step.CONTACT_DOMAIN in accounts else {}
    decision = resolved(*people, *accounts.values(), fuzzy=True, known=counted)
    step = STEPS[position][0]
    assert found(decision) == (step.value, step)
    later = [traced.step for traced in decision.trace if traced.step in accounts]
    assert later == [step]


def test_several_accounts_in_one_step_go_to_the_tiebreaker() -> None:
    accounts = (account("A", created=day(2)), account("B", created=day(1)))
    decision = resolved(*accounts)
    assert (found(decision), decision.decisive_rule) == (("B", Step.EXACT), TieRule.CREATED)


def test_nothing_found_is_round_robin_with_every_step_traced() -> None:
    decision = resolved(fuzzy=True)
    assert decision.outcome is Outcome.ROUND_ROBIN
    assert "no account was found for acme.com" in decision.reason
    assert [outcomes(decision)[step] for step, _ in STEPS] == ["none"] * 5


# domains that are never matched


@pytest.mark.parametrize("domain", ["gmail.com", "yahoo.co.uk", "acme.github.io", "localhost", "10.0.0.1"])
def test_a_free_mail_or_hosting_domain_is_matched_by_no_domain_step(domain: str) -> None:
    """The original attached every gmail.com booker to the account with the most gmail.com contacts."""
    decision = resolved(
        account("A", website=domain),
        account("B", website=f"https://{domain}/"),
        account("C"),
        email=f"x@{domain}",
        known={"contact_counts": {"C": 9}},
        fuzzy=True,
    )
    assert decision.outcome is Outcome.ROUND_ROBIN
    assert [outcomes(decision)[step] for step, _ in STEPS[1:]] == ["skipped"] * 4


def test_a_free_mail_booker_with_a_contact_has_the_contacts_account() -> None:
    decision = resolved(contact("C", email="bea@gmail.com", account_id="A"), account("A"), email="Bea@Gmail.com")
    assert found(decision) == ("A", Step.OWN_ACCOUNT)


@pytest.mark.parametrize("email", ["x@hp.com", "x@mail.com.au", "x@group.com", "x@info.com"])
def test_a_short_or_generic_base_domain_is_not_matched_fuzzily(email: str) -> None:
    base = email.partition("@")[2].partition(".")[0]
    decision = resolved(account("A", website=f"{base}.de"), email=email, fuzzy=True)
    assert outcomes(decision)[Step.FUZZY] == "skipped"


# own account


def test_the_own_contacts_account_can_be_left_out() -> None:
    rows = (contact("C", account_id="A"), account("A", website="own.example"), account("B"))
    assert found(resolved(*rows)) == ("A", Step.OWN_ACCOUNT)
    assert found(resolved(*rows, own_account=False)) == ("B", Step.EXACT)


def test_a_contact_without_an_account_does_not_end_the_search() -> None:
    assert found(resolved(contact("C"), account("B"))) == ("B", Step.EXACT)


def test_somebody_elses_contact_is_not_the_bookers() -> None:
    rows = (contact("C", email="other@acme.com", account_id="A"), account("A", website="own.example"), account("B"))
    assert found(resolved(*rows)) == ("B", Step.EXACT)


def test_nobodys_email_is_no_contacts_email() -> None:
    rows = (contact("C", email="", account_id="A"), account("A", website="own.example"))
    assert resolved(*rows, email="").outcome is Outcome.ROUND_ROBIN


def test_the_account_of_the_contact_that_a_lead_became_is_the_bookers() -> None:
    gone = lead("L", converted=True, converted_contact_id="C", converted_account_id="A")
    assert found(resolved(gone, account("A", website="own.example"))) == ("A", Step.OWN_ACCOUNT)


def test_a_contact_and_a_lead_with_one_id_are_two_records() -> None:
    rows = (lead("1"), contact("1", account_id="A"), account("A", website="own.example"))
    assert found(resolved(*rows)) == ("A", Step.OWN_ACCOUNT)


# contact domain


def test_all_accounts_of_contacts_are_candidates_for_the_tiebreaker() -> None:
    rows = (account("A", website="", created=day(2)), account("B", website="", created=day(1)))
    assert resolved(*rows, known={"contact_counts": {"A": 9, "B": 1}}).record_id == "B"


def test_the_majority_of_contacts_can_be_required() -> None:
    rows = (account("A", website="", created=day(2)), account("B", website="", created=day(1)))
    known = {"contact_counts": {"A": 9, "B": 1}}
    assert resolved(*rows, known=known, contact_majority=True).record_id == "A"
    level = {"contact_counts": {"A": 9, "B": 9}}
    assert resolved(*rows, known=level, contact_majority=True).record_id == "B"


@pytest.mark.parametrize("majority", [False, True])
@pytest.mark.parametrize("counted", [{}, {"A": 0}], ids=["nobody", "zero"])
def test_an_account_without_such_contacts_is_no_candidate(majority: bool, counted: dict[str, int]) -> None:
    known = {"contact_counts": counted}
    assert resolved(account("A", website=""), known=known, contact_majority=majority).record_id == ""


def test_an_account_that_was_named_but_not_read_is_told_as_missing() -> None:
    decision = resolved(account("A", website=""), known={"contact_counts": {"A": 1, "Z": 5}})
    assert decision.record_id == "A"
    assert decision.missing == ("account Z",)


# what the CRM denies or was not asked


@pytest.mark.parametrize(
    ("question", "step"),
    [
        (Question.CONTACTS, Step.OWN_ACCOUNT),
        (Question.WEBSITES, Step.EXACT),
        (Question.CONTACT_DOMAIN, Step.CONTACT_DOMAIN),
        (Question.BASE_DOMAIN, Step.FUZZY),
    ],
)
def test_a_question_the_crm_denies_is_a_step_skipped_and_traced(question: Question, step: Step) -> None:
    decision = resolved(fuzzy=True, known={"denied": {question: "no access to the object"}})
    traced = next(t for t in decision.trace if t.step is step)
    assert (traced.outcome, "no access to the object" in traced.reason) == ("skipped", True)
    assert decision.missing == ()


def test_a_question_that_was_not_asked_is_unknown_not_empty() -> None:
    decision = resolved(account("A"), known={"asked": (Question.CONTACTS,)})
    assert decision.outcome is Outcome.ROUND_ROBIN
    assert decision.missing == ("answer to websites", "answer to contact-domain")


# record types


@pytest.mark.parametrize("excluded", ["Partner", "partner", " PARTNER "])
def test_accounts_of_excluded_record_types_are_skipped_without_regard_to_case(excluded: str) -> None:
    rows = (account("A", record_type="Partner"), account("B", website="https://acme.com", record_type="Customer"))
    decision = resolved(*rows, excluded=ExcludedRecordTypes(accounts=(excluded,)))
    assert found(decision) == ("B", Step.NORMALIZED)
    assert next(s for s in decision.trace if s.step is Step.RECORD_TYPES).dropped.keys() == {"A"}


def test_an_account_without_a_record_type_is_kept() -> None:
    assert resolved(account("A"), excluded=ExcludedRecordTypes(accounts=("", "Partner"))).record_id == "A"


def test_only_excluded_accounts_is_nothing_found() -> None:
    decision = resolved(account("A", record_type="Partner"), excluded=ExcludedRecordTypes(accounts=("Partner",)))
    assert "no account was found" in decision.reason


def test_a_contact_of_an_excluded_record_type_leads_to_no_account() -> None:
    rows = (contact("C", account_id="A", record_type="Person Account"), account("A", website=""), account("B"))
    assert resolved(*rows, excluded=ExcludedRecordTypes(contacts=("person account",))).record_id == "B"


# hosts


def test_only_accounts_whose_owner_is_a_host_are_candidates() -> None:
    rows = (account("A", owner=ANN, created=day(1)), account("B", owner=BOB, created=day(2)))
    assert resolved(*rows, hosts=("bob@seller.example",)).record_id == "B"


@pytest.mark.parametrize("host", ["Bob@Seller.Example", "  bob@seller.example "])
def test_hosts_are_compared_trimmed_and_without_case(host: str) -> None:
    assert resolved(account("B", owner=BOB), hosts=(host,)).owner == BOB


def test_the_hosts_are_filtered_before_the_tiebreaker_so_a_better_account_of_another_cannot_win() -> None:
    rows = (account("A", owner=CAT, created=day(1)), account("B", created=day(3)), account("C", created=day(2)))
    decision = resolved(*rows, hosts=(ANN.email,))
    assert decision.record_id == "C"
    tie = next(step for step in decision.trace if step.step is Step.TIEBREAK)
    assert tie.before == ("B", "C")


@pytest.mark.parametrize("hosts", [(), ("dan@seller.example",)], ids=["none", "others"])
def test_when_the_hosts_remove_every_candidate_the_booking_is_round_robin(hosts: tuple[str, ...]) -> None:
    rows = (account("A"), account("B", website="https://acme.com", owner=BOB))
    decision = resolved(*rows, hosts=hosts)
    assert (decision.outcome, decision.owner) == (Outcome.ROUND_ROBIN, None)
    assert "no owner of the accounts found by exact-website is a host" in decision.reason


def test_a_weaker_step_is_not_tried_after_the_hosts_removed_all_unless_configured() -> None:
    rows = (account("A"), account("B", website="https://acme.com", owner=BOB))
    assert resolved(*rows, hosts=(BOB.email,)).outcome is Outcome.ROUND_ROBIN
    assert found(resolved(*rows, hosts=(BOB.email,), search_on=True)) == ("B", Step.NORMALIZED)
    nobody = resolved(*rows, hosts=(CAT.email,), search_on=True)
    assert "found by exact-website, normalized-website is a host" in nobody.reason


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        (None, "has no owner"),
        (Owner(id="U1", email="x@seller.example", active=False), "owner x@seller.example is inactive"),
        (Owner(id="U1", active=False), "owner U1 is inactive"),
        (Owner(id="Q1", name="Inbound", email="q@seller.example", is_queue=True), "owner Inbound is a queue"),
        (Owner(id="Q1", is_queue=True), "owner Q1 is a queue"),
        (Owner(id="U1", name="Dan"), "owner Dan has no e-mail"),
        (Owner(id="U1"), "owner U1 has no e-mail"),
        (Owner(id="U1", email="x@seller.example"), "owner x@seller.example is no host of this event type"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_an_owner_who_cannot_take_the_meeting_is_dropped_with_the_reason(owner: Owner | None, reason: str) -> None:
    decision = resolved(account("A", owner=owner), hosts=(ANN.email,))
    assert decision.outcome is Outcome.ROUND_ROBIN
    assert next(s for s in decision.trace if s.step is Step.HOSTS).dropped == {"A": reason}
    assert decision.trace[-1].after == ()


def test_without_hosts_any_active_owner_may_take_it() -> None:
    assert resolved(account("A", owner=CAT)).owner == CAT


# lookup field


def test_the_user_in_the_lookup_field_takes_the_meeting_instead_of_the_owner() -> None:
    row = account("A", owner=ANN, lookups={"CSM__c": CAT})
    decision = resolved(row, lookup_field="csm__c", hosts=(CAT.email,))
    assert (decision.owner, decision.record_id) == (CAT, "A")


def test_an_account_whose_lookup_field_names_no_user_has_nobody() -> None:
    rows = (account("A", owner=ANN), account("B", owner=ANN, lookups={"CSM__c": CAT}))
    assert resolved(*rows, lookup_field="CSM__c").record_id == "B"
    assert resolved(rows[0], lookup_field="CSM__c").outcome is Outcome.ROUND_ROBIN
