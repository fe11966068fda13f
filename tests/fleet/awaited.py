"""A sink of results that is waited for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from syncd.model.result import SyncResult

PATIENCE_S = 60.0


class Awaited:
    """Takes results of several engines until there are as many as expected."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._condition = threading.Condition()
        self.results: list[SyncResult] = []

    def accept(self, results: Sequence[SyncResult]) -> None:
        with self._condition:
            self.results.extend(results)
            self._condition.notify_all()

    def wait(self) -> None:
        """Until all are there."""
        with self._condition:
            assert self._condition.wait_for(lambda: len(self.results) >= self._expected, PATIENCE_S), self.results
