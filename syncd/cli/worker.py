"""`syncd worker`."""

from __future__ import annotations

import os

import typer

from .context import context_of


def worker(context: typer.Context) -> int:
    """Lend hands to the daemons on the same PostgreSQL database, on any machine, until SIGTERM or Ctrl-C."""
    from syncd.engine.fleet import work_until_stopped

    with context_of(context).runtime(daemon=True) as runtime:
        return work_until_stopped(runtime, os.environ)
