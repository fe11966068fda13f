"""The `syncd` command as a test types it: in this process, or as a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.app import run
from syncd.vault import generate_key


@dataclass(frozen=True)
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)


class CommandLine:
    """Runs `syncd` in this process with one configuration file."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.config = config
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *arguments: object, stdin: str | bytes = b"") -> Told:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
        self._capsys.readouterr()
        code = run(["--config", str(self.config), *map(str, arguments)])
        said = self._capsys.readouterr()
        return Told(code, said.out, said.err)

    def document(self, *arguments: object, stdin: str | bytes = b"", code: int = 0) -> Any:
        """What the command prints with `--json`, once it ended with `code`."""
        told = self(*arguments, "--json", stdin=stdin)
        assert told.code == code, told
        return told.document


def configured(folder: Path, database_url: str = "", text: str = "") -> Path:
    """A configuration file in `folder` with a key of its own; `text` follows in it."""
    keys = folder / "keys"
    keys.touch(mode=0o600)
    keys.write_text(generate_key("first").line() + "\n", encoding="utf-8")
    config = folder / "syncd.toml"
    url = database_url or f"sqlite:///{folder}/cli.db"
    config.write_text(f'database_url = "{url}"\n{text}\n[keys]\nfile = "{keys}"\n', encoding="utf-8")
    return config


def command(config: Path, *arguments: object) -> list[str]:
    """The words that start `syncd` as a process of its own."""
    return [sys.executable, "-m", "syncd", "--config", str(config), *map(str, arguments)]


def finished(config: Path, *arguments: object, environment: Mapping[str, str] | None = None, stdin: str = "") -> Told:
    """`syncd` run to its end in a process of its own."""
    done = subprocess.run(
        command(config, *arguments),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )
    return Told(done.returncode, done.stdout, done.stderr)
