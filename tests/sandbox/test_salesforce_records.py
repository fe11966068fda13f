from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from hypothesis import given
from hypothesis import strategies as st
from test_salesforce_client import END, START, Org, org_running

from syncd.sandbox.salesforce import Salesforce
from syncd.sandbox.salesforce_ids import checksum, is_id, long_id, numbered

LEAD = {"LastName": "Lovelace", "Company": "Engines"}
NOBODY = "003000000000001AAA"


@pytest.fixture
def org(clock: SettableClock) -> Iterator[Org]:
    with org_running(Salesforce(clock)) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Org]:
    """An org for requests that change nothing."""
    with org_running(Salesforce(SettableClock())) as running:
        yield running


# ids


def test_the_checksum_is_that_of_known_ids() -> None:
    assert [checksum(i) for i in ("001A0000006Vm9r", "00D000000000062", "012000000000000")] == ["IAC", "EAA", "AAA"]


@given(st.integers(1, 62**5 - 1))
def test_an_id_keeps_its_value_in_both_lengths(number: int) -> None:
    made = numbered("00U", number)
    assert len(made) == 18
    assert is_id(made)
    assert long_id(made[:15]) == made


def test_a_wrong_checksum_is_no_id() -> None:
    assert not is_id(numbered("001", 7)[:17] + "5")


def test_each_object_has_its_prefix(org: Org) -> None:
    assert org.make("Lead", **LEAD)[:3] == "00Q"
    assert org.make("Event", StartDateTime=START, EndDateTime=END)[:3] == "00U"
    assert (org.ana[:3], org.provider.org.id[:3]) == ("005", "00D")


# what is refused

