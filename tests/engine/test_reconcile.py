"""Making what is there what is wanted: once, in order, through every kind of failure."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event as Signal
from threading import Semaphore
from typing import Any

import pytest

from syncd.engine.reconcile import Reconciler
from syncd.errors import (
    ConflictError,
    ForbiddenError,
    ProviderError,
    ReconnectError,
    RefusedError,
    RepairError,
    RetryError,
    StoreError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.calendar import Receipt
from syncd.model.connection import ConnectionState
from syncd.settings import App
from syncd.store import references
from syncd.testing.memory import MemoryConnector, MemoryProvider

from .deliveries import START, cancelled, created, rescheduled
from .world import ANNA, BEN, WORK, World, starts

BEN_ORGANIZES = {"id": BEN, "name": "Ben", "email": "ben@example.com", "timeZone": "UTC", "language": {"locale": "en"}}


@pytest.fixture
def latest(office: World) -> World:
    """Every wait is as long as it can be."""
    runtime = office.runtime
    runtime.reconciler = Reconciler(
        runtime.database, runtime.pool, runtime.results, runtime.settings.writes, office.clock, draw=lambda: 1.0
    )
    return office


def quiet(world: World) -> None:
    """Let time pass until nothing is due any more."""
    for _ in range(20):
        world.clock.advance(minutes=20)
        world.work()


def test_every_booking_is_written_once(office: World) -> None:
    office.tell(*[created(f"b{n}", told=n / 100, at=n) for n in range(40)])
    assert len(office.events()) == 40
    assert office.provider.calls["put_event"] == 40
    office.work()
    assert office.provider.calls["put_event"] == 40


def test_a_run_that_keeps_no_results_still_counts_them(office: World) -> None:
    office.deliver(created("a"), created("b", at=1))
    report = office.work(keep_results=False)
    assert (report.results, report.outcomes["done"]) == ([], 2)


def test_two_engines_write_every_booking_once(office: World, open_runtime: Any) -> None:
    other = World(open_runtime(), office.provider, office.clock)
    office.deliver(*[created(f"b{n}", told=n / 100, at=n) for n in range(30)])
    done = other.runtime.executor.submit(office.work)
    other.work()
    done.result(60)
    assert len(office.events()) == 30
    assert office.provider.calls["put_event"] == 30


def test_passing_trouble_is_tried_again_after_a_growing_wait(latest: World) -> None:
    latest.provider.fail_next("put_event", RetryError("Busy."), times=3)
    latest.tell(created())
    waits = []
    for _ in range(3):
        row = latest.reference()
        assert (row.state, row.error) == ("pending", "Busy.")
        waits.append((row.due_at - latest.clock()).total_seconds())
        latest.clock.now = row.due_at - timedelta(seconds=1)
        assert not latest.work().outcomes
        latest.clock.advance(seconds=1)
        latest.work()
    assert waits == [4, 8, 16]
    row = latest.reference()
    assert (row.state, row.attempts, row.error, row.first_failed_at) == ("synced", 0, "", None)


def test_the_wait_is_never_longer_than_the_cap(latest: World) -> None:
    latest.provider.fail_next("put_event", RetryError("Busy."), times=30)
    latest.tell(created())
    for _ in range(29):
        latest.clock.now = latest.reference().due_at
        latest.work()
    assert latest.reference().due_at - latest.clock() == timedelta(minutes=15)


def test_a_time_the_provider_names_is_waited_for_and_is_no_failure(office: World) -> None:
    until = office.clock() + timedelta(hours=3)
    office.provider.fail_next("put_event", WaitUntilError("Slow down.", retry_at=until))
    office.tell(created())
    row = office.reference()
    assert until <= row.due_at <= until + timedelta(seconds=2)
    assert row.attempts == 0
    office.clock.now = until - timedelta(seconds=1)
    assert not office.work().outcomes
    office.clock.advance(seconds=5)
    office.work()
    assert len(office.events()) == 1


def test_while_a_provider_asks_to_wait_no_other_write_asks_it(office: World) -> None:
    until = office.clock() + timedelta(hours=3)
    office.provider.fail_next("put_event", WaitUntilError("Slow down.", retry_at=until))
    office.tell(created("a"))
    office.tell(created("b", at=1))
    assert office.provider.calls["put_event"] == 1
    assert {r.error_code for r in office.references()} == {"throttled"}
    office.clock.now = until + timedelta(seconds=5)
    office.work()
    assert len(office.events()) == 2


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("The title is too long."),
        ForbiddenError("Not yours."),
        RepairError("No colours here.", fields=("color",)),
        ProviderError("Something new."),
    ],
)
def test_what_no_repeat_can_mend_is_parked_with_reason_and_remedy(office: World, error: ProviderError) -> None:
    office.provider.fail_next("put_event", error)
    office.tell(created("a"), created("b", at=2))
    parked = [r for r in office.references() if r.state == "parked"]
    assert [(r.error_code, r.error) for r in parked] == [(error.code, str(error))]
    quiet(office)
    assert len(office.events()) == 1
    (logged,) = office.log(outcomes=["parked"])
    assert (logged.code, logged.error) == (error.code, str(error))


def test_a_parked_write_is_done_when_a_person_asks_for_it(office: World) -> None:
    office.provider.fail_next("put_event", RefusedError("No."))
    office.tell(created())
    with office.runtime.database.write() as session:
        assert references.retry(session, ["a"], office.clock()) == 1
    office.work()
    assert office.reference().state == "synced"


def test_a_parked_write_gets_another_chance_when_its_booking_changes(office: World) -> None:
    office.provider.fail_next("put_event", RefusedError("The title is too long."))
    office.tell(created(title="long"))
    office.tell(created(told=5, title="short"))
    assert office.event().title == "short"


def test_after_days_of_failure_the_write_is_given_up_with_advice(office: World) -> None:
    office.provider.fail_next("put_event", RetryError("Busy."), times=1000)
    office.tell(created())
    for _ in range(75):
        office.clock.advance(hours=1)
        office.work()
    row = office.reference()
    assert row.state == "parked"
    assert "syncd bookings retry" in row.remedy


def test_a_new_telling_starts_with_full_patience(office: World) -> None:
    """The failures of what is no longer wanted do not count against what is wanted instead."""
    office.provider.fail_next("put_event", RetryError("Busy."), times=1000)
    office.tell(created())
    for _ in range(71):
        office.clock.advance(hours=1)
        office.work()
    office.tell(created(told=5, at=2))
    office.clock.advance(hours=2)
    office.work()
    assert office.reference().state == "pending"


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_makes_no_second_event(office: World, after: bool) -> None:
    office.provider.fail_next("put_event", UnclearError("No answer."), after=after)
    office.tell(created())
    assert office.reference().attempted
    quiet(office)
    assert len(office.events()) == 1
    assert office.reference().state == "synced"


@pytest.mark.parametrize("after", [False, True])
def test_a_booking_cancelled_after_a_lost_answer_leaves_nothing(office: World, after: bool) -> None:
    office.provider.fail_next("put_event", UnclearError("No answer."), after=after)
    office.tell(created())
    office.tell(cancelled())
    quiet(office)
    assert office.events() == []
    assert office.reference().state == "removed"


def test_a_removal_looks_for_an_event_whose_id_was_never_learned_by_its_uid(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        MemoryConnector,
        "remove_event",
        lambda _self, _calendar, _key, uid, applied: asked.append((uid, applied)),
    )
    office.provider.fail_next("put_event", UnclearError("No answer."), after=True)
    office.tell(created())
    office.tell(cancelled())
    quiet(office)
    assert asked == [("a@Cal.com", None)]


@pytest.mark.parametrize("after", [False, True])
def test_a_booking_moved_after_a_lost_answer_is_one_event(office: World, after: bool) -> None:
    office.provider.fail_next("put_event", UnclearError("No answer."), after=after)
    office.tell(created("a"))
    office.tell(rescheduled("b", "a", at=4))
    quiet(office)
    assert starts(office.events()) == [START + timedelta(hours=4)]


def test_a_conflict_is_read_and_written_again(office: World) -> None:
    office.tell(created())
    office.provider.fail_next("put_event", ConflictError("Changed meanwhile."))
    office.tell(created(told=5, at=2))
    quiet(office)
    assert starts(office.events()) == [START + timedelta(hours=2)]


def test_a_lost_removal_is_done_again(office: World) -> None:
    office.tell(created())
    office.provider.fail_next("remove_event", UnclearError("No answer."), after=True)
    office.tell(cancelled())
    quiet(office)
    assert office.reference().state == "removed"
    assert office.events() == []


def test_an_event_a_person_removed_is_made_again_only_when_a_person_asks(office: World) -> None:
    office.tell(created())
    (item,) = office.provider.calendars[WORK]
    office.provider.discard(WORK, item)
    office.tell(created(told=5, at=2))
    assert office.events() == []
    assert office.reference().error_code == "event_gone"
    with office.runtime.database.write() as session:
        references.retry(session, ["a"], office.clock())
    office.work()
    assert len(office.events()) == 1


def test_a_booking_wanted_again_after_its_removal_is_a_new_event(office: World) -> None:
    office.tell(created())
    first = office.reference().key
    office.tell(cancelled())
    office.tell(created(told=40, at=1))
    assert len(office.events()) == 1
    assert office.reference().key != first


class Held:
    """Holds the provider's next write before it is carried out, until it is let go."""

    def __init__(self, provider: MemoryProvider) -> None:
        self.begun, self.go = Signal(), Signal()
        self._perform = provider.perform
        provider.perform = self._held  # type: ignore[method-assign]

    def _held(self, operation: str, run: Any) -> Any:
        if operation == "put_event" and not self.begun.is_set():
            self.begun.set()
            assert self.go.wait(30)
        return self._perform(operation, run)


