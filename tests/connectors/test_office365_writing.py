"""Bookings into Office 365: once, only our fields, and the meeting's join text kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from office365_given import World, office365
from office365_items import in_utc
from syncd_connectors.office365_calendar.connector import Office365Connector
from syncd_connectors.office365_calendar.marks import UID_PROPERTY, transaction_id

from syncd.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError, RetryError, UnclearError
from syncd.model.calendar import Conference, Event, Occurrence, Participant, Receipt
from syncd.testing.cases import KEY, OWNER, meeting, utc

EVENTS = "/events$"


@pytest.fixture
def world() -> Iterator[World]:
    with office365() as running:
        yield running


@pytest.fixture
def calendar(world: World) -> str:
    return world.graph.add_calendar(OWNER, "Work", can_edit=True)


@pytest.fixture
def connector(world: World) -> Iterator[Office365Connector]:
    with closing(world.connect()) as connector:
        yield connector


def only(world: World, calendar: str) -> dict[str, Any]:
    """The one event of the calendar, as Graph holds it."""
    (item,) = world.graph.events(OWNER, calendar)
    return item


# --- creating


def test_a_create_is_one_request(world: World, connector: Office365Connector, calendar: str):
    before = world.graph.total()
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    assert world.graph.total() - before == 1
    assert receipt.request_id
    assert receipt.version
    item = only(world, calendar)
    assert item["transactionId"] == transaction_id(KEY, meeting().uid)
    assert {"id": UID_PROPERTY, "value": meeting().uid} in _properties(world, calendar)


def _properties(world: World, calendar: str) -> list[dict[str, str]]:
    """The extended properties of the one event."""
    (event,) = world.graph.store.mailbox(OWNER).calendar(calendar).events.values()
    return list(event.fields["singleValueExtendedProperties"])


def test_putting_what_is_there_is_one_read(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    before = world.graph.total()
    connector.put_event(calendar, meeting(), KEY, receipt)
    assert world.graph.total() - before == 1


def test_a_move_is_a_read_and_a_patch(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    before = world.graph.total()
    connector.put_event(calendar, meeting(start=utc(2027, 3, 10, 8)), KEY, receipt)
    assert world.graph.total() - before == 2
    assert world.graph.total("PATCH") == 1


def test_an_unclear_create_is_looked_for_by_our_mark_before_anything_is_sent(
    world: World, connector: Office365Connector, calendar: str
):
    world.graph.faults.add("lose", method="POST", path=EVENTS)
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    before = world.graph.total("POST")
    receipt = connector.put_event(calendar, meeting(), KEY, None, unclear=True)
    assert world.graph.total("POST") == before
    assert receipt.id == only(world, calendar)["id"]


def test_a_503_that_may_have_saved_the_event_is_unclear(world: World, connector: Office365Connector, calendar: str):
    world.graph.faults.add("concurrent-save")
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    connector.put_event(calendar, meeting(), KEY, None, unclear=True)
    assert len(world.graph.events(OWNER, calendar)) == 1


def test_a_repeat_that_nobody_calls_unclear_makes_no_second_event(
    world: World, connector: Office365Connector, calendar: str
):
    """The transactionId is answered with the event that is there."""
    first = connector.put_event(calendar, meeting(), KEY, None)
    second = connector.put_event(calendar, meeting(title="Again"), KEY, None)
    assert second.id == first.id
    assert only(world, calendar)["subject"] == "Again"


def test_a_repeat_that_is_answered_with_409_finds_its_event(world: World, connector: Office365Connector, calendar: str):
    first = connector.put_event(calendar, meeting(), KEY, None)
    world.graph.faults.add("transaction-409")
    second = connector.put_event(calendar, meeting(title="Again"), KEY, None)
    assert second.id == first.id
    assert only(world, calendar)["subject"] == "Again"


def test_a_transaction_that_graph_forgot_makes_no_second_event_after_an_unclear_answer(
    world: World, connector: Office365Connector, calendar: str
):
    world.graph.faults.add("transaction-ignored", times=0)
    world.graph.faults.add("lose", method="POST", path=EVENTS)
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    connector.put_event(calendar, meeting(), KEY, None, unclear=True)
    assert len(world.graph.events(OWNER, calendar)) == 1


def test_409_for_an_event_that_a_person_deleted_makes_another(
    world: World, connector: Office365Connector, calendar: str
):
    body = {"error": {"code": "ErrorDuplicateTransactionId", "message": "x", "innerError": {}}}
    world.graph.faults.add("answer", method="POST", path=EVENTS, status=409, body=body, times=2)
    connector.put_event(calendar, meeting(), KEY, None)
    assert only(world, calendar)["transactionId"] == transaction_id(KEY, meeting().uid, 2)


def test_an_event_that_vanishes_right_after_its_create_is_looked_for_later(
    world: World, connector: Office365Connector, calendar: str
):
    world.graph.faults.add("answer", method="GET", path="/events/", status=404)
    with pytest.raises(UnclearError) as lost:
        connector.put_event(calendar, series(occurrences=(Occurrence(original=day(25)),)), KEY, None)
    assert lost.value.code == "write_lost"


def test_409_for_ever_ends(world: World, connector: Office365Connector, calendar: str):
    world.graph.faults.add("answer", method="POST", path=EVENTS, status=409, times=0)
    with pytest.raises(RefusedError) as refused:
        connector.put_event(calendar, meeting(), KEY, None)
    assert refused.value.code == "transaction_taken"


def test_a_calendar_that_may_only_be_read_says_so(world: World, connector: Office365Connector):
    shared = world.graph.add_calendar(OWNER, "Boss", can_edit=False)
    with pytest.raises(ForbiddenError):
        connector.put_event(shared, meeting(), KEY, None)


# --- conflicts


def test_a_change_between_read_and_write_is_planned_again_once(
    world: World, connector: Office365Connector, calendar: str
):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    world.graph.faults.add("stale-etag")
    connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert only(world, calendar)["subject"] == "Moved"
    world.graph.faults.add("stale-etag", times=2)
    with pytest.raises(ConflictError):
        connector.put_event(calendar, meeting(title="Third"), KEY, receipt)


def test_a_write_is_sent_under_the_etag_that_was_read(world: World, connector: Office365Connector, calendar: str):
    seen: list[str] = []
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    version = only(world, calendar)["@odata.etag"]
    world.sandbox.tap(lambda exchange: seen.append(exchange.request.headers.get("if-match", "")))
    connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert seen == ["", version]


def test_an_event_that_vanishes_while_it_is_written_is_gone(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    world.graph.faults.add("answer", method="PATCH", status=412)
    world.graph.faults.add("answer", method="GET", path="/events/", status=404, skip=1)
    with pytest.raises(NotFoundError) as gone:
        connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert gone.value.code == "event_gone"


# --- removing


def test_removing_is_one_request_and_404_is_done(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    before = world.graph.total()
    connector.remove_event(calendar, KEY, meeting().uid, receipt)
    connector.remove_event(calendar, KEY, meeting().uid, receipt)
    assert world.graph.total() - before == 2
    assert world.graph.events(OWNER, calendar) == []


def test_removing_from_a_calendar_that_is_gone_is_done(connector: Office365Connector, calendar: str):
    connector.remove_event(f"{calendar[:-4]}AAAA", KEY, meeting().uid, None)


def test_every_event_with_our_mark_is_removed_where_no_receipt_names_one(
    world: World, connector: Office365Connector, calendar: str
):
    connector.put_event(calendar, meeting(), KEY, None)
    connector.put_event(calendar, meeting(), "other-key", None)
    assert len(world.graph.events(OWNER, calendar)) == 2
    connector.remove_event(calendar, KEY, meeting().uid, None)
    assert world.graph.events(OWNER, calendar) == []


# --- Teams


def teams(**changes: Any) -> Event:
    return meeting(conference=Conference.TEAMS, **changes)


def test_a_teams_meeting_gives_its_address(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, teams(), KEY, None)
    item = only(world, calendar)
    assert receipt.meeting_url == item["onlineMeeting"]["joinUrl"]
    assert receipt.dropped == ()
    assert item["onlineMeetingProvider"] == "teamsForBusiness"
    assert connector.find_event(calendar, teams().uid, receipt) == teams()


def test_the_join_text_survives_every_description(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, teams(), KEY, None)
    url = receipt.meeting_url
    for text in ("New & <better>\ntext", "", "Third"):
        receipt = connector.put_event(calendar, teams(description=text), KEY, receipt)
        content = only(world, calendar)["body"]["content"]
        assert url in content
        assert "First line" not in content
        assert receipt.meeting_url == url
        assert connector.find_event(calendar, teams().uid, receipt) == teams(description=text)
        assert connector.put_event(calendar, teams(description=text), KEY, receipt).version == receipt.version


def test_a_meeting_that_moves_keeps_its_body(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, teams(), KEY, None)
    before = only(world, calendar)["body"]
    connector.put_event(calendar, teams(start=utc(2027, 3, 10, 8)), KEY, receipt)
    assert only(world, calendar)["body"] == before


def test_a_body_in_which_the_join_text_is_not_found_is_left_and_the_description_dropped(
    world: World, connector: Office365Connector, calendar: str
):
    receipt = connector.put_event(calendar, teams(), KEY, None)
    strange = {"contentType": "html", "content": "<html><body>Rejoignez-nous</body></html>"}
    world.graph.change_event(OWNER, calendar, receipt.id, body=strange)
    receipt = connector.put_event(calendar, teams(description="New"), KEY, receipt)
    assert receipt.dropped == ("description",)
    assert "Rejoignez-nous" in only(world, calendar)["body"]["content"]


def test_a_join_text_that_only_html_tells_apart_is_no_difference(
    world: World, connector: Office365Connector, calendar: str
):
    receipt = connector.put_event(calendar, teams(), KEY, None)
    inline = f'First line<br>second line<span><a href="{receipt.meeting_url}">Join</a></span>'
    body = {"contentType": "html", "content": f"<html><body>{inline}</body></html>"}
    world.graph.change_event(OWNER, calendar, receipt.id, body=body)
    connector.put_event(calendar, teams(title="Moved"), KEY, receipt)
    assert only(world, calendar)["body"]["content"] == body["content"]
    assert connector.find_event(calendar, teams().uid, receipt) == teams(title="Moved")


def test_meet_is_google_s_and_is_dropped(connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(conference=Conference.GOOGLE_MEET), KEY, None)
    assert receipt.dropped == ("conference",)
    assert receipt.meeting_url == ""


# --- fields


def test_one_reminder_is_kept_and_more_are_named(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(reminders=(30,)), KEY, None)
    assert receipt.dropped == ()
    assert connector.find_event(calendar, meeting().uid, receipt) == meeting(reminders=(30,))
    receipt = connector.put_event(calendar, meeting(reminders=(10, 60)), KEY, receipt)
    assert receipt.dropped == ("reminders",)
    assert only(world, calendar)["reminderMinutesBeforeStart"] == 10
    again = connector.put_event(calendar, meeting(reminders=(10, 60)), KEY, receipt)
    assert (again.version, again.dropped) == (receipt.version, ("reminders",))
    receipt = connector.put_event(calendar, meeting(reminders=()), KEY, receipt)
    assert only(world, calendar)["isReminderOn"] is False


def test_a_guest_added_by_hand_survives(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    item = only(world, calendar)
    bob = {"type": "optional", "emailAddress": {"name": "Bob", "address": "bob@example.com"}}
    world.graph.change_event(OWNER, calendar, receipt.id, attendees=[*item["attendees"], bob])
    later = meeting(attendees=(Participant(email="new@example.net"),))
    receipt = connector.put_event(calendar, later, KEY, receipt)
    there = {a["emailAddress"]["address"] for a in only(world, calendar)["attendees"]}
    assert there == {"bob@example.com", "new@example.net"}
    assert connector.find_event(calendar, later.uid, receipt) == later


def test_the_organizer_at_graph_is_the_mailbox(world: World, connector: Office365Connector, calendar: str):
    connector.put_event(calendar, meeting(), KEY, None)
    assert only(world, calendar)["organizer"]["emailAddress"]["address"] == OWNER


def test_an_event_moved_in_outlook_reads_as_it_is(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    times = {"start": in_utc(utc(2027, 3, 11, 9)), "end": in_utc(utc(2027, 3, 11, 10))}
    world.graph.change_event(OWNER, calendar, receipt.id, **times)
    found = connector.find_event(calendar, meeting().uid, receipt)
    assert found is not None
    assert (found.start, found.end) == (utc(2027, 3, 11, 9), utc(2027, 3, 11, 10))


def test_a_zone_that_outlook_made_up_is_not_written_over(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    world.graph.faults.add("custom-zone", times=0)
    assert connector.put_event(calendar, meeting(), KEY, receipt).version == receipt.version
    assert connector.find_event(calendar, meeting().uid, receipt) == meeting()


def test_an_event_whose_times_cannot_be_read_parks(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    body = {"id": receipt.id, "start": {"dateTime": "soon", "timeZone": "UTC"}}
    world.graph.faults.add("answer", method="GET", path="/events/", status=200, body=body, times=2)
    with pytest.raises(RefusedError) as refused:
        connector.find_event(calendar, meeting().uid, receipt)
    assert refused.value.code == "unreadable_event"
    with pytest.raises(RefusedError):
        connector.put_event(calendar, meeting(), KEY, receipt)


def test_an_answer_without_the_event_is_passing_trouble(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    world.graph.faults.add("answer", method="GET", path="/events/", status=200, body={})
    with pytest.raises(RetryError):
        connector.find_event(calendar, meeting().uid, receipt)


# --- series


def series(**changes: Any) -> Event:
    fields = {"start": utc(2027, 3, 24, 9), "end": utc(2027, 3, 24, 10), "rrule": "FREQ=DAILY;COUNT=5", **changes}
    return meeting(**fields)


def day(number: int, hour: int = 9) -> Any:
    return utc(2027, 3, number, hour if number < 28 else hour - 1)


def put_twice(connector: Office365Connector, calendar: str, event: Event, receipt: Receipt | None) -> Receipt:
    """Put it, see it as wanted, and see that putting it again changes nothing."""
    receipt = connector.put_event(calendar, event, KEY, receipt)
    assert receipt.dropped == ()
    assert connector.find_event(calendar, event.uid, receipt) == event
    assert connector.put_event(calendar, event, KEY, receipt).version == receipt.version
    return receipt


def test_a_series_follows_its_occurrences_there_and_back(connector: Office365Connector, calendar: str):
    cancelled = Occurrence(original=day(25))
    moved = Occurrence(original=day(26), start=day(26, 12), end=day(26, 14))
    receipt = put_twice(connector, calendar, series(), None)
    receipt = put_twice(connector, calendar, series(occurrences=(cancelled,)), receipt)
    receipt = put_twice(connector, calendar, series(occurrences=(cancelled, moved)), receipt)
    receipt = put_twice(connector, calendar, series(occurrences=(moved,)), receipt)
    receipt = put_twice(connector, calendar, series(), receipt)
    receipt = put_twice(connector, calendar, series(occurrences=(moved,), rrule="FREQ=DAILY;COUNT=7"), receipt)
    put_twice(connector, calendar, meeting(), receipt)


def test_a_series_that_moves_keeps_what_is_wanted_of_its_occurrences(connector: Office365Connector, calendar: str):
    cancelled = Occurrence(original=day(25))
    receipt = put_twice(connector, calendar, series(occurrences=(cancelled,)), None)
    later = Occurrence(original=day(25, 11))
    put_twice(connector, calendar, series(start=day(24, 11), end=day(24, 12), occurrences=(later,)), receipt)


def test_days_of_a_series_are_spread_without_one_passing_another(
    world: World, connector: Office365Connector, calendar: str
):
    """A series whose rule nobody told is written as days in a row, each moved to where its booking is."""
    spread = tuple(
        Occurrence(original=utc(2027, 3, 24 + n, 9), start=utc(2027, 4 + n, 7, 9), end=utc(2027, 4 + n, 7, 10))
        for n in (1, 2, 3)
    )
    event = series(zone="UTC", rrule="FREQ=DAILY;COUNT=4", occurrences=spread)
    seen: list[Any] = []
    world.sandbox.tap(lambda exchange: seen.append(exchange.request))
    receipt = put_twice(connector, calendar, event, None)
    moved = [json.loads(r.body)["start"]["dateTime"][:10] for r in seen if r.method == "PATCH"]
    assert moved == ["2027-07-07", "2027-06-07", "2027-05-07"]
    seen.clear()
    put_twice(connector, calendar, series(zone="UTC", rrule="FREQ=DAILY;COUNT=4"), receipt)
    moved = [json.loads(r.body)["start"]["dateTime"][:10] for r in seen if r.method == "PATCH" and b"start" in r.body]
    assert moved == ["2027-03-25", "2027-03-26", "2027-03-27"]


def test_an_occurrence_that_a_person_moved_reads_so(world: World, connector: Office365Connector, calendar: str):
    receipt = connector.put_event(calendar, series(), KEY, None)
    instance = world.instances(receipt.id)["2027-03-26T09:00:00Z"]
    times = {name: in_utc(day(26, hour)) for name, hour in (("start", 15), ("end", 16))}
    world.person("PATCH", f"/events/{instance}", times)
    found = connector.find_event(calendar, series().uid, receipt)
    assert found is not None
    assert found.occurrences == (Occurrence(original=day(26), start=day(26, 15), end=day(26, 16)),)


def test_a_rule_that_graph_cannot_express_parks_before_anything_is_sent(
    world: World, connector: Office365Connector, calendar: str
):
    before = world.graph.total()
    with pytest.raises(RefusedError) as refused:
        connector.put_event(calendar, series(rrule="FREQ=MONTHLY;BYMONTHDAY=24,25"), KEY, None)
    assert refused.value.code == "rrule_unsupported"
    assert world.graph.total() == before


# --- what is in every request


def test_every_request_asks_for_lasting_ids_and_utc_and_names_itself(
    world: World, connector: Office365Connector, calendar: str
):
    seen: list[dict[str, str]] = []
    world.sandbox.tap(lambda exchange: seen.append(dict(exchange.request.headers)))
    receipt = connector.put_event(calendar, series(), KEY, None)
    connector.put_event(calendar, series(title="Moved"), KEY, receipt)
    connector.find_event(calendar, series().uid, receipt)
    connector.calendars()
    connector.remove_event(calendar, KEY, series().uid, receipt)
    assert all('IdType="ImmutableId"' in headers["prefer"] for headers in seen)
    assert all('outlook.timezone="UTC"' in headers["prefer"] for headers in seen)
    ids = [headers["client-request-id"] for headers in seen]
    assert len(set(ids)) == len(ids) > 6
