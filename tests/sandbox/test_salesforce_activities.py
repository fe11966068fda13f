from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from test_salesforce_client import END, START, Org, org_running

from syncd.sandbox.salesforce import Salesforce

TIMES = {"StartDateTime": START, "EndDateTime": END}


@pytest.fixture
def org(clock: SettableClock) -> Iterator[Org]:
    with org_running(Salesforce(clock)) as running:
        yield running


def contacts(org: Org, number: int) -> list[str]:
    return [org.provider.add_record("Contact", LastName=f"c{n}") for n in range(number)]


def whos(org: Org, event: str) -> list[Any]:
    found = org.query(f"SELECT RelationId, IsWhat FROM EventRelation WHERE EventId = '{event}' ORDER BY Id")
    return [r["RelationId"] for r in found if not r["IsWhat"]]


def test_the_parts_of_its_time_follow_from_each_other(org: Org) -> None:
    made = org.make("Event", ActivityDateTime=START, DurationInMinutes=45)
    told = org.provider.record(made)
    assert (told["StartDateTime"], told["EndDateTime"]) == (
        "2026-03-02T10:00:00.000+0000",
        "2026-03-02T10:45:00.000+0000",
    )
    assert (told["ActivityDate"], told["DurationInMinutes"]) == ("2026-03-02", 45)
    org.got("PATCH", f"/sobjects/Event/{made}", {"StartDateTime": "2026-03-03T08:00:00Z"})
    assert org.provider.record(made)["EndDateTime"] == "2026-03-03T08:45:00.000+0000"
    org.got("PATCH", f"/sobjects/Event/{made}", {"EndDateTime": "2026-03-03T09:00:00Z"})
    assert org.provider.record(made)["DurationInMinutes"] == 60


def test_a_change_of_another_field_leaves_its_time(org: Org) -> None:
    made = org.make("Event", **TIMES)
    org.got("PATCH", f"/sobjects/Event/{made}", {"Subject": "x"})
    assert org.provider.record(made)["EndDateTime"] == "2026-03-02T11:00:00.000+0000"


def test_an_all_day_event_has_a_day(org: Org) -> None:
    told = org.provider.record(org.make("Event", IsAllDayEvent=True, ActivityDate="2026-03-02"))
    assert (told["StartDateTime"], told["DurationInMinutes"]) == ("2026-03-02T00:00:00.000+0000", 1440)
    assert told["ActivityDateTime"] is None


def test_several_contacts_are_with_an_event_and_the_first_is_its_who(org: Org) -> None:
    people = contacts(org, 3)
    made = org.make("Event", **TIMES, EventWhoIds=people)
    assert org.provider.record(made)["WhoId"] == people[0]
    assert whos(org, made) == people
    org.got("PATCH", f"/sobjects/Event/{made}", {"EventWhoIds": people[1:]})
    assert (org.provider.record(made)["WhoId"], whos(org, made)) == (people[1], people[1:])


def test_a_new_who_takes_the_place_of_the_first(org: Org) -> None:
    first, second, third = contacts(org, 3)
    made = org.make("Event", **TIMES, EventWhoIds=[first, second])
    org.got("PATCH", f"/sobjects/Event/{made}", {"WhoId": third})
    assert whos(org, made) == [third, second]
    lead = org.provider.add_record("Lead", LastName="x", Company="y")
    org.got("PATCH", f"/sobjects/Event/{made}", {"WhoId": lead})
    assert whos(org, made) == [lead]


def test_a_change_of_another_field_leaves_the_relations(org: Org) -> None:
    made = org.make("Event", **TIMES, EventWhoIds=contacts(org, 2), WhatId=org.provider.add_account("Acme"))
    before = org.provider.records("EventRelation")
    org.got("PATCH", f"/sobjects/Event/{made}", {"Subject": "x"})
    assert (len(before), org.provider.records("EventRelation")) == (3, before)


def test_one_lead_or_fifty_contacts(org: Org) -> None:
    lead, other = (org.provider.add_record("Lead", LastName=name, Company="y") for name in "ab")
    people = contacts(org, 51)
    for wrong in ([lead, other], [lead, people[0]], people):
        body = {**TIMES, "EventWhoIds": wrong}
        assert org.refused("POST", "/sobjects/Event", body) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert org.make("Event", **TIMES, EventWhoIds=[lead])
    assert org.make("Event", **TIMES, EventWhoIds=people[:50])


def test_without_shared_activities_there_is_only_the_who(org: Org) -> None:
    org.provider.set_shared_activities(False)
    (person,) = contacts(org, 1)
    answer = org.ask("POST", "/sobjects/Event", {**TIMES, "EventWhoIds": [person]})
    assert (answer.status_code, answer.json()) == (
        400,
        [{"message": "No such column 'EventWhoIds' on sobject of type Event", "errorCode": "INVALID_FIELD"}],
    )
    names = [f["name"] for f in org.got("GET", "/sobjects/Event/describe")["fields"]]
    assert "EventWhoIds" not in names
    assert whos(org, org.make("Event", **TIMES, WhoId=person)) == []


def test_an_event_with_a_lead_is_about_nothing_else(org: Org) -> None:
    lead = org.provider.add_record("Lead", LastName="x", Company="y")
    body = {**TIMES, "WhoId": lead, "WhatId": org.provider.add_account("Acme")}
    assert org.refused("POST", "/sobjects/Event", body) == (400, "FIELD_INTEGRITY_EXCEPTION")


