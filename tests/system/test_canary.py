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
from cli.command_line import CommandLine, Told, configured, finished
from cli.people import envelope
from cli.tree import leaves
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
WEBHOOK_SECRET = "canary-webhook-51d0e8"
SYNC_SECRET = "canary-sync-secret-b7/2+f"
SYNC_KEY = "canary-sync-key-0123456789abcdef"
PRIVATE_KEY = "canary-private-key-3f/8a+é"

APART = {
    ("demo",): "has no secrets but those it makes for its own servers, and a database of its own",
    ("run",): "ends at a signal; it is a process of its own in tests/service",
    ("sandbox",): "has no secrets but those of the people it makes up, and no configuration",
    ("worker",): "ends at a signal and needs PostgreSQL; it is a process of its own in tests/fleet",
}
"""Commands that are not walked, and why."""

MAKING: dict[tuple[str, ...], list[list[str]]] = {
    ("api-keys", "create"): [["--name", "ada", "--user", "1", "--scope", "APPS_READ"]],
    ("keys", "generate"): [[]],
}
"""Commands that print a secret they make, once and on standard output; it counts as a canary from then on."""

UNIT = "/opt/syncd/bin/syncd"
COMMANDS: dict[tuple[str, ...], list[list[str]]] = {
    ("sync",): [["--dry-run"], []],
    ("bookings", "import"): [["/no/such/file"], ["{folder}/broken"], ["{folder}/usable"], ["{folder}/told"]],
    ("bookings", "list"): [[], ["--parked"]],
    ("bookings", "retry"): [["b1"]],
    ("bookings", "show"): [["b1"]],
    ("bookings", "trace"): [["b1"]],
    ("mappings", "check"): [[], ["--offline"]],
    ("mappings", "fields"): [["1", "contact"]],
    ("route",): [
        ["guest@example.org", "--event-type", "7", "--explain"],
        ["replay", "--rules", "{folder}/rules"],
        ["replay", "--rules", "{folder}/broken"],
    ],
    ("busy",): [["--user", "1"], ["--user", "1", "--from", "2029-01-01", "--to", "2029-01-02"]],
    ("calendars", "destination"): [["1"], ["2"]],
    ("calendars", "list"): [[], ["--refresh"]],
    ("calendars", "select"): [["1"]],
    ("config", "check"): [[]],
    ("connections", "list"): [[]],
    ("connections", "pause"): [["1"]],
    ("connections", "resume"): [["1"], ["2"]],
    ("connections", "test"): [[]],
    ("connections", "reconnect"): [
        ["1", "--credential-file", "{folder}/dav"],
        ["2", "--credential-file", "{folder}/feed"],
        ["2", "--credential-file", "{folder}/dav"],
        ["1", "--credential-file", "{folder}/broken"],
        ["1"],
    ],
    ("delegations", "add"): [
        ["google", "--organization", "5", "--domain", "example.com", "--key-file", "{folder}/delegation"],
        ["google", "--organization", "5", "--domain", "example.org", "--key-file", "{folder}/broken-delegation"],
    ],
    ("delegations", "list"): [[]],
    ("delegations", "update"): [
        ["1", "--key-file", "{folder}/delegation"],
        ["1", "--key-file", "{folder}/broken-delegation"],
    ],
    ("delegations", "disable"): [["1"]],
    ("delegations", "enable"): [["1"], ["99"]],
    ("connectors",): [[]],
    ("api-keys", "list"): [[]],
    ("api-keys", "revoke"): [["1"], ["99"]],
    ("inbox", "list"): [["--state", "all"], []],
    ("inbox", "show"): [["1"], ["99"]],
    ("inbox", "retry"): [["1", "2"], ["99"]],
    ("status",): [[]],
    ("doctor",): [["--offline"], ["--live"]],
    ("db", "status"): [[]],
    ("db", "upgrade"): [[]],
    ("db", "adopt"): [[], ["--yes"]],
    ("install-service",): [
        ["--dry-run", "--prefix", "{folder}", "--executable", UNIT],
        ["--dry-run", "--prefix", "{folder}", "--executable", UNIT, "--one-shot"],
        ["--dry-run", "--prefix", "{folder}", "--remove"],
    ],
    ("jobs",): [[]],
    ("keys", "generate"): [
        ["--file", "{folder}/keys", "--json"],
        ["--file", "{folder}/more-keys"],
        ["--file", "{folder}/more-keys", "--not-current", "--json"],
        ["--file", "{folder}/broken"],
    ],
    ("keys", "rotate"): [[]],
    ("keys", "status"): [[]],
    ("log",): [[]],
    ("calendars", "unselect"): [["2"]],
    ("connections", "remove"): [["1"], ["1", "--yes"], ["2", "--yes", "--json"]],
    ("delegations", "remove"): [["1"], ["1", "--yes"]],
    ("audit",): [[]],
}
"""What is typed, in this order, each with and without --json, unless it says --json itself."""

