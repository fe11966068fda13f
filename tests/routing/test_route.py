"""Who takes a booker's meeting, asked of a Salesforce org: every source, its fallbacks, and what may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from threading import Event
from typing import Any

import pytest
from salesforce_given import BOOKER, HOST, OTHER_HOST
from sandboxed import provoked

from syncd.engine.lookups import LateError, Lookups
from syncd.engine.routing import COUNT, LOOK, MOST_LOOKUPS
from syncd.errors import ProviderError
from syncd.rules.routing import Outcome, Step, TieRule
from syncd.store import directory

from .org import ANYBODY, CONNECTION, DOMAIN, EVENT_TYPE, Org, routed, who

STRANGER = "eve@example.com"
LOOKUP = "Account_Manager__c"
RR = ("", "")
"""Round robin."""


@dataclass(frozen=True)
class Row:
    """What is in the org, what the event type says, and who takes the meeting by which record."""

    given: Callable[[Org], object]
    source: str
    told: tuple[str, str]
    settings: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def contact(owner: str = OTHER_HOST, **fields: Any) -> Callable[[Org], object]:
    return lambda org: org.add("Contact", owner, **{"Email": BOOKER, **fields})


def lead(owner: str = OTHER_HOST, **fields: Any) -> Callable[[Org], object]:
    return lambda org: org.add("Lead", owner, **{"Email": BOOKER, **fields})


def account(owner: str = OTHER_HOST, **fields: Any) -> Callable[[Org], object]:
    return lambda org: org.add("Account", owner, **{"Name": "Acme", "Website": DOMAIN, **fields})


def nothing(org: Org) -> None:
    pass


def colleague(org: Org) -> None:
    """An account that is only known by a colleague's address."""
    acme = org.add("Account", OTHER_HOST, Name="Acme")
    org.add("Contact", HOST, Email=f"bob@{DOMAIN}", AccountId=acme)


def own_account(org: Org) -> None:
    """The booker's contact is of another company than the domain says."""
    org.add("Account", HOST, Name="Acme", Website=DOMAIN)
    other = org.add("Account", OTHER_HOST, Name="Byron Holding")
    org.add("Contact", HOST, Email=BOOKER, AccountId=other)


def managed(org: Org) -> None:
    org.salesforce.add_field("Account", LOOKUP, "reference", to="User")
    org.add("Account", HOST, Name="Acme", Website=DOMAIN, **{LOOKUP: org.user(OTHER_HOST)})


def unmanaged(org: Org) -> None:
    org.salesforce.add_field("Account", LOOKUP, "reference", to="User")
    org.add("Account", HOST, Name="Acme", Website=DOMAIN)


def stranger(org: Org) -> None:
    """A contact of somebody who is no host."""
    org.salesforce.add_user(STRANGER, "Eve")
    org.add("Contact", STRANGER, Email=BOOKER)


def both(org: Org) -> None:
    org.add("Contact", HOST, Email=BOOKER)
    org.add("Lead", OTHER_HOST, Email=BOOKER)


def converted(org: Org) -> None:
    made = org.add("Lead", HOST, Email=BOOKER)
    org.salesforce.change_record(org.salesforce.convert_lead(made)["ConvertedContactId"], OwnerId=org.user(OTHER_HOST))


VIP = {"field": "Department", "value": "VIP", "action": "must_include"}
FALL_BACK = {"fall_back_to_lead": True}

