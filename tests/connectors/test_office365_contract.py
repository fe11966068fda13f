"""Office 365 keeps the contract on the sandboxed Graph, as a person and as a tenant's application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from office365_given import SECRET, World, office365
from office365_ics import stored
from syncd_connectors.office365_calendar import OFFICE365_CALENDAR
from syncd_connectors.office365_calendar.connector import Office365Connector

from syncd.connector import Ability
from syncd.model.calendar import Receipt
from syncd.testing.cases import OWNER
from syncd.testing.contract import CalendarContract, Hooks

WRONG = "wr0ng-canary"


class TestOffice365(CalendarContract):
    """As the owner of the mailbox."""

    exempt = {"test_reminders_are_kept": "Outlook keeps one reminder for an event; see test_office365_writing"}
    many = 250

    @pytest.fixture
    def world(self) -> Iterator[World]:
        with office365() as running:
            yield running

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        return OFFICE365_CALENDAR.abilities

    @pytest.fixture
    def calendar(self, world: World) -> str:
        return world.graph.add_calendar(OWNER, "Work", can_edit=True)

    @pytest.fixture
    def connector(self, world: World) -> Iterator[Office365Connector]:
        with closing(world.connect()) as connector:
            yield connector

    @pytest.fixture
    def rejected(self, world: World) -> Iterator[Office365Connector]:
        """Of a person's token it is the grant that can be refused, in the refresh; of an application it is its key."""
        with closing(world.delegated(secret=WRONG)) as connector:
            yield connector

    @pytest.fixture
    def hooks(self, world: World, connector: Office365Connector, calendar: str, rejected: Office365Connector) -> Hooks:
        graph = world.graph
        known: dict[str, str] = {}

        def annotate(receipt: Receipt) -> Callable[[], bool]:
            graph.change_event(OWNER, calendar, receipt.id, categories=["By hand"], importance="high")

            def still_there() -> bool:
                item = next(i for i in graph.events(OWNER, calendar) if i["id"] == receipt.id)
                return bool(item["categories"] == ["By hand"] and item["importance"] == "high")

            return still_there

        def lose_answer() -> None:
            graph.faults.add("lose", method="POST", path="/events$")

        def garble() -> None:
            graph.faults.add("garble", path="delta", times=2)  # a safe read is repeated once

        return Hooks(
            store=lambda uid, text: stored(world, calendar, uid, text, known),
            discard=lambda item: graph.delete_event(OWNER, calendar, item),
            annotate=annotate,
            lose_answer=lose_answer,
            expire_cursors=graph.expire_cursors,
            garble=garble,
            rejected=rejected,
            missing=f"{calendar[:-4]}AAAA",
            secrets=(connector_token(connector), SECRET, WRONG),
        )


class TestOffice365Delegated(TestOffice365):
    """As an application that acts for the mailbox."""

    @pytest.fixture
    def connector(self, world: World) -> Iterator[Office365Connector]:
        with closing(world.delegated()) as connector:
            yield connector


def connector_token(connector: Office365Connector) -> str:
    """The access token it sends."""
    return str(connector._graph._token())
