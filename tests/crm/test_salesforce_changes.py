"""What becomes of a booking in Salesforce: reschedules, new hosts and guests, cancellations, no-shows, and answers that
never came.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from salesforce_given import (
    BOB,
    BOOKER,
    HOST,
    OTHER_HOST,
    START,
    UID_FIELD,
    World,
    activity,
    booked,
    cancelled,
    field,
    moved,
    put,
    salesforce,
    with_guests,
)

from syncd.engine.crm import CrmWriter
from syncd.errors import NotFoundError, ProviderError, RetryError, UnclearError
from syncd.model.activity import Activity
from syncd.model.booking import Attendee, Booking
from syncd.model.calendar import Participant, Receipt
from syncd.model.crm import ObjectKind
from syncd.rules.crm.mapping import Moment

STATUS = field("person", "Title", "Cancelled", on=["cancellation"])
EVERY_MOMENT = [field("event", "Type", "Call", on=list(Moment))]


def at_host(booking: Booking, email: str) -> Booking:
    """The same booking with another host."""
    return replace(booking, organizer=Participant(email=email, zone="Europe/Berlin"))


def absent(booking: Booking, *emails: str) -> Activity:
    """Wanted with these marked as absent."""
    return activity(replace(booking, attendees=tuple(replace(a, absent=a.email in emails) for a in booking.attendees)))


def booked_first(writer: CrmWriter, booking: Booking | None = None) -> Receipt:
    """The receipt of a first booking."""
    receipt = put(writer, activity(booking)).receipt
    assert receipt is not None
    return receipt


# reschedules


def test_people_stay_whom_the_crm_was_told_of(world: World) -> None:
    writer = world.writer()
    first = booked_first(writer)
    world.org.add_record("Contact", LastName="Other", Email=BOOKER, LastActivityDate="2026-01-01")
    put(writer, moved(), first)
    assert len(world.records("Contact")) == 2
    assert world.event()["WhoId"] == world.records("Contact")[0]["Id"]


def test_what_a_person_changed_of_the_event_survives(world: World) -> None:
    writer = world.writer()
    first = booked_first(writer)
    other = world.org.add_record("Contact", LastName="Colleague")
    world.org.change_record(first.id, WhoId=other, OwnerId=world.user(OTHER_HOST), Type="Meeting")
    put(writer, moved(), first)
    event = world.event()
    assert (event["WhoId"], event["OwnerId"], event["Type"]) == (other, world.user(OTHER_HOST), "Meeting")
    assert event["StartDateTime"].startswith("2026-03-03")


def test_another_host_owns_the_event_and_it_is_no_cancellation(world: World) -> None:
    writer = world.writer(fields=[STATUS, field("person", "Department", "{organizer.email}", on=["reschedule"])])
    first = booked_first(writer)
    told = put(writer, activity(at_host(booked(), OTHER_HOST)), first)
    (contact,) = world.records("Contact")
    assert world.event()["OwnerId"] == world.user(OTHER_HOST)
    assert (contact.get("Title"), contact["Department"]) == (None, OTHER_HOST)
    assert [o.moment for o in told.outcomes] == [Moment.RESCHEDULE]


@pytest.mark.parametrize(
    ("only_from", "touched", "after"),
    [([], False, OTHER_HOST), (["Queen"], False, OTHER_HOST), (["Queen"], True, "king@example.com")],
)
def test_the_record_follows_the_host_unless_somebody_else_took_it(
    world: World, only_from: list[str], touched: bool, after: str
) -> None:
    queen, king = world.org.add_user("queen@example.com", "Queen"), world.org.add_user("king@example.com", "King")
    contact = world.org.add_record("Contact", LastName="Byron", Email=BOOKER, OwnerId=queen)
    writer = world.writer(change_owner={"mode": "organizer", "only_from": only_from})
    first = booked_first(writer)
    assert world.records("Contact")[0]["OwnerId"] == world.user(HOST)
    if touched:
        world.org.change_record(contact, OwnerId=king)
    put(writer, activity(at_host(booked(), OTHER_HOST)), first)
    assert world.records("Contact")[0]["OwnerId"] == world.user(after)


def test_a_new_guest_is_found_or_made_and_one_who_left_is_taken_off(world: World) -> None:
    writer = world.writer()
    first = booked_first(writer)
    second = put(writer, activity(with_guests(BOB)), first).receipt
    ids = {c["Email"]: c["Id"] for c in world.records("Contact")}
    assert world.with_whom() == [ids[BOOKER], ids[BOB.email]]
    put(writer, activity(), second)
    assert world.with_whom() == [ids[BOOKER]]
    assert len(world.records("Contact")) == 2


def test_another_booker_is_whom_the_event_is_with(world: World) -> None:
    writer = world.writer()
    first = booked_first(writer)
    put(writer, activity(attendees=(BOB,)), first)
    ids = {c["Email"]: c["Id"] for c in world.records("Contact")}
    assert world.event()["WhoId"] == ids[BOB.email]
    assert world.with_whom() == [ids[BOB.email]]


def test_a_guest_without_a_record_stays_named(world: World) -> None:
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER)
    writer = world.writer(skip_contact_creation=True)
    first = booked_first(writer, with_guests(BOB))
    put(writer, moved(with_guests(BOB)), first)
    assert BOB.email in world.event()["Description"]


def test_where_nobody_had_a_record_a_later_change_looks_again(world: World) -> None:
    writer = world.writer(skip_contact_creation=True)
    nobody = booked_first(writer)
    assert (nobody.id, world.records("Event")) == ("", [])
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER)
    told = put(writer, moved(), nobody)
    assert told.receipt is not None
    assert told.receipt.id == world.event()["Id"]
    assert put(writer, cancelled(), nobody).receipt is None


def test_a_lead_that_was_converted_since_is_written_as_the_contact(world: World) -> None:
    writer = world.writer(attendee_record="lead", fields=[field("person", "Title", "Moved", on=["reschedule"])])
    first = booked_first(writer)
    became = world.org.convert_lead(world.records("Lead")[0]["Id"])["ConvertedContactId"]
    world.org.change_record(first.id, WhoId=became)
    put(writer, moved(), first)
    assert world.records("Contact")[0]["Title"] == "Moved"


@pytest.mark.parametrize("fields", [[], [field("event", "Type", "Call", when="only_when_empty", on=list(Moment))]])
def test_an_event_that_somebody_deleted_is_not_made_again(world: World, fields: list[dict[str, Any]]) -> None:
    writer = world.writer(fields=fields)
    first = booked_first(writer)
    world.org.delete_record(first.id)
    with pytest.raises(NotFoundError) as raised:
        put(writer, moved(), first)
    assert raised.value.code == "event_gone"
    assert world.records("Event") == []


def test_a_contact_that_somebody_deleted_does_not_keep_the_event_from_moving(world: World) -> None:
    writer = world.writer(fields=[field("person", "Title", "x", on=["reschedule"])])
    first = booked_first(writer)
    world.org.delete_record(world.records("Contact")[0]["Id"])
    told = put(writer, moved(), first)
    assert world.event()["StartDateTime"].startswith("2026-03-03")
    assert told.outcomes[0].dropped == ("Title",)


def test_an_all_day_booking_becomes_a_timed_one(world: World) -> None:
    writer = world.writer()
    day = START.date()
    first = booked_first(writer, booked(start_date=day, end_date=day + timedelta(days=1)))
    assert world.event()["IsAllDayEvent"] is True
    put(writer, activity(), first)
    event = world.event()
    assert (event["IsAllDayEvent"], event["StartDateTime"][:16]) == (False, "2026-03-02T10:00")


# cancellations


@pytest.mark.parametrize("keep", [True, False])
def test_a_cancellation_deletes_the_event_or_keeps_and_writes_it(world: World, keep: bool) -> None:
    fields = [field("event", "Type", "Other", on=["cancellation"]), STATUS]
    writer = world.writer(cancellation="keep" if keep else "delete", fields=fields)
    first = booked_first(writer)
    told = put(writer, cancelled(), first)
    assert [e["Type"] for e in world.records("Event")] == (["Other"] if keep else [])
    assert world.records("Contact")[0]["Title"] == "Cancelled"
    assert (told.receipt is not None) is keep
    assert [(o.moment, o.clean) for o in told.outcomes] == [(Moment.CANCELLATION, True)]


def test_an_event_kept_without_mappings_is_left_as_it_is(world: World) -> None:
    writer = world.writer(cancellation="keep")
    first = booked_first(writer)
    before = world.event()
    told = put(writer, cancelled(), first)
    assert world.event() == before
    assert told.receipt is not None


def test_the_page_s_example_of_a_cancellation(world: World) -> None:
    world.org.add_field("Contact", "Last_Booking_Status__c")
    world.org.add_field("Contact", "Last_Cancel_Date__c", "date")
    writer = world.writer(
        fields=[
            field("person", "Last_Booking_Status__c", "Cancelled", on=["cancellation"]),
            field("person", "Last_Cancel_Date__c", "booking_cancel_date", "date", on=["cancellation"]),
        ]
    )
    put(writer, cancelled(), booked_first(writer))
    (contact,) = world.records("Contact")
    assert (contact["Last_Booking_Status__c"], contact["Last_Cancel_Date__c"]) == ("Cancelled", "2026-03-02")


@pytest.mark.parametrize("mode", ["contact", "lead"])
def test_the_person_written_is_the_one_the_event_names(world: World, mode: str) -> None:
    writer = world.writer(attendee_record=mode, fields=[STATUS])
    first = booked_first(writer)
    other = world.org.add_record("Contact", LastName="Colleague")
    world.org.change_record(first.id, WhoId=other)
    put(writer, cancelled(), first)
    titles = {r["Id"]: r.get("Title") for r in world.records("Contact") + world.records("Lead")}
    assert [i for i, title in titles.items() if title] == [other]


@pytest.mark.parametrize("keep", [True, False])
def test_an_event_deleted_already_is_cancelled_all_the_same(world: World, keep: bool) -> None:
    writer = world.writer(cancellation="keep" if keep else "delete", fields=[STATUS, *EVERY_MOMENT])
    first = booked_first(writer)
    world.org.delete_record(first.id)
    told = put(writer, cancelled(), first)
    assert told.receipt is None
    assert world.records("Contact")[0]["Title"] == "Cancelled"


def test_an_event_that_is_with_nobody_any_more_writes_whom_it_was_with(world: World) -> None:
    writer = world.writer(fields=[STATUS])
    first = booked_first(writer)
    world.org.change_record(first.id, WhoId=None)
    put(writer, cancelled(), first)
    assert world.records("Contact")[0]["Title"] == "Cancelled"


def test_what_the_crm_was_never_told_is_not_cancelled_there(world: World) -> None:
    assert put(world.writer(fields=[STATUS]), cancelled()).receipt is None
    assert world.counted() == 0


def test_being_told_of_a_cancellation_again_writes_nothing(world: World) -> None:
    writer = world.writer(cancellation="keep", fields=[STATUS])
    kept = put(writer, cancelled(), booked_first(writer)).receipt
    world.counted()
    assert put(writer, cancelled(), kept).receipt == kept
    assert world.counted() == 0


def test_a_cancelled_booking_that_stands_again_is_booked_again(world: World) -> None:
    fields = [field("event", "Type", "Call", on=["booking"]), field("event", "Type", "Other", on=["cancellation"])]
    writer = world.writer(cancellation="keep", fields=fields)
    kept = put(writer, cancelled(), booked_first(writer)).receipt
    assert world.event()["Type"] == "Other"
    put(writer, activity(), kept)
    assert world.event()["Type"] == "Call"


def test_what_moved_elsewhere_is_deleted_and_nobody_is_told(world: World) -> None:
    writer = world.writer(cancellation="keep", fields=[STATUS])
    writer.withdraw(("b1",), booked_first(writer))
    assert world.records("Event") == []
    assert "Title" not in world.records("Contact")[0]


# no-shows

MARKS = [field("person", "Department", "{attendee.absent}", on=["no_show"])]


@pytest.fixture
def marked(world: World) -> World:
    world.org.add_field("Event", "No_Show__c", "boolean")
    return world


def test_a_no_show_is_set_and_unset(marked: World) -> None:
    writer = marked.writer(no_show_field="No_Show__c", fields=MARKS)
    first = booked_first(writer)
    second = put(writer, absent(booked(), BOOKER), first).receipt
    assert marked.event()["No_Show__c"] is True
    assert marked.records("Contact")[0]["Department"] == "true"
    put(writer, absent(booked()), second)
    assert marked.event()["No_Show__c"] is False
    assert marked.records("Contact")[0]["Department"] == "false"


def test_every_attendee_whose_mark_changes_is_written_and_nobody_else(marked: World) -> None:
    writer = marked.writer(no_show_field="No_Show__c", fields=MARKS)
    both = with_guests(BOB)
    second = put(writer, absent(both, BOB.email), booked_first(writer, both)).receipt
    assert {c["Email"]: c.get("Department") for c in marked.records("Contact")} == {BOOKER: None, BOB.email: "true"}
    third = put(writer, absent(both, BOOKER, BOB.email), second).receipt
    put(writer, absent(both, BOOKER), third)
    assert {c["Email"]: c.get("Department") for c in marked.records("Contact")} == {BOOKER: "true", BOB.email: "false"}
    assert marked.event()["No_Show__c"] is True


@pytest.mark.parametrize(("name", "code"), [("Nope__c", "unknown_field"), ("Location", "wrong_value")])
def test_a_no_show_field_that_is_no_checkbox_is_told(marked: World, name: str, code: str) -> None:
    writer = marked.writer(no_show_field=name)
    told = put(writer, absent(booked(), BOOKER), booked_first(writer))
    assert [(o.moment, o.code, o.dropped) for o in told.outcomes] == [(Moment.NO_SHOW, code, (name,))]


def test_each_moment_is_told_what_its_own_mappings_dropped(marked: World) -> None:
    writer = marked.writer(no_show_field="Nope__c")
    first = booked_first(writer)
    later = {"start": START + timedelta(days=1), "end": START + timedelta(days=1, minutes=30)}
    told = put(writer, absent(replace(booked(), **later), BOOKER), first)  # type: ignore[arg-type]
    assert {o.moment: o.dropped for o in told.outcomes} == {Moment.RESCHEDULE: (), Moment.NO_SHOW: ("Nope__c",)}


def test_a_no_show_says_nothing_else(marked: World) -> None:
    writer = marked.writer(no_show_field="No_Show__c", fields=[STATUS])
    told = put(writer, absent(booked(), BOOKER), booked_first(writer))
    assert [o.moment for o in told.outcomes] == [Moment.NO_SHOW]
    assert "Title" not in marked.records("Contact")[0]


# answers that never came


@pytest.fixture(params=["", UID_FIELD])
def keyed(request: pytest.FixtureRequest, world: World) -> tuple[World, dict[str, Any]]:
    """An org without and with a field for the booking's uid."""
    if request.param:
        world.org.add_field("Event", UID_FIELD, unique=True, external_id=True)
    return world, {"booking_uid_field": request.param}


