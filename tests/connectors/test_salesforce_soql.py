"""Texts in queries, through the sandbox's own SOQL parser: they are never syntax, and find exactly what they say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from salesforce_given import World, salesforce
from syncd_connectors.salesforce.connector import SalesforceConnector
from syncd_connectors.salesforce.queries import query_part
from syncd_connectors.salesforce.soql import containing, quoted, quoted_all, select

from syncd.connector.crm import Look
from syncd.model.crm import ObjectKind, Question, Questions

NASTY = ["'", "\\", "%", "_", "\\'", "' OR Name != '", "%' OR Id != null OR Name LIKE '", "\\\\'", "--", "/*", "\u2019"]
DECOYS = ("decoy", "another decoy", "d_coy", "d%coy")

texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.sampled_from("'\\%_()-+ .,aZ?*\"&|!{}[]^~:/"), min_size=1, max_size=20),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
).filter(lambda text: text == text.strip() and text != "")

examples = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with salesforce() as running:
        for name in DECOYS:
            running.org.add_account(name)
        yield running


@pytest.fixture(scope="module")
def connector(world: World) -> SalesforceConnector:
    return world.connector()


def found(connector: SalesforceConnector, condition: str) -> list[str]:
    """The names of the accounts that a condition finds."""
    query = select(("Name",), "Account", condition, "ORDER BY Name")
    answer = connector._api.composite("ask", [query_part("ask", query)], safe=True)["ask"]
    assert answer.ok, answer.body
    return [row["Name"] for row in answer.record["records"]]


@examples
@given(text=texts)
def test_a_quoted_text_finds_the_record_of_that_name_alone(
    world: World, connector: SalesforceConnector, text: str
) -> None:
    made = world.org.add_account(text)
    try:
        names = found(connector, f"Name = {quoted(text)}")
        assert text in names
        assert all(name.casefold() == text.casefold() for name in names)
        assert found(connector, f"Name IN {quoted_all([text, 'nobody'])}") == names
    finally:
        world.org.delete_record(made)


@examples
@given(text=texts)
def test_a_pattern_finds_what_contains_the_text_and_nothing_else(
    world: World, connector: SalesforceConnector, text: str
) -> None:
    made = world.org.add_account(f"<{text}>")
    try:
        names = found(connector, f"Name LIKE {containing(text)}")
        assert f"<{text}>" in names
        assert all(text.casefold() in name.casefold() for name in names)
    finally:
        world.org.delete_record(made)


@pytest.mark.parametrize("text", NASTY)
def test_a_pattern_may_end_with_the_text(world: World, connector: SalesforceConnector, text: str) -> None:
    made = [world.org.add_account(name) for name in (f"begin {text}", f"begin {text} end")]
    assert found(connector, f"Name LIKE {containing(text, after='')}") == [f"begin {text}"]
    for each in made:
        world.org.delete_record(each)


@pytest.mark.parametrize("text", ["\n", "\t", "a\nb", "a\tb\r\n"])
def test_blanks_of_every_kind_are_text(connector: SalesforceConnector, text: str) -> None:
    assert found(connector, f"Name = {quoted(text)}") == []


@pytest.mark.parametrize(
    "email",
    ["o'brien@acme.example", "a%b@acme.example", "a_b@acme.example", "a+b-c@acme.example", "\\@x.example", "' OR '@x"],
)
def test_an_address_finds_its_own_contact_alone(world: World, connector: SalesforceConnector, email: str) -> None:
    valid = "'" not in email[:1] and "\\" not in email
    if valid:
        world.org.add_record("Contact", LastName="X", Email=email)
    world.org.add_record("Contact", LastName="Decoy", Email="axb@acme.example")
    asked = Questions(asked=(Question.CONTACTS, Question.LEADS), email=email)
    (evidence,) = connector.look(Look(questions=(asked,))).evidence
    assert [person.email for person in evidence.people] == ([email] if valid else [])


@pytest.mark.parametrize("domain", ["a_b.example", "a%b.example", "a'b.example", "a\\b.example"])
def test_a_domain_finds_its_own_accounts_alone(world: World, connector: SalesforceConnector, domain: str) -> None:
    for website in (domain, "axxb.example", "axb.example", "ab.example"):
        world.org.add_account(website, Website=website)
    asked = (Question.WEBSITES, Question.CONTACT_DOMAIN)
    look = Look(questions=(Questions(asked=asked, email=f"x@{domain}", domain=domain, spellings=(domain,)),))
    (evidence,) = connector.look(look).evidence
    assert {account.website for account in evidence.accounts} == {domain}


@pytest.mark.parametrize("uid", NASTY)
def test_a_uid_finds_its_own_event_alone(world: World, uid: str) -> None:
    if world.org.store.schema.named("Event").fields.get("Uid__c") is None:
        world.org.add_field("Event", "Uid__c", unique=True, external_id=True)
    made = world.org.add_record(
        "Event", Subject="x", StartDateTime="2026-03-02T10:00:00Z", DurationInMinutes=30, Uid__c=uid
    )
    connector = world.connector(booking_uid_field="Uid__c")
    activity = connector.look(Look(uids=(uid,))).activity
    assert activity is not None
    assert activity.id == made
    assert connector.look(Look(uids=("nobody",))).activity is None
    world.org.delete_record(made)
    assert connector.schema([ObjectKind.EVENT])
