"""What `sync --dry-run` announces is what the next `sync` does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .command_line import CommandLine
from .conftest import adding, calendar_id
from .people import Person, envelope

LATER = "2099-01-01 00:00:00.000000"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The command's database, where each statement is a transaction of its own."""
    opened = sqlite3.connect(tmp_path / "cli.db", isolation_level=None)
    yield opened
    opened.close()


def announced(syncd: CommandLine, *arguments: object) -> Any:
    return syncd.document("sync", "--dry-run", *arguments)


def import_(syncd: CommandLine, *bodies: dict[str, Any]) -> None:
    syncd.document("bookings", "import", "-", stdin=json.dumps(bodies))


def writes(plan: Any) -> list[tuple[str, str]]:
    return [(p["action"], p["booking"]) for p in plan]


def test_a_booking_whose_destination_was_chosen_since_is_announced(
    syncd: CommandLine, person: Person, store: sqlite3.Connection
) -> None:
    syncd.document(*adding(person), stdin=person.credential)
    import_(syncd, envelope(person.email, "b1"))
    (problem,) = announced(syncd)["problems"]
    assert (problem["booking"], bool(problem["remedy"])) == ("b1", True)
    store.execute("INSERT INTO destinations (user_id, calendar_id) VALUES (1, ?)", [calendar_id(syncd, "Work")])
    told = announced(syncd)
    assert (writes(told["plan"]), told["problems"]) == ([("create", "b1")], [])
    assert syncd.document("sync")["writes"] == {"done": 1}


def test_a_write_that_a_sync_repairs_is_announced(
    syncd: CommandLine, connected: Person, store: sqlite3.Connection
) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    syncd("sync")
    store.execute("UPDATE booking_references SET desired_version = desired_version + 1")
    assert writes(announced(syncd)["plan"]) == [("update", "b1")]
    assert syncd.document("sync")["writes"] == {"done": 1}


def test_a_booking_is_found_by_its_uid_where_it_is_kept_under_its_series(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1", recurringEventId="weekly"))
    assert len(announced(syncd, "--booking", "b1")["plan"]) == 1
    assert syncd.document("sync", "--booking", "b1")["writes"] == {"done": 1}


def test_a_cancellation_of_what_was_never_written_is_no_write(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    import_(syncd, envelope(connected.email, "b1", trigger="BOOKING_CANCELLED", told=5, status="CANCELLED"))
    assert announced(syncd)["plan"] == []
    assert syncd.document("sync")["provider_calls"] <= 5  # reading the calendar
    assert connected.events() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE connections SET state = 'paused'", "Connection 1 is paused."),
        ("UPDATE connections SET state = 'invalid'", "Connection 1 is invalid."),
        (f"UPDATE booking_references SET due_at = '{LATER}'", "Not due before 2099-01-01 00:00:00Z."),
        (
            f"UPDATE booking_references SET lease_until = '{LATER}', lease_owner = 'elsewhere:1:x'",
            "Another process is writing it.",
        ),
    ],
)
def test_what_a_sync_leaves_alone_is_told_apart_with_its_reason(
    change: str, reason: str, syncd: CommandLine, connected: Person, store: sqlite3.Connection
) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    store.execute(change)
    told = announced(syncd)
    assert told["plan"] == []
    assert [(p["booking"], p["reason"]) for p in told["not_now"]] == [("b1", reason)]
    assert f"Not now: create b1 at caldav-calendar: {reason}" in syncd("sync", "--dry-run").out
    assert syncd.document("sync", code=int("invalid" in change))["writes"] == {}
    assert connected.events() == []


def test_a_copy_of_the_database_announces_no_write(
    syncd: CommandLine, connected: Person, store: sqlite3.Connection, tmp_path: Path
) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        store.backup(copy)
    copy.close()
    syncd.config.write_text(syncd.config.read_text(encoding="utf-8").replace("cli.db", "copy.db"), encoding="utf-8")
    told = announced(syncd)
    assert told["plan"] == []
    assert "is a copy" in told["not_now"][0]["reason"]
