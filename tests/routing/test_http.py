"""`GET /v2/routing/crm-owner` and `GET /v2/bookings/{uid}/routing-trace`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from salesforce_given import BOOKER, HOST, OTHER_HOST
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from syncd.api.access import Gate
from syncd.api.documented import documented
from syncd.engine.audit import Audit
from syncd.model.calendar import Participant
from syncd.rules.routing import from_json
from syncd.settings import Http
from syncd.store import access, directory
from syncd.store.access import Scope

from .org import ADMIN_ID, DOMAIN, EVENT_TYPE, Org, routed

OWNER, TRACE = "/v2/routing/crm-owner", "/v2/bookings/b1/routing-trace"
SOMEBODY_ID = 2
PROXY = "10.0.0.7"

Ask = Callable[..., Any]


@pytest.fixture
def acme(org: Org) -> Org:
    """Two accounts of one website, in two countries."""
    org.add("Account", HOST, Name="Acme US", Website=DOMAIN, BillingCountry="US", CreatedDate="2020-01-01T00:00:00Z")
    org.add("Account", OTHER_HOST, Name="Acme", Website=DOMAIN, BillingCountry="DE", CreatedDate="2021-01-01T00:00:00Z")
    org.settings = org.settings.model_copy(update={"http": Http.model_validate({"trusted_proxies": ["10.0.0.0/8"]})})
    org.open()
    with org.runtime.database.write() as session:
        directory.add_user(session, SOMEBODY_ID, "somebody@example.com", org.clock())
    return org


def ask_of(org: Org, *scopes: Scope, user_id: int | None = None, peer: str = PROXY) -> Ask:
    """Asks with a key of the user (None: an administrator's); the status and the answer."""
    runtime = org.runtime
    with runtime.database.write() as session:
        _, key = access.create_key(session, "test", scopes, org.clock(), user_id=user_id)
    gate = Gate(runtime.database, Audit(runtime.database, org.clock), runtime.settings.http, org.clock)
    client = TestClient(
        Starlette(routes=[Mount("/", documented(runtime, gate))]), client=(peer, 1), raise_server_exceptions=False
    )

    def ask(path: str, headers: dict[str, str] | None = None, **query: Any) -> tuple[int, Any]:
        sent = {"authorization": f"Bearer {key}", **(headers or {})}
        answer = client.get(path, params=query, headers=sent)
        return answer.status_code, answer.json()

    return ask


def owner_of(org: Org, headers: dict[str, str] | None = None, peer: str = PROXY, **query: Any) -> dict[str, Any]:
    """What an administrator is told about the booker."""
    status, told = ask_of(org, Scope.APPS_READ, peer=peer)(
        OWNER, headers, **{"email": BOOKER, "eventTypeId": EVENT_TYPE, **query}
    )
    assert (status, told["status"]) == (200, "success"), told
    data: dict[str, Any] = told["data"]
    return data


def test_the_owner_is_told_by_the_names_that_a_booking_takes(acme: Org) -> None:
    told = owner_of(acme, country="DE")
    (mine,) = (a["Id"] for a in acme.world.records("Account") if a["BillingCountry"] == "DE")
    assert {name: told[name] for name in ("teamMemberEmail", "crmAppSlug", "crmOwnerRecordType", "crmRecordId")} == {
        "teamMemberEmail": OTHER_HOST,
        "crmAppSlug": "salesforce",
        "crmOwnerRecordType": "Account",
        "crmRecordId": mine,
    }
    assert (told["outcome"], told["method"], told["decisiveRule"]) == ("owner", "exact-website", "country")
    assert told["decisionId"] == 1
    assert told["trace"][-1]["step"] == "result"
    assert set(told["calls"]) == {"look"}


def test_round_robin_is_null_with_the_reason(acme: Org) -> None:
    told = owner_of(acme, email="eve@nowhere.example")
    names = ("teamMemberEmail", "crmAppSlug", "crmOwnerRecordType", "crmRecordId")
    assert [told[name] for name in names] == [None] * 4
    assert (told["outcome"], told["reason"]) == ("round-robin", "no account was found for nowhere.example")


def test_a_crm_that_is_away_is_no_error(acme: Org) -> None:
    acme.salesforce.faults.add("unavailable", times=0)
    told = owner_of(acme)
    assert told["teamMemberEmail"] is None
    assert told["reason"].startswith("salesforce could not be asked: ")


BERLIN = {"CF-IPCountry": "DE", "CF-Region": "Berlin"}
WHERE: dict[str, tuple[dict[str, str], str, dict[str, str], str]] = {
    "Cloudflare": (BERLIN, PROXY, {}, OTHER_HOST),
    "Vercel": ({"X-Vercel-IP-Country": "DE"}, PROXY, {}, OTHER_HOST),
    "nobody": ({}, PROXY, {}, HOST),
    "a stranger": (BERLIN, "203.0.113.9", {}, HOST),
    "the caller": ({}, "203.0.113.9", {"country": "Germany"}, OTHER_HOST),
    "the caller before the proxy": (BERLIN, PROXY, {"country": "US"}, HOST),
}


@pytest.mark.parametrize("who_says", WHERE)
def test_the_place_decides_as_a_believed_one_says(who_says: str, acme: Org) -> None:
    headers, peer, query, owner = WHERE[who_says]
    settings = {**routed(), "tiebreaker": {"rules": ["country", "created"]}}
    event_type = acme.runtime.settings.event_types[str(EVENT_TYPE)]
    event_type.crm["1"].update(settings)
    assert owner_of(acme, headers, peer, **query)["teamMemberEmail"] == owner


@pytest.mark.parametrize("how", ["headers", "query"])
def test_the_whole_place_is_taken_from_where_it_is_told(how: str, acme: Org) -> None:
    query = {"country": "US", "region": "TX", "city": "Austin", "subRegion": "South"}
    owner_of(acme, {**BERLIN, "CF-IPCity": "Spandau"}, **(query if how == "query" else {"subRegion": "South"}))
    (row,) = acme.stored()
    told = from_json(row.recorded).request
    wanted = ("US", "TX", "Austin", "South") if how == "query" else ("DE", "Berlin", "Spandau", "South")
    assert (told.country, told.region, told.city, told.sub_region) == wanted


HOSTS: dict[str, tuple[Any, str | None]] = {
    "one": (OTHER_HOST, OTHER_HOST),
    "repeated": (["x@example.com", OTHER_HOST], OTHER_HOST),
    "with commas": (f"x@example.com, {OTHER_HOST}", OTHER_HOST),
    "somebody else": ("x@example.com", None),
    "none": ("", None),
}


@pytest.mark.parametrize("how", HOSTS)
def test_only_hosts_are_told(how: str, acme: Org) -> None:
    hosts, owner = HOSTS[how]
    assert owner_of(acme, country="DE", hosts=hosts)["teamMemberEmail"] == owner


INVALID: dict[str, dict[str, Any]] = {
    "no e-mail": {"email": "ada"},
    "a line break": {"email": "a\n@acme.example"},
    "no event type": {"eventTypeId": "x"},
    "event type 0": {"eventTypeId": 0},
    "a place too long": {"country": "x" * 201},
    "a NUL": {"city": "\x00"},
    "hosts with a NUL": {"hosts": "\x00"},
}


@pytest.mark.parametrize("what", INVALID)
def test_a_question_that_cannot_be_meant_is_refused(what: str, acme: Org) -> None:
    query = {"email": BOOKER, "eventTypeId": EVENT_TYPE, **INVALID[what]}
    status, told = ask_of(acme, Scope.APPS_READ)(OWNER, **query)
    assert (status, told["status"]) == (400, "error")
    assert acme.stored() == []


def test_a_question_without_its_parts_is_refused(acme: Org) -> None:
    ask = ask_of(acme, Scope.APPS_READ)
    assert {ask(OWNER, email=BOOKER)[0], ask(OWNER, eventTypeId=EVENT_TYPE)[0]} == {400}


def test_a_key_needs_its_scope(acme: Org) -> None:
    acme.book()
    assert ask_of(acme, Scope.BOOKING_READ)(OWNER, email=BOOKER, eventTypeId=EVENT_TYPE)[0] == 403
    assert ask_of(acme, Scope.APPS_READ)(TRACE)[0] == 403


@pytest.mark.parametrize(("user_id", "status"), [(ADMIN_ID, 200), (SOMEBODY_ID, 404)])
def test_a_user_asks_their_own_crm_and_no_others(user_id: int, status: int, acme: Org) -> None:
    ask = ask_of(acme, Scope.APPS_READ, user_id=user_id)
    assert ask(OWNER, email=BOOKER, eventTypeId=EVENT_TYPE)[0] == status
    assert ask(OWNER, email=BOOKER, eventTypeId=EVENT_TYPE + 1)[0] == 404


def test_a_booking_tells_why_it_went_to_whom_it_went(acme: Org) -> None:
    acme.route(country="DE")
    acme.clock.advance(minutes=2)
    acme.route("bob@acme.example")
    acme.book()
    status, told = ask_of(acme, Scope.BOOKING_READ)(TRACE)
    assert status == 200
    assert told["data"]["bookingUid"] == "b1"
    (decision,) = told["data"]["decisions"]
    assert (decision["teamMemberEmail"], decision["decisionId"], decision["eventTypeId"]) == (OTHER_HOST, 1, EVENT_TYPE)
    assert decision["at"].startswith("2026-01-02T12:00:00")
    (country,) = (step for step in decision["trace"] if step["step"] == "tiebreak")
    assert (country["rule"], country["compared_with"]) == ("country", "DE")
    assert set(country["values"].values()) == {"DE", "US"}
    assert BOOKER not in str(told)


def test_a_booking_nobody_was_routed_for_has_no_decisions(acme: Org) -> None:
    acme.book()
    assert ask_of(acme, Scope.BOOKING_READ)(TRACE)[1]["data"]["decisions"] == []


ORGANIZERS: dict[str, dict[str, Any]] = {
    "by id": {"organizer_id": SOMEBODY_ID},
    "by e-mail": {"organizer": Participant(email="Somebody@example.com", name="", zone="UTC")},
}


@pytest.mark.parametrize("how", ORGANIZERS)
def test_a_user_sees_the_bookings_they_organise(how: str, acme: Org) -> None:
    acme.book(**ORGANIZERS[how])
    assert ask_of(acme, Scope.BOOKING_READ, user_id=SOMEBODY_ID)(TRACE)[0] == 200
    assert ask_of(acme, Scope.BOOKING_READ, user_id=ADMIN_ID)(TRACE)[0] == 404


@pytest.mark.parametrize("organizer", [None, Participant(email="eve@example.com", name="", zone="UTC")])
def test_a_booking_of_nobody_known_is_the_administrators(organizer: Participant | None, acme: Org) -> None:
    acme.book(organizer=organizer)
    assert ask_of(acme, Scope.BOOKING_READ)(TRACE)[0] == 200
    assert ask_of(acme, Scope.BOOKING_READ, user_id=SOMEBODY_ID)(TRACE)[0] == 404


def test_a_booking_that_is_not_there_is_404(acme: Org) -> None:
    ask = ask_of(acme, Scope.BOOKING_READ)
    assert ask("/v2/bookings/nope/routing-trace")[0] == 404
    assert ask("/v2/bookings/%00/routing-trace")[0] == 400