@pytest.mark.parametrize("kind", ["lose", "garble", "unknown-error", "slow-lose"])
def test_a_lost_answer_never_makes_a_second_event(keyed: tuple[World, dict[str, Any]], kind: str) -> None:
    world, settings = keyed
    writer = world.writer(world.connector(**settings))
    fault = {"lose": "lose", "garble": "answer", "unknown-error": "unknown-error", "slow-lose": "lose"}[kind]
    more = {"status": 200, "body": "<html>"} if kind == "garble" else {}
    # the first composite request describes, the second looks up, the third describes the event, the fourth writes
    world.org.faults.add(fault, method="POST", path="composite$", skip=3, after=True, **more)
    with pytest.raises(UnclearError):
        put(writer, activity())
    assert len(world.records("Event")) == 1
    told = put(writer, moved(), unclear=True)
    assert told.receipt is not None
    assert told.receipt.id == world.event()["Id"]
    assert len(world.records("Contact")) == 1
    assert world.event()["StartDateTime"].startswith("2026-03-03")


def test_what_was_lost_is_found_after_the_booking_was_replaced(keyed: tuple[World, dict[str, Any]]) -> None:
    world, settings = keyed
    writer = world.writer(world.connector(**settings))
    put(writer, activity(booked("b1")))
    put(writer, moved(booked("b2", previous_uid="b1")), unclear=True)
    assert world.event()["Description"].endswith("Booking: b2")
    assert world.event().get(UID_FIELD) == ("b2" if settings["booking_uid_field"] else None)


