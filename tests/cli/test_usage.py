"""Help, JSON and exit codes of every command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .command_line import CommandLine, command, configured, finished
from .conftest import adding
from .people import Person
from .tree import groups, leaves, options

NO_JSON = {("run",), ("worker",)}

SETUPS_NOBODY_CAN_USE = {
    "an unknown setting": "colour = 1",
    "a value out of range": "[busy]\nhorizon_days = 0",
    "no TOML": "= =",
    "a database nobody knows": "",
}

USAGE_ERRORS = (
    ("bogus",),
    ("sync", "--nope"),
    ("sync", "--connection", "x"),
    ("sync", "--connection", "99"),
    ("sync", "--dry-run", "--connection", "99"),
    ("sync", "--booking", "nobody"),
    ("sync", "--dry-run", "--booking", "nobody"),
    ("busy",),
    ("busy", "--user", "99"),
    ("busy", "--user", "nobody@example.com"),
    ("busy", "--user", "1", "--from", "soon"),
    ("busy", "--user", "1", "--from", "+2d", "--to", "+1d"),
    ("busy", "--user", "1", "--zone", "Mars/Olympus"),
    ("busy", "--user", "1", "--from", "2027-01-01", "--zone", "../../etc/passwd"),
    ("log", "--since", "yesterday"),
    ("log", "--limit", "0"),
    ("log", "--outcome", "bogus"),
    ("log", "--operation", "bogus"),
    ("connections", "list", "--user", "99"),
    ("connections", "add", "no-such-app", "--user", "1"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--zone", "Mars/Olympus"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--email", "e@example.com"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--credential-file", "/no/such/file"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--setting", "novalue"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--setting", "nosuch=1"),
    ("connections", "test", "99"),
    ("connections", "test", "0"),
    ("connections", "pause", "99"),
    ("connections", "resume", "99"),
    ("connections", "reconnect", "99"),
    ("connections", "remove", "99", "--yes"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--email", "e@example.com", "--delegation", "99"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--email", "e@example.com", "--device"),
    ("connections", "add", "caldav-calendar", "--user", "1", "--port", "65536"),
    ("delegations", "add", "google", "--organization", "1", "--domain", "example.com"),
    ("delegations", "add", "google", "--organization", "1", "--domain", "example.com", "--key-file", "/no/such/file"),
    ("delegations", "update", "99", "--key-file", "-"),
    ("delegations", "enable", "99"),
    ("delegations", "disable", "99"),
    ("delegations", "remove", "99", "--yes"),
    ("calendars", "list", "--user", "99"),
    ("calendars", "select", "99"),
    ("calendars", "select", "99", "--policy", "shrug"),
    ("calendars", "unselect", "99"),
    ("calendars", "destination", "99"),
    ("bookings", "import", "/no/such/file"),
    ("bookings", "import"),
    ("bookings", "list", "--status", "bogus"),
    ("bookings", "show", "nobody"),
    ("bookings", "retry", "nobody"),
    ("bookings", "trace", "nobody"),
    ("route",),
    ("route", "ada@example.com"),
    ("route", "ada", "--event-type", "7"),
    ("route", "ada@", "--event-type", "7"),
    ("route", "ada@example.com", "--event-type", "x"),
    ("route", "ada@example.com", "--event-type", "7", "--rules", "new.toml"),
    ("route", "replay"),
    ("route", "replay", "--rules", "/no/such/file"),
    ("keys", "rotate", "--batch", "0"),
)


@pytest.mark.parametrize("words", [*groups(), *leaves()], ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], syncd: CommandLine) -> None:
    told = syncd(*words, "--help")
    assert told.code == 0
    assert "Usage:" in told.out
    assert not told.err


def test_every_command_but_the_daemon_speaks_json() -> None:
    assert {words for words in leaves() if "--json" not in options(words)} == NO_JSON


@pytest.mark.parametrize("words", USAGE_ERRORS, ids=" ".join)
def test_a_usage_error_is_told_on_standard_error_and_ends_with_2(words: tuple[str, ...], syncd: CommandLine) -> None:
    told = syncd(*words)
    assert (told.code, told.out) == (2, "")
    assert "Error: " in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("words", USAGE_ERRORS, ids=" ".join)
def test_a_usage_error_is_one_json_document_for_machines(words: tuple[str, ...], syncd: CommandLine) -> None:
    error = syncd.document(*words, code=2)["error"]
    assert error["message"]
    assert error["code"]


@pytest.mark.parametrize("what", SETUPS_NOBODY_CAN_USE)
def test_a_broken_configuration_ends_every_command_with_2(what: str, tmp_path: Path, syncd: CommandLine) -> None:
    url = "" if SETUPS_NOBODY_CAN_USE[what] else "mysql://nobody@localhost/x"
    configured(tmp_path, url, SETUPS_NOBODY_CAN_USE[what])
    for words in (("db", "upgrade"), ("bookings", "list"), ("sync",)):
        assert syncd(*words).code == 2


def test_every_problem_of_a_configuration_is_told_at_once(tmp_path: Path, syncd: CommandLine) -> None:
    configured(tmp_path, text="colour = 1\n[busy]\nhorizon_days = 0\nrefresh_minutes = 'often'")
    problems = syncd.document("config", "check", code=2)["error"]["problems"]
    assert [p["where"].rpartition(" ")[2] for p in problems] == ["busy.horizon_days", "busy.refresh_minutes", "colour"]
    for problem in problems:
        assert str(tmp_path) in problem["where"]
        assert problem["reason"]
        assert problem["remedy"]


def test_a_check_tells_apps_and_files_that_cannot_be_used_beside_the_rest(tmp_path: Path, syncd: CommandLine) -> None:
    (tmp_path / "open").write_text("secret", encoding="utf-8")
    (tmp_path / "open").chmod(0o644)
    text = f"""colour = 1
