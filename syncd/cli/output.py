"""What commands print: tables and lines for people on standard output, or one JSON document for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from syncd.errors import ConfigError, SyncdError

if TYPE_CHECKING:
    from rich.console import Console


class _Terminal:
    """Rich's console, imported when it is first printed to: the daemon never does, nor does `--json`."""

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(stderr=self._stderr, highlight=False, soft_wrap=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._console, name)


console = cast("Console", _Terminal(stderr=False))
errors = cast("Console", _Terminal(stderr=True))

CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")


def shown(text: object) -> str:
    """What others wrote, for a line of ours: without control sequences, and not read as markup."""
    from rich.markup import escape

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
    """Print a table without its empty columns, or `empty` when there are no rows."""
    from .drawing import print_on

    listed = [[_text(value) for value in row] for row in rows]
    if not listed:
        if empty:
            console.print(empty)
        return
    used = [i for i in range(len(columns)) if any(row[i] for row in listed)]
    print_on(console, [columns[i] for i in used], [[row[i] for i in used] for row in listed])


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value).translate(CONTROLS)


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in words: `12 s`, `5 min`, `3 h`, `2 d`; `never` for None."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


class Bar:
    """How far long work has come. This one shows nothing."""

    def begin(self, title: str, total: int | None = None) -> None:
        """Something begins; `total` where it is known how much there is."""

    def advance(self, count: int) -> None:
        """So much more is done."""

    def reach(self, count: int) -> None:
        """So much is done."""


@contextmanager
def progress(*, show: bool) -> Iterator[Bar]:
    """A progress bar on a terminal's standard error; nothing elsewhere."""
    if not (show and sys.stderr.isatty()):
        yield Bar()
        return
    from .drawing import drawn_bar

    with drawn_bar() as bar:
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
