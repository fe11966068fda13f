"""Deliveries into the inbox, durable before they are answered, in group commits.

One thread writes. While one transaction is being committed others gather, and the next transaction takes them all: a
commit costs the same for one as for a hundred, and so does telling the event loop.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

from syncd.errors import StoreError
from syncd.model.clock import Clock
from syncd.store import inbox
from syncd.store.database import Database
from syncd.store.inbox import Arrival

MAX_GROUP = 500


class _Group:
    """Deliveries of one transaction; `done` is done once it is committed."""

    __slots__ = ("arrivals", "done")

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.done: Future[None] = Future()


class Arrivals:
    """Writes deliveries into the inbox. Safe for several threads; close it to write what waits and end."""

    def __init__(self, database: Database, clock: Clock, arrived: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._clock = clock
        self._arrived = arrived
        self._lock = threading.Lock()
        self._open = _Group()
        self._full: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="syncd-arrivals", daemon=True)
        self._thread.start()

    def put(self, arrival: Arrival) -> Future[None]:
        """A future that is done once the delivery is committed; it raises what the store raised.

        It is that of the whole group: never cancel it.
        """
        with self._lock:
            group = self._open
            group.arrivals.append(arrival)
            if len(group.arrivals) == 1:
                self._full.put(group)
            elif len(group.arrivals) == MAX_GROUP:
                self._open = _Group()
        return group.done

    def close(self) -> None:
        """Write what waits, then end."""
        self._full.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (group := self._full.get()) is not None:
            with self._lock:
                if group is self._open:
                    self._open = _Group()
            self._write(group)

    def _write(self, group: _Group) -> None:
        try:
            self._store(group)
        except Exception as error:
            group.done.set_exception(error)
            return
        group.done.set_result(None)
        self._arrived()

    def _store(self, group: _Group) -> None:
        """Store a group; once more after an error that may pass, as when two daemons wait for each other."""
        for last in (False, True):
            try:
                with self._database.each() as connection:
                    inbox.store(connection, group.arrivals, self._clock())
                return
            except StoreError:
                if last:
                    raise