def test_another_booking_is_not_taken_for_the_lost_one(keyed: tuple[World, dict[str, Any]]) -> None:
    world, settings = keyed
    writer = world.writer(world.connector(**settings))
    put(writer, activity(booked("b1", notes="Booking: b2 is about the same")))
    put(writer, activity(booked("b2")), unclear=True)
    assert len(world.records("Event")) == 2


@pytest.mark.parametrize("uid", ["a b/c", "ü'\\", "100%", "x?y=1&z"])
def test_any_uid_is_found(keyed: tuple[World, dict[str, Any]], uid: str) -> None:
    world, settings = keyed
    writer = world.writer(world.connector(**settings))
    put(writer, activity(booked(uid)))
    if settings["booking_uid_field"] or " " not in uid:
        put(writer, activity(booked(uid)), unclear=True)
        assert len(world.records("Event")) == 1


def test_a_lost_event_is_cancelled_and_withdrawn(keyed: tuple[World, dict[str, Any]]) -> None:
    world, settings = keyed
    writer = world.writer(world.connector(**settings))
    put(writer, activity(booked("b1")))
    put(writer, activity(booked("b2")))
    assert put(writer, cancelled(booked("b1")), unclear=True).receipt is None
    writer.withdraw(("b2",), None)
    assert world.records("Event") == []
    writer.withdraw(("b2",), None)


