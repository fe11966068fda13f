"""Rotation over the real store: killed anywhere, it has lost nothing, and goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.store import directory
from syncd.store.database import Database
from syncd.store.envelopes import StoredEnvelopes
from syncd.vault import Binding, Change, CredentialVault, Key, KeyRing, generate_key, rotate, status

from .rows import connected

COUNT = 20
PROGRAM = Path(__file__).with_name("rotating.py")


@pytest.fixture(scope="module")
def old() -> Key:
    return generate_key("old")


@pytest.fixture(scope="module")
def ring(old: Key) -> KeyRing:
    """New seals, both open."""
    return KeyRing((generate_key("new"), old), "new")


@pytest.fixture
def sealed(database: Database, old: Key) -> Database:
    """Connections whose credentials are under the old key."""
    vault = CredentialVault(KeyRing((old,), "old"))
    for user_id in range(1, COUNT + 1):
        place = connected(database, user_id=user_id)
        with database.write() as session:
            row = directory.get_connection(session, place.connection_id)
            binding = Binding(place.connection_id, row.app, row.user_id)
            row.envelope = vault.seal_credential({"password": f"p{user_id}"}, binding)
            session.add(row)
    return database


def opened(database: Database, ring: KeyRing) -> list[str]:
    """Every password, by connection."""
    vault = CredentialVault(ring)
    rows = StoredEnvelopes(database).after(0, 1000)
    return [vault.open_credential(row.envelope, row.binding)["password"] for row in rows]


EVERY = [f"p{n}" for n in range(1, COUNT + 1)]


def test_rotation_brings_every_stored_credential_under_the_new_key(sealed: Database, ring: KeyRing) -> None:
    rows = StoredEnvelopes(sealed)
    assert rows.count() == COUNT
    assert rotate(rows, ring, batch=7).resealed == COUNT
    assert status(rows, ring) == {"new": COUNT, "old": 0}
    assert opened(sealed, ring) == EVERY


def test_a_credential_stored_meanwhile_wins(sealed: Database, ring: KeyRing) -> None:
    rows = StoredEnvelopes(sealed)
    first, second = rows.after(0, 2)
    with sealed.write() as session:
        row = directory.get_connection(session, 1)
        row.envelope = "stored meanwhile"
        session.add(row)
    assert rows.swap([Change(1, first.envelope, "x"), Change(2, second.envelope, "y")]) == 1
    assert [r.envelope for r in rows.after(0, 2)] == ["stored meanwhile", "y"]


def test_rotation_does_not_pass_for_a_change_of_the_credential(sealed: Database, ring: KeyRing) -> None:
    with sealed.read() as session:
        before = directory.get_connection(session, 1).updated_at
    rotate(StoredEnvelopes(sealed), ring)
    with sealed.read() as session:
        assert directory.get_connection(session, 1).updated_at == before


def rotate_and_die(url: str, ring: KeyRing, kill_at: int) -> subprocess.CompletedProcess[str]:
    keys = "\n".join(key.line() for key in ring.keys)
    command = [sys.executable, str(PROGRAM), url, keys, str(kill_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_rotation_killed_anywhere_loses_nothing_and_is_resumed(
    sealed: Database, database_url: str, ring: KeyRing, old: Key
) -> None:
    """Each run begins where the last was killed; between them every credential opens under one of the two keys."""
    done: list[int] = []
    for kill_at in (40, 90, 140, 190):
        died = rotate_and_die(database_url, ring, kill_at)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert opened(sealed, ring) == EVERY
        done.append(status(StoredEnvelopes(sealed), ring)["new"])
    assert done == sorted(done)
    assert done[-1] > 0
    lived = rotate_and_die(database_url, ring, 0)
    assert lived.returncode == 0, lived.stderr
    assert status(StoredEnvelopes(sealed), ring) == {"new": COUNT, "old": 0}
    assert opened(sealed, KeyRing((ring.current_key,), "new")) == EVERY
