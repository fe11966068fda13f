"""What commands share: the settings, loaded once, and the engine, started when a command needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.settings import Settings, load

if TYPE_CHECKING:
    from syncd.engine.runtime import Runtime
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

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """The engine on an up-to-date store; closed when the block ends."""
        from syncd.engine.results import LogSink
        from syncd.engine.runtime import Runtime

        from .logging import configure

        configure(self.settings.log)
        runtime = Runtime(self.settings, self.ring(), sinks=(LogSink(),))
        try:
            runtime.upgrade()
            yield runtime
        finally:
            runtime.close()


def context_of(context: typer.Context) -> Context:
    """The command's context."""
    found = context.find_object(Context)
    assert found is not None
    return found
