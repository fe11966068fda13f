"""What Cal.com documents, and what the demonstration sends, is read."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.demo import samples as demonstration
from syncd.model.booking import BookingStatus, ChangeKind, Recurrence
from syncd.source.calcom import TRIGGERS, read_delivery

from .deliveries import RECEIVED, booking, change, documented, samples

STATUS = {
    "BOOKING_CREATED": BookingStatus.ACCEPTED,
    "BOOKING_RESCHEDULED": BookingStatus.ACCEPTED,
    "BOOKING_PAID": BookingStatus.ACCEPTED,
    "BOOKING_REQUESTED": BookingStatus.PENDING,
    "BOOKING_REJECTED": BookingStatus.REJECTED,
    "BOOKING_CANCELLED": BookingStatus.CANCELLED,
}


def check(body: dict[str, Any]) -> None:
    """Every documented delivery is read as its trigger says, or left alone."""
    trigger = body["triggerEvent"]
    read = read_delivery(body, RECEIVED)
    if TRIGGERS[trigger] is None:
        assert read is None
    elif TRIGGERS[trigger] is ChangeKind.NO_SHOW:
        assert read is not None
        assert read.absences == {a["email"]: a["noShow"] for a in body["payload"]["attendees"]}
    else:
        assert read is not None
        assert read.booking is not None
        assert (read.kind, read.uid) == (TRIGGERS[trigger], body["payload"]["uid"])
        assert read.booking.status is STATUS[trigger]
        assert [a.email for a in read.booking.attendees] == [a["email"] for a in body["payload"]["attendees"]]


def test_every_documented_delivery_is_read() -> None:
    bodies = documented()
    assert len(bodies) >= 20
    for body in bodies:
        check(body)


def test_every_documented_trigger_is_known_and_no_other() -> None:
    assert {body["triggerEvent"] for body in documented()} == set(TRIGGERS)


def test_a_documented_reschedule_names_the_old_booking_and_where_it_was() -> None:
    (body,) = (b for b in documented() if b["triggerEvent"] == "BOOKING_RESCHEDULED")
    told = booking(body)
    assert (told.uid, told.previous_uid) == (body["payload"]["uid"], body["payload"]["rescheduleUid"])
    assert told.original_start is not None
    assert told.ical_uid == ""


def test_every_sample_of_the_demonstration_is_read() -> None:
    assert demonstration.__doc__
    bodies = samples()
    assert len(bodies) == 11
    for body in bodies:
        check(body)


def test_the_samples_tell_one_story() -> None:
    told = [change(body) for body in samples()]
    created, _, requested, moved, cancelled, accepted, recurring, absent, everywhere, moved_too, cancelled_too = told
    assert moved.booking is not None
    assert moved.booking.previous_uid == created.uid
    assert accepted.uid == requested.uid
    assert cancelled.kind is ChangeKind.CANCELLED
    assert absent.uid == moved.uid
    assert recurring.booking is not None
    assert recurring.booking.recurrence == Recurrence(freq="WEEKLY", count=4)
    assert recurring.booking.subject == recurring.uid
    assert moved_too.booking is not None
    assert (moved_too.booking.previous_uid, cancelled_too.uid) == (everywhere.uid, moved_too.uid)


@pytest.mark.parametrize("trigger", [name for name, kind in TRIGGERS.items() if kind is None])
def test_a_trigger_that_concerns_nothing_here_is_left_alone_whatever_it_brings(trigger: str) -> None:
    for rest in ({}, {"payload": None}, {"payload": [1]}, {"createdAt": "never", "uid": 5}):
        assert read_delivery({"triggerEvent": trigger} | rest, RECEIVED) is None
