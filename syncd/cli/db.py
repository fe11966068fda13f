"""`syncd db`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import ConfigError
from syncd.model.clock import utc_now

from .audit import actor
from .context import Json, context_of
from .output import console, print_json

if TYPE_CHECKING:
    from syncd.engine.clone import Moved
    from syncd.store.database import Database

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


@app.command()
def adopt(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Let a copied or restored database work here. Its original must be off for good: both would write."""
    from syncd.engine.clone import Home

    with context_of(context).database() as database:
        moved = Home(database).moved
        if moved is not None:
            _confirm(moved, yes)
            _adopt(database, moved)
    if json:
        print_json({"adopted": moved is not None, "from": moved.home if moved else None})
    elif moved is None:
        console.print("This database is at home here already.")
    else:
        console.print("Adopted: syncd writes from here now.")


def _confirm(moved: Moved, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("Adopting a database asks first, and there is no terminal.", remedy="Add --yes.")
    console.print(f"At home: {moved.home}\nHere:    {moved.here}", markup=False)
    typer.confirm("Is the original off for good?", abort=True)


def _adopt(database: Database, moved: Moved) -> None:
    from syncd.engine.audit import Action, Audit, AuditResult
    from syncd.store import installation

    with database.write() as session:
        installation.adopt(session)
        Audit(database, utc_now).record_in(
            session,
            action=Action.DATABASE_ADOPTED,
            result=AuditResult.DONE,
            actor=actor(),
            target=moved.here,
            detail=f"was {moved.home}",
        )
