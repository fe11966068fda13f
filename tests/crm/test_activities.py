"""Bookings as references in a CRM: planned, written, put right again, and what went wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from access.exchange import ask
from engine.deliveries import cancelled, created, delivery
from engine.world import ANNA, World
from given import SettableClock
from salesforce_given import HOST, SCOPES, salesforce
from salesforce_given import World as Org

from syncd.api.access import Gate
from syncd.api.documented import documented
from syncd.engine.audit import Audit
from syncd.engine.opening import secret_variable
from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.settings import App, EventType, Settings
from syncd.store import access, directory, sync_errors
from syncd.store.access import Scope
from syncd.testing.memory import MemoryProvider
from syncd.vault import KeyRing

EVENT_TYPE = 123
NOTE = {"target": "event", "field": "Note__c", "value": "{attendee.first_name}", "type": "text"}


@pytest.fixture
def org() -> Iterator[Org]:
    with salesforce() as running:
        yield running


Open = Callable[..., World]


@pytest.fixture
def opened(org: Org, settings: Settings, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """An engine connected to the org, whose event type is written there by the given settings."""
    monkeypatch.setenv(secret_variable("salesforce"), "sandbox-secret")
    runtimes: list[Runtime] = []

    def make(**crm: Any) -> World:
        client = org.client.model_dump(exclude={"client_secret", "client_secret_file"})
        changed = {
            "apps": {"salesforce": App(client=client)},
            "event_types": {str(EVENT_TYPE): EventType(crm={"1": crm})},
        }
        clock = SettableClock(utc_now())
        runtimes.append(Runtime(settings.model_copy(update=changed), ring, clock=clock))
        world = World(runtimes[-1], MemoryProvider(), clock)
        with world.runtime.database.write() as session:
            directory.add_user(session, ANNA, HOST, clock())
        credential = org.org.issuer.issue(HOST, SCOPES)
        world.runtime.accounts.add(ANNA, "salesforce", credential, {})
        return world

    yield make
    for runtime in runtimes:
        runtime.close()


def tell(world: World, *bodies: Any) -> None:
    """Take in, and write until nothing is due."""
    for body in bodies:
        body["payload"]["eventTypeId"] = EVENT_TYPE
        body["payload"]["destinationCalendar"] = None
    world.tell(*bodies)
    world.clock.advance(minutes=10)
    world.read()


def errors(world: World) -> list[tuple[str, list[str]]]:
    """The open sync errors: moment and fields."""
    with world.runtime.database.read() as session:
        return [(each.moment, json.loads(each.dropped)) for each in sync_errors.listed(session)]


def test_a_booking_without_a_calendar_is_in_the_crm_all_the_same(opened: Open, org: Org) -> None:
    world = opened()
    tell(world, created("a"))
    (event,) = org.records("Event")
    (reference,) = world.references()
    assert (reference.state, reference.receipt_id, reference.calendar_id) == ("synced", event["Id"], None)


def test_a_cancelled_booking_is_taken_away(opened: Open, org: Org) -> None:
    world = opened()
    tell(world, created("a"))
    tell(world, cancelled("a", 5))
    assert org.records("Event") == []
    (reference,) = world.references()
    assert reference.state in ("synced", "removed")


def test_a_rescheduled_booking_moves_its_event(opened: Open, org: Org) -> None:
    world = opened()
    tell(world, created("a"))
    (before,) = org.records("Event")
    tell(world, delivery("BOOKING_RESCHEDULED", "b", 5, rescheduleUid="a", at=24))
    (after,) = org.records("Event")
    assert before["Id"] == after["Id"]
    assert before["StartDateTime"] != after["StartDateTime"]


def test_nothing_new_asks_nothing(opened: Open, org: Org) -> None:
    world = opened()
    tell(world, created("a"))
    org.counted()
    tell(world, created("a", 7))
    assert org.counted() == 0


def test_a_field_that_the_org_took_away_is_an_open_error_until_a_sync_goes_well(opened: Open, org: Org) -> None:
    org.org.add_field("Event", "Note__c", "string", length=40)
    world = opened(fields=[NOTE])
    tell(world, created("a"))
    assert [event["Note__c"] for event in org.records("Event")] == ["Guest"]
    org.org.remove_field("Event", "Note__c")
    tell(world, created("b", at=4))
    assert len(org.records("Event")) == 2
    assert errors(world) == [("booking", ["Note__c"])]
    org.org.add_field("Event", "Note__c", "string", length=40)
    world.runtime.pool.drop(1)  # what it knows of the org's fields is kept for an hour
    world.clock.advance(hours=2)
    tell(world, created("c", at=8))
    assert errors(world) == []


def test_a_crm_that_is_down_keeps_no_calendar_waiting_and_is_written_later(opened: Open, org: Org) -> None:
    world = opened()
    org.org.faults.add("unavailable", times=0)
    tell(world, created("a"))
    assert world.references()[0].state == "pending"
    org.org.faults.clear()
    world.clock.advance(hours=1)
    world.work()
    assert len(org.records("Event")) == 1


def test_the_owner_of_a_connection_may_ask_what_was_refused(opened: Open, org: Org) -> None:
    org.org.add_field("Event", "Note__c", "string", length=40)
    world = opened(fields=[NOTE])
    tell(world, created("a"))
    org.org.remove_field("Event", "Note__c")
    tell(world, created("b", at=4))
    answer = ask(served(world), "/v2/connections/1/sync-errors", key=key_of(world, ANNA))
    (error,) = answer.document["data"]
    assert (error["eventTypeId"], error["moment"], error["droppedFields"]) == (EVENT_TYPE, "booking", ["Note__c"])
    assert ask(served(world), "/v2/connections/1/sync-errors", key=key_of(world, ANNA + 1)).status == 404


def served(world: World) -> Any:
    runtime = world.runtime
    audit = Audit(runtime.database, runtime.clock)
    return documented(runtime, Gate(runtime.database, audit, runtime.settings.http, runtime.clock))


def key_of(world: World, user_id: int) -> str:
    with world.runtime.database.write() as session:
        directory.add_user(session, user_id, f"user{user_id}@example.com", world.clock())
        _, key = access.create_key(session, "test", (Scope.APPS_READ,), world.clock(), user_id=user_id)
    return key
