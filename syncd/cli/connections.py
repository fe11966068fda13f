"""`syncd connections`."""

from __future__ import annotations

import json as json_module
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.errors import ConfigError, ProviderError, ReconnectError
from syncd.model.clock import utc_now
from syncd.model.connection import ConnectionState

from .audit import note
from .context import Json, context_of
from .credentials import Given, How, check_fields, connect
from .output import age, console, print_json, print_table, progress, shown
from .times import require_zone

if TYPE_CHECKING:
    from syncd.engine.accounts import Connected
    from syncd.engine.runtime import Runtime

app = typer.Typer(help="Users' accounts at their providers.", no_args_is_help=True)

CredentialFile = Annotated[
    str, typer.Option("--credential-file", help="JSON with the credential's fields, or - for standard input.")
]
ByDelegation = Annotated[
    int | None, typer.Option("--delegation", help="By this delegation: an id of `syncd delegations list`.")
]
Device = Annotated[
    bool, typer.Option("--device", help="Consent by a code typed on another device, where the provider has that.")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no browser, only print the page's address.")]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where the browser comes back to on this machine; 0: any free port.")
]
Timeout = Annotated[float, typer.Option(min=0.01, max=3600, help="Seconds to wait for the browser to come back.")]
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
            c.delegation_id,
            selected[c.id],
            age(c.probed_at, now),
            f"{c.reason} {c.remedy}".strip(),
        )
        for c in found
    ]
    columns = ("id", "user", "app", "account", "state", "delegation", "selected", "tested", "what")
    print_table(columns, rows, "No connections. Add one: syncd connections add APP --user ID --email E")


def _email(session: Any, user_id: int) -> str:
    from syncd.store.tables import User

    user = session.get(User, user_id)
    return user.email if user else str(user_id)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="APP", help="google-calendar, caldav-calendar, ics-feed, ...")],
    user: Annotated[int, typer.Option(help="The user's id in the scheduling product.")],
    email: Annotated[str, typer.Option(help="The user's e-mail, needed once.")] = "",
    zone: Annotated[str, typer.Option(help="The user's time zone, an IANA name.")] = "",
    setting: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the connector; may be repeated.")] = None,
    credential_file: CredentialFile = "",
    delegation: ByDelegation = None,
    device: Device = False,
    no_browser: NoBrowser = False,
    port: Port = 0,
    timeout: Timeout = 300.0,
    json: Json = False,
) -> None:
    """Connect a user to an app: by consent in a browser where the app has that, else by a credential that is asked
    for. Or by a credential in a file, or by an organization's delegation.
    """
    from syncd.engine.audit import Action
    from syncd.store import directory

    if zone:
        require_zone(zone)
    with context_of(context).runtime() as runtime:
        spec = runtime.registry.spec(name)
        settings = _settings(setting or [])
        check_fields(spec.settings, settings, f"--setting of {name}")
        how = How(browser=not no_browser, port=port, timeout_s=timeout, json=json)
        given = Given(file=credential_file, delegation=delegation, device=device, how=how)
        known = _email_of(runtime, user, email)

        def store(credential: dict[str, Any]) -> Connected:
            with runtime.database.write() as session:
                directory.add_user(session, user, email, utc_now(), zone=zone)
            return runtime.accounts.add(user, name, credential, settings, delegation_id=delegation)

        try:
            connected = connect(runtime, spec, given, known, store)
        except ReconnectError as error:
            error.remedy = error.remedy.replace(ReconnectError.remedy, "Mend the credential and add it again.")
            raise
        note(runtime.database, Action.CREDENTIAL_RECEIVED, f"connection {connected.connection_id}", f"{name}, new")
    _print_connected(connected, json)


def _email_of(runtime: Runtime, user_id: int, given: str) -> str:
    """The user's e-mail, before anything is asked of a person."""
    from syncd.store.tables import User

    with runtime.database.read() as session:
        user = session.get(User, user_id)
    email = given or (user.email if user else "")
    if not email:
        raise ConfigError(f"User {user_id} is new here.", remedy="Name the user's e-mail: --email E")
    return email


@app.command()
def reconnect(
    context: typer.Context,
    connection: Connection,
    credential_file: CredentialFile = "",
    delegation: ByDelegation = None,
    device: Device = False,
    no_browser: NoBrowser = False,
    port: Port = 0,
    timeout: Timeout = 300.0,
    json: Json = False,
) -> None:
    """Give a connection a new credential, as `add` does, of the same account. Its id, calendars and bookings stay."""
    from syncd.engine.audit import Action
    from syncd.store import directory

    how = How(browser=not no_browser, port=port, timeout_s=timeout, json=json)
    given = Given(file=credential_file, delegation=delegation, device=device, how=how)
    with context_of(context).runtime() as runtime:
        with runtime.database.read() as session:
            row = directory.get_connection(session, connection)
            email = _email(session, row.user_id)

        def store(credential: dict[str, Any]) -> Connected:
            return runtime.accounts.reconnect(connection, credential, delegation_id=delegation)

        connected = connect(runtime, runtime.registry.spec(row.app), given, email, store)
        note(runtime.database, Action.CREDENTIAL_RECEIVED, f"connection {connection}", row.app)
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


def _print_connected(connected: Connected, json: bool) -> None:
    if json:
        print_json(connected)
        return
    console.print(f"Connection {connected.connection_id}: {shown(connected.probe.account)} works.")
    if connected.new_calendars:
        console.print("Calendars: " + shown(", ".join(connected.new_calendars)))
    if connected.selected:
        console.print("Checked for conflicts: " + shown(", ".join(connected.selected)))
    console.print("Next: syncd calendars list; syncd calendars select ID; syncd calendars destination ID")
