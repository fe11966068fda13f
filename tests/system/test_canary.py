"""No secret is ever shown: canaries through every command and connector, at log level debug, over failing servers."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cli.command_line import CommandLine, configured, finished
from cli.people import envelope
from cli.tree import TESTED_APART, leaves
from sqlalchemy import inspect, make_url, text

from syncd.demo.servers import free_port
from syncd.store.database import Database
from syncd.testing.dav import DavStub

from .failing_server import FAILURES, FailingServer
from .relay import Relay

LOGIN = "ada"
EMAIL = "ada@example.com"
PASSWORD = 'canary/Pa55+w"rd é='
TOKEN = "canary-feed-7c1f9b2e"
DATABASE_PASSWORD = "canary@Data:base/9d"

COMMANDS: dict[tuple[str, ...], list[list[str]]] = {
    ("sync",): [["--dry-run"], []],
    ("bookings", "import"): [["/no/such/file"]],
    ("bookings", "list"): [[], ["--parked"]],
    ("bookings", "retry"): [["b1"]],
    ("bookings", "show"): [["b1"]],
    ("busy",): [["--user", "1"], ["--user", "1", "--from", "2029-01-01", "--to", "2029-01-02"]],
    ("calendars", "destination"): [["1"], ["2"]],
    ("calendars", "list"): [[], ["--refresh"]],
    ("calendars", "select"): [["1"]],
    ("config", "check"): [[]],
    ("connections", "list"): [[]],
    ("connections", "pause"): [["1"]],
    ("connections", "resume"): [["1"], ["2"]],
    ("connections", "test"): [[]],
    ("connectors",): [[]],
    ("api-keys", "list"): [[]],
    ("audit",): [[]],
    ("inbox", "list"): [["--state", "all"]],
    ("status",): [[]],
    ("doctor",): [["--offline"], ["--live"]],
    ("db", "status"): [[]],
    ("db", "upgrade"): [[]],
    ("jobs",): [[]],
    ("keys", "rotate"): [[]],
    ("keys", "status"): [[]],
    ("log",): [[]],
    ("run",): [["--for-seconds", "0.1"]],
    ("calendars", "unselect"): [["2"]],
}
WALKED = ("401", "500", "garbage", "hang up", "elsewhere", "nobody listens")
"""The failures every command is walked through; connecting meets all of them."""

WITH_CREDENTIALS = {
    ("keys", "generate"),
    ("connections", "add"),
    ("connections", "reconnect"),
    ("connections", "remove"),
}


def spellings(secret: str) -> set[str]:
    """A secret as it may be hidden in a text: plain, escaped, or in a common encoding, alone and with its login."""
    found = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    }
    for raw in (secret.encode(), f"{LOGIN}:{secret}".encode()):
        found |= {raw.hex(), raw.hex(":"), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
        found |= {base64.b64encode(raw)[:-4].decode()}
    return found | {json.dumps(s, ensure_ascii=False)[1:-1] for s in set(found)}


@dataclass
class Watch:
    """Looks for canaries in whatever came out."""

    secrets: list[str] = field(default_factory=list)

    def assert_silent(self, said: str, where: object) -> None:
        for secret in self.secrets:
            for spelling in spellings(secret):
                assert spelling not in said, (where, spelling)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    keys = (tmp_path / "keys").read_text(encoding="utf-8") if (tmp_path / "keys").exists() else ""
    return Watch([PASSWORD, TOKEN, *([keys.strip().partition(":")[2]] if keys else [])])


@pytest.fixture
def speaking(syncd: CommandLine, caplog: pytest.LogCaptureFixture) -> CommandLine:
    """The command at log level debug."""
    text = syncd.config.read_text(encoding="utf-8")
    syncd.config.write_text(f'{text}\n[log]\nlevel = "debug"\nformat = "json"\n', encoding="utf-8")
    caplog.set_level(logging.WARNING)  # what the command's own set-up lets through
    return syncd


@pytest.fixture
def servers() -> Iterator[tuple[FailingServer, Relay]]:
    """A CalDAV server behind a relay, and a server of feeds that can fail. The relay can be led to the latter."""
    with DavStub() as stub, FailingServer() as failing, Relay(stub.port) as relay:
        stub.add_calendar("work")
        yield failing, relay


def connect(syncd: CommandLine, failing: FailingServer, relay: Relay) -> None:
    dav = {"url": relay.url, "username": LOGIN, "password": PASSWORD}
    words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", EMAIL, "--credential-file", "-")
    assert syncd(*words, stdin=json.dumps(dav)).code == 0
    feed = {"urls": [f"http://127.0.0.1:{failing.port}/{TOKEN}/basic.ics?key={TOKEN}"]}
    feeding = ("connections", "add", "ics-feed", "--user", 1, "--setting", "allow_private_addresses=true")
    assert syncd(*feeding, "--credential-file", "-", stdin=json.dumps(feed)).code == 0
    assert syncd("calendars", "destination", 1).code == 0
    assert syncd("calendars", "select", 1).code == 0
    told = json.dumps([envelope(EMAIL, "b1"), envelope(EMAIL, "b2")])
    assert syncd("bookings", "import", "-", stdin=told).code == 0


def test_every_command_is_watched() -> None:
    assert set(COMMANDS) | WITH_CREDENTIALS == set(leaves()) - (TESTED_APART - {("run",)})


@pytest.mark.parametrize("failure", WALKED)
def test_no_command_shows_a_secret_whatever_fails(
    failure: str,
    speaking: CommandLine,
    servers: tuple[FailingServer, Relay],
    watch: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing, relay = servers
    connect(speaking, failing, relay)
    failing.failure = failure
    relay.target = free_port() if failure == "nobody listens" else failing.port
    failed = set()
    for words, variants in COMMANDS.items():
        for arguments in variants:
            for form in ([], ["--json"]) if words != ("run",) else ([],):
                told = speaking(*words, *arguments, *form)
                watch.assert_silent(told.out + told.err, (words, arguments))
                assert "Traceback" not in told.err
                failed |= {words} if told.code == 1 else set()
    assert {("sync",), ("connections", "test")} <= failed
    watch.assert_silent(caplog.text, "log")


def test_no_secret_is_in_the_database_in_clear(
    speaking: CommandLine, database_url: str, servers: tuple[FailingServer, Relay], watch: Watch, tmp_path: Path
) -> None:
    settings = speaking.config.read_text(encoding="utf-8").splitlines()
    settings[0] = f'database_url = "{database_url}"'
    speaking.config.write_text("\n".join(settings), encoding="utf-8")
    connect(speaking, *servers)
    speaking("sync")
    servers[0].failure = "401"
    servers[1].target = servers[0].port
    speaking("sync")
    speaking("connections", "test")
    database = Database(database_url)
    try:
        with database.read() as session:
            names = inspect(session.connection()).get_table_names()
            rows = {name: session.execute(text(f'SELECT * FROM "{name}"')).fetchall() for name in names}
    finally:
        database.close()
    assert rows["connections"]
    watch.assert_silent(str(rows), "rows")
    for file in tmp_path.glob("*.db*"):
        watch.assert_silent(file.read_bytes().decode("latin-1"), file)
        watch.assert_silent(file.read_bytes().decode("utf-8", "replace"), file)


@pytest.mark.parametrize("failure", FAILURES)
def test_connecting_shows_no_secret_whatever_fails(
    failure: str, speaking: CommandLine, servers: tuple[FailingServer, Relay], watch: Watch
) -> None:
    failing, _ = servers
    failing.failure = failure
    port = free_port() if failure == "nobody listens" else failing.port
    dav = {"url": f"http://127.0.0.1:{port}/", "username": LOGIN, "password": PASSWORD}
    feed = {"urls": [f"http://127.0.0.1:{port}/{TOKEN}.ics"]}
    for app, credential, setting in (
        ("caldav-calendar", dav, ()),
        ("ics-feed", feed, ("--setting", "allow_private_addresses=true")),
        ("ics-feed", feed, ()),
    ):
        for form in ((), ("--json",)):
            words = ("connections", "add", app, "--user", 1, "--email", EMAIL, *setting, "--credential-file", "-")
            told = speaking(*words, *form, stdin=json.dumps(credential))
            assert told.code == 1
            watch.assert_silent(told.out + told.err, app)


UNUSABLE = (
    ("caldav-calendar", {"url": f"https://{LOGIN}:{quote(PASSWORD)}@dav.example.com/", "password": PASSWORD}),
    ("caldav-calendar", {"url": "dav.example.com", "username": LOGIN, "password": [PASSWORD]}),
    ("caldav-calendar", {"url": f"ftp://{TOKEN}", "username": LOGIN, "password": PASSWORD}),
    ("caldav-calendar", {PASSWORD: TOKEN}),
    ("apple-calendar", {"username": LOGIN, "passwort": PASSWORD}),
    ("apple-calendar", {"username": {"is": PASSWORD}, "password": TOKEN}),
    ("ics-feed", {"urls": [f"gopher://host/{TOKEN}"]}),
    ("ics-feed", {"urls": f"http://host/{TOKEN}"}),
    ("ics-feed", [f"http://host/{TOKEN}"]),
    ("ics-feed", {"urls": [f"http://host:{TOKEN}/"]}),
)


@pytest.mark.parametrize(("app", "credential"), UNUSABLE)
def test_a_credential_of_the_wrong_shape_is_refused_without_showing_it(
    app: str, credential: object, speaking: CommandLine, watch: Watch
) -> None:
    words = ("connections", "add", app, "--user", 1, "--email", EMAIL, "--credential-file", "-")
    for form in ((), ("--json",)):
        told = speaking(*words, *form, stdin=json.dumps(credential))
        assert told.code == 2
        watch.assert_silent(told.out + told.err, app)
    broken = speaking(*words, stdin=json.dumps(credential)[:-2])
    assert broken.code == 2
    watch.assert_silent(broken.out + broken.err, app)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:{quoted}@127.0.0.1:{port}/syncd",
        "postgresql://ada:{quoted}@127.0.0.1:{port}/syncd?no_such_option=1",
        "postgresql://ada:{raw}@127.0.0.1:{port}/syncd",
        "oracle://ada:{quoted}@127.0.0.1/syncd",
        "{quoted}",
        "postgresql://ada@127.0.0.1:{port}/syncd?password={quoted}",
    ],
)
def test_no_command_shows_the_password_of_the_database(url: str, tmp_path: Path) -> None:
    given = url.format(quoted=quote(DATABASE_PASSWORD, safe=""), raw=DATABASE_PASSWORD, port=free_port())
    config = configured(tmp_path)
    for words in (("db", "status"), ("sync", "--json"), ("config", "check", "--json")):
        told = finished(config, *words, environment={"SYNCD_DATABASE_URL": given})
        assert told.code in ((0,) if words[0] == "config" else (1, 2))
        assert "Traceback" not in told.err
        Watch([DATABASE_PASSWORD, "base/9d"]).assert_silent(told.out + told.err, words)


def test_a_working_database_password_is_not_shown(database_url: str, tmp_path: Path) -> None:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        pytest.skip("a file has no password")
    with_password = url.set(password=DATABASE_PASSWORD).render_as_string(hide_password=False)
    config = configured(tmp_path, text='[log]\nlevel = "debug"')
    for words in (("db", "status"), ("db", "upgrade", "--json"), ("keys", "status")):
        told = finished(config, *words, environment={"SYNCD_DATABASE_URL": with_password})
        assert told.code == 0, told
        Watch([DATABASE_PASSWORD]).assert_silent(told.out + told.err, words)


def test_a_broken_key_file_is_told_without_its_content(speaking: CommandLine, tmp_path: Path) -> None:
    secret = "canaryKeyCanaryKeyCanaryKeyCanaryKeyCanary"
    for content in (f"k1:{secret}", secret, f"k1:{secret}==\nk1:{secret}", f"k1 {secret}"):
        (tmp_path / "keys").write_text(content, encoding="utf-8")
        for form in ((), ("--json",)):
            told = speaking("keys", "status", *form)
            assert told.code == 2
            Watch([secret]).assert_silent(told.out + told.err, content)
