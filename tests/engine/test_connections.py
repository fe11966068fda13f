"""Connecting and mending, and the connectors that are open."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.connector import CalendarConnector
from syncd.connector.registry import Registry
from syncd.errors import InputError, ParkError, ProviderError, ReconnectError, RetryError
from syncd.model.busy import BusyPolicy
from syncd.model.connection import ConnectionState
from syncd.settings import Busy
from syncd.store import directory
from syncd.testing.memory import memory_spec

from .deliveries import created
from .world import ANNA, BEN, WORK, World


def test_a_connection_the_provider_refuses_is_not_stored(office: World) -> None:
    office.person(BEN)
    with pytest.raises(ReconnectError):
        office.runtime.accounts.add(3, "memory", {"password": "wrong"}, {})
    with pytest.raises(InputError):
        office.connection(3)


def test_a_connection_whose_calendars_cannot_be_listed_is_not_stored(world: World) -> None:
    world.provider.fail_next("calendars", RetryError("Busy."))
    with pytest.raises(ProviderError):
        world.person()
    with pytest.raises(InputError):
        world.connection(1)


def test_the_same_account_is_connected_once(office: World) -> None:
    with pytest.raises(InputError) as refusal:
        office.runtime.accounts.add(ANNA, "memory", {"password": "right"}, {})
    assert "syncd connections reconnect 1" in refusal.value.remedy


def test_a_new_connection_checks_its_primary_calendar_and_writes_nowhere(world: World) -> None:
    for name in (WORK, "private"):
        world.provider.add_calendar(name)
    world.person(destination="")
    assert [world.calendar(name).selected for name in (WORK, "private")] == [True, False]
    world.tell(created())
    assert world.booking_row().problem_code == "no_destination"


def test_a_stored_credential_is_sealed(office: World) -> None:
    assert "right" not in office.connection(1).envelope
    assert office.connection(1).envelope


def test_a_reconnect_keeps_id_calendars_and_references(office: World) -> None:
    office.tell(created())
    before = office.reference()
    office.provider.password = "new"
    office.runtime.accounts.reconnect(1, {"password": "new"})
    office.tell(created(told=5, at=1))
    after = office.reference()
    assert (after.id, after.connection_id, after.state) == (before.id, 1, "synced")


def test_a_credential_that_a_person_gives_is_not_the_platforms_to_refresh(office: World) -> None:
    with office.runtime.database.write() as session:
        row = directory.get_connection(session, 1)
        row.token_owner = "platform"
        session.add(row)
    office.runtime.accounts.reconnect(1, {"password": "right"})
    assert office.connection(1).token_owner == ""


def test_a_reconnect_that_is_refused_leaves_the_old_credential(office: World) -> None:
    with pytest.raises(ReconnectError):
        office.runtime.accounts.reconnect(1, {"password": "wrong"})
    office.tell(created())
    assert len(office.events()) == 1


def test_a_test_that_is_refused_makes_the_connection_invalid_and_one_that_works_mends_it(office: World) -> None:
    office.provider.password = "new"
    with pytest.raises(ReconnectError):
        office.runtime.accounts.test(1)
    assert office.connection(1).state == ConnectionState.INVALID
    office.provider.password = "right"
    office.runtime.accounts.test(1)
    row = office.connection(1)
    assert (row.state, row.reason, row.remedy, row.broken_at) == ("active", "", "", None)


def test_a_test_resumes_nothing_that_a_person_paused(office: World) -> None:
    office.runtime.accounts.set_state(1, ConnectionState.PAUSED)
    office.runtime.accounts.test(1)
    assert office.connection(1).state == ConnectionState.PAUSED


def test_a_late_failure_does_not_make_a_paused_connection_invalid(office: World) -> None:
    office.deliver(created())
    pause = office.provider.perform

    def pausing(operation: str, run: Any) -> Any:
        office.provider.perform = pause  # type: ignore[method-assign]
        office.runtime.accounts.set_state(1, ConnectionState.PAUSED)
        raise ReconnectError("Revoked.")

    office.provider.perform = pausing  # type: ignore[method-assign]
    office.work()
    assert office.connection(1).state == ConnectionState.PAUSED


def test_calendars_are_listed_anew_and_none_is_chosen_by_that(office: World) -> None:
    office.provider.add_calendar("new")
    del office.provider.calendars[WORK]
    assert office.runtime.accounts.refresh_calendars(1) == (["new"], [WORK])
    assert office.calendar(WORK).missing_since == office.clock()
    assert not office.calendar("new").selected
    office.provider.add_calendar(WORK)
    assert office.runtime.accounts.refresh_calendars(1) == ([], [])
    assert office.calendar(WORK).missing_since is None


def test_a_calendar_found_later_gets_the_configured_policy_and_its_hours(office: World, open_runtime: Any) -> None:
    busy = Busy(policy=BusyPolicy.LAST_KNOWN, last_known_hours=3)
    later = open_runtime(settings=office.runtime.settings.model_copy(update={"busy": busy}))
    office.provider.add_calendar("new")
    later.accounts.refresh_calendars(1)
    assert (office.calendar("new").policy, office.calendar("new").policy_hours) == ("last-known", 3)
    assert office.calendar(WORK).policy_hours == 24


def test_a_removed_connection_takes_its_credential_calendars_and_references_along(office: World) -> None:
    office.tell(created())
    office.runtime.accounts.remove(1)
    assert office.references() == []
    assert len(office.events()) == 1  # what is at the provider stays
    with pytest.raises(InputError):
        office.connection(1)


def test_a_credential_changed_by_another_process_is_picked_up(office: World, open_runtime: Any) -> None:
    office.tell(created())
    office.clock.advance(minutes=1)
    other = open_runtime()
    office.provider.password = "new"
    other.accounts.reconnect(1, {"password": "new"})
    office.tell(created("b", at=1))
    assert len(office.events()) == 2
    assert office.connection(1).state == ConnectionState.ACTIVE


def test_the_connector_of_a_connection_is_opened_once(office: World) -> None:
    pool = office.runtime.pool
    first = pool.run(1, _itself)
    assert pool.run(1, _itself) is first
    pool.drop(1)
    assert pool.run(1, _itself) is not first


def _itself(connector: CalendarConnector) -> CalendarConnector:
    return connector


def test_a_connection_whose_connector_is_not_installed_parks_with_advice(office: World, open_runtime: Any) -> None:
    office.deliver(created("a"))
    bare = open_runtime(registry=Registry(specs={"other": memory_spec(office.provider, "other")}))
    World(bare, office.provider, office.clock).work()
    row = office.reference()
    assert row.state == "parked"
    assert "other" in row.remedy


def test_a_credential_under_a_missing_key_parks_its_writes_and_no_others(office: World, open_runtime: Any) -> None:
    from syncd.vault import KeyRing, generate_key

    office.deliver(created())
    keyless = open_runtime(ring=KeyRing((generate_key("another"),), "another"))
    World(keyless, office.provider, office.clock).work()
    row = office.reference()
    assert (row.state, row.error_code) == ("parked", "key_missing")
    assert row.remedy


def test_an_unknown_connection_is_named(office: World) -> None:
    with pytest.raises(ParkError) as error:
        office.runtime.pool.run(99, _itself)
    assert error.value.code == "connection_gone"


def test_a_credential_of_the_wrong_shape_is_refused_without_being_shown(office: World) -> None:
    with pytest.raises(ReconnectError) as error:
        office.runtime.accounts.add(BEN, "memory", {"password": ["s3cret"]}, {"colour": "s3cret"})
    assert "s3cret" not in str(error.value)
