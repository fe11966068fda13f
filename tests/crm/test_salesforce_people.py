"""Whose record an attendee is, and which one is made: every record type and setting of the page."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_given import BOB, BOOKER, HOST, OTHER_HOST, World, activity, booked, put, with_guests

from syncd.errors import ForbiddenError, ProviderError
from syncd.model.booking import Attendee

UNDER = "contact_under_account"
WITH_ACCOUNT, CONTACT, LEAD, ACCOUNT = "contact with account", "contact", "lead", "account"


def given(world: World, *there: str) -> dict[str, str]:
    """Records of Acme that are there before the booking."""
    made = {}
    if ACCOUNT in there or WITH_ACCOUNT in there:
        website: dict[str, Any] = {"Website": "https://www.acme.example/"} if ACCOUNT in there else {}
        made[ACCOUNT] = world.org.add_account("Acme", **website)
    if WITH_ACCOUNT in there:
        made[CONTACT] = world.org.add_record("Contact", LastName="Byron", Email=BOOKER, AccountId=made[ACCOUNT])
    if CONTACT in there:
        made[CONTACT] = world.org.add_record("Contact", LastName="Byron", Email=BOOKER)
    if LEAD in there:
        made[LEAD] = world.org.add_record("Lead", LastName="Byron", Company="Acme", Email=BOOKER)
    return made


def attended(world: World) -> str:
    """What the event is with, in words: which object, and whether its record is new."""
    events = world.records("Event")
    if not events:
        return "no event"
    who = events[0]["WhoId"]
    return {"003": "contact", "00Q": "lead"}[who[:3]]


@pytest.mark.parametrize(
    ("mode", "settings", "there", "then", "made"),
    [
        ("contact", {}, (), "contact", 1),
        ("contact", {}, (CONTACT,), "contact", 0),
        ("contact", {}, (LEAD,), "contact", 1),
        ("contact", {"skip_contact_creation": True}, (), "no event", 0),
        ("contact", {"skip_contact_creation": True}, (CONTACT,), "contact", 0),
        ("lead", {}, (), "lead", 1),
        ("lead", {}, (LEAD,), "lead", 0),
        ("lead", {}, (CONTACT,), "lead", 1),
        ("lead", {"check_existing_contact": True}, (CONTACT,), "contact", 0),
        ("lead", {"check_existing_contact": True}, (CONTACT, LEAD), "contact", 0),
        ("lead", {"check_existing_contact": True}, (), "lead", 1),
        ("lead", {"create_contact_under_account": True}, (ACCOUNT,), "contact", 1),
        ("lead", {"create_contact_under_account": True}, (), "lead", 1),
        ("lead", {"skip_contact_creation": True}, (), "lead", 1),
        (UNDER, {}, (WITH_ACCOUNT,), "contact", 0),
        (UNDER, {}, (ACCOUNT,), "no event", 0),
        (UNDER, {}, (), "no event", 0),
        (UNDER, {"create_contact_under_account": True}, (ACCOUNT,), "contact", 1),
        (UNDER, {"create_contact_under_account": True}, (), "no event", 0),
        (UNDER, {"create_lead_when_no_account": True}, (), "lead", 1),
        (UNDER, {"create_lead_when_no_account": True}, (LEAD,), "lead", 0),
        (UNDER, {"create_lead_when_no_account": True}, (ACCOUNT,), "no event", 0),
    ],
)
def test_the_attendee_is_found_or_made(
    world: World, mode: str, settings: dict[str, Any], there: tuple[str, ...], then: str, made: int
) -> None:
    given(world, *there)
    before = len(world.records("Contact")) + len(world.records("Lead"))
    put(world.writer(attendee_record=mode, **settings), activity())
    assert attended(world) == then
    assert len(world.records("Contact")) + len(world.records("Lead")) - before == made


@pytest.mark.parametrize("mode", ["lead", UNDER])
def test_a_new_contact_is_under_the_account_which_the_event_is_about(world: World, mode: str) -> None:
    account = given(world, ACCOUNT)[ACCOUNT]
    put(world.writer(attendee_record=mode, create_contact_under_account=True), activity())
    assert world.records("Contact")[0]["AccountId"] == account
    assert world.event()["WhatId"] == account


@pytest.mark.parametrize(("rules", "name"), [(["contacts"], "Two"), (["child_accounts"], "One"), (["created"], "Old")])
@pytest.mark.parametrize("reversed_rows", [False, True])
def test_a_tie_between_accounts_is_broken_by_the_rules_of_the_settings(
    world: World, rules: list[str], name: str, reversed_rows: bool
) -> None:
    if reversed_rows:
        world.org.faults.add("reversed-rows", times=0)
    for account, contacts, children, created in (("One", 1, 3, "2021"), ("Two", 2, 0, "2022"), ("Old", 0, 1, "2020")):
        fields = {"Website": "acme.example", "CreatedDate": f"{created}-01-01T00:00:00Z"}
        made = world.org.add_account(account, children=children, **fields)
        for n in range(contacts):
            world.org.add_record("Contact", LastName=str(n), AccountId=made)
    settings: dict[str, Any] = {
        "attendee_record": UNDER,
        "create_contact_under_account": True,
        "tiebreaker": {"rules": rules},
    }
    put(world.writer(**settings), activity())
    names = {a["Id"]: a["Name"] for a in world.records("Account")}
    assert names[world.event()["WhatId"]] == name


def test_a_contact_of_another_account_stays_there(world: World) -> None:
    elsewhere = world.org.add_account("Elsewhere")
    given(world, ACCOUNT)
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER, AccountId=elsewhere)
    put(world.writer(attendee_record=UNDER, create_contact_under_account=True), activity())
    assert world.records("Contact")[0]["AccountId"] == elsewhere


def test_a_contact_without_an_account_gets_the_one_found(world: World) -> None:
    there = given(world, ACCOUNT, CONTACT)
    put(world.writer(attendee_record=UNDER, create_contact_under_account=True), activity())
    (contact,) = world.records("Contact")
    assert (contact["Id"], contact["AccountId"]) == (there[CONTACT], there[ACCOUNT])


@pytest.mark.parametrize(("ignored", "people"), [(True, {BOOKER}), (False, {BOOKER, BOB.email})])
def test_guests_are_ignored_when_the_settings_say_so(world: World, ignored: bool, people: set[str]) -> None:
    put(world.writer(ignore_guests=ignored), activity(with_guests(BOB)))
    assert {c["Email"] for c in world.records("Contact")} == people


def test_a_guest_without_a_record_is_named_in_the_description(world: World) -> None:
    given(world, CONTACT)
    put(world.writer(skip_contact_creation=True), activity(with_guests(BOB)))
    assert f"Guests: {BOB.name} <{BOB.email}>" in world.event()["Description"]


@pytest.mark.parametrize("shared", [True, False])
def test_several_guests(world: World, shared: bool) -> None:
    world.org.set_shared_activities(shared)
    guests = [Attendee(email=f"g{n}@acme.example", name=f"Guest {n}") for n in range(3)]
    put(world.writer(), activity(with_guests(*guests)))
    ids = {c["Email"]: c["Id"] for c in world.records("Contact")}
    event = world.event()
    assert event["WhoId"] == ids[BOOKER]
    assert world.with_whom() == ([ids[BOOKER], *(ids[g.email] for g in guests)] if shared else [])
    assert ("g1@acme.example" in event["Description"]) is not shared


def test_of_leads_the_event_is_with_the_first_and_names_the_others(world: World) -> None:
    put(world.writer(attendee_record="lead"), activity(with_guests(BOB)))
    leads = {lead["Email"]: lead["Id"] for lead in world.records("Lead")}
    assert set(leads) == {BOOKER, BOB.email}
    assert world.event()["WhoId"] == leads[BOOKER]
    assert world.with_whom() == [leads[BOOKER]]
    assert BOB.email in world.event()["Description"]


def test_a_lead_among_contacts_is_named(world: World) -> None:
    contact = given(world, CONTACT)[CONTACT]
    put(world.writer(attendee_record="lead", check_existing_contact=True), activity(with_guests(BOB)))
    assert world.with_whom() == [contact]
    assert BOB.email in world.event()["Description"]


def test_fifty_contacts_are_on_an_event_and_the_rest_are_named(world: World) -> None:
    for n in range(52):
        world.org.add_record("Contact", LastName=f"G{n}", Email=f"g{n}@acme.example")
    guests = [Attendee(email=f"g{n}@acme.example") for n in range(52)]
    put(world.writer(), activity(booked(attendees=tuple(guests))))
    assert len(world.with_whom()) == 50
    assert "Guests: g50@acme.example, g51@acme.example" in world.event()["Description"]


def test_more_attendees_than_one_request_holds_parts_for(world: World) -> None:
    guests = [Attendee(email=f"g{n}@acme.example", name=f"Guest N{n}") for n in range(30)]
    put(world.writer(), activity(booked(attendees=tuple(guests))))
    assert len(world.records("Contact")) == 30
    assert len(world.with_whom()) == 30


def test_addresses_are_compared_without_case_and_written_once(world: World) -> None:
    put(world.writer(), activity(with_guests(Attendee(email=BOOKER.upper(), name="Ada again"))))
    assert len(world.records("Contact")) == 1


def test_a_converted_lead_is_the_contact_it_became(world: World) -> None:
    lead = given(world, LEAD)[LEAD]
    became = world.org.convert_lead(lead)
    world.org.change_record(became["ConvertedContactId"], Email="new@acme.example")
    put(world.writer(attendee_record="lead"), activity())
    assert world.event()["WhoId"] == became["ConvertedContactId"]
    assert len(world.records("Lead")) == 1


def test_the_contact_that_a_lead_became_is_judged_by_its_own_owner_and_fields(world: World) -> None:
    lead = given(world, LEAD)[LEAD]
    queen = world.org.add_user("queen@example.com", "Queen")
    contact = world.org.convert_lead(lead)["ConvertedContactId"]
    world.org.change_record(contact, OwnerId=queen, Title="Countess", Email="new@acme.example")
    fields = [
        {"target": "person", "field": "Title", "value": "Ms", "when": "only_when_empty"},
        {"target": "person", "field": "Department", "value": "Sales", "when": "only_when_empty"},
    ]
    change = {"mode": "user", "user": OTHER_HOST, "only_from": ["Queen"]}
    put(world.writer(attendee_record="lead", fields=fields, change_owner=change), activity())
    (found,) = world.records("Contact")
    assert (found["Title"], found["Department"], found["OwnerId"]) == ("Countess", "Sales", world.user(OTHER_HOST))


@pytest.mark.parametrize("reversed_", [False, True])
def test_among_duplicates_the_choice_is_always_the_same(world: World, reversed_: bool) -> None:
    account = world.org.add_account("Acme")
    rows: list[dict[str, Any]] = [
        {"CreatedDate": "2020-01-01T00:00:00Z"},
        {"AccountId": account, "LastActivityDate": "2025-01-01"},
        {"AccountId": account, "LastActivityDate": "2025-06-01"},
    ]
    for row in reversed(rows) if reversed_ else rows:
        world.org.add_record("Contact", LastName="Byron", Email=BOOKER, **row)
    put(world.writer(), activity())
    chosen = next(c for c in world.records("Contact") if c["Id"] == world.event()["WhoId"])
    assert (chosen["AccountId"], world.event()["WhatId"]) == (account, account)
    assert [c["Id"] for c in world.records("Contact") if "AccountId" in c][0 if reversed_ else 1] == chosen["Id"]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ana Maria da Silva", "Ana Maria da", "Silva"),
        ("Ada", None, "Ada"),
        ("", None, BOOKER),
        ("F" * 60 + " " + "L" * 90, "F" * 40, "L" * 80),
        ("  Ada   Byron ", "Ada", "Byron"),
    ],
)
def test_names_keep_all_their_parts(world: World, name: str, first: str | None, last: str) -> None:
    put(world.writer(), activity(attendees=(Attendee(email=BOOKER, name=name),)))
    (contact,) = world.records("Contact")
    assert (contact.get("FirstName"), contact["LastName"]) == (first, last)


def test_a_name_given_in_parts_is_taken_as_given(world: World) -> None:
    put(world.writer(), activity(answers={"name": {"firstName": "Ana", "lastName": "da Silva"}}))
    (contact,) = world.records("Contact")
    assert (contact["FirstName"], contact["LastName"]) == ("Ana", "da Silva")


@pytest.mark.parametrize(
    ("answers", "company"),
    [({"Company": "Analytical Engines"}, "Analytical Engines"), ({}, "acme"), ({"company": 5}, "acme")],
)
def test_a_lead_has_a_company_and_a_phone(world: World, answers: dict[str, Any], company: str) -> None:
    put(world.writer(attendee_record="lead"), activity(answers=answers))
    (lead,) = world.records("Lead")
    assert (lead["Company"], lead["Phone"]) == (company, "+49 30 1")


@pytest.mark.parametrize(("mode", "entity"), [("contact", "Contact"), ("lead", "Lead")])
def test_a_new_record_is_the_hosts(world: World, mode: str, entity: str) -> None:
    put(world.writer(attendee_record=mode), activity(organizer=booked().organizer))
    assert world.records(entity)[0]["OwnerId"] == world.user(HOST)


def test_a_host_who_is_no_active_user_owns_nothing(world: World) -> None:
    world.org.set_active(OTHER_HOST, False)
    organizer = Attendee(email=OTHER_HOST).participant
    told = put(world.writer(), activity(organizer=organizer))
    assert told.outcomes[0].clean
    assert world.event()["OwnerId"] == world.user(HOST)  # whose the connection is


# changing the owner of the record

OWNER_CASES = [
    ({"mode": "off"}, "Queen", "Queen"),
    ({"mode": "organizer"}, "Queen", "Anna Host"),
    ({"mode": "user", "user": OTHER_HOST.upper()}, "Queen", "Ben Host"),
    ({"mode": "organizer", "only_from": ["queen"]}, "Queen", "Anna Host"),
    ({"mode": "organizer", "only_from": ["quee"]}, "Queen", "Queen"),
    ({"mode": "organizer", "only_from": ["Somebody"]}, "Queen", "Queen"),
    ({"mode": "user", "user": "retired@example.com"}, "Queen", "Queen"),
    ({"mode": "user", "user": "nobody@example.com"}, "Queen", "Queen"),
]


@pytest.mark.parametrize(("mode", "entity"), [("contact", "Contact"), ("lead", "Lead")])
@pytest.mark.parametrize(("change", "before", "after"), OWNER_CASES)
def test_the_owner_changes_as_the_settings_say(
    world: World, mode: str, entity: str, change: dict[str, Any], before: str, after: str
) -> None:
    world.org.add_user("queen@example.com", "Queen")
    world.org.add_user("retired@example.com", "Retired", active=False)
    owners = {u["Name"]: u["Id"] for u in world.records("User")}
    company = {"Company": "Acme"} if entity == "Lead" else {}
    world.org.add_record(entity, LastName="Byron", Email=BOOKER, OwnerId=owners[before], **company)
    told = put(world.writer(attendee_record=mode, change_owner=change), activity())
    assert world.records(entity)[0]["OwnerId"] == owners[after]
    assert told.outcomes[0].clean


@pytest.mark.parametrize(("active", "after"), [(True, OTHER_HOST), (False, "queen@example.com")])
def test_the_new_owner_may_be_given_by_id(world: World, active: bool, after: str) -> None:
    queen = world.org.add_user("queen@example.com", "Queen")
    other = world.user(OTHER_HOST)
    world.org.set_active(OTHER_HOST, active)
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER, OwnerId=queen)
    told = put(world.writer(change_owner={"mode": "user", "user": other[:15]}), activity())
    assert told.outcomes[0].clean
    assert world.records("Contact")[0]["OwnerId"] == next(u["Id"] for u in world.records("User") if u["Email"] == after)


def test_guests_keep_their_owner(world: World) -> None:
    queen = world.org.add_user("queen@example.com", "Queen")
    world.org.add_record("Contact", LastName="Guest", Email=BOB.email, OwnerId=queen)
    put(world.writer(change_owner={"mode": "organizer"}), activity(with_guests(BOB)))
    assert next(c for c in world.records("Contact") if c["Email"] == BOB.email)["OwnerId"] == queen


# record types


@pytest.mark.parametrize(("mode", "entity"), [("contact", "Contact"), ("lead", "Lead")])
def test_excluded_record_types_are_neither_found_nor_made(world: World, mode: str, entity: str) -> None:
    company = {"Company": "Acme"} if entity == "Lead" else {}
    personal = world.org.add_record_type(entity, "Person Account", default=True)
    business = world.org.add_record_type(entity, "Business")
    hidden = world.org.add_record(entity, LastName="Byron", Email=BOOKER, RecordTypeId=personal, **company)
    put(world.writer(attendee_record=mode, exclude_record_types=["person account"]), activity())
    (made,) = [r for r in world.records(entity) if r["Id"] != hidden]
    assert made["RecordTypeId"] == business
    assert world.event()["WhoId"] == made["Id"]


def test_an_account_of_an_excluded_record_type_is_not_found(world: World) -> None:
    partner = world.org.add_record_type("Account", "Partner")
    world.org.add_account("Acme", Website="acme.example", RecordTypeId=partner)
    settings: dict[str, Any] = {"attendee_record": UNDER, "create_contact_under_account": True}
    put(world.writer(exclude_record_types={"account": ["PARTNER"]}, **settings), activity())
    assert world.records("Event") == []
    put(world.writer(exclude_record_types={"contact": ["PARTNER"]}, **settings), activity())
    assert len(world.records("Event")) == 1


def test_where_every_record_type_is_excluded_nothing_is_made(world: World) -> None:
    world.org.add_record_type("Contact", "Business")
    with pytest.raises(ForbiddenError, match="Every record type"):
        put(world.writer(exclude_record_types=["business"]), activity())
    assert world.records("Contact") == []


def test_contacts_of_excluded_record_types_are_not_counted(world: World) -> None:
    world.org.add_record_type("Contact", "Business")
    personal = world.org.add_record_type("Contact", "Personal")
    for name, more in (("Wrong", {"RecordTypeId": personal}), ("Right", {})):
        made = world.org.add_account(name)
        world.org.add_record("Contact", LastName="X", Email=f"{name}@acme.example", AccountId=made, **more)
    settings: dict[str, Any] = {"attendee_record": UNDER, "create_contact_under_account": True}
    put(world.writer(exclude_record_types={"contact": ["personal"]}, **settings), activity())
    account = next(a for a in world.records("Account") if a["Id"] == world.event()["WhatId"])
    assert account["Name"] == "Right"


@pytest.mark.parametrize(
    "website", ["1acme.example", "acme.example.org", "notacme.example/acme.example", "acme-example.com"]
)
def test_an_account_that_merely_contains_the_domain_is_not_the_attendee_s(world: World, website: str) -> None:
    world.org.add_account("Other", Website=website)
    put(world.writer(attendee_record=UNDER, create_contact_under_account=True), activity())
    assert world.records("Event") == []


@pytest.mark.parametrize(
    "email", ["x@gmail.com", "o'brien-smith+1@acme.example", "a_b%c@acme.example", "ADA@ACME.EXAMPLE"]
)
def test_any_address_finds_its_own_contact(world: World, email: str) -> None:
    known = world.org.add_record("Contact", LastName="Known", Email=email.lower())
    world.org.add_record("Contact", LastName="Decoy", Email="axb@acme.example")
    put(world.writer(), activity(attendees=(Attendee(email=email, name="X Y"),)))
    assert world.event()["WhoId"] == known


def test_a_free_mail_address_belongs_to_no_account(world: World) -> None:
    account = world.org.add_account("Most", Website="gmail.com")
    world.org.add_record("Contact", LastName="Z", Email="z@gmail.com", AccountId=account)
    settings: dict[str, Any] = {"attendee_record": UNDER, "create_contact_under_account": True}
    put(world.writer(**settings), activity(attendees=(Attendee(email="x@gmail.com", name="X Y"),)))
    assert world.records("Event") == []


@pytest.mark.parametrize(("fuzzy", "events"), [(True, 1), (False, 0)])
def test_another_top_level_domain_matches_when_the_connection_says_so(world: World, fuzzy: bool, events: int) -> None:
    world.org.add_account("Acme", Website="https://www.acme.co.uk/")
    connector = world.connector(fuzzy_domain_matching=fuzzy)
    settings: dict[str, Any] = {"attendee_record": UNDER, "create_contact_under_account": True}
    put(world.writer(connector, **settings), activity(attendees=(Attendee(email="x@acme.com", name="X Y"),)))
    assert len(world.records("Event")) == events


# a failed lookup


@pytest.mark.parametrize("mode", ["contact", "lead", UNDER])
@pytest.mark.parametrize("fault", ["query-timeout", "too-large", "unavailable", "daily-limit", "api-off"])
def test_a_failed_lookup_never_creates(world: World, mode: str, fault: str) -> None:
    world.org.faults.add(fault, times=0)
    settings: dict[str, Any] = {"create_contact_under_account": True, "create_lead_when_no_account": True}
    with pytest.raises(ProviderError):
        put(world.writer(attendee_record=mode, **settings), activity())
    world.org.faults.clear()
    assert world.records("Contact") + world.records("Lead") + world.records("Event") == []


def test_where_contacts_may_not_be_seen_nothing_is_made(world: World) -> None:
    world.org.set_hidden("Contact")
    with pytest.raises(ProviderError):
        put(world.writer(), activity())
    world.org.set_hidden("Contact", False)
    assert world.records("Contact") + world.records("Event") == []


# duplicate rules


@pytest.mark.parametrize("switch", [None, "spelt-right"])
def test_the_record_that_a_duplicate_rule_names_is_taken(world: World, switch: str | None) -> None:
    known = world.org.add_record("Contact", LastName="Byron", Email="ada@home.example", Phone="+49 30 1")
    world.org.add_duplicate_rule("Contact", ["Phone"], allow_save=False)
    if switch:
        world.org.faults.add(switch, times=0)
    put(world.writer(), activity())
    assert [c["Id"] for c in world.records("Contact")] == [known]
    assert world.event()["WhoId"] == known


def test_a_lead_may_turn_out_to_be_a_contact(world: World) -> None:
    known = given(world, CONTACT)[CONTACT]
    world.org.add_duplicate_rule("Lead", ["Email"], ["Contact"])
    put(world.writer(attendee_record="lead"), activity())
    assert world.records("Lead") == []
    assert world.event()["WhoId"] == known


def test_a_record_taken_so_keeps_what_is_written_only_when_empty(world: World) -> None:
    world.org.add_record("Contact", LastName="Byron", Email="ada@home.example", Phone="+49 30 1", Title="Countess")
    world.org.add_duplicate_rule("Contact", ["Phone"])
    fields = [
        {"target": "person", "field": "Title", "value": "Ms", "when": "only_when_empty"},
        {"target": "person", "field": "Department", "value": "Sales", "when": "only_when_empty"},
    ]
    put(world.writer(fields=fields), activity())
    (contact,) = world.records("Contact")
    assert (contact["Title"], contact["Department"]) == ("Countess", "Sales")


def test_a_duplicate_that_nobody_names_is_an_error(world: World) -> None:
    world.org.faults.add("duplicates", times=0)
    with pytest.raises(ProviderError, match="DUPLICATES_DETECTED"):
        put(world.writer(), activity())
    assert world.records("Event") == []


def test_two_domains_that_look_alike_are_asked_apart(world: World) -> None:
    for website in ("a-b.example", "a.b.example"):
        world.org.add_account(website, Website=website)
    people = (Attendee(email="x@a-b.example", name="X One"), Attendee(email="y@a.b.example", name="Y Two"))
    settings: dict[str, Any] = {"attendee_record": UNDER, "create_contact_under_account": True}
    put(world.writer(**settings), activity(attendees=people))
    names = {a["Id"]: a["Name"] for a in world.records("Account")}
    accounts = {c["Email"]: names[c["AccountId"]] for c in world.records("Contact")}
    assert accounts == {"x@a-b.example": "a-b.example", "y@a.b.example": "a.b.example"}
