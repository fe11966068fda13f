"""One thread of this process at a time, per connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """Who has the turn of which connection."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._taken: set[int] = set()

    @contextmanager
    def turn(self, connection_id: int, deadline: float) -> Iterator[None]:
        """Have the turn of a connection while the block runs.

        Raises:
            TimeoutError: others had it until `deadline`.
        """
        with self._changed:
            while connection_id in self._taken:
                left = deadline - self._monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError
            self._taken.add(connection_id)
        try:
            yield
        finally:
            with self._changed:
                self._taken.discard(connection_id)
                self._changed.notify_all()
