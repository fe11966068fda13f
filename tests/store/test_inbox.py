"""The inbox: each delivery once, in order of arrival."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from syncd.store import inbox
from syncd.store.database import Database
from syncd.store.inbox import Arrival, DeliveryState, Mark, digest

from .rows import NOW


def put(database: Database, *bodies: Any, **arguments: Any) -> int:
    with database.write() as session:
        return inbox.put(session, [Arrival(source="test", body=body) for body in bodies], NOW)


def stored(database: Database) -> list[tuple[int, str, int]]:
    table = inbox.deliveries
    with database.read() as session:
        found = session.execute(select(table.c.id, table.c.state, table.c.repeats).order_by(table.c.id))
        return [(row.id, row.state, row.repeats) for row in found]


def test_a_repeated_delivery_is_counted_and_kept_once(database: Database) -> None:
    assert put(database, {"a": 1}, {"a": 2}) == 2
    assert put(database, {"a": 1}) == 0
    assert put(database, {"a": 1}, {"a": 3}, {"a": 3}) == 1
    assert [repeats for _, _, repeats in stored(database)] == [2, 0, 1]


def test_the_same_content_is_the_same_delivery_however_it_is_written() -> None:
    one = Arrival(source="a", body={"x": 1, "y": [1, "ü"]})
    other = Arrival(source="b", body={"y": [1, "\u00fc"], "x": 1})
    assert digest(one.text) == digest(other.text)
    assert digest(one.text) != digest(Arrival(source="a", body={"x": 1, "y": ["ü", 1]}).text)


def test_a_repeat_keeps_what_became_of_the_first(database: Database) -> None:
    put(database, {"a": 1})
    with database.write() as session:
        inbox.mark(session, [Mark(delivery_id=1, state=DeliveryState.TAKEN)], NOW)
    put(database, {"a": 1})
    assert stored(database) == [(1, "taken", 1)]


def test_one_that_could_not_be_used_at_first_is_taken_up_when_it_comes_again_and_can_be(database: Database) -> None:
    raw = '{"a":1}'
    for state in (DeliveryState.QUARANTINED, DeliveryState.NEW):
        with database.each() as connection:
            inbox.store(connection, [Arrival(source="test", raw=raw, state=state)], NOW)
    assert stored(database) == [(1, "new", 1)]


def test_what_no_database_holds_fails_no_other_delivery(database: Database) -> None:
    bad = Arrival(source="test", raw="a\x00b\ud800", state=DeliveryState.QUARANTINED, reason="not JSON")
    with database.each() as connection:
        inbox.store(connection, [bad, Arrival(source="test", raw="{}")], NOW)
    assert [state for _, state, _ in stored(database)] == ["quarantined", "new"]


def test_deliveries_are_taken_in_order_of_arrival(database: Database) -> None:
    put(database, *[{"n": n} for n in range(7)])
    with database.read() as session:
        first = inbox.take(session, [DeliveryState.NEW], 3)
        second = inbox.take(session, [DeliveryState.NEW], 10, after=first[-1].id)
    assert [row.body for row in (*first, *second)] == [f'{{"n":{n}}}' for n in range(7)]


def test_nothing_put_is_nothing_stored(database: Database) -> None:
    assert put(database) == 0
    assert stored(database) == []


def test_only_what_is_done_is_forgotten(database: Database) -> None:
    put(database, *[{"n": n} for n in range(5)])
    states = (DeliveryState.NEW, DeliveryState.TAKEN, DeliveryState.IGNORED, DeliveryState.WAITING)
    with database.write() as session:
        every = enumerate((*states, DeliveryState.QUARANTINED), start=1)
        inbox.mark(session, [Mark(delivery_id=number, state=state) for number, state in every], NOW)
        assert inbox.forget(session, NOW) == 0
        assert inbox.forget(session, NOW + timedelta(seconds=1)) == 2
    assert [state for _, state, _ in stored(database)] == ["new", "waiting", "quarantined"]


def test_any_json_can_be_stored(database: Database) -> None:
    assert put(database, None, [], "text", 7, 1.5, {"\x00": "\ud800"}, {"long": "x" * 1_000_000}) == 7
