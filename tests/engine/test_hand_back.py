"""What a process that stops leaves to others."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
from given import SQLITE, OpenRuntime

from syncd.engine.fleet import hand_back
from syncd.settings import Settings
from syncd.store import busy, references, tokens
from syncd.store.owner import this_owner
from syncd.store.references import Due

from .deliveries import created
from .world import WORK, World


def test_every_lease_is_free_at_once(office: World) -> None:
    office.select(WORK)
    office.deliver(created())
    now, until = office.clock(), office.clock() + timedelta(minutes=10)
    with office.runtime.database.write() as session:
        due = Due(now=now, limit=1, per_app={}, in_hand={})
        assert references.claim(session, due, this_owner(), until)
        busy.make_due(session, now)
        assert busy.claim(session, now, this_owner(), until, limit=1)
        token = tokens.get(session, 1)
        assert token is not None
        assert tokens.take(session, token, now, until)
    hand_back(office.runtime, None)
    connection = office.connection(1)
    assert office.reference().lease_owner is None
    assert office.calendar(WORK).lease_owner is None
    assert connection.refresh_owner is None
    assert connection.refresh_lost_at == now


@pytest.mark.parametrize("database_kind", [SQLITE])
def test_without_the_database_nothing_keeps_a_process_from_ending(open_runtime: OpenRuntime) -> None:
    runtime = open_runtime(settings=Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    with structlog.testing.capture_logs() as told:
        hand_back(runtime, None)
    assert told[-1]["event"] == "work in hand could not be handed back"
