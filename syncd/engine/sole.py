"""One daemon on a SQLite database: a lock on a file beside it, gone with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from syncd.errors import StoreError
from syncd.store.database import Database


class SoleDaemon:
    """Holds the lock from `take` until the process ends. On PostgreSQL it does nothing: leases keep daemons apart."""

    def __init__(self, database: Database) -> None:
        file = database.engine.url.database if database.is_sqlite else None
        self._path = Path(f"{file}.daemon") if file and file != ":memory:" else None
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            StoreError: another daemon works on this database.
        """
        if self._path is None:
            return
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise StoreError(
                f"Another daemon (process {holder}) works on this database already.",
                code="second_daemon",
                remedy="Stop it first; for several daemons use PostgreSQL.",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