class Hanging:
    """Holds every write to one calendar until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, calendar: str) -> None:
        self.go, self.others = Signal(), Semaphore(0)
        put = MemoryConnector.put_event

        def held(connector: MemoryConnector, place: str, *arguments: Any, **named: Any) -> Receipt:
            if place == calendar:
                assert self.go.wait(30)
            receipt = put(connector, place, *arguments, **named)
            self.others.release()
            return receipt

        monkeypatch.setattr(MemoryConnector, "put_event", held)

    def wait_for_others(self, count: int) -> bool:
        """Wait for `count` writes elsewhere."""
        return all(self.others.acquire(timeout=30) for _ in range(count))


def test_an_older_revision_never_overwrites_a_newer_one(office: World, open_runtime: Any) -> None:
    """What is told while a write is under way is written after it, and stays."""
    other = open_runtime()
    held = Held(office.provider)
    office.deliver(created(at=1))
    running = other.executor.submit(lambda: World(other, office.provider, office.clock).work())
    assert held.begun.wait(30)
    office.tell(created(told=5, at=2))
    assert office.events() == []  # whoever comes second waits for the first
    held.go.set()
    running.result(60)
    office.work()
    assert starts(office.events()) == [START + timedelta(hours=2)]
    row = office.reference()
    assert (row.state, row.applied_version) == ("synced", row.desired_version)


def test_a_booking_cancelled_while_it_is_being_written_leaves_nothing(office: World, open_runtime: Any) -> None:
    other = open_runtime()
    held = Held(office.provider)
    office.deliver(created())
    running = other.executor.submit(lambda: World(other, office.provider, office.clock).work())
    assert held.begun.wait(30)
    office.tell(cancelled())
    held.go.set()
    running.result(60)
    office.work()
    assert office.events() == []
    assert office.reference().state == "removed"


class Late(ThreadPoolExecutor):
    """Its first job waits until `meanwhile` is over."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(1)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        if self._meanwhile:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return super().submit(*arguments, **named)


