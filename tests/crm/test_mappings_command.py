"""`syncd mappings`: every problem of settings and mappings before a booking meets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.command_line import CommandLine, configured
from salesforce_given import HOST, SCOPES, World, salesforce

from syncd.engine.opening import secret_variable

CLIENT = """
[apps.salesforce.client]
client_id = "sandbox-client"
login_url = "{login}"
ca_file = "{ca}"
"""

WRONG = """
[event_types.7.crm.1]
attendee_record = "contact"
no_show_field = "NoShow__c"
exclude_record_types = ["Partnr"]
fields = [
  { target = "event", field = "Descripton", value = "x" },
  { target = "person", field = "Birthdate", type = "checkbox", value = true },
  { target = "person", field = "Email", type = "text", value = "" },
]
"""


@pytest.fixture
def org() -> Iterator[World]:
    with salesforce() as running:
        running.org.add_record_type("Contact", "Partner")
        running.org.add_field("Event", "No_Show__c", "boolean")
        yield running


@pytest.fixture
def syncd(
    org: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], CommandLine]:
    monkeypatch.setenv(secret_variable("salesforce"), "sandbox-secret")

    def make(text: str) -> CommandLine:
        client = org.client
        registered = CLIENT.format(login=client.login_url, ca=client.ca_file)
        config = configured(tmp_path, text=registered + text)
        syncd = CommandLine(config, capsys, monkeypatch)
        credential = tmp_path / "credential.json"
        credential.write_text(json.dumps(org.org.issuer.issue(HOST, SCOPES)), encoding="utf-8")
        told = syncd(
            "connections", "add", "salesforce", "--user", "1", "--email", HOST, "--credential-file", credential
        )
        assert told.code == 0, told
        return syncd

    return make


def test_every_problem_is_told_at_once_with_the_nearest_name(syncd: Callable[[str], CommandLine]) -> None:
    (told,) = syncd(WRONG).document("mappings", "check", code=2)
    found = {(f["where"], f["code"], f["nearest"]) for f in told["findings"]}
    assert ("no_show_field", "unknown_field", "No_Show__c") in found
    assert any(code == "unknown_field" and nearest == "Description" for _, code, nearest in found)
    assert any(code == "wrong_type" for _, code, _ in found)
    assert any(code == "unknown_record_type" and nearest == "Partner" for _, code, nearest in found)


def test_without_asking_only_what_needs_no_crm_is_told(syncd: Callable[[str], CommandLine], org: World) -> None:
    command = syncd(WRONG)
    org.calls.clear()
    (told,) = command.document("mappings", "check", "--offline", code=2)
    assert {f["code"] for f in told["findings"]} == {"invalid_value"}
    assert org.calls == []


def test_the_fields_there_are_are_listed(syncd: Callable[[str], CommandLine]) -> None:
    told = syncd("").document("mappings", "fields", "1", "contact")
    assert "LastName" in {field["name"] for field in told["fields"]}
    assert [kind["name"] for kind in told["record_types"]] == ["Partner"]


def test_a_connection_that_is_not_there_is_said_so(syncd: Callable[[str], CommandLine]) -> None:
    told = syncd("")("mappings", "fields", "9", "contact")
    assert told.code == 2
    assert "No connection 9." in told.err
    assert "syncd connections list" in told.err


def test_a_crm_that_cannot_be_asked_is_said_so(syncd: Callable[[str], CommandLine], org: World) -> None:
    command = syncd("[event_types.7.crm.1]\nno_show_field = 'No_Show__c'\n")
    org.org.faults.add("unavailable", times=0)
    (told,) = command.document("mappings", "check", code=1)
    assert told["unread"]


def test_settings_that_cannot_be_read_are_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, text='[event_types.7.crm.1]\nattendee_record = "person"\nfuzzy = true\n')
    told = CommandLine(config, capsys, monkeypatch)("sync")
    assert told.code == 2
    assert "event_types.7.crm.1.attendee_record" in told.err
    assert "event_types.7.crm.1.fuzzy" in told.err
