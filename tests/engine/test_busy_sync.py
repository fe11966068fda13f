"""Reading busy times: what is known stays known, and says since when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from syncd.errors import NotFoundError, ReconnectError, ResyncError, RetryError, WaitUntilError
from syncd.model.busy import BusyState
from syncd.model.calendar import ChangePage, ItemChange
from syncd.model.connection import ConnectionState
from syncd.settings import Busy
from syncd.testing.memory import MemoryConnector

from .deliveries import created
from .world import WORK, World, foreign


@pytest.fixture
def reader(world: World) -> World:
    """Anna's calendar `work` is checked for conflicts and has been read once; it holds one appointment of an hour."""
    world.provider.add_calendar(WORK)
    appoint(world, "dentist", 10)
    world.person(destination="")
    world.read()
    return world


def appoint(world: World, uid: str, hour: float, day: int = 3, length: float = 1, *lines: str) -> None:
    """An appointment that Anna makes with a client of her own, on the clock's day plus `day`."""
    window = world.window(hour, length, day)
    world.provider.store_text(WORK, uid, foreign(uid, window.start, window.end, *lines))


def known(world: World, day: int = 3) -> list[float]:
    """The hours at which she is busy that day."""
    window = world.window(day=day)
    return [(start - window.start) / timedelta(hours=1) for start, _ in world.ask(window).busy]


def test_a_first_read_brings_everything_in_the_window(reader: World) -> None:
    assert known(reader) == [10]
    row = reader.calendar(WORK)
    assert row.as_of == reader.clock()
    midnight = reader.window().start
    assert (row.coverage_start, row.coverage_end) == (midnight - timedelta(days=7), midnight + timedelta(days=180))


def test_nothing_changed_costs_one_call_and_writes_no_log(reader: World) -> None:
    reader.provider.calls.clear()
    logged = len(reader.log())
    reader.clock.advance(minutes=10)
    report = reader.read()
    assert report.outcomes == {"unchanged": 1}
    assert dict(reader.provider.calls) == {"changes": 1}
    assert len(reader.log()) == logged
    assert reader.calendar(WORK).as_of == reader.clock()


def test_a_calendar_is_read_once_per_period(reader: World) -> None:
    assert not reader.read().outcomes
    reader.clock.advance(minutes=6)
    assert reader.read().outcomes.total() == 1


def test_everything_is_read_when_a_person_asks(reader: World) -> None:
    assert reader.read(everything=True).outcomes.total() == 1


def test_changes_replace_what_was_known_of_their_items(reader: World) -> None:
    appoint(reader, "lunch", 12)
    appoint(reader, "dentist", 15)
    reader.read(everything=True)
    assert known(reader) == [12, 15]
    reader.provider.discard(WORK, "foreign-lunch")
    reader.read(everything=True)
    assert known(reader) == [15]


def test_a_dead_cursor_is_read_from_the_start_at_once(reader: World) -> None:
    generation = reader.calendar(WORK).generation
    reader.provider.discard(WORK, "foreign-dentist")
    appoint(reader, "lunch", 12)
    reader.provider.expire_cursors()
    assert reader.read(everything=True).outcomes == {"done": 1}
    assert known(reader) == [12]
    assert reader.calendar(WORK).generation == generation + 1


def test_a_provider_that_refuses_even_a_read_from_the_start_is_named(reader: World) -> None:
    reader.provider.fail_next("changes", ResyncError("Start again."), times=2)
    assert reader.read(everything=True).outcomes == {"failed": 1}
    assert "even a read from the start" in reader.calendar(WORK).error
    assert known(reader) == [10]


def test_a_failed_read_keeps_what_was_known_with_its_age(reader: World) -> None:
    before = reader.calendar(WORK)
    reader.clock.advance(minutes=10)
    reader.provider.fail_next("changes", RetryError("Busy."))
    reader.read()
    row = reader.calendar(WORK)
    assert (row.as_of, row.cursor, row.generation) == (before.as_of, before.cursor, before.generation)
    assert (row.failures, row.error, row.error_code) == (1, "Busy.", "unavailable")
    assert known(reader) == [10]


def test_failed_reads_are_tried_again_less_and_less_often(reader: World) -> None:
    reader.provider.fail_next("changes", RetryError("Busy."), times=12)
    waits = []
    for _ in range(12):
        reader.read(everything=True)
        row = reader.calendar(WORK)
        assert row.sync_at is not None
        waits.append((row.sync_at - reader.clock()) / timedelta(minutes=1))
    assert 0.25 <= waits[0] <= 0.5
    assert 15 <= waits[-1] <= 30
    reader.read(everything=True)
    row = reader.calendar(WORK)
    assert (row.failures, row.error_code, row.failed_at) == (0, "", None)


