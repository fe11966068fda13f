"""Providers' calls: believed only with their channel's token, and never more than a hint."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from given import POSTGRESQL, OpenRuntime
from sqlalchemy import text

from syncd.connector.push import PushAnswer, PushKind, PushNotice, PushRequest, PushRules
from syncd.connector.registry import Registry
from syncd.errors import InputError
from syncd.settings import Http, Settings
from syncd.store import directory
from syncd.testing.memory import CHANNEL_LIFE, MemoryChannel, MemoryConnector, MemoryProvider, memory_spec

from .world import WORK, MovableClock, World, foreign


def read_many(request: PushRequest) -> PushAnswer:
    """A provider that tells several things in one call."""
    notices = [PushNotice(channel_id=c, token=t, kind=PushKind(k)) for c, t, k in json.loads(request.body)]
    return PushAnswer(notices=tuple(notices), status=202)


@pytest.fixture
def world(open_runtime: OpenRuntime, settings: Settings, memory: MemoryProvider, clock: MovableClock) -> World:
    memory.now = clock
    many = replace(memory_spec(memory, "many"), push=PushRules(read=read_many, life=CHANNEL_LIFE))
    registry = Registry(specs={"memory": memory_spec(memory), "many": many})
    reached = settings.model_copy(update={"http": Http(public_url="https://sync.example.com")})
    world = World(open_runtime(settings=reached, registry=registry), memory, clock)
    world.person()
    world.select(WORK)
    world.runtime.channels.run(world.runtime.executor)
    world.read()
    return world


def channel(world: World) -> MemoryChannel:
    (found,) = world.provider.channels.values()
    return found


def take(world: World, kind: PushKind = PushKind.CHANGED) -> Any:
    return world.runtime.pushes.take("memory", channel(world).call(kind))


def test_a_call_makes_its_calendar_due(world: World) -> None:
    assert world.read().outcomes == {}
    assert take(world).due
    assert world.read().outcomes == {"unchanged": 1}


def test_repeated_calls_cost_one_read(world: World) -> None:
    for _ in range(5):
        assert take(world).due
    assert world.read().outcomes == {"unchanged": 1}
    assert world.read().outcomes == {}


def test_a_lost_call_costs_a_delay(world: World) -> None:
    take(world, PushKind.READY)
    world.provider.store_text(WORK, "x", foreign("x", world.clock(), world.clock.advance(hours=1)))
    assert world.read().outcomes == {"done": 1}


def test_a_call_that_comes_late_or_for_nothing_is_only_a_look(world: World) -> None:
    late = channel(world).call()
    with world.runtime.database.write() as session:
        directory.select_calendar(session, world.calendar(WORK), False, world.clock())
    assert world.runtime.pushes.take("memory", late).due
    assert world.read().outcomes == {}
    assert world.calendar(WORK).sync_at is None


def test_a_call_while_the_calendar_is_read_has_it_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it tells of may be missing from that read."""
    take(world)
    read = MemoryConnector.changes

    def changed_meanwhile(self: MemoryConnector, *given: Any, **named: Any) -> Any:
        pages = list(read(self, *given, **named))
        monkeypatch.setattr(MemoryConnector, "changes", read)
        world.clock.advance(seconds=1)
        world.provider.store_text(WORK, "x", foreign("x", world.clock(), world.clock()))
        assert take(world).due
        return iter(pages)

    monkeypatch.setattr(MemoryConnector, "changes", changed_meanwhile)
    assert world.read().outcomes == {"unchanged": 1, "done": 1}
    assert world.read().outcomes == {}


@pytest.mark.parametrize("kind", [PushKind.MISSED, PushKind.CHANGED, PushKind.GONE])
def test_what_was_missed_is_looked_for(world: World, kind: PushKind) -> None:
    take(world, kind)
    assert world.read().outcomes == {"unchanged": 1}


@pytest.mark.parametrize("kind", [PushKind.READY, PushKind.RENEW])
def test_what_says_nothing_of_the_calendar_reads_nothing(world: World, kind: PushKind) -> None:
    assert not take(world, kind).due
    assert world.read().outcomes == {}


def test_a_channel_that_says_it_is_gone_is_made_anew(world: World) -> None:
    gone = channel(world)
    take(world, PushKind.GONE)
    world.provider.channels.clear()
    world.runtime.channels.run(world.runtime.executor)
    assert channel(world).id != gone.id
    assert world.runtime.pushes.take("memory", gone.call()).unknown == 1


def test_a_channel_that_asks_for_it_is_renewed(world: World) -> None:
    world.provider.renews = True
    world.clock.advance(days=1)
    take(world, PushKind.RENEW)
    world.runtime.channels.run(world.runtime.executor)
    assert channel(world).expires_at == world.clock() + CHANNEL_LIFE


@pytest.mark.parametrize("kind", list(PushKind))
@pytest.mark.parametrize(
    ("field", "value", "unknown", "forged"),
    [
        ("token", "another", 0, 1),
        ("token", "", 0, 1),
        ("token", "\ud800", 0, 1),
        ("id", "another", 1, 0),
        ("id", "", 1, 0),
        ("id", "\x00", 1, 0),
        ("id", "\ud800", 1, 0),
    ],
)
def test_a_forged_call_changes_nothing(
    world: World, kind: PushKind, field: str, value: str, unknown: int, forged: int
) -> None:
    taken = world.runtime.pushes.take("memory", replace(channel(world), **{field: value}).call(kind))  # type: ignore[arg-type]
    assert (taken.due, taken.unknown, taken.forged) == (False, unknown, forged)
    assert world.read().outcomes == {}
    assert world.runtime.channels.run(world.runtime.executor) == {}


def test_a_token_is_good_for_its_own_app_only(world: World) -> None:
    notice = json.dumps([[channel(world).id, channel(world).token, "gone"]]).encode()
    assert world.runtime.pushes.take("many", PushRequest(query={}, headers={}, body=notice)).unknown == 1


def test_of_a_call_that_tells_several_things_the_genuine_ones_count(world: World) -> None:
    world.provider.add_calendar("many")
    world.person(2, app="many", destination="many")
    world.select("many")
    world.runtime.channels.run(world.runtime.executor)
    world.read()
    (mine,) = [c for c in world.provider.channels.values() if c.calendar == "many"]
    told = [[mine.id, mine.token, "changed"], [mine.id, "false", "gone"], ["unheard of", "x", "changed"]]
    taken = world.runtime.pushes.take("many", PushRequest(query={}, headers={}, body=json.dumps(told).encode()))
    assert (taken.due, taken.unknown, taken.forged) == (True, 1, 1)
    assert world.read().outcomes == {"unchanged": 1}
    assert world.runtime.channels.run(world.runtime.executor) == {}


@pytest.mark.parametrize(
    ("app", "code"), [("memory", "no_call"), ("nobody", "no_push"), ("x" * 5000, "no_push"), ("\x00", "no_push")]
)
def test_what_is_no_call_or_of_no_app_that_pushes_is_refused(world: World, app: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        world.runtime.pushes.take(app, PushRequest(query={}, headers={}, body=b"hello"))
    assert refused.value.code == code
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("database_kind", [POSTGRESQL], indirect=True)
def test_a_call_is_work_for_whichever_machine_is_free(world: World) -> None:
    take(world)
    with world.runtime.database.read() as session:
        waiting = session.scalars(text("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo'")).all()
    assert waiting == ["read_calendars"]
