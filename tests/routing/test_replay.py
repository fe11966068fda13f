"""Recorded decisions made again under other rules, before these are switched on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from salesforce_given import BOOKER, HOST, OTHER_HOST
from sqlalchemy import update

from syncd.engine.routing_record import ReplayReport
from syncd.errors import ConfigError
from syncd.settings import EventType, Settings
from syncd.store.routing import decisions

from .org import CONNECTION, DOMAIN, EVENT_TYPE, Org, routed

GEO_OFF = {**routed(), "tiebreaker": {"geo": False, "rules": ["country", "created"]}}
GEO_ON = {**routed(), "tiebreaker": {"geo": True, "rules": ["country", "created"]}}


@pytest.fixture
def tied(org: Org) -> Org:
    """The first host's account is older, the other host's is in the booker's country."""
    org.add("Account", HOST, Name="Acme US", Website=DOMAIN, BillingCountry="US", CreatedDate="2020-01-01T00:00:00Z")
    org.add("Account", OTHER_HOST, Name="Acme", Website=DOMAIN, BillingCountry="DE", CreatedDate="2021-01-01T00:00:00Z")
    org.open(GEO_OFF)
    return org


def replayed(org: Org, crm: dict[str, Any], days: float = 90) -> ReplayReport:
    return org.runtime.routing.record.replay(org.configured(crm), org.clock() - timedelta(days=days))


def test_new_rules_say_who_would_have_been_chosen(tied: Org) -> None:
    tied.route(country="DE")
    tied.route(country="US")
    report = replayed(tied, GEO_ON)
    (one,) = report.changed
    assert (report.decided, report.unsure, one.id, one.sure) == (2, 0, 1, True)
    assert one.was.owner
    assert one.now.owner
    assert (one.was.owner.email, one.now.owner.email) == (HOST, OTHER_HOST)
    assert one.now.decisive_rule == "country"
    assert one.booker.endswith(f"@{DOMAIN}")
    assert one.booker != BOOKER


def test_a_replay_asks_and_stores_nothing(tied: Org) -> None:
    tied.route(country="DE")
    tied.world.counted()
    replayed(tied, GEO_ON)
    assert tied.world.counted() == 0
    assert len(tied.stored()) == 1


def test_the_same_rules_change_nothing(tied: Org) -> None:
    tied.route(country="DE")
    assert replayed(tied, GEO_OFF) == ReplayReport(decided=1)


def test_rules_that_ask_for_more_than_was_recorded_are_not_sure(tied: Org) -> None:
    tied.route(country="DE")
    report = replayed(tied, {**GEO_ON, "tiebreaker": {"geo": False, "rules": ["contacts", "country", "created"]}})
    assert (report.decided, report.unsure, report.changed) == (1, 1, ())
    (one,) = replayed(tied, routed("lead")).changed
    assert not one.sure
    assert one.now.missing == ("answer to leads",)


def test_what_could_not_be_asked_then_is_not_sure_now(tied: Org) -> None:
    tied.salesforce.faults.add("unavailable", times=0)
    tied.route(country="DE")
    report = replayed(tied, GEO_ON)
    assert (report.decided, report.unsure) == (1, 1)


def test_routing_switched_off_is_round_robin_for_all(tied: Org) -> None:
    tied.route()
    (one,) = replayed(tied, {"routing": {"enabled": False}}).changed
    assert (one.now.owner, one.now.reason, one.sure) == (None, "routing is off in the new rules", True)


def test_decisions_without_new_rules_are_left_alone(tied: Org) -> None:
    tied.route(country="DE")
    others = {
        "event type": Settings(event_types={str(EVENT_TYPE + 1): EventType(crm={str(CONNECTION): GEO_ON})}),
        "connection": Settings(event_types={str(EVENT_TYPE): EventType(crm={str(CONNECTION + 1): GEO_ON})}),
    }
    for other in others.values():
        report = tied.runtime.routing.record.replay(other, tied.clock() - timedelta(days=1))
        assert report == ReplayReport(without_rules=1)


def test_only_decisions_since_then_are_made_again(tied: Org) -> None:
    tied.route(country="DE")
    tied.clock.advance(days=3)
    tied.route(country="DE")
    assert [one.id for one in replayed(tied, GEO_ON, days=1).changed] == [2]
    assert [one.id for one in replayed(tied, GEO_ON, days=3).changed] == [1, 2]


def test_more_decisions_than_are_read_at_once_are_all_made_again(tied: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.routing.CHUNK", 2)
    for _ in range(5):
        tied.route(country="DE")
    assert [one.id for one in replayed(tied, GEO_ON).changed] == [1, 2, 3, 4, 5]


def test_a_decision_that_cannot_be_read_is_named_and_stops_nothing(tied: Org) -> None:
    tied.route(country="DE")
    tied.route(country="DE")
    with tied.runtime.database.write() as session:
        session.execute(update(decisions).where(decisions.c.id == 1).values(recorded="{}"))
    report = replayed(tied, GEO_ON)
    assert (report.unreadable, [one.id for one in report.changed]) == ((1,), [2])


def test_the_connections_own_setting_counts(org: Org) -> None:
    org.add("Account", OTHER_HOST, Name="Acme", Website="acme.de")
    org.open(connection={"fuzzy_domain_matching": True})
    org.route("ada@acme.co.uk")
    assert replayed(org, routed()) == ReplayReport(decided=1)


def test_rules_that_cannot_be_used_are_named(tied: Org) -> None:
    tied.route()
    with pytest.raises(ConfigError) as caught:
        replayed(tied, {"routing": {"source": "moon"}})
    assert [p.where for p in caught.value.problems] == [f"event_types.{EVENT_TYPE}.crm.{CONNECTION}.routing.source"]