def test_a_time_the_provider_names_is_waited_for(reader: World) -> None:
    until = reader.clock() + timedelta(hours=2)
    reader.provider.fail_next("changes", WaitUntilError("Slow down.", retry_at=until))
    reader.read(everything=True)
    assert reader.calendar(WORK).sync_at == until


def test_a_refused_credential_stops_the_reads_until_it_is_mended(reader: World) -> None:
    reader.provider.password = "new"
    reader.read(everything=True)
    assert reader.connection(1).state == ConnectionState.INVALID
    reader.provider.calls.clear()
    reader.clock.advance(hours=3)
    assert not reader.read().outcomes
    appoint(reader, "lunch", 12)
    reader.runtime.accounts.reconnect(1, {"password": "new"})
    reader.read(everything=True)
    assert known(reader) == [10, 12]


def test_one_calendar_that_fails_delays_no_other(reader: World) -> None:
    reader.provider.add_calendar("other")
    reader.runtime.accounts.refresh_calendars(1)
    reader.select("other")
    del reader.provider.calendars["other"]
    appoint(reader, "lunch", 12)
    assert reader.read(everything=True).outcomes == {"failed": 1, "done": 1}
    assert reader.calendar("other").error_code == "not_found"
    assert [t.start for t in reader.ask(reader.window(day=3)).calendars[0].times] == [
        reader.window(hour, day=3).start for hour in (10, 12)
    ]


def test_a_calendar_that_is_gone_is_named_with_advice(reader: World) -> None:
    reader.provider.fail_next("changes", NotFoundError("No such calendar."))
    reader.read(everything=True)
    assert "syncd calendars list --refresh" in reader.calendar(WORK).remedy


def test_what_is_known_moves_with_the_days(reader: World) -> None:
    """What lay beyond the horizon comes into sight without having changed."""
    appoint(reader, "far", 10, day=200)
    reader.read(everything=True)
    end = reader.calendar(WORK).coverage_end
    assert end is not None
    reader.clock.advance(days=30)
    reader.read()
    row = reader.calendar(WORK)
    assert row.coverage_end == end + timedelta(days=30)
    assert row.coverage_start == reader.window().start - timedelta(days=7)
    assert known(reader, day=170) == [10]


def test_a_loss_the_cursor_hides_is_repaired_by_the_audit(reader: World) -> None:
    """The provider takes an item out without ever telling."""
    del reader.provider.calendars[WORK]["foreign-dentist"]
    reader.clock.advance(hours=1)
    reader.read()
    assert known(reader) == [10]
    reader.clock.advance(hours=24)
    reader.read()
    assert known(reader, day=2) == []
    assert "1 of them missed" in reader.log(operation="busy-sync")[-1].detail


def test_our_own_bookings_are_read_back_as_busy(world: World) -> None:
    world.person()
    world.tell(created())
    world.read(everything=True)
    assert known(world) == [9]


