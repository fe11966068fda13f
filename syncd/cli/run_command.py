"""`syncd run`."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from .context import context_of


def run(
    context: typer.Context,
    for_seconds: Annotated[float | None, typer.Option(hidden=True, help="Stop by itself; for tests.")] = None,
) -> None:
    """Run the scheduler until SIGTERM or Ctrl-C: take in, write, read busy times, sweep, clean up."""
    from syncd.engine.scheduler import Scheduler

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with context_of(context).runtime() as runtime:
        scheduler = Scheduler(runtime)
        scheduler.start()
        try:
            stop.wait(for_seconds)
        finally:
            scheduler.stop()