def test_a_converted_lead_takes_no_event_and_no_change(org: Org) -> None:
    lead = org.provider.add_record("Lead", LastName="x", Company="y", Email="a@example.org")
    told = org.provider.convert_lead(lead)
    assert org.refused("POST", "/sobjects/Event", {**TIMES, "WhoId": lead})[1] == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert org.refused("PATCH", f"/sobjects/Lead/{lead}", {"LastName": "z"})[1] == "CANNOT_UPDATE_CONVERTED_LEAD"
    (found,) = org.query("SELECT ConvertedContact.Email, IsConverted FROM Lead")
    assert (found["ConvertedContact"]["Email"], found["IsConverted"]) == ("a@example.org", True)
    assert org.make("Event", **TIMES, WhoId=told["ConvertedContactId"])


def test_accounts_and_people_remember_their_last_activity(org: Org) -> None:
    account = org.provider.add_account("Acme")
    person = org.provider.add_record("Contact", LastName="x", AccountId=account)
    made = org.make("Event", **TIMES, WhoId=person)
    assert org.provider.record(made)["AccountId"] == account
    for day in ("2026-02-01", "2026-03-01"):
        org.make("Event", IsAllDayEvent=True, ActivityDate=day, WhoId=person)
    assert {org.provider.record(each)["LastActivityDate"] for each in (account, person)} == {"2026-03-02"}
    org.make("Event", IsAllDayEvent=True, ActivityDate="2026-03-03", WhoId=person)
    assert {org.provider.record(each)["LastActivityDate"] for each in (account, person)} == {"2026-03-03"}


WEEKLY = {"IsRecurrence2": True, "Recurrence2PatternText": "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;COUNT=5"}


def starts(org: Org) -> list[str]:
    return [r["StartDateTime"][:16] for r in org.query("SELECT StartDateTime FROM Event ORDER BY StartDateTime")]


def test_a_series_is_a_record_for_each_occurrence_at_the_same_local_time(org: Org) -> None:
    person, other = contacts(org, 2)
    made = org.make("Event", **TIMES, **WEEKLY, Recurrence2PatternTimeZone="Europe/Berlin", EventWhoIds=[person, other])
    told = [f"2026-03-{day}T10:00" for day in ("02", "09", "16", "23")]
    assert starts(org) == [*told, "2026-03-30T09:00"]
    first, last = org.provider.record(made), org.provider.records("Event")[-1]
    assert first["StartDateTime"] == "2026-03-02T10:00:00.000+0000"
    assert last["EndDateTime"] == "2026-03-30T10:00:00.000+0000"
    assert last["Recurrence2PatternText"] == WEEKLY["Recurrence2PatternText"]
    assert whos(org, last["Id"]) == [person, other]


def test_deleting_an_occurrence_leaves_the_others_unless_all_from_it_on(org: Org) -> None:
    made = org.make("Event", **TIMES, **WEEKLY)
    alone = org.make("Event", StartDateTime="2026-03-20T10:00:00Z", EndDateTime="2026-03-20T11:00:00Z")
    third = org.provider.records("Event")[2]["Id"]
    org.got("DELETE", f"/sobjects/Event/{third}")
    assert starts(org) == [f"2026-03-{day}T10:00" for day in ("02", "09", "20", "23", "30")]
    fourth = org.provider.records("Event")[2]["Id"]
    org.got("DELETE", f"/sobjects/Event/{fourth}/fromThisEventOnwards")
    assert starts(org) == [f"2026-03-{day}T10:00" for day in ("02", "09", "20")]
    org.got("DELETE", f"/sobjects/Event/{made}/fromThisEventOnwards")
    assert [r["Id"] for r in org.provider.records("Event")] == [alone]
    assert org.refused("DELETE", f"/sobjects/Event/{alone}/fromThisEventOnwards") == (400, "INVALID_OPERATION")


def test_a_series_is_deleted_as_a_whole_or_not_at_all(org: Org) -> None:
    made = org.make("Event", **TIMES, **WEEKLY)
    org.provider.faults.add("lock", skip=2)
    assert org.refused("DELETE", f"/sobjects/Event/{made}/fromThisEventOnwards") == (400, "UNABLE_TO_LOCK_ROW")
    assert len(starts(org)) == 5


def test_a_key_is_that_of_the_first_occurrence_alone(org: Org) -> None:
    org.provider.add_field("Event", "Booking__c", unique=True, external_id=True)
    org.make("Event", **TIMES, **WEEKLY, Booking__c="b1")
    assert org.got("PATCH", "/sobjects/Event/Booking__c/b1", {"Subject": "x"})["created"] is False


def test_a_series_without_a_rule_is_refused(org: Org) -> None:
    assert org.refused("POST", "/sobjects/Event", {**TIMES, "IsRecurrence2": True})[1] == "REQUIRED_FIELD_MISSING"
    body = {**TIMES, **WEEKLY, "Recurrence2PatternTimeZone": "Mars/Base"}
    assert org.refused("POST", "/sobjects/Event", body)[1] == "FIELD_INTEGRITY_EXCEPTION"
