"""The commands there are, each imported when it is asked for: a daemon holds the code of one, not of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

FOUND_IN = {
    "sync": "sync:sync",
    "run": "run_command:run",
    "worker": "worker:worker",
    "status": "status:status",
    "doctor": "doctor:doctor",
    "jobs": "log:jobs",
    "busy": "busy:busy",
    "route": "route:route",
    "log": "log:log",
    "audit": "audit:audit",
    "connectors": "connectors:connectors",
    "demo": "demo:demo",
    "sandbox": "sandbox:sandbox",
    "install-service": "service:install_service",
    "connections": "connections:app",
    "delegations": "delegations:app",
    "calendars": "calendars:app",
    "bookings": "bookings:app",
    "mappings": "mappings:app",
    "inbox": "inbox:app",
    "keys": "keys:app",
    "api-keys": "api_keys:app",
    "db": "db:app",
    "config": "config:app",
}
"""By name, in the order of the help: the module here and what it has, a function or the application of a group."""


class Commands(Mapping[str, Any]):
    """The commands by name."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = FOUND_IN[name].partition(":")
        found = getattr(import_module(f".{module}", __package__), attribute)
        holder = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
        else:
            holder.command(name)(found)
        return typer.main.get_group(holder).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(FOUND_IN)

    def __len__(self) -> int:
        return len(FOUND_IN)


class LazyGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]  # nothing is ever added to it
