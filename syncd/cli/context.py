"""What commands share: the settings, loaded once, and the engine, started when a command needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.settings import CredentialSync, Settings, load

from .lean import import_lean

if TYPE_CHECKING:
    from syncd.engine.runtime import Runtime
    from syncd.store.database import Database
    from syncd.vault import KeyRing

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


class Context:
    """The context of one command."""

    def __init__(self, config: str | None) -> None:
        self.config = config
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigError: the configuration cannot be used.
        """
        if self._settings is None:
            self._settings = load(self.config)
        return self._settings

    def ring(self) -> KeyRing:
        """The vault's keys.

        Raises:
            ConfigError, KeyMissingError: there are none, or they cannot be used.
        """
        from syncd.vault import load_ring

        file = self.settings.keys.file
        return load_ring(os.environ, Path(file) if file else None)

    def _logs_results(self, daemon: bool) -> bool:
        """Not where a command's own summary would be told twice: to a person at a terminal."""
        return daemon or self.settings.log.level == "debug" or not sys.stderr.isatty()

    @contextmanager
    def runtime(self, *, daemon: bool = False) -> Iterator[Runtime]:
        """The engine on an up-to-date store; closed when the block ends."""
        import_lean()
        from syncd.engine.results import LogSink
        from syncd.engine.runtime import Runtime

        from .logging import configure

        configure(self.settings.log)
        runtime = Runtime(self.settings, self.ring(), sinks=(LogSink(),) if self._logs_results(daemon) else ())
        try:
            runtime.upgrade()
            with self._platform(runtime, finish=not daemon):
                yield runtime
        finally:
            runtime.close()

    @contextmanager
    def _platform(self, runtime: Runtime, *, finish: bool) -> Iterator[None]:
        """With the platform that credentials are shared with, where one is configured.

        With `finish`, a block that ends well waits for what it pushes: no later process would push it.
        """
        if not has_platform(self.settings.credential_sync, os.environ):
            yield
            return
        from syncd.engine.platform import Platform

        platform = Platform(runtime, os.environ)
        try:
            yield
            if finish:
                platform.finish()
        finally:
            platform.close()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The up-to-date store alone, for commands that need no keys; closed when the block ends."""
        from syncd.store.database import Database
        from syncd.store.schema import upgrade

        database = Database(self.settings.database_url)
        try:
            upgrade(database)
            yield database
        finally:
            database.close()


PLATFORM_VARIABLES = (
    "CALCOM_CREDENTIAL_SYNC_SECRET",
    "CALCOM_WEBHOOK_SECRET",
    "CALCOM_CREDENTIAL_SYNC_ENDPOINT",
    "CREDENTIALS_DIRECTORY",
)


def has_platform(sync: CredentialSync, environ: Mapping[str, str]) -> bool:
    """Whether there may be a platform to talk with; looking closer imports an HTTP client."""
    return bool(sync.secret_file or sync.endpoint or any(environ.get(name) for name in PLATFORM_VARIABLES))


def context_of(context: typer.Context) -> Context:
    """The command's context."""
    found = context.find_object(Context)
    assert found is not None
    return found
