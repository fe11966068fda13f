"""The world the engine tests act in."""

from __future__ import annotations

import pytest

from syncd.engine.runtime import Runtime
from syncd.testing.memory import MemoryProvider

from .world import MovableClock, World


@pytest.fixture
def world(runtime: Runtime, memory: MemoryProvider, clock: MovableClock) -> World:
    """Nobody in it yet."""
    return World(runtime, memory, clock)


@pytest.fixture
def office(world: World) -> World:
    """Anna is connected; her bookings go to her calendar `work`."""
    world.person()
    return world