WALKED = ("", "401", "500", "garbage", "hang up", "elsewhere", "nobody listens")
"""The failures every command is walked through, and none; connecting meets all of them."""


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
    """Looks for canaries in whatever came out: `secrets`, and the keys that are in the files of `folder` by then."""

    secrets: list[str] = field(default_factory=list)
    folder: Path | None = None

    def assert_silent(self, said: str, where: object) -> None:
        for secret in (*self.secrets, *self._keys()):
            for spelling in spellings(secret):
                assert spelling not in said, (where, spelling)

    def _keys(self) -> list[str]:
        files = self.folder.glob("*keys") if self.folder else ()
        return [line.partition(":")[2] for file in files for line in file.read_text(encoding="utf-8").splitlines()]

    def assert_said_once(self, secret: str, told: Told, where: object) -> None:
        """The secret is in standard output once and in nothing else."""
        before, found, after = told.out.partition(secret)
        assert found, where
        self.secrets.append(secret)
        self.assert_silent(before + "\n" + after + told.err, where)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch([PASSWORD, TOKEN, WEBHOOK_SECRET, SYNC_SECRET, SYNC_KEY, PRIVATE_KEY], tmp_path)


@pytest.fixture
def speaking(syncd: CommandLine, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> CommandLine:
    """The command at log level debug, with every secret there is to configure."""
    webhook, sync = _private(tmp_path / "webhook", WEBHOOK_SECRET), _private(tmp_path / "sync", SYNC_SECRET)
    key = _private(tmp_path / "sync-key", SYNC_KEY)
    text = syncd.config.read_text(encoding="utf-8")
    text += f'\n[log]\nlevel = "debug"\nformat = "json"\n[webhooks]\nsecrets_file = "{webhook}"\n'
    text += f'[credential_sync]\nsecret_file = "{sync}"\nencryption_key_file = "{key}"\nstorage_key_file = "{key}"\n'
    syncd.config.write_text(text, encoding="utf-8")
    caplog.set_level(logging.WARNING)  # what the command's own set-up lets through
    return syncd


def _private(path: Path, content: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def servers() -> Iterator[tuple[FailingServer, Relay]]:
    """A CalDAV server behind a relay, and a server of feeds that can fail. The relay can be led to the latter."""
    with DavStub() as stub, FailingServer() as failing, Relay(stub.port) as relay:
        stub.add_calendar("work")
        yield failing, relay


def credentials(failing: FailingServer, relay: Relay) -> tuple[str, str]:
    """Of a calendar behind the relay, and of a feed."""
    dav = {"url": relay.url, "username": LOGIN, "password": PASSWORD}
    feed = {"urls": [f"http://127.0.0.1:{failing.port}/{TOKEN}/basic.ics?key={TOKEN}"]}
    return json.dumps(dav), json.dumps(feed)


def connect(syncd: CommandLine, failing: FailingServer, relay: Relay) -> None:
    dav, feed = credentials(failing, relay)
    words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", EMAIL, "--credential-file", "-")
    assert syncd(*words, stdin=dav).code == 0
    feeding = ("connections", "add", "ics-feed", "--user", 1, "--setting", "allow_private_addresses=true")
    assert syncd(*feeding, "--credential-file", "-", stdin=feed).code == 0
    assert syncd("calendars", "destination", 1).code == 0
    assert syncd("calendars", "select", 1).code == 0
    told = json.dumps([envelope(EMAIL, "b1"), envelope(EMAIL, "b2")])
    assert syncd("bookings", "import", "-", stdin=told).code == 0


def put_files(folder: Path, failing: FailingServer, relay: Relay) -> None:
    """The files that commands are given: credentials, one of them cut off, and bookings, some of them of no use."""
    dav, feed = credentials(failing, relay)
    usable = [envelope(EMAIL, "b3")]
    told = [*usable, {"triggerEvent": "BOOKING_CREATED", "payload": {"uid": 4}}]
    key = json.dumps({"client_email": "robot@example.com", "private_key": PRIVATE_KEY})
    files = {"dav": dav, "feed": feed, "broken": dav[:-2], "usable": json.dumps(usable), "told": json.dumps(told)}
    files |= {
        "delegation": key,
        "broken-delegation": key[:-2],
        "rules": "[event_types.7.crm.1.routing]\nenabled = true",
    }
    for name, content in files.items():
        _private(folder / name, content)


def made(told: Told, *, as_json: bool) -> str:
    """The secret that a command says it has made."""
    said = told.document.get("line") or told.document["key"] if as_json else told.out.strip()
    return str(said).rpartition(":")[2]


def test_every_command_is_watched() -> None:
    assert {*COMMANDS, *MAKING, ("connections", "add")} == set(leaves()) - set(APART)


@pytest.mark.parametrize("failure", WALKED, ids=lambda failure: failure or "nothing")
def test_no_command_shows_a_secret_whatever_fails(
    failure: str,
    speaking: CommandLine,
    servers: tuple[FailingServer, Relay],
    watch: Watch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing, relay = servers
    connect(speaking, failing, relay)
    put_files(tmp_path, failing, relay)
    if failure:
        failing.failure = failure
        relay.target = free_port() if failure == "nobody listens" else failing.port
    make_secrets(speaking, watch)
    codes = walk(speaking, watch, tmp_path)
    watch.assert_silent(caplog.text, "log")
    failed = {words for words, ended in codes.items() if 1 in ended}
    assert ({("sync",), ("connections", "test")} <= failed) == bool(failure)
    never_right = {words for words, ended in codes.items() if 0 not in ended}
    assert failure or never_right == {("mappings", "fields")}  # there is no CRM here; it works in tests/crm


def make_secrets(syncd: CommandLine, watch: Watch) -> None:
    """Make each secret that a command shows; it is shown once, and watched for from then on."""
    for words, variants in MAKING.items():
        for arguments in variants:
            for form in ([], ["--json"]):
                told = syncd(*words, *arguments, *form)
                assert told.code == 0, told
                watch.assert_said_once(made(told, as_json=bool(form)), told, (words, arguments, form))


def walk(syncd: CommandLine, watch: Watch, folder: Path) -> dict[tuple[str, ...], set[int]]:
    """Run every command, silent about every secret; the exit codes each ended with."""
    codes: dict[tuple[str, ...], set[int]] = {}
    for words, variants in COMMANDS.items():
        for arguments in variants:
            for form in ([],) if "--json" in arguments else ([], ["--json"]):
                told = syncd(*words, *(a.format(folder=folder) for a in arguments), *form)
                watch.assert_silent(told.out + told.err, (words, arguments))
                assert "Traceback" not in told.err
                assert "No such option" not in told.err, told
                codes.setdefault(words, set()).add(told.code)
    return codes


def test_a_copy_of_a_database_is_adopted_without_showing_a_secret(
    speaking: CommandLine, servers: tuple[FailingServer, Relay], watch: Watch, tmp_path: Path
) -> None:
    connect(speaking, *servers)
    (tmp_path / "cli.db").rename(tmp_path / "copy.db")
    settings = speaking.config.read_text(encoding="utf-8").replace("/cli.db", "/copy.db")
    speaking.config.write_text(settings, encoding="utf-8")
    for words in (("sync",), ("status",), ("doctor", "--live"), ("db", "adopt")):
        for form in ((), ("--json",)):
            told = speaking(*words, *form)
            assert told.code in (1, 2) or words == ("status",), told
            watch.assert_silent(told.out + told.err, words)
    adopted = speaking("db", "adopt", "--yes", "--json")
    assert adopted.document["adopted"]
    for told in (adopted, speaking("sync"), speaking("audit")):
        assert told.code == 0, told
        watch.assert_silent(told.out + told.err, "adopted")


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
        assert told.code in ((0, 2) if words[0] == "config" else (1, 2))
        assert "Traceback" not in told.err
        Watch([DATABASE_PASSWORD, "base/9d"]).assert_silent(told.out + told.err, words)


def test_a_working_database_password_is_not_shown(database_url: str, tmp_path: Path) -> None:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        pytest.skip("a file has no password")
    with_password = url.set(password=DATABASE_PASSWORD).render_as_string(hide_password=False)
    config = configured(tmp_path, text='[log]\nlevel = "debug"')
    for words in (("db", "status"), ("db", "upgrade", "--json"), ("keys", "status"), ("db", "adopt", "--yes")):
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
