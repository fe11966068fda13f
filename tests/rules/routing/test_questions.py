"""What is asked of the CRM, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.crm import Question, Questions, RecordKind
from syncd.rules.routing import (
    AttendeeRecord,
    ExcludedRecordTypes,
    FieldAction,
    FieldRule,
    OwnerBooking,
    Rules,
    Tiebreaker,
    Waterfall,
    questions,
)

from .given import account_rules, booker, creation_rules, record_request

CONTACTS, LEADS, WEBSITES, DOMAIN, BASE = Question


def asked(email: str = "bea@acme.com", **booking: Any) -> Questions:
    return questions(booker(email), Rules(owner_booking=OwnerBooking(**booking)))


@pytest.mark.parametrize(
    ("booking", "expected"),
    [
        ({"source": RecordKind.CONTACT}, (CONTACTS,)),
        ({"source": RecordKind.CONTACT, "fallback_to_lead": True}, (CONTACTS, LEADS)),
        ({"source": RecordKind.LEAD}, (CONTACTS, LEADS)),
        ({"source": RecordKind.ACCOUNT}, (CONTACTS, WEBSITES, DOMAIN)),
        ({"source": RecordKind.ACCOUNT, "fallback_to_lead": True}, (CONTACTS, WEBSITES, DOMAIN)),
    ],
)
def test_routing_asks_what_its_source_needs(booking: dict[str, Any], expected: tuple[Question, ...]) -> None:
    assert asked(**booking).asked == expected


def test_an_account_is_asked_for_in_every_spelling_by_contacts_and_by_base_domain() -> None:
    made = questions(booker(" Bea@EU.Acme.co.uk "), account_rules(fuzzy=True))
    assert made.asked == (CONTACTS, WEBSITES, DOMAIN, BASE)
    assert (made.email, made.domain, made.base_domain) == ("bea@eu.acme.co.uk", "eu.acme.co.uk", "acme")
    assert "https://www.eu.acme.co.uk/" in made.spellings


def test_the_fuzzy_question_is_asked_only_if_switched_on() -> None:
    made = questions(booker(), account_rules())
    assert (BASE in made.asked, made.base_domain) == (False, "")
    assert "off" in made.not_asked[BASE]


@pytest.mark.parametrize("email", ["bea@gmail.com", "bea@acme.github.io", "bea@localhost", "bea", ""])
def test_a_domain_that_may_not_be_matched_asks_nothing_about_accounts(email: str) -> None:
    made = questions(booker(email), account_rules(fuzzy=True))
    assert made.asked == (CONTACTS,)
    assert set(made.not_asked) == {LEADS, WEBSITES, DOMAIN, BASE}
    assert (made.domain, made.spellings, made.base_domain) == ("", (), "")


def test_a_short_base_domain_is_not_asked_for() -> None:
    made = questions(booker("x@hp.com"), account_rules(fuzzy=True))
    assert BASE not in made.asked
    assert "shorter than 3" in made.not_asked[BASE]


@pytest.mark.parametrize("source", list(RecordKind))
def test_skipped_free_mail_asks_nothing_at_all(source: RecordKind) -> None:
    assert asked("bea@gmail.com", source=source, skip_free_mail=True).asked == ()


def test_without_own_account_no_contact_is_asked_for() -> None:
    assert questions(booker(), account_rules(own_account=False)).asked == (WEBSITES, DOMAIN)


@pytest.mark.parametrize(
    ("mode", "settings", "expected"),
    [
        (AttendeeRecord.CONTACT, (), (CONTACTS, LEADS)),
        (AttendeeRecord.CONTACT, ("create_contact_under_account",), (CONTACTS, LEADS, WEBSITES, DOMAIN)),
        (AttendeeRecord.LEAD, ("check_contact",), (CONTACTS, LEADS)),
        (AttendeeRecord.CONTACT_UNDER_ACCOUNT, (), (CONTACTS, LEADS, WEBSITES, DOMAIN, BASE)),
    ],
)
def test_records_ask_what_their_table_needs(
    mode: AttendeeRecord, settings: tuple[str, ...], expected: tuple[Question, ...]
) -> None:
    rules = creation_rules(mode, *settings, waterfall=Waterfall(fuzzy=True))
    assert questions(record_request(), rules).asked == expected


def test_the_fields_the_rules_read_are_named() -> None:
    rule = FieldRule(field="Status__c", value="x", action=FieldAction.IGNORE)
    tie, excluded = Tiebreaker(sub_region_field="Terr__c"), ExcludedRecordTypes(contacts=("Person",))
    by_account = OwnerBooking(source=RecordKind.ACCOUNT, field_rules=(rule,), lookup_field="CSM__c")
    made = questions(booker(), Rules(owner_booking=by_account, tiebreaker=tie, excluded=excluded))
    assert (made.account_fields, made.person_fields) == (("Terr__c", "Status__c"), ())
    assert (made.lookup_field, made.excluded_contact_types) == ("CSM__c", ("Person",))
    by_contact = OwnerBooking(source=RecordKind.CONTACT, field_rules=(rule,), lookup_field="CSM__c")
    made = questions(booker(), Rules(owner_booking=by_contact))
    assert (made.account_fields, made.person_fields, made.lookup_field) == ((), ("Status__c",), "")
