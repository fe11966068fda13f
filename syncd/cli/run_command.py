"""`syncd run`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from .context import Context, context_of
from .lean import import_lean


def run(
    context: typer.Context,
    no_work: Annotated[
        bool, typer.Option("--no-work", help="Serve and tick only; `syncd worker` calls the providers. PostgreSQL.")
    ] = False,
) -> int:
    """Run the daemon until SIGTERM or Ctrl-C: take in, write, read busy times, serve HTTP. SIGHUP reloads."""
    import_lean()
    from syncd.api.daemon import Daemon

    from .logging import configure

    own = context_of(context)
    configure(own.settings.log)
    return Daemon(own.settings, own.ring(), os.environ, lambda: _load(own.config), works=not no_work).run()


def _load(config: str | None) -> None:
    """Load everything a start would: whatever is wrong is raised before the running configuration is let go."""
    from syncd.api.server import webhook_signatures
    from syncd.engine.platform_access import load_access

    fresh = Context(config)
    fresh.ring()
    webhook_signatures(fresh.settings, os.environ)
    load_access(fresh.settings.credential_sync, os.environ)
