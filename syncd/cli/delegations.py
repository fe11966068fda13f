"""`syncd delegations`."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.errors import ConfigError
from syncd.model.clock import utc_now

from .audit import note
from .context import Json, context_of
from .output import age, console, print_json, print_table, shown

if TYPE_CHECKING:
    from syncd.engine.audit import Action
    from syncd.engine.runtime import Runtime

app = typer.Typer(help="Organizations' keys that act for the people of a domain.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(metavar="ID", help="As `syncd delegations list` shows it.")]
KeyFile = Annotated[
    str,
    typer.Option(
        "--key-file",
        help="JSON of the key, or - for standard input. google: a service account's client_email and private_key;"
        " office365: an application's tenant_id, client_id and private_key (its secret).",
    ),
]


@app.command()
def add(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(help="google or office365.")],
    organization: Annotated[int, typer.Option(min=1, help="The organization's id in the scheduling product.")],
    domain: Annotated[str, typer.Option(help="Whose people it is for, such as example.com.")],
    key_file: KeyFile,
    json: Json = False,
) -> None:
    """Keep a key, sealed. The provider is asked when the first person is connected through it."""
    with context_of(context).runtime() as runtime:
        made = runtime.delegations.add(organization, domain, platform, _key(key_file))
        _note(runtime, "DELEGATION_ADDED", made, f"{platform}, {domain}, organization {organization}")
    if json:
        print_json({"delegation": made})
        return
    console.print(f"Delegation {made} is there: {platform}, for {shown(domain)}.")
    console.print(f"Next: syncd connections add APP --user U --email NAME@{shown(domain)} --delegation {made}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List delegations, how many connections each has, and what keeps one from being used. Keys are not shown."""
    from syncd.store import delegations

    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        found, counts = delegations.listed(session), delegations.counts(session)
    if json:
        print_json([{**d.model_dump(exclude={"envelope"}), "connections": counts.get(d.id or 0, 0)} for d in found])
        return
    now = utc_now()
    rows = [
        (
            d.id,
            d.organization_id,
            d.domain,
            d.platform,
            "enabled" if d.enabled else "disabled",
            counts.get(d.id or 0, 0),
            f"{age(d.failed_at, now)} ago, for {d.failed_email}: {d.error} {d.remedy}" if d.error_code else "",
        )
        for d in found
    ]
    columns = ("id", "organization", "domain", "platform", "state", "connections", "failed")
    empty = "No delegations. Add one: syncd delegations add google --organization N --domain D --key-file FILE"
    print_table(columns, rows, empty)


@app.command()
def update(context: typer.Context, delegation: Id, key_file: KeyFile, json: Json = False) -> None:
    """Give a delegation a new key. Its connections use it from now on."""
    with context_of(context).runtime() as runtime:
        count = runtime.delegations.update(delegation, _key(key_file))
        _note(runtime, "DELEGATION_CHANGED", delegation, "a new key")
    _print_changed(delegation, "has a new key", count, json)


@app.command()
def enable(context: typer.Context, delegation: Id, json: Json = False) -> None:
    """Use a delegation (again). Connections that were broken by it are tried again."""
    with context_of(context).runtime() as runtime:
        count = runtime.delegations.set_enabled(delegation, True)
        _note(runtime, "DELEGATION_CHANGED", delegation, "enabled")
    _print_changed(delegation, "is enabled", count, json)


@app.command()
def disable(context: typer.Context, delegation: Id, json: Json = False) -> None:
    """Use a delegation no more, until it is enabled. Its connections stop; nothing is forgotten."""
    with context_of(context).runtime() as runtime:
        count = runtime.delegations.set_enabled(delegation, False)
        _note(runtime, "DELEGATION_CHANGED", delegation, "disabled")
    _print_changed(delegation, "is disabled", count, json)


@app.command()
def remove(
    context: typer.Context,
    delegation: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Forget a delegation and its key. Its connections stop, and keep their calendars and bookings."""
    from syncd.store import delegations

    with context_of(context).runtime() as runtime:
        with runtime.database.read() as session:
            domain = delegations.get(session, delegation).domain
        if not yes:
            if not sys.stdin.isatty():
                raise ConfigError("Removing a delegation asks first, and there is no terminal.", remedy="Add --yes.")
            typer.confirm(f"Forget delegation {delegation}, for {domain}, and its key?", abort=True)
        count = runtime.delegations.remove(delegation)
        _note(runtime, "DELEGATION_REMOVED", delegation, domain)
    _print_changed(delegation, "is removed", count, json)


def _key(file: str) -> Any:
    """The key, from a file or standard input; never from the command line."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{file} cannot be read: {reason}.") from None
    try:
        return json_module.loads(text)
    except ValueError:  # its text would be quoted
        return None


def _note(runtime: Runtime, action: str, delegation: int, detail: str) -> None:
    from syncd.engine.audit import Action

    found: Action = Action[action]
    note(runtime.database, found, f"delegation {delegation}", detail)


def _print_changed(delegation: int, what: str, count: int, json: bool) -> None:
    if json:
        print_json({"delegation": delegation, "connections": count})
    else:
        console.print(f"Delegation {delegation} {what}; {count} connection(s) are concerned.")
