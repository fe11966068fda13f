"""The provider in memory keeps the contract: what the engine's tests learn on it holds elsewhere."""

from __future__ import annotations

import pytest

from syncd.connector import Ability, CalendarConnector, Opened
from syncd.errors import RetryError, UnclearError
from syncd.model.calendar import Receipt
from syncd.provider.guard import Guard
from syncd.testing.contract import CalendarContract, Hooks, meeting
from syncd.testing.memory import MemoryProvider, memory_spec


def opened(provider: MemoryProvider, password: str = "right") -> CalendarConnector:
    spec = memory_spec(provider)
    connector = spec.open(
        Opened(
            connection_id=1,
            credential=spec.credential.model_validate({"password": password}),
            settings=spec.settings(),
            guard=Guard("memory", 1),
        )
    )
    assert isinstance(connector, CalendarConnector)
    return connector


class TestMemory(CalendarContract):
    many = 250

    @pytest.fixture
    def provider(self) -> MemoryProvider:
        return MemoryProvider()

    @pytest.fixture
    def connector(self, provider: MemoryProvider) -> CalendarConnector:
        return opened(provider)

    @pytest.fixture
    def abilities(self, provider: MemoryProvider) -> frozenset[Ability]:
        return memory_spec(provider).abilities

    @pytest.fixture
    def calendar(self, provider: MemoryProvider) -> str:
        return provider.add_calendar("work")

    @pytest.fixture
    def hooks(self, provider: MemoryProvider, calendar: str) -> Hooks:
        def annotate(receipt: Receipt):
            provider.calendars[calendar][receipt.id].notes["colour"] = "red"
            return lambda: provider.calendars[calendar][receipt.id].notes == {"colour": "red"}

        return Hooks(
            store=lambda uid, text: provider.store_text(calendar, uid, text),
            discard=lambda item: provider.discard(calendar, item),
            annotate=annotate,
            lose_answer=lambda: provider.fail_next("put_event", UnclearError("lost"), after=True),
            expire_cursors=provider.expire_cursors,
            garble=lambda: provider.fail_next("changes", RetryError("garbled")),
            rejected=opened(provider, "wr0ng-pa55"),
            missing="no such calendar",
            secrets=("wr0ng-pa55",),
        )

    def test_calls_are_counted_and_faults_spent_in_order(self, provider, connector, calendar):
        provider.fail_next("put_event", RetryError("first"), times=2)
        for _ in range(2):
            with pytest.raises(RetryError):
                connector.put_event(calendar, meeting(), "k", None)
        assert provider.events(calendar) == []
        connector.put_event(calendar, meeting(), "k", None)
        assert provider.calls["put_event"] == 3
        assert provider.events(calendar) == [meeting()]
