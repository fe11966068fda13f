"""Who ticks: one process of all that share a PostgreSQL database. On SQLite the only daemon there is.

The lead is held for `LEASE_S` and renewed long before. A holder counts its own time from before it asked, by its own
clock: it stops leading no later than the database lets another begin, whether it was paused, cut off or slow. What must
not be done twice also asks for its term in the transaction that does it (`confirm`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from sqlmodel import Session

from syncd.errors import SyncdError
from syncd.store import lead
from syncd.store.database import Database
from syncd.store.owner import this_owner

ROLE = "scheduler"
LEASE_S = 7.5
RENEW_S = 2.5


class Lead:
    """Takes the lead when it is free and keeps it, from `start` to `stop`."""

    def __init__(
        self,
        database: Database,
        *,
        owner: str | None = None,
        lease_s: float = LEASE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._owner = owner or this_owner()
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._term: int | None = None
        self._until = float("-inf")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = structlog.get_logger("syncd.lead")

    @property
    def leads(self) -> bool:
        """Whether this process leads now."""
        return self._database.is_sqlite or self._monotonic() < self._until

    def start(self) -> None:
        """Try at once, then again and again."""
        if self._database.is_sqlite:
            return
        self.renew()
        self._thread = threading.Thread(target=self._run, name="syncd-lead", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let another take over at once; where the database is gone, when the lease runs out."""
        self._stop.set()
        if self._thread is None:
            return
        self._thread.join(RENEW_S)
        try:
            self.give_up()
        except SyncdError as error:
            self._log.warning("the lead could not be given up", error=str(error))

    def renew(self) -> bool:
        """Take or keep the lead; whether it is ours."""
        asked = self._monotonic()
        with self._database.write() as session:
            term = lead.take(session, ROLE, self._owner, self._lease_s)
        if term != self._term:
            self._log.info("leading" if term else "no longer leading", term=term or self._term)
        self._term = term
        self._until = asked + self._lease_s if term else float("-inf")
        return term is not None

    def give_up(self) -> None:
        """Stop leading."""
        self._term, self._until = None, float("-inf")
        with self._database.write() as session:
            lead.give_up(session, ROLE, self._owner)

    def confirm(self, session: Session) -> bool:
        """Whether we lead, by the database, and still will when this transaction ends."""
        if self._database.is_sqlite:
            return True
        term = self._term
        return term is not None and lead.holds(session, ROLE, self._owner, term)

    def _run(self) -> None:
        while not self._stop.wait(RENEW_S):
            try:
                self.renew()
            except Exception as error:
                self._log.warning("the lead could not be renewed", error=f"{type(error).__name__}: {error}")
