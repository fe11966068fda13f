"""Field mappings: types, moments, records, conditions, and fields that the org refuses."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from salesforce_given import (
    BOB,
    BOOKER,
    START,
    World,
    activity,
    booked,
    cancelled,
    field,
    moved,
    put,
    with_guests,
)

from syncd.errors import RefusedError
from syncd.model.activity import Activity
from syncd.model.booking import Attendee
from syncd.model.crm import ObjectKind
from syncd.rules.crm.mapping import Moment

TYPES: list[tuple[str, str, dict[str, Any], Any, Any]] = [
    ("text", "string", {}, "Hi {attendee.name}!", "Hi Ada Maria Byron!"),
    ("text", "string", {"length": 5}, "Hi {attendee.name}", "Hi Ad"),
    ("textarea", "textarea", {}, "one\ntwo", "one\ntwo"),
    ("phone", "phone", {}, "{attendee.phone}", "+49 30 1"),
    ("checkbox", "boolean", {}, True, True),
    ("checkbox", "boolean", {}, "{agree}", False),
    ("picklist", "picklist", {"values": ["Hot", "Cold"], "restricted": True}, "hot", "Hot"),
    ("multipicklist", "multipicklist", {"values": ["A", "B", "C"], "restricted": True}, "a;C", "A;C"),
    ("number", "double", {}, "{seats}", 0),
    ("email", "email", {}, "{attendee.email}", BOOKER),
    ("url", "url", {}, "{link.meeting}", "https://meet.example/1"),
    ("date", "date", {}, "booking_start_date", "2026-03-02"),
    ("date", "date", {}, "booking_created_date", "2026-02-28"),
    ("datetime", "datetime", {}, "booking_start_date", "2026-03-02T10:00:00.000+0000"),
    ("custom", "string", {}, "{utm}", "spring"),
    ("custom", "date", {}, "booking_start_date", "2026-03-02"),
    ("custom", "datetime", {}, "booking_start_date", "2026-03-02T10:00:00.000+0000"),
]
ANSWERS = {"agree": False, "seats": 0, "utm": "spring"}


def made_field(world: World, name: str, kind: str, **more: Any) -> None:
    """The same custom field on all three objects."""
    for entity in ("Event", "Contact", "Account"):
        world.org.add_field(entity, name, kind, **more)


@pytest.fixture
def account(world: World) -> str:
    """Ada is a contact of Acme."""
    made = world.org.add_account("Acme")
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER, AccountId=made)
    return made


@pytest.mark.parametrize(("type_", "kind", "more", "value", "held"), TYPES)
def test_every_type_is_written_to_event_person_and_account(
    world: World, account: str, type_: str, kind: str, more: dict[str, Any], value: Any, held: Any
) -> None:
    made_field(world, "F__c", kind, **more)
    fields = [field(target, "F__c", value, type_) for target in ("event", "person", "account")]
    told = put(world.writer(fields=fields), activity(answers=ANSWERS, meeting_url="https://meet.example/1"))
    assert [world.records(entity)[0]["F__c"] for entity in ("Event", "Contact", "Account")] == [held] * 3
    assert told.outcomes[0].clean


@pytest.mark.parametrize(
    ("zone", "day"), [("organizer", "2026-03-03"), ("attendee", "2026-03-02"), ("UTC", "2026-03-03")]
)
def test_a_date_is_the_day_in_the_zone_chosen(world: World, zone: str, day: str) -> None:
    made_field(world, "F__c", "date")
    late = START + timedelta(hours=15)
    people = (Attendee(email=BOOKER, name="Ada", zone="America/New_York"),)
    wanted = activity(start=late, end=late + timedelta(minutes=30), attendees=people)
    put(world.writer(fields=[field("event", "F__c", "booking_start_date", "date")], time_zone=zone), wanted)
    assert world.event()["F__c"] == day


# moments


def at(world: World, moment: Moment, fields: list[dict[str, Any]], **settings: Any) -> Any:
    """Book, and let something happen."""
    writer = world.writer(fields=fields, **settings)
    first = put(writer, activity())
    if moment is Moment.BOOKING:
        return first
    absent = booked(attendees=tuple(dataclasses.replace(a, absent=True) for a in booked().attendees))
    then: dict[Moment, Activity] = {
        Moment.RESCHEDULE: moved(),
        Moment.CANCELLATION: cancelled(),
        Moment.NO_SHOW: activity(absent),
    }
    return put(writer, then[moment], first.receipt)


@pytest.mark.parametrize("happened", Moment)
@pytest.mark.parametrize("meant", Moment)
def test_a_mapping_is_written_at_its_moment_to_all_three_records(
    world: World, account: str, happened: Moment, meant: Moment
) -> None:
    made_field(world, "F__c", "string")
    fields = [field(target, "F__c", "written", on=[meant]) for target in ("event", "person", "account")]
    at(world, happened, fields, cancellation="keep")
    written = "written" if meant in (happened, Moment.BOOKING) else None
    assert [world.records(e)[0].get("F__c") for e in ("Event", "Contact", "Account")] == [written] * 3


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize(("there", "written"), [(None, "new"), ("", "new"), ("old", "old")])
def test_only_when_empty_holds_at_every_moment(
    world: World, account: str, moment: Moment, there: str | None, written: str
) -> None:
    made_field(world, "F__c", "string")
    fields = [field(t, "F__c", "new", when="only_when_empty", on=[moment]) for t in ("event", "person", "account")]
    contact = world.records("Contact")[0]["Id"]
    for record in (contact, account):
        world.org.change_record(record, F__c=there)
    at(world, moment, fields, cancellation="keep")
    assert [world.records(e)[0]["F__c"] for e in ("Contact", "Account")] == [written] * 2
    assert world.event()["F__c"] == "new"


@pytest.mark.parametrize(("kind", "type_", "there"), [("boolean", "checkbox", False), ("double", "number", 0)])
def test_zero_and_false_are_values(world: World, account: str, kind: str, type_: str, there: Any) -> None:
    made_field(world, "F__c", kind)
    contact = world.records("Contact")[0]["Id"]
    world.org.change_record(contact, F__c=there)
    value = True if kind == "boolean" else 5
    put(world.writer(fields=[field("person", "F__c", value, type_, when="only_when_empty")]), activity())
    assert world.records("Contact")[0]["F__c"] == there


@pytest.mark.parametrize("moment", Moment)
def test_a_lead_is_written_at_every_moment(world: World, moment: Moment) -> None:
    fields = [field("person", "Title", "written", on=[moment])]
    at(world, moment, fields, attendee_record="lead")
    assert world.records("Lead")[0]["Title"] == "written"


def test_guests_get_no_mapped_fields(world: World) -> None:
    put(world.writer(fields=[field("person", "Title", "Booker")]), activity(with_guests(BOB)))
    assert {c["Email"]: c.get("Title") for c in world.records("Contact")} == {BOOKER: "Booker", BOB.email: None}


def test_a_reschedule_rewrites_mapped_dates(world: World) -> None:
    made_field(world, "F__c", "date")
    fields = [field(target, "F__c", "booking_start_date", "date") for target in ("event", "person")]
    at(world, Moment.RESCHEDULE, fields)
    assert [world.records(e)[0]["F__c"] for e in ("Event", "Contact")] == ["2026-03-03"] * 2


def test_a_mapped_field_replaces_our_own(world: World) -> None:
    fields = [field("event", "Subject", "Call with {attendee.first_name}"), field("person", "LastName", "Lovelace")]
    put(world.writer(fields=fields), activity())
    assert world.event()["Subject"] == "Call with Ada Maria"
    assert world.records("Contact")[0]["LastName"] == "Lovelace"


def test_who_the_host_and_the_account_are_in_the_crm_may_be_mapped(world: World, account: str) -> None:
    made_field(world, "F__c", "string")
    fields = [field("event", "F__c", "{organizer.crm_id} {account.crm_id}", on=["booking", "reschedule"])]
    at(world, Moment.RESCHEDULE, fields)
    assert world.event()["F__c"] == f"{world.user('host@example.com')} {account}"


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("{form:budget}", "1000"),
        ("{utm:source}/{utm:campaign}", "news/spring"),
        ("{assignmentReason}", "Owner of the account"),
        ("{link.booking}", "https://cal.example/booking/b1"),
        ("{link.reschedule}", "https://cal.example/reschedule/b1"),
        ("{link.cancel}", "https://cal.example/booking/b1?cancel=true"),
        ("{organizer.name}: {title}", "Anna Host: Discovery call"),
        ("{budget}", "5"),
    ],
)
def test_what_the_product_told_beside_the_booking_may_be_mapped(world: World, value: str, held: str) -> None:
    told: dict[str, Any] = {
        "form": {"budget": 1000},
        "utm": {"source": "news", "campaign": "spring"},
        "assignment_reason": "Owner of the account",
        "booker_url": "https://cal.example",
        "answers": {"budget": 5},
    }
    put(world.writer(fields=[field("event", "Subject", value)]), activity(**told))
    assert world.event()["Subject"] == held


# what the org refuses


def refused_fields(world: World) -> list[dict[str, Any]]:
    """A mapping that the org takes and one that it does not, for each record."""
    made_field(world, "Good__c", "string")
    made_field(world, "Bad__c", "string")
    world.org.faults.add("removed-field", value="Bad__c", times=0)
    targets = ("event", "person", "account")
    return [field(t, name, "x", on=list(Moment)) for t in targets for name in ("Bad__c", "Good__c")]


@pytest.mark.parametrize("moment", Moment)
def test_a_field_that_the_org_refuses_is_dropped_alone_and_named(world: World, account: str, moment: Moment) -> None:
    fields = refused_fields(world)
    told = at(world, moment, fields, cancellation="keep")
    assert [world.records(e)[0].get("Good__c") for e in ("Event", "Contact", "Account")] == ["x"] * 3
    (outcome,) = [o for o in told.outcomes if o.moment is moment]
    assert (outcome.code, set(outcome.dropped)) == ("INVALID_FIELD", {"Bad__c"})
    assert "Bad__c" in outcome.message
    assert told.receipt.dropped == ("Bad__c",)


def test_a_new_record_is_made_without_the_field_that_is_refused(world: World) -> None:
    fields = refused_fields(world)
    put(world.writer(fields=fields), activity())
    (contact,) = world.records("Contact")
    assert (contact["Good__c"], contact.get("Bad__c")) == ("x", None)
    assert world.event()["WhoId"] == contact["Id"]


def test_several_fields_are_refused_one_after_the_other(world: World) -> None:
    names = [f"Bad{n}__c" for n in range(4)]
    for name in (*names, "Good__c"):
        made_field(world, name, "string")
    for name in names:
        world.org.faults.add("removed-field", value=name, times=0)
    told = put(world.writer(fields=[field("event", n, "x") for n in (*names, "Good__c")]), activity())
    assert world.event()["Good__c"] == "x"
    assert set(told.outcomes[0].dropped) <= set(names)


@pytest.mark.parametrize(
    ("name", "value", "type_", "code"),
    [
        ("Nope__c", "x", "text", "unknown_field"),
        ("CreatedDate", "booking_start_date", "datetime", "not_createable"),
        ("IsReminderSet", "perhaps", "checkbox", "wrong_value"),
        ("ShowAs", "Elsewhere", "picklist", "not_a_choice"),
    ],
)
def test_a_field_that_the_schema_rules_out_is_told_as_dropped(
    world: World, name: str, value: str, type_: str, code: str
) -> None:
    told = put(world.writer(fields=[field("event", name, value, type_), field("event", "Type", "Call")]), activity())
    assert world.event()["Type"] == "Call"
    assert [(o.code, o.dropped) for o in told.outcomes] == [(code, (name,))]


def test_a_value_that_a_booking_has_not_is_no_error(world: World) -> None:
    told = put(world.writer(fields=[field("event", "Type", "{unanswered}")]), activity())
    assert "Type" not in world.event()
    assert told.outcomes[0].clean


def test_metadata_is_read_anew_after_invalid_field(world: World) -> None:
    made_field(world, "Late__c", "string")
    connector = world.connector()
    writer = world.writer(connector, fields=[field("event", "Late__c", "x")])
    put(writer, activity())
    world.org.remove_field("Event", "Late__c")
    told = put(writer, activity(booked("b2")))
    assert told.outcomes[0].dropped == ("Late__c",)
    world.org.add_field("Event", "Late__c", "string")
    assert put(writer, activity(booked("b3"))).outcomes[0].dropped == ("Late__c",)  # known for an hour
    connector.forget_schema()
    assert put(writer, activity(booked("b4"))).outcomes[0].clean


@pytest.mark.parametrize("target", ["event", "person", "account"])
def test_a_field_that_cannot_be_read_is_not_written_only_when_empty(world: World, account: str, target: str) -> None:
    fields = [f | {"when": "only_when_empty"} for f in refused_fields(world) if f["target"] == target]
    told = at(world, Moment.RESCHEDULE, fields)
    entity = {"event": "Event", "person": "Contact", "account": "Account"}[target]
    assert world.records(entity)[0]["Good__c"] == "x"
    assert told.outcomes[0].dropped == ("Bad__c",)


def test_a_field_of_ours_that_the_user_may_not_see_is_not_asked_for(world: World, account: str) -> None:
    for name in ("Website", "BillingCountry", "LastActivityDate"):
        world.org.remove_field("Account", name)
    put(world.writer(), activity())
    assert world.event()["WhatId"] == account


@pytest.mark.parametrize(
    ("entity", "name"), [("Contact", "Phone"), ("Contact", "FirstName"), ("Event", "Location"), ("Event", "WhatId")]
)
def test_a_field_of_ours_that_is_read_only_is_left_out(world: World, entity: str, name: str) -> None:
    account = world.org.add_account("Acme", Website="acme.example")
    assert account
    world.org.set_read_only(entity, name)
    settings: dict[str, Any] = {"attendee_record": "contact_under_account", "create_contact_under_account": True}
    told = put(world.writer(**settings), activity(location="Room 1"))
    assert name not in world.records(entity)[0]
    assert told.receipt is not None
    assert told.receipt.dropped == (name,)


@pytest.mark.parametrize("name", ["StartDateTime", "EndDateTime"])
def test_without_its_time_no_event_is_written(world: World, name: str) -> None:
    world.org.set_read_only("Event", name)
    with pytest.raises(RefusedError, match="does not take the activity"):
        put(world.writer(), activity())
    assert world.records("Event") == []


def test_a_private_event_is_not_written_as_a_public_one(world: World) -> None:
    world.org.set_read_only("Event", "IsPrivate")
    put(world.writer(), activity(booked("b1")))
    with pytest.raises(RefusedError):
        put(world.writer(), activity(booked("b2", hide_details=True)))


def test_a_trigger_that_fails_on_mapped_fields_does_not_keep_the_event_away(world: World) -> None:
    world.org.faults.add("trigger", method="POST", path="Event")
    told = put(world.writer(fields=[field("event", "Type", "Call")]), activity())
    assert "Type" not in world.event()
    assert told.outcomes[0].dropped == ("Type",)
    assert "NullPointer" in told.outcomes[0].message


def test_what_is_always_refused_is_an_error(world: World) -> None:
    world.org.faults.add("validation", path="Event", times=0)
    with pytest.raises(RefusedError, match="validation rule"):
        put(world.writer(fields=[field("event", "Type", "Call")]), activity())
    assert world.records("Event") == []


@pytest.mark.parametrize("switch", ["validation", "approval-lock", "read-only", "trigger"])
def test_a_person_that_cannot_be_changed_does_not_keep_the_event_away(world: World, account: str, switch: str) -> None:
    world.org.faults.add(switch, method="PATCH", path="Contact", times=0)
    settings: dict[str, Any] = {
        "fields": [field("person", "Title", "x")],
        "change_owner": {"mode": "user", "user": "other@example.com"},
    }
    told = put(world.writer(**settings), activity())
    assert len(world.records("Event")) == 1
    assert "Title" in told.outcomes[0].dropped
    assert "Title" not in world.records("Contact")[0]


def test_what_was_written_is_not_written_again_after_a_refusal(world: World, account: str) -> None:
    bodies: list[str] = []
    world.sandbox.tap(lambda exchange: bodies.append(exchange.request.body.decode()))
    connector = world.connector()
    connector.schema(list(ObjectKind))
    world.org.remove_field("Account", "Site")
    fields = [field("person", "Title", "x"), field("account", "Site", "x"), field("account", "Fax", "1")]
    put(world.writer(connector, fields=fields), activity())
    assert world.records("Account")[0]["Fax"] == "1"
    assert sum("/sobjects/Contact/" in body and "PATCH" in body for body in bodies) == 1
    assert sum('"POST", "url": "/services/data/v65.0/sobjects/Event"' in body for body in bodies) == 1


def test_an_account_that_cannot_be_changed_does_not_either(world: World, account: str) -> None:
    world.org.faults.add("validation", path="Account", times=0)
    told = put(world.writer(fields=[field("account", "Site", "x")]), activity())
    assert len(world.records("Event")) == 1
    assert told.outcomes[0].dropped == ("Site",)


def test_a_guest_that_the_org_does_not_take_is_named_instead(world: World) -> None:
    guest = Attendee(email="not an address", name="Nobody")
    told = put(world.writer(), activity(with_guests(guest, BOB)))
    emails = {c["Email"] for c in world.records("Contact")}
    assert emails == {BOOKER, BOB.email}
    assert len(world.with_whom()) == 2
    assert "not an address" in world.event()["Description"]
    assert told.receipt is not None
    assert told.receipt.dropped == ("contact",)


def test_a_booker_that_the_org_does_not_take_is_an_error(world: World) -> None:
    with pytest.raises(RefusedError, match="INVALID_EMAIL_ADDRESS"):
        put(world.writer(), activity(attendees=(Attendee(email="not an address"),)))
    assert world.records("Event") == []


def test_a_required_field_that_nobody_fills_is_an_error_that_names_it(world: World) -> None:
    world.org.add_field("Event", "Needed__c", required=True)
    with pytest.raises(RefusedError, match="Needed__c"):
        put(world.writer(fields=[field("event", "Type", "Call")]), activity())
    put(world.writer(fields=[field("event", "Needed__c", "Call")]), activity())
    assert len(world.records("Event")) == 1
