"""Deliveries into the inbox, durable before they are answered, in group commits.

One thread writes. While one transaction is being committed others queue up, and the next transaction takes them all: a
commit costs the same for one as for a hundred.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from syncd.model.clock import Clock
from syncd.store import inbox
from syncd.store.database import Database
from syncd.store.inbox import Arrival

MAX_GROUP = 500


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrival: Arrival
    done: Future[None]


class Arrivals:
    """Writes deliveries into the inbox. Safe for several threads; close it to write what waits and end."""

    def __init__(self, database: Database, clock: Clock, arrived: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._clock = clock
        self._arrived = arrived
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="syncd-arrivals", daemon=True)
        self._thread.start()

    def put(self, arrival: Arrival) -> Future[None]:
        """A future that is done once the delivery is committed; it raises what the store raised."""
        done: Future[None] = Future()
        self._waiting.put(_Waiting(arrival, done))
        return done

    def close(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            group, last = self._group()
            if group:
                self._write(group)
            if last:
                return

    def _group(self) -> tuple[list[_Waiting], bool]:
        """Whatever waits, at least one; and whether it is the last."""
        group: list[_Waiting] = []
        item = self._waiting.get()
        while item is not None:
            group.append(item)
            if len(group) == MAX_GROUP or self._waiting.empty():
                return group, False
            item = self._waiting.get()
        return group, True

    def _write(self, group: list[_Waiting]) -> None:
        try:
            with self._database.write() as session:
                inbox.put(session, [w.arrival for w in group], self._clock())
        except Exception as error:
            for waiting in group:
                waiting.done.set_exception(error)
            return
        for waiting in group:
            waiting.done.set_result(None)
        self._arrived()
