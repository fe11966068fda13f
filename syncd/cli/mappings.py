"""`syncd mappings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.errors import InputError

from .context import Json, context_of
from .output import console, print_json, print_table

if TYPE_CHECKING:
    from syncd.engine.mappings import Checked

app = typer.Typer(help="What is written to CRM records: settings and field mappings.", no_args_is_help=True)

Connection = Annotated[int | None, typer.Option(help="Only this connection's.")]


@app.command()
def check(
    context: typer.Context,
    event_type: Annotated[int | None, typer.Option(help="Only this event type's.")] = None,
    connection: Connection = None,
    live: Annotated[bool, typer.Option("--live/--offline", help="Compare with what the CRM has, too.")] = True,
    json: Json = False,
) -> int:
    """Check CRM settings and field mappings and report every problem at once. Exit 2 when something is wrong."""
    from syncd.engine.mappings import Mappings

    wanted = str(event_type) if event_type is not None else None
    with context_of(context).runtime() as runtime:
        checked = list(Mappings(runtime.settings, runtime.pool, offline=not live).check(wanted, connection))
    if json:
        print_json(checked)
    else:
        _print(checked)
    if any(each.wrong for each in checked):
        return 2
    return 1 if live and any(each.unread for each in checked) else 0


@app.command("fields")
def list_fields(
    context: typer.Context,
    connection: Annotated[int, typer.Argument(help="The connection to a CRM.")],
    object: Annotated[str, typer.Argument(help="event, contact, lead or account.")],
    json: Json = False,
) -> None:
    """List the fields and record types that a CRM has: the names that settings and mappings take."""
    from syncd.engine.mappings import Mappings
    from syncd.model.crm import ObjectKind
    from syncd.store import directory

    if object not in {kind.value for kind in ObjectKind}:
        raise InputError(f"No object {object!r}.", remedy=f"There are: {', '.join(ObjectKind)}.")
    with context_of(context).runtime() as runtime:
        with runtime.database.read() as session:
            directory.get_connection(session, connection)
        schema = Mappings(runtime.settings, runtime.pool).schemas(connection)[ObjectKind(object)]
    if json:
        print_json(schema)
        return
    rows = [(f.name, f.label, f.type, f.length or "", _marks(f)) for f in schema.fields]
    print_table(("field", "label", "type", "length", ""), rows, "It has no fields.")
    for kind in schema.record_types:
        console.print(f"Record type: {kind.name}{', the default' if kind.default else ''}")


def _marks(field: Any) -> str:
    marks = {
        "required": field.required and not field.default_on_create,
        "not on a new record": not field.createable,
        "read-only": not field.updateable,
    }
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _print(checked: list[Checked]) -> None:
    rows = []
    for each in checked:
        where = f"event_types.{each.event_type_id}.crm.{each.connection_id}"
        rows += [(p.where, "error", p.reason, p.remedy) for p in each.problems]
        rows += [(f"{where}.{f.where}", f.severity, f.message, f.remedy) for f in each.findings]
        if each.unread and each.unread != "not asked":
            rows.append((where, "error", f"The CRM could not be asked: {each.unread}", ""))
    if rows:
        print_table(("where", "", "what", "what to do"), rows, "")
    else:
        console.print(f"{len(checked)} section(s) of CRM settings: no problems.")
