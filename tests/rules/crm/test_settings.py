"""Every setting of the page can be chosen, with the page's defaults."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd.model.crm import RecordKind
from syncd.rules.crm.mapping import Missing, Target
from syncd.rules.crm.settings import (
    Cancellation,
    ChangeOwner,
    CrmSettings,
    EmptiedStep,
    ExcludedRecordTypes,
    OwnerChange,
    Tiebreaker,
)
from syncd.rules.routing import AttendeeRecord, TieRule

from .given import mapping

EVERYTHING = """
attendee_record = "contact_under_account"
ignore_guests = true
skip_contact_creation = true
check_existing_contact = true
create_contact_under_account = true
create_lead_when_no_account = true
no_show_field = "No_Show__c"
cancellation = "keep"
time_zone = "Europe/Berlin"
missing = "empty"

[exclude_record_types]
contact = ["Person Account"]
account = ["Partner", "Vendor"]

[change_owner]
mode = "user"
user = "anna@host.example"
only_from = ["Unassigned", "Queue"]

[routing]
enabled = true
source = "account"
account_field = "CSM__c"
fall_back_to_lead = true
skip_free_mail = true
field_rules = [{ field = "Status", value = "Closed", action = "ignore" }]
emptied_step = "next_step"
time_budget_seconds = 1.5

[tiebreaker]
enabled = true
rules = ["opportunities", "country", "sub_region"]
sub_region_field = "Sales_Territory__c"
geo = true

[[fields]]
target = "person"
field = "Last_Cancel_Date__c"
type = "date"
value = "booking_cancel_date"
when = "every_time"
on = ["cancellation"]

[[fields]]
target = "event"
field = "Seats__c"
type = "number"
value = 3
"""


def test_the_defaults_are_the_pages() -> None:
    settings = CrmSettings()
    assert settings.attendee_record is AttendeeRecord.CONTACT
    assert settings.cancellation is Cancellation.DELETE
    assert settings.missing is Missing.SKIP
    assert settings.change_owner.mode is OwnerChange.OFF
    assert settings.routing.emptied_step is EmptiedStep.ROUND_ROBIN
    assert not settings.routing.enabled
    assert (settings.routing.time_budget_seconds, settings.time_zone) == (2.0, "organizer")


def test_every_setting_can_be_written() -> None:
    told = tomllib.loads(EVERYTHING)
    settings = CrmSettings.model_validate(told)
    assert set(told) == set(CrmSettings.model_fields)
    assert settings.model_dump(exclude_unset=True, mode="json") == told
    assert [each.field for each in settings.mappings(Target.PERSON)] == ["Last_Cancel_Date__c"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"attendee_record": "deal"}, "attendee_record"),
    ({"time_zone": "Mars/Base"}, "time_zone"),
    ({"colour": "red"}, "colour"),
    ({"tiebreaker": {"rules": ["country", "country"]}}, "rules"),
    ({"tiebreaker": {"rules": ["reserved"]}}, "rules"),
    ({"routing": {"time_budget_seconds": 0}}, "time_budget_seconds"),
    ({"routing": {"field_rules": [{"field": "A", "value": "b", "action": "drop"}]}}, "action"),
    ({"change_owner": {"mode": "anybody"}}, "mode"),
    ({"fields": [{"target": "event", "field": "A"}]}, "value"),
]


@pytest.mark.parametrize(("told", "key"), WRONG)
def test_a_wrong_setting_is_named(told: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CrmSettings.model_validate(told)
    assert [error["loc"][-1] == key or key in error["loc"] for error in caught.value.errors()] == [True]


def test_the_rules_run_in_the_pages_order_by_default() -> None:
    assert [rule.value for rule in Tiebreaker(sub_region_field="Territory__c").active] == [
        "country",
        "state",
        "sub_region",
        "child_accounts",
        "opportunities",
        "contacts",
        "last_activity",
        "created",
    ]


RULES: list[tuple[dict[str, Any], list[str]]] = [
    ({"enabled": False}, []),
    ({"rules": []}, []),
    ({"rules": ["created", "country"]}, ["created", "country"]),
    ({"rules": ["created", "country"], "geo": False}, ["created"]),
    ({"rules": ["sub_region", "contacts"]}, ["contacts"]),
    ({"rules": ["sub_region", "contacts"], "sub_region_field": "T__c"}, ["sub_region", "contacts"]),
    ({"rules": ["sub_region", "state"], "sub_region_field": "T__c", "geo": False}, []),
]


@pytest.mark.parametrize(("told", "active"), RULES)
def test_which_tiebreak_rules_run(told: dict[str, Any], active: list[str]) -> None:
    assert [rule.value for rule in Tiebreaker.model_validate(told).active] == active


def test_a_plain_list_of_record_types_is_for_every_object() -> None:
    settings = CrmSettings.model_validate({"exclude_record_types": ["Partner"]})
    assert all(settings.exclude_record_types.excludes(source, "partner ") for source in RecordKind)


@pytest.mark.parametrize(
    ("object", "record_type", "excluded"),
    [
        (RecordKind.ACCOUNT, "Partner", True),
        (RecordKind.ACCOUNT, "PARTNER", True),
        (RecordKind.CONTACT, "Partner", False),
        (RecordKind.ACCOUNT, "Partners", False),
        (RecordKind.ACCOUNT, None, False),
        (RecordKind.ACCOUNT, "", False),
    ],
)
def test_which_record_types_are_left_out(object: RecordKind, record_type: str | None, excluded: bool) -> None:
    assert ExcludedRecordTypes(account=("partner",)).excludes(object, record_type) is excluded


OWNERS: list[tuple[dict[str, Any], tuple[str, ...], bool]] = [
    ({"mode": "off"}, ("Ben",), False),
    ({"mode": "organizer"}, ("Ben",), True),
    ({"mode": "organizer"}, (), True),
    ({"mode": "organizer", "only_from": ["ben"]}, ("Ben", "005B"), True),
    ({"mode": "organizer", "only_from": ["005B"]}, ("Ben", "005B"), True),
    ({"mode": "organizer", "only_from": ["Ben"]}, ("Benedict",), False),
    ({"mode": "organizer", "only_from": ["Benedict"]}, ("Ben",), False),
    ({"mode": "user", "user": "a", "only_from": ["Ben"]}, ("", " "), False),
]


@pytest.mark.parametrize(("told", "current", "replaced"), OWNERS)
def test_which_owner_is_replaced(told: dict[str, Any], current: tuple[str, ...], replaced: bool) -> None:
    assert ChangeOwner.model_validate(told).replaces(*current) is replaced


SETTINGS = st.builds(
    CrmSettings,
    attendee_record=st.sampled_from(AttendeeRecord),
    cancellation=st.sampled_from(Cancellation),
    exclude_record_types=st.builds(ExcludedRecordTypes, lead=st.lists(st.text(), max_size=2).map(tuple)),
    tiebreaker=st.builds(Tiebreaker, rules=st.lists(st.sampled_from(TieRule), unique=True).map(tuple)),
    time_zone=st.sampled_from(["organizer", "attendee", "UTC"]),
    fields=st.lists(
        st.builds(mapping, st.text() | st.booleans() | st.integers(), st.sampled_from(["text", "custom"])), max_size=2
    ).map(tuple),
)


@given(SETTINGS)
def test_settings_read_again_are_the_same(settings: CrmSettings) -> None:
    assert CrmSettings.model_validate_json(settings.model_dump_json()) == settings
