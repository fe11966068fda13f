"""`syncd config`."""

from __future__ import annotations

import os

import typer

from syncd.settings import find_config

from .context import Json, context_of
from .output import console, print_json

app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@app.command()
def check(context: typer.Context, json: Json = False) -> None:
    """Check the configuration file and report every problem at once."""
    own = context_of(context)
    settings = own.settings
    found = find_config(own.config, os.environ)
    if json:
        print_json(
            {
                "file": str(found) if found else None,
                "settings": settings.model_dump(mode="json", exclude={"database_url"}),
            }
        )
    else:
        console.print(f"{found or 'No configuration file; the defaults'}: no problems.")
