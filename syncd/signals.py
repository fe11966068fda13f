"""Waiting for the signal that ends a process."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def end_awaited() -> Iterator[Callable[[], None]]:
    """Catch SIGTERM and SIGINT while this is open; gives what returns once one of them came, before or after its call.

    Of the main thread only. The byte that CPython writes for each signal is waited for: the signal may reach any thread
    at any moment, where a handler, a lock or `sigwait` in this one can miss it.
    """
    came, told = socket.socketpair()
    told.setblocking(False)
    with came, told:
        descriptor = signal.set_wakeup_fd(told.fileno())
        before = {number: signal.signal(number, lambda *_: None) for number in ENDS}
        try:
            yield lambda: _wait(came)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(descriptor)


def _wait(came: socket.socket) -> None:
    while came.recv(1)[0] not in ENDS:  # other signals that have a handler write their numbers as well
        pass
