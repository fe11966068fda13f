"""What people see: tables, drawn on a terminal and one line a row elsewhere, and progress bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .output import Bar

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

GAP = 2


def print_on(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table.

    On a terminal too narrow for it without breaking words, each row is a block of lines instead; elsewhere a row is
    one line, however long.
    """
    widths = _widths([titles, *rows], console.width if console.is_terminal else None)
    if widths is None:
        _print_blocks(console, titles, rows)
    elif not console.is_terminal:
        _print_lines(console, [titles, *rows], widths)
    else:
        _print_drawn(console, titles, rows, widths)


def _print_drawn(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, width in zip(titles, widths, strict=True):
        table.add_column(escape(title), width=width, overflow="fold")
    for row in rows:
        table.add_row(*map(_styled, row))
    console.print(table)


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


def _print_lines(console: Console, rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for row in rows:
        cells = (set_cell_size(text, width) for text, width in zip(row, widths, strict=True))
        console.print((" " * GAP).join(cells).rstrip(), markup=False)


def _print_blocks(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
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


def _styled(text: str) -> str:
    style = STATE_STYLES.get(text)
    return f"[{style}]{escape(text)}[/]" if style else escape(text)


class _DrawnBar(Bar):
    def __init__(self, drawn: Progress) -> None:
        self._drawn = drawn
        self._task = drawn.add_task("", total=None)

    def begin(self, title: str, total: int | None = None) -> None:
        self._drawn.update(self._task, description=title, completed=0, total=total)

    def advance(self, count: int) -> None:
        self._drawn.advance(self._task, count)

    def reach(self, count: int) -> None:
        self._drawn.update(self._task, completed=count)


@contextmanager
def drawn_bar() -> Iterator[Bar]:
    """A bar on standard error until the block ends; nothing of it stays."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as drawn:
        yield _DrawnBar(drawn)
