"""`syncd demo`."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import ConfigError
from syncd.signals import end_awaited

from .context import Json
from .output import console, errors, print_json, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from syncd.demo.show import DemoReport


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave servers and database running until Ctrl-C.")] = False,
    json: Json = False,
) -> int:
    """See it work: bookings travel into real calendar servers on loopback and back, in a temporary directory."""
    try:
        import radicale  # noqa: F401
        import xandikos  # noqa: F401
    except ImportError as error:
        raise ConfigError("The demonstration needs CalDAV servers.", remedy="pip install 'syncd[servers]'") from error
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves as Ctrl-C does: cleaned up
    try:
        return _show(folder, keep, json)
    finally:
        signal.signal(signal.SIGTERM, before)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _show(folder: Path, keep: bool, json: bool) -> int:
    from syncd.demo.show import play, stage

    from .logging import configure

    step = 0

    def say(line: str) -> None:
        nonlocal step
        if json:
            return
        if line.startswith(" "):
            console.print(f"[dim]{line}[/]")
        else:
            step += 1
            console.print(f"[bold]{step:2}[/] {line}")

    from syncd.settings import Log

    configure(Log(level="error"))
    with stage(folder, say) as prepared:
        report = play(prepared)
        if json:
            _print_json(report)
        else:
            _print(report)
        if keep:
            _keep(folder, errors if json else console)
    return 0 if report.agrees else 1


def _print(report: DemoReport) -> None:
    console.print()
    rows = [(c.step, c.place, c.expected, c.found, "yes" if c.agrees else "NO") for c in report.checks]
    print_table(("step", "place", "expected", "found", "agrees"), rows, "")
    agree = sum(c.agrees for c in report.checks)
    verdict = "[green]All agree.[/]" if report.agrees else "[red]Not all agree.[/]"
    console.print()
    told = f"{agree} of {len(report.checks)} places, {report.provider_calls} provider calls, {report.seconds:.1f} s"
    console.print(f"{verdict} {told}.")


def _print_json(report: DemoReport) -> None:
    checks = [
        {"step": c.step, "place": c.place, "expected": c.expected, "found": c.found, "agrees": c.agrees}
        for c in report.checks
    ]
    print_json(
        {"agrees": report.agrees, "seconds": report.seconds, "provider_calls": report.provider_calls, "checks": checks}
    )


def _explain_keep(folder: Path, out: Console) -> None:
    out.print()
    out.print(f"Servers and database stay in {folder}. In another terminal:")
    for command in (
        "bookings list",
        "calendars list",
        "busy --user anna@example.com --to +14d",
        "log",
        "sync --dry-run",
    ):
        out.print(f"  syncd --config {folder}/syncd.toml {command}")
    out.print("Ctrl-C ends the servers; the folder stays.")


def _keep(folder: Path, out: Console) -> None:
    """Leave everything as it is until a signal says to stop; it is awaited from before the user is told how."""
    with end_awaited() as wait:
        _explain_keep(folder, out)
        wait()
    out.print("Stopped.")
