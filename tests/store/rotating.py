"""A process that rotates a database's envelopes and kills itself on the way.

    python rotating.py URL KEYS LINES

dies by SIGKILL before the LINES-th line of the rotation or of the store would run; 0 is never. A run that lives prints
how many lines there were.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

from syncd.store.database import Database
from syncd.store.envelopes import StoredEnvelopes
from syncd.vault import parse_keys, rotate

TRACED = ("vault/rotation.py", "store/envelopes.py", "store/database.py")


class KillingTracer:
    """Counts the lines run in rotation and store, and kills the process before the given one."""

    def __init__(self, kill_at: int) -> None:
        self.lines = 0
        self._kill_at = kill_at

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def main(url: str, keys: str, kill_at: int) -> None:
    """Rotate in batches of 4."""
    database, ring = Database(url), parse_keys(keys, "argument")
    tracer = KillingTracer(kill_at)
    sys.settrace(tracer)
    rotate(StoredEnvelopes(database), ring, batch=4)
    sys.settrace(None)
    database.close()
    print(tracer.lines)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
