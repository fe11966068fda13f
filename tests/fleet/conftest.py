"""Engines on one PostgreSQL database, as on several machines, and a look at the jobs between them."""

from __future__ import annotations

import pytest
from engine.world import MovableClock, World
from given import POSTGRESQL

from syncd.engine.runtime import Runtime
from syncd.store.database import Database
from syncd.testing.memory import MemoryProvider

from .queue import Queue


@pytest.fixture
def database_kind() -> str:
    """Several machines share PostgreSQL only."""
    return POSTGRESQL


@pytest.fixture
def world(runtime: Runtime, memory: MemoryProvider, clock: MovableClock) -> World:
    """Nobody in it yet."""
    return World(runtime, memory, clock)


@pytest.fixture
def office(world: World) -> World:
    """Anna is connected; her bookings go to her calendar `work`."""
    world.person()
    return world


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)
