"""Decisions kept: without the booker's address, found again with the booking that follows, forgotten in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from salesforce_given import BOOKER, HOST, OTHER_HOST
from sqlalchemy import text

from syncd.engine.sweep import clean_up
from syncd.errors import InputError
from syncd.model.booking import Attendee
from syncd.rules.routing import from_json, replay, same_choice

from .org import ANYBODY, CONNECTION, DOMAIN, EVENT_TYPE, Org, routed, who


@pytest.fixture
def acme(org: Org) -> Org:
    """The other host's account, which the booker's event type routes by."""
    org.add("Account", OTHER_HOST, Name="Acme", Website=DOMAIN)
    org.open()
    return org


def test_a_decision_is_stored_with_all_that_makes_it_again(acme: Org) -> None:
    told = acme.route(country="DE", region="BE", city="Berlin")
    (row,) = acme.stored()
    recorded = from_json(row.recorded)
    assert (row.id, row.event_type_id, row.connection_id) == (told.recorded, EVENT_TYPE, CONNECTION)
    assert row.at == acme.clock()
    assert row.seconds == told.seconds
    assert (recorded.request.country, recorded.request.region, recorded.request.city) == ("DE", "BE", "Berlin")
    assert recorded.request.hosts == ANYBODY
    assert recorded.seconds == told.calls
    assert recorded.decision.rules_version == told.decision.rules_version == recorded.rules.version
    assert same_choice(recorded.decision, told.decision)
    assert replay(recorded, recorded.rules) == recorded.decision


@pytest.mark.parametrize("source", ["contact", "account"])
def test_nobodys_address_is_stored_but_owners_and_hosts(source: str, org: Org) -> None:
    acme = org.add("Account", OTHER_HOST, Name="Acme", Website=DOMAIN)
    org.add("Contact", HOST, Email=BOOKER, FirstName="Ada", AccountId=acme)
    org.open(routed(source))
    told = org.route(f" {BOOKER.upper()}")
    nobody = org.route(f"nobody@{DOMAIN}")
    assert {who(told), who(nobody)} - {("", "")}
    for row in org.stored():
        text = " ".join((row.recorded, row.decision, row.booker)).casefold()
        assert BOOKER not in text
        assert f"nobody@{DOMAIN}" not in text
        assert "byron" not in text
        assert f"@{DOMAIN}" in text
        assert OTHER_HOST in text


def test_a_booker_has_one_hash_however_the_address_is_typed_and_no_other_has_it(acme: Org) -> None:
    for email in (BOOKER, BOOKER.upper(), f" {BOOKER} ", f"x{BOOKER}"):
        acme.route(email)
    bookers = [row.booker for row in acme.stored()]
    assert len(set(bookers)) == 2
    assert len(set(bookers[:3])) == 1
    assert [len(booker) for booker in bookers] == [32] * 4


def test_what_went_wrong_is_stored_too(acme: Org) -> None:
    acme.salesforce.faults.add("unavailable", times=0)
    told = acme.route()
    (row,) = acme.stored()
    assert from_json(row.recorded).decision == told.decision
    assert "could not be asked" in row.decision


def test_a_decision_that_cannot_be_stored_is_told_all_the_same(acme: Org) -> None:
    with acme.runtime.database.write() as session:
        session.execute(text("DROP TABLE routing_decisions"))
    told = acme.route()
    assert (who(told), told.recorded) == ((OTHER_HOST, "account"), None)


def test_an_answer_does_not_wait_for_another_writer(acme: Org) -> None:
    acme.route()
    with acme.runtime.database.write() as session:
        session.execute(text("UPDATE users SET name = 'Anna'"))
        told = acme.route()
    assert who(told) == (OTHER_HOST, "account")
    assert told.recorded == (None if acme.runtime.database.is_sqlite else 2)


def test_a_decision_is_forgotten_when_the_log_is(acme: Org) -> None:
    keep = timedelta(days=acme.runtime.settings.keep.log)
    acme.route()
    acme.clock.advance(days=1)
    acme.route()
    acme.clock.now += keep - timedelta(hours=12)
    clean_up(acme.runtime.database, acme.runtime.settings, acme.clock)
    assert [row.id for row in acme.stored()] == [2]


def test_decisions_go_with_their_connection(acme: Org) -> None:
    acme.route()
    acme.runtime.accounts.remove(CONNECTION)
    assert acme.stored() == []


# a booking's decisions


AFTER_DECISION = {
    "a second": (timedelta(seconds=1), True),
    "a day": (timedelta(hours=24), True),
    "more than a day": (timedelta(hours=24, seconds=1), False),
    "the platform's clock is a minute behind": (timedelta(minutes=-1), True),
    "created before it": (timedelta(minutes=-1, seconds=-1), False),
}


@pytest.mark.parametrize("when", AFTER_DECISION)
def test_a_decision_leads_to_the_booking_that_follows_within_a_day(when: str, acme: Org) -> None:
    later, linked = AFTER_DECISION[when]
    told = acme.route()
    acme.book(created_at=acme.clock() + later)
    found = acme.runtime.routing.record.of_booking("b1")
    assert [(kept.id, kept.app, kept.decision.owner) for kept in found] == (
        [(told.recorded, "salesforce", told.decision.owner)] if linked else []
    )


LINKED: dict[str, tuple[dict[str, Any], bool]] = {
    "the booker": ({}, True),
    "the booker, typed otherwise": ({"email": f" {BOOKER.title()}"}, True),
    "somebody else": ({"email": "bob@acme.example"}, False),
    "the booker and a guest": ({"attendees": (Attendee(email="bob@acme.example"), Attendee(email=BOOKER))}, True),
    "another event type": ({"event_type_id": EVENT_TYPE + 1}, False),
    "an event type that was not told": ({"event_type_id": None}, True),
    "no time of creation": ({"created_at": None}, True),
}


@pytest.mark.parametrize("what", LINKED)
def test_a_decision_belongs_to_the_booker_and_the_event_type(what: str, acme: Org) -> None:
    changed, linked = LINKED[what]
    acme.route()
    acme.clock.advance(minutes=5)
    acme.book(**changed)
    assert bool(acme.runtime.routing.record.of_booking("b1")) is linked


def test_the_newest_decision_comes_first(acme: Org) -> None:
    for _ in range(3):
        acme.route()
        acme.clock.advance(minutes=5)
    acme.route("bob@acme.example")
    acme.book()
    assert [kept.id for kept in acme.runtime.routing.record.of_booking("b1")] == [3, 2, 1]


def test_a_booking_that_was_moved_keeps_the_decision_of_the_first(acme: Org) -> None:
    acme.route()
    acme.book("b1")
    acme.clock.advance(days=9)
    acme.book("b2", previous_uid="b1")
    acme.clock.advance(days=9)
    acme.book("b3", previous_uid="b2")
    assert [kept.id for kept in acme.runtime.routing.record.of_booking("b3")] == [1]


def test_a_booking_nobody_was_routed_for_has_no_decision(acme: Org) -> None:
    acme.book()
    assert acme.runtime.routing.record.of_booking("b1") == ()


def test_a_booking_that_is_not_there_is_named(acme: Org) -> None:
    with pytest.raises(InputError, match="No booking 'nope'"):
        acme.runtime.routing.record.of_booking("nope")
