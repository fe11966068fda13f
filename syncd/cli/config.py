"""`syncd config`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from syncd.errors import ConfigError, Problem, SyncdError
from syncd.secrets import find_secret
from syncd.settings import App, find_config, parse

from .context import Context, Json, context_of
from .output import console, print_json

if TYPE_CHECKING:
    from syncd.connector.registry import Registry

app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@app.command()
def check(context: typer.Context, json: Json = False) -> None:
    """Check the configuration file and report every problem at once."""
    own = context_of(context)
    found = find_config(own.config, os.environ)
    values = parse(found) if found else {}
    problems = (*_settings(own), *_apps(found, values), *_files(found, values))
    problems += () if problems else tuple(_crms(own))
    if problems:
        raise ConfigError(f"{found or 'Settings'}: {len(problems)} problem(s).", problems=problems)
    if json:
        told = own.settings.model_dump(mode="json", exclude={"database_url"})
        print_json({"file": str(found) if found else None, "settings": told})
    else:
        console.print(f"{found or 'No configuration file; the defaults'}: no problems.")


def _settings(own: Context) -> tuple[Problem, ...]:
    try:
        _ = own.settings
    except ConfigError as error:
        return error.problems
    return ()


def _crms(own: Context) -> Iterable[Problem]:
    """What is wrong with settings of CRMs without asking any: `syncd mappings check` asks."""
    from syncd.engine.activities import crm_settings
    from syncd.rules.crm.finding import errors
    from syncd.rules.crm.static import check_values

    for event_type, rules in own.settings.event_types.items():
        for connection in rules.crm:
            try:
                found = crm_settings(own.settings, int(event_type), int(connection))
            except ConfigError as error:
                yield from error.problems
                continue
            where = f"event_types.{event_type}.crm.{connection}"
            yield from (Problem(f"{where}.{f.where}", f.message, f.remedy) for f in errors(check_values(found.fields)))


def _apps(file: Path | None, values: dict[str, Any]) -> Iterable[Problem]:
    """Apps that no connector serves, and registrations that their connector cannot use."""
    from syncd.connector.registry import Registry

    registry = Registry.installed()
    known = registry.apps
    for name, section in _section(values, "apps").items():
        if name in known:
            yield from _client(file, registry, name, section)
        else:
            nearest = get_close_matches(name, known, n=1)
            remedy = f"Did you mean {nearest[0]}? " if nearest else ""
            remedy += f"Connectors installed here: {', '.join(known)}."
            yield Problem(f"{file}: apps.{name}", "no such connector.", remedy)


def _client(file: Path | None, registry: Registry, name: str, section: Any) -> Iterable[Problem]:
    """What is wrong with how syncd is registered with an app's provider, the file of the secret included."""
    from syncd.engine.opening import client_settings

    client = section.get("client") if isinstance(section, dict) else None
    if not isinstance(client, dict):
        return
    try:
        client_settings(registry.spec(name), App(client=client), {})
    except ConfigError as error:
        told = error.problems or (Problem(f"apps.{name}.client", str(error), error.remedy or "See README."),)
        yield from (Problem(f"{file}: {p.where}", p.reason, p.remedy) for p in told)


def _files(file: Path | None, values: dict[str, Any]) -> Iterable[Problem]:
    """Named files that cannot be used."""
    for section, key, read in FILES:
        named = _section(values, section).get(key)
        if isinstance(named, str) and named:
            try:
                read(named)
            except SyncdError as error:
                remedy = error.remedy or "Name a file that this user can read, or leave it empty."
                yield Problem(f"{file}: {section}.{key}", str(error), remedy)


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    section = values.get(name)
    return section if isinstance(section, dict) else {}


def _read_keys(file: str) -> object:
    from syncd.vault import load_ring

    return load_ring({}, Path(file))


def _read_secret(file: str) -> object:
    return find_secret("", (), {}, file)


FILES: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    ("keys", "file", _read_keys),
    ("webhooks", "secrets_file", _read_secret),
    ("credential_sync", "secret_file", _read_secret),
    ("credential_sync", "encryption_key_file", _read_secret),
    ("credential_sync", "storage_key_file", _read_secret),
)
"""Section and key of each setting that names a file, and what reads it. Without an environment: a credential of
systemd's would stand in for the file.
"""
