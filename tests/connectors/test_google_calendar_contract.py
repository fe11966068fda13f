"""Google Calendar keeps the contract, on its sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google_calendar_given import ROBOT, google, google_sandbox, resources
from syncd_connectors.google_calendar import GOOGLE_CALENDAR
from syncd_connectors.google_calendar.connector import GoogleConnector

from syncd.connector import Ability
from syncd.model.calendar import Receipt
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import OWNER
from syncd.testing.contract import CalendarContract, Hooks

BY_HAND = {"colorId": "11", "transparency": "transparent"}


class TestGoogleCalendar(CalendarContract):
    exempt = {
        "test_a_created_event_is_busy": "free/busy names no event; its times are checked in test_google_calendar_busy",
    }
    many = 12

    @pytest.fixture
    def provider(self) -> Iterator[GoogleCalendar]:
        with google_sandbox() as provider:
            yield provider

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        return GOOGLE_CALENDAR.abilities

    @pytest.fixture
    def calendar(self, provider: GoogleCalendar) -> str:
        return OWNER

    @pytest.fixture
    def connector(self, provider: GoogleCalendar) -> Iterator[GoogleConnector]:
        with google(provider) as connector:
            yield connector

    @pytest.fixture
    def key(self, provider: GoogleCalendar) -> dict[str, str]:
        """Of a service account that may act for nobody."""
        return provider.service_account(ROBOT)

    @pytest.fixture
    def rejected(self, provider: GoogleCalendar, key: dict[str, str]) -> Iterator[GoogleConnector]:
        with google(provider, {**key, "subject": OWNER}) as connector:
            yield connector

    @pytest.fixture
    def hooks(
        self, provider: GoogleCalendar, key: dict[str, str], connector: GoogleConnector, rejected: GoogleConnector
    ) -> Hooks:
        """After the connector: its token is among the secrets."""
        assert provider.issuer.access

        def store(uid: str, text: str) -> str:
            for n in (1, 2):
                provider.faults.add("short-page", times=n)  # listings come in several pages
            stored = [provider.put_event(OWNER, OWNER, resource) for resource in resources(text, uid)]
            return str(stored[0]["id"])

        def annotate(receipt: Receipt) -> Callable[[], bool]:
            found = _event(provider, receipt.id)
            guests = [*found["attendees"], {"email": "friend@example.net"}]
            provider.change_event(OWNER, OWNER, receipt.id, attendees=guests, **BY_HAND)

            def still_there() -> bool:
                event = _event(provider, receipt.id)
                emails = {a["email"] for a in event["attendees"]}
                return BY_HAND.items() <= event.items() and "friend@example.net" in emails

            return still_there

        def lose_answer() -> None:
            provider.faults.add("lose", method="POST", path="/events")

        def garble() -> None:
            provider.faults.add("garble", times=2)  # a safe read is repeated once

        return Hooks(
            store=store,
            discard=lambda item: provider.delete_event(OWNER, OWNER, item),
            annotate=annotate,
            lose_answer=lose_answer,
            expire_cursors=provider.expire_cursors,
            garble=garble,
            rejected=rejected,
            missing="c_missing@group.calendar.google.com",
            secrets=(key["private_key"], key["private_key"].split("\n")[1], *provider.issuer.access),
        )


def _event(provider: GoogleCalendar, identity: str) -> dict[str, Any]:
    return next(e for e in provider.events(OWNER, OWNER) if e["id"] == identity)
