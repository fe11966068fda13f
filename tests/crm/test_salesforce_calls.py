"""API calls of ten named cases, counted exactly, beside what the original needs (facts: calcom-crm, section 2.14).

Not counted are tokens and metadata, which are kept: the original's numbers are without tokens, and with the metadata
that it reads again each time. The host's user is known in none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from salesforce_given import BOB, BOOKER, HOST, World, activity, booked, cancelled, field, moved, put, with_guests

from syncd.engine.crm import CrmWriter
from syncd.model.booking import Booking
from syncd.model.calendar import Receipt
from syncd.model.crm import ObjectKind

UNDER = {"attendee_record": "contact_under_account", "create_contact_under_account": True}
MAPPED = {"fields": [field("event", "Type", "Call"), field("person", "Title", "x", when="only_when_empty")]}
ON_CANCEL = field("person", "Title", "Cancelled", on=["cancellation"])
KEPT = field("event", "Type", "Other", on=["cancellation"])


def known(world: World) -> None:
    """The booker is a contact of somebody else."""
    owner = world.org.add_user("queen@example.com", "Queen")
    world.org.add_record("Contact", LastName="Byron", Email=BOOKER, OwnerId=owner)


def tied(world: World) -> None:
    """Two accounts match the booker's domain equally well until their contacts are counted."""
    for name, contacts in (("One", 1), ("Two", 2)):
        account = world.org.add_account(name, Website="acme.example")
        for n in range(contacts):
            world.org.add_record("Contact", LastName=f"{n}", AccountId=account)


def nothing(world: World) -> None:
    """Nobody is known."""


def book(writer: CrmWriter) -> None:
    """Ada books."""
    put(writer, activity())


def book_with_guest(writer: CrmWriter) -> None:
    """Ada books, with a guest."""
    put(writer, activity(with_guests(BOB)))


def then(after: Callable[[CrmWriter, Receipt], Any]) -> Callable[[CrmWriter], Any]:
    """Something happens to a booking that the CRM knows; only that is counted."""

    def happens(writer: CrmWriter) -> None:
        receipt = put(writer, activity()).receipt
        assert receipt is not None
        counting.clear()
        after(writer, receipt)

    return happens


def absent() -> Booking:
    """Ada did not come."""
    return booked(attendees=tuple(replace(a, absent=True) for a in booked().attendees))


@dataclass(frozen=True)
class Case:
    """What happens, under which settings, in how many calls: ours, and the original's."""

    name: str
    ours: int
    original: int
    happens: Callable[[CrmWriter], Any]
    given: Callable[[World], None] = nothing
    settings: dict[str, Any] | None = None


counting: list[str] = []
"""The calls of the case that runs."""

reschedule = then(lambda writer, receipt: put(writer, moved(), receipt))
cancel = then(lambda writer, receipt: put(writer, cancelled(), receipt))
no_show = then(lambda writer, receipt: put(writer, activity(absent()), receipt))

CASES = [
    Case("known contact", 2, 3, book, known),
    Case("new contact", 2, 5, book),
    Case("new contact and guest", 2, 6, book_with_guest),
    Case(
        "event and record mapping, owner change", 2, 9, book, known, {**MAPPED, "change_owner": {"mode": "organizer"}}
    ),
    Case("new contact under an account, by tiebreak", 3, 17, book, tied, UNDER),
    Case("reschedule", 1, 1, reschedule),
    Case("cancel: delete", 1, 1, cancel),
    Case("cancel: keep and write the event", 2, 3, cancel, nothing, {"cancellation": "keep", "fields": [KEPT]}),
    Case(
        "cancel: keep and write event and person",
        2,
        7,
        cancel,
        nothing,
        {"cancellation": "keep", "fields": [KEPT, ON_CANCEL]},
    ),
    Case("no-show", 1, 5, no_show, nothing, {"no_show_field": "No_Show__c"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_calls_are_as_few_as_said(world: World, case: Case) -> None:
    world.org.add_field("Event", "No_Show__c", "boolean")
    case.given(world)
    connector = world.connector()
    connector.schema(list(ObjectKind))
    counting.clear()
    world.calls = counting
    case.happens(world.writer(connector, **(case.settings or {})))
    assert len(counting) == case.ours, counting
    assert case.ours <= min(3, case.original)


def test_metadata_costs_two_calls_for_the_first_booking_and_none_for_the_next(world: World) -> None:
    before = world.org.org.used
    connector = world.connector()
    put(world.writer(connector), activity(booked("b1")))
    assert world.org.org.used - before == 4
    put(world.writer(connector), activity(booked("b2")))
    assert world.org.org.used - before == 6


def test_the_hosts_user_is_asked_for_once(world: World) -> None:
    connector = world.connector()
    put(world.writer(connector), activity(booked("b1")))
    world.org.set_active(HOST, True)
    world.counted()
    put(world.writer(connector), activity(booked("b2")))
    assert world.counted() == 2


def test_an_org_without_shared_activities_costs_no_failing_call(world: World) -> None:
    world.org.set_shared_activities(False)
    connector = world.connector()
    connector.schema(list(ObjectKind))
    world.counted()
    put(world.writer(connector), activity(with_guests(BOB)))
    assert world.counted() == 2


def test_a_refused_field_costs_one_more(world: World) -> None:
    connector = world.connector()
    connector.schema(list(ObjectKind))
    world.org.remove_field("Event", "Type")
    world.counted()
    put(world.writer(connector, **MAPPED), activity())
    assert world.counted() == 3
