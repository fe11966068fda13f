"""Zoho Calendar keeps the contract, on its sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from syncd_connectors.zohocalendar import ZOHOCALENDAR
from syncd_connectors.zohocalendar.connector import ZohoConnector
from zoho_calendar_given import stored, tokens, zoho, zoho_sandbox

from syncd.connector import Ability
from syncd.model.calendar import Receipt
from syncd.sandbox.zoho import ZohoCalendar
from syncd.testing.cases import OWNER
from syncd.testing.contract import CalendarContract, Hooks

BY_HAND: dict[str, Any] = {"color": "#8CBF40", "transparency": 1, "allowForwarding": True}
FRIEND = "friend@example.net"


class TestZohoCalendar(CalendarContract):
    exempt = {
        "test_a_dead_cursor_asks_for_a_new_start": "Zoho gives no cursors, so none can die; one that is not ours is in "
        "test_zohocalendar_sync",
    }
    many = 12

    @pytest.fixture
    def provider(self) -> Iterator[ZohoCalendar]:
        with zoho_sandbox() as provider:
            yield provider

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        return ZOHOCALENDAR.abilities

    @pytest.fixture
    def calendar(self, provider: ZohoCalendar) -> str:
        return provider.add_calendar(OWNER, "Bookings")

    @pytest.fixture
    def credential(self, provider: ZohoCalendar) -> dict[str, str]:
        return tokens(provider)

    @pytest.fixture
    def connector(self, provider: ZohoCalendar, credential: dict[str, str]) -> Iterator[ZohoConnector]:
        with zoho(provider, credential) as connector:
            yield connector

    @pytest.fixture
    def refused(self, provider: ZohoCalendar) -> dict[str, str]:
        """Of a person who allowed nothing of calendars."""
        return tokens(provider, scopes=("AaaServer.profile.READ",))

    @pytest.fixture
    def rejected(self, provider: ZohoCalendar, refused: dict[str, str]) -> Iterator[ZohoConnector]:
        with zoho(provider, refused) as connector:
            yield connector

    @pytest.fixture
    def hooks(
        self,
        provider: ZohoCalendar,
        calendar: str,
        credential: dict[str, str],
        refused: dict[str, str],
        rejected: ZohoConnector,
    ) -> Hooks:
        def annotate(receipt: Receipt) -> Callable[[], bool]:
            guests = [*event_of(provider, calendar, receipt.id)["attendees"], {"email": FRIEND, "permission": 1}]
            reminders = [{"action": "email", "minutes": "-30"}]
            provider.change_event(OWNER, calendar, receipt.id, attendees=guests, reminders=reminders, **BY_HAND)

            def still_there() -> bool:
                event = event_of(provider, calendar, receipt.id)
                guest = [g for g in event["attendees"] if g["email"] == FRIEND]
                return BY_HAND.items() <= event.items() and bool(guest) and event["reminders"] == reminders

            return still_there

        def lose_answer() -> None:
            provider.faults.add("lose", method="POST", path="/events")

        def garble() -> None:
            provider.faults.add("garble")

        return Hooks(
            store=lambda uid, text: stored(provider, uid, text, calendar),
            discard=lambda item: provider.delete_event(OWNER, calendar, item),
            annotate=annotate,
            lose_answer=lose_answer,
            garble=garble,
            rejected=rejected,
            missing="0123456789abcdef0123456789abcdef",
            secrets=(
                credential["access_token"],
                credential["refresh_token"],
                refused["access_token"],
                refused["refresh_token"],
            ),
        )


def event_of(provider: ZohoCalendar, calendar: str, uid: str) -> dict[str, Any]:
    return next(e for e in provider.events(OWNER, calendar) if e["uid"] == uid)
