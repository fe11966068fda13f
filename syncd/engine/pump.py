"""Claimed work through threads, and its ends committed in groups.

One thread claims, hands out and commits; the workers only call providers. Each turn is one transaction that writes down
every end that came in during the last one and claims as much as there are free hands. So a slow disk makes groups, not
queues, and every end is durable one commit after the provider's answer.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Bell:
    """Wakes a pump that waits for its workers, so that it claims new work at once."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] | None = None

    def ring(self) -> None:
        """Wake the pump, if one is running. From any thread."""
        waiting = self._queue
        if waiting is not None:
            waiting.put(RING)

    def listen(self, waiting: queue.SimpleQueue[Any] | None) -> None:
        """Ring on this queue from now on; None: on none."""
        self._queue = waiting


RING = object()
LOOK_AGAIN_S = 1.0
"""How long slow calls in hand may keep a pump from claiming what has become due since."""


def pump(
    executor: Executor,
    hands: int,
    turn: Callable[[Sequence[R], int], Sequence[J]],
    perform: Callable[[J], R],
    bell: Bell | None = None,
) -> None:
    """Work until nothing is left to claim.

    `turn(ends, free)` writes down `ends` and claims at most `free` jobs. `perform` must not raise: what goes wrong is
    part of its result. `bell` asks for a turn before the next end comes in.
    """
    ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
    bell = bell or Bell()
    bell.listen(ends)
    try:
        _pump(executor, hands, turn, perform, ends)
    finally:
        bell.listen(None)


def _pump(
    executor: Executor,
    hands: int,
    turn: Callable[[Sequence[R], int], Sequence[J]],
    perform: Callable[[J], R],
    ends: queue.SimpleQueue[Any],
) -> None:
    def work(job: J) -> None:
        ends.put(perform(job))

    running = 0
    collected: list[R] = []
    while True:
        for job in turn(collected, hands - running):
            executor.submit(work, job)
            running += 1
        if not running:
            return
        collected = [end for end in _waiting(ends) if end is not RING]
        running -= len(collected)


def _waiting(ends: queue.SimpleQueue[Any]) -> list[Any]:
    """Everything that is there; waits for something, but not for as long as a provider may."""
    try:
        found = [ends.get(timeout=LOOK_AGAIN_S)]
    except queue.Empty:
        return []
    while not ends.empty():
        found.append(ends.get_nowait())
    return found
