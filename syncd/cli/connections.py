"""`syncd connections`."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel, ValidationError

from syncd.errors import ConfigError, Problem, ProviderError, ReconnectError
from syncd.model.clock import utc_now
from syncd.model.connection import ConnectionState

from .audit import note
from .context import Json, context_of
from .output import age, console, print_json, print_table, progress, shown
from .times import require_zone

if TYPE_CHECKING:
    from syncd.connector import ConnectorSpec
    from syncd.engine.accounts import Connected
    from syncd.engine.runtime import Runtime

app = typer.Typer(help="Users' accounts at their providers.", no_args_is_help=True)

CredentialFile = Annotated[
    str,
    typer.Option(
        "--credential-file", help="JSON with the credential's fields, or - for standard input; else they are asked for."
    ),
]
Connection = Annotated[int, typer.Argument(help="Id, as `syncd connections list` shows it.")]


@app.command("list")
def list_(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="Of this user (id or e-mail).")] = "",
    json: Json = False,
) -> None:
    """List connections with their state, and what to do about broken ones."""
    from syncd.store import directory

    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        user_id = directory.find_user(session, user).id if user else None
        found = directory.listed_connections(session, user_id=user_id)
        selected = {c.id: 0 for c in found}
        for calendar, connection in directory.listed_calendars(session, selected=True):
            if connection.id in selected:
                selected[connection.id] += 1
            del calendar
        emails = {c.user_id: _email(session, c.user_id) for c in found}
    if json:
        print_json(
            [
                c.model_dump(exclude={"envelope"}) | {"user": emails[c.user_id], "selected": selected[c.id]}
                for c in found
            ]
        )
        return
    now = utc_now()
    rows = [
        (
            c.id,
            emails[c.user_id],
            c.app,
            c.account,
            c.state,
            selected[c.id],
            age(c.probed_at, now),
            f"{c.reason} {c.remedy}".strip(),
        )
        for c in found
    ]
    columns = ("id", "user", "app", "account", "state", "selected", "tested", "what")
    print_table(columns, rows, "No connections. Add one: syncd connections add APP --user ID --email E")


def _email(session: Any, user_id: int) -> str:
    from syncd.store.tables import User

    user = session.get(User, user_id)
    return user.email if user else str(user_id)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="APP", help="caldav-calendar, apple-calendar, ics-feed, ...")],
    user: Annotated[int, typer.Option(help="The user's id in the scheduling product.")],
    email: Annotated[str, typer.Option(help="The user's e-mail, needed once.")] = "",
    zone: Annotated[str, typer.Option(help="The user's time zone, an IANA name.")] = "",
    setting: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the connector; may be repeated.")] = None,
    credential_file: CredentialFile = "",
    json: Json = False,
) -> None:
    """Connect a user to an app. The credential is asked for, or read from a file or standard input."""
    from syncd.engine.audit import Action
    from syncd.store import directory

    if zone:
        require_zone(zone)
    with context_of(context).runtime() as runtime:
        spec = runtime.registry.spec(name)
        settings = _settings(setting or [])
        _check(spec.settings, settings, f"--setting of {name}")
        credential = _credential(spec, credential_file)
        with runtime.database.write() as session:
            if not directory.add_user(session, user, email, utc_now(), zone=zone).email:
                raise ConfigError(f"User {user} is new here.", remedy="Name the user's e-mail: --email E")
        try:
            connected = runtime.accounts.add(user, name, credential, settings)
        except ReconnectError as error:
            error.remedy = error.remedy.replace(ReconnectError.remedy, "Mend the credential and add it again.")
            raise
        note(runtime.database, Action.CREDENTIAL_RECEIVED, f"connection {connected.connection_id}", f"{name}, new")
    _print_connected(connected, json)


@app.command()
def reconnect(
    context: typer.Context, connection: Connection, credential_file: CredentialFile = "", json: Json = False
) -> None:
    """Give a connection a new credential. Its id, calendars and bookings stay."""
    from syncd.engine.audit import Action
    from syncd.store import directory

    with context_of(context).runtime() as runtime:
        with runtime.database.read() as session:
            name = directory.get_connection(session, connection).app
        credential = _credential(runtime.registry.spec(name), credential_file)
        connected = runtime.accounts.reconnect(connection, credential)
        note(runtime.database, Action.CREDENTIAL_RECEIVED, f"connection {connection}", name)
    _print_connected(connected, json)


@app.command()
def test(
    context: typer.Context,
    connection: Annotated[int | None, typer.Argument(help="Id; without it, every connection.")] = None,
    json: Json = False,
) -> int:
    """Ask the provider whether the credential works. One that works again becomes active by it."""
    from syncd.store import directory

    rows: list[dict[str, Any]] = []
    with context_of(context).runtime() as runtime:
        with runtime.database.read() as session:
            ids = (
                [connection]
                if connection is not None
                else [c.id for c in directory.listed_connections(session) if c.id]
            )
        with progress(show=not json) as bar:
            bar.begin("Testing connections", len(ids))
            for each in ids:
                rows.append(_tested(runtime, each))
                bar.advance(1)
    if json:
        print_json(rows)
    else:
        listed = [
            (r["connection"], r["outcome"], r.get("account"), r.get("error", _facts(r)), r.get("remedy")) for r in rows
        ]
        print_table(("id", "outcome", "account", "what", "what to do"), listed, "No connections.")
    return 1 if any(r["outcome"] == "failed" for r in rows) else 0


def _tested(runtime: Runtime, connection: int) -> dict[str, Any]:
    try:
        probe = runtime.accounts.test(connection)
    except ProviderError as error:
        return {"connection": connection, "outcome": "failed", "error": str(error), "remedy": error.remedy}
    return {"connection": connection, "outcome": "done", "account": probe.account, "facts": probe.facts}


def _facts(row: dict[str, Any]) -> str:
    return ", ".join(f"{k}: {v}" for k, v in row.get("facts", {}).items())


@app.command()
def pause(context: typer.Context, connection: Connection, json: Json = False) -> None:
    """Stop reading and writing one connection. Nothing is forgotten."""
    _set_state(context, connection, ConnectionState.PAUSED, json)


@app.command()
def resume(context: typer.Context, connection: Connection, json: Json = False) -> None:
    """Go on with a paused (or broken) connection."""
    _set_state(context, connection, ConnectionState.ACTIVE, json)


def _set_state(context: typer.Context, connection: int, state: ConnectionState, json: bool) -> None:
    with context_of(context).runtime() as runtime:
        changed = runtime.accounts.set_state(connection, state)
    if json:
        print_json({"connection": connection, "state": state, "changed": changed})
    else:
        console.print(
            f"Connection {connection} is {state}." if changed else f"Connection {connection} was {state} already."
        )


@app.command()
def remove(
    context: typer.Context,
    connection: Connection,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Forget a connection, its credential and calendars. Events at the provider stay."""
    from syncd.engine.audit import Action

    with context_of(context).runtime() as runtime:
        _confirm(runtime, connection, yes)
        runtime.accounts.remove(connection)
        note(runtime.database, Action.CREDENTIAL_REMOVED, f"connection {connection}")
    if json:
        print_json({"connection": connection, "removed": True})
    else:
        console.print(f"Connection {connection} is removed. Events written stay at the provider.")


