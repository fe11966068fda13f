"""The sandboxed org as simple-salesforce uses it, and what the other tests of it share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from given import SettableClock
from sandboxed import sandboxed
from simple_salesforce.api import Salesforce as SimpleSalesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from syncd.sandbox.salesforce import Salesforce

ANA, BEN = "ana@example.com", "ben@example.com"
SCOPES = ("api", "refresh_token")
START, END = "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"


class Org:
    """The provider on loopback, and requests of Ana by bare HTTP."""

    def __init__(self, provider: Salesforce, ca_file: str) -> None:
        self.provider = provider
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca_file
        self.ana, self.ben = provider.add_user(ANA, "Ana Lima"), provider.add_user(BEN, "Ben Ode")
        self.tokens: dict[str, Any] = provider.issuer.issue(ANA, SCOPES)
        self.version = "59.0"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request below the version."""
        given = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.tokens['instance_url']}/services/data/v{self.version}{path}"
        data = None if body is None else json.dumps(body)
        return self.session.request(method, url, data=data, headers=given, timeout=10)

    def got(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of a request that succeeds; None when it has none."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and code of a request that is refused."""
        answer = self.ask(method, path, body, **headers)
        (error,) = answer.json()
        return answer.status_code, error["errorCode"]

    def make(self, entity: str, **fields: Any) -> str:
        """Make a record by the API; its id."""
        return str(self.got("POST", f"/sobjects/{entity}", fields)["id"])

    def query(self, text: str) -> list[Any]:
        """The records of a query that fits one page."""
        answer = self.session.get(
            f"{self.tokens['instance_url']}/services/data/v{self.version}/query",
            params={"q": text},
            headers={"Authorization": f"Bearer {self.tokens['access_token']}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        records: list[Any] = answer.json()["records"]
        return records


@contextmanager
def org_running(provider: Salesforce) -> Iterator[Org]:
    """The provider on loopback with Ana and Ben."""
    with sandboxed([provider]) as sandbox:
        org = Org(provider, sandbox.ca_file)
        try:
            yield org
        finally:
            org.session.close()


@pytest.fixture
def org(clock: SettableClock) -> Iterator[Org]:
    with org_running(Salesforce(clock)) as running:
        yield running


@pytest.fixture
def library(org: Org) -> Any:
    tokens = org.tokens
    return SimpleSalesforce(
        instance_url=tokens["instance_url"], session_id=tokens["access_token"], session=org.session, version="59.0"
    )


def test_the_library_writes_reads_and_deletes(library: Any, org: Org) -> None:
    made = library.Contact.create({"LastName": "Lovelace", "Email": "ada@example.org"})
    assert made["success"] is True
    assert library.Contact.update(made["id"], {"FirstName": "Ada"}) == 204
    told = library.Contact.get(made["id"])
    assert (told["Name"], told["OwnerId"], told["IsDeleted"]) == ("Ada Lovelace", org.ana, False)
    assert library.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        library.Contact.get(made["id"])


def test_the_library_upserts_by_external_id(library: Any, org: Org) -> None:
    org.provider.add_field("Event", "Booking__c", external_id=True)
    times = {"StartDateTime": START, "EndDateTime": END}
    assert library.Event.upsert("Booking__c/b%2F1", times) == 201
    assert library.Event.upsert("Booking__c/b%2F1", {"Subject": "again"}) == 200
    assert library.Event.get_by_custom_id("Booking__c", "b/1")["Subject"] == "again"
    org.provider.add_record("Event", Booking__c="b/1", **times)
    with pytest.raises(SalesforceMoreThanOneRecord):
        library.Event.upsert("Booking__c/b%2F1", times)


def test_the_library_pages_through_a_query_and_counts_calls(library: Any, org: Org) -> None:
    org.provider.set_batch(2)
    for n in range(5):
        org.provider.add_record("Account", Name=f"a{n}")
    found = library.query_all("SELECT Name FROM Account ORDER BY Name")
    assert [r["Name"] for r in found["records"]] == ["a0", "a1", "a2", "a3", "a4"]
    assert library.query("SELECT COUNT() FROM Account")["totalSize"] == 5
    assert library.api_usage["api-usage"].used == 4
    assert library.api_usage["api-usage"].total == 15_000
    assert library.limits()["DailyApiRequests"] == {"Max": 15_000, "Remaining": 14_995}


def test_the_library_describes_and_searches(library: Any, org: Org) -> None:
    org.provider.add_record("Lead", LastName="x", Company="y", Email="a-b@example.org")
    names = [each["name"] for each in library.describe()["sobjects"]]
    assert {"Account", "Contact", "Lead", "Event", "Opportunity", "User"} <= set(names)
    fields = {f["name"]: f for f in library.Lead.describe()["fields"]}
    assert (fields["LastName"]["nillable"], fields["Email"]["type"], fields["Email"]["length"]) == (False, "email", 80)
    assert [n for n in ("DoNotCall", "Id", "Email") if not fields[n]["nillable"]] == ["DoNotCall", "Id"]
    found = library.search(r"FIND {a\-b@example.org} IN EMAIL FIELDS RETURNING Lead(Id, Email), Contact(Id)")
    assert [r["Email"] for r in found["searchRecords"]] == ["a-b@example.org"]


def test_the_library_asks_what_changed(library: Any, org: Org, clock: SettableClock) -> None:
    kept, gone = (org.provider.add_record("Account", Name=name) for name in ("a", "b"))
    org.provider.delete_record(gone)
    before, after = clock.now - timedelta(hours=1), clock.advance(minutes=2)
    assert library.Account.updated(before, after)["ids"] == [kept]
    assert [each["id"] for each in library.Account.deleted(before, after)["deletedRecords"]] == [gone]
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_REPLICATION_DATE"):
        library.Account.updated(clock.now - timedelta(days=31), after)


@pytest.mark.parametrize(
    ("switch", "error"),
    [
        ("invalid-session", SalesforceExpiredSession),
        ("daily-limit", SalesforceRefusedRequest),
        ("query-timeout", SalesforceMalformedRequest),
    ],
)
def test_the_library_raises_its_own_errors(library: Any, org: Org, switch: str, error: type[Exception]) -> None:
    org.provider.faults.add(switch)
    with pytest.raises(error):
        library.query("SELECT Id FROM Account")
    assert library.query("SELECT Id FROM Account")["totalSize"] == 0