ROUTES: dict[str, Row] = {
    "by contact": Row(contact(), "contact", (OTHER_HOST, "contact")),
    "by contact, whatever the case": Row(contact(Email=BOOKER.upper()), "contact", (OTHER_HOST, "contact")),
    "no contact": Row(lead(), "contact", RR, reason="no contact was found"),
    "no contact, then the lead": Row(lead(), "contact", (OTHER_HOST, "lead"), FALL_BACK),
    "a contact comes before the lead": Row(both, "contact", (HOST, "contact"), FALL_BACK),
    "a contact of no host is not passed over": Row(stranger, "contact", RR, FALL_BACK, "is a host"),
    "a field rule drops the contact": Row(
        contact(Department="Sales"), "contact", RR, {"field_rules": [VIP]}, "no contact"
    ),
    "a field rule keeps the contact": Row(
        contact(Department="vip"), "contact", (OTHER_HOST, "contact"), {"field_rules": [VIP]}
    ),
    "by lead": Row(lead(), "lead", (OTHER_HOST, "lead")),
    "by lead, a contact does not count": Row(contact(), "lead", RR, reason="no lead was found"),
    "a converted lead is its contact": Row(converted, "lead", (OTHER_HOST, "contact")),
    "by account, exact website": Row(account(), "account", (OTHER_HOST, "account")),
    "by account, website as typed": Row(
        account(Website=f"https://www.{DOMAIN}/about"), "account", (OTHER_HOST, "account")
    ),
    "by account of a colleague": Row(colleague, "account", (OTHER_HOST, "account")),
    "by account of the booker's contact": Row(own_account, "account", (OTHER_HOST, "account")),
    "by account, none": Row(nothing, "account", RR, reason=f"no account was found for {DOMAIN}"),
    "by account, another top-level domain": Row(
        account(Website="acme.de"), "account", RR, reason="no account was found"
    ),
    "by lookup field": Row(managed, "account", (OTHER_HOST, "account"), {"account_field": LOOKUP}),
    "by lookup field, empty": Row(unmanaged, "account", RR, {"account_field": LOOKUP}, "is a host"),
}


@pytest.mark.parametrize("case", ROUTES)
def test_who_takes_the_meeting(case: str, org: Org) -> None:
    row = ROUTES[case]
    row.given(org)
    org.open(routed(row.source, **row.settings))
    told = org.route()
    assert who(told) == row.told
    assert row.reason in told.decision.reason
    assert (told.app, told.connection_id) == ("salesforce", CONNECTION)
    assert told.decision.missing == ()


def test_one_call_is_enough_where_nothing_is_tied(org: Org) -> None:
    account()(org)
    org.open()
    org.warm()
    assert who(org.route()) == (OTHER_HOST, "account")
    assert org.world.counted() == 1


def test_a_tie_that_needs_numbers_takes_a_second_call_and_no_more(org: Org) -> None:
    account(HOST)(org)
    busy = account(OTHER_HOST)(org)
    org.add("Contact", Email="bob@elsewhere.example", AccountId=busy)
    org.open()
    org.warm()
    told = org.route()
    assert who(told) == (OTHER_HOST, "account")
    assert told.decision.decisive_rule == "contacts"
    assert org.world.counted() == 2
    assert set(told.calls) == {LOOK, COUNT}


def test_a_tie_that_the_bookers_country_decides_needs_no_numbers(org: Org) -> None:
    account(HOST, BillingCountry="United States")(org)
    account(OTHER_HOST, BillingCountry="Germany")(org)
    org.open()
    org.warm()
    told = org.route(country="DE")
    assert who(told) == (OTHER_HOST, "account")
    assert told.decision.decisive_rule == "country"
    assert org.world.counted() == 1


def test_region_city_and_sub_region_reach_the_rules(org: Org) -> None:
    org.salesforce.add_field("Account", "Territory__c")
    account(HOST, BillingCountry="US", BillingState="TX", Territory__c="Houston")(org)
    account(HOST, BillingCountry="US", BillingState="TX", Territory__c="Panhandle")(org)
    account(OTHER_HOST, BillingCountry="US", BillingState="TX", Territory__c="Austin")(org)
    account(HOST, BillingCountry="US", BillingState="CA", Territory__c="Austin")(org)
    org.open({**routed(), "tiebreaker": {"sub_region_field": "Territory__c"}})
    places: list[dict[str, Any]] = [{"city": "Austin"}, {"sub_region": "austin"}]
    for place in places:
        told = org.route(country="US", region="Texas", **place)
        assert (*who(told), told.decision.decisive_rule) == (OTHER_HOST, "account", TieRule.SUB_REGION)


