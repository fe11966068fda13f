"""Push channels: made, renewed and stopped in time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from given import OpenRuntime

from syncd.connector.push import PushKind
from syncd.engine.runtime import Runtime
from syncd.errors import ForbiddenError, ProviderError, RetryError, WaitUntilError
from syncd.model.connection import ConnectionState
from syncd.settings import Http, Settings
from syncd.store import directory
from syncd.store.channels import channels as table
from syncd.testing.memory import CHANNEL_LIFE, MemoryChannel, MemoryProvider

from .world import WORK, MovableClock, World

ADDRESS = "https://sync.example.com"

Open = Callable[[str], Runtime]


@pytest.fixture
def open_at(open_runtime: OpenRuntime, settings: Settings, memory: MemoryProvider, clock: MovableClock) -> Open:
    """Opens an engine that providers reach at an address."""
    memory.now = clock

    def opened(public_url: str) -> Runtime:
        return open_runtime(settings=settings.model_copy(update={"http": Http(public_url=public_url)}))

    return opened


@pytest.fixture
def world(open_at: Open, memory: MemoryProvider, clock: MovableClock) -> World:
    world = World(open_at(f"{ADDRESS}/"), memory, clock)
    world.person()
    world.select(WORK)
    return world


def run(world: World, **arguments: Any) -> dict[str, int]:
    return dict(world.runtime.channels.run(world.runtime.executor, **arguments))


def only(world: World) -> MemoryChannel:
    (found,) = world.provider.channels.values()
    return found


def push(world: World, kind: PushKind = PushKind.CHANGED) -> None:
    world.runtime.pushes.take("memory", only(world).call(kind))


def test_a_selected_calendar_gets_one_channel_with_a_token_of_its_own(world: World) -> None:
    assert run(world) == {"done": 1}
    channel = only(world)
    assert (channel.calendar, channel.address) == (WORK, f"{ADDRESS}/api/push/memory")
    assert len(channel.token) >= 32
    assert run(world) == {}


def test_a_channels_token_is_neither_stored_nor_logged(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.provider.fail_next("watch", RetryError("down"))
    run(world)
    world.clock.advance(hours=1)
    run(world)
    with world.runtime.database.read() as session:
        stored = str(session.execute(table.select()).all())
    assert only(world).id in stored
    told = "".join([stored, *(str(row.model_dump()) for row in world.log()), *capfd.readouterr()])
    assert only(world).token not in told


@pytest.mark.parametrize("why", ["no address", "unselected", "paused", "missing"])
def test_nothing_is_watched_that_need_not_be(world: World, open_at: Open, why: str) -> None:
    match why:
        case "no address":
            world.runtime = open_at("")
        case "unselected":
            unselect(world)
        case "paused":
            world.runtime.accounts.set_state(1, ConnectionState.PAUSED)
        case "missing":
            lose(world)
    assert run(world) == {}
    assert world.provider.calls["watch"] == 0


def unselect(world: World) -> None:
    with world.runtime.database.write() as session:
        directory.select_calendar(session, world.calendar(WORK), False, world.clock())


def lose(world: World) -> None:
    """The calendar is not listed any more."""
    world.select(WORK, missing_since=world.clock())


def test_calendars_that_need_no_channel_any_more_are_watched_no_more(world: World, open_at: Open) -> None:
    for no_more in (unselect, lose, lambda world: setattr(world, "runtime", open_at(""))):
        world.select(WORK, missing_since=None)
        run(world)
        only(world)
        no_more(world)
        assert run(world) == {"done": 1}
        assert world.provider.channels == {}
        assert run(world) == {}
    assert {row.outcome for row in world.log() if row.operation == "unwatch"} == {"done"}


@pytest.mark.parametrize("renews", [True, False])
def test_a_channel_lasts_without_a_gap(world: World, renews: bool) -> None:
    world.provider.renews = renews
    run(world)
    first = only(world)
    world.clock.advance(days=4)
    assert run(world) == {}
    world.clock.advance(days=2)
    assert run(world) == {"done": 1}
    assert first.id in world.provider.channels
    assert max(c.expires_at for c in world.provider.channels.values()) == world.clock() + CHANNEL_LIFE
    run(world)
    assert (only(world).id == first.id) == renews
    assert run(world) == {}
    push(world)


def test_a_new_channel_stands_before_the_old_one_is_stopped(world: World) -> None:
    run(world)
    old = only(world)
    world.clock.advance(days=6)
    world.provider.fail_next("watch", RetryError("down"))
    assert run(world) == {"retry": 1}
    assert set(world.provider.channels) == {old.id}
    push(world)
    world.clock.advance(minutes=5)
    assert run(world) == {"done": 1}
    assert len(world.provider.channels) == 2
    for channel in world.provider.channels.values():
        assert world.runtime.pushes.take("memory", channel.call()).due


def test_a_channel_the_provider_has_lost_is_made_anew_and_the_calendar_read(world: World) -> None:
    run(world)
    world.read()
    lost = world.provider.channels.popitem()[1]
    world.clock.advance(days=6)
    world.read()
    assert world.read().outcomes == {}
    run(world)
    assert only(world).id != lost.id
    assert world.read().outcomes == {"unchanged": 1}


def test_another_address_of_ours_takes_the_channels_along(world: World, open_at: Open) -> None:
    world.provider.renews = True
    run(world)
    world.runtime = open_at("https://elsewhere.example.com")
    assert run(world) == {"done": 1}
    run(world)
    assert only(world).address == "https://elsewhere.example.com/api/push/memory"
    assert run(world) == {}


def test_a_failure_backs_off_further_each_time_and_is_in_the_log(world: World) -> None:
    world.provider.fail_next("watch", RetryError("down"), times=2)
    assert run(world) == {"retry": 1}
    assert run(world) == {}
    (row,) = [r for r in world.log() if r.operation == "watch"]
    assert (row.outcome, row.code, row.place) == ("retry", "unavailable", WORK)
    first = world.calendar(WORK).watch_at - world.clock()  # type: ignore[operator]
    world.clock.advance(minutes=2)
    assert run(world) == {"retry": 1}
    assert world.calendar(WORK).watch_at - world.clock() >= first  # type: ignore[operator]
    world.clock.advance(minutes=10)
    assert run(world) == {"done": 1}


def test_a_time_the_provider_names_is_kept(world: World) -> None:
    until = world.clock() + timedelta(hours=9)
    world.provider.fail_next("watch", WaitUntilError("slow down", retry_at=until))
    run(world)
    assert world.calendar(WORK).watch_at == until


def test_a_channel_that_cannot_be_stopped_now_is_stopped_later(world: World) -> None:
    run(world)
    unselect(world)
    world.provider.fail_next("unwatch", RetryError("down"))
    assert run(world) == {"retry": 1}
    assert run(world) == {}
    world.clock.advance(minutes=2)
    assert run(world) == {"done": 1}
    assert world.provider.channels == {}


def test_a_channel_that_cannot_be_stopped_at_all_is_left_to_end(world: World) -> None:
    run(world)
    unselect(world)
    world.provider.fail_next("unwatch", ForbiddenError("not yours"))
    assert run(world) == {"failed": 1}
    world.clock.advance(days=1)
    assert run(world) == {}
    assert world.runtime.pushes.take("memory", only(world).call()).unknown == 1


@pytest.mark.parametrize("error", [None, RetryError("down"), ForbiddenError("not yours")])
def test_one_calendars_failure_is_no_others(world: World, error: ProviderError | None) -> None:
    world.provider.add_calendar("home")
    world.runtime.accounts.refresh_calendars(1)
    world.select("home")
    if error:
        world.provider.fail_next("watch", error)
    assert sum(run(world).values()) == 2
    assert len(world.provider.channels) == (1 if error else 2)


def test_a_refused_credential_breaks_the_connection(world: World) -> None:
    world.provider.password = "changed"
    run(world)
    assert world.connection(1).state == ConnectionState.INVALID


def test_a_calendar_is_polled_more_seldom_once_its_provider_was_heard(world: World) -> None:
    def next_read() -> timedelta:
        world.clock.advance(hours=1)
        world.read()
        return world.calendar(WORK).sync_at - world.clock()  # type: ignore[operator]

    run(world)
    assert next_read() <= timedelta(minutes=6)
    push(world, PushKind.READY)
    assert next_read() >= timedelta(minutes=28)
    world.clock.advance(days=8)
    assert next_read() <= timedelta(minutes=6)


def test_several_machines_make_one_channel(world: World, open_at: Open) -> None:
    others = [open_at(ADDRESS) for _ in range(3)]
    for name in ("b", "c", "d", "e"):
        world.provider.add_calendar(name)
    world.runtime.accounts.refresh_calendars(1)
    for name in ("b", "c", "d", "e"):
        world.select(name)
    with ThreadPoolExecutor(4) as machines:
        done = list(machines.map(lambda each: each.channels.run(each.executor), [world.runtime, *others]))
    assert sum(each["done"] for each in done) == 5
    assert world.provider.calls["watch"] == 5


def test_a_crash_costs_a_lease(world: World) -> None:
    """Before the provider's answer: what it made is stopped, and another made."""
    abandoned = world.runtime.channels._claim(None)
    world.provider.fail_next("watch", KeyboardInterrupt(), after=True)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        world.runtime.channels._make(abandoned[0].watched)
    assert len(world.provider.channels) == 1
    assert run(world) == {}
    world.clock.advance(minutes=11)
    assert run(world) == {"done": 1}
    run(world)
    assert len(world.provider.channels) == 1
    assert run(world) == {}


def test_work_of_one_connection_is_that_connections(world: World) -> None:
    assert world.runtime.channels.due() == [1]
    assert run(world, connection_id=2) == {}
    assert run(world, connection_id=1) == {"done": 1}
    assert world.runtime.channels.due() == []


def test_what_is_not_begun_when_the_engine_stops_is_left_to_others(world: World) -> None:
    assert run(world, stopping=lambda: True) == {}
    assert run(world) == {"done": 1}


def test_a_lease_that_ran_out_is_not_acted_upon(world: World) -> None:
    (due,) = world.runtime.channels._claim(None)
    world.clock.advance(minutes=11)
    assert not world.runtime.channels._perform(due).begun
    assert world.provider.calls["watch"] == 0
