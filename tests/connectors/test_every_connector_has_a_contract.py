"""A registered connector without a contract class is one whose promises nobody checks."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

TESTS = Path(__file__).parent
PROJECT = TESTS.parent.parent / "pyproject.toml"

# app -> the class that runs the suite for it; two apps may share one where they share the code
CONTRACTS = {
    "apple-calendar": ("test_caldav_contract.py", "TestAppleOnAStubLikeICloud"),
    "caldav-calendar": ("test_caldav_contract.py", "TestRadicale"),
    "google-calendar": ("test_google_calendar_contract.py", "TestGoogleCalendar"),
    "ics-feed": ("test_ics_feed_contract.py", "TestIcsFeed"),
    "office365-calendar": ("test_office365_contract.py", "TestOffice365"),
    "salesforce": ("test_salesforce_contract.py", "TestSalesforce"),
    "zohocalendar": ("test_zohocalendar_contract.py", "TestZohoCalendar"),
}
SUITES = {"CalendarContract", "ReadContract", "CrmContract"}


def ancestors(tree: ast.Module, name: str) -> set[str]:
    """Names of the class and of all its bases, as far as the module itself says."""
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    found, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        found.add(current)
        waiting += bases.get(current, [])
    return found


def test_every_registered_connector_runs_the_contract():
    points = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]["syncd.connectors"]
    assert points.keys() == CONTRACTS.keys()
    for app, (module, name) in CONTRACTS.items():
        tree = ast.parse((TESTS / module).read_text())
        assert ancestors(tree, name) & SUITES, f"{app}: {module} has no {name} that runs the contract"
