"""`syncd run`."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import ConfigError
from syncd.settings import Http

from .context import Context, context_of
from .lean import import_lean

if TYPE_CHECKING:
    from syncd.store.database import Database


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
    http, works = own.settings.http, not no_work
    configure(own.settings.log)
    return Daemon(own.settings, own.ring(), os.environ, lambda: _load(own.config, http, works=works), works=works).run()


def _load(config: str | None, running: Http, *, works: bool) -> None:
    """Try all that a start would: whatever is wrong is raised before the `running` configuration is let go."""
    from syncd.api.server import webhook_signatures
    from syncd.engine.fleet import require_shared
    from syncd.engine.platform import Platform
    from syncd.engine.runtime import Runtime

    fresh = Context(config)
    webhook_signatures(fresh.settings, os.environ)
    _try_address(fresh.settings.http, running)
    runtime = Runtime(fresh.settings, fresh.ring())
    try:
        if not works:
            require_shared(runtime.database)
        Platform(runtime, os.environ).close()
        _try_database(runtime.database)
    finally:
        runtime.close()


def _try_address(http: Http, running: Http) -> None:
    """Listen where the new configuration wants to and the running one does not.

    Raises:
        ConfigError: that is not possible.
    """
    if (http.host, http.port) == (running.host, running.port):
        return
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    try:
        socket.create_server((http.host, http.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and http.port == running.port:
            return  # by ourselves, under another of the host's addresses
        raise ConfigError(
            f"Cannot listen on {http.host} port {http.port}: {error.strerror}.", remedy="Mend [http] host and port."
        ) from error


def _try_database(database: Database) -> None:
    from sqlalchemy import text

    with database.read() as session:
        session.execute(text("SELECT 1"))
