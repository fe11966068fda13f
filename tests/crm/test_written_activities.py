"""References in a CRM, as the engine hands them to the writer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from salesforce_given import BOOKER, World, activity, booked, cancelled, moved

from syncd.engine.activities import Activities
from syncd.errors import UnclearError
from syncd.model.calendar import Receipt
from syncd.model.clock import utc_now
from syncd.model.crm import ObjectKind
from syncd.model.reference import Place, Reference
from syncd.settings import Settings

PLACE = Place(connection_id=1, calendar_id=None, external_id="", app="salesforce")


def activities(**settings: Any) -> Activities:
    """By the settings of event type 7 on connection 1."""
    return Activities(Settings.model_validate({"event_types": {"7": {"crm": {"1": settings}}}}), utc_now)


def reference(**changed: Any) -> Reference:
    """Of a booking that is wanted."""
    values: dict[str, Any] = {
        "id": 1,
        "subject": "b1",
        "place": PLACE,
        "key": "k",
        "desired": activity(),
        "desired_version": 1,
        "event_uid": "b1@syncd",
    }
    return Reference(**(values | changed))


def test_an_activity_is_written_changed_and_withdrawn(world: World) -> None:
    made, connector = activities(), world.connector()
    receipt = made.write(reference(), connector).receipt
    made.write(reference(desired=moved(), receipt=receipt, attempted=True), connector)
    assert world.event()["StartDateTime"].startswith("2026-03-03")
    assert made.write(reference(desired=None, receipt=receipt, attempted=True), connector).receipt is None
    assert world.records("Event") == []


@pytest.mark.parametrize("desired", [None, cancelled()], ids=["withdrawn", "cancelled"])
@pytest.mark.parametrize("ical_uid", ["", "other@product"])
def test_what_an_unanswered_attempt_made_goes_with_the_booking(world: World, desired: Any, ical_uid: str) -> None:
    made, connector = activities(), world.connector()
    connector.schema(list(ObjectKind))
    world.org.faults.add("lose", path="composite$", skip=1)
    wanted = activity(booked(ical_uid=ical_uid))
    with pytest.raises(UnclearError):
        made.write(reference(desired=wanted, event_uid=wanted.uid), connector)
    assert len(world.records("Event")) == 1
    made.write(reference(desired=desired, event_uid=wanted.uid, attempted=True), connector)
    assert world.records("Event") == []


def test_an_attempt_after_nobody_had_a_record_may_be_unclear_too(world: World) -> None:
    made, connector = activities(skip_contact_creation=True), world.connector()
    nobody = made.write(reference(), connector).receipt
    assert nobody == replace(nobody or Receipt(id="x"), id="")
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER)
    connector.schema(list(ObjectKind))
    world.org.faults.add("lose", path="composite$", skip=1)
    with pytest.raises(UnclearError):
        made.write(reference(receipt=nobody, attempted=True), connector)
    made.write(reference(receipt=nobody, attempted=True), connector)
    assert len(world.records("Event")) == 1
