"""Which record an attendee is written to, and which one is created."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from syncd.model.crm import CountRequest, Evidence, PersonKind, Question, RecordKind
from syncd.model.schema import RecordType
from syncd.rules.routing import (
    AttendeeRecord,
    Decision,
    ExcludedRecordTypes,
    Outcome,
    RecordAction,
    Tiebreaker,
    TieRule,
    Waterfall,
    creatable_record_type,
    decide,
)
from syncd.rules.routing.records import TABLE, may_need_account

from .given import ANN, BOB, CAT, account, contact, creation_rules, day, decided, evidence, lead, record_request

CONTACT, LEAD, UNDER = AttendeeRecord.CONTACT, AttendeeRecord.LEAD, AttendeeRecord.CONTACT_UNDER_ACCOUNT
USE, LINK, SKIP, FAIL = RecordAction.USE, RecordAction.LINK_CONTACT, RecordAction.SKIP, RecordAction.FAIL
NEW_CONTACT, NEW_LEAD = RecordAction.CREATE_CONTACT, RecordAction.CREATE_LEAD
UNDER_ACCOUNT, IF_NONE = "create_contact_under_account", "create_lead_if_no_account"

AT = contact("C", account_id="A")
FREE = contact("C")
OPEN = lead("L")
COMPANY = account("A", owner=CAT)


def decision(mode: AttendeeRecord, settings: tuple[str, ...], *rows: Any, **values: Any) -> Decision:
    return decided(record_request(), creation_rules(mode, *settings), evidence(*rows, **values))


ROWS: list[tuple[AttendeeRecord, tuple[str, ...], tuple[Any, ...], RecordAction, str, str]] = [
    # mode, settings on, what the CRM holds, action, person used, account
    (CONTACT, (), (AT, COMPANY), USE, "C", "A"),
    (CONTACT, (), (FREE,), USE, "C", ""),
    (CONTACT, ("skip_creation",), (FREE,), USE, "C", ""),
    (CONTACT, (), (), NEW_CONTACT, "", ""),
    (CONTACT, (), (OPEN, COMPANY), NEW_CONTACT, "", ""),
    (CONTACT, ("skip_creation",), (OPEN, COMPANY), SKIP, "", ""),
    (CONTACT, ("skip_creation", UNDER_ACCOUNT), (COMPANY,), SKIP, "", ""),
    (CONTACT, (UNDER_ACCOUNT,), (COMPANY,), NEW_CONTACT, "", "A"),
    (CONTACT, (UNDER_ACCOUNT,), (), NEW_CONTACT, "", ""),
    (LEAD, (), (OPEN,), USE, "L", ""),
    (LEAD, (), (AT, OPEN), USE, "L", ""),
    (LEAD, ("check_contact",), (AT, OPEN), USE, "C", "A"),
    (LEAD, ("check_contact",), (OPEN,), USE, "L", ""),
    (LEAD, ("check_contact",), (), NEW_LEAD, "", ""),
    (LEAD, (), (AT,), NEW_LEAD, "", ""),
    (LEAD, (), (), NEW_LEAD, "", ""),
    (LEAD, ("skip_creation",), (), NEW_LEAD, "", ""),
    (LEAD, (UNDER_ACCOUNT,), (COMPANY,), NEW_CONTACT, "", "A"),
    (LEAD, (UNDER_ACCOUNT,), (FREE, COMPANY), USE, "C", "A"),
    (LEAD, (UNDER_ACCOUNT,), (), NEW_LEAD, "", ""),
    (UNDER, (), (AT, COMPANY), USE, "C", "A"),
    (UNDER, (UNDER_ACCOUNT, IF_NONE), (AT, COMPANY, OPEN), USE, "C", "A"),
    (UNDER, (), (FREE, COMPANY), USE, "C", ""),
    (UNDER, (UNDER_ACCOUNT,), (FREE, COMPANY), LINK, "C", "A"),
    (UNDER, (UNDER_ACCOUNT,), (FREE,), USE, "C", ""),
    (UNDER, (UNDER_ACCOUNT,), (COMPANY,), NEW_CONTACT, "", "A"),
    (UNDER, (UNDER_ACCOUNT,), (COMPANY, OPEN), NEW_CONTACT, "", "A"),
    (UNDER, (), (COMPANY,), SKIP, "", "A"),
    (UNDER, (IF_NONE,), (COMPANY,), SKIP, "", "A"),
    (UNDER, (IF_NONE,), (), NEW_LEAD, "", ""),
    (UNDER, (IF_NONE,), (OPEN,), USE, "L", ""),
    (UNDER, (), (), SKIP, "", ""),
    (UNDER, (UNDER_ACCOUNT,), (), SKIP, "", ""),
    (UNDER, (UNDER_ACCOUNT,), (OPEN,), SKIP, "", ""),
    (UNDER, ("skip_creation", UNDER_ACCOUNT), (COMPANY,), NEW_CONTACT, "", "A"),
]


def row_name(row: Any) -> str:
    mode, settings, held, *_ = row
    return f"{mode}-{'+'.join(settings) or 'none'}-{'+'.join(r.id for r in held) or 'nothing'}"


@pytest.mark.parametrize(("mode", "settings", "held", "action", "person", "company"), ROWS, ids=map(row_name, ROWS))
def test_the_record_of_an_attendee(
    mode: AttendeeRecord,
    settings: tuple[str, ...],
    held: tuple[Any, ...],
    action: RecordAction,
    person: str,
    company: str,
) -> None:
    made = decision(mode, settings, *held)
    assert (made.action, made.person.id if made.person else "", made.account_id) == (action, person, company)
    assert made.outcome is (Outcome.MATCHED if person or company else Outcome.NO_MATCH)
    kinds = {"C": RecordKind.CONTACT, "L": RecordKind.LEAD, "A": RecordKind.ACCOUNT, "": None}
    assert (made.record_id, made.record_kind) == (person or company, kinds[person or company])
    owners = {"C": ANN, "L": BOB, "A": CAT, "": None}
    assert made.owner == owners[person or company]


def test_every_combination_of_settings_and_records_has_a_row() -> None:
    names = ("skip_creation", "check_contact", UNDER_ACCOUNT, IF_NONE)
    holdings = [(), (AT,), (FREE,), (OPEN,), (COMPANY,), (FREE, OPEN), (FREE, COMPANY), (OPEN, COMPANY)]
    reasons = set()
    for mode, on, held in product(AttendeeRecord, product((False, True), repeat=4), holdings):
        settings = tuple(name for name, value in zip(names, on, strict=True) if value)
        reasons.add((mode, decision(mode, settings, *held).reason))
    assert reasons == {(row.mode, row.reason) for row in TABLE}


def test_a_known_contact_costs_no_account_resolution() -> None:
    tied = evidence(AT, account("B"), account("D"))
    assert isinstance(decide(record_request(), creation_rules(UNDER, UNDER_ACCOUNT), tied), Decision)
    unknown = evidence(account("B"), account("D"))
    assert isinstance(decide(record_request(), creation_rules(UNDER, UNDER_ACCOUNT), unknown), CountRequest)


@pytest.mark.parametrize(
    ("mode", "settings", "needed"),
    [
        (CONTACT, (), False),
        (CONTACT, (UNDER_ACCOUNT,), True),
        (CONTACT, ("skip_creation",), False),
        (LEAD, ("check_contact",), False),
        (LEAD, (UNDER_ACCOUNT,), True),
        (UNDER, (), True),
    ],
)
def test_the_account_is_asked_about_only_where_a_row_looks_at_it(
    mode: AttendeeRecord, settings: tuple[str, ...], needed: bool
) -> None:
    assert may_need_account(creation_rules(mode, *settings).creation) is needed


def test_an_existing_contact_is_never_moved_to_another_account() -> None:
    elsewhere = contact("C", account_id="Z")
    made = decision(UNDER, (UNDER_ACCOUNT,), elsewhere, COMPANY)
    assert (made.action, made.account_id) == (USE, "Z")
    of_lead_mode = decision(LEAD, (UNDER_ACCOUNT,), elsewhere, COMPANY)
    assert (of_lead_mode.action, of_lead_mode.account_id) == (USE, "Z")


def test_a_contact_of_one_attendee_hides_no_other_attendee() -> None:
    """The original compared how many records and attendees there were, so a duplicate hid a missing guest."""
    known = evidence(contact("C1"), contact("C2"))
    guest = decided(record_request("guest@acme.com"), creation_rules(CONTACT), known)
    assert guest.action is NEW_CONTACT
    main = decided(record_request("BEA@acme.com "), creation_rules(CONTACT), known)
    assert main.person == contact("C1")


def test_among_duplicate_contacts_the_one_with_an_account_is_used() -> None:
    made = decision(CONTACT, (), contact("C1", last_activity=day(9)), contact("C2", account_id="A"))
    assert made.person is not None
    assert made.person.id == "C2"


@pytest.mark.parametrize("mode", list(AttendeeRecord))
def test_a_converted_lead_is_written_to_as_its_contact(mode: AttendeeRecord) -> None:
    gone = lead("L", converted=True, converted_contact_id="C", converted_account_id="A")
    made = decision(mode, ("check_contact",), gone, contact("C", email="bea@new.example", account_id="A"))
    assert made.person is not None
    assert (made.action, made.person.kind, made.person.id) == (USE, PersonKind.CONTACT, "C")


def test_records_of_excluded_types_are_not_used() -> None:
    excluded = ExcludedRecordTypes(contacts=("business",), leads=("inbound",), accounts=("partner",))
    rows = (
        contact("C", record_type="Business"),
        lead("L", record_type="Inbound"),
        account("A", record_type="Partner"),
    )
    rules = creation_rules(UNDER, UNDER_ACCOUNT, IF_NONE, excluded=excluded)
    assert decided(record_request(), rules, evidence(*rows)).action is NEW_LEAD


def test_routing_and_records_agree_on_the_account_for_the_same_hosts() -> None:
    tied = evidence(account("A", owner=ANN, created=day(1)), account("B", owner=BOB, created=day(2)))
    rules = creation_rules(UNDER, UNDER_ACCOUNT, tiebreaker=Tiebreaker(order=(TieRule.CREATED,)))
    assert decided(record_request(), rules, tied).account_id == "A"
    assert decided(record_request(hosts=(BOB.email,)), rules, tied).account_id == "B"


def test_a_record_has_an_account_even_if_no_owner_is_a_host() -> None:
    made = decided(record_request(hosts=()), creation_rules(UNDER, UNDER_ACCOUNT), evidence(COMPANY))
    assert (made.action, made.account_id) == (NEW_CONTACT, "A")


def test_fuzzy_matching_is_of_contact_under_account_only() -> None:
    fuzzy = {"waterfall": Waterfall(fuzzy=True)}
    german = evidence(account("A", website="acme.de"))
    assert decided(record_request(), creation_rules(UNDER, UNDER_ACCOUNT, **fuzzy), german).account_id == "A"
    assert decided(record_request(), creation_rules(CONTACT, UNDER_ACCOUNT, **fuzzy), german).account_id == ""
    assert decided(record_request(), creation_rules(LEAD, UNDER_ACCOUNT, **fuzzy), german).account_id == ""


# unknown is never new

BLIND: list[tuple[AttendeeRecord, tuple[str, ...], Question, RecordAction]] = [
    (CONTACT, (), Question.CONTACTS, NEW_CONTACT),
    (LEAD, (), Question.LEADS, NEW_LEAD),
    (LEAD, ("check_contact",), Question.CONTACTS, NEW_LEAD),
    (LEAD, (UNDER_ACCOUNT,), Question.WEBSITES, NEW_LEAD),
    (UNDER, (IF_NONE,), Question.CONTACTS, NEW_LEAD),
    (UNDER, (IF_NONE,), Question.LEADS, NEW_LEAD),
    (UNDER, (IF_NONE,), Question.WEBSITES, NEW_LEAD),
    (CONTACT, (UNDER_ACCOUNT,), Question.WEBSITES, NEW_CONTACT),
]


@pytest.mark.parametrize(("mode", "settings", "question", "otherwise"), BLIND)
def test_nothing_is_created_while_a_lookup_is_denied_or_was_not_made(
    mode: AttendeeRecord, settings: tuple[str, ...], question: Question, otherwise: RecordAction
) -> None:
    assert decision(mode, settings).action is otherwise
    denied = decision(mode, settings, denied={question: "no access to it"})
    assert (denied.action, "no access to it" in denied.reason) == (FAIL, True)
    asked = tuple(q for q in Question if q is not question)
    assert decision(mode, settings, asked=asked).action is FAIL


@pytest.mark.parametrize(("mode", "settings"), [(LEAD, ("check_contact",)), (UNDER, (IF_NONE,))])
def test_a_lead_is_not_written_to_while_it_is_unknown_whether_there_is_a_contact(
    mode: AttendeeRecord, settings: tuple[str, ...]
) -> None:
    made = decision(mode, settings, OPEN, denied={Question.CONTACTS: "no access"})
    assert (made.action, made.person) == (FAIL, None)
    assert decision(LEAD, (), OPEN, denied={Question.CONTACTS: "no access"}).person == OPEN


def test_a_lookup_that_does_not_matter_may_be_denied() -> None:
    assert decision(LEAD, (), denied={Question.CONTACTS: "no"}).action is NEW_LEAD
    assert decision(CONTACT, (), denied={Question.WEBSITES: "no"}).action is NEW_CONTACT
    assert decision(CONTACT, (), FREE, denied={Question.LEADS: "no"}).action is USE
    assert decision(UNDER, (IF_NONE,), denied={Question.BASE_DOMAIN: "no"}).action is NEW_LEAD


def test_a_free_mail_booker_needs_no_answer_about_websites() -> None:
    known = Evidence(asked=(Question.CONTACTS, Question.LEADS))
    made = decided(record_request("bea@gmail.com"), creation_rules(UNDER, IF_NONE), known)
    assert made.action is NEW_LEAD


# record types of new records


TYPES = (
    RecordType(id="3", name="Partner", default=True),
    RecordType(id="2", name="Customer"),
    RecordType(id="1", name="Archive", available=False),
    RecordType(id="4", name="business"),
)


@pytest.mark.parametrize(
    ("excluded", "name"),
    [
        ((), "Partner"),
        (("PARTNER",), "business"),
        (("partner", "Business "), "Customer"),
        (("partner", "business", "customer"), None),
    ],
)
def test_a_new_record_gets_the_default_record_type_or_the_first_allowed(
    excluded: tuple[str, ...], name: str | None
) -> None:
    for offered in (TYPES, TYPES[::-1]):
        found = creatable_record_type(offered, excluded)
        assert (found.name if found else None) == name