@pytest.mark.parametrize("keep", [True, False])
def test_a_lost_event_s_person_is_told_of_the_cancellation(keyed: tuple[World, dict[str, Any]], keep: bool) -> None:
    world, settings = keyed
    mode = "keep" if keep else "delete"
    writer = world.writer(world.connector(**settings), fields=[STATUS], cancellation=mode)
    put(writer, activity())
    told = put(writer, cancelled(), unclear=True)
    assert world.records("Contact")[0]["Title"] == "Cancelled"
    assert len(world.records("Event")) == keep
    assert (told.receipt is not None) is keep


def test_a_lost_event_after_nobody_had_a_record_is_found(world: World) -> None:
    writer = world.writer(skip_contact_creation=True)
    nobody = booked_first(writer)
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER)
    put(writer, activity(), nobody)
    told = put(writer, moved(), nobody, unclear=True)
    assert told.receipt is not None
    assert told.receipt.id == world.event()["Id"]
    writer.withdraw(("b1",), nobody)
    assert world.records("Event") == []


def test_what_was_never_made_is_made_after_an_unclear_answer(keyed: tuple[World, dict[str, Any]]) -> None:
    world, settings = keyed
    put(world.writer(world.connector(**settings)), activity(), unclear=True)
    assert len(world.records("Event")) == 1


