"""What Salesforce's answers mean: refusals by their code, limits, pages, and answers that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from given import SettableClock
from salesforce_given import HOST, World, activity, put, salesforce
from syncd_connectors.salesforce.connector import SalesforceConnector
from syncd_connectors.salesforce.refusals import complaints, error_of, refusal
from syncd_connectors.salesforce.schema import object_schema

from syncd.connector.crm import Look
from syncd.errors import (
    ForbiddenError,
    NotFoundError,
    ParkError,
    ProviderError,
    RefreshError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.crm import CountKind, CountRequest, ObjectKind, Question, Questions
from syncd.model.schema import SchemaType

SECRET = "zebra-4711"


@pytest.fixture
def world() -> Iterator[World]:
    with salesforce() as running:
        yield running


@pytest.fixture
def connector(world: World) -> SalesforceConnector:
    return world.connector()


def asked(email: str = "x@acme.example") -> Look:
    """A question about contacts."""
    return Look(questions=(Questions(asked=(Question.CONTACTS,), email=email),))


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ("INVALID_SESSION_ID", "", RefreshError),
        ("API_DISABLED_FOR_ORG", "", ParkError),
        ("API_CURRENTLY_DISABLED", "", RetryError),
        ("SERVER_UNAVAILABLE", "", RetryError),
        ("UNABLE_TO_LOCK_ROW", "", RetryError),
        ("QUERY_TIMEOUT", "", RetryError),
        ("UNKNOWN_EXCEPTION", "", UnclearError),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", WaitUntilError),
        ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", WaitUntilError),
        ("NOT_FOUND", "", NotFoundError),
        ("ENTITY_IS_DELETED", "", NotFoundError),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "", ForbiddenError),
        ("INVALID_TYPE", "", ForbiddenError),
        ("ENTITY_IS_LOCKED", "", RefusedError),
        ("SOMETHING_NEW", "", RefusedError),
    ],
)
def test_a_code_says_what_to_do_next(clock: SettableClock, code: str, message: str, error: type[ProviderError]) -> None:
    body = json.dumps([{"errorCode": code, "message": message}]).encode()
    found = refusal(400, {}, body, "write", clock())
    assert type(found) is error
    assert found.code in (code.lower(), "daily_limit", "concurrent_limit")


@pytest.mark.parametrize(
    ("message", "code", "wait"),
    [
        ("TotalRequests Limit exceeded.", "daily_limit", timedelta(hours=1)),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", "concurrent_limit", timedelta(seconds=30)),
    ],
)
def test_the_two_limits_are_told_apart(clock: SettableClock, message: str, code: str, wait: timedelta) -> None:
    (complaint,) = complaints([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}])
    found = error_of(complaint, 403, "write", clock())
    assert isinstance(found, WaitUntilError)
    assert (found.code, found.retry_at) == (code, clock() + wait)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"<html>", RefreshError),
        (503, b"<html>down</html>", RetryError),
        (500, b"", ProviderError),
        (420, b"", ProviderError),
        (400, b"[[[" * 50_000, ProviderError),
    ],
)
def test_a_refusal_that_is_none_of_salesforce_s_is_judged_by_its_status(
    clock: SettableClock, status: int, body: bytes, error: type[ProviderError]
) -> None:
    assert isinstance(refusal(status, {}, body, "write", clock()), error)


def test_fields_are_taken_from_the_list_or_the_words() -> None:
    (listed,) = complaints([{"errorCode": "STRING_TOO_LONG", "message": "x", "fields": ["Title"]}])
    words = f"{'SELECT ' * 100}No such column 'Nope__c' on entity 'Contact'. If you are"
    (worded,) = complaints([{"errorCode": "INVALID_FIELD", "message": words}])
    assert (listed.fields, worded.fields) == (("Title",), ("Nope__c",))
    assert len(worded.message) == 300


@pytest.mark.parametrize(
    "body",
    [
        None,
        3,
        "x",
        {},
        [],
        [None],
        [{"errorCode": 5}],
        [{"errorCode": "a b"}],
        [{"duplicateResut": {"matchResults": [3]}}],
    ],
)
def test_any_body_may_come(body: Any) -> None:
    assert all(each.code == "UNKNOWN" for each in complaints(body))


@pytest.mark.parametrize("fault", ["garble", "answer"])
def test_an_answer_that_is_none_finds_nobody_but_says_so(
    world: World, connector: SalesforceConnector, fault: str
) -> None:
    connector.schema(list(ObjectKind))
    world.org.faults.add(fault, times=0, status=200, body={"unexpected": True})
    with pytest.raises(RetryError) as raised:
        connector.look(asked())
    assert raised.value.code == "answer_unusable"


def test_a_connection_that_breaks_is_repeated_once_for_a_read(world: World, connector: SalesforceConnector) -> None:
    connector.schema(list(ObjectKind))
    world.org.faults.add("cut")
    assert connector.look(asked()).evidence[0].people == ()
    world.org.faults.add("cut", times=0)
    with pytest.raises(RetryError):
        connector.look(asked())


def test_every_page_of_an_answer_is_read(world: World, connector: SalesforceConnector) -> None:
    world.org.set_batch(200)
    for _ in range(450):
        world.org.add_record("Contact", LastName="X", Email="x@acme.example")
    assert len(connector.look(asked()).evidence[0].people) == 450


def test_a_page_that_is_gone_is_no_end(world: World, connector: SalesforceConnector) -> None:
    world.org.set_batch(200)
    for _ in range(250):
        world.org.add_record("Contact", LastName="X", Email="x@acme.example")
    world.org.faults.add("locator-expired", times=0)
    with pytest.raises(RetryError):
        connector.look(asked())


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    ("hidden", "denied"), [("Contact", {Question.CONTACTS}), ("Lead", {Question.LEADS}), ("Account", set())]
)
def test_an_object_that_may_not_be_seen_denies_its_question_alone(
    world: World, connector: SalesforceConnector, hidden: str, denied: set[Question], cached: bool
) -> None:
    world.org.add_record("Contact", LastName="X", Email="x@acme.example")
    world.org.add_record("Lead", LastName="X", Company="X", Email="x@acme.example")
    if cached:
        connector.schema(list(ObjectKind))
    world.org.set_hidden(hidden)
    look = Look(questions=(Questions(asked=(Question.CONTACTS, Question.LEADS), email="x@acme.example"),))
    (evidence,) = connector.look(look).evidence
    assert set(evidence.denied) == denied
    assert len(evidence.people) == 2 - len(denied)


def test_without_access_to_leads_contacts_are_written_all_the_same(world: World) -> None:
    world.org.set_hidden("Lead")
    put(world.writer(), activity())
    assert len(world.records("Event")) == 1
    with pytest.raises(ForbiddenError):
        put(world.writer(attendee_record="lead"), activity())


def test_a_record_that_is_gone_is_absent_and_one_that_cannot_be_read_is_an_error(
    world: World, connector: SalesforceConnector
) -> None:
    gone = world.org.add_record("Contact", LastName="X")
    world.org.delete_record(gone)
    assert connector.look(Look(people=(gone,), person_fields=("Title",))).people == {}
    with pytest.raises(RefusedError, match="MALFORMED_ID"):
        connector.look(Look(people=("003-bad",), person_fields=("Title",)))


def test_counts_that_are_denied_are_told_apart(world: World, connector: SalesforceConnector) -> None:
    account = world.org.add_account("Acme", children=2)
    world.org.set_hidden("Opportunity")
    counts = connector.counts(CountRequest(account_ids=(account,), kinds=tuple(CountKind)))
    assert counts.found == {CountKind.CHILD_ACCOUNTS: {account: 2}, CountKind.CONTACTS: {}}
    assert set(counts.denied) == {CountKind.OPPORTUNITIES}


# limits


def test_the_day_s_calls_are_watched_and_bookings_keep_a_reserve(world: World, connector: SalesforceConnector) -> None:
    spare = []
    for used in (900, 960):
        world.org.set_daily(1000, used=used)
        connector.look(asked())
        spare.append(connector.spare)
    assert spare == [True, False]
    put(world.writer(connector), activity())
    assert len(world.records("Event")) == 1


def test_a_probe_names_the_user_and_the_calls_left(world: World, connector: SalesforceConnector) -> None:
    world.org.set_daily(1000, used=10)
    probe = connector.probe()
    assert probe.account == world.user(HOST)
    assert probe.facts == {"calls left today": "989 of 1000"}


def test_where_the_day_is_used_up_the_connection_waits(world: World, connector: SalesforceConnector) -> None:
    world.org.set_daily(10, used=10)
    with pytest.raises(WaitUntilError) as raised:
        connector.look(asked())
    assert raised.value.code == "daily_limit"
    calls = len(world.calls)
    with pytest.raises(WaitUntilError):
        connector.look(asked())
    assert len(world.calls) == calls  # not even asked


# secrets


@pytest.mark.parametrize("fault", ["lose", "cut", "garble", "unknown-error", "invalid-session", "daily-limit"])
def test_no_token_and_no_query_gets_into_an_error(world: World, fault: str) -> None:
    connector = world.connector()
    connector.schema(list(ObjectKind))
    token = connector._login.session().token
    world.org.faults.add(fault, times=0)
    with pytest.raises(ProviderError) as raised:
        connector.look(asked(f"{SECRET}@acme.example"))
    told = f"{raised.value} {raised.value.remedy} {raised.value.__cause__!r}"
    assert token not in told
    assert SECRET not in told


# metadata


def test_metadata_is_kept_for_an_hour(world: World) -> None:
    clock = SettableClock()
    connector = world.connector(clock=clock)
    assert connector.schema([ObjectKind.EVENT])[ObjectKind.EVENT].field("New__c") is None
    world.org.add_field("Event", "New__c", "boolean")
    assert connector.schema([ObjectKind.EVENT])[ObjectKind.EVENT].field("New__c") is None
    clock.advance(hours=1, minutes=1)
    found = connector.schema([ObjectKind.EVENT])[ObjectKind.EVENT].field("New__c")
    assert found is not None
    assert found.type is SchemaType.CHECKBOX


def test_a_schema_tells_types_choices_and_record_types(world: World, connector: SalesforceConnector) -> None:
    world.org.add_field("Contact", "Level__c", "picklist", values=("Gold", "Silver"), restricted=True)
    world.org.add_record_type("Contact", "Business", default=True)
    schema = connector.schema([ObjectKind.CONTACT])[ObjectKind.CONTACT]
    level = schema.field("Level__c")
    assert level is not None
    assert (level.type, level.restricted, [c.value for c in level.choices]) == (
        SchemaType.PICKLIST,
        True,
        ["Gold", "Silver"],
    )
    assert [(t.name, t.default) for t in schema.record_types] == [("Business", True)]
    last_name = schema.field("LastName")
    assert last_name is not None
    assert (last_name.required, last_name.length) == (True, 80)


def test_a_describe_with_odd_parts_is_read_as_far_as_it_goes() -> None:
    schema = object_schema({"name": "X", "fields": [None, {"name": "A", "type": "anytype"}], "recordTypeInfos": [5]})
    assert [(field.name, field.type) for field in schema.fields] == [("A", SchemaType.OTHER)]