REFUSED: dict[str, tuple[str, dict[str, Any], str, list[str] | None]] = {
    "unknown field": ("Lead", {**LEAD, "Nope__c": 1}, "INVALID_FIELD", None),
    "read-only field": ("Lead", {**LEAD, "CreatedDate": START}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
    "the name of a person": ("Lead", {**LEAD, "Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
    "required field missing": ("Lead", {"FirstName": "x"}, "REQUIRED_FIELD_MISSING", ["LastName", "Company"]),
    "required field empty": ("Lead", {**LEAD, "Company": " "}, "REQUIRED_FIELD_MISSING", ["Company"]),
    "too long": ("Lead", {**LEAD, "FirstName": "x" * 41}, "STRING_TOO_LONG", ["FirstName"]),
    "no address": ("Lead", {**LEAD, "Email": "x"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
    "no id": ("Lead", {**LEAD, "OwnerId": "me"}, "MALFORMED_ID", ["OwnerId"]),
    "id of another object": ("Lead", {**LEAD, "OwnerId": NOBODY}, "MALFORMED_ID", ["OwnerId"]),
    "nobody": (
        "Event",
        {"StartDateTime": START, "EndDateTime": END, "WhoId": NOBODY},
        "INVALID_CROSS_REFERENCE_KEY",
        ["WhoId"],
    ),
    "no boolean": ("Lead", {**LEAD, "DoNotCall": "yes"}, "JSON_PARSER_ERROR", None),
    "no date": ("Contact", {"LastName": "x", "Birthdate": "soon"}, "JSON_PARSER_ERROR", None),
    "time without offset": (
        "Event",
        {"StartDateTime": "2026-03-02T10:00:00", "EndDateTime": END},
        "JSON_PARSER_ERROR",
        None,
    ),
    "number too large": ("Account", {"Name": "x", "NumberOfEmployees": 2**31}, "NUMBER_OUTSIDE_VALID_RANGE", None),
    "no number": ("Account", {"Name": "x", "AnnualRevenue": "much"}, "JSON_PARSER_ERROR", None),
    "not in the picklist": (
        "Event",
        {"StartDateTime": START, "EndDateTime": END, "ShowAs": "Away"},
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ["ShowAs"],
    ),
    "no start": ("Event", {"EndDateTime": END}, "REQUIRED_FIELD_MISSING", ["ActivityDateTime"]),
    "no end": ("Event", {"StartDateTime": START}, "REQUIRED_FIELD_MISSING", ["DurationInMinutes"]),
    "end before start": ("Event", {"StartDateTime": END, "EndDateTime": START}, "FIELD_INTEGRITY_EXCEPTION", None),
    "end and duration differ": (
        "Event",
        {"StartDateTime": START, "EndDateTime": END, "DurationInMinutes": 45},
        "FIELD_INTEGRITY_EXCEPTION",
        ["DurationInMinutes"],
    ),
    "before its start": (
        "Event",
        {"StartDateTime": START, "DurationInMinutes": 1 - 2**31},
        "FIELD_INTEGRITY_EXCEPTION",
        None,
    ),
    "fifteen days": (
        "Event",
        {"StartDateTime": START, "DurationInMinutes": 15 * 1440},
        "NUMBER_OUTSIDE_VALID_RANGE",
        ["DurationInMinutes"],
    ),
    "no rule": (
        "Event",
        {"StartDateTime": START, "EndDateTime": END, "IsRecurrence2": True, "Recurrence2PatternText": "sometimes"},
        "FIELD_INTEGRITY_EXCEPTION",
        ["Recurrence2PatternText"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(unchanged: Org, case: str) -> None:
    org, (entity, body, code, fields) = unchanged, REFUSED[case]
    answer = org.ask("POST", f"/sobjects/{entity}", body)
    (error,) = answer.json()
    assert (answer.status_code, error["errorCode"]) == (400, code)
    assert fields is None or error["fields"] == fields
    assert org.provider.records(entity) == []


def test_a_picklist_that_is_not_restricted_takes_anything(org: Org) -> None:
    made = org.make("Lead", **LEAD, Rating="Boiling")
    assert org.provider.record(made)["Rating"] == "Boiling"


def test_a_body_that_is_no_json_is_refused(org: Org) -> None:
    answer = org.session.post(
        f"{org.tokens['instance_url']}/services/data/v59.0/sobjects/Lead",
        data="{",
        headers={"Authorization": f"Bearer {org.tokens['access_token']}"},
        timeout=10,
    )
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_values_come_back_as_salesforce_tells_them(org: Org) -> None:
    made = org.make("Contact", LastName=" Lovelace ", Email="", Birthdate="1815-12-10T23:30:00-02:00")
    told = org.got("GET", f"/sobjects/Contact/{made}?fields=LastName,Email,Birthdate,CreatedDate")
    assert {k: v for k, v in told.items() if k != "attributes"} == {
        "Id": made,
        "LastName": "Lovelace",
        "Email": None,
        "Birthdate": "1815-12-11",
        "CreatedDate": "2026-01-02T12:00:00.000+0000",
    }


def test_an_inactive_person_owns_nothing_new(org: Org) -> None:
    org.provider.set_active("ben@example.com", False)
    assert org.refused("POST", "/sobjects/Lead", {**LEAD, "OwnerId": org.ben}) == (400, "INACTIVE_OWNER_OR_USER")


def test_a_unique_field_names_the_record_that_has_the_value(org: Org) -> None:
    org.provider.add_field("Lead", "Key__c", unique=True, external_id=True)
    first = org.make("Lead", **LEAD, Key__c="K1")
    answer = org.ask("POST", "/sobjects/Lead", {**LEAD, "Key__c": "k1"})
    assert answer.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    assert first in answer.json()[0]["message"]


def test_deleting_an_account_takes_its_contacts_and_frees_its_children(org: Org) -> None:
    top = org.provider.add_account("Top", children=1)
    contact = org.make("Contact", LastName="x", AccountId=top)
    (child,) = (r["Id"] for r in org.provider.records("Account") if r.get("ParentId") == top)
    org.got("DELETE", f"/sobjects/Account/{top}")
    assert org.refused("GET", f"/sobjects/Contact/{contact}") == (404, "ENTITY_IS_DELETED")
    assert org.got("GET", f"/sobjects/Account/{child}")["ParentId"] is None


def test_a_row_that_changed_since_is_not_overwritten(org: Org, clock: SettableClock) -> None:
    made = org.make("Lead", **LEAD)
    clock.advance(minutes=5)
    org.provider.change_record(made, FirstName="Ada")
    since = {"If_Unmodified_Since": "Fri, 02 Jan 2026 12:01:00 GMT"}
    assert org.refused("PATCH", f"/sobjects/Lead/{made}", {"FirstName": "x"}, **since)[0] == 412
    assert org.provider.record(made)["FirstName"] == "Ada"


# upsert


def test_an_upsert_makes_then_changes_and_older_versions_tell_less(org: Org) -> None:
    org.provider.add_field("Lead", "Key__c", external_id=True)
    path = "/sobjects/Lead/Key__c/a%20b"
    assert org.ask("PATCH", f"{path}?updateOnly=true", LEAD).status_code == 404
    made = org.ask("PATCH", path, LEAD)
    assert (made.status_code, made.json()["created"]) == (201, True)
    changed = org.ask("PATCH", path, {"FirstName": "Ada"})
    assert (changed.status_code, changed.json()) == (200, {**made.json(), "created": False})
    org.version = "45.0"
    assert org.ask("PATCH", path, {"FirstName": "Ada"}).status_code == 204


def test_an_upsert_is_refused_for_its_own_field_and_for_one_that_is_no_key(org: Org) -> None:
    org.provider.add_field("Lead", "Key__c", external_id=True)
    assert org.refused("PATCH", "/sobjects/Lead/Key__c/1", {**LEAD, "Key__c": "1"}) == (400, "INVALID_FIELD")
    assert org.refused("PATCH", "/sobjects/Lead/Company/1", LEAD) == (404, "NOT_FOUND")


def test_an_upsert_that_matches_several_tells_them_all(org: Org) -> None:
    org.provider.add_field("Lead", "Key__c", external_id=True)
    made = [org.make("Lead", **LEAD, Key__c="k") for _ in range(2)]
    answer = org.ask("PATCH", "/sobjects/Lead/Key__c/k", LEAD)
    assert answer.status_code == 300
    assert [url.rpartition("/")[2] for url in answer.json()] == made


# duplicate rules


def test_a_duplicate_rule_names_the_matches_across_objects(org: Org) -> None:
    org.provider.add_duplicate_rule("Lead", against=("Contact", "Lead"))
    contact = org.make("Contact", LastName="x", Email="Ada@example.org")
    answer = org.ask("POST", "/sobjects/Lead", {**LEAD, "Email": "ada@EXAMPLE.org"})
    (error,) = answer.json()
    assert (answer.status_code, error["errorCode"]) == (400, "DUPLICATES_DETECTED")
    (match,) = error["duplicateResut"]["matchResults"]
    assert (match["entityType"], match["size"]) == ("Contact", 1)
    assert match["matchRecords"][0]["record"]["Id"] == contact


def test_a_rule_that_only_warns_lets_through_who_insists_and_one_that_blocks_nobody(org: Org) -> None:
    org.provider.add_duplicate_rule("Lead")
    body, insisting = {**LEAD, "Email": "a@example.org"}, {"Sforce_Duplicate_Rule_Header": "allowSave=true"}
    org.make("Lead", **body)
    assert org.refused("POST", "/sobjects/Lead", body)[1] == "DUPLICATES_DETECTED"
    assert org.got("POST", "/sobjects/Lead", body, **insisting)["success"]
    org.provider.add_duplicate_rule("Lead", allow_save=False)
    assert org.refused("POST", "/sobjects/Lead", body, **insisting)[1] == "DUPLICATES_DETECTED"


def test_the_misspelt_key_may_be_spelt_right(org: Org) -> None:
    org.provider.add_duplicate_rule("Lead")
    org.make("Lead", **LEAD, Email="a@example.org")
    org.provider.faults.add("spelt-right")
    (error,) = org.ask("POST", "/sobjects/Lead", {**LEAD, "Email": "a@example.org"}).json()
    assert "duplicateResult" in error


# record types, features of the org


def test_a_record_type_belongs_to_its_object_and_is_the_default(org: Org) -> None:
    partner = org.provider.add_record_type("Account", "Partner", default=True)
    lead = org.provider.add_record_type("Lead", "Web")
    made = org.make("Account", Name="x")
    assert org.query(f"SELECT RecordType.Name FROM Account WHERE Id = '{made}'")[0]["RecordType"]["Name"] == "Partner"
    assert org.refused("PATCH", f"/sobjects/Account/{made}", {"RecordTypeId": lead})[1] == "INVALID_CROSS_REFERENCE_KEY"
    infos = org.got("GET", "/sobjects/Account/describe")["recordTypeInfos"]
    assert [(i["name"], i["recordTypeId"], i["defaultRecordTypeMapping"], i["master"]) for i in infos] == [
        ("Partner", partner, True, False),
        ("Master", "012000000000000AAA", False, True),
    ]


def test_an_object_without_record_types_has_no_such_field(org: Org) -> None:
    names = [f["name"] for f in org.got("GET", "/sobjects/Contact/describe")["fields"]]
    assert "RecordTypeId" not in names


def test_country_picklists_keep_name_and_code_the_same(org: Org) -> None:
    assert org.refused("POST", "/sobjects/Account", {"Name": "x", "BillingCountryCode": "DE"})[1] == "INVALID_FIELD"
    assert org.make("Account", Name="x", BillingCountry="Deutschland")
    org.provider.set_address_picklists(True)
    code = org.make("Account", Name="x", BillingCountryCode="DE")
    name = org.make("Account", Name="x", BillingCountry="germany")
    assert org.provider.record(code)["BillingCountry"] == "Germany"
    assert org.provider.record(name)["BillingCountryCode"] == "DE"
    body = {"Name": "x", "BillingCountry": "Deutschland"}
    assert org.refused("POST", "/sobjects/Account", body)[1] == "FIELD_INTEGRITY_EXCEPTION"


def test_an_administrator_sets_what_the_api_refuses(org: Org) -> None:
    made = org.provider.add_record("Account", Name="x", CreatedDate=START, LastActivityDate="2026-02-01")
    told = org.got("GET", f"/sobjects/Account/{made}")
    assert (told["CreatedDate"], told["LastActivityDate"]) == ("2026-03-02T10:00:00.000+0000", "2026-02-01")


def test_metadata_is_told_again_only_when_it_changed(org: Org, clock: SettableClock) -> None:
    told = org.ask("GET", "/sobjects/Event/describe").headers["Last-Modified"]
    assert org.ask("GET", "/sobjects/Event/describe", If_Modified_Since=told).status_code == 304
    clock.advance(minutes=1)
    org.provider.add_field("Event", "Show__c", "boolean")
    assert org.ask("GET", "/sobjects/Event/describe", If_Modified_Since=told).status_code == 200


def test_a_field_may_be_read_only_required_or_gone(org: Org) -> None:
    org.provider.set_read_only("Lead", "Rating")
    assert org.refused("POST", "/sobjects/Lead", {**LEAD, "Rating": "Hot"})[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    org.provider.set_required("Lead", "Email")
    assert org.refused("POST", "/sobjects/Lead", LEAD)[1] == "REQUIRED_FIELD_MISSING"
    org.provider.remove_field("Lead", "Website")
    body = {**LEAD, "Email": "a@example.org", "Website": "x"}
    assert org.refused("POST", "/sobjects/Lead", body)[1] == "INVALID_FIELD"