def test_a_calendar_of_many_pages_is_read_whole(world: World) -> None:
    world.provider.add_calendar(WORK)
    for n in range(450):
        appoint(world, f"n{n}", n % 24, day=n // 24, length=0.5)
    world.person(destination="")
    world.read()
    answer = world.ask(world.window(hours=24 * 20))
    assert len(answer.calendars[0].times) == 450


def test_a_read_that_broke_off_shows_nothing_of_itself_and_leaves_nothing(
    reader: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import func, select

    from syncd.store import busy

    for n in range(250):
        appoint(reader, f"n{n}", 12, day=4 + n % 100)
    whole = MemoryConnector.changes

    def broken(*arguments: Any, **named: Any) -> Any:
        for number, page in enumerate(whole(*arguments, **named)):
            if number == 2:
                raise RetryError("The line went dead.")
            yield page

    reader.provider.expire_cursors()
    with monkeypatch.context() as patch:
        patch.setattr(MemoryConnector, "changes", broken)
        reader.read(everything=True)
    assert (known(reader), known(reader, day=4)) == ([10], [])
    reader.read(everything=True)
    assert (known(reader), known(reader, day=4)) == ([10], [12])
    with reader.runtime.database.read() as session:
        items = session.execute(select(func.count()).select_from(busy.items)).scalar_one()
    assert items == 251


def test_an_item_that_cannot_be_understood_is_counted_and_stops_no_other(reader: World) -> None:
    appoint(reader, "odd", 12, 3, 1, "RRULE:FREQ=NEVER")
    reader.read(everything=True)
    assert 10 in known(reader)


def test_a_calendar_no_longer_selected_is_no_longer_read(reader: World) -> None:
    from syncd.store import directory

    row = reader.calendar(WORK)
    with reader.runtime.database.write() as session:
        directory.select_calendar(session, row, False, reader.clock())
    reader.clock.advance(hours=1)
    assert not reader.read().outcomes


def test_stopping_takes_no_new_calendar(reader: World) -> None:
    reader.clock.advance(hours=1)
    assert not reader.read(stopping=lambda: True).outcomes
    assert reader.calendar(WORK).lease_owner is None


def test_the_state_of_what_is_known_is_told(reader: World) -> None:
    window = reader.window(day=3)
    assert reader.ask(window).calendars[0].state is BusyState.FRESH
    reader.clock.advance(minutes=Busy().stale_minutes + 1)
    assert reader.ask(window).calendars[0].state is BusyState.STALE


def test_an_unexpected_exception_of_a_connector_is_its_own_trouble_only(
    reader: World, monkeypatch: pytest.MonkeyPatch
) -> None:

    def broken(*_arguments: Any, **_named: Any) -> Any:
        raise KeyError("secret")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryConnector, "changes", broken)
        reader.read(everything=True)
    row = reader.calendar(WORK)
    assert (row.error_code, "secret" in row.error) == ("defect", False)
    reader.read(everything=True)
    assert reader.calendar(WORK).error == ""


def test_a_reconnect_lets_failed_calendars_be_read_again(reader: World) -> None:
    reader.provider.fail_next("changes", ReconnectError("Revoked."))
    reader.read(everything=True)
    reader.runtime.accounts.test(1)
    assert reader.connection(1).state == ConnectionState.ACTIVE


@pytest.mark.parametrize("begun", [True, False], ids=["in the middle", "before its first page"])
def test_a_reader_that_was_taken_over_changes_nothing(
    reader: World, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """Both write under the same next generation."""
    whole = MemoryConnector.changes

    def taken_over(
        connector: MemoryConnector, calendar: Any, window: Any, cursor: Any, known: Any, **named: Any
    ) -> Iterator[ChangePage]:
        monkeypatch.setattr(MemoryConnector, "changes", whole)
        old = list(whole(connector, calendar, window, None, known, **named))
        reader.provider.expire_cursors()
        if begun:
            yield ChangePage(full=True)
        appoint(reader, "dentist", 15)
        reader.clock.advance(minutes=11)
        assert reader.read(everything=True).outcomes == {"done": 1}
        yield from old

    monkeypatch.setattr(MemoryConnector, "changes", taken_over)
    assert reader.read(everything=True).outcomes == {"failed": 1}
    assert known(reader) == [15]
    row = reader.calendar(WORK)
    assert (row.failures, row.lease_owner) == (0, None)


def test_a_read_of_many_pages_stays_with_its_reader_as_long_as_it_stores_some(
    reader: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MemoryConnector.changes
    others = []

    def slow(*arguments: Any, **named: Any) -> Iterator[ChangePage]:
        for page in whole(*arguments, **named):
            yield page
            reader.clock.advance(minutes=4)
            others.append(reader.read(everything=True).outcomes.total())

    for n in range(250):
        appoint(reader, f"n{n}", 12, day=4 + n % 100)
    reader.provider.expire_cursors()
    monkeypatch.setattr(MemoryConnector, "changes", slow)
    assert "failed" not in reader.read(everything=True).outcomes
    assert others == [0] * len(others)
    assert len(others) > 2
    assert (known(reader), known(reader, day=4)) == ([10], [12])


def test_a_read_that_fails_after_its_first_page_gives_the_calendar_back(
    reader: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> Iterator[ChangePage]:
        yield ChangePage(full=True)
        reader.clock.advance(minutes=1)
        yield ChangePage(changed=(ItemChange(item="one", version="1", times=()),))
        raise RetryError("The line went dead.")

    monkeypatch.setattr(MemoryConnector, "changes", broken)
    assert reader.read(everything=True).outcomes == {"failed": 1}
    row = reader.calendar(WORK)
    assert (row.lease_owner, row.failures) == (None, 1)


def test_a_refusal_of_the_old_credential_breaks_no_connection_that_was_given_a_new_one(
    reader: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: Any, **_named: Any) -> Iterator[ChangePage]:
        reader.clock.advance(seconds=5)
        reader.runtime.accounts.reconnect(1, {"password": "right"})
        raise ReconnectError("Revoked.")

    monkeypatch.setattr(MemoryConnector, "changes", refused)
    assert reader.read(everything=True).outcomes == {"failed": 1}
    assert reader.connection(1).state == ConnectionState.ACTIVE
