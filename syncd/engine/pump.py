"""Claimed work through threads, and its ends committed in groups.

One thread claims, hands out and commits; the workers only call providers. Each turn is one transaction that writes down
every end that came in during the last one and claims as much as there are free hands. So a slow disk makes groups, not
queues, and every end is durable one commit after the provider's answer. While the store is away for a moment the ends
are kept: nobody else knows them.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

import structlog

from syncd.errors import StoreError

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

PAUSES_S = (0.1, 0.5, 2.0)
"""Before a turn that the store refused is tried again."""


def pump(
    executor: Executor,
    hands: int,
    turn: Callable[[Sequence[R], int], Sequence[J]],
    perform: Callable[[J], R],
    bell: Bell | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Work until nothing is left to claim.

    `turn(ends, free)` writes down `ends` and claims at most `free` jobs; when it raises StoreError, nothing is changed,
    and it is called again with the same ends. `perform` must not raise: what goes wrong is part of its result. `bell`
    asks for a turn before the next end comes in.

    Raises:
        StoreError: the store stayed away; the ends not written down are counted in the log, and their leases run out.
    """
    ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
    bell = bell or Bell()
    bell.listen(ends)
    try:
        _pump(executor, hands, _patient(turn, hands, pause), perform, ends)
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


def _patient(
    turn: Callable[[Sequence[R], int], Sequence[J]], hands: int, pause: Callable[[float], object]
) -> Callable[[Sequence[R], int], Sequence[J]]:
    """`turn`, tried again when the store refuses it and there is something to lose."""
    log = structlog.get_logger("syncd.pump")

    def patient(ends: Sequence[R], free: int) -> Sequence[J]:
        in_hand = hands - free
        for pause_s in PAUSES_S if ends or in_hand else ():
            try:
                return turn(ends, free)
            except StoreError as error:
                log.warning("the store is away, what was done is kept", ended=len(ends), error=str(error))
                pause(pause_s)
        try:
            return turn(ends, free)
        except StoreError:
            log.error("what was done is not written down", ended=len(ends), in_hand=in_hand)
            raise

    return patient


def _waiting(ends: queue.SimpleQueue[Any]) -> list[Any]:
    """Everything that is there; waits for something, but not for as long as a provider may."""
    try:
        found = [ends.get(timeout=LOOK_AGAIN_S)]
    except queue.Empty:
        return []
    while not ends.empty():
        found.append(ends.get_nowait())
    return found
