from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sandbox import soql
from syncd.sandbox.salesforce import Salesforce
from syncd.sandbox.salesforce_errors import SalesforceError
from syncd.sandbox.soql_columns import World
from syncd.sandbox.soql_dates import days
from syncd.sandbox.soql_nodes import Comparison, Literal, Period
from syncd.sandbox.soql_parser import parsed

NOW = datetime(2026, 1, 7, 15, tzinfo=UTC)
"""A Wednesday."""


class Data:
    """An org with a few records, asked without a network."""

    def __init__(self) -> None:
        self.provider = p = Salesforce(lambda: NOW)
        self.ana, self.ben = p.add_user("ana@example.com", "Ana Lima"), p.add_user("ben@example.com", "Ben Ode")
        p.add_field("Contact", "Tags__c", "multipicklist", values=("a", "b", "c"))
        p.add_field("Contact", "Code__c", external_id=True)
        self.acme = p.add_record(
            "Account", Name="Acme", Website="acme.com", OwnerId=self.ana, NumberOfEmployees=10, BillingCountry="Germany"
        )
        self.bolt = p.add_record("Account", Name="bolt", Website="www.bolt.io", OwnerId=self.ben, NumberOfEmployees=500)
        self.child = p.add_record("Account", Name="Acme West", ParentId=self.acme, OwnerId=self.ben)
        contacts: list[tuple[str, str | None, str | None, str | None, str]] = [
            ("Ada", "ada@acme.com", self.acme, "a;b", "2026-01-05T08:00:00Z"),
            ("Bob", "BOB@acme.com", self.acme, "b", "2026-01-06T08:00:00Z"),
            ("Cyd", "cyd@bolt.io", self.bolt, None, "2026-01-07T08:00:00Z"),
            ("Dee", None, None, "c", "2025-12-31T23:30:00Z"),
        ]
        for name, email, account, tags, created in contacts:
            fields = {"Email": email, "AccountId": account, "Tags__c": tags, "CreatedDate": created}
            p.add_record("Contact", LastName=name, DoNotCall=name == "Bob", **fields)
        p.add_record("Lead", LastName="Eve", Company="Evil", Email="eve@evil.io", OwnerId=self.ben)
        for amount in (10, 20.5):
            stage = {"StageName": "Prospecting", "CloseDate": "2026-02-01", "Amount": amount}
            p.add_record("Opportunity", Name=f"o{amount}", AccountId=self.acme, **stage)

    def found(self, query: str, zone: str = "UTC", **more: Any) -> soql.Found:
        world = World(store=self.provider.store, now=NOW, zone=ZoneInfo(zone), base="/services/data/v59.0", **more)
        return soql.run(world, query)

    def names(self, where: str, entity: str = "Contact", field: str = "LastName") -> str:
        """The names of the records that a condition fits, joined."""
        rows = self.found(f"SELECT {field} FROM {entity} WHERE {where} ORDER BY {field}").rows
        return " ".join(r[field] for r in rows)

    def refused(self, query: str) -> str:
        with pytest.raises(SalesforceError) as error:
            self.found(query)
        return error.value.code


@pytest.fixture(scope="module")
def data() -> Data:
    return Data()


