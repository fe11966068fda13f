"""What commands print: tables and lines for people on standard output, or one JSON document for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from syncd.errors import ConfigError, SyncdError

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

STATE_STYLES = {
    "active": "green",
    "synced": "green",
    "done": "green",
    "fresh": "green",
    "accepted": "green",
    "invalid": "red",
    "parked": "red",
    "failed": "red",
    "paused": "yellow",
    "pending": "yellow",
    "stale": "yellow",
    "retry": "yellow",
}


def print_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(plain(value), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """`value` in JSON's types; times as ISO 8601 UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    return value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Print a table, or `empty` when there are no rows."""
    listed = [[_cell(value) for value in row] for row in rows]
    if not listed:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in listed:
        table.add_row(*row)
    console.print(table)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = str(value).replace("[", r"\[")
    style = STATE_STYLES.get(text)
    return f"[{style}]{text}[/]" if style else text


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in words: `12 s`, `5 min`, `3 h`, `2 d`; `never` for None."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@contextmanager
def progress(title: str, *, show: bool) -> Iterator[Progress]:
    """A progress bar on a terminal's standard error; nothing elsewhere."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not (show and errors.is_terminal),
    )
    with bar:
        yield bar


def print_error(error: SyncdError, *, as_json: bool) -> None:
    """Print an error with its advice."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    if as_json:
        print_json({"error": {"code": error.code, "message": str(error), "remedy": error.remedy, "problems": problems}})
        return
    errors.print(f"[red]Error:[/] {_cell(str(error))}")
    for problem in problems:
        errors.print(f"  {_cell(str(problem))}")
    if error.remedy:
        errors.print(f"[bold]What to do:[/] {_cell(error.remedy)}")
