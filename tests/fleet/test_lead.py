"""Who ticks: one process at a time, another soon after it is gone."""

from __future__ import annotations

import subprocess
import sys

import pytest
from given import SQLITE, OpenRuntime

from syncd.engine.lead import LEASE_S, Lead
from syncd.engine.runtime import Runtime
from syncd.engine.scheduler import Scheduler
from syncd.model.clock import utc_now
from syncd.store import inbox, log
from syncd.store.database import Database
from syncd.store.inbox import Arrival

from .awaited import Awaited

ENDED_AT_ONCE = 0.0


class Stopwatch:
    """A monotonic clock set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_one_leads(database: Database) -> None:
    first, second = Lead(database, owner="first"), Lead(database, owner="second")
    assert first.renew()
    assert not second.renew()
    assert first.renew()
    assert (first.leads, second.leads) == (True, False)


def test_a_lead_given_up_is_taken_at_once(database: Database) -> None:
    first, second = Lead(database, owner="first"), Lead(database, owner="second")
    first.renew()
    first.give_up()
    assert not first.leads
    assert second.renew()
    assert not first.renew()


def test_a_lead_that_is_not_renewed_is_taken_over(database: Database) -> None:
    first, second = Lead(database, owner="first", lease_s=ENDED_AT_ONCE), Lead(database, owner="second")
    first.renew()
    assert second.renew()


def test_a_holder_that_died_on_this_machine_is_not_waited_for(database: Database) -> None:
    program = "from syncd.store.owner import this_owner; print(this_owner())"
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert Lead(database, owner=dead).renew()
    assert Lead(database).renew()


def test_a_holder_that_was_paused_knows_without_asking(database: Database) -> None:
    stopwatch = Stopwatch()
    paused = Lead(database, owner="paused", monotonic=stopwatch)
    paused.renew()
    stopwatch.seconds += LEASE_S + 0.1
    assert not paused.leads


def test_a_former_term_is_refused_even_to_the_same_holder(database: Database) -> None:
    former, other = Lead(database, owner="former", lease_s=ENDED_AT_ONCE), Lead(database, owner="other")
    former.renew()
    other.renew()
    other.give_up()
    again = Lead(database, owner="former")
    again.renew()
    with database.write() as session:
        assert again.confirm(session)
        assert not former.confirm(session)
        assert not other.confirm(session)


def test_only_the_one_that_leads_runs_jobs_by_their_periods(runtime: Runtime, open_runtime: OpenRuntime) -> None:
    other = Lead(runtime.database, owner="other")
    other.renew()
    follower = Lead(runtime.database)
    follower.renew()
    scheduler = Scheduler(open_runtime(clock=utc_now), follower)
    scheduler.start()
    try:
        assert scheduler.wait_for_first(30)
    finally:
        assert scheduler.stop(30)
    with runtime.database.read() as session:
        assert log.listed_jobs(session) == []


def test_a_job_that_is_woken_runs_where_it_was_woken(runtime: Runtime, open_runtime: OpenRuntime) -> None:
    follower, told = Lead(runtime.database), Awaited(1)
    with runtime.database.write() as session:
        inbox.put(session, [Arrival(source="test", body={})], utc_now())
    scheduler = Scheduler(open_runtime(clock=utc_now, sinks=(told,)), follower)
    scheduler.start()
    try:
        scheduler.wake("take-in")
        told.wait()
    finally:
        assert scheduler.stop(30)
    with runtime.database.read() as session:
        assert [run.job for run in log.listed_jobs(session)] == ["take-in"]


@pytest.mark.parametrize("database_kind", [SQLITE])
def test_on_sqlite_the_only_daemon_leads(database: Database) -> None:
    lead = Lead(database)
    lead.start()
    assert lead.leads
    with database.write() as session:
        assert lead.confirm(session)
    lead.stop()
