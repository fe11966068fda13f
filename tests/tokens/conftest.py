"""An issuer, and desks that refresh its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from syncd.model.clock import Clock
from syncd.testing.memory import MemoryProvider
from syncd.vault import KeyRing

from .issuer import Issuer, serve
from .rented import Desk, open_desk, rented_spec

OpenDesk = Callable[..., Desk]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serve(Issuer()) as served:
        yield served


@pytest.fixture
def open_a_desk(
    database_url: str, ring: KeyRing, clock: Clock, memory: MemoryProvider, issuer: Issuer
) -> Iterator[OpenDesk]:
    """Opens desks over the test's store, as several processes would."""
    with ExitStack() as stack:

        def open_one(*, repeatable: bool = False, **arguments: Any) -> Desk:
            spec = rented_spec(issuer.url, memory, clock, repeatable=repeatable)
            return open_desk(stack, database_url, arguments.pop("ring", ring), clock, spec, **arguments)

        yield open_one


@pytest.fixture
def desk(open_a_desk: OpenDesk) -> Desk:
    return open_a_desk()


@pytest.fixture
def connection(desk: Desk, issuer: Issuer) -> int:
    """Connected with the issuer's tokens; the access token lives an hour."""
    return desk.connect(issuer.access, issuer.refresh)
