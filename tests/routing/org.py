"""An engine with a sandboxed Salesforce org that routes, and what tests do to both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from given import OpenRuntime, SettableClock
from salesforce_given import BOOKER, HOST, OTHER_HOST, SCOPES, World
from sqlalchemy import select
from syncd_connectors.salesforce import SALESFORCE

from syncd.connector.registry import Registry
from syncd.engine.routing import Routed
from syncd.engine.runtime import Runtime
from syncd.model.booking import Attendee, Booking, BookingStatus
from syncd.settings import App, EventType, Settings
from syncd.store import bookings, directory
from syncd.store.routing import decisions
from syncd.store.tables import RoutingDecision

ADMIN_ID, EVENT_TYPE, CONNECTION = 1, 7, 1
AMPLE = 25.0
"""Seconds of a time budget that no test waits for."""

DOMAIN = BOOKER.partition("@")[2]
ANYBODY = (HOST, OTHER_HOST)


@dataclass
class Org:
    """The org, the engine, and the clock of both."""

    world: World
    settings: Settings
    open_runtime: OpenRuntime
    clock: SettableClock
    _runtime: Runtime | None = None
    _used: Settings = field(default_factory=Settings)

    @property
    def salesforce(self) -> Any:
        """The org, to which tests do things."""
        return self.world.org

    @property
    def runtime(self) -> Runtime:
        """The engine."""
        assert self._runtime is not None
        return self._runtime

    def user(self, email: str) -> str:
        """The id of a person of the org."""
        return next(str(u["Id"]) for u in self.world.records("User") if u["Email"] == email)

    def add(self, entity: str, owner: str = HOST, **fields: Any) -> str:
        """A record of somebody's; its id."""
        named = {"Contact": {"LastName": "Byron"}, "Lead": {"LastName": "Byron", "Company": "Acme"}}.get(entity, {})
        return str(self.salesforce.add_record(entity, **{**named, "OwnerId": self.user(owner), **fields}))

    def open(self, crm: dict[str, Any] | None = None, connection: dict[str, Any] | None = None) -> Runtime:
        """An engine whose event type 7 has `crm` as its settings in the org, with its connection 1."""
        settings = self.configured(crm if crm is not None else routed())
        client = {"login_url": self.world.client.login_url, "ca_file": self.world.client.ca_file}
        client |= {"client_id": "sandbox-client"}
        self._used = settings.model_copy(update={"apps": {SALESFORCE.app: App(client=client)}})
        self._runtime = self.another()
        with self.runtime.database.write() as session:
            directory.add_user(session, ADMIN_ID, HOST, self.clock())
        added = self.runtime.accounts.add(ADMIN_ID, SALESFORCE.app, self.credential(), connection or {})
        assert added.connection_id == CONNECTION
        return self._runtime

    def another(self) -> Runtime:
        """One more engine on the same store, as of another process."""
        return self.open_runtime(registry=Registry(specs={SALESFORCE.app: SALESFORCE}), settings=self._used)

    def credential(self) -> dict[str, Any]:
        """A new one of the first host."""
        told = self.salesforce.issuer.issue(HOST, SCOPES)
        return {name: told[name] for name in ("access_token", "refresh_token", "instance_url", "id", "scope")}

    def configured(self, crm: dict[str, Any]) -> Settings:
        """Settings with `crm` for event type 7 in connection 1."""
        return self.settings.model_copy(update={"event_types": {str(EVENT_TYPE): EventType(crm={"1": crm})}})

    def warm(self) -> None:
        """Let the connector read the schema, which it keeps, and forget the calls that took."""
        self.runtime.routing.route(EVENT_TYPE, "nobody@warm.example", ANYBODY)
        self.world.counted()

    def route(self, email: str = BOOKER, hosts: tuple[str, ...] | None = ANYBODY, **place: str) -> Routed:
        """Route a booker."""
        return self.runtime.routing.route(EVENT_TYPE, email, hosts, **place)

    def book(self, uid: str = "b1", email: str = BOOKER, **changed: Any) -> Booking:
        """A booking created now."""
        now = self.clock()
        values: dict[str, Any] = {
            "uid": uid,
            "revision": now,
            "status": BookingStatus.ACCEPTED,
            "title": "Discovery call",
            "start": now + timedelta(days=3),
            "end": now + timedelta(days=3, minutes=30),
            "attendees": (Attendee(email=email, name="Ada"),),
            "created_at": now,
            "event_type_id": EVENT_TYPE,
        }
        booking = Booking(**(values | changed))
        with self.runtime.database.write() as session:
            bookings.save(session, booking, now)
        return booking

    def stored(self) -> list[RoutingDecision]:
        """Every stored decision."""
        with self.runtime.database.read() as session:
            return list(session.execute(select(RoutingDecision).order_by(decisions.c.id)).scalars())


def routed(source: str = "account", **routing: Any) -> dict[str, Any]:
    """An event type's settings that route by `source`, with ample time."""
    return {"routing": {"enabled": True, "source": source, "time_budget_seconds": AMPLE, **routing}}


def who(routed: Routed) -> tuple[str, str]:
    """Whose meeting it is, and by which record; ("", "") for round robin."""
    decision = routed.decision
    return (decision.owner.email if decision.owner else "", str(decision.record_kind or ""))
