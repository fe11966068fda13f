"""A database that was copied: it must not do its original's work a second time.

The first start writes down where the database lives. Where that is not where it is found, syncd is read-only: it takes
in, plans and answers, but writes to no provider and refreshes no token (a rotated one would lock the original out).
`syncd db adopt` makes the new place the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import RetryError, StoreError
from syncd.store import installation
from syncd.store.database import Database

CODE = "not_adopted"
REMEDY = "If this copy takes the original's place, and the original is off for good: syncd db adopt"


@dataclass(frozen=True, slots=True)
class Moved:
    """A database that is `here` and belongs `home`."""

    home: str
    here: str

    def __str__(self) -> str:
        return "This database is a copy: nothing is written to any provider and no token refreshed."


class Home:
    """Whether the database is where it belongs. Once it is, it stays so while the process runs; until then each
    question asks the database, so that adopting it needs no restart.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settled = False

    @property
    def moved(self) -> Moved | None:
        """Home and here where they differ, else None. The first question ever makes here its home."""
        if self._settled:
            return None
        with self._database.read() as session:
            home, here = installation.home(session), installation.place(session)
        if home is None:
            with self._database.write() as session:
                home = installation.settle(session)
        self._settled = installation.is_same(home, here)
        return None if self._settled else Moved(home, here)

    def may_write(self) -> bool:
        """Whether providers may be written to."""
        return self.moved is None

    def require(self) -> None:
        """Refuse to go on in a copy.

        Raises:
            StoreError: this is a copy.
        """
        moved = self.moved
        if moved is not None:
            raise StoreError(str(moved), code=CODE, remedy=REMEDY)

    def require_for_refresh(self) -> None:
        """Refuse to refresh a token in a copy.

        Raises:
            RetryError: this is a copy; the connection is not to blame.
        """
        moved = self.moved
        if moved is not None:
            raise RetryError(str(moved), code=CODE, remedy=REMEDY)
