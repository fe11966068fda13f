"""After quiet, what is wanted is what is there: whatever failed, was lost, repeated, reordered or died on the way."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, update

from syncd.connector.registry import Registry
from syncd.engine.reconcile import Reconciler
from syncd.engine.runtime import Runtime
from syncd.engine.sweep import sweep
from syncd.errors import (
    ConflictError,
    ProviderError,
    ReconnectError,
    RefusedError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.connection import ConnectionState
from syncd.settings import Settings
from syncd.store import references, schema
from syncd.store.database import Database
from syncd.store.owner import this_owner
from syncd.testing.memory import MemoryProvider, memory_spec
from syncd.vault import KeyRing, generate_key

from .product import GONE, WAITING, Product
from .world import ANNA, BEN, World

T = TypeVar("T")

RING = KeyRing((generate_key("test"),), "test")
CALENDARS = ("first", "second", "third")
LONG_DEAD = this_owner().replace("|", "|9", 1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


class Killed(BaseException):
    """The process died."""


class OneThread(Executor):
    """Works at once, in the caller's thread, so that a failing example can be repeated. After `survives` jobs the
    process dies: before the next one, or right after it was carried out.
    """

    def __init__(self, survives: int | None = None, *, after: bool = False) -> None:
        self._left = survives
        self._after = after

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        dies = self._left == 0
        if self._left is not None:
            self._left -= 1
        if dies and not self._after:
            raise Killed
        done: Future[T] = Future()
        done.set_result(function(*arguments, **named))
        if dies:
            raise Killed
        return done


@cache
def upgraded_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="syncd-convergence-"))
    database = Database(f"sqlite:///{folder}/template.db")
    schema.upgrade(database)
    database.close()
    return folder / "template.db"


@pytest.fixture(scope="module", autouse=True)
def _no_template_left() -> Any:
    yield
    shutil.rmtree(upgraded_file().parent, ignore_errors=True)
    upgraded_file.cache_clear()


FAULTS: dict[str, Callable[[datetime], ProviderError]] = {
    "busy": lambda now: RetryError("Busy."),
    "lost": lambda now: UnclearError("No answer."),
    "throttled": lambda now: WaitUntilError("Slow down.", retry_at=now + timedelta(minutes=7)),
    "conflict": lambda now: ConflictError("Changed meanwhile."),
    "refused": lambda now: RefusedError("Not like this."),
    "revoked": lambda now: ReconnectError("The password is wrong."),
}

destinations = st.sampled_from([(), (), (CALENDARS[0],), (CALENDARS[1],), (CALENDARS[0], CALENDARS[2])])
hours = st.integers(0, 60)
organizers = st.sampled_from([ANNA, BEN])


class Convergence(RuleBasedStateMachine):
    """A product tells of its bookings, the telling goes wrong, the provider fails, engines die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="syncd-convergence-"))
        shutil.copy(upgraded_file(), self.folder / "syncd.db")
        self.clock, self.provider, self.product = Clock(), MemoryProvider(), Product()
        self.undelivered: list[int] = []
        self.world = World(self.opened(), self.provider, self.clock)

    def opened(self) -> Runtime:
        """An engine over the store, as a process that starts."""
        runtime = Runtime(
            Settings(database_url=f"sqlite:///{self.folder}/syncd.db"),
            RING,
            registry=Registry(specs={"memory": memory_spec(self.provider)}),
            clock=self.clock,
        )
        event.listen(runtime.database.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
        runtime.reconciler = Reconciler(
            runtime.database, runtime.pool, runtime.results, runtime.settings.writes, self.clock, draw=lambda: 0.5
        )
        return runtime

    @initialize(meetings=st.lists(st.tuples(organizers, hours, destinations, st.booleans()), min_size=2, max_size=4))
    def connect(self, meetings: list[tuple[int, int, tuple[str, ...], bool]]) -> None:
        for name in CALENDARS:
            self.provider.add_calendar(name)
        self.world.person(ANNA, destination=CALENDARS[0])
        self.world.person(BEN, destination=CALENDARS[1])
        for organizer, at, to, asks in meetings:
            self.product.book(organizer, at, to, asks=asks)
            self._happened()

    @rule(data=st.data(), at=hours, place=st.integers(0, 3), to=destinations)
    def happen(self, data: st.DataObject, at: int, place: int, to: tuple[str, ...]) -> None:
        """Something happens to a meeting, and is told later."""
        if not (meetings := [m for m in self.product.meetings if m.state != GONE]):
            return
        meeting = data.draw(st.sampled_from(meetings))
        if meeting.state == WAITING:
            data.draw(st.sampled_from([self.product.accept, self.product.accept, self.product.reject]))(meeting)
        else:
            acts: list[Callable[[], None]] = [
                *[lambda: self.product.move(meeting, at)] * 3,
                *[lambda: self.product.change(meeting, f"Room {place}", to)] * 2,
                lambda: self.product.cancel(meeting),
                lambda: self.product.miss(meeting),
            ]
            acts[data.draw(st.integers(0, len(acts) - 1))]()
        self._happened()

    @rule(data=st.data(), works=st.booleans())
    def deliver(self, data: st.DataObject, works: bool) -> None:
        """Some of what was ever told, in any order: late, early, again."""
        newest_first = range(len(self.product.told) - 1, -1, -1)
        numbers = st.sampled_from(newest_first)
        chosen = data.draw(st.lists(numbers, min_size=1, max_size=5))
        self.world.deliver(*[self.product.told[n] for n in chosen])
        self.undelivered = [n for n in self.undelivered if n not in chosen]
        if works:
            self.world.runtime.reconciler.run(OneThread())

    @rule(survives=st.integers(0, 3), after=st.booleans(), here=st.booleans())
    def die(self, survives: int, after: bool, here: bool) -> None:
        """The engine is killed at work and another starts: on this machine, where the death is seen, or elsewhere."""
        try:
            self.world.runtime.reconciler.run(OneThread(survives, after=after))
        except Killed:
            pass
        owner = LONG_DEAD if here else "elsewhere|1|1"
        with self.world.runtime.database.write() as session:
            held = update(references.references).where(references.references.c.lease_owner.is_not(None))
            session.execute(held.values(lease_owner=owner))
        self.world.runtime.close()
        self.world.runtime = self.opened()

    @rule(minutes=st.sampled_from([0.1, 1, 10, 100]))
    def wait(self, minutes: float) -> None:
        self.clock.advance(minutes=minutes)

    @rule(
        operation=st.sampled_from(["put_event", "remove_event"]),
        kind=st.sampled_from(sorted(FAULTS)),
        after=st.booleans(),
        times=st.integers(1, 3),
    )
    def fail(self, operation: str, kind: str, after: bool, times: int) -> None:
        error = FAULTS[kind](self.clock())
        self.provider.fail_next(operation, error, after=after and kind == "lost", times=times)

    @rule(connection=st.sampled_from([1, 2]), paused=st.booleans())
    def pause(self, connection: int, paused: bool) -> None:
        if self.world.connection(connection).state != ConnectionState.INVALID:
            state = ConnectionState.PAUSED if paused else ConnectionState.ACTIVE
            self.world.runtime.accounts.set_state(connection, state)

    @rule(user=st.sampled_from([ANNA, BEN]), calendar=st.sampled_from(CALENDARS))
    def choose(self, user: int, calendar: str) -> None:
        self.world.choose(calendar, user_id=user, connection_id=user)

    @rule()
    def sweep(self) -> None:
        sweep(self.world.runtime.database, self.world.runtime.intake, self.clock)

    @invariant()
    def nothing_is_there_twice(self) -> None:
        for name, calendar in self.provider.calendars.items():
            twice = [uid for uid, count in Counter(i.uid for i in calendar.values()).items() if count > 1]
            assert not twice, f"{name}: {twice}"

    @rule()
    def quiet(self) -> None:
        """Everything has been told, people have mended what they can, and time has passed."""
        self.world.deliver(*[self.product.told[n] for n in self.undelivered])
        self.undelivered = []
        for _ in range(100):
            self.clock.advance(minutes=20)
            self._mend()
            sweep(self.world.runtime.database, self.world.runtime.intake, self.clock)
            self.world.runtime.reconciler.run(OneThread())
            if all(r.state in ("synced", "removed") for r in self.world.references()):
                break
        self._compare()

    def teardown(self) -> None:
        try:
            if self.provider.calendars:
                self.quiet()
        finally:
            self.world.runtime.close()
            shutil.rmtree(self.folder)

    def _happened(self) -> None:
        self.undelivered.append(len(self.product.told) - 1)

    def _mend(self) -> None:
        for connection in (1, 2):
            self.world.runtime.accounts.set_state(connection, ConnectionState.ACTIVE)
        parked = {r.subject for r in self.world.references() if r.state == "parked"}
        if parked:
            with self.world.runtime.database.write() as session:
                references.retry(session, sorted(parked), self.clock())

    def _compare(self) -> None:
        for reference in self.world.references():
            assert reference.applied_version == reference.desired_version
            assert reference.state == ("synced" if reference.desired else "removed")
            assert (reference.receipt is None) == (reference.desired is None)
            assert reference.lease_owner is None
        wanted = Counter(m.latest for m in self.product.standing for _ in m.destinations or ("one",))
        there = {name: self.provider.events(name) for name in CALENDARS}
        found = Counter((e.title, e.start, e.location) for events in there.values() for e in events)
        assert found == wanted, [(r.subject, r.external_id, r.state, r.event_uid) for r in self.world.references()]
        for meeting in self.product.standing:
            where = [name for name, events in there.items() if meeting.title in {e.title for e in events}]
            assert where == sorted(meeting.destinations) or not meeting.destinations


QUICK = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_after_quiet_what_is_wanted_is_what_is_there() -> None:
    run_state_machine_as_test(Convergence, settings=QUICK)


@pytest.mark.long
def test_after_quiet_what_is_wanted_is_what_is_there_in_many_more_histories() -> None:
    many = settings(QUICK, max_examples=2000, stateful_step_count=60)
    run_state_machine_as_test(Convergence, settings=many)
