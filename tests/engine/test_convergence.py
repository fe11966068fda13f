"""After quiet, what is wanted is what is there: whatever failed, was lost, repeated, reordered or died on the way.

Or a person has moved or deleted it, and that is known: as often as they do so where it is reported, and where it is put
back only once they have insisted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
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
from syncd.model.drift import DriftPolicy
from syncd.provider.guard import Guard
from syncd.rules.drift import MOST_RESTORED
from syncd.settings import EventType, Settings
from syncd.store import busy, directory, references, schema
from syncd.store.codec import load_event
from syncd.store.database import Database
from syncd.store.owner import this_owner
from syncd.store.tables import StoredReference
from syncd.testing.memory import MemoryProvider, memory_spec
from syncd.vault import KeyRing, generate_key

from .product import GONE, WAITING, Product
from .world import ANNA, BEN, World

T = TypeVar("T")

RING = KeyRing((generate_key("test"),), "test")
CALENDARS = ("first", "second", "third")
EVENT_TYPE = "123"
"""Of the sample deliveries."""

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
    """A product tells of its bookings, the telling goes wrong, the provider fails, engines die, people interfere."""

    policy = DriftPolicy.REPORT

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
            Settings(
                database_url=f"sqlite:///{self.folder}/syncd.db",
                event_types={EVENT_TYPE: EventType(calendar_changes=self.policy)},
            ),
            RING,
            registry=Registry(specs={"memory": memory_spec(self.provider)}),
            clock=self.clock,
        )
        runtime.opener._new_guard = self.waiting_in_no_time(runtime.opener._new_guard)  # type: ignore[method-assign]
        event.listen(runtime.database.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
        runtime.reconciler = Reconciler(
            runtime.database, runtime.pool, runtime.results, runtime.settings.writes, self.clock, draw=lambda: 0.5
        )
        return runtime

    def waiting_in_no_time(self, new_guard: Callable[..., Guard]) -> Callable[..., Guard]:
        """Guards whose waiting moves the clock on."""

        def wait(seconds: float) -> None:
            self.clock.advance(seconds=seconds)

        def make(*arguments: Any) -> Guard:
            made = new_guard(*arguments)
            made._sleep = wait
            return made

        return make

    @initialize(
        restamps=st.booleans(),
        meetings=st.lists(st.tuples(organizers, hours, destinations, st.booleans()), min_size=2, max_size=4),
    )
    def connect(self, restamps: bool, meetings: list[tuple[int, int, tuple[str, ...], bool]]) -> None:
        self.provider.restamps = restamps
        for name in CALENDARS:
            self.provider.add_calendar(name)
        self.world.person(ANNA, destination=CALENDARS[0])
        self.world.person(BEN, destination=CALENDARS[1])
        for name in CALENDARS:
            for connection in (ANNA, BEN):
                self.world.select(name, connection)
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

    @rule(data=st.data(), calendar=st.sampled_from(CALENDARS), by=st.integers(-5, 5))
    def interfere(self, data: st.DataObject, calendar: str, by: int) -> None:
        """A person moves one of our events, and perhaps back, writes into it, declines or deletes it."""
        if not (items := sorted(self.provider.calendars[calendar])):
            return
        item = data.draw(st.sampled_from(items))
        if by > 3:
            self.provider.discard(calendar, item)
        elif by < -3:
            self.provider.edit(calendar, item, description="Mine")
        elif by == 0:
            self.provider.decline(calendar, item)
        else:
            self.provider.move(calendar, item, timedelta(hours=by))

    @rule(cursors=st.booleans())
    def read(self, cursors: bool) -> None:
        """The calendars are read, from the start when their cursors are dead."""
        if not cursors:
            self.provider.expire_cursors()
        self.clock.advance(minutes=6)
        self.world.runtime.busy_sync.run(OneThread())

    @rule(survives=st.integers(0, 3), after=st.booleans(), here=st.booleans())
    def die(self, survives: int, after: bool, here: bool) -> None:
        """The engine is killed at work and another starts: on this machine, where the death is seen, or elsewhere."""
        for work in (self.world.runtime.reconciler, self.world.runtime.busy_sync):
            with suppress(Killed):
                work.run(OneThread(survives, after=after))
        owner = LONG_DEAD if here else "elsewhere|1|1"
        with self.world.runtime.database.write() as session:
            for table in (references.references, busy.calendars):
                session.execute(update(table).where(table.c.lease_owner.is_not(None)).values(lease_owner=owner))
        self.world.runtime.close()
        self.world.runtime = self.opened()

    @rule(minutes=st.sampled_from([0.1, 1, 10, 100]))
    def wait(self, minutes: float) -> None:
        self.clock.advance(minutes=minutes)

    @rule(
        operation=st.sampled_from(["put_event", "remove_event", "changes", "find_event"]),
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
        began = self.clock()
        for _ in range(100):
            self.clock.advance(minutes=20)
            self._mend()
            sweep(self.world.runtime.database, self.world.runtime.intake, self.clock)
            self.world.runtime.reconciler.run(OneThread())
            self.world.runtime.busy_sync.run(OneThread())
            if self._rests(began):
                break
        self._compare()

    def _rests(self, began: datetime) -> bool:
        """Everything is written, and all that people did before `began` has been seen."""
        with self.world.runtime.database.read() as session:
            read = [c.as_of for c, _ in directory.listed_calendars(session)]
        written = all(r.state in ("synced", "removed") for r in self.world.references())
        seen = not any(r.told_at for r in self.world.references() if r.desired)
        return written and seen and all(as_of is not None and as_of > began for as_of in read)

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
        drifted = [r for r in self.world.references() if self._is_drifted(r)]
        deeds = Counter(self._wanted(r) for r in drifted)
        wanted = Counter(m.latest for m in self.product.standing for _ in m.destinations or ("one",))
        by_people = {r.receipt_id for r in drifted}
        there = {
            name: [i.event for item, i in calendar.items() if i.event and item not in by_people]
            for name, calendar in self.provider.calendars.items()
        }
        found = Counter((e.title, e.start, e.location) for events in there.values() for e in events)
        assert found == wanted - deeds, [(r.subject, r.external_id, r.state, r.drift) for r in self.world.references()]
        for meeting in self.product.standing:
            where = [name for name, events in there.items() if meeting.title in {e.title for e in events}]
            where += [r.external_id for r in drifted if self._wanted(r) == meeting.latest]
            assert sorted(where) == sorted(meeting.destinations) or not meeting.destinations

    def _is_drifted(self, reference: StoredReference) -> bool:
        """Whether a person's deed stands; what is noted of it is true."""
        item = self.provider.calendars[reference.external_id].get(reference.receipt_id or "")
        there = item.event.start if item and item.event else None
        wanted = self._wanted(reference)[1] if reference.desired else None
        drift = "deleted" if wanted and not there else "moved" if there != wanted else ""
        assert drift == reference.drift.replace("declined", ""), (reference.subject, wanted, there)
        assert not drift or self.policy is DriftPolicy.REPORT or reference.restored >= MOST_RESTORED
        return bool(drift)

    @staticmethod
    def _wanted(reference: StoredReference) -> tuple[str, datetime, str]:
        event = load_event(reference.desired)
        assert event is not None
        return event.title, event.start, event.location


class Restoring(Convergence):
    """The same, where what people did is put back."""

    policy = DriftPolicy.RESTORE


QUICK = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


POLICIES = pytest.mark.parametrize("machine", [Convergence, Restoring], ids=["report", "restore"])


@POLICIES
def test_after_quiet_what_is_wanted_is_what_is_there(machine: type[Convergence]) -> None:
    run_state_machine_as_test(machine, settings=QUICK)


@pytest.mark.long
@POLICIES
def test_after_quiet_what_is_wanted_is_what_is_there_in_many_more_histories(machine: type[Convergence]) -> None:
    many = settings(QUICK, max_examples=2000, stateful_step_count=60)
    run_state_machine_as_test(machine, settings=many)
