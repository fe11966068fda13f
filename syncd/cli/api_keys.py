"""`syncd api-keys`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import ConfigError, InputError
from syncd.model.clock import utc_now

from .audit import actor
from .context import Json, context_of
from .output import console, errors, print_json, print_table, shown

if TYPE_CHECKING:
    from sqlmodel import Session

    from syncd.store.access import Scope
    from syncd.store.tables import ApiKey

app = typer.Typer(help="Keys to the HTTP API.", no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(help="What it may do, such as APPS_READ; may be repeated.")],
    user: Annotated[str, typer.Option(help="Whose things it may see (id or e-mail).")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="Every user's things.")] = False,
    json: Json = False,
) -> None:
    """Make a key and print it on standard output. It is shown this once; only its digest is kept."""
    from syncd.engine.audit import Action, Audit, AuditResult
    from syncd.store import access

    if admin == bool(user):
        raise ConfigError("A key is a user's or an administrator's.", remedy="Give --user U or --admin, one of them.")
    scopes = _scopes(scope)
    with context_of(context).database() as database, database.write() as session:
        user_id = _user_id(session, user)
        row, key = access.create_key(session, name, scopes, utc_now(), user_id=user_id)
        Audit(database, utc_now).record_in(
            session,
            action=Action.API_KEY_CREATED,
            result=AuditResult.DONE,
            actor=actor(),
            target=f"api-key {row.id}",
            detail=f"{'admin' if admin else f'user {user_id}'}: {row.scopes}",
        )
    if json:
        print_json({**_told(row), "key": key})
        return
    sys.stdout.write(key + "\n")
    errors.print(f"Key {row.id} ({shown(row.name)}) is shown this once. Keep it where only its user can read it.")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List keys, revoked ones too. The keys themselves are not kept."""
    from syncd.store import access

    with context_of(context).database() as database, database.read() as session:
        found = access.listed_keys(session)
    if json:
        print_json([_told(key) for key in found])
        return
    columns = ("id", "name", "user", "scopes", "created", "last used", "revoked")
    rows = [(k.id, k.name, k.user_id or "admin", k.scopes, k.created_at, k.last_used_at, k.revoked_at) for k in found]
    print_table(columns, rows, "No keys. Make one: syncd api-keys create --name N --user U --scope APPS_READ")


@app.command()
def revoke(
    context: typer.Context,
    key: Annotated[int, typer.Argument(help="Id, as `syncd api-keys list` shows it.")],
    json: Json = False,
) -> None:
    """Revoke a key: from now on it is refused."""
    from syncd.engine.audit import Action, Audit, AuditResult
    from syncd.store import access

    with context_of(context).database() as database, database.write() as session:
        revoked = access.revoke_key(session, key, utc_now())
        if revoked:
            Audit(database, utc_now).record_in(
                session,
                action=Action.API_KEY_REVOKED,
                result=AuditResult.DONE,
                actor=actor(),
                target=f"api-key {key}",
            )
    if json:
        print_json({"id": key, "revoked": True, "changed": revoked})
    else:
        console.print(f"Key {key} is revoked." if revoked else f"Key {key} was revoked already.")


def _scopes(names: list[str]) -> list[Scope]:
    from syncd.store.access import Scope

    unknown = [name for name in names if name not in list(Scope)]
    if unknown:
        raise InputError(f"No scope {unknown[0]!r}.", remedy=f"One of: {', '.join(Scope)}.")
    return [Scope(name) for name in names]


def _user_id(session: Session, user: str) -> int | None:
    from syncd.store import directory

    return directory.find_user(session, user).id if user else None


def _told(row: ApiKey) -> dict[str, object]:
    hidden = {"digest", "scopes"}
    return {**row.model_dump(exclude=hidden), "admin": row.user_id is None, "scopes": row.scopes.split()}
