"""Jobs between machines: made with the change they are for, never piled up, never a reason to lose anything."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from engine.deliveries import created
from engine.world import ANNA, BEN, World
from given import OpenRuntime
from sqlalchemy import text

from syncd.engine.fleet import Hands, do, hand_out
from syncd.engine.intake import IntakeReport
from syncd.engine.lead import Lead
from syncd.errors import RetryError
from syncd.settings import Http, Settings
from syncd.store import inbox, schema, work
from syncd.store.database import Database
from syncd.store.inbox import Arrival, DeliveryState
from syncd.store.work import Job, Task

from .awaited import Awaited
from .queue import Queue

WRITE, REFRESH, READ = Task.WRITE_BOOKINGS, Task.REFRESH_TOKEN, Task.READ_CALENDARS


@pytest.fixture
def lead(database: Database) -> Lead:
    """This process leads."""
    taken = Lead(database)
    assert taken.renew()
    return taken


ORGANIZERS = (
    {"id": ANNA, "email": "anna@example.com", "name": "Anna", "timeZone": "UTC"},
    {"id": BEN, "email": "ben@example.com", "name": "Ben", "timeZone": "UTC"},
)


class RegrettedError(Exception):
    """Ends a transaction without a trace."""


def test_a_change_and_its_job_come_together(office: World, queue: Queue) -> None:
    office.deliver(created("a"))
    assert queue.waiting() == [Job(WRITE, office.reference("a").connection_id)]


def test_a_change_rolled_back_leaves_no_job(office: World, queue: Queue) -> None:
    with office.runtime.database.write() as session:
        inbox.put(session, [Arrival(source="test", body=created("a"))], office.clock())
    with suppress(RegrettedError), office.runtime.database.write() as session:
        office.runtime.intake.take_batch(session, IntakeReport(), [DeliveryState.NEW])
        assert work.defer(session, [Job(WRITE, 1)]) == 0
        raise RegrettedError
    assert queue.waiting() == []
    assert office.references() == []


def test_a_hundred_changes_of_a_connection_make_one_job(office: World, queue: Queue) -> None:
    for n in range(100):
        office.deliver(created(f"b{n}", told=n / 100, at=n))
    assert len(queue.waiting()) == 1


def test_a_job_is_made_anew_once_the_last_one_has_begun(office: World, queue: Queue) -> None:
    office.deliver(created("a"))
    job = queue.fetch(queue.worker())
    office.deliver(created("b", told=1))
    assert queue.running() == [job]
    assert queue.waiting() == [job]


def test_two_jobs_of_a_connection_and_task_never_run_at_once(database: Database, queue: Queue) -> None:
    first, second = queue.worker(), queue.worker()
    for _ in range(2):
        with database.write() as session:
            work.defer(session, [Job(WRITE, 1), Job(WRITE, 2)])
        queue.fetch(first)
    assert queue.running() == [Job(WRITE, 1), Job(WRITE, 2)]
    assert queue.waiting() == [Job(WRITE, 1)]
    assert queue.fetch(second) is None


def test_writes_come_before_tokens_and_tokens_before_busy_times(database: Database, queue: Queue) -> None:
    for task in (READ, REFRESH, WRITE):
        with database.write() as session:
            work.defer(session, [Job(task, 1)])
    worker = queue.worker()
    assert [queue.fetch(worker) for _ in range(3)] == [Job(WRITE, 1), Job(REFRESH, 1), Job(READ, 1)]


def test_a_job_that_waits_does_not_run_before_the_change_it_also_serves(database: Database, queue: Queue) -> None:
    worker, job = queue.worker(), Job(WRITE, 1)
    with database.write() as session:
        work.defer(session, [job])
    with database.write() as session:
        assert work.defer(session, [job]) == 0
        assert queue.fetch(worker) is None
    assert queue.fetch(worker) == job


def test_two_transactions_that_make_the_same_jobs_make_them_once(database: Database, queue: Queue) -> None:
    jobs = [Job(task, n) for task in Task for n in range(5)]
    barrier = threading.Barrier(4)

    def make(order: list[Job]) -> None:
        barrier.wait()
        with database.write() as session:
            work.defer(session, order)

    threads = [threading.Thread(target=make, args=(jobs[::step],)) for step in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(queue.waiting()) == sorted(jobs)


def test_a_lost_job_is_made_again_from_the_state(office: World, queue: Queue, lead: Lead) -> None:
    office.read()
    office.deliver(created("a"))
    made = queue.waiting()
    queue.clear()
    hand_out(office.runtime, lead)
    assert queue.waiting() == made


def test_calendars_to_read_are_handed_out_when_they_are_due(office: World, queue: Queue, lead: Lead) -> None:
    hand_out(office.runtime, lead)
    (job,) = queue.waiting()
    assert job.task == READ
    office.read()
    queue.clear()
    hand_out(office.runtime, lead)
    assert queue.waiting() == []
    office.clock.advance(minutes=10)
    hand_out(office.runtime, lead)
    assert queue.waiting() == [job]


def test_what_somebody_holds_or_what_is_not_due_yet_is_not_handed_out(office: World, queue: Queue, lead: Lead) -> None:
    office.read()
    office.provider.fail_next("put_event", RetryError("later"))
    office.tell(created("a"))
    queue.clear()
    hand_out(office.runtime, lead)
    assert queue.waiting() == []
    office.clock.advance(minutes=1)
    hand_out(office.runtime, lead)
    assert [job.task for job in queue.waiting()] == [WRITE]


def test_the_job_of_a_worker_that_died_goes_to_another(office: World, queue: Queue, lead: Lead) -> None:
    office.deliver(created("a"))
    dead, alive = queue.worker(), queue.worker()
    job = queue.fetch(dead)
    queue.fall_silent(dead)
    hand_out(office.runtime, lead)
    assert queue.fetch(alive) == job


def test_the_job_of_a_worker_that_lives_stays_its_own(office: World, queue: Queue, lead: Lead) -> None:
    office.read()
    office.deliver(created("a"))
    slow, other = queue.worker(), queue.worker()
    job = queue.fetch(slow)
    hand_out(office.runtime, lead)
    assert queue.running() == [job]
    assert queue.fetch(other) is None


def test_channels_are_made_by_whichever_machine_is_free(
    office: World, queue: Queue, lead: Lead, open_runtime: OpenRuntime, settings: Settings
) -> None:
    office.select("work")
    office.read()
    reached = settings.model_copy(update={"http": Http(public_url="https://sync.example.com")})
    leads, works = open_runtime(settings=reached), open_runtime(settings=reached)
    hand_out(leads, lead)
    assert queue.waiting() == [Job(Task.WATCH_CALENDARS, 1)]
    for each in (works, leads):
        do(each, Job(Task.WATCH_CALENDARS, 1), lambda: False)
    assert office.provider.calls["watch"] == 1
    queue.clear()
    hand_out(leads, lead)
    assert queue.waiting() == []


def test_who_lost_the_lead_hands_nothing_out(office: World, queue: Queue) -> None:
    paused, other = Lead(office.runtime.database, owner="a", lease_s=0), Lead(office.runtime.database, owner="b")
    paused.renew()
    other.renew()
    office.deliver(created("a"))
    queue.clear()
    assert hand_out(office.runtime, paused) == "another process leads"
    assert queue.waiting() == []


def test_a_worker_does_what_was_handed_out_and_nothing_twice(
    office: World, queue: Queue, open_runtime: OpenRuntime
) -> None:
    office.runtime.intake.head_start = timedelta()
    office.person(BEN, destination="work")
    written = Awaited(20)
    hands = [Hands(open_runtime(sinks=(written,))) for _ in range(2)]
    for each in hands:
        each.start()
    for n in range(20):
        office.deliver(created(f"b{n}", told=n / 100, at=n, organizer=ORGANIZERS[n % 2]))
    written.wait()
    assert all(each.stop(30) for each in hands)
    office.work()
    assert len(office.events()) == 20
    assert office.provider.calls["put_event"] == 20


def test_the_queue_is_made_once_and_written_down(database: Database) -> None:
    with database.write() as session:
        applied = session.execute(text("SELECT value FROM installation WHERE name = 'procrastinate_schema'")).scalar()
    assert applied == work.migrations()[-1].name
    assert schema.upgrade(database) == (schema.HEAD, schema.HEAD)


def test_a_newer_procrastinate_is_caught_up_with(database: Database, empty_database_url: str) -> None:
    older = next(n for n, file in enumerate(work.migrations()) if file.name.startswith("03.03."))
    behind = Database(empty_database_url)
    try:
        _upgrade_without_queue(behind)
        with behind.engine.connect() as connection:
            for file in work.migrations()[:older]:
                work._run(connection, file)
                work._write_down(connection, file)
        schema.upgrade(behind)
        assert _functions(behind) == _functions(database)
    finally:
        behind.close()


def _upgrade_without_queue(database: Database) -> None:
    from alembic import command

    config = schema.alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _functions(database: Database) -> set[str]:
    with database.read() as session:
        found = session.execute(text("SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%'"))
        return set(found.scalars())