def test_numbers_that_the_org_denies_are_passed_over_and_traced(org: Org) -> None:
    account(HOST)(org)
    busy = account(OTHER_HOST)(org)
    org.add("Contact", Email="bob@elsewhere.example", AccountId=busy)
    org.salesforce.set_hidden("Opportunity")
    org.open()
    told = org.route()
    assert who(told) == (OTHER_HOST, "account")
    (denied,) = (step for step in told.decision.trace if step.rule == "opportunities")
    assert (denied.outcome, "denies" in denied.reason) == ("skipped", True)


def test_a_free_mail_address_is_not_asked_about(org: Org) -> None:
    org.add("Contact", OTHER_HOST, Email="ada@gmail.com")
    org.open(routed("contact", skip_free_mail=True))
    org.warm()
    told = org.route("ada@gmail.com")
    assert who(told) == RR
    assert (told.decision.reason, told.calls) == ("gmail.com is a free-mail domain", {})
    assert org.world.counted() == 0


def test_an_owner_who_is_no_host_leaves_it_to_round_robin(org: Org) -> None:
    made = account(OTHER_HOST)(org)
    org.open()
    told = org.route(hosts=(HOST,))
    assert who(told) == RR
    (hosts,) = (step for step in told.decision.trace if step.step is Step.HOSTS)
    assert hosts.dropped == {made: f"owner {OTHER_HOST} is no host of this event type"}


def test_without_hosts_any_active_owner_will_do_and_with_none_nobody(org: Org) -> None:
    account(OTHER_HOST)(org)
    org.open()
    assert who(org.route(hosts=None)) == (OTHER_HOST, "account")
    assert who(org.route(hosts=())) == RR


def test_an_inactive_owner_takes_no_meeting(org: Org) -> None:
    account(OTHER_HOST)(org)
    org.salesforce.set_active(OTHER_HOST, False)
    org.open()
    assert who(org.route(hosts=None)) == RR


def test_the_connection_says_whether_other_top_level_domains_match(org: Org) -> None:
    account(Website="acme.de")(org)
    org.open(connection={"fuzzy_domain_matching": True})
    told = org.route("ada@acme.co.uk")
    assert who(told) == (OTHER_HOST, "account")
    assert told.decision.method is Step.FUZZY


# what goes wrong


def test_a_call_that_is_late_is_left_behind(org: Org) -> None:
    account()(org)
    org.open(routed(time_budget_seconds=0.05))
    org.salesforce.faults.add("hold", path="/", times=0)
    told = org.route()
    assert who(told) == RR
    assert told.decision.reason == "salesforce did not answer within 0.05 s"
    assert [(s.step, s.outcome) for s in told.decision.trace] == [("lookup", "failed"), ("result", "round-robin")]
    assert set(told.calls) == {LOOK}


def test_what_the_first_call_told_stays_in_the_trace_when_the_second_is_late(org: Org) -> None:
    one, two = account(HOST)(org), account(OTHER_HOST)(org)
    org.open(routed(time_budget_seconds=2))
    org.warm()
    org.salesforce.faults.add("hold", path="/composite", skip=1, times=0)
    told = org.route()
    assert who(told) == RR
    assert told.decision.reason == "salesforce did not answer within 2 s"
    steps = {step.step: step for step in told.decision.trace}
    assert set(steps[Step.EXACT].after) == {one, two}
    assert Step.TIEBREAK not in steps
    assert set(told.calls) == {LOOK, COUNT}


def test_an_org_that_hangs_holds_up_only_so_many(org: Org) -> None:
    org.open(routed(time_budget_seconds=0.02))
    org.salesforce.faults.add("hold", path="/", times=0)
    late = "salesforce did not answer within 0.02 s"
    turned_away = f"salesforce could not be asked: {MOST_LOOKUPS} lookups wait for an answer already"
    reasons = list(takewhile(lambda reason: reason != turned_away, (org.route().decision.reason for _ in range(99))))
    assert set(reasons) == {late}
    assert MOST_LOOKUPS <= len(reasons) < 99


