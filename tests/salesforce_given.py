"""A sandboxed Salesforce org, and syncd's connector and writer on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sandboxed import sandboxed
from syncd_connectors.salesforce import SALESFORCE, SalesforceClient
from syncd_connectors.salesforce.connector import SalesforceConnector, open_salesforce

from syncd.connector import Opened
from syncd.engine.crm import CrmWriter, Put
from syncd.model.activity import Activity
from syncd.model.booking import Attendee, Booking, BookingStatus
from syncd.model.calendar import Participant, Receipt
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Guard
from syncd.rules.activity import activity_for
from syncd.rules.crm.settings import CrmSettings
from syncd.sandbox import Exchange, Sandbox
from syncd.sandbox.salesforce import Salesforce

HOST, OTHER_HOST, BOOKER = "host@example.com", "other@example.com", "ada@acme.example"
SCOPES = ("api", "refresh_token")
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
UID_FIELD = "Booking_Uid__c"


@dataclass
class World:
    """A running org with two users who are hosts; `calls` are the API requests since they were last cleared."""

    org: Salesforce
    sandbox: Sandbox
    calls: list[str] = dataclasses.field(default_factory=list)

    def connector(
        self, *, clock: Clock = utc_now, guard: dict[str, Any] | None = None, **settings: Any
    ) -> SalesforceConnector:
        """A connector of the first host."""
        told = self.org.issuer.issue(HOST, SCOPES)
        credential = {name: told[name] for name in ("access_token", "refresh_token", "instance_url", "id", "scope")}
        opened = Opened(
            connection_id=1,
            credential=SALESFORCE.credential.model_validate(credential),
            settings=SALESFORCE.settings(**settings),
            guard=Guard("salesforce", 1, concurrency=5, clock=clock, **{"timeout_s": 10, **(guard or {})}),
            client=self.client,
        )
        return open_salesforce(opened, clock)

    @property
    def client(self) -> SalesforceClient:
        """The registration."""
        provider = self.sandbox.providers["salesforce"]
        return SalesforceClient(
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            login_url=provider.tls_url,
            ca_file=self.sandbox.ca_file,
        )

    def writer(self, connector: SalesforceConnector | None = None, **settings: Any) -> CrmWriter:
        """A writer with the settings of an event type."""
        return CrmWriter(connector or self.connector(), CrmSettings.model_validate(settings), utc_now)

    def event(self) -> dict[str, Any]:
        """The one event that there is."""
        (found,) = self.records("Event")
        return found

    def user(self, email: str) -> str:
        """The id of a user."""
        return str(next(u["Id"] for u in self.records("User") if u["Email"] == email))

    def with_whom(self) -> list[str]:
        """Whom the one event is with, as Shared Activities know it."""
        relations = [r for r in self.records("EventRelation") if not r["IsWhat"] and not r["IsDeleted"]]
        return [r["RelationId"] for r in relations]

    def records(self, entity: str) -> list[dict[str, Any]]:
        """Every live record of an object."""
        return list(self.org.records(entity))

    def counted(self) -> int:
        """API calls since the last count, without those for metadata."""
        told = [call for call in self.calls if "oauth2" not in call]
        self.calls.clear()
        return len(told)


@contextmanager
def salesforce(**org: Any) -> Iterator[World]:
    """An org with its two hosts."""
    provider = Salesforce(**org)
    provider.add_user(HOST, "Anna Host")
    provider.add_user(OTHER_HOST, "Ben Host")
    with sandboxed([provider]) as sandbox:
        world = World(provider, sandbox)

        def hear(exchange: Exchange) -> None:
            if b"/describe" not in exchange.request.body:
                world.calls.append(f"{exchange.request.method} {exchange.request.path}")

        sandbox.tap(hear)
        yield world


BOB = Attendee(email="bob@acme.example", name="Bob Guest")


def booked(uid: str = "b1", **changed: Any) -> Booking:
    """Ada's booking with the host."""
    values: dict[str, Any] = {
        "uid": uid,
        "revision": START - timedelta(days=1),
        "status": BookingStatus.ACCEPTED,
        "title": "Discovery call",
        "start": START,
        "end": START + timedelta(minutes=30),
        "organizer": Participant(email=HOST, name="Anna Host", zone="Europe/Berlin"),
        "attendees": (Attendee(email=BOOKER, name="Ada Maria Byron", zone="Europe/Berlin", phone="+49 30 1"),),
        "created_at": START - timedelta(days=2),
        "event_type_id": 7,
    }
    return Booking(**(values | changed))


def activity(booking: Booking | None = None, **changed: Any) -> Activity:
    """What is wanted of a booking."""
    made = activity_for([booking or booked(**changed)])
    assert made is not None
    return made


def cancelled(booking: Booking | None = None, **changed: Any) -> Activity:
    """What is wanted once it is cancelled."""
    given = booking or booked(**changed)
    return activity(replace(given, status=BookingStatus.CANCELLED, cancelled_at=START - timedelta(hours=1)))


def with_guests(*guests: Attendee) -> Booking:
    """Ada's booking, with guests."""
    return booked(attendees=(*booked().attendees, *guests))


def moved(booking: Booking | None = None, **changed: Any) -> Activity:
    """What is wanted once it is a day later."""
    given = booking or booked()
    day = timedelta(days=1)
    return activity(replace(given, **({"start": given.start + day, "end": given.end + day} | changed)))


def field(target: str, name: str, value: Any, type: str = "text", **more: Any) -> dict[str, Any]:
    """A field mapping."""
    return {"target": target, "field": name, "value": value, "type": type, **more}


def put(writer: CrmWriter, wanted: Activity, applied: Receipt | None = None, *, unclear: bool = False) -> Put:
    """Write."""
    return writer.put(wanted, applied, unclear=unclear)
