"""The commands as a person uses them, against a real CalDAV server."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .command_line import CommandLine, command, configured
from .conftest import adding, calendar_id
from .people import Person, api_booking, envelope
from .tree import TESTED_APART, leaves

FAR = ("--from", "2029-03-01", "--to", "2029-03-02")  # beyond what is kept, so the provider is asked
FINDINGS = {("status",), ("doctor",)}  # end with 1 when they find something
SLOT = ("--from", "2027-03-01", "--to", "2027-03-02")


def import_(syncd: CommandLine, *bodies: dict[str, Any], code: int = 0) -> Any:
    return syncd.document("bookings", "import", "-", stdin=json.dumps(bodies), code=code)


def content(database: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    opened = sqlite3.connect(database)
    try:
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: opened.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    finally:
        opened.close()


def test_from_connecting_to_removing(syncd: CommandLine, person: Person) -> None:
    added = syncd(*adding(person), stdin=person.credential)
    assert added.code == 0
    assert "Calendars: " in added.out
    assert "Home" in added.out
    work, home = calendar_id(syncd, "Work"), calendar_id(syncd, "Home")
    assert syncd("calendars", "select", work).out == "Work is checked for conflicts.\n"
    syncd("calendars", "select", home, "--policy", "block")
    waiting = syncd("bookings", "import", "-", stdin=json.dumps(envelope(person.email, "b1")))
    assert "syncd calendars destination" in waiting.out
    assert "1 waiting booking(s) are planned anew" in syncd("calendars", "destination", work).out
    assert syncd("sync").code == 0
    assert syncd("sync").code == 0
    assert [e.uid for e in person.events()] == ["b1@Cal.com"]
    assert "b1" in syncd("bookings", "list", "--status", "accepted").out
    assert "put-event" in syncd("bookings", "show", "b1").out
    assert "put-event" in syncd("log").out
    busy = syncd("busy", "--user", person.email, *SLOT, "--zone", "Europe/Berlin")
    assert busy.code == 0
    assert "Mon 2027-03-01 10:00" in busy.out
    assert syncd("calendars", "unselect", home).out == "Home is no longer checked for conflicts.\n"
    assert syncd("connections", "remove", 1).code == 2  # there is no terminal to ask at
    assert syncd("connections", "remove", 1, "--yes").code == 0
    assert "No connections" in syncd("connections", "list").out
    assert [e.uid for e in person.events()] == ["b1@Cal.com"]


def test_every_command_prints_one_json_document(syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    credential = tmp_path / "credential.json"
    credential.write_text(connected.credential, encoding="utf-8")
    work = str(calendar_id(syncd, "Work"))
    runs = {
        ("bookings", "import"): [str(_file(tmp_path, json.dumps(envelope(connected.email, "b2"))))],
        ("bookings", "list"): [],
        ("bookings", "retry"): ["b1"],
        ("bookings", "show"): ["b1"],
        ("bookings", "trace"): ["b1"],
        ("route",): ["ada@example.com", "--event-type", "7"],
        ("busy",): ["--user", "1"],
        ("calendars", "destination"): [work],
        ("calendars", "list"): ["--refresh"],
        ("calendars", "select"): [work],
        ("calendars", "unselect"): [work],
        ("config", "check"): [],
        ("connections", "list"): [],
        ("connections", "pause"): ["1"],
        ("connections", "resume"): ["1"],
        ("connections", "reconnect"): ["1", "--credential-file", str(credential)],
        ("connections", "test"): ["1"],
        ("connectors",): [],
        ("delegations", "list"): [],
        ("api-keys", "list"): [],
        ("audit",): [],
        ("inbox", "list"): [],
        ("status",): [],
        ("doctor",): ["--offline"],
        ("db", "status"): [],
        ("db", "upgrade"): [],
        ("jobs",): [],
        ("keys", "generate"): [],
        ("keys", "rotate"): [],
        ("keys", "status"): [],
        ("log",): [],
        ("mappings", "check"): [],
        ("sync",): [],
        ("connections", "remove"): ["1", "--yes"],
        ("connections", "add"): [
            *("caldav-calendar", "--user", "2", "--email", "two@example.com"),
            *("--credential-file", str(credential)),
        ],
    }
    assert set(runs) == set(leaves()) - TESTED_APART
    for words, arguments in runs.items():
        told = syncd(*words, *arguments, "--json")
        assert told.code == 0 or words in FINDINGS, told
        assert told.document is not None


def test_a_credential_is_read_from_a_file(syncd: CommandLine, person: Person, tmp_path: Path) -> None:
    words = adding(person)[:-1]
    assert syncd.document(*words, _file(tmp_path, person.credential))["connection_id"] == 1


def test_a_credential_is_asked_for_at_a_terminal_and_not_echoed(person: Person, tmp_path: Path) -> None:
    words = command(configured(tmp_path), *adding(person)[:-2])
    child, terminal = pty.fork()
    if child == 0:
        os.execv(words[0], words)  # pragma: no cover - another process
    answers = {b"url: ": person.server.url, b"username": person.login, b"password": person.password, b"token": ""}
    said = b""
    for prompt, answer in answers.items():
        said += _read_until(terminal, prompt + (b"" if prompt.endswith(b" ") else b" (may be empty): "))
        os.write(terminal, answer.encode() + b"\n")
    said += _read_to_the_end(terminal)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"works." in said
    assert person.password.encode() not in said


def _read_until(terminal: int, wanted: bytes) -> bytes:
    said = b""
    while not said.endswith(wanted):
        said += os.read(terminal, 1)
    return said


def _read_to_the_end(terminal: int) -> bytes:
    said = b""
    try:
        while part := os.read(terminal, 4096):
            said += part
    except OSError:  # Linux: the other end is closed
        pass
    return said


@pytest.mark.parametrize("shape", ["envelope", "list", "ndjson", "api answer", "api booking"])
def test_bookings_come_in_every_shape(shape: str, syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    first, second = envelope(connected.email, "b1"), envelope(connected.email, "b2")
    booking = api_booking(connected.email, "b1")
    texts = {
        "envelope": json.dumps(first, indent=2),
        "list": json.dumps([first, second]),
        "ndjson": f"{json.dumps(first)}\n\n{json.dumps(second)}\n",
        "api answer": json.dumps({"status": "success", "data": [booking, api_booking(connected.email, "b2")]}),
        "api booking": "\ufeff" + json.dumps(booking),
    }
    told = syncd.document("bookings", "import", _file(tmp_path, texts[shape]))
    assert told["quarantined"] == 0
    assert told["taken"] == told["read"] == told["new"]
    assert syncd("sync").code == 0
    assert len(connected.events()) == told["read"]


def test_a_broken_line_is_named_and_nothing_is_taken_in(syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    good = json.dumps(envelope(connected.email, "b1"))
    broken = _file(tmp_path, f"{good}\n{good[:-9]}\n{good}\n[[\n")
    before = content(tmp_path / "cli.db")
    error = syncd.document("bookings", "import", broken, code=2)["error"]
    assert [p["where"] for p in error["problems"]] == [f"{broken}:2", f"{broken}:4"]
    assert "Nothing was taken in" in error["message"]
    assert content(tmp_path / "cli.db") == before


def test_a_repeated_import_changes_nothing(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    syncd("sync")
    again = import_(syncd, envelope(connected.email, "b1"))
    assert (again["new"], again["repeated"]) == (0, 1)
    assert syncd.document("sync")["writes"] == {}


def test_a_delivery_that_cannot_be_used_is_quarantined_and_told(syncd: CommandLine, connected: Person) -> None:
    told = import_(syncd, envelope(connected.email, "b1", startTime="soon"), envelope(connected.email, "b2"), code=1)
    assert (told["taken"], told["quarantined"]) == (1, 1)
    assert syncd.document("db", "status")["deliveries"] == {"quarantined": 1, "taken": 1}


def test_a_dry_run_prints_the_plan_and_changes_nothing(syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    syncd("sync")
    import_(
        syncd,
        envelope(
            connected.email,
            "b1",
            told=5,
            title="Moved",
            startTime="2027-03-01T12:00:00Z",
            endTime="2027-03-01T12:30:00Z",
        ),
        envelope(connected.email, "b2"),
    )
    before, there = content(tmp_path / "cli.db"), connected.events()
    plan = syncd.document("sync", "--dry-run")["plan"]
    assert [(p["action"], p["booking"]) for p in plan] == [("update", "b1"), ("create", "b2")]
    assert plan[0]["event"]["title"] == "Moved"
    assert "Moved" in syncd("sync", "--dry-run").out
    assert [p["booking"] for p in syncd.document("sync", "--dry-run", "--booking", "b2")["plan"]] == ["b2"]
    assert content(tmp_path / "cli.db") == before
    assert connected.events() == there


def test_only_the_named_booking_is_written(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"), envelope(connected.email, "b2"))
    assert syncd.document("sync", "--booking", "b2")["writes"] == {"done": 1}
    assert [e.uid for e in connected.events()] == ["b2@Cal.com"]


def test_a_write_that_failed_is_told_and_retried_when_asked(syncd: CommandLine, connected: Person) -> None:
    """A person takes the calendar away and puts it back."""
    connected.server.request(connected.login, "DELETE", connected.server.calendar_url(connected.login, "work"))
    import_(syncd, envelope(connected.email, "b1"))
    failed = syncd.document("sync", code=1)
    assert failed["left"]["parked"] == 1
    assert all(f["error"] for f in failed["failed"])
    assert [b["uid"] for b in syncd.document("bookings", "list", "--parked")] == ["b1"]
    assert syncd.document("bookings", "show", "b1")["references"][0]["remedy"]
    assert {r["outcome"] for r in syncd.document("log", "--booking", "b1")} == {"parked"}
    connected.server.create_calendar(connected.login, "work", "Work")
    assert syncd.document("bookings", "retry", "b1")["due"] == 1
    assert syncd("sync").code == 0
    assert [e.uid for e in connected.events()] == ["b1@Cal.com"]


def test_a_retry_names_every_unknown_booking_and_changes_nothing(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    syncd("sync")
    before = syncd.document("bookings", "show", "b1")
    told = syncd("bookings", "retry", "nosuch", "b1", "nor-this")
    assert (told.code, told.out) == (2, "")
    assert "nosuch, nor-this" in told.err
    assert syncd.document("bookings", "show", "b1") == before


def test_what_a_sync_leaves_is_explained(syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    """A paused connection, a write that is tried again later, and a booking that has no destination."""
    import_(syncd, envelope(connected.email, "b1"))
    syncd("connections", "pause", 1)
    assert "1 pending. Connection 1 is paused: syncd connections resume 1\n" in syncd("sync").out
    syncd("connections", "resume", 1)
    with closing(sqlite3.connect(tmp_path / "cli.db", isolation_level=None)) as store:
        store.execute("UPDATE booking_references SET due_at = '2099-01-01 00:00:00.000000'")
    assert "1 pending. See: syncd bookings list\n" in syncd("sync").out
    import_(syncd, envelope("nobody@example.com", "b2", organizer={"id": 9, "email": "nobody@example.com"}))
    assert "1 pending, 1 unplanned. See: syncd bookings list --parked\n" in syncd("sync").out


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (("bookings", "import", "given.json"), b"Taking in"),
        (("calendars", "list", "--refresh"), b"Listing calendars"),
        (("connections", "test"), b"Testing connections"),
    ],
    ids=("import", "refresh", "test"),
)
def test_long_work_shows_on_a_terminal_how_far_it_is(
    words: tuple[str, ...], title: bytes, syncd: CommandLine, connected: Person, tmp_path: Path
) -> None:
    _file(tmp_path, json.dumps(envelope(connected.email, "b1")))
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)  # pragma: no cover - another process
        os.execv(sys.executable, command(syncd.config, *words))  # pragma: no cover
    said = _read_to_the_end(terminal)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert title in said


def test_the_log_filters(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"), envelope(connected.email, "b2"))
    syncd("sync")
    assert [r["subject"] for r in syncd.document("log", "--booking", "b2")] == ["b2"]
    assert {r["outcome"] for r in syncd.document("log", "--outcome", "done")} == {"done"}
    assert {r["operation"] for r in syncd.document("log", "--operation", "put-event")} == {"put-event"}
    assert syncd.document("log", "--outcome", "failed") == []
    assert syncd.document("log", "--connection", 99) == []
    assert len(syncd.document("log", "--limit", 1)) == 1
    assert syncd.document("log", "--since", "1h")


def test_a_booking_can_be_left_out_of_busy_times(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    syncd("sync")
    syncd("sync")
    taken = syncd.document("busy", "--user", 1, *SLOT)
    assert taken["busy"] == [{"start": "2027-03-01T09:00:00Z", "end": "2027-03-01T09:30:00Z"}]
    assert syncd.document("busy", "--user", 1, *SLOT, "--leave-out", "b1")["busy"] == []


def test_a_calendar_that_cannot_be_read_is_told_and_never_free(syncd: CommandLine, connected: Person) -> None:
    syncd("calendars", "select", calendar_id(syncd, "Work"), "--policy", "block")
    syncd("sync")
    connected.server.request(connected.login, "DELETE", connected.server.calendar_url(connected.login, "work"))
    told = syncd.document("busy", "--user", 1, *FAR, code=1)
    assert told["busy"] == [told["window"]]
    assert told["calendars"][0]["state"] == "failed"
    assert told["calendars"][0]["remedy"]


def test_a_paused_connection_is_neither_read_nor_written(syncd: CommandLine, connected: Person) -> None:
    import_(syncd, envelope(connected.email, "b1"))
    assert syncd.document("connections", "pause", 1)["changed"]
    assert "paused already" in syncd("connections", "pause", 1).out
    told = syncd.document("sync")
    assert (told["calendars"], told["writes"], told["provider_calls"]) == ({}, {}, 0)
    assert told["left"]["pending"] == 1
    syncd.document("connections", "resume", 1)
    assert syncd.document("sync")["writes"] == {"done": 1}


def test_a_refused_credential_is_named_and_a_new_one_mends_it(syncd: CommandLine, connected: Person) -> None:
    wrong = connected.credential.replace(connected.password, "wrong")
    kept = syncd("connections", "reconnect", 1, "--credential-file", "-", stdin=wrong)
    assert kept.code == 1
    assert syncd.document("connections", "test", 1)[0]["outcome"] == "done"
    mended = syncd.document("connections", "reconnect", 1, "--credential-file", "-", stdin=connected.credential)
    assert mended["connection_id"] == 1
    assert syncd.document("connections", "list")[0]["state"] == "active"


def test_another_persons_credential_does_not_reconnect(syncd: CommandLine, connected: Person, another: Person) -> None:
    told = syncd("connections", "reconnect", 1, "--credential-file", "-", stdin=another.credential)
    assert told.code == 2
    assert "syncd connections add" in told.err


def test_the_same_account_is_not_connected_twice(syncd: CommandLine, connected: Person) -> None:
    told = syncd(*adding(connected), stdin=connected.credential)
    assert told.code == 2
    assert "syncd connections reconnect 1" in told.err


def test_keys_are_rotated_without_losing_a_credential(syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    old = syncd.document("keys", "status")["keys"]
    syncd.document("keys", "generate", "--file", tmp_path / "keys")
    assert oct((tmp_path / "keys").stat().st_mode & 0o777) == "0o600"
    assert syncd.document("keys", "rotate") == {"resealed": 1, "already_current": 0, "failed": []}
    new = syncd.document("keys", "status")["keys"]
    assert [k["credentials"] for k in new if k["current"]] == [1]
    assert [k["credentials"] for k in new if k["key"] == old[0]["key"]] == [0]
    assert syncd.document("connections", "test", 1)[0]["outcome"] == "done"


def test_a_key_that_is_missing_is_told(syncd: CommandLine, connected: Person, tmp_path: Path) -> None:
    (tmp_path / "keys").unlink()
    syncd("keys", "generate", "--file", tmp_path / "keys")
    lost = syncd.document("keys", "status", code=1)["keys"]
    assert [k["credentials"] for k in lost if not k["known"]] == [1]
    assert syncd.document("connections", "test", 1, code=1)[0]["error"]
    assert syncd("keys", "rotate").code == 1


def test_the_database_is_made_and_described(syncd: CommandLine, tmp_path: Path) -> None:
    assert syncd.document("db", "status")["schema"] is None
    upgraded = syncd.document("db", "upgrade")
    assert upgraded["before"] is None
    assert syncd.document("db", "status")["schema"] == upgraded["after"]
    digest = hashlib.sha256((tmp_path / "cli.db").read_bytes()).digest()
    assert "already" in syncd("db", "upgrade").out
    assert hashlib.sha256((tmp_path / "cli.db").read_bytes()).digest() == digest


def _file(folder: Path, text: str) -> Path:
    file = folder / "given.json"
    file.write_text(text, encoding="utf-8")
    return file
