"""One thread at a time, per connection."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from syncd.engine.turns import Turns


def test_threads_take_turns() -> None:
    turns, inside, most = Turns(time.monotonic), [0], [0]

    def work(_: int) -> None:
        with turns.turn(1, time.monotonic() + 30):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.001)
            inside[0] -= 1

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(work, range(40)))
    assert most == [1]


def test_who_waited_too_long_is_told() -> None:
    turns = Turns(lambda: 10.0)
    with turns.turn(1, 20.0):
        with pytest.raises(TimeoutError), turns.turn(1, 10.0):
            pass
        with turns.turn(2, 10.0):
            pass
    with turns.turn(1, 10.0):
        pass
