"""Zoho Calendar: events of ours, made once, changed under their etag, with what people did to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from syncd_connectors.zohocalendar.connector import ZohoConnector
from syncd_connectors.zohocalendar.marks import mark_of
from zoho_calendar_given import tokens, zoho, zoho_sandbox

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.calendar import Conference, EventStatus, Occurrence, Participant
from syncd.model.clock import utc_now
from syncd.sandbox import Exchange
from syncd.sandbox.zoho import ZohoCalendar
from syncd.testing.cases import BERLIN, KEY, OWNER, meeting, utc

FRIEND = "friend@example.net"


Acts = list[Callable[[], object]]


@pytest.fixture
def after_read() -> Acts:
    """What others do while we write: one act after each time that an event was read, and before the answer is there."""
    return []


@pytest.fixture
def provider(after_read: Acts) -> Iterator[ZohoCalendar]:
    def meanwhile(exchange: Exchange) -> None:
        if exchange.request.method == "GET" and "{event}" in exchange.template and after_read:
            after_read.pop(0)()

    with zoho_sandbox(meanwhile=meanwhile) as running:
        yield running


@pytest.fixture
def connector(provider: ZohoCalendar) -> Iterator[ZohoConnector]:
    with zoho(provider) as opened:
        yield opened


@pytest.fixture
def calendar(provider: ZohoCalendar) -> str:
    return provider.add_calendar(OWNER, "Bookings")


def the_event(provider: ZohoCalendar, calendar: str) -> dict[str, Any]:
    """The only event there is."""
    (found,) = provider.events(OWNER, calendar)
    return found


def requests(provider: ZohoCalendar) -> int:
    """How many since the last time this was asked; those that a fault answered are not counted."""
    count = provider.total()
    provider.calls.clear()
    return count


# what is written


def test_an_event_is_made_as_zoho_takes_it(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    event = meeting(url="https://example.com/b/1", reminders=(15,), private=True)
    receipt = connector.put_event(calendar, event, KEY, None)
    made = the_event(provider, calendar)
    assert (receipt.id, receipt.version, receipt.uid) == (made["uid"], str(made["etag"]), event.uid)
    assert receipt.dropped == ()
    assert (made["title"], made["location"], made["url"]) == (event.title, event.location, event.url)
    assert made["description"].startswith("First line\nsecond line\n\n[syncd:1:")
    assert made["dateandtime"] == {
        "start": "20270310T100000+0100",
        "end": "20270310T110000+0100",
        "timezone": BERLIN,
    }
    assert (made["isprivate"], made["isallday"]) == (True, False)
    assert made["reminders"] == [{"action": "popup", "minutes": "-15"}]
    assert [a["email"] for a in made["attendees"]] == ["guest@example.net"]


def test_one_booking_made_moved_and_cancelled_costs_four_requests(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    assert requests(provider) == 1
    moved = meeting(start=utc(2027, 3, 11, 9), end=utc(2027, 3, 11, 10), sequence=1)
    receipt = connector.put_event(calendar, moved, KEY, receipt)
    assert requests(provider) == 2
    connector.remove_event(calendar, KEY, moved.uid, receipt)
    assert requests(provider) == 1
    assert provider.events(OWNER, calendar) == []


@pytest.mark.parametrize(
    ("changes", "dropped"),
    [
        ({"title": "x" * 256}, ("title",)),
        ({"location": "x" * 256}, ("location",)),
        ({"description": "x" * 10_000}, ("description",)),
        ({"title": "x" * 255, "location": "x" * 255, "description": "x" * 9_500}, ()),
        ({"status": EventStatus.TENTATIVE}, ("status",)),
        ({"conference": Conference.GOOGLE_MEET}, ("conference",)),
    ],
)
def test_what_zoho_cannot_keep_is_cut_or_left_out_and_told(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, changes: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    receipt = connector.put_event(calendar, meeting(**changes), KEY, None)
    assert receipt.dropped == dropped
    made = the_event(provider, calendar)
    assert (len(made["title"]) <= 255, len(made["location"]) <= 255, len(made["description"]) <= 10_000) == (True,) * 3
    assert mark_of(made).uid == meeting().uid
    requests(provider)
    again = connector.put_event(calendar, meeting(**changes), KEY, receipt)
    assert again.dropped == dropped
    assert requests(provider) == 1


def test_an_event_without_guests_sends_no_empty_list(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    alone = meeting(attendees=(), location="", description="")
    receipt = connector.put_event(calendar, alone, KEY, receipt)
    assert connector.find_event(calendar, alone.uid, receipt) == alone
    assert "attendees" not in the_event(provider, calendar)


def test_an_all_day_event_has_days(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    days = meeting(start_date=date(2027, 3, 28), end_date=date(2027, 3, 30))
    receipt = connector.put_event(calendar, days, KEY, None)
    assert the_event(provider, calendar)["dateandtime"]["start"] == "20270328"
    requests(provider)
    assert connector.put_event(calendar, days, KEY, receipt).version == receipt.version
    assert requests(provider) == 1
    timed = meeting(sequence=1)
    receipt = connector.put_event(calendar, timed, KEY, receipt)
    assert connector.find_event(calendar, timed.uid, receipt) == timed


def test_no_reminders_leave_the_calendars_own(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    receipt = connector.put_event(calendar, meeting(reminders=(10, 60)), KEY, None)
    own = [*the_event(provider, calendar)["reminders"], {"action": "email", "minutes": "-5"}]
    provider.change_event(OWNER, calendar, receipt.id, reminders=own)
    receipt = connector.put_event(calendar, meeting(reminders=(30,)), KEY, receipt)
    assert the_event(provider, calendar)["reminders"] == [
        {"action": "popup", "minutes": "-30"},
        {"action": "email", "minutes": "-5"},
    ]
    assert connector.find_event(calendar, meeting().uid, receipt) == meeting(reminders=(30,))
    receipt = connector.put_event(calendar, meeting(reminders=None, title="x"), KEY, receipt)
    assert len(the_event(provider, calendar)["reminders"]) == 2


# a person's own


@pytest.mark.parametrize("replaces", [True, False])
def test_a_persons_edits_survive_whether_an_update_replaces_or_merges(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, replaces: bool
) -> None:
    provider.rules.replaces = replaces
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    own: dict[str, Any] = {"color": "#8CBF40", "transparency": 1, "conference": "zmeeting", "isprivate": True}
    guests = [{"email": "guest@example.net"}, {"email": FRIEND, "permission": 1}]
    provider.change_event(OWNER, calendar, receipt.id, attendees=guests, **own)
    provider.respond(OWNER, calendar, receipt.id, FRIEND, "ACCEPTED")
    other = meeting(attendees=(Participant(email="other@example.net"),), title="Moved")
    connector.put_event(calendar, other, KEY, receipt)
    there = the_event(provider, calendar)
    assert own.items() <= there.items()
    assert [(a["email"], a["status"]) for a in there["attendees"]] == [
        (FRIEND, "ACCEPTED"),
        ("other@example.net", "NEEDS-ACTION"),
    ]


def test_privacy_of_ours_is_taken_back_and_a_persons_is_not(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(private=True), KEY, None)
    receipt = connector.put_event(calendar, meeting(private=False), KEY, receipt)
    assert the_event(provider, calendar)["isprivate"] is False
    provider.change_event(OWNER, calendar, receipt.id, isprivate=True)
    connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert the_event(provider, calendar)["isprivate"] is True


def test_what_a_person_set_and_zoho_does_not_take_back_does_not_keep_the_booking_from_moving(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.change_event(OWNER, calendar, receipt.id, conference="zmeeting")
    refused = {"error": [{"error_code": "PATTERN_NOT_MATCHED"}]}
    provider.faults.add("answer", method="PUT", status=400, body=refused)
    connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert the_event(provider, calendar)["title"] == "Moved"


def test_an_event_whose_description_a_person_rewrote_is_still_ours_by_its_id(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.change_event(OWNER, calendar, receipt.id, description="My own notes")
    found = connector.find_event(calendar, meeting().uid, receipt)
    assert found is not None
    assert (found.uid, found.description, found.start) == (meeting().uid, "My own notes", meeting().start)
    receipt = connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert connector.find_event(calendar, meeting().uid, receipt) == meeting(title="Moved")


# made once


def test_an_event_is_looked_for_only_when_it_is_unclear_whether_it_was_made(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    connector.put_event(calendar, meeting(), KEY, None)
    assert provider.total("GET") == 0


def test_a_lost_create_is_found_though_the_booking_was_moved_meanwhile(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.faults.add("server-error", method="POST", after=True)
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    later = meeting(start=utc(2027, 8, 3, 9), end=utc(2027, 8, 3, 10), sequence=1)
    receipt = connector.put_event(calendar, later, KEY, None, unclear=True)
    assert the_event(provider, calendar)["uid"] == receipt.id
    assert connector.find_event(calendar, later.uid, receipt) == later


def test_the_look_is_around_the_event_first(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    connector.put_event(calendar, meeting(), KEY, None)
    requests(provider)
    connector.put_event(calendar, meeting(), KEY, None, unclear=True)
    assert requests(provider) == 2


@pytest.mark.parametrize("days", [-30, -1, 0, 200, 371])
def test_an_event_without_a_receipt_is_found_wherever_bookings_are_made_for(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, days: int
) -> None:
    start = utc_now().replace(microsecond=0) + timedelta(days=days)
    event = meeting(start=start, end=start + timedelta(minutes=30))
    connector.put_event(calendar, event, KEY, None)
    assert connector.find_event(calendar, event.uid, None) == event
    connector.remove_event(calendar, KEY, event.uid, None)
    assert provider.events(OWNER, calendar) == []


def test_a_create_that_never_arrived_is_made_after_the_look(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.faults.add("cut", method="POST")
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    connector.put_event(calendar, meeting(), KEY, None, unclear=True)
    assert the_event(provider, calendar)["title"] == meeting().title


def test_an_invitation_with_our_mark_in_it_is_not_taken_for_ours(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    copied = the_event(provider, calendar)["description"]
    provider.delete_event(OWNER, calendar, receipt.id)
    times = {"start": "20270310T090000Z", "end": "20270310T100000Z"}
    guests = [{"email": OWNER}]
    invitation = {"dateandtime": times, "organizer": FRIEND, "attendees": guests, "description": copied}
    provider.put_event(OWNER, calendar, invitation)
    assert connector.find_event(calendar, meeting().uid, None) is None
    connector.remove_event(calendar, KEY, meeting().uid, None)
    assert len(provider.events(OWNER, calendar)) == 1


def test_whatever_fails_once_there_is_an_event_is_unclear(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    series = meeting(rrule="FREQ=DAILY;COUNT=3", occurrences=(Occurrence(original=utc(2027, 3, 11, 9)),))
    provider.faults.add("unauthorized", method="DELETE")
    with pytest.raises(UnclearError) as failed:
        connector.put_event(calendar, series, KEY, None)
    assert failed.value.code == "token_refused"
    receipt = connector.put_event(calendar, series, KEY, None, unclear=True)
    assert connector.find_event(calendar, series.uid, receipt) == series


@pytest.mark.parametrize("body", [None, {}, {"events": []}, {"events": [{"title": "x"}]}, "<html>"])
def test_an_answer_to_a_create_that_says_nothing_is_unclear(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, body: Any
) -> None:
    provider.faults.add("answer", method="POST", status=200, body=body, after=True)
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    connector.put_event(calendar, meeting(), KEY, None, unclear=True)
    assert the_event(provider, calendar)["title"] == meeting().title


def test_a_create_that_is_answered_without_an_etag_is_read(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    provider.faults.add("lose", method="POST")
    with pytest.raises(UnclearError):
        connector.put_event(calendar, meeting(), KEY, None)
    uid = the_event(provider, calendar)["uid"]
    provider.faults.add("answer", method="POST", status=200, body={"events": [{"uid": uid}]})
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    assert (receipt.id, receipt.version) == (uid, str(the_event(provider, calendar)["etag"]))


# etags


@pytest.mark.parametrize("refused_with", ["412", "400", "unknown code", "text"])
def test_an_event_that_changed_meanwhile_is_read_and_written_again(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, after_read: Acts, refused_with: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    after_read.append(lambda: provider.change_event(OWNER, calendar, receipt.id, color="#8CBF40"))
    if refused_with == "400":
        provider.faults.add("stale-400", method="PUT")
    elif refused_with == "unknown code":
        provider.faults.add("answer", method="PUT", status=400, body={"error": [{"error_code": "SOME_NEW_CODE"}]})
    elif refused_with == "text":
        provider.faults.add("text-etag", times=0)
    connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    there = the_event(provider, calendar)
    assert (there["title"], there["color"]) == ("Moved", "#8CBF40")


@pytest.mark.parametrize("status", [412, 400])
def test_an_event_that_keeps_changing_is_a_conflict(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, after_read: Acts, status: int
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    for minutes in ("-1", "-2", "-3"):
        reminders = [{"action": "email", "minutes": minutes}]
        after_read.append(partial(provider.change_event, OWNER, calendar, receipt.id, reminders=reminders))
    if status == 400:
        body = {"error": [{"error_code": "SOME_NEW_CODE"}]}
        provider.faults.add("answer", method="PUT", status=400, body=body, after=True, times=0)
    with pytest.raises(ConflictError):
        connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert provider.total("PUT") == 2


def test_content_that_is_refused_is_not_a_conflict(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.faults.add("answer", method="PUT", status=400, body={"error": [{"message": "INVALID_DATA"}]})
    with pytest.raises(RefusedError) as refused:  # a second request would not be refused
        connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert refused.value.code == "content_refused"


@pytest.mark.parametrize("switch", ["stale-etag", "stale-400"])
def test_a_deletion_under_a_stale_etag_is_repeated_under_the_new_one(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, switch: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    if switch == "stale-400":
        provider.change_event(OWNER, calendar, receipt.id, color="#8CBF40")
    provider.faults.add(switch, method="DELETE")
    requests(provider)
    connector.remove_event(calendar, KEY, meeting().uid, receipt)
    assert provider.events(OWNER, calendar) == []
    assert requests(provider) == 3


def test_a_deletion_that_is_refused_for_another_reason_is_told(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.faults.add("answer", method="DELETE", status=400, body={"error": [{"message": "INVALID_DATA"}]})
    with pytest.raises(RefusedError):  # a second request would not be refused
        connector.remove_event(calendar, KEY, meeting().uid, receipt)


# gone


def test_an_event_that_a_person_deleted_is_gone_and_removed(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.delete_event(OWNER, calendar, receipt.id)
    with pytest.raises(NotFoundError) as gone:
        connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert gone.value.code == "event_gone"
    assert gone.value.remedy
    connector.remove_event(calendar, KEY, meeting().uid, receipt)
    assert connector.find_event(calendar, meeting().uid, receipt) is None


@pytest.mark.parametrize("code", ["EVENT_NOTFOUND", "SOME_NEW_CODE"])
def test_an_event_that_goes_while_it_is_written_is_gone(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, code: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.faults.add("answer", method="PUT", status=404, body={"error": [{"message": code}]})
    with pytest.raises(NotFoundError) as gone:
        connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
    assert gone.value.code == "event_gone"


def test_a_calendar_that_is_gone_is_not_an_event_that_is(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.remove_calendar(OWNER, calendar)
    for act in (
        lambda: connector.put_event(calendar, meeting(title="Moved"), KEY, receipt),
        lambda: connector.find_event(calendar, meeting().uid, receipt),
    ):
        with pytest.raises(NotFoundError) as gone:
            act()
        assert gone.value.code == "not_found"
    connector.remove_event(calendar, KEY, meeting().uid, receipt)
    connector.remove_event(calendar, KEY, meeting().uid, None)


def test_every_copy_of_an_event_without_a_receipt_is_removed(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    for _ in range(2):
        connector.put_event(calendar, meeting(), KEY, None)
    connector.put_event(calendar, meeting("other@syncd"), KEY, None)
    connector.remove_event(calendar, KEY, meeting().uid, None)
    assert [mark_of(e).uid for e in provider.events(OWNER, calendar)] == ["other@syncd"]


@pytest.mark.parametrize("first", [0, 1])
def test_a_copy_that_somebody_removes_meanwhile_does_not_keep_the_other(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, after_read: Acts, first: int
) -> None:
    copies = [connector.put_event(calendar, meeting(), KEY, None).id for _ in range(2)]
    after_read.append(lambda: provider.delete_event(OWNER, calendar, copies[first]))
    connector.remove_event(calendar, KEY, meeting().uid, None)
    assert provider.events(OWNER, calendar) == []


# errors


@pytest.mark.parametrize(
    ("switch", "kind"),
    [("forbidden", ForbiddenError), ("too-many", WaitUntilError), ("server-error", UnclearError)],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_that_fails_says_what_to_do_next(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, method: str, switch: str, kind: type[ProviderError]
) -> None:
    receipt = None if method == "POST" else connector.put_event(calendar, meeting(), KEY, None)
    provider.faults.add(switch, method=method)

    def act() -> None:
        if method == "DELETE":
            connector.remove_event(calendar, KEY, meeting().uid, receipt)
        else:
            connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)

    with pytest.raises(kind):
        act()


def test_a_calendar_that_may_only_be_read_is_forbidden(provider: ZohoCalendar, connector: ZohoConnector) -> None:
    shared = provider.add_calendar(OWNER, "Theirs", "view")
    with pytest.raises(ForbiddenError):
        connector.put_event(shared, meeting(), KEY, None)


def test_an_event_whose_times_cannot_be_read_is_an_error(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    broken = {"events": [{"uid": receipt.id, "etag": 1, "dateandtime": {"start": "soon"}}]}
    provider.faults.add("answer", method="GET", status=200, body=broken, times=0)
    for act in (
        lambda: connector.find_event(calendar, meeting().uid, receipt),
        lambda: connector.put_event(calendar, meeting(title="Moved"), KEY, receipt),
    ):
        with pytest.raises(RefusedError) as refused:
            act()
        assert refused.value.code == "unreadable_event"


def test_an_answer_that_is_none_is_no_deleted_event(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, meeting(), KEY, None)
    provider.faults.add("garble", method="GET")
    with pytest.raises(RetryError):
        connector.find_event(calendar, meeting().uid, receipt)


# series

SERIES = meeting(start=utc(2027, 3, 24, 9), end=utc(2027, 3, 24, 10), rrule="FREQ=WEEKLY;COUNT=4")
SECOND, THIRD, FOURTH = utc(2027, 3, 31, 8), utc(2027, 4, 7, 8), utc(2027, 4, 14, 8)
MOVED = Occurrence(original=THIRD, start=utc(2027, 4, 8, 12), end=utc(2027, 4, 8, 13))


def starts(provider: ZohoCalendar, calendar: str) -> list[str]:
    """Of the exceptions of the only series."""
    return [e["start"] for e in provider.events(OWNER, calendar) if "recurrenceid" in e]


def test_occurrences_are_changed_one_by_one_and_only_where_they_differ(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    event = replace(SERIES, occurrences=(Occurrence(original=SECOND), MOVED))
    receipt = connector.put_event(calendar, event, KEY, None)
    assert requests(provider) == 1 + 1 + 2 * 2
    assert connector.put_event(calendar, event, KEY, receipt).version == receipt.version
    assert requests(provider) == 1
    assert starts(provider, calendar) == ["20270408T140000"]


def test_a_moved_occurrence_is_put_back(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    receipt = connector.put_event(calendar, replace(SERIES, occurrences=(MOVED,)), KEY, None)
    receipt = connector.put_event(calendar, SERIES, KEY, receipt)
    assert starts(provider, calendar) == ["20270407T100000"]
    assert connector.find_event(calendar, SERIES.uid, receipt) == SERIES
    requests(provider)
    connector.put_event(calendar, SERIES, KEY, receipt)
    assert requests(provider) == 1


def test_a_moved_occurrence_is_cancelled(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    receipt = connector.put_event(calendar, replace(SERIES, occurrences=(MOVED,)), KEY, None)
    event = replace(SERIES, occurrences=(Occurrence(original=THIRD),))
    receipt = connector.put_event(calendar, event, KEY, receipt)
    assert starts(provider, calendar) == []
    assert connector.find_event(calendar, event.uid, receipt) == event


def test_the_title_of_a_moved_occurrence_follows(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, replace(SERIES, occurrences=(MOVED,)), KEY, None)
    connector.put_event(calendar, replace(SERIES, occurrences=(MOVED,), title="Named anew"), KEY, receipt)
    assert {e["title"] for e in provider.events(OWNER, calendar)} == {"Named anew"}


def test_what_a_person_did_to_occurrences_stays(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    times = {"start": "20270401T120000Z", "end": "20270401T130000Z", "timezone": BERLIN}
    provider.change_event(OWNER, calendar, receipt.id, "20270331T080000Z", dateandtime=times, description="")
    provider.delete_event(OWNER, calendar, receipt.id, "20270414T080000Z")
    event = replace(SERIES, occurrences=(MOVED,), title="Named anew")
    receipt = connector.put_event(calendar, event, KEY, receipt)
    assert sorted(starts(provider, calendar)) == ["20270401T140000", "20270408T140000"]
    assert connector.find_event(calendar, event.uid, receipt) == event


def test_an_occurrence_that_a_person_deleted_cannot_be_moved_and_that_is_told(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, SERIES, KEY, None)
    provider.delete_event(OWNER, calendar, receipt.id, "20270407T080000Z")
    assert connector.put_event(calendar, replace(SERIES, occurrences=(MOVED,)), KEY, receipt).dropped == (
        "occurrences",
    )


def test_a_cancelled_occurrence_comes_back(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    cancelled = replace(SERIES, occurrences=(Occurrence(original=SECOND), Occurrence(original=FOURTH)))
    receipt = connector.put_event(calendar, cancelled, KEY, None)
    event = replace(SERIES, occurrences=(Occurrence(original=FOURTH),))
    receipt = connector.put_event(calendar, event, KEY, receipt)
    assert connector.find_event(calendar, event.uid, receipt) == event


def test_a_series_of_days_has_days_as_ids(provider: ZohoCalendar, connector: ZohoConnector, calendar: str) -> None:
    midnight = utc(2027, 3, 23, 23)
    days = meeting(
        start=midnight,
        end=midnight + timedelta(days=1),
        start_date=date(2027, 3, 24),
        end_date=date(2027, 3, 25),
        rrule="FREQ=DAILY;COUNT=4",
        occurrences=(
            Occurrence(original=utc(2027, 3, 24, 23)),
            Occurrence(original=utc(2027, 3, 25, 23), start=utc(2027, 3, 29, 22), end=utc(2027, 3, 30, 22)),
        ),
    )
    receipt = connector.put_event(calendar, days, KEY, None)
    assert starts(provider, calendar) == ["20270330"]
    assert connector.find_event(calendar, days.uid, receipt) == days


def test_a_series_becomes_a_single_event_and_a_series_again(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    receipt = connector.put_event(calendar, replace(SERIES, occurrences=(MOVED,)), KEY, None)
    single = replace(SERIES, rrule="")
    receipt = connector.put_event(calendar, single, KEY, receipt)
    assert "rrule" not in the_event(provider, calendar)
    assert connector.find_event(calendar, single.uid, receipt) == single
    other = replace(SERIES, rrule="FREQ=DAILY;COUNT=2")
    receipt = connector.put_event(calendar, other, KEY, receipt)
    assert connector.find_event(calendar, other.uid, receipt) == other


@pytest.mark.parametrize("switch", ["deleted-first", "coded-errors", "no-offset"])
def test_a_series_is_written_however_zoho_tells_of_it(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str, switch: str
) -> None:
    provider.faults.add(switch, times=0)
    event = replace(SERIES, occurrences=(Occurrence(original=SECOND), MOVED))
    receipt = connector.put_event(calendar, event, KEY, None)
    assert connector.find_event(calendar, event.uid, receipt) == event
    whole = replace(SERIES, sequence=1)
    receipt = connector.put_event(calendar, whole, KEY, receipt)
    assert connector.find_event(calendar, whole.uid, receipt) == whole
    connector.remove_event(calendar, KEY, whole.uid, receipt)
    assert provider.events(OWNER, calendar) == []


def test_a_series_whose_update_was_cut_short_is_completed(
    provider: ZohoCalendar, connector: ZohoConnector, calendar: str
) -> None:
    """Between taking the rule away and writing it anew."""
    receipt = connector.put_event(calendar, replace(SERIES, occurrences=(Occurrence(original=SECOND),)), KEY, None)
    provider.faults.add("server-error", method="PUT", skip=1)
    with pytest.raises(UnclearError):
        connector.put_event(calendar, SERIES, KEY, receipt)
    receipt = connector.put_event(calendar, SERIES, KEY, receipt, unclear=True)
    assert connector.find_event(calendar, SERIES.uid, receipt) == SERIES


def test_an_event_of_another_account_in_a_shared_calendar_is_ours_by_its_mark(provider: ZohoCalendar) -> None:
    shared = provider.add_calendar(OWNER, "Team", "edit")
    with zoho(provider, tokens(provider)) as connector:
        receipt = connector.put_event(shared, meeting(), KEY, None)
        assert connector.find_event(shared, meeting().uid, None) == meeting()
        connector.remove_event(shared, KEY, meeting().uid, receipt)
    assert provider.events(OWNER, shared) == []
