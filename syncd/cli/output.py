"""What commands print: tables and lines for people on standard output, or one JSON document for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
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


CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")


def shown(text: object) -> str:
    """What others wrote, for a line of ours: without control sequences, and not read as markup."""
    return escape(str(text).translate(CONTROLS))


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
    """Print a table without its empty columns, or `empty` when there are no rows.

    On a terminal too narrow for it without breaking words, each row is a block of lines instead; elsewhere a row is
    one line, however long.
    """
    listed = [[_text(value) for value in row] for row in rows]
    if not listed:
        if empty:
            console.print(empty)
        return
    used = [i for i in range(len(columns)) if any(row[i] for row in listed)]
    titles, listed = [columns[i] for i in used], [[row[i] for i in used] for row in listed]
    widths = _widths([titles, *listed], console.width if console.is_terminal else None)
    if widths is None:
        _print_blocks(titles, listed)
        return
    if not console.is_terminal:
        _print_lines([titles, *listed], widths)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, width in zip(titles, widths, strict=True):
        table.add_column(escape(title), width=width, overflow="fold")
    for row in listed:
        table.add_row(*map(_styled, row))
    console.print(table)


GAP = 2


def _widths(rows: Sequence[Sequence[str]], available: int | None) -> list[int] | None:
    """The columns' widths: as wide as their content, else narrowed where lines can break; None: still too wide."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    if available is None:
        return widths
    least = [max(cell_len(word) for text in column for word in text.split() or [""]) for column in columns]
    available -= GAP * (len(columns) - 1)
    if sum(least) > available:
        return None
    while sum(widths) > available:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[widest] -= 1
    return widths


def _print_lines(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for row in rows:
        cells = (set_cell_size(text, width) for text, width in zip(row, widths, strict=True))
        console.print((" " * GAP).join(cells).rstrip(), markup=False)


def _print_blocks(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    margin = max(map(len, titles)) + GAP
    for row in rows:
        grid = Table.grid(padding=(0, 0))
        grid.add_column(width=margin, style="bold")
        grid.add_column(overflow="fold")
        for title, text in zip(titles, row, strict=True):
            if text:
                grid.add_row(escape(title), _styled(text))
        console.print(grid)
        console.print()


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value).translate(CONTROLS)


def _styled(text: str) -> str:
    style = STATE_STYLES.get(text)
    return f"[{style}]{escape(text)}[/]" if style else escape(text)


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
    errors.print(f"[red]Error:[/] {shown(error)}")
    for problem in problems:
        errors.print(f"  {shown(problem)}")
    if error.remedy:
        errors.print(f"[bold]What to do:[/] {shown(error.remedy)}")