CONDITIONS: dict[str, str] = {
    "LastName = 'ada'": "Ada",
    "lastname = 'ADA'": "Ada",
    "Email = 'bob@ACME.com'": "Bob",
    "LastName != 'Ada'": "Bob Cyd Dee",
    "Email != 'ada@acme.com'": "Bob Cyd Dee",
    "Email = null": "Dee",
    "Email != null": "Ada Bob Cyd",
    "Email = ''": "Dee",
    "Email = NULL AND LastName = 'Dee'": "Dee",
    "DoNotCall = true": "Bob",
    "DoNotCall != TRUE": "Ada Cyd Dee",
    "LastName IN ('ada', 'Cyd', 'nobody')": "Ada Cyd",
    "Email IN ('ada@acme.com', null)": "Ada Dee",
    "Email NOT IN ('ada@acme.com')": "Bob Cyd Dee",
    "LastName > 'Bob'": "Cyd Dee",
    "LastName <= 'bob'": "Ada Bob",
    "Email > 'a'": "Ada Bob Cyd",
    "LastName LIKE 'a%'": "Ada",
    "LastName LIKE '_o_'": "Bob",
    "LastName LIKE '%'": "Ada Bob Cyd Dee",
    "Email LIKE '%@ACME.COM'": "Ada Bob",
    r"Email LIKE '\%@acme.com'": "",
    "(NOT Email LIKE '%@acme.com')": "Cyd Dee",
    "NOT LastName = 'Ada'": "Bob Cyd Dee",
    "LastName = 'Ada' OR LastName = 'Bob'": "Ada Bob",
    "(LastName = 'Ada' OR LastName = 'Bob') AND DoNotCall = false": "Ada",
    "LastName = 'Dee' OR (Email != null AND (NOT DoNotCall = true) AND AccountId != null)": "Ada Cyd Dee",
    "Account.Name = 'acme'": "Ada Bob",
    "Account.Name = null": "Dee",
    "Account.Name != 'acme'": "Cyd Dee",
    "Birthdate != TODAY": "Ada Bob Cyd Dee",
    "Birthdate < TODAY": "",
    "Account.Owner.Email = 'ben@example.com'": "Cyd",
    "Contact.Account.NumberOfEmployees >= 500": "Cyd",
    "Tags__c INCLUDES ('a', 'c')": "Ada Dee",
    "Tags__c INCLUDES ('a;b')": "Ada",
    "Tags__c EXCLUDES ('b')": "Cyd Dee",
    "Tags__c = 'a;b'": "Ada",
    "CreatedDate > 2026-01-06T08:00:00Z": "Cyd",
    "CreatedDate >= 2026-01-06T09:00:00+01:00": "Bob Cyd",
    "CreatedDate = TODAY": "Cyd",
    "CreatedDate = YESTERDAY": "Bob",
    "CreatedDate < TODAY": "Ada Bob Dee",
    "CreatedDate <= YESTERDAY": "Ada Bob Dee",
    "CreatedDate > YESTERDAY": "Cyd",
    "CreatedDate >= YESTERDAY": "Bob Cyd",
    "CreatedDate != TODAY": "Ada Bob Dee",
    "CreatedDate = LAST_N_DAYS:1": "Bob Cyd",
    "CreatedDate = N_DAYS_AGO:2": "Ada",
    "CreatedDate = THIS_WEEK": "Ada Bob Cyd",
    "CreatedDate = LAST_WEEK": "Dee",
    "CreatedDate = THIS_MONTH": "Ada Bob Cyd",
    "CreatedDate = LAST_MONTH": "Dee",
    "CreatedDate = LAST_YEAR": "Dee",
    "CreatedDate = THIS_QUARTER": "Ada Bob Cyd",
    "CreatedDate = LAST_N_MONTHS:1": "Dee",
    "CreatedDate = NEXT_N_DAYS:5": "",
    "CALENDAR_YEAR(CreatedDate) = 2025": "Dee",
    "AccountId IN (SELECT Id FROM Account WHERE Name = 'Acme')": "Ada Bob",
    "AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'Acme')": "Cyd Dee",
    "Email != null AND (DoNotCall = true AND AccountId IN (SELECT Id FROM Account))": "Bob",
}


@pytest.mark.parametrize("where", CONDITIONS)
def test_a_condition_finds_those_it_fits_and_no_others(data: Data, where: str) -> None:
    assert data.names(where) == CONDITIONS[where]


