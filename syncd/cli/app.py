"""The command tree and how a command is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from syncd import __version__
from syncd.errors import ConfigError, InputError, KeyMissingError, ProviderError, SyncdError

from .commands import LazyGroup
from .context import Context
from .output import print_error

app = typer.Typer(
    name="syncd",
    cls=LazyGroup,
    help="Bookings into calendars and CRMs, busy times back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Option("--config", help="Configuration file; else $SYNCD_CONFIG, ./syncd.toml, /etc/syncd/config.toml."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command."""
    context.obj = Context(config)


USAGE_ERRORS = (ConfigError, InputError, KeyMissingError)


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    as_json = "--json" in arguments
    try:
        returned = app(list(arguments), standalone_mode=False)
        sys.stdout.flush()
        return returned if isinstance(returned, int) else 0
    except typer.TyperException as error:
        _print_usage_error(error, as_json)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("Stopped.\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the exit flushes into it once more
        return 1
    except SyncdError as error:
        print_error(error, as_json=as_json)
        return 2 if isinstance(error, USAGE_ERRORS) and not isinstance(error, ProviderError) else 1


def _print_usage_error(error: typer.TyperException, as_json: bool) -> None:
    if as_json:
        told = InputError(error.format_message(), code="usage", remedy="See: syncd COMMAND --help")
        print_error(told, as_json=True)
    else:
        error.show()  # type: ignore[attr-defined]  # every usage error has it; typer exports no class that says so
