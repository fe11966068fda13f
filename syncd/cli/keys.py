"""`syncd keys`."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import ConfigError
from syncd.model.clock import utc_now

from .audit import note
from .context import Json, context_of
from .output import Bar, console, print_json, print_table, progress

if TYPE_CHECKING:
    from syncd.store.envelopes import StoredEnvelopes
    from syncd.vault import KeyRing, RotationReport

app = typer.Typer(help="The vault's keys.", no_args_is_help=True)


@app.command()
def generate(
    context: typer.Context,
    file: Annotated[
        str, typer.Option("--file", help="Add the key to this file (made with mode 600), as the current one.")
    ] = "",
    later: Annotated[
        bool, typer.Option("--not-current", help="Add it below the first line: several machines learn it first.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a key. Without --file it is printed on standard output, for systemd-creds or a secret store."""
    from syncd.vault import generate_key

    if not file:
        key = generate_key(_new_id([]))
        if json:
            print_json({"key": key.id, "line": key.line()})
        else:
            sys.stdout.write(key.line() + "\n")
        return
    path = Path(file)
    lines = _existing(path)
    key = generate_key(_new_id(lines))
    lines.insert(1 if later and lines else 0, key.line())
    _write_private(path, "\n".join(lines) + "\n")
    if json:
        print_json({"key": key.id, "file": str(path), "current": lines[0] == key.line()})
    else:
        console.print(f"Key {key.id} is in {path}. Keep a copy elsewhere: without it the credentials are lost.")
        if len(lines) > 1:
            console.print("Restart syncd, then: syncd keys rotate")


def _new_id(lines: Sequence[str]) -> str:
    """The time, told apart from that of a key made in the same second."""
    taken = {line.partition(":")[0].strip() for line in lines}
    made = f"k{utc_now():%Y%m%d%H%M%S}"
    return next(key_id for n in itertools.count(1) if (key_id := made if n == 1 else f"{made}-{n}") not in taken)


def _existing(path: Path) -> list[str]:
    from syncd.vault import parse_keys

    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a key file.") from error
    if text.strip():
        parse_keys(text, str(path))
    return [line for line in text.splitlines() if line.strip()]


def _write_private(path: Path, text: str) -> None:
    """Replace the file at once, readable by its owner only: a reader sees the old or the new, never half."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


@app.command()
def status(context: typer.Context, json: Json = False) -> int:
    """Show the keys, and how many credentials each seals."""
    from syncd.store.envelopes import counted_by_key

    with context_of(context).runtime() as runtime:
        ring = runtime.vault.ring
        counted = counted_by_key(runtime.database, ring)
    rows = [
        {"key": key, "current": key == ring.current, "known": key in ring.ids, "credentials": counted.get(key, 0)}
        for key in sorted({*ring.ids, *counted})
    ]
    if json:
        print_json({"source": ring.source, "keys": rows})
    else:
        console.print(f"Keys from {ring.source}.")
        shown = [(r["key"], r["current"], "" if r["known"] else "missing here", r["credentials"]) for r in rows]
        print_table(("key", "current", "", "credentials"), shown, "No keys.")
    return 1 if any(not r["known"] and r["credentials"] for r in rows) else 0


@app.command()
def rotate(
    context: typer.Context,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Credentials per transaction.")] = 100,
    json: Json = False,
) -> int:
    """Seal every credential, delegation's key and waiting consent under the current key. May run with the daemon, be
    killed, and run again.
    """
    from syncd.engine.audit import Action
    from syncd.store.envelopes import every_envelope

    with context_of(context).runtime() as runtime:
        ring = runtime.vault.ring
        with progress(show=not json) as bar:
            reports = {rows.name: _rotated(rows, ring, batch, bar) for rows in every_envelope(runtime.database)}
        resealed = sum(report.resealed for report in reports.values())
        current = sum(report.already_current for report in reports.values())
        failed = [
            {"row": f"{name} {f.id}", "code": f.code, "error": f.message}
            for name, report in reports.items()
            for f in report.failed
        ]
        detail = f"{resealed} re-sealed, {len(failed)} failed"
        note(runtime.database, Action.CREDENTIAL_ROTATED, f"vault key {ring.current}", detail, failed=bool(failed))
    if json:
        print_json({"resealed": resealed, "already_current": current, "failed": failed})
    else:
        console.print(f"{resealed} re-sealed, {current} under the current key already, {len(failed)} failed.")
        print_table(("row", "code", "error"), [tuple(f.values()) for f in failed], "")
    return 1 if failed else 0


def _rotated(rows: StoredEnvelopes, ring: KeyRing, batch: int, bar: Bar) -> RotationReport:
    from syncd.vault import rotate as reseal

    bar.begin(f"Rotating {rows.name}s", rows.count())
    return reseal(rows, ring, batch, lambda told: bar.reach(told.examined))
