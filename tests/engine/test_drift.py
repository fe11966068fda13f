"""What people do to events of ours: noticed, reported or put back, and never our own writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from given import OpenRuntime

from syncd.errors import ConflictError, ForbiddenError, ProviderError, ReconnectError, RetryError
from syncd.model.calendar import Occurrence
from syncd.model.drift import DriftPolicy
from syncd.settings import EventType, Settings
from syncd.store import references
from syncd.testing.memory import MemoryConnector, MemoryProvider

from .deliveries import cancelled, created
from .test_series import week, weekly
from .world import WORK, MovableClock, World, foreign

EVENT_TYPE = 123
"""Of the sample deliveries."""


@pytest.fixture
def open_world(
    open_runtime: OpenRuntime, settings: Settings, memory: MemoryProvider, clock: MovableClock
) -> Callable[[DriftPolicy], World]:
    def opened(policy: DriftPolicy) -> World:
        rules = {str(EVENT_TYPE): EventType(calendar_changes=policy)}
        runtime = open_runtime(settings=settings.model_copy(update={"event_types": rules}))
        world = World(runtime, memory, clock)
        world.person()
        world.select(WORK)
        world.read()
        return world

    return opened


@pytest.fixture
def reporting(open_world: Callable[[DriftPolicy], World]) -> World:
    return open_world(DriftPolicy.REPORT)


@pytest.fixture
def restoring(open_world: Callable[[DriftPolicy], World]) -> World:
    return open_world(DriftPolicy.RESTORE)


def booked(world: World, uid: str = "a", **changed: Any) -> str:
    """Book and write; the item's id."""
    world.tell(created(uid, **changed))
    later(world)
    return item_of(world, uid)


def item_of(world: World, *subjects: str) -> str:
    item = world.reference(*subjects).receipt_id
    assert item is not None
    return item


def later(world: World) -> None:
    """The calendar's next read."""
    world.clock.advance(minutes=10)
    world.read()


def changes(world: World) -> list[tuple[str, str]]:
    """(code, subject) of what the log tells people did, oldest first."""
    told = [row for row in world.log() if row.operation == "calendar-change" and row.outcome == "done"]
    return [(row.code, row.subject) for row in sorted(told, key=lambda row: row.id or 0)]


def move(world: World, item: str, **by: float) -> None:
    world.provider.move(WORK, item, timedelta(**by))


# our own writes


@pytest.mark.parametrize("restamps", [False, True])
def test_our_own_write_coming_back_is_no_change(reporting: World, restamps: bool) -> None:
    """Though the provider tells it with another version than it answered with: that costs a look."""
    reporting.provider.restamps = restamps
    booked(reporting)
    reporting.tell(created(told=50, at=2))
    later(reporting)
    later(reporting)
    assert changes(reporting) == []
    assert reporting.reference().state == "synced"
    assert reporting.provider.calls["find_event"] == (2 if restamps else 0)
    assert reporting.provider.calls["put_event"] == 2


@pytest.mark.parametrize("restamps", [False, True])
def test_our_own_write_is_none_in_a_read_from_the_start(reporting: World, restamps: bool) -> None:
    reporting.provider.restamps = restamps
    booked(reporting)
    reporting.provider.expire_cursors()
    later(reporting)
    assert changes(reporting) == []


