"""What commands do with credentials is in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command_line import CommandLine
from cli.people import Person

from syncd.demo.servers import radicale


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    (tmp_path / "radicale").mkdir()
    with radicale(tmp_path / "radicale", {"ada": "sesame"}) as server:
        server.create_calendar("ada", "work", "Work")
        yield Person(server, "ada")


def test_a_credential_is_followed_from_its_receipt_to_its_removal(syncd: CommandLine, person: Person) -> None:
    words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", person.email, "--credential-file", "-")
    syncd.document(*words, stdin=person.credential)
    syncd.document("connections", "reconnect", 1, "--credential-file", "-", stdin=person.credential)
    syncd.document("connections", "remove", 1, "--yes")
    told = syncd.document("audit", "--target", "connection 1")
    assert [(e["action"], e["result"], e["detail"]) for e in told] == [
        ("credential_received", "done", "caldav-calendar, new"),
        ("credential_received", "done", "caldav-calendar"),
        ("credential_removed", "done", ""),
    ]
    assert person.password not in json.dumps(told)


def test_a_credential_that_is_refused_leaves_no_receipt(syncd: CommandLine, person: Person) -> None:
    words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", person.email, "--credential-file", "-")
    assert syncd(*words, stdin=person.credential.replace(person.password, "wrong")).code == 1
    assert syncd.document("audit") == []
