"""`syncd install-service`: systemd's unit files, put in place with the path of this installation."""

from __future__ import annotations

import os
import pwd
import re
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from syncd.errors import ConfigError

from .context import Json
from .output import console, print_json, shown

DAEMON = ("syncd.service",)
ONE_SHOT = ("syncd-sync.service", "syncd-sync.timer")
PLACEHOLDER = "/usr/bin/env syncd"
USER = "syncd"
CONFIG = Path("/etc/syncd/config.toml")

HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 (named, not used)
"""Where the units see nothing: ProtectHome= and PrivateTmp=."""

PLAIN_PATH = re.compile(r"/[\w./+@~-]+", re.ASCII)
"""What needs no quoting in a unit file."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to one file: `create`, `replace`, `keep` (it is as wanted already) or `remove`."""

    path: Path
    change: str
    text: str = ""


def install_service(
    prefix: Annotated[str, typer.Option(help="The folder of the unit files.")] = "/etc/systemd/system",
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="`syncd sync` by a timer, instead of the daemon.")
    ] = False,
    executable: Annotated[str, typer.Option(help="The syncd to start; else the one that is running.")] = "",
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the unit files, of the daemon and the timer.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the files and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Put the systemd units in place and say what to do next. Nothing is started, and nothing else is made."""
    folder = Path(prefix)
    if remove:
        changes = removals(folder)
    else:
        changes = installations(folder, ONE_SHOT if one_shot else DAEMON, executable or own_executable())
    if not dry_run:
        for change in changes:
            carry_out(change)
    steps = _steps_after_removal() if remove else _steps(ONE_SHOT[1] if one_shot else DAEMON[0])
    if json:
        files = [{"path": str(c.path), "change": c.change, "text": c.text} for c in changes]
        print_json({"dry_run": dry_run, "files": files, "next": steps})
        return
    _print(changes, steps, dry_run)


def _print(changes: list[Change], steps: list[str], dry_run: bool) -> None:
    for change in changes:
        console.print(f"{'would ' if dry_run else ''}{change.change} {shown(change.path)}")
        if dry_run and change.text:
            console.print(change.text, markup=False)
    if not changes:
        console.print("There is nothing to remove.")
    console.print("Next:")
    for step in steps:
        console.print(f"  {step}", markup=False)


def own_executable() -> str:
    """The `syncd` command of this installation.

    Raises:
        ConfigError: there is none beside the interpreter, or the units would not see its interpreter.
    """
    found = Path(sys.executable).parent / "syncd"
    if not found.is_file():
        raise ConfigError(f"There is no command {found}.", remedy="Name the one to start: --executable PATH")
    _check_seen(str(Path(sys.executable).resolve()), "Its interpreter")
    return str(found)


def _check_seen(path: str, what: str) -> None:
    if any(path.startswith(f"{hidden}/") for hidden in HIDDEN):
        raise ConfigError(
            f"{what}, {path}, is where the service sees nothing: {', '.join(HIDDEN)} are hidden from it.",
            remedy="Install syncd elsewhere: python3 -m venv /opt/syncd && /opt/syncd/bin/pip install syncd",
        )


def installations(folder: Path, names: tuple[str, ...], executable: str) -> list[Change]:
    """What to write into `folder` for these units to start `executable`.

    Raises:
        ConfigError: no such folder, or an executable that the units could not start.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}.", remedy="Is this systemd? Name its folder by --prefix.")
    if not PLAIN_PATH.fullmatch(executable):
        raise ConfigError(f"{executable!r} is no plain absolute path.", remedy="Install syncd at one, e.g. /opt/syncd.")
    _check_seen(executable, "The command")
    return [_installation(folder / name, unit_text(name).replace(PLACEHOLDER, executable)) for name in names]


def unit_text(name: str) -> str:
    """A unit file as it is delivered."""
    return (resources.files("syncd.units") / name).read_text(encoding="utf-8")


def _installation(path: Path, text: str) -> Change:
    try:
        there = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError):
        there = ""
    if there is None:
        return Change(path, "create", text)
    return Change(path, "keep" if there == text else "replace", text)


def removals(folder: Path) -> list[Change]:
    """Which of the units are in `folder`."""
    return [Change(folder / name, "remove") for name in (*DAEMON, *ONE_SHOT) if (folder / name).exists()]


def carry_out(change: Change) -> None:
    """Do it; a reader sees the old file or the new one.

    Raises:
        ConfigError: it cannot be done.
    """
    temporary = change.path.with_name(f".{change.path.name}.new")
    try:
        if change.change == "remove":
            change.path.unlink(missing_ok=True)
        elif change.change != "keep":
            temporary.write_text(change.text, encoding="utf-8")
            temporary.chmod(0o644)
            temporary.replace(change.path)
    except OSError as error:
        raise ConfigError(
            f"{change.path} cannot be changed: {error.strerror}.", remedy="Run it as root, or name another --prefix."
        ) from error


def _steps(unit: str) -> list[str]:
    """What an operator does next, without what is done already."""
    steps = []
    if not _user_exists():
        steps.append(f"useradd --system --home-dir /var/lib/syncd --shell /usr/sbin/nologin {USER}")
    if not CONFIG.exists():
        steps.append(f"install -D -m 644 /dev/null {CONFIG}    # and write what differs from the defaults")
    if not _has_keys():
        steps += [
            "install -d -m 700 /etc/credstore.encrypted",
            "syncd keys generate | tee /dev/tty | "
            "systemd-creds encrypt --name=syncd-keys - /etc/credstore.encrypted/syncd-keys    # keep a copy elsewhere",
        ]
    return [*steps, "systemctl daemon-reload", f"systemctl enable --now {unit}", f"systemctl status {unit}"]


def _steps_after_removal() -> list[str]:
    return [
        "systemctl daemon-reload",
        "systemctl reset-failed",
        "Kept, for you to remove: /var/lib/syncd, /etc/syncd, /etc/credstore.encrypted/syncd-*, the user syncd.",
    ]


def _user_exists() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def _has_keys() -> bool:
    stores = ("/etc/credstore.encrypted", "/etc/credstore")
    return any(os.path.exists(f"{store}/syncd-keys") for store in stores)
