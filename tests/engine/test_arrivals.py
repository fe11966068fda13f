"""Deliveries are durable before they are answered, whatever passes on the way."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.engine.arrivals import Arrivals
from syncd.errors import StoreError
from syncd.model.clock import utc_now
from syncd.store import inbox
from syncd.store.database import Database
from syncd.store.inbox import Arrival


@pytest.mark.parametrize(("failures", "stored"), [(1, 1), (2, 0)])
def test_an_error_that_passes_loses_nothing_and_one_that_stays_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch, failures: int, stored: int
) -> None:
    left = [StoreError("They wait for each other.")] * failures
    real = inbox.store

    def store(*arguments: Any) -> None:
        if left:
            raise left.pop()
        real(*arguments)

    monkeypatch.setattr(inbox, "store", store)
    arrivals = Arrivals(database, utc_now)
    done = arrivals.put(Arrival(source="test", raw="{}"))
    assert (done.exception(10) is None) == bool(stored)
    arrivals.close()
    with database.read() as session:
        assert sum(inbox.counts(session).values()) == stored
