"""A Salesforce org for each test, and what an engine of it is opened with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from given import OpenRuntime, SettableClock
from salesforce_given import World, salesforce

from syncd.settings import Settings

from .org import Org


@pytest.fixture
def world() -> Iterator[World]:
    with salesforce() as running:
        yield running


@pytest.fixture
def org(
    world: World,
    settings: Settings,
    open_runtime: OpenRuntime,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Org:
    """On both databases; `org.open()` opens the engine."""
    monkeypatch.setenv("SYNCD_CLIENT_SECRET_SALESFORCE", "sandbox-secret")
    return Org(world, settings, open_runtime, clock)
