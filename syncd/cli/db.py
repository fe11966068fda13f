"""`syncd db`."""

from __future__ import annotations

import typer

from .context import Json, context_of
from .output import console, print_json

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context, json: Json = False) -> None:
    """Make the tables, or bring them to this version's schema."""
    from syncd.store.database import Database
    from syncd.store.schema import upgrade as upgrade_schema

    database = Database(context_of(context).settings.database_url)
    try:
        before, after = upgrade_schema(database)
        shown = database.shown_url
    finally:
        database.close()
    if json:
        print_json({"database": shown, "before": before, "after": after})
    elif before == after:
        console.print(f"{shown} has schema {after} already.")
    else:
        console.print(f"{shown}: schema {before or 'none'} → {after}.")


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """Show the database's schema and what is in it."""
    from syncd.store import inbox, references, schema
    from syncd.store.database import Database

    database = Database(context_of(context).settings.database_url)
    try:
        current = schema.version(database)
        counted: dict[str, dict[str, int]] = {"deliveries": {}, "references": {}}
        if current == schema.HEAD:
            with database.read() as session:
                counted = {"deliveries": inbox.counts(session), "references": references.counts(session)}
        told = {"database": database.shown_url, "schema": current, "expected": schema.HEAD, **counted}
    finally:
        database.close()
    if json:
        print_json(told)
        return
    console.print(f"{told['database']}: schema {current or 'none'} (this syncd: {schema.HEAD})")
    for name, states in counted.items():
        console.print(f"  {name}: " + (", ".join(f"{n} {s}" for s, n in sorted(states.items())) or "none"))
