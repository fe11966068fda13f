"""Settings that name what the CRM has not, or that leave each other without effect, are found."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.rules.crm.finding import Code, Severity
from syncd.rules.crm.settings import CrmSettings
from syncd.rules.crm.settings_check import OrgSchema, check_settings

from .given import an_object, field

ORG = OrgSchema(
    event=an_object(
        field("No_Show__c", "checkbox"), field("Status__c"), field("Locked__c", "checkbox", updateable=False)
    ),
    contact=an_object(field("Rating__c"), name="Contact", types=("Business Contact", "Person Account")),
    lead=an_object(field("Rating__c"), field("Company", required=True), name="Lead", types=("Partner",)),
    account=an_object(field("Territory__c"), field("CSM__c", "reference"), name="Account", types=("Partner", "Vendor")),
)
ERROR, WARNING = Severity.ERROR, Severity.WARNING
KEPT = {"target": "event", "field": "Status__c", "value": "Cancelled", "on": ["cancellation"]}

SETTINGS: dict[str, tuple[dict[str, Any], list[tuple[str, Code, Severity]]]] = {
    "the defaults": ({}, []),
    "a no-show field": ({"no_show_field": "No_Show__c"}, []),
    "a no-show field that is not there": (
        {"no_show_field": "NoShow__c"},
        [("no_show_field", Code.UNKNOWN_FIELD, ERROR)],
    ),
    "in another case": ({"no_show_field": "no_show__c"}, [("no_show_field", Code.WRONG_CASE, ERROR)]),
    "a no-show field of text": ({"no_show_field": "Status__c"}, [("no_show_field", Code.WRONG_TYPE, ERROR)]),
    "a locked no-show field": ({"no_show_field": "Locked__c"}, [("no_show_field", Code.NOT_UPDATEABLE, ERROR)]),
    "a sub-region": ({"tiebreaker": {"sub_region_field": "Territory__c"}}, []),
    "an unknown sub-region": (
        {"tiebreaker": {"sub_region_field": "Teritory__c"}},
        [("tiebreaker.sub_region_field", Code.UNKNOWN_FIELD, ERROR)],
    ),
    "a listed sub-region without a field": (
        {"tiebreaker": {"rules": ["sub_region"]}},
        [("tiebreaker.sub_region_field", Code.INCOMPLETE, WARNING)],
    ),
    "a lookup field": ({"routing": {"account_field": "CSM__c"}}, []),
    "an unknown lookup field": (
        {"routing": {"account_field": "CMS__c"}},
        [("routing.account_field", Code.UNKNOWN_FIELD, ERROR)],
    ),
    "a field rule of another object": (
        {"routing": {"source": "account", "field_rules": [{"field": "Rating__c", "value": "x", "action": "ignore"}]}},
        [("routing.field_rules", Code.UNKNOWN_FIELD, ERROR)],
    ),
    "a field rule": ({"routing": {"field_rules": [{"field": "Rating__c", "value": "x", "action": "ignore"}]}}, []),
    "record types in any case": ({"exclude_record_types": {"account": ["PARTNER"], "lead": ["partner"]}}, []),
    "a record type that is not there": (
        {"exclude_record_types": {"account": ["Partners"]}},
        [("exclude_record_types.account", Code.UNKNOWN_RECORD_TYPE, WARNING)],
    ),
    "kept and marked": ({"cancellation": "keep", "fields": [KEPT]}, []),
    "kept and not marked": ({"cancellation": "keep"}, [("cancellation", Code.INCOMPLETE, WARNING)]),
    "written to what is deleted": ({"fields": [KEPT]}, [("cancellation", Code.NEVER_WRITTEN, ERROR)]),
    "the person's field on cancellation": ({"fields": [KEPT | {"target": "person", "field": "Rating__c"}]}, []),
    "skip creation of leads": (
        {
            "attendee_record": "contact_under_account",
            "skip_contact_creation": True,
            "create_contact_under_account": True,
        },
        [("skip_contact_creation", Code.NO_EFFECT, WARNING)],
    ),
    "check for contacts among contacts": (
        {"check_existing_contact": True},
        [("check_existing_contact", Code.NO_EFFECT, WARNING)],
    ),
    "a lead where no account is asked for": (
        {"create_lead_when_no_account": True},
        [("create_lead_when_no_account", Code.NO_EFFECT, WARNING)],
    ),
    "nobody made under an account": (
        {"attendee_record": "contact_under_account"},
        [("attendee_record", Code.INCOMPLETE, WARNING)],
    ),
    "a new owner without a name": (
        {"change_owner": {"mode": "user"}},
        [("change_owner.user", Code.INCOMPLETE, ERROR)],
    ),
    "leads without a company": ({"attendee_record": "lead"}, [("person.Company", Code.REQUIRED, ERROR)]),
    "a mapping that is wrong": (
        {"fields": [{"target": "person", "field": "Ratng__c", "value": "Hot"}]},
        [("person.Ratng__c (booking)", Code.UNKNOWN_FIELD, ERROR)],
    ),
}


@pytest.mark.parametrize(("told", "findings"), SETTINGS.values(), ids=SETTINGS)
def test_what_is_wrong_with_settings(told: dict[str, Any], findings: list[tuple[str, Code, Severity]]) -> None:
    found = check_settings(CrmSettings.model_validate(told), ORG)
    assert [(each.where, each.code, each.severity) for each in found] == findings


def test_what_is_not_known_is_not_compared() -> None:
    told = {"no_show_field": "x", "exclude_record_types": ["y"], "routing": {"account_field": "z"}}
    assert check_settings(CrmSettings.model_validate(told), OrgSchema()) == ()


def test_nearest_names_are_offered() -> None:
    told = {"no_show_field": "NoShow__c", "exclude_record_types": {"account": ["Partners"]}}
    found = check_settings(CrmSettings.model_validate(told), ORG)
    assert [each.nearest for each in found] == ["Partner", "No_Show__c"]


def test_the_connections_field_is_compared() -> None:
    found = check_settings(CrmSettings(), ORG, booking_uid_field="Uid__c")
    assert [(each.where, each.code) for each in found] == [("booking_uid_field", Code.UNKNOWN_FIELD)]


PEOPLE: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Contact"]),
    ({"attendee_record": "lead"}, ["Lead"]),
    ({"attendee_record": "lead", "check_existing_contact": True}, ["Contact", "Lead"]),
    ({"attendee_record": "contact_under_account"}, ["Contact"]),
    ({"attendee_record": "contact_under_account", "create_lead_when_no_account": True}, ["Contact", "Lead"]),
]


@pytest.mark.parametrize(("told", "objects"), PEOPLE)
def test_which_objects_a_person_may_be(told: dict[str, Any], objects: list[str]) -> None:
    written = ORG.written(CrmSettings.model_validate(told))
    people = [schema.name for target, schemas in written.items() if target.value == "person" for schema in schemas]
    assert people == objects


def test_what_is_never_made_needs_nothing() -> None:
    org = OrgSchema(contact=an_object(field("Company", required=True), name="Contact"))
    assert check_settings(CrmSettings(skip_contact_creation=True), org) == ()
    assert [each.code for each in check_settings(CrmSettings(), org)] == [Code.REQUIRED]
