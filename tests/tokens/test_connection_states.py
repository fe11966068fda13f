"""What moves a connection, and that the store moves it so."""

from __future__ import annotations

import pytest

from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.rules.connection import MOVES, ConnectionEvent, after
from syncd.store import directory

from .rented import Desk

WORKS, STOPPED, BROKEN = ConnectionState.ACTIVE, ConnectionState.PAUSED, ConnectionState.INVALID
TABLE = {
    ConnectionEvent.REFUSED: (BROKEN, STOPPED, BROKEN),
    ConnectionEvent.ACCEPTED: (WORKS, STOPPED, WORKS),
    ConnectionEvent.PUSHED: (WORKS, STOPPED, WORKS),
    ConnectionEvent.RECONNECTED: (WORKS, WORKS, WORKS),
    ConnectionEvent.PAUSED: (STOPPED, STOPPED, STOPPED),
    ConnectionEvent.RESUMED: (WORKS, WORKS, WORKS),
}
"""What follows from active, paused and invalid."""

EVERY = [(state, event) for event in ConnectionEvent for state in (WORKS, STOPPED, BROKEN)]


def test_the_table_names_every_event() -> None:
    assert set(MOVES) == set(ConnectionEvent) == set(TABLE)


@pytest.mark.parametrize(("state", "event"), EVERY)
def test_a_state_follows_from_the_table(state: ConnectionState, event: ConnectionEvent) -> None:
    assert after(state, event) == TABLE[event][(WORKS, STOPPED, BROKEN).index(state)]


def test_the_store_moves_connections_as_the_table_says(desk: Desk, connection: int, clock: Clock) -> None:
    for state, event in EVERY:
        with desk.database.write() as session:
            row = directory.get_connection(session, connection)
            row.state = state
            session.add(row)
            session.flush()
            moved = directory.move_connection(session, connection, event, clock(), reason="why", remedy="what")
        row = desk.row(connection)
        expected = after(state, event)
        assert row.state == expected
        assert moved == (expected != state)
        if moved:
            assert (row.broken_at is not None) == (expected == BROKEN)
            assert row.reason == "why"