def _confirm(runtime: Runtime, connection: int, yes: bool) -> None:
    from syncd.store import directory

    with runtime.database.read() as session:
        row = directory.get_connection(session, connection)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("Removing a connection asks first, and there is no terminal.", remedy="Add --yes.")
        typer.confirm(f"Forget connection {connection} ({row.app}, {row.account}) with its calendars?", abort=True)


def _settings(pairs: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ConfigError(f"--setting {pair!r} is not KEY=VALUE.")
        try:
            settings[key] = json_module.loads(value)
        except ValueError:
            settings[key] = value
    return settings


def _credential(spec: ConnectorSpec, file: str) -> dict[str, Any]:
    """The credential's fields from a file, standard input or prompts; never from the command line."""
    if not file:
        return _asked(spec)
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        value = json_module.loads(text)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError:
        value = None
    if not isinstance(value, dict):
        names = ", ".join(spec.credential.model_fields)
        raise ConfigError("The credential is no JSON object.", remedy=f"Fields for {spec.app}: {names}.") from None
    _check(spec.credential, value, f"credential of {spec.app}")
    return value


def _check(model: type[BaseModel], value: dict[str, Any], what: str) -> None:
    """Name every field that the connector cannot use, without its value."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        problems = tuple(
            Problem(".".join(map(str, e["loc"])) or what, f"{e['msg'].removeprefix('Value error, ')}.")
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        )
        names = ", ".join(model.model_fields)
        raise ConfigError(
            f"The {what} cannot be used.", problems=problems, remedy=f"Fields: {names or 'none'}."
        ) from None


def _asked(spec: ConnectorSpec) -> dict[str, Any]:
    if not sys.stdin.isatty():
        raise ConfigError(
            "No terminal to ask for the credential.",
            remedy="Give it by --credential-file FILE, or - for standard input.",
        )
    answers: dict[str, Any] = {}
    for name, field in spec.credential.model_fields.items():
        required = field.is_required()
        if not (required or name in spec.secrets or field.annotation is str):
            continue
        told = typer.prompt(
            name if required else f"{name} (may be empty)",
            hide_input=name in spec.secrets and name != "urls",
            default=None if required else "",
            show_default=False,
        )
        if told:
            answers[name] = told.split() if name == "urls" else told
    _check(spec.credential, answers, f"credential of {spec.app}")
    return answers


def _print_connected(connected: Connected, json: bool) -> None:
    if json:
        print_json(connected)
        return
    console.print(f"Connection {connected.connection_id}: {shown(connected.probe.account)} works.")
    if connected.new_calendars:
        console.print("Calendars: " + shown(", ".join(connected.new_calendars)))
    console.print("Next: syncd calendars list; syncd calendars select ID; syncd calendars destination ID")
