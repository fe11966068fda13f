"""Claimed work through threads, and its ends committed in groups.

One thread claims, hands out and commits; the workers only call providers. Each turn is one transaction that writes down
every end that came in during the last one and claims as much as there are free hands. So a slow disk makes groups, not
queues, and every end is durable one commit after the provider's answer.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def pump(
    executor: Executor,
    hands: int,
    turn: Callable[[Sequence[R], int], Sequence[J]],
    perform: Callable[[J], R],
) -> None:
    """Work until nothing is left to claim.

    `turn(ends, free)` writes down `ends` and claims at most `free` jobs. `perform` must not raise: what goes wrong is
    part of its result.
    """
    ends: queue.SimpleQueue[R] = queue.SimpleQueue()

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
        collected = [ends.get()]
        while not ends.empty():
            collected.append(ends.get_nowait())
        running -= len(collected)
