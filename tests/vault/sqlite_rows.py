"""`EnvelopeRows` over a SQLite file, and a process that rotates one and kills itself on the way.

    python sqlite_rows.py FILE KEYS LINES

rotates FILE with the keys KEYS and dies by SIGKILL before the LINES-th line of the rotation or of the store would run;
0 is never. A run that lives prints how many lines there were.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from syncd.vault import Binding, Change, EnvelopeRow, KeyRing, parse_keys, rotate

TABLE = """create table connection (
    id integer primary key autoincrement, app text not null, user_id integer, envelope text not null)"""


class SqliteRows:
    """The store's part in a rotation. `before_swap` is called outside the transaction, for others to interfere."""

    def __init__(self, path: Path, before_swap: Callable[[], object] = lambda: None) -> None:
        self.path = path
        self.before_swap = before_swap
        self.swaps = 0

    def after(self, last_id: int, limit: int) -> list[EnvelopeRow]:
        with closing(self._connect()) as connection:
            found = connection.execute(
                "select id, app, user_id, envelope from connection where id > ? order by id limit ?", (last_id, limit)
            ).fetchall()
        return [EnvelopeRow(id_, Binding(id_, app, user), envelope) for id_, app, user, envelope in found]

    def swap(self, changes: Sequence[Change]) -> int:
        self.before_swap()
        self.swaps += 1
        swapped = 0
        with closing(self._connect()) as connection:
            connection.execute("begin immediate")
            for id_, old, new in changes:
                swapped += connection.execute(
                    "update connection set envelope = ? where id = ? and envelope = ?", (new, id_, old)
                ).rowcount
            connection.execute("commit")
        return swapped

    def execute(self, statement: str, *values: object) -> int:
        with closing(self._connect()) as connection:
            return connection.execute(statement, values).lastrowid or 0

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)


class KillingTracer:
    """Counts the lines run in rotation and store, and kills the process before the given one."""

    def __init__(self, kill_at: int) -> None:
        self.lines = 0
        self._kill_at = kill_at

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.endswith(("rotation.py", "sqlite_rows.py")):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def rotate_and_die(path: Path, ring: KeyRing, kill_at: int) -> int:
    """Rotate in batches of 3; return how many lines that took, if it ends at all."""
    tracer = KillingTracer(kill_at)
    sys.settrace(tracer)
    rotate(SqliteRows(path), ring, batch=3)
    sys.settrace(None)
    return tracer.lines


if __name__ == "__main__":
    print(rotate_and_die(Path(sys.argv[1]), parse_keys(sys.argv[2], "argument"), int(sys.argv[3])))