[webhooks]
secrets_file = "{tmp_path}/none"
[credential_sync]
secret_file = "{tmp_path}/open"
encryption_key_file = "{tmp_path}/no-key"
storage_key_file = "{tmp_path}"
[apps.caldav-calender]
concurrency = 2
"""
    configured(tmp_path, text=text)
    (tmp_path / "keys").unlink()
    found = syncd.document("config", "check", code=2)["error"]["problems"]
    problems = {p["where"].removeprefix(f"{tmp_path}/syncd.toml: "): p for p in found}
    assert set(problems) == {
        "colour",
        "apps.caldav-calender",
        "keys.file",
        "webhooks.secrets_file",
        "credential_sync.secret_file",
        "credential_sync.encryption_key_file",
        "credential_sync.storage_key_file",
    }
    assert all(p["reason"].endswith(".") and p["remedy"] for p in problems.values())
    assert problems["apps.caldav-calender"]["remedy"].startswith("Did you mean caldav-calendar?")
    assert "syncd keys generate" in problems["keys.file"]["remedy"]
    assert "can be read by others" in problems["credential_sync.secret_file"]["reason"]


def test_a_good_configuration_has_no_problems(syncd: CommandLine) -> None:
    assert "no problems" in syncd("config", "check").out
    assert syncd.document("config", "check")["settings"]["busy"]["policy"] == "last-known"


def test_without_a_key_nothing_runs_and_the_remedy_makes_one(tmp_path: Path, syncd: CommandLine) -> None:
    (tmp_path / "keys").unlink()
    assert syncd("bookings", "list").code == 2
    assert "syncd keys generate" in syncd("bookings", "list").err
    assert syncd("keys", "generate", "--file", tmp_path / "keys").code == 0
    assert syncd("bookings", "list").code == 0


def test_a_named_configuration_that_is_not_there_is_an_error() -> None:
    told = finished(Path("/no/such/syncd.toml"), "config", "check")
    assert told.code == 2
    assert "/no/such/syncd.toml" in told.err


def test_the_environment_names_the_database(tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    told = finished(configured(tmp_path), "db", "status", environment={"SYNCD_DATABASE_URL": other})
    assert told.code == 0
    assert other in told.out


def test_failed_work_ends_with_1_and_says_what_to_do(person: Person, syncd: CommandLine) -> None:
    """A credential that its server refuses."""
    refused = syncd(*adding(person), stdin=person.credential.replace(person.password, "wrong"))
    assert refused.code == 1
    assert "does not accept the credential" in refused.err
    assert "What to do: " in refused.err
    assert "reconnect" not in refused.err
    assert syncd.document("connections", "list") == []


def test_a_credential_with_missing_fields_names_them(person: Person, syncd: CommandLine) -> None:
    told = syncd(*adding(person), stdin='{"url": "http://127.0.0.1:1/", "username": "ada"}')
    assert told.code == 2
    assert "password" in told.err


def test_a_user_told_for_the_first_time_needs_an_address(person: Person, syncd: CommandLine) -> None:
    words = ("connections", "add", "caldav-calendar", "--user", 7, "--credential-file", "-")
    told = syncd(*words, stdin=person.credential)
    assert told.code == 2
    assert "--email" in told.err


def test_a_secret_cannot_be_given_as_an_argument() -> None:
    for words in leaves():
        assert not {o for o in options(words) if "password" in o or "token" in o or "secret" in o}


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    """As in `syncd ... | head`."""
    config = configured(tmp_path)
    with subprocess.Popen(
        command(config, "config", "check", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1
