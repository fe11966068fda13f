"""Run the benchmarks one after the other, print one table, and keep the figures in `bench/results.json`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from syncd.model.clock import utc_now

from . import busy_answers, crm, feed, providers, reads, reconcile, start_up, webhooks, writes
from .figures import Figure

RESULTS = Path(__file__).parent / "results.json"
BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "writes": writes.measure,
    "reads": reads.measure,
    "feed": feed.measure,
    "busy": busy_answers.measure,
    "reconcile": reconcile.measure,
    "start-up": start_up.measure,
    "webhooks": webhooks.measure,
    "providers": providers.measure,
    "crm": crm.measure,
}
PACKAGES = ("caldav", "sqlalchemy", "icalendar", "recurring-ical-events", "requests", "starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a goal was not met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs; vdirsyncer is not run")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    console = Console(width=None if sys.stdout.isatty() else 180)
    figures: dict[str, list[Figure]] = {}
    for name in options.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures[name] = BENCHMARKS[name](options.quick)
    every = [figure for group in figures.values() for figure in group]
    console.print(_table(every))
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        console.print("The machine is busy with other work: these times are worth little.")
    _keep(figures, options.quick)
    return int(any(figure.met is False for figure in every))


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("benchmark", "measured", "yardstick", "ratio", "goal", "met", ""):
        table.add_column(column, overflow="fold")
    for figure in figures:
        beside = f"{_number(figure.yardstick_value)} {figure.yardstick}" if figure.yardstick_value is not None else ""
        ratio = _number(figure.ratio) if figure.ratio is not None else ""
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        measured = f"{_number(figure.measured)} {figure.unit}"
        table.add_row(figure.name, measured, beside, ratio, figure.goal, met, figure.detail)
    return table


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _keep(figures: dict[str, list[Figure]], quick: bool) -> None:
    """Replace the results of the benchmarks that ran; the others stay, each with its own date."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name, group in figures.items():
        ran = {"date": utc_now().isoformat(timespec="seconds"), "quick": quick, "machine": _machine()}
        kept[name] = {**ran, "figures": [asdict(figure) for figure in group]}
    RESULTS.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _machine() -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    sys.exit(main())