def test_a_write_whose_lease_another_engine_took_over_is_not_sent(office: World, open_runtime: Any) -> None:
    other = World(open_runtime(), office.provider, office.clock)
    office.deliver(created())

    def cancel() -> None:
        office.clock.advance(seconds=301)
        other.tell(cancelled())

    with Late(cancel) as executor:
        office.runtime.reconciler.run(executor)
    assert office.provider.calls["put_event"] == 0
    assert (office.events(), office.reference().state) == ([], "removed")


def test_a_write_whose_lease_is_nearly_over_is_put_off_unsent(office: World) -> None:
    office.deliver(created())
    with Late(lambda: office.clock.advance(seconds=241)) as executor:
        office.runtime.reconciler.run(executor)
    row = office.reference()
    assert (row.state, row.error_code, row.attempts, row.attempted) == ("pending", "lease_lost", 0, False)
    assert office.provider.calls["put_event"] == 0
    office.clock.advance(seconds=5)
    office.work()
    assert len(office.events()) == 1


def test_a_booking_wanted_again_while_its_removal_is_sent_is_another_event(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider may keep the id of a removed event taken."""
    office.tell(created())
    key = office.reference().key
    office.deliver(cancelled())
    perform = office.provider.perform

    def wanted_again(operation: str, run: Callable[[], Any]) -> Any:
        done = perform(operation, run)
        if operation == "remove_event":
            office.deliver(created(told=40))
        return done

    monkeypatch.setattr(office.provider, "perform", wanted_again)
    office.work()
    office.clock.advance(minutes=1)
    office.work()
    assert len(office.events()) == 1
    assert office.reference().key != key


def test_a_time_the_provider_names_holds_for_a_connector_opened_anew(office: World) -> None:
    office.provider.fail_next("put_event", WaitUntilError("Slow.", retry_at=office.clock() + timedelta(hours=3)))
    office.tell(created("a"))
    office.runtime.pool.drop(1)
    office.tell(created("b", at=1))
    assert office.provider.calls["put_event"] == 1
    assert {r.error_code for r in office.references()} == {"throttled"}


def test_a_connector_opened_anew_keeps_to_the_limit_its_calls_have_used_up(office: World, open_runtime: Any) -> None:
    limited = office.runtime.settings.model_copy(update={"apps": {"memory": App(requests_per_minute=1)}})
    world = World(open_runtime(settings=limited), office.provider, office.clock)
    world.tell(created("a"))
    world.runtime.pool.drop(1)
    world.tell(created("b", at=1))
    assert office.provider.calls["put_event"] == 1
    assert world.runtime.pool.quotas() == {"memory": 0}


def test_an_end_written_down_at_the_second_try_is_counted_once(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a connection would get more hands than it may have."""
    in_hand: list[int] = []
    claim, finish, failures = references.claim, references.finish, [StoreError("Locked.")]

    def seen_claim(session: Any, due: Any, *arguments: Any) -> Any:
        in_hand.extend(due.in_hand.values())
        return claim(session, due, *arguments)

    def failing_finish(session: Any, finished: Any, *arguments: Any) -> int:
        if finished and failures:
            raise failures.pop()
        return finish(session, finished, *arguments)

    monkeypatch.setattr(references, "claim", seen_claim)
    monkeypatch.setattr(references, "finish", failing_finish)
    office.tell(*[created(f"b{n}", told=n / 100, at=n) for n in range(20)])
    assert len(office.events()) == 20
    assert min(in_hand, default=1) > 0


def test_a_connection_that_hangs_delays_nobody_else(
    office: World, open_runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds as many hands as it may have, which are fewer than there are."""
    office.person(BEN, destination="bens")
    limited = office.runtime.settings.model_copy(update={"apps": {"memory": App(concurrency=2)}})
    world = World(open_runtime(settings=limited), office.provider, office.clock)
    mine = [created(f"a{n}", told=n / 100, at=n) for n in range(10)]
    bens = [created(f"b{n}", told=1 + n / 100, at=n, organizer=BEN_ORGANIZES) for n in range(10)]
    world.deliver(*mine, *bens)
    hanging = Hanging(monkeypatch, WORK)
    running = open_runtime().executor.submit(world.work)
    try:
        assert hanging.wait_for_others(10)
        assert (len(world.events()), len(world.events("bens"))) == (0, 10)
    finally:
        hanging.go.set()
        running.result(60)
    assert len(world.events()) == 10


def test_a_refused_credential_stops_its_connection_only(world: World) -> None:
    world.person(ANNA)
    world.person(BEN, destination="bens")
    world.provider.fail_next("put_event", ReconnectError("The password was changed.", status=401))
    world.tell(created("a"))
    world.tell(created("b", organizer=BEN_ORGANIZES), created("c", at=1))
    assert len(world.events("bens")) == 1
    assert world.events() == []
    connection = world.connection(1)
    assert (connection.state, connection.reason) == ("invalid", "The password was changed.")
    assert "syncd connections reconnect" in connection.remedy


def test_everything_resumes_by_itself_after_a_reconnect(office: World) -> None:
    office.tell(created("kept"))
    office.provider.password = "new"
    office.tell(created("a", at=1), created("b", at=2), cancelled("kept"))
    assert office.connection(1).state == ConnectionState.INVALID
    assert {r.state for r in office.references()} == {"pending"}
    calls = office.provider.calls.total()
    quiet(office)
    assert office.provider.calls.total() == calls  # nobody knocks with a refused credential
    office.runtime.accounts.reconnect(1, {"password": "new"})
    office.work()
    assert starts(office.events()) == [START + timedelta(hours=1), START + timedelta(hours=2)]


def test_a_paused_connection_is_left_alone_until_it_is_resumed(office: World) -> None:
    office.runtime.accounts.set_state(1, ConnectionState.PAUSED)
    office.tell(created())
    assert office.provider.calls["put_event"] == 0
    office.runtime.accounts.set_state(1, ConnectionState.ACTIVE)
    office.work()
    assert len(office.events()) == 1


def test_stopping_hands_back_what_was_not_begun(office: World) -> None:
    office.deliver(*[created(f"b{n}", told=n / 100, at=n) for n in range(60)])
    done = office.work(stopping=lambda: office.provider.calls["put_event"] >= 5)
    finished = done.outcomes["done"]
    assert 5 <= finished < 60
    rows = office.references()
    assert sum(r.state == "synced" for r in rows) == finished == len(office.events())
    assert not any(r.lease_owner for r in rows)
    office.work()
    assert len(office.events()) == 60
    assert office.provider.calls["put_event"] == 60


def test_work_can_be_narrowed_to_a_booking_or_a_connection(office: World) -> None:
    office.person(BEN, destination="bens")
    office.deliver(created("a"), created("c", at=1), created("b", organizer=BEN_ORGANIZES))
    office.work(subjects=["a"])
    assert [e.uid for e in office.events()] == ["a@Cal.com"]
    office.work(connection_id=2)
    assert (len(office.events()), len(office.events("bens"))) == (1, 1)


def test_runs_that_broke_off_cost_a_connection_none_of_its_hands(
    office: World, monkeypatch: pytest.MonkeyPatch, open_runtime: Any
) -> None:
    """A run breaks off while the database fails and one write is still in hand: as often as there are hands."""
    limited = office.runtime.settings.model_copy(update={"apps": {"memory": App(concurrency=2)}})
    world = World(open_runtime(settings=limited), office.provider, office.clock)
    world.deliver(*[created(f"b{n}", told=n / 100, at=n) for n in range(8)])
    for _ in range(2):
        held = Held(office.provider)
        with monkeypatch.context() as patch:
            patch.setattr(references, "finish", lambda *arguments: _fail(arguments[1]))
            with pytest.raises(StoreError):
                world.work()
        held.go.set()
        world.clock.advance(minutes=6)
    quiet(world)
    assert len(world.events()) == 8
    assert {r.state for r in world.references()} == {"synced"}


def _fail(finished: Any) -> int:
    if finished:
        raise StoreError("The disk is full.")
    return 0


def test_a_write_says_what_it_did_in_the_sync_log(office: World) -> None:
    office.tell(created())
    (logged,) = office.log(subject="a")
    assert (logged.operation, logged.outcome, logged.calls, logged.attempt) == ("put-event", "done", 1, 1)
    assert (logged.app, logged.connection_id, logged.place) == ("memory", 1, WORK)
