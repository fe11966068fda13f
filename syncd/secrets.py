"""Secrets other than the vault's keys: from a file, systemd's credentials, or the environment; never from the
configuration file or a command line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncd.errors import ConfigError

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
_FOREIGN = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and where it was found. Its repr hides it."""

    value: str = field(repr=False)
    source: str


def find_secret(name: str, variables: Sequence[str], environ: Mapping[str, str], file: str = "") -> Secret | None:
    """The secret called `name`: systemd's credential of that name, else the configured `file`, else the first of the
    environment's `variables` that is set; None when there is none.

    Raises:
        ConfigError: a configured file is missing, empty, unreadable, or readable by others.
    """
    folder = environ.get(CREDENTIALS_VARIABLE)
    if folder and (path := Path(folder) / name).is_file():
        return Secret(_read(path, private=False), f"systemd credential {name}")
    if file:
        return Secret(_read(Path(file), private=True), file)
    for variable in variables:
        if environ.get(variable):
            return Secret(environ[variable], f"${variable}")
    return None


def _read(path: Path, *, private: bool) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"Secret file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"Secret file {path} is not UTF-8 text.") from None
    if private and mode & _FOREIGN and os.name == "posix":
        raise ConfigError(f"Secret file {path} can be read by others.", remedy=f"chmod 600 {path}")
    if not text:
        raise ConfigError(f"Secret file {path} is empty.")
    return text
