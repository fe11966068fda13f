"""`syncd audit`, and how commands write to the audit log."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import InputError
from syncd.model.clock import utc_now

from .context import Json, context_of
from .output import print_json, print_table
from .times import parse_span

if TYPE_CHECKING:
    from syncd.engine.audit import Action
    from syncd.store.database import Database


def audit(
    context: typer.Context,
    action: Annotated[
        list[str] | None, typer.Option(help="Of this kind, such as login_failed; may be repeated.")
    ] = None,
    since: Annotated[str, typer.Option(help="Not older than: 30min, 12h, 7d.")] = "",
    target: Annotated[str, typer.Option(help='What it was done to, such as "connection 5".')] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    json: Json = False,
) -> None:
    """Show security events, newest last. Equal sources are one address of which only a keyed hash is kept."""
    from syncd.store import access

    actions = _actions(action or [])
    after = utc_now() - parse_span(since) if since else None
    with context_of(context).database() as database, database.read() as session:
        found = access.listed_events(session, actions=actions, since=after, target=target, limit=limit)
    if json:
        print_json([event.model_dump() for event in found])
        return
    rows = [(e.at, e.action, e.result, e.actor, e.source, e.target, e.detail) for e in found]
    print_table(("at", "action", "result", "actor", "source", "target", "what"), rows, "No event matches.")


def _actions(asked: list[str]) -> list[str]:
    from syncd.engine.audit import Action

    unknown = [action for action in asked if action not in list(Action)]
    if unknown:
        raise InputError(f"No action {unknown[0]!r}.", remedy=f"One of: {', '.join(Action)}.")
    return asked


def actor() -> str:
    """Whoever typed the command: the operating system's user."""
    user = os.getuid()
    try:
        return f"cli:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"cli:{user}"


def note(database: Database, action: Action, target: str, detail: str = "", *, failed: bool = False) -> None:
    """Write down what a command did."""
    from syncd.engine.audit import Audit, AuditResult

    result = AuditResult.FAILED if failed else AuditResult.DONE
    Audit(database, utc_now).record(action=action, result=result, actor=actor(), target=target, detail=detail)