@pytest.mark.parametrize(
    ("literal", "first", "end"),
    [
        (Period("THIS_WEEK"), "2026-01-04", "2026-01-11"),
        (Period("LAST_WEEK"), "2025-12-28", "2026-01-04"),
        (Period("NEXT_MONTH"), "2026-02-01", "2026-03-01"),
        (Period("LAST_QUARTER"), "2025-10-01", "2026-01-01"),
        (Period("NEXT_YEAR"), "2027-01-01", "2028-01-01"),
        (Period("LAST_90_DAYS"), "2025-10-09", "2026-01-08"),
        (Period("LAST_N_DAYS", 7), "2025-12-31", "2026-01-08"),
        (Period("NEXT_N_DAYS", 7), "2026-01-08", "2026-01-15"),
        (Period("LAST_N_MONTHS", 2), "2025-11-01", "2026-01-01"),
        (Period("NEXT_N_WEEKS", 1), "2026-01-11", "2026-01-18"),
        (Period("N_DAYS_AGO", 7), "2025-12-31", "2026-01-01"),
        (Period("N_YEARS_AGO", 1), "2025-01-01", "2026-01-01"),
    ],
)
def test_a_literal_is_a_range_of_days(literal: Period, first: str, end: str) -> None:
    assert days(literal, NOW.date()) == (date.fromisoformat(first), date.fromisoformat(end))


def test_ids_are_compared_in_both_lengths(data: Data) -> None:
    assert data.names(f"AccountId = '{data.acme[:15]}'") == "Ada Bob"
    assert data.names(f"Id IN ('{data.acme[:15]}', '{data.bolt}')", "Account", "Name") == "Acme bolt"


def test_days_are_those_of_the_person_who_asks(data: Data) -> None:
    query = "SELECT LastName FROM Contact WHERE CreatedDate = THIS_YEAR ORDER BY LastName"
    assert [len(data.found(query, zone).rows) for zone in ("UTC", "Europe/Berlin")] == [3, 4]


def test_a_case_sensitive_field_tells_letter_cases_apart() -> None:
    provider = Salesforce(lambda: NOW)
    provider.add_user("a@example.com")
    provider.add_field("Lead", "Key__c")
    field = replace(provider.store.schema.named("Lead").fields["Key__c"], case_sensitive=True)
    provider.store.schema.change("Lead", field, NOW)
    provider.add_record("Lead", LastName="x", Company="y", Key__c="Ab")
    world = World(store=provider.store, now=NOW, zone=UTC, base="")
    for text, number in (("Ab", 1), ("ab", 0)):
        assert soql.run(world, f"SELECT COUNT() FROM Lead WHERE Key__c = '{text}'").total == number


# what is told


