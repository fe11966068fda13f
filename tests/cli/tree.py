"""The commands there are, as the command line itself declares them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from syncd.cli.app import app

TESTED_APART = frozenset(
    {
        ("demo",),
        ("sandbox",),
        ("run",),
        ("worker",),
        ("install-service",),
        ("mappings", "fields"),
        ("inbox", "show"),
        ("inbox", "retry"),
        ("api-keys", "create"),
        ("api-keys", "revoke"),
        ("db", "adopt"),
        ("delegations", "add"),
        ("delegations", "update"),
        ("delegations", "enable"),
        ("delegations", "disable"),
        ("delegations", "remove"),
    }
)
"""Commands that need more than a line to try, and have tests of their own."""


def leaves() -> list[tuple[str, ...]]:
    """The words of every command that does something."""
    return [words for words, command in _walked() if not hasattr(command, "commands")]


def groups() -> list[tuple[str, ...]]:
    """The words of every command that only holds others; the first is `syncd` itself."""
    return [words for words, command in _walked() if hasattr(command, "commands")]


def options(words: tuple[str, ...]) -> set[str]:
    """The options a command declares."""
    command = dict(_walked())[words]
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


def _walked(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = command or typer.main.get_command(app)
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _walked(below, (*words, name))
