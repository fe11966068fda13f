"""A process that refreshes tokens, driven by lines of JSON: `python -m tokens.process`.

First line in: its task. Then one line a round, answered by one line: what each thread got. It says when it waits for
another process, and kills itself (SIGKILL) at the step the task names.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from syncd.errors import ProviderError
from syncd.model.result import Operation, SyncResult
from syncd.testing.memory import MemoryProvider
from syncd.vault import parse_keys

from .rented import Desk, SetClock, open_desk, rented_spec


class DyingSink:
    """Kills the process once a refresh is committed."""

    def accept(self, results: Sequence[SyncResult]) -> None:
        if any(r.operation is Operation.REFRESH for r in results):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tell(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def get(desk: Desk, connection_id: int, barrier: threading.Barrier, number: int) -> str:
    """The access token, by a call to the provider or by asking for it."""
    barrier.wait(30)
    try:
        if number % 2:
            desk.probe(connection_id)
        return str(desk.tokens.fresh_credential(connection_id)["access_token"])
    except ProviderError as error:
        return error.code


def main() -> None:
    task = json.loads(sys.stdin.readline())
    clock = SetClock(datetime.fromisoformat(task["now"]))
    dies = task.get("dies", "")
    spec = rented_spec(task["issuer"], MemoryProvider(), clock, around=lambda step: die() if step == dies else None)
    waiting = threading.Event()

    def pause(seconds: float) -> None:
        tell(waiting=True)
        waiting.wait(seconds)

    with ExitStack() as stack:
        ring = parse_keys(task["keys"], "task")
        sinks = (DyingSink(),) if dies == "stored" else ()
        desk = open_desk(stack, task["database"], ring, clock, spec, sinks=sinks, pause=pause)
        threads = stack.enter_context(ThreadPoolExecutor(task["threads"]))
        for line in sys.stdin:
            clock.now = datetime.fromisoformat(json.loads(line)["now"])
            barrier = threading.Barrier(task["threads"])
            got = threads.map(lambda n, b=barrier: get(desk, task["connection"], b, n), range(task["threads"]))
            tell(got=list(got))


if __name__ == "__main__":
    main()
