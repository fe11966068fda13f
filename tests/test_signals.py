"""A signal that ends a process is never missed, whichever thread it reaches and whenever it comes."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from syncd.signals import ENDS, end_awaited


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_that_came_before_the_wait_ends_it(number: signal.Signals) -> None:
    with end_awaited() as wait:
        os.kill(os.getpid(), number)
        wait()


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_that_reaches_another_thread_ends_the_wait(number: signal.Signals) -> None:
    with end_awaited() as wait:
        threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), number)).start()
        wait()


def test_other_signals_do_not_end_it() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: seen.append(number))
    try:
        with end_awaited() as wait:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            wait()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen == [signal.SIGHUP]


def test_what_was_before_is_there_again() -> None:
    before = [signal.getsignal(number) for number in ENDS]
    with end_awaited():
        assert [signal.getsignal(number) for number in ENDS] != before
    assert [signal.getsignal(number) for number in ENDS] == before
    assert signal.set_wakeup_fd(-1) == -1
