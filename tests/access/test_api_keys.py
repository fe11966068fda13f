"""`syncd api-keys`, and how keys are kept."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from cli.command_line import CommandLine, Told, configured, finished

from syncd.store import access
from syncd.store.access import Scope
from syncd.store.database import Database

from .conftest import MakeKey

KEY = re.compile(r"cal_[A-Za-z0-9_-]{43}")


def created(syncd: CommandLine, *words: str) -> Told:
    return syncd("api-keys", "create", "--name", "reports", *words)


def test_the_key_is_all_that_is_on_standard_output(syncd: CommandLine) -> None:
    told = created(syncd, "--admin", "--scope", "APPS_READ")
    assert told.code == 0
    assert KEY.fullmatch(told.out.strip())
    assert "once" in told.err
    assert not KEY.search(told.err)


def test_a_key_is_shown_once_and_is_nowhere_afterwards(syncd: CommandLine, tmp_path: Path) -> None:
    key = created(syncd, "--admin", "--scope", "APPS_READ").out.strip()
    for words in (("api-keys", "list"), ("audit",)):
        assert key not in syncd(*words).out
        assert key not in str(syncd.document(*words))
    with sqlite3.connect(tmp_path / "cli.db") as opened:
        assert key not in "\n".join(opened.iterdump())
    opened.close()


def test_keys_never_repeat(make_key: MakeKey) -> None:
    assert len({make_key() for _ in range(20)}) == 20


def test_a_key_is_looked_up_by_its_digest(make_key: MakeKey, database: Database) -> None:
    key = make_key()
    with database.read() as session:
        found = access.find_key(session, key)
        assert found is not None
        assert found.digest == access.digest_of(key) != key
        assert access.find_key(session, found.digest) is None
        assert access.find_key(session, key[:-1]) is None


def test_the_list_shows_whose_and_what_for(syncd: CommandLine) -> None:
    created(syncd, "--admin", "--scope", "BOOKING_READ", "--scope", "APPS_READ", "--scope", "APPS_READ")
    (listed,) = syncd.document("api-keys", "list")
    assert (listed["name"], listed["admin"], listed["scopes"]) == ("reports", True, ["APPS_READ", "BOOKING_READ"])
    assert listed["last_used_at"] is listed["revoked_at"] is None
    assert "reports" in syncd("api-keys", "list").out


def test_revoking_twice_changes_nothing(syncd: CommandLine) -> None:
    created(syncd, "--admin", "--scope", "APPS_READ")
    assert syncd.document("api-keys", "revoke", 1)["changed"]
    revoked_at = syncd.document("api-keys", "list")[0]["revoked_at"]
    assert not syncd.document("api-keys", "revoke", 1)["changed"]
    assert syncd.document("api-keys", "list")[0]["revoked_at"] == revoked_at
    assert len(syncd.document("audit", "--action", "api_key_revoked")) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("api-keys", "create", "--name", "n", "--scope", "APPS_READ"),
        ("api-keys", "create", "--name", "n", "--scope", "APPS_READ", "--admin", "--user", "1"),
        ("api-keys", "create", "--name", "n", "--scope", "APPS_READ", "--user", "99"),
        ("api-keys", "create", "--name", "n", "--scope", "EVERYTHING", "--admin"),
        ("api-keys", "create", "--name", "n", "--admin"),
        ("api-keys", "revoke", "99"),
    ],
    ids=" ".join,
)
def test_a_usage_error_makes_no_key(syncd: CommandLine, words: tuple[str, ...]) -> None:
    assert syncd.document(*words, code=2)["error"]["message"]
    assert syncd.document("api-keys", "list") == syncd.document("audit") == []


def test_it_needs_none_of_the_vaults_keys(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "keys").unlink()
    told = finished(config, "api-keys", "create", "--name", "n", "--admin", "--scope", "APPS_READ")
    assert (told.code, bool(KEY.fullmatch(told.out.strip()))) == (0, True)


def test_the_scopes_are_the_documented_ones() -> None:
    """Cal.com, "OAuth", "Available Scopes", the individual level."""
    areas = {"EVENT_TYPE", "BOOKING", "SCHEDULE", "APPS", "PROFILE", "WEBHOOK", "VERIFIED_RESOURCES", "CREDITS"}
    assert set(Scope) == {f"{area}_{verb}" for area in areas for verb in ("READ", "WRITE")}
