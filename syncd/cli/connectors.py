"""`syncd connectors`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.connector import Ability, ConnectorSpec
from syncd.connector.registry import Registry

from .context import Json
from .output import console, print_json, print_table

COLUMNS = {
    Ability.WRITE: "events",
    Ability.ACTIVITIES: "CRM records",
    Ability.ROUTING: "routing",
    Ability.CHANGES: "busy times, changes",
    Ability.PUSH: "push",
    Ability.RECURRENCE: "series",
    Ability.ALL_DAY: "all-day",
    Ability.PRIVATE: "private",
    Ability.REMINDERS: "reminders",
}


def connectors(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the table of the README.")] = False,
    json: Json = False,
) -> None:
    """List the connectors installed here and what each can do."""
    registry = Registry.installed()
    specs = [registry.spec(app) for app in registry.apps]
    if json:
        print_json([{"app": s.app, "title": s.title, "abilities": sorted(s.abilities)} for s in specs])
    elif markdown:
        console.print(abilities_table(specs), markup=False)
    else:
        rows = [(s.app, s.title, *(a in s.abilities for a in COLUMNS)) for s in specs]
        print_table(("app", "", *COLUMNS.values()), rows, "No connectors are installed.")


def abilities_table(specs: list[ConnectorSpec]) -> str:
    """The table of the README: connectors and what they declare."""
    titles = ["app", "", *COLUMNS.values()]
    rows = [[f"`{s.app}`", s.title, *("yes" if a in s.abilities else "" for a in COLUMNS)] for s in specs]
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
