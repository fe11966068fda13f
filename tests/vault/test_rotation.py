"""Rotation ends with every openable row under the current key, whoever interferes and whenever it is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.vault import (
    UNREADABLE,
    Binding,
    CredentialVault,
    EnvelopeRow,
    Key,
    KeyRing,
    RotationReport,
    key_id_of,
    open_envelope,
    rotate,
    seal,
    status,
)

from . import sqlite_rows
from .sqlite_rows import TABLE, SqliteRows

OLD, NEW = Key("old", b"canary-old-0123456789-0123456789"), Key("new", b"canary-new-0123456789-0123456789")
OLD_RING = KeyRing((OLD,), "old")
RING = KeyRing((NEW, OLD), "new")
LOST_RING = KeyRing((Key("lost", bytes(32)),), "lost")


def credential(row_id: int) -> dict[str, str]:
    return {"refresh_token": f"canary-token-{row_id}"}


def make_rows(path: Path, count: int, ring: KeyRing = OLD_RING) -> SqliteRows:
    rows = SqliteRows(path)
    rows.execute(TABLE)
    for row_id in range(1, count + 1):
        envelope = CredentialVault(ring).seal_credential(credential(row_id), Binding(row_id, "google-calendar", 3))
        rows.execute("insert into connection (app, user_id, envelope) values ('google-calendar', 3, ?)", envelope)
    return rows


def credentials(rows: SqliteRows) -> list[dict[str, str]]:
    vault = CredentialVault(RING)
    return [vault.open_credential(row.envelope, row.binding) for row in rows.after(0, 1000)]


def store(rows: SqliteRows, row_id: int, envelope: str) -> None:
    rows.execute("update connection set envelope = ? where id = ?", envelope, row_id)


def interfere(rows: SqliteRows, *acts: Callable[[], object]) -> None:
    """Before the first swap the first act happens, and so on; then nothing."""
    left = list(acts)
    rows.before_swap = lambda: left.pop(0)() if left else None


@pytest.fixture
def rows(tmp_path: Path) -> SqliteRows:
    return make_rows(tmp_path / "rows.sqlite", 10)


def test_every_row_is_sealed_under_the_current_key_and_still_opens(rows: SqliteRows) -> None:
    assert rotate(rows, RING, batch=3) == RotationReport(resealed=10)
    assert status(rows, RING) == {"new": 10, "old": 0}
    assert credentials(rows) == [credential(row_id) for row_id in range(1, 11)]


def test_a_second_run_has_nothing_to_write(rows: SqliteRows) -> None:
    rotate(rows, RING)
    swaps = rows.swaps
    assert rotate(rows, RING) == RotationReport(already_current=10)
    assert rows.swaps == swaps


@pytest.mark.parametrize("batch", [1, 3, 10, 11])
def test_progress_is_told_after_each_batch_and_ends_with_the_report(rows: SqliteRows, batch: int) -> None:
    told: list[RotationReport] = []
    report = rotate(rows, RING, batch=batch, progress=told.append)
    assert [each.examined for each in told[:-1]] == [min(done, 10) for done in range(batch, 10 + batch, batch)]
    assert told[-1] == report


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_of_nothing_is_refused_instead_of_done(rows: SqliteRows, batch: int) -> None:
    with pytest.raises(ValueError, match="batch must be positive"):
        rotate(rows, RING, batch=batch)


def test_no_rows_is_no_trouble(tmp_path: Path) -> None:
    empty = make_rows(tmp_path / "empty.sqlite", 0)
    assert rotate(empty, RING) == RotationReport()
    assert status(empty, RING) == {"new": 0, "old": 0}


def test_rows_that_cannot_be_opened_are_reported_by_code_and_stop_no_other(rows: SqliteRows) -> None:
    envelopes = {row.id: row.envelope for row in rows.after(0, 10)}
    impostor = KeyRing((Key("new", bytes(32)),), "new")
    bad = {
        2: envelopes[3],
        4: envelopes[4][:-5],
        5: seal(LOST_RING, b"{}", Binding(5, "google-calendar", 3)),
        6: seal(impostor, b"{}", Binding(6, "google-calendar", 3)),
    }
    for row_id, envelope in bad.items():
        store(rows, row_id, envelope)
    report = rotate(rows, RING, batch=3)
    assert (report.examined, report.resealed) == (10, 6)
    assert [(failure.id, failure.code) for failure in report.failed] == [
        (2, "envelope_moved"), (4, "envelope_damaged"), (5, "key_missing"), (6, "key_wrong"),
    ]  # fmt: skip
    assert "canary" not in repr(report)
    after = {row.id: row.envelope for row in rows.after(0, 10)}
    assert {row_id: after[row_id] for row_id in bad} == bad


def test_status_counts_missing_keys_and_damaged_rows_beside_the_rings_own(rows: SqliteRows) -> None:
    store(rows, 1, seal(LOST_RING, b"{}", Binding(1, "google-calendar", 3)))
    store(rows, 2, "torn")
    assert status(rows, RING, batch=3) == {"new": 0, "old": 8, "lost": 1, UNREADABLE: 1}


@pytest.mark.parametrize("ring", [OLD_RING, RING], ids=["process with the old ring", "process with the new ring"])
def test_a_credential_stored_during_rotation_wins_and_ends_under_the_current_key(
    rows: SqliteRows, ring: KeyRing
) -> None:
    binding = Binding(2, "google-calendar", 3)
    interfere(rows, lambda: store(rows, 2, seal(ring, b'{"refresh_token":"newer"}', binding)))
    report = rotate(rows, RING, batch=3)
    assert credentials(rows)[1] == {"refresh_token": "newer"}
    assert status(rows, RING) == {"new": 10, "old": 0}
    rewritten = ring.current == "old"
    assert report == RotationReport(resealed=9 + rewritten, already_current=1 - rewritten)


def test_a_row_deleted_during_rotation_is_not_counted(rows: SqliteRows) -> None:
    interfere(rows, lambda: rows.execute("delete from connection where id = 2"))
    assert rotate(rows, RING, batch=3) == RotationReport(resealed=9)


def test_a_row_damaged_during_rotation_is_reported(rows: SqliteRows) -> None:
    interfere(rows, lambda: store(rows, 10, "torn"))
    report = rotate(rows, RING)
    assert [(failure.id, failure.code) for failure in report.failed] == [(10, "envelope_damaged")]
    assert report.resealed == 9


def test_a_row_that_never_holds_still_is_reported_and_keeps_what_others_stored(rows: SqliteRows) -> None:
    def change() -> None:
        store(rows, 2, seal(OLD_RING, b'{"refresh_token":"newest"}', Binding(2, "google-calendar", 3)))

    rows.before_swap = change
    report = rotate(rows, RING, batch=3)
    assert [(failure.id, failure.code) for failure in report.failed] == [(2, "changing")]
    assert report.resealed == 9
    assert credentials(rows)[1] == {"refresh_token": "newest"}


def test_a_batch_is_one_transaction(rows: SqliteRows) -> None:
    rotate(rows, RING, batch=4)
    assert rows.swaps == 3


def test_what_the_store_raises_goes_through_and_the_next_run_ends_the_work(rows: SqliteRows) -> None:
    def fail() -> None:
        raise OSError("disk full")

    interfere(rows, lambda: None, fail)
    with pytest.raises(OSError, match="disk full"):
        rotate(rows, RING, batch=3)
    assert status(rows, RING) == {"new": 3, "old": 7}
    assert rotate(rows, RING, batch=3) == RotationReport(resealed=7, already_current=3)


def run_rotation(path: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    keys = f"{NEW.line()}\n{OLD.line()}"
    command = [sys.executable, sqlite_rows.__file__, str(path), keys, str(kill_at)]
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)


def test_killed_at_any_point_every_credential_opens_and_the_next_run_goes_on(tmp_path: Path) -> None:
    lines = int(run_rotation(make_rows(tmp_path / "whole.sqlite", 20).path, 0).stdout)
    rows = make_rows(tmp_path / "killed.sqlite", 20)
    expected = [credential(row_id) for row_id in range(1, 21)]
    chance = random.Random(20261001)
    rotated, partly = 0, False
    for _ in range(12):
        # resumed runs are shorter: aim within what a run from here would take at least
        ended = run_rotation(rows.path, chance.randrange(1, lines // 3))
        assert ended.returncode in (-signal.SIGKILL, 0), ended.stderr
        assert credentials(rows) == expected
        counts = status(rows, RING)
        assert counts["new"] >= rotated, "a killed run undid work"
        rotated, partly = counts["new"], partly or 0 < counts["new"] < 20
    assert partly, "no run was killed half way"
    assert run_rotation(rows.path, 0).returncode == 0
    assert status(rows, RING) == {"new": 20, "old": 0}
    assert credentials(rows) == expected


def test_killed_inside_a_transaction_nothing_of_its_batch_is_stored(tmp_path: Path) -> None:
    rows = make_rows(tmp_path / "rows.sqlite", 3)
    lines = int(run_rotation(make_rows(tmp_path / "whole.sqlite", 3).path, 0).stdout)
    seen = set()
    for kill_at in range(lines // 3, lines, 6):
        before = {row.envelope for row in rows.after(0, 3)}
        assert run_rotation(rows.path, kill_at).returncode in (-signal.SIGKILL, 0)
        counts = status(rows, RING)
        seen.add(counts["new"])
        assert counts["new"] in (0, 3)
        if counts["new"] == 0:
            assert {row.envelope for row in rows.after(0, 3)} == before
    assert seen == {0, 3}


def test_the_old_key_still_opens_what_a_backup_holds(rows: SqliteRows) -> None:
    backup: list[EnvelopeRow] = rows.after(0, 10)
    rotate(rows, RING)
    assert {key_id_of(row.envelope) for row in backup} == {"old"}
    assert all(open_envelope(RING, row.envelope, row.binding) for row in backup)
