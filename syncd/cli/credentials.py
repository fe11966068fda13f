"""Where a command has a connection's credential from: a file, a terminal, a delegation, or a person's consent."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel, ValidationError

from syncd.errors import ConfigError, Problem

if TYPE_CHECKING:
    from syncd.connector import ConnectorSpec
    from syncd.engine.accounts import Connected
    from syncd.engine.runtime import Runtime

Store = Callable[[dict[str, Any]], "Connected"]
"""Makes or mends a connection by a credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a person is asked for consent: in a `browser` of this machine, coming back to `port`, told on standard error
    where standard output is `json`.
    """

    browser: bool = True
    port: int = 0
    timeout_s: float = 300.0
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the options say of the credential. Nothing of it: consent where the app has that, else it is asked for."""

    file: str = ""
    delegation: int | None = None
    device: bool = False
    how: How = How()


def connect(runtime: Runtime, spec: ConnectorSpec, given: Given, email: str, store: Store) -> Connected:
    """Have the credential and `store` it. `email` is the user's, for whom a delegation acts.

    Raises:
        ConfigError: options that say two things, or a credential that is none.
        InputError: the delegation is not for this e-mail.
        SyncdError: what the provider or `store` said.
    """
    if sum((bool(given.file), given.delegation is not None, given.device)) > 1:
        raise ConfigError("Give one of --credential-file, --delegation and --device.")
    if given.delegation is not None:
        return store(runtime.delegations.subject(given.delegation, email))
    if given.device and spec.consent is None:
        raise ConfigError(f"{spec.app} has no consent, so --device is of no use.", remedy="Leave --device out.")
    if given.file or spec.consent is None:
        return store(read_credential(spec, given.file))
    from .consent import connect_by_consent

    return connect_by_consent(runtime.opener.consent(spec.app), store, given.how, device=given.device)


def read_credential(spec: ConnectorSpec, file: str) -> dict[str, Any]:
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
    check_fields(spec.credential, value, f"credential of {spec.app}")
    return value


def check_fields(model: type[BaseModel], value: dict[str, Any], what: str) -> None:
    """Name every field that the connector cannot use, without its value.

    Raises:
        ConfigError: there is one.
    """
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
    check_fields(spec.credential, answers, f"credential of {spec.app}")
    return answers
