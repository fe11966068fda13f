"""Owners, people, accounts and evidence, made with only what a test is about; and a decision made in both phases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from syncd.model.crm import Account, CountKind, CountRequest, Counts, Evidence, Owner, Person, PersonKind, RecordKind
from syncd.rules.routing import (
    AttendeeRecord,
    Decision,
    OwnerBooking,
    Purpose,
    RecordCreation,
    Request,
    Rules,
    Tiebreaker,
    TieRule,
    Waterfall,
    decide,
)

BOOKER = "bea@acme.com"
ANN, BOB, CAT = (Owner(id=f"U{n}", email=f"{n.lower()}@seller.example", name=n) for n in ("Ann", "Bob", "Cat"))
BY_ACCOUNT = OwnerBooking(source=RecordKind.ACCOUNT)
CREATED = TieRule.CREATED


def day(number: int) -> datetime:
    """A day of January 2026, at midnight UTC."""
    return datetime(2026, 1, number, tzinfo=UTC)


def account(id_: str, **values: Any) -> Account:
    """An account of Ann's on acme.com."""
    given: dict[str, Any] = {"website": "acme.com", "owner": ANN, "name": id_}
    return Account(id=id_, **given | values)


def contact(id_: str, **values: Any) -> Person:
    """The booker's contact, of Ann's."""
    given: dict[str, Any] = {"email": BOOKER, "owner": ANN}
    return Person(id=id_, kind=PersonKind.CONTACT, **given | values)


def lead(id_: str, **values: Any) -> Person:
    """The booker's lead, of Bob's."""
    given: dict[str, Any] = {"email": BOOKER, "owner": BOB}
    return Person(id=id_, kind=PersonKind.LEAD, **given | values)


def evidence(*rows: Account | Person, **values: Any) -> Evidence:
    """What a CRM answered: people and accounts in any order."""
    people = tuple(row for row in rows if isinstance(row, Person))
    accounts = tuple(row for row in rows if isinstance(row, Account))
    return Evidence(people=people, accounts=accounts, **values)


def booker(email: str = BOOKER, **values: Any) -> Request:
    """A request to route a booker."""
    return Request(email=email, **values)


def account_rules(**changed: Any) -> Rules:
    """Routing by the account's owner; `tie`, `waterfall` or `booking` settings by name, other parts as they are."""
    waterfall = {name: changed.pop(name) for name in Waterfall.__slots__ if name in changed}
    tie = {name: changed.pop(name) for name in Tiebreaker.__slots__ if name in changed}
    booking = {name: changed.pop(name) for name in OwnerBooking.__slots__ if name in changed}
    return Rules(
        waterfall=Waterfall(**waterfall),
        tiebreaker=Tiebreaker(**tie),
        owner_booking=replace(BY_ACCOUNT, **booking),
        **changed,
    )


def creation_rules(mode: AttendeeRecord, *settings: str, **changed: Any) -> Rules:
    """Record creation in `mode` with `settings` switched on."""
    return Rules(creation=RecordCreation(attendee_record=mode, **dict.fromkeys(settings, True)), **changed)


def counts(**by_kind: dict[str, int]) -> dict[CountKind, dict[str, int]]:
    """Numbers by kind, as `counts(opportunities={"A": 1})`."""
    return {CountKind[kind.upper()]: numbers for kind, numbers in by_kind.items()}


def decided(
    request: Request,
    rules: Rules,
    known: Evidence,
    numbers: dict[CountKind, dict[str, int]] | None = None,
    denied: dict[CountKind, str] | None = None,
) -> Decision:
    """The decision, with the counts answered (from `numbers`, else none of a kind) when they are requested."""
    first = decide(request, rules, known)
    if isinstance(first, Decision):
        return first
    second = decide(request, rules, known, answered(first, numbers or {}, denied or {}))
    assert isinstance(second, Decision)
    return second


def answered(
    asked: CountRequest, numbers: dict[CountKind, dict[str, int]], denied: dict[CountKind, str] | None = None
) -> Counts:
    """What a CRM answers to a request for counts."""
    refused = denied or {}
    found = {
        kind: {id_: n for id_, n in numbers.get(kind, {}).items() if id_ in asked.account_ids}
        for kind in asked.kinds
        if kind not in refused
    }
    return Counts(account_ids=asked.account_ids, found=found, denied=refused)


def record_request(email: str = BOOKER, **values: Any) -> Request:
    """A request for the record of an attendee."""
    return Request(email=email, purpose=Purpose.RECORD, **values)