def told(rows: list[dict[str, Any]]) -> Any:
    """Rows without what names the records."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k != "attributes"}
        return [bare(v) for v in value] if isinstance(value, list) else value

    return bare(rows)


def test_fields_of_records_referred_to_are_nested(data: Data) -> None:
    query = (
        "SELECT lastname, Account.Owner.Email, account.Name FROM Contact WHERE LastName IN ('Ada', 'Dee') ORDER BY Name"
    )
    found = data.found(query).rows
    assert told(found) == [
        {"LastName": "Ada", "Account": {"Owner": {"Email": "ana@example.com"}, "Name": "Acme"}},
        {"LastName": "Dee", "Account": None},
    ]
    assert found[0]["attributes"]["type"] == "Contact"
    assert found[0]["Account"]["attributes"]["url"] == f"/services/data/v59.0/sobjects/Account/{data.acme}"


def test_child_records_are_nested_and_null_when_there_are_none(data: Data) -> None:
    query = (
        "SELECT Name, (SELECT LastName FROM Contacts WHERE DoNotCall = false ORDER BY LastName), (SELECT Id FROM "
        "ChildAccounts), (SELECT Amount FROM Opportunities ORDER BY Amount DESC LIMIT 1) FROM Account ORDER BY Name"
    )
    acme, west, bolt = told(data.found(query).rows)
    assert acme["Contacts"] == {"totalSize": 1, "done": True, "records": [{"LastName": "Ada"}]}
    assert acme["ChildAccounts"]["records"] == [{"Id": data.child}]
    assert acme["Opportunities"]["records"] == [{"Amount": 20.5}]
    assert (bolt["Opportunities"], west["Contacts"]) == (None, None)


def test_who_may_be_one_of_several_objects(data: Data) -> None:
    assert told(data.found("SELECT Owner.Email, Owner.Type FROM Lead").rows) == [
        {"Owner": {"Email": "ben@example.com", "Type": "User"}}
    ]
    assert data.refused("SELECT Owner.ManagerId FROM Lead") == "INVALID_FIELD"


def test_count_alone_gives_a_number_and_no_rows(data: Data) -> None:
    found = data.found("SELECT COUNT() FROM Contact WHERE AccountId != null")
    assert (found.total, found.rows) == (3, [])


GROUPS: dict[str, list[dict[str, Any]]] = {
    "SELECT Account.Name, COUNT(Id) n FROM Contact WHERE Email != null GROUP BY Account.Name ORDER BY COUNT(Id) DESC": [
        {"Name": "Acme", "n": 2},
        {"Name": "bolt", "n": 1},
    ],
    "SELECT Account.Name who, COUNT(Id) FROM Contact GROUP BY Account.Name HAVING COUNT(Id) > 1": [
        {"who": "Acme", "expr0": 2}
    ],
    "SELECT COUNT(Email), COUNT_DISTINCT(AccountId), COUNT(Id) every FROM Contact": [
        {"expr0": 3, "expr1": 2, "every": 4}
    ],
    "SELECT SUM(Amount) s, AVG(Amount), MIN(Amount), MAX(Name) FROM Opportunity": [
        {"s": 30.5, "expr0": 15.25, "expr1": 10.0, "expr2": "o20.5"}
    ],
    "SELECT MAX(CreatedDate) last FROM Contact WHERE LastName = 'Ada'": [{"last": "2026-01-05T08:00:00.000+0000"}],
    "SELECT SUM(Amount) s FROM Opportunity WHERE Amount > 1000": [{"s": None}],
    "SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) n FROM Contact GROUP BY CALENDAR_YEAR(CreatedDate) ORDER BY "
    "CALENDAR_YEAR(CreatedDate)": [{"y": 2025, "n": 1}, {"y": 2026, "n": 3}],
    "SELECT ParentId, COUNT(Id) n FROM Account WHERE ParentId != null GROUP BY ParentId LIMIT 5": [{"n": 1}],
    "SELECT DoNotCall FROM Contact GROUP BY DoNotCall HAVING DoNotCall = true": [{"DoNotCall": True}],
}


@pytest.mark.parametrize("query", GROUPS)
def test_groups_and_aggregates(data: Data, query: str) -> None:
    rows = told(data.found(query).rows)
    assert [{k: v for k, v in row.items() if k != "ParentId"} for row in rows] == GROUPS[query]


def test_letter_case_makes_no_group_of_its_own() -> None:
    provider = Salesforce(lambda: NOW)
    provider.add_user("a@example.com")
    for city in ("Rome", "ROME"):
        provider.add_record("Lead", LastName="x", Company="y", City=city)
    world = World(store=provider.store, now=NOW, zone=UTC, base="")
    assert told(soql.run(world, "SELECT City, COUNT(Id) n FROM Lead GROUP BY City").rows) == [{"City": "Rome", "n": 2}]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("Email", "Dee Ada Bob Cyd"),
        ("Email DESC", "Dee Cyd Bob Ada"),
        ("Email ASC NULLS LAST", "Ada Bob Cyd Dee"),
        ("Email DESC NULLS LAST", "Cyd Bob Ada Dee"),
        ("Account.Name NULLS LAST, LastName DESC", "Bob Ada Cyd Dee"),
        ("CreatedDate LIMIT 2", "Dee Ada"),
        ("CreatedDate LIMIT 2 OFFSET 1", "Ada Bob"),
        ("CreatedDate LIMIT 0", ""),
        ("CreatedDate OFFSET 3", "Cyd"),
    ],
)
def test_rows_are_sorted_and_cut(data: Data, order: str, names: str) -> None:
    rows = data.found(f"SELECT LastName FROM Contact ORDER BY {order}").rows
    assert " ".join(r["LastName"] for r in rows) == names


def test_an_order_that_nobody_asked_for_can_be_turned_round(data: Data) -> None:
    forth, back = (data.found("SELECT LastName FROM Contact", reversed=r).rows for r in (False, True))
    assert forth == back[::-1]
    assert len(forth) == 4


# what is refused

REFUSED: dict[str, str] = {
    "": "MALFORMED_QUERY",
    "SELECT FROM Contact": "MALFORMED_QUERY",
    "SELECT Id": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name = Ada": "MALFORMED_QUERY",
    'SELECT Id FROM Contact WHERE Name = "Ada"': "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name = 'O'Neil'": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name = 'O''Neil'": "MALFORMED_QUERY",
    r"SELECT Id FROM Contact WHERE Name = 'a\x'": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name = 'a": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name = 'a' AND Name = 'b' OR Name = 'c'": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Name = 'a' AND NOT Name = 'b'": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Email IN ()": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE (Email = null": "MALFORMED_QUERY",
    "SELECT Id FROM Contact; DELETE": "MALFORMED_QUERY",
    "SELECT Id FROM Contact LIMIT ten": "MALFORMED_QUERY",
    "SELECT Id FROM Contact LIMIT -1": "MALFORMED_QUERY",
    "SELECT Id FROM Contact FOR UPDATE": "MALFORMED_QUERY",
    "SELECT Id FROM Contact ALL ROWS": "MALFORMED_QUERY",
    "SELECT FIELDS(ALL) FROM Contact": "MALFORMED_QUERY",
    "SELECT TYPEOF Owner WHEN User THEN Id END FROM Lead": "MALFORMED_QUERY",
    "SELECT * FROM Contact": "MALFORMED_QUERY",
    "SELECT Name n FROM Contact": "MALFORMED_QUERY",
    "SELECT Name, COUNT(Id) FROM Contact": "MALFORMED_QUERY",
    "SELECT AccountId, Name FROM Contact GROUP BY AccountId": "MALFORMED_QUERY",
    "SELECT Name FROM Contact HAVING Name = 'a'": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE COUNT(Id) > 1": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE CreatedDate = 2026-13-01T00:00:00Z": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS:99999999": "MALFORMED_QUERY",
    "SELECT (SELECT COUNT() FROM Contacts) FROM Account": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE Email = null OR AccountId IN (SELECT Id FROM Account)": "MALFORMED_QUERY",
    "SELECT Id FROM Contact WHERE (NOT AccountId IN (SELECT Id FROM Account))": "MALFORMED_QUERY",
    "SELECT Nope__c FROM Contact": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE Nope__c = 1": "INVALID_FIELD",
    "SELECT Id FROM Contact ORDER BY Nope__c": "INVALID_FIELD",
    "SELECT Company.Name FROM Contact": "INVALID_FIELD",
    "SELECT Id, id FROM Contact": "INVALID_FIELD",
    "SELECT EventWhoIds FROM Event": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE Description = 'x'": "INVALID_FIELD",
    "SELECT Id FROM Contact ORDER BY Description": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE Name = 1": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE DoNotCall = 'true'": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE CreatedDate = '2026-01-01T00:00:00Z'": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01": "INVALID_FIELD",
    "SELECT Id FROM Contact WHERE Birthdate = 2026-01-01T00:00:00Z": "INVALID_FIELD",
    "SELECT CreatedDate, COUNT(Id) FROM Contact GROUP BY CreatedDate": "INVALID_FIELD",
    "SELECT SUM(Name) FROM Contact": "INVALID_FIELD",
    "SELECT Id FROM Nope": "INVALID_TYPE",
    "SELECT (SELECT Id FROM Nopes) FROM Account": "INVALID_TYPE",
    "SELECT Id FROM Contact WHERE Id = 'x'": "INVALID_QUERY_FILTER_OPERATOR",
    "SELECT Id FROM Contact WHERE Id LIKE '003%'": "INVALID_QUERY_FILTER_OPERATOR",
    "SELECT Id FROM Contact WHERE Name INCLUDES ('a')": "INVALID_QUERY_FILTER_OPERATOR",
    "SELECT Id FROM Contact WHERE DoNotCall > true": "INVALID_QUERY_FILTER_OPERATOR",
    "SELECT Id FROM Contact OFFSET 2001": "NUMBER_OUTSIDE_VALID_RANGE",
}


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_not_understood_is_refused(data: Data, query: str) -> None:
    assert data.refused(query) == REFUSED[query]


def test_a_refusal_says_where(data: Data) -> None:
    with pytest.raises(SalesforceError, match=r"ERROR at Row:2:Column:6\nNo such column 'Nope__c' on entity 'Contact'"):
        data.found("SELECT\n Id, Nope__c FROM Contact")


def test_an_object_that_may_not_be_seen_is_not_there() -> None:
    data = Data()
    data.provider.set_hidden("Opportunity")
    assert data.refused("SELECT Id FROM Opportunity") == "INVALID_TYPE"
    assert data.refused("SELECT (SELECT Id FROM Opportunities) FROM Account") == "INVALID_TYPE"


def test_a_field_that_is_gone_is_unknown(data: Data) -> None:
    with pytest.raises(SalesforceError, match="No such column 'Email'"):
        data.found("SELECT Email FROM Contact", removed=frozenset({"contact.email"}))
    assert data.found("SELECT Email FROM Lead", removed=frozenset({"contact.email"})).total == 1


def test_more_groups_than_a_page_are_refused() -> None:
    provider = Salesforce(lambda: NOW)
    provider.add_user("a@example.com")
    for n in range(2001):
        provider.add_record("Account", Name=f"a{n}")
    world = World(store=provider.store, now=NOW, zone=UTC, base="")
    with pytest.raises(SalesforceError, match="EXCEEDED_ID_LIMIT"):
        soql.run(world, "SELECT Name, COUNT(Id) FROM Account GROUP BY Name")
    assert soql.run(world, "SELECT Name, COUNT(Id) FROM Account GROUP BY Name LIMIT 2000").total == 2000


# properties

VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def quoted(text: str, *, like: bool = False) -> str:
    """A text as a well-behaved client writes it."""
    for char in "\\'" + ("%_" if like else ""):
        text = text.replace(char, f"\\{char}")
    return f"'{text}'"


@given(VALUES, VALUES)
def test_a_text_that_is_escaped_finds_itself_and_nothing_else(kept: str, other: str) -> None:
    provider = Salesforce(lambda: NOW)
    provider.add_user("a@example.com")
    made = {}
    for text in (kept, other):
        if text.strip():
            made[provider.add_record("Account", Name=text)] = text.strip().casefold()
    world = World(store=provider.store, now=NOW, zone=UTC, base="")
    for like in (False, True):
        sign = "LIKE" if like else "="
        rows = soql.run(world, f"SELECT Id FROM Account WHERE Name {sign} {quoted(kept.strip(), like=like)}").rows
        expected = {i for i, name in made.items() if name == kept.strip().casefold()}
        found = {r["Id"] for r in rows}
        assert found == expected or (like and found <= expected)


@given(st.text("SELECTFROMWHERE '\\()=,.%_Idnamecontact:\n0-", max_size=40))
def test_any_text_is_a_query_or_a_refusal(text: str) -> None:
    refusal = ""
    try:
        parsed(f"SELECT Id FROM Contact WHERE {text}")
    except SalesforceError as error:
        refusal = error.code
    assert refusal in ("", "MALFORMED_QUERY", "NUMBER_OUTSIDE_VALID_RANGE")


@given(VALUES)
def test_a_text_that_is_escaped_is_one_value(text: str) -> None:
    where = parsed(f"SELECT Id FROM Contact WHERE Name = {quoted(text)}").where
    assert isinstance(where, Comparison)
    assert isinstance(where.right, Literal)
    assert where.right.value == text
