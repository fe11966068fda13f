"""References a second against a connector that answers at once: what the engine itself costs.

The yardstick takes the same rows out of the same table and marks them done with `sqlite3` alone, ten to a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from sqlalchemy import event

from syncd.connector.registry import Registry
from syncd.engine.runtime import Runtime
from syncd.testing.memory import APP, MemoryProvider, memory_spec

from .engine import choose, connect, database_file, deliveries, engine, tell
from .figures import Figure, cost_of, in_turn
from .postgres import PostgresServer, find_postgres

USERS = 20
GOAL_PER_S = 500.0
GROUP = 10


def _told(runtime: Runtime, provider: MemoryProvider, count: int) -> None:
    """References of `count` bookings, of users with a calendar each."""
    for n in range(1, USERS + 1):
        calendar = provider.add_calendar(f"calendar-{n}")
        connect(runtime, n, {}, APP)
        choose(runtime, n, [calendar], destination=True)
    tell(runtime, deliveries(count, USERS))


class _Claims:
    """Counts the transactions of a run."""

    def __init__(self, runtime: Runtime) -> None:
        self.count = 0
        event.listen(runtime.database.engine, "commit", self._committed)

    def _committed(self, _connection: object) -> None:
        self.count += 1


def ours(count: int, groups: list[float], database_url: str = "") -> float:
    """References a second. `groups` is given how many there were to a transaction."""
    provider = MemoryProvider()
    registry = Registry(specs={APP: memory_spec(provider)})
    with engine(registry=registry, database_url=database_url) as runtime:
        _told(runtime, provider, count)
        claims = _Claims(runtime)
        cost = cost_of(lambda: runtime.reconciler.run(runtime.executor))
        assert provider.calls["put_event"] == count, provider.calls
        groups.append(count / claims.count)
        return count / cost.seconds


def bare(count: int) -> float:
    """Rows a second."""
    provider = MemoryProvider()
    with engine(registry=Registry(specs={APP: memory_spec(provider)})) as runtime:
        _told(runtime, provider, count)
        with closing(sqlite3.connect(database_file(runtime), isolation_level=None)) as connection:
            connection.execute("pragma synchronous=full")
            return count / cost_of(lambda: _take_all(connection)).seconds


def _take_all(connection: sqlite3.Connection) -> None:
    while rows := _due(connection):
        ids = [row[0] for row in rows]
        _commit(connection, "update booking_references set lease_owner = 'me', attempted = 1 where id = ?", ids)
        done = "update booking_references set lease_owner = null, state = 'synced', receipt = '{}' where id = ?"
        _commit(connection, done, ids)


def _due(connection: sqlite3.Connection) -> Sequence[tuple[int, str]]:
    query = "select id, desired from booking_references where state = 'pending' order by due_at limit ?"
    return connection.execute(query, (GROUP,)).fetchall()


def _commit(connection: sqlite3.Connection, statement: str, ids: list[int]) -> None:
    connection.execute("begin immediate")
    connection.executemany(statement, [(i,) for i in ids])
    connection.execute("commit")


def measure(quick: bool = False) -> list[Figure]:
    """On SQLite, and on PostgreSQL where there is one."""
    count, rounds = (500, 3) if quick else (2000, 5)
    groups: list[float] = []
    rate, floor = in_turn(rounds, lambda: ours(count, groups), lambda: bare(count))
    figures = [_figure("SQLite", rate, floor, groups)]
    if binaries := find_postgres():
        with PostgresServer(binaries) as server:
            groups = []
            (rate,) = in_turn(rounds, lambda: ours(count, groups, server.new_database()))
        figures.append(_figure("PostgreSQL", rate, None, groups))
    return figures


def _figure(database: str, rate: float, floor: float | None, groups: list[float]) -> Figure:
    goal = database == "SQLite"
    return Figure(
        name=f"reconcile, instant connector, {database}",
        measured=rate,
        unit="references/s",
        yardstick=f"sqlite3 alone, {GROUP} a commit" if floor else "",
        yardstick_value=floor,
        ratio=rate / floor if floor else None,
        goal=f"at least {GOAL_PER_S:g}" if goal else "",
        met=rate >= GOAL_PER_S and min(groups) > 1 if goal else None,
        detail=f"{sum(groups) / len(groups):.1f} references a commit",
    )
