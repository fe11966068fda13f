"""Busy times: what is read is always one whole state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import Session

from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import ItemChange, RemoteCalendar
from syncd.model.time import Window
from syncd.store import busy, directory
from syncd.store.busy import DueCalendar, LeaseLostError, Read
from syncd.store.database import Database
from syncd.store.owner import this_owner

from .rows import LATER, NOW, connected

WINDOW = Window(NOW, NOW + timedelta(days=30))
DEAD = this_owner().replace("|", "|9", 1)


def change(item: str, *hours: float, version: str = "v1", problem: str = "") -> ItemChange:
    """An item that makes busy at each of `hours` from now, for an hour."""
    times = tuple(
        BusyTime(NOW + timedelta(hours=h), NOW + timedelta(hours=h + 1), BusyKind.TENTATIVE, f"{item}@x") for h in hours
    )
    return ItemChange(item=item, version=version, times=times, problem=problem)


def read(calendar_id: int, generation: int, cursor: str | None = "c1", **changed: Any) -> Read:
    values = {
        "calendar_id": calendar_id,
        "lease_until": LATER,
        "generation": generation,
        "cursor": cursor,
        "coverage": WINDOW,
        "as_of": NOW,
        "audited_at": None,
        "sync_at": LATER,
        **changed,
    }
    return Read(**values)


def selected(database: Database, user_id: int = 1) -> int:
    """A calendar that is checked for conflicts, never read yet."""
    calendar_id = connected(database, user_id=user_id).calendar_id
    assert calendar_id is not None
    with database.write() as session:
        directory.select_calendar(session, directory.get_calendar(session, calendar_id), True, NOW)
    return calendar_id


def hold(session: Session, calendar_id: int) -> None:
    """As after a claim by this process that ends LATER."""
    held = update(busy.calendars).where(busy.calendars.c.id == calendar_id)
    session.execute(held.values(lease_owner=this_owner(), lease_until=LATER))


def store(database: Database, calendar_id: int, generation: int, *changes: ItemChange, removed: Any = ()) -> None:
    with database.write() as session:
        hold(session, calendar_id)
        busy.apply_changes(session, calendar_id, generation, changes, removed)
        busy.finish_read(session, read(calendar_id, generation))
        busy.forget_other_generations(session, calendar_id, generation)


def write_changes(database: Database, ended: Read, *changes: ItemChange) -> None:
    with database.write() as session:
        busy.apply_changes(session, ended.calendar_id, ended.generation, changes, ())
        busy.finish_read(session, ended)


def current(database: Database, calendar_id: int, window: Window = WINDOW) -> list[float]:
    """The hours from now at which a reader finds it busy."""
    with database.read() as session:
        generation = directory.get_calendar(session, calendar_id).generation
        found = busy.times(session, {calendar_id: generation}, window)[calendar_id]
    return sorted((t.start - NOW) / timedelta(hours=1) for t in found)


def claim(database: Database, owner: str = "me", now: Any = NOW, **arguments: Any) -> list[DueCalendar]:
    with database.write() as session:
        return busy.claim(session, now, owner, now + timedelta(minutes=10), **{"limit": 10, **arguments})


def test_times_come_back_as_they_were_stored(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("i", 2))
    with database.read() as session:
        found = busy.times(session, {calendar: 1}, WINDOW)
    start = NOW + timedelta(hours=2)
    assert found == {calendar: [BusyTime(start, start + timedelta(hours=1), BusyKind.TENTATIVE, "i@x")]}


def test_fractions_of_a_second_never_make_a_time_shorter(database: Database) -> None:
    calendar = selected(database)
    start, end = NOW + timedelta(seconds=10.7), NOW + timedelta(seconds=20.2)
    store(database, calendar, 1, ItemChange(item="i", version="v", times=(BusyTime(start, end),)))
    with database.read() as session:
        ((found,),) = busy.times(session, {calendar: 1}, WINDOW).values()
    assert (found.start, found.end) == (NOW + timedelta(seconds=10), NOW + timedelta(seconds=21))


def test_readers_see_the_old_state_until_a_full_read_ends(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("old", 1))
    for page in (change("a", 5), change("b", 6)):
        with database.write() as session:
            busy.apply_changes(session, calendar, 2, [page], ())
        assert current(database, calendar) == [1]
    with database.write() as session:
        hold(session, calendar)
        busy.apply_changes(session, calendar, 2, [change("c", 7)], ())
        busy.finish_read(session, read(calendar, 2, "c2"))
        busy.forget_other_generations(session, calendar, 2)
        session.flush()
        assert current(database, calendar) == [1]
    assert current(database, calendar) == [5, 6, 7]


def test_leftovers_of_a_read_that_never_ended_are_forgotten(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("old", 1))
    with database.write() as session:
        busy.apply_changes(session, calendar, 2, [change("half", 5)], ())
    with database.write() as session:
        busy.forget_other_generations(session, calendar, 1)
        for table in (busy.items, busy.busy_times):
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 1
    assert current(database, calendar) == [1]


def test_a_delta_and_its_cursor_are_one_transaction(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("a", 1), change("b", 2))
    try:
        with database.write() as session:
            hold(session, calendar)
            busy.apply_changes(session, calendar, 1, [change("a", 9)], ["b"])
            busy.finish_read(session, read(calendar, 1, "c9"))
            raise ConnectionError
    except ConnectionError:
        pass
    assert current(database, calendar) == [1, 2]
    with database.read() as session:
        assert directory.get_calendar(session, calendar).cursor == "c1"


def test_a_changed_item_replaces_all_it_caused(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("series", 1, 25, 49), change("other", 3))
    store(database, calendar, 1, change("series", 2))
    assert current(database, calendar) == [2, 3]
    store(database, calendar, 1, removed=["series"])
    assert current(database, calendar) == [3]


def test_an_item_told_twice_in_one_page_counts_once(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("i", 1), change("i", 2, version="v2"))
    assert current(database, calendar) == [2]
    with database.read() as session:
        assert busy.known_versions(session, calendar, 1) == {"i": "v2"}


def test_items_that_were_not_understood_are_counted(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("a", 1), change("b", problem="Unknown rule."), change("c", problem="No start."))
    with database.read() as session:
        assert directory.get_calendar(session, calendar).unread_items == 2


def test_more_items_than_fit_one_statement_are_stored(database: Database) -> None:
    calendar = selected(database)
    many = [change(f"i{n}", n % 24) for n in range(3000)]
    store(database, calendar, 1, *many)
    assert len(current(database, calendar)) == 3000
    store(database, calendar, 1, removed=[c.item for c in many[1:]])
    assert current(database, calendar) == [0]


def test_only_what_overlaps_the_window_is_found(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("i", 0, 1, 2, 3))
    assert current(database, calendar, Window(NOW + timedelta(hours=1), NOW + timedelta(hours=3))) == [1, 2]
    within = Window(NOW + timedelta(hours=1.25), NOW + timedelta(hours=1.5))
    assert current(database, calendar, within) == [1]


def test_a_calendar_is_read_by_one_at_a_time(database: Database) -> None:
    selected(database)
    assert len(claim(database, "me")) == 1
    assert claim(database, "you") == []
    assert len(claim(database, "you", NOW + timedelta(minutes=11))) == 1


def test_only_calendars_that_are_selected_and_there_are_read(database: Database) -> None:
    calendar = selected(database)
    with database.write() as session:
        directory.store_listing(session, 1, [], "block", NOW)
    assert claim(database) == []
    with database.write() as session:
        directory.store_listing(session, 1, [RemoteCalendar(id="work", name="Work")], "block", NOW)
    (due,) = claim(database)
    assert due.id == calendar
    assert due.owner_emails == {"user1@example.com"}


def test_a_claim_of_busy_reads_can_be_narrowed_and_is_limited(database: Database) -> None:
    for user_id in (1, 2, 3):
        selected(database, user_id)
    assert [c.connection_id for c in claim(database, connection_id=2)] == [2]
    assert len(claim(database, limit=1)) == 1


def test_leases_of_dead_readers_are_freed_and_of_living_ones_are_not(database: Database) -> None:
    for user_id in (1, 2):
        selected(database, user_id)
    claim(database, DEAD, limit=1)
    claim(database, this_owner(), limit=1)
    with database.write() as session:
        assert busy.release_dead(session, NOW) == 1
    assert len(claim(database)) == 1


def test_a_read_that_was_taken_over_stores_nothing(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("a", 1))
    (due,) = claim(database, this_owner(), now=LATER)
    (again,) = claim(database, this_owner(), now=LATER + timedelta(hours=1))
    late = read(calendar, 1, "c9", lease_until=due.lease_until)
    with pytest.raises(LeaseLostError):
        write_changes(database, late, change("a", 9))
    with database.write() as session:
        busy.finish_unchanged(session, [late])
        busy.fail_read(session, due, LATER, LATER, code="unavailable", error="Busy.", remedy="Wait.")
    assert current(database, calendar) == [1]
    with database.read() as session:
        row = directory.get_calendar(session, calendar)
    assert (row.cursor, row.failures, row.lease_until) == ("c1", 0, again.lease_until)


def test_one_connection_has_only_so_many_calendars_read_at_once(database: Database) -> None:
    first = selected(database)
    with database.write() as session:
        connection = directory.get_calendar(session, first).connection_id
        listing = [RemoteCalendar(id=f"more{n}", name=f"more{n}") for n in range(5)]
        for calendar in directory.store_listing(session, connection, listing, "block", NOW)[0]:
            directory.select_calendar(session, calendar, True, NOW)
    assert len(claim(database, per_connection=3, in_hand={connection: 1})) == 2
    assert claim(database, per_connection=3, in_hand={connection: 3}) == []
    assert len(claim(database, per_connection=3)) == 3


def test_a_failed_read_leaves_what_was_known(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("i", 1))
    (due,) = claim(database, this_owner(), now=LATER)
    with database.write() as session:
        busy.fail_read(session, due, LATER, LATER, code="unavailable", error="Busy.", remedy="Wait.")
    assert current(database, calendar) == [1]
    with database.read() as session:
        row = directory.get_calendar(session, calendar)
    assert (row.as_of, row.cursor, row.failures, row.error) == (NOW, "c1", 1, "Busy.")


def test_what_is_past_is_forgotten(database: Database) -> None:
    calendar = selected(database)
    store(database, calendar, 1, change("i", 1, 5))
    with database.write() as session:
        assert busy.forget_past(session, NOW + timedelta(hours=3)) == 1
    assert current(database, calendar) == [5]