def test_a_place_is_free_again_once_its_call_is_over() -> None:
    lookups = Lookups(1)
    for _ in range(3):
        assert lookups.within(60, lambda: "answer") == "answer"
        with pytest.raises(ProviderError, match="Unexpected ZeroDivisionError"):
            lookups.within(60, lambda: 1 // 0)


def test_a_call_that_is_not_over_in_time_is_late_and_one_without_time_is_not_begun() -> None:
    over, begun = Event(), Event()
    with pytest.raises(LateError):
        Lookups(1).within(0.01, lambda: over.wait(5))
    over.set()
    with pytest.raises(LateError):
        Lookups(1).within(0, begun.set)
    assert not begun.is_set()


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "away": ("unavailable", {}),
    "cut off": ("cut", {}),
    "a captive portal": ("garble", {}),
    "switched off for the user": ("api-off", {}),
    "spent for today": ("daily-limit", {}),
    "a query that takes too long": ("query-timeout", {}),
}


@pytest.mark.parametrize("what", FAULTS)
def test_an_org_that_cannot_be_asked_leaves_it_to_round_robin(what: str, org: Org) -> None:
    account()(org)
    org.open()
    org.warm()
    kind, fields = FAULTS[what]
    org.salesforce.faults.add(kind, times=0, **fields)
    told = org.route()
    assert told.decision.outcome is Outcome.ROUND_ROBIN
    assert told.decision.reason.startswith("salesforce could not be asked: ")
    assert told.decision.trace[0].step is Step.LOOKUP
    org.salesforce.faults.clear()


def test_an_expired_token_is_refreshed_on_the_way(org: Org) -> None:
    account()(org)
    org.open()
    org.warm()
    org.salesforce.issuer.expire()
    with provoked():
        assert who(org.route()) == (OTHER_HOST, "account")


def test_a_credential_that_another_process_was_given_is_used_at_once(org: Org) -> None:
    account()(org)
    org.open()
    org.warm()
    org.salesforce.issuer.expire()
    org.clock.advance(seconds=1)
    org.another().accounts.reconnect(CONNECTION, org.credential())
    statuses: list[int | None] = []
    org.world.sandbox.tap(lambda exchange: statuses.append(exchange.status))
    assert who(org.route()) == (OTHER_HOST, "account")
    assert set(statuses) == {200}


def test_the_last_of_the_days_calls_are_left_to_bookings(org: Org) -> None:
    account()(org)
    org.open()
    org.warm()
    org.salesforce.set_daily(1000, used=980)
    assert who(org.route()) == (OTHER_HOST, "account")
    org.world.counted()
    told = org.route()
    assert who(told) == RR
    assert "kept for bookings" in told.decision.reason
    assert org.world.counted() == 0


def test_a_connection_that_is_paused_is_not_asked(org: Org) -> None:
    account()(org)
    runtime = org.open()
    org.warm()
    with runtime.database.write() as session:
        directory.get_connection(session, CONNECTION).state = "paused"
    told = org.route()
    assert (who(told), told.decision.reason) == (RR, f"connection {CONNECTION} is paused")
    assert org.world.counted() == 0


def test_a_connection_that_is_gone_leaves_it_to_round_robin(org: Org) -> None:
    runtime = org.open()
    runtime.accounts.remove(CONNECTION)
    told = org.route()
    assert (who(told), told.decision.reason) == (RR, f"connection {CONNECTION} is not there")
    assert told.recorded is None


@pytest.mark.parametrize("crm", [{}, {"routing": {"enabled": False}}], ids=["no settings", "off"])
def test_an_event_type_that_no_crm_routes_is_round_robin(crm: dict[str, Any], org: Org) -> None:
    account()(org)
    org.open(crm)
    told = org.route()
    assert (who(told), told.decision.reason) == (RR, f"no CRM routes event type {EVENT_TYPE}")
    assert (told.app, told.connection_id, told.recorded) == ("", None, None)


def test_the_first_connection_that_routes_is_asked(org: Org) -> None:
    account()(org)
    runtime = org.open()
    off, other = {"routing": {"enabled": False}}, routed("contact")
    event_type = runtime.settings.event_types[str(EVENT_TYPE)]
    crms = {"99": off, str(CONNECTION): event_type.crm[str(CONNECTION)], "3": other}
    runtime.settings.event_types[str(EVENT_TYPE)] = event_type.model_copy(update={"crm": crms})
    assert who(runtime.routing.route(EVENT_TYPE, BOOKER, ANYBODY)) == (OTHER_HOST, "account")