def test_the_uid_is_in_its_field(keyed: tuple[World, dict[str, Any]]) -> None:
    world, settings = keyed
    put(world.writer(world.connector(**settings)), activity())
    assert world.event().get(UID_FIELD) == ("b1" if settings["booking_uid_field"] else None)


@pytest.mark.parametrize("part", ["event", "person_0", "account"])
def test_a_part_that_fails_in_passing_is_told_as_unclear_and_mended_by_the_next_look(world: World, part: str) -> None:
    account = world.org.add_account("Acme")
    if part == "account":
        world.org.add_record("Contact", LastName="Byron", Email=BOOKER, AccountId=account)
    connector = world.connector()
    connector.schema(list(ObjectKind))
    writer = world.writer(connector, fields=[field("account", "Site", "x")])
    world.org.faults.add("part-fails", path=f"#{part}$")
    with pytest.raises(RetryError) as raised:
        put(writer, activity())
    assert isinstance(raised.value, UnclearError) is (part != "person_0")
    put(writer, activity(), unclear=True)
    assert (len(world.records("Event")), len(world.records("Contact"))) == (1, 1)


def test_trouble_after_the_event_was_made_is_unclear_and_makes_no_second_one(world: World) -> None:
    account = world.org.add_account("Acme")
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER, AccountId=account)
    connector = world.connector()
    connector.schema(list(ObjectKind))
    world.org.remove_field("Account", "Site")
    world.org.faults.add("part-fails", path="#account$", skip=1)
    writer = world.writer(connector, fields=[field("account", "Site", "x"), field("account", "Fax", "1")])
    with pytest.raises(UnclearError, match="is written"):
        put(writer, activity())
    assert world.records("Account")[0].get("Fax") is None
    put(writer, activity(), unclear=True)
    assert len(world.records("Event")) == 1
    assert world.records("Account")[0]["Fax"] == "1"


@pytest.mark.parametrize(
    ("switch", "code"),
    [
        ("lock", "unable_to_lock_row"),
        ("unavailable", "server_unavailable"),
        ("daily-limit", "daily_limit"),
        ("concurrent-limit", "concurrent_limit"),
        ("invalid-session", "invalid_session_id"),
        ("api-off", "api_currently_disabled"),
        ("api-disabled", "api_disabled_for_org"),
    ],
)
def test_what_concerns_all_is_raised_and_drops_no_field(world: World, switch: str, code: str) -> None:
    connector = world.connector()
    writer = world.writer(connector, fields=EVERY_MOMENT)
    first = booked_first(writer)
    world.org.faults.add(switch, times=0)
    with pytest.raises(ProviderError) as raised:
        put(writer, moved(), first)
    assert raised.value.code == code
    world.org.faults.clear()
    assert world.event()["StartDateTime"].startswith("2026-03-02")
    told = put(world.writer(fields=EVERY_MOMENT), moved(), first)
    assert world.event()["StartDateTime"].startswith("2026-03-03")
    assert told.outcomes[0].clean


def test_shared_activities_may_be_off() -> None:
    with salesforce(shared_activities=False) as world:
        writer = world.writer()
        first = booked_first(writer, with_guests(BOB))
        put(writer, activity(attendees=(BOB, Attendee(email=BOOKER))), first)
        ids = {c["Email"]: c["Id"] for c in world.records("Contact")}
        assert len(world.records("EventRelation")) == 0
        assert world.event()["WhoId"] == ids[BOOKER]
        assert BOB.email in world.event()["Description"]
