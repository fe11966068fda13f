"""Cal.com's own JSON of an event type's settings means the same here; what does not is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.rules.crm.calcom import LISTS, TYPES, read_calcom
from syncd.rules.crm.mapping import FieldType, Moment, Target, When
from syncd.rules.crm.settings import CrmSettings

PASTED: dict[str, Any] = {
    "enabled": True,
    "credentialId": 7,
    "appCategories": ["crm"],
    "createEventOn": "Account",
    "ignoreGuests": True,
    "skipContactCreation": False,
    "createEventOnLeadCheckForContact": True,
    "createNewContactUnderAccount": True,
    "createLeadIfAccountNull": True,
    "roundRobinLeadSkip": True,
    "roundRobinSkipCheckRecordOn": "Account",
    "roundRobinSkipFallbackToLeadOwner": True,
    "ifFreeEmailDomainSkipOwnerCheck": True,
    "rrSkipToAccountLookupField": True,
    "rrSKipToAccountLookupFieldName": "CSM__c",
    "rrSkipFieldRules": [{"field": "Status", "value": "Closed", "action": "ignore"}],
    "onBookingWriteToEventObject": True,
    "onBookingWriteToEventObjectMap": {
        "Old_Text__c": "{company}",
        "Old_Box__c": True,
        "Start__c": {"value": "booking_start_date", "fieldType": "date", "whenToWrite": "every_booking"},
    },
    "onBookingWriteToRecord": True,
    "onBookingWriteToRecordFields": {
        "Source__c": {"value": "{utm:source}", "fieldType": "string", "whenToWrite": "field_empty"},
        "Host__c": {"value": "booking_organizer", "fieldType": "user_lookup", "whenToWrite": "every_booking"},
    },
    "onBookingWriteToAccountRecord": True,
    "onBookingWriteToAccountRecordFields": {
        "Hot__c": {"value": True, "fieldType": "boolean", "whenToWrite": "every_booking"}
    },
    "onCancelWriteToEventRecord": True,
    "onCancelWriteToEventRecordFields": {
        "Status__c": {"value": "Cancelled", "fieldType": "picklist", "whenToWrite": "every_booking"}
    },
    "onCancelWriteToRecord": True,
    "onCancelWriteToRecordFields": {
        "Last_Cancel_Date__c": {"value": "booking_cancel_date", "fieldType": "date", "whenToWrite": "every_booking"}
    },
    "onBookingChangeRecordOwner": True,
    "onBookingChangeRecordOwnerName": "Unassigned, Queue",
    "sendNoShowAttendeeData": True,
    "sendNoShowAttendeeDataField": "No_Show__c",
    "excludeAccountRecordTypes": ["Partner", " Vendor "],
    "enableFuzzyDomainMatching": True,
    "tiebreakerRules": [
        {"id": "P6_Opportunities_MAX", "enabled": True},
        {"id": "P5_ChildAccounts_MAX", "enabled": False},
        {"id": "P4_Country"},
    ],
    "lastSyncError": {"timestamp": "t", "errorCode": "c", "errorMessage": "m"},
}
MEANT: dict[str, Any] = {
    "attendee_record": "contact_under_account",
    "ignore_guests": True,
    "check_existing_contact": True,
    "create_contact_under_account": True,
    "create_lead_when_no_account": True,
    "exclude_record_types": {"account": ["Partner", "Vendor"]},
    "change_owner": {"mode": "organizer", "only_from": ["Unassigned", "Queue"]},
    "no_show_field": "No_Show__c",
    "cancellation": "keep",
    "routing": {
        "enabled": True,
        "source": "account",
        "account_field": "CSM__c",
        "fall_back_to_lead": True,
        "skip_free_mail": True,
        "field_rules": [{"field": "Status", "value": "Closed", "action": "ignore"}],
    },
    "tiebreaker": {"rules": ["opportunities", "country"]},
    "fields": [
        {"target": "event", "field": "Old_Text__c", "value": "{company}"},
        {"target": "event", "field": "Old_Box__c", "value": True, "type": "checkbox"},
        {"target": "event", "field": "Start__c", "value": "booking_start_date", "type": "date"},
        {"target": "person", "field": "Source__c", "value": "{utm:source}", "when": "only_when_empty"},
        {"target": "person", "field": "Host__c", "value": "{organizer.crm_id}", "type": "custom"},
        {"target": "account", "field": "Hot__c", "value": True, "type": "checkbox"},
        {"target": "event", "field": "Status__c", "value": "Cancelled", "type": "picklist", "on": ["cancellation"]},
        {
            "target": "person",
            "field": "Last_Cancel_Date__c",
            "value": "booking_cancel_date",
            "type": "date",
            "on": ["cancellation"],
        },
    ],
}


def told(**data: Any) -> list[str]:
    """Where something could not be used."""
    return [problem.where for problem in read_calcom(data).problems]


def test_everything_pasted_means_the_same_here() -> None:
    pasted = read_calcom(PASTED)
    assert pasted.problems == ()
    assert pasted.settings == CrmSettings.model_validate(MEANT)
    assert pasted.fuzzy_domain_matching


def test_nothing_pasted_is_the_defaults() -> None:
    assert read_calcom({}).settings == CrmSettings()


def test_a_list_whose_switch_is_off_is_left_out() -> None:
    for switch, key, *_ in LISTS:
        entry = {"F__c": {"value": "x", "fieldType": "string", "whenToWrite": "every_booking"}}
        assert read_calcom({key: entry}).settings.fields == ()
        assert read_calcom({key: entry, switch: False}).settings.fields == ()
        assert len(read_calcom({key: entry, switch: True}).settings.fields) == 1


def test_settings_whose_switch_is_off_are_left_out() -> None:
    off = {
        "onBookingChangeRecordOwnerName": "A",
        "sendNoShowAttendeeDataField": "B",
        "rrSKipToAccountLookupFieldName": "C",
    }
    assert read_calcom(off).settings == CrmSettings()


def test_mapped_dates_follow_a_reschedule() -> None:
    (date,) = read_calcom(
        {
            "onBookingWriteToRecord": True,
            "onBookingWriteToRecordFields": {
                "D__c": {"value": "booking_start_date", "fieldType": "date", "whenToWrite": "field_empty"}
            },
        }
    ).settings.fields
    assert (date.target, date.when, date.type) == (Target.PERSON, When.ONLY_WHEN_EMPTY, FieldType.DATE)
    assert date.moments == {Moment.BOOKING, Moment.RESCHEDULE}


@pytest.mark.parametrize(("theirs", "ours"), TYPES.items())
def test_every_type_is_known(theirs: str, ours: FieldType) -> None:
    value = {"user_lookup": "booking_organizer", "account_lookup": "matched_account"}.get(theirs, "x")
    entry = {"value": value, "fieldType": theirs, "whenToWrite": "every_booking"}
    pasted = read_calcom({"onBookingWriteToRecord": True, "onBookingWriteToRecordFields": {"F__c": entry}})
    assert [each.type for each in pasted.settings.fields] == [ours]


TIEBREAKERS: list[tuple[Any, bool, int]] = [(None, True, 8), ([], False, 0), ([{"id": "P9_CreatedDate_MIN"}], True, 1)]


@pytest.mark.parametrize(("rules", "enabled", "count"), TIEBREAKERS)
def test_an_empty_list_of_rules_switches_the_tiebreaker_off(rules: Any, enabled: bool, count: int) -> None:
    tiebreaker = read_calcom({"tiebreakerRules": rules}).settings.tiebreaker
    assert (tiebreaker.enabled, len(tiebreaker.rules)) == (enabled, count)


def test_owner_names_may_be_a_list_or_text() -> None:
    for names in ("A, B", "A\nB", ["A", "B"]):
        pasted = read_calcom({"onBookingChangeRecordOwner": True, "onBookingChangeRecordOwnerName": names})
        assert pasted.settings.change_owner.only_from == ("A", "B")


MAP = {"onBookingWriteToRecord": True}
PROBLEMS: list[tuple[dict[str, Any], list[str]]] = [
    ({"ignoreGuests": "yes"}, ["ignoreGuests"]),
    ({"onCancelWriteToEventRecord": "yes"}, ["onCancelWriteToEventRecord"]),
    ({"createEventOn": "Deal"}, ["createEventOn"]),
    ({"createEventOn": ["Lead"]}, ["createEventOn"]),
    ({"onFallbackCreateRecord": True}, ["onFallbackCreateRecord"]),
    ({"sendNoShowAttendeeData": True}, ["sendNoShowAttendeeDataField"]),
    ({"sendNoShowAttendeeDataField": 5}, ["sendNoShowAttendeeDataField"]),
    ({"excludeAccountRecordTypes": 5}, ["excludeAccountRecordTypes"]),
    (
        {"tiebreakerRules": [{"id": "P2_Country_State_Zip"}, {"id": ["x"]}]},
        ["tiebreakerRules[0]", "tiebreakerRules[1]"],
    ),
    ({"tiebreakerRules": "P4"}, ["tiebreakerRules"]),
    ({"rrSkipFieldRules": [{"field": "", "value": "x", "action": "ignore"}]}, ["rrSkipFieldRules[0]"]),
    (
        {"rrSkipFieldRules": [{"field": "A", "value": "x", "action": ["ignore"]}, 5]},
        ["rrSkipFieldRules[0]", "rrSkipFieldRules[1]"],
    ),
    (MAP | {"onBookingWriteToRecordFields": []}, []),
    (MAP | {"onBookingWriteToRecordFields": ["F"]}, ["onBookingWriteToRecordFields"]),
    (
        MAP
        | {"onBookingWriteToRecordFields": {"F": {"value": "x", "fieldType": "blob", "whenToWrite": "every_booking"}}},
        ["onBookingWriteToRecordFields.F"],
    ),
    (
        MAP | {"onBookingWriteToRecordFields": {"F": {"value": "x", "fieldType": "string", "whenToWrite": ["x"]}}},
        ["onBookingWriteToRecordFields.F"],
    ),
    (MAP | {"onBookingWriteToRecordFields": {"F": {"fieldType": "string"}}}, ["onBookingWriteToRecordFields.F"]),
    (
        MAP | {"onBookingWriteToRecordFields": {"F": {"value": "anybody", "fieldType": "user_lookup"}}},
        ["onBookingWriteToRecordFields.F"],
    ),
    (MAP | {"onBookingWriteToRecordFields": {"": "x"}}, ["onBookingWriteToRecordFields."]),
]


@pytest.mark.parametrize(("data", "where"), PROBLEMS)
def test_what_cannot_be_used_is_told_and_the_rest_is_used(data: dict[str, Any], where: list[str]) -> None:
    assert told(**data, createLeadIfAccountNull=True) == where
    assert read_calcom(data | {"createLeadIfAccountNull": True}).settings.create_lead_when_no_account


def test_what_is_no_object_is_told() -> None:
    assert [problem.where for problem in read_calcom([1]).problems] == ["settings"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["value", "fieldType", "whenToWrite", "id", "field", "action", ""]), inner)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(PASTED)) | st.text(max_size=4), ANY, max_size=8))
def test_anything_can_be_pasted(data: dict[str, Any]) -> None:
    pasted = read_calcom({"onBookingWriteToRecord": True, "onCancelWriteToRecord": True} | data)
    assert CrmSettings.model_validate(pasted.settings.model_dump()) == pasted.settings