def test_a_write_that_is_under_way_is_judged_once_it_is_known(
    restoring: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calendar is read between the provider's answer and ours being written down."""
    put = MemoryConnector.put_event

    def read_meanwhile(self: MemoryConnector, *given: Any, **named: Any) -> Any:
        receipt = put(self, *given, **named)
        later(restoring)
        return receipt

    monkeypatch.setattr(MemoryConnector, "put_event", read_meanwhile)
    restoring.tell(created())
    restoring.tell(created(told=50, at=2))
    monkeypatch.undo()
    later(restoring)
    assert changes(restoring) == []
    assert restoring.work().outcomes == {}


def test_what_a_person_does_while_a_write_is_under_way_is_noticed(
    reporting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = MemoryConnector.put_event

    def moved_meanwhile(self: MemoryConnector, *given: Any, **named: Any) -> Any:
        receipt = put(self, *given, **named)
        move(reporting, receipt.id, hours=3)
        later(reporting)
        return receipt

    monkeypatch.setattr(MemoryConnector, "put_event", moved_meanwhile)
    reporting.tell(created())
    monkeypatch.undo()
    later(reporting)
    assert changes(reporting) == [("moved", "a")]


def test_a_cancelled_booking_has_nothing_to_drift(reporting: World) -> None:
    booked(reporting)
    reporting.tell(cancelled())
    later(reporting)
    later(reporting)
    assert changes(reporting) == []
    assert reporting.provider.calls["find_event"] == 0


def test_what_others_have_in_the_calendar_is_none_of_ours(reporting: World) -> None:
    booked(reporting)
    now = reporting.clock()
    key = reporting.provider.store_text(WORK, "x", foreign("x", now, now + timedelta(hours=1)))
    later(reporting)
    reporting.provider.discard(WORK, key)
    later(reporting)
    assert reporting.provider.calls["find_event"] == 0


# reporting


def test_an_event_that_was_moved_is_reported_with_both_times_and_stays(reporting: World) -> None:
    item = booked(reporting)
    before = reporting.event()
    move(reporting, item, hours=2)
    later(reporting)
    row = reporting.reference()
    assert (row.drift, row.state) == ("moved", "synced")
    assert f"{before.start:%Y-%m-%d %H:%MZ}" in row.drift_detail
    assert f"{before.start + timedelta(hours=2):%H:%MZ}" in row.drift_detail
    assert row.drifted_at == reporting.clock()
    later(reporting)
    reporting.work()
    assert changes(reporting) == [("moved", "a")]
    assert reporting.event().start == before.start + timedelta(hours=2)


def test_an_event_that_is_moved_again_is_reported_again(reporting: World) -> None:
    item = booked(reporting)
    for _ in range(2):
        move(reporting, item, hours=2)
        later(reporting)
    assert changes(reporting) == [("moved", "a"), ("moved", "a")]
    reporting.provider.discard(WORK, item)
    later(reporting)
    assert changes(reporting)[2:] == [("deleted", "a")]


def test_a_deleted_and_a_declined_event_are_reported(reporting: World) -> None:
    first, second = booked(reporting, "a"), booked(reporting, "b", at=3)
    reporting.provider.discard(WORK, first)
    reporting.provider.decline(WORK, second)
    later(reporting)
    assert sorted(changes(reporting)) == [("declined", "b"), ("deleted", "a")]
    assert {r.subject: r.drift for r in reporting.references()} == {"a": "deleted", "b": "declined"}
    reporting.provider.decline(WORK, second, declined=False)
    later(reporting)
    assert {r.subject: r.drift for r in reporting.references()} == {"a": "deleted", "b": ""}


def test_an_event_moved_out_of_what_is_read_is_moved_not_deleted(reporting: World) -> None:
    item = booked(reporting)
    move(reporting, item, days=4000)
    reporting.provider.expire_cursors()
    later(reporting)
    assert changes(reporting) == [("moved", "a")]


def test_what_a_person_writes_into_other_fields_is_theirs(restoring: World) -> None:
    item = booked(restoring)
    restoring.provider.edit(WORK, item, title="Mine", description="All of it", location="Here")
    later(restoring)
    assert changes(restoring) == []
    assert restoring.work().outcomes == {}
    assert restoring.event().title == "Mine"


def test_a_report_ends_when_the_calendar_agrees_again(reporting: World) -> None:
    item = booked(reporting)
    move(reporting, item, hours=2)
    later(reporting)
    move(reporting, item, hours=-2)
    later(reporting)
    row = reporting.reference()
    assert (row.drift, row.drift_detail, row.drifted_at) == ("", "", None)


def test_a_report_ends_with_the_next_thing_written(reporting: World) -> None:
    item = booked(reporting)
    move(reporting, item, hours=2)
    later(reporting)
    reporting.deliver(created(told=50, at=5))
    assert reporting.reference().drift == "moved"
    reporting.work()
    assert reporting.reference().drift == ""
    later(reporting)
    assert reporting.reference().drift == ""


# reads from the start, failures


def test_a_deletion_is_noticed_by_a_read_from_the_start_as_well(reporting: World) -> None:
    item = booked(reporting)
    reporting.provider.discard(WORK, item)
    reporting.provider.expire_cursors()
    later(reporting)
    assert changes(reporting) == [("deleted", "a")]


def test_what_a_read_from_the_start_cannot_tell_is_not_looked_for(reporting: World) -> None:
    booked(reporting)
    reporting.clock.advance(days=40)
    reporting.provider.discard(WORK, item_of(reporting))
    reporting.provider.expire_cursors()
    reporting.read()
    assert changes(reporting) == []
    assert reporting.provider.calls["find_event"] == 0


def test_a_calendar_that_cannot_be_read_has_lost_nothing(reporting: World) -> None:
    item = booked(reporting)
    reporting.provider.expire_cursors()
    for _ in range(3):
        reporting.provider.fail_next("changes", RetryError("down"), times=4)
        later(reporting)
    assert reporting.provider.calls["find_event"] == 0
    assert item == item_of(reporting)


@pytest.mark.parametrize("error", [RetryError("down"), ConflictError("busy"), ReconnectError("refused")])
def test_an_event_that_cannot_be_looked_at_now_is_looked_at_later(reporting: World, error: ProviderError) -> None:
    """And what it is busy with is known all the same."""
    item = booked(reporting)
    before = reporting.calendar(WORK).as_of
    move(reporting, item, hours=2)
    reporting.provider.fail_next("find_event", error)
    later(reporting)
    assert changes(reporting) == []
    assert reporting.calendar(WORK).as_of != before
    assert reporting.calendar(WORK).error == ""
    (told,) = reporting.log(subject="a", limit=1)
    assert (told.operation, told.outcome, told.code) == ("calendar-change", "retry", error.code)
    later(reporting)
    assert changes(reporting) == [("moved", "a")]
    later(reporting)
    assert reporting.provider.calls["find_event"] == 2


def test_an_event_that_is_not_shown_is_said_so_once_and_looked_at_again_hours_later(reporting: World) -> None:
    first, second = booked(reporting, "a"), booked(reporting, "b", at=3)
    reporting.provider.fail_next("find_event", ForbiddenError("not yours"))
    move(reporting, first, hours=2)
    reporting.clock.advance(seconds=1)
    move(reporting, second, hours=2)
    later(reporting)
    later(reporting)
    assert len(changes(reporting)) == 1
    assert reporting.provider.calls["find_event"] == 2
    assert [r.code for r in reporting.log() if r.operation == "calendar-change" and r.outcome == "failed"] == [
        "forbidden"
    ]
    reporting.clock.advance(hours=6)
    later(reporting)
    assert len(changes(reporting)) == 2


def test_a_crash_before_looking_loses_nothing(reporting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    item = booked(reporting)
    move(reporting, item, hours=2)
    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.drift.Drifts.look", lambda *_: None)
        later(reporting)
    assert changes(reporting) == []
    later(reporting)
    assert changes(reporting) == [("moved", "a")]


def test_what_is_told_while_it_is_looked_at_is_looked_at_again(
    reporting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = booked(reporting)
    find = MemoryConnector.find_event

    def touched_meanwhile(self: MemoryConnector, *given: Any) -> Any:
        monkeypatch.setattr(MemoryConnector, "find_event", find)
        found = find(self, *given)
        move(reporting, item, hours=5)
        with monkeypatch.context() as patch:
            patch.setattr("syncd.engine.drift.Drifts.look", lambda *_: None)
            later(reporting)
        return found

    move(reporting, item, hours=2)
    monkeypatch.setattr(MemoryConnector, "find_event", touched_meanwhile)
    later(reporting)
    later(reporting)
    assert f"to {reporting.event().start:%Y-%m-%d %H:%MZ}" in reporting.reference().drift_detail


# restoring


@pytest.mark.parametrize("restamps", [False, True])
@pytest.mark.parametrize("deed", ["moved", "deleted"])
def test_what_a_person_did_is_put_back_where_that_is_the_rule(restoring: World, deed: str, restamps: bool) -> None:
    restoring.provider.restamps = restamps
    item = booked(restoring)
    wanted = restoring.event()
    if deed == "moved":
        move(restoring, item, hours=2)
    else:
        restoring.provider.discard(WORK, item)
    later(restoring)
    assert restoring.work().outcomes == {"done": 1}
    assert restoring.event() == wanted
    assert (item_of(restoring) == item) == (deed == "moved")
    later(restoring)
    later(restoring)
    assert restoring.work().outcomes == {}
    assert changes(restoring) == [(deed, "a")]
    row = restoring.reference()
    assert (row.state, row.drift) == ("synced", "")


def test_only_event_types_that_say_so_are_put_back(restoring: World) -> None:
    item = booked(restoring, eventTypeId=4)
    restoring.provider.discard(WORK, item)
    later(restoring)
    restoring.work()
    assert restoring.events() == []
    assert restoring.reference().drift == "deleted"


def test_who_insists_is_let_be(restoring: World) -> None:
    booked(restoring)
    wanted = restoring.event()
    for _ in range(4):
        move(restoring, item_of(restoring), hours=2)
        later(restoring)
        restoring.work()
    assert restoring.event().start == wanted.start + timedelta(hours=2)
    assert restoring.reference().drift == "moved"
    assert restoring.provider.calls["put_event"] == 4
    restoring.clock.advance(hours=2)
    move(restoring, item_of(restoring), hours=2)
    later(restoring)
    restoring.work()
    assert restoring.event() == wanted


def test_an_answer_to_an_invitation_is_not_undone(restoring: World) -> None:
    item = booked(restoring)
    restoring.provider.decline(WORK, item)
    later(restoring)
    assert restoring.work().outcomes == {}
    assert restoring.reference().drift == "declined"
    assert restoring.provider.calendars[WORK][item].declined


@pytest.mark.parametrize("policy", list(DriftPolicy))
def test_an_event_deleted_before_a_change_of_its_booking_follows_the_policy_too(
    open_world: Callable[[DriftPolicy], World], policy: DriftPolicy
) -> None:
    """The write finds out first, and parks."""
    world = open_world(policy)
    item = booked(world)
    world.provider.discard(WORK, item)
    world.tell(created(told=50, at=5))
    assert world.reference().state == "parked"
    later(world)
    world.work()
    row = world.reference()
    if policy is DriftPolicy.RESTORE:
        assert (row.state, row.drift) == ("synced", "")
        assert world.event().start == week(0, 5)
    else:
        assert (row.state, row.drift, row.error_code) == ("parked", "deleted", references.EVENT_GONE)
        assert world.events() == []


def test_a_booking_that_changes_while_its_event_is_looked_at_decides(
    restoring: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = booked(restoring)
    find = MemoryConnector.find_event

    def rebooked_meanwhile(self: MemoryConnector, *given: Any) -> Any:
        found = find(self, *given)
        restoring.tell(created(told=50, at=5))
        return found

    move(restoring, item, hours=2)
    monkeypatch.setattr(MemoryConnector, "find_event", rebooked_meanwhile)
    later(restoring)
    monkeypatch.undo()
    assert restoring.event().start == week(0, 5)
    assert changes(restoring) == []
    later(restoring)
    assert restoring.work().outcomes == {}


# series


def test_a_series_is_watched_as_a_whole(reporting: World) -> None:
    for number in range(4):
        reporting.tell(weekly(number))
    later(reporting)
    item = item_of(reporting)
    reporting.provider.edit(WORK, item, rrule="FREQ=WEEKLY;COUNT=2")
    later(reporting)
    assert "COUNT=2" in reporting.reference().drift_detail
    moved = Occurrence(original=week(1), start=week(1, 1), end=week(1, 2))
    reporting.provider.edit(WORK, item, rrule="FREQ=WEEKLY;COUNT=4", occurrences=(moved,))
    later(reporting)
    assert f"{week(1):%Y-%m-%d %H:%MZ}" in reporting.reference().drift_detail
    reporting.provider.discard(WORK, item)
    later(reporting)
    assert [code for code, _ in changes(reporting)] == ["moved", "moved", "deleted"]
