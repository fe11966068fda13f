"""Connecting to each provider that people consent at, in its sandbox: by a command of its own, by a running daemon, and
by an organization's key. Each runs as a process of its own, at log level debug.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cli.command_line import Told, command, configured, finished
from service.daemon import Daemon

from syncd.demo.servers import free_port
from syncd.engine.opening import secret_variable
from syncd.sandbox import Sandbox
from syncd.sandbox.catalog import CATALOG

from .diary import go

ANNA = "anna@example.com"
PAGE = re.compile(r"^  (https?://\S+)$", re.MULTILINE)
GOOGLE, OFFICE365, ZOHO = "google-calendar", "office365-calendar", "zohocalendar"
CALENDAR = "https://www.googleapis.com/auth/calendar"

CLIENTS: Mapping[str, Callable[[Any, Sandbox], str]] = {
    GOOGLE: lambda google, sandbox: (
        f"""
api_url = "{google.url}"
authorize_url = "{google.url}/o/oauth2/v2/auth"
token_url = "{google.url}/token"
device_url = "{google.url}/device/code"
"""
    ),
    OFFICE365: lambda graph, sandbox: (
        f"""
authority = "{graph.tls_url}"
graph_url = "{graph.url}"
ca_file = "{sandbox.ca_file}"
"""
    ),
    ZOHO: lambda zoho, sandbox: (
        f"""
accounts_url = "{zoho.url}"
calendar_url = "{zoho.url}"
"""
    ),
}
"""App -> the lines of its registration that lead to the sandbox."""

TOO_LITTLE = {
    GOOGLE: [f"{CALENDAR}.readonly"],
    OFFICE365: ["User.Read", "Calendars.Read"],
    ZOHO: ["ZohoCalendar.calendar.READ", "AaaServer.profile.READ"],
}
"""App -> scopes that do not do."""


@dataclass(frozen=True)
class Desk:
    """A provider's sandbox, and an installation that is registered with it."""

    app: str
    provider: Any
    config: Path

    @property
    def secret(self) -> dict[str, str]:
        """The client's, in the environment."""
        return {secret_variable(self.app): "sandbox-secret"}

    @property
    def adding(self) -> tuple[object, ...]:
        return ("connections", "add", self.app, "--user", 1, "--email", ANNA)

    def allow(self, page: str) -> str:
        """What Anna does at the page: the address that her browser is sent to."""
        with self.provider.lock:
            return str(self.provider.issuer.allow(dict(parse_qsl(urlsplit(page).query)), ANNA))

    def connect(self, *words: object) -> tuple[Told, str]:
        """A command that asks for consent, and what the browser shows in the end."""
        typed = command(self.config, *words, "--no-browser")
        pipe, environment = subprocess.PIPE, {**os.environ, **self.secret}
        with subprocess.Popen(typed, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdout is not None
            said = ""
            while not (found := PAGE.search(said)):
                line = process.stdout.readline()
                assert line, (said, process.communicate())
                said += line
            page = go(self.allow(found[1])).text
            rest, errors = process.communicate(timeout=60)
        self.assert_silent(rest + errors + page)
        return Told(process.returncode, said + rest, errors), page

    def run(self, *words: object) -> Told:
        return finished(self.config, *words, environment=self.secret)

    def document(self, *words: object) -> Any:
        return self.run(*words, "--json").document

    def assert_silent(self, said: str) -> None:
        """No secret that was given out is in what was said."""
        issuer = self.provider.issuer
        secrets = (*issuer.access, *issuer.refresh, *self.secret.values(), "code=", "code_verifier")
        assert not [secret for secret in secrets if secret in said]


def made(app: str, folder: Path, sandbox: Sandbox) -> Desk:
    provider: Any = sandbox.providers[app]
    provider.add_user(ANNA)
    provider.add_calendar(ANNA, "Team")
    port = free_port()
    client = f'[apps.{app}.client]\nclient_id = "sandbox-client"{CLIENTS[app](provider, sandbox)}'
    http = f'[http]\nport = {port}\npublic_url = "http://127.0.0.1:{port}"'
    return Desk(app, provider, configured(folder, text=f'[log]\nlevel = "debug"\nformat = "json"\n{http}\n{client}'))


@pytest.fixture(params=list(CLIENTS))
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with served(request.param) as sandbox:
        yield made(request.param, tmp_path, sandbox)


def served(app: str) -> Sandbox:
    module, _, name = CATALOG[app].partition(":")
    return Sandbox([getattr(import_module(f"syncd.sandbox.{module}"), name)()])


def test_a_command_connects_and_reconnects(desk: Desk) -> None:
    told, page = desk.connect(*desk.adding)
    assert (told.code, f"{ANNA} is connected" in page) == (0, True), told
    assert f"Connection 1: {ANNA} works." in told.out
    (row,) = desk.document("connections", "list")
    assert (row["account"], row["state"], row["selected"]) == (ANNA, "active", 1)
    assert [c["is_primary"] for c in desk.document("calendars", "list") if c["selected"]] == [True]
    assert desk.document("connections", "test", 1)[0]["outcome"] == "done"
    desk.provider.issuer.revoke_account(ANNA)
    assert desk.document("connections", "test", 1)[0]["outcome"] == "failed"
    told, _ = desk.connect("connections", "reconnect", 1)
    assert told.code == 0, told
    assert [(c["id"], c["state"]) for c in desk.document("connections", "list")] == [(1, "active")]
    assert "wrong" not in [f["verdict"] for f in desk.document("doctor", "--offline")]


def test_less_than_is_needed_is_refused(desk: Desk) -> None:
    desk.provider.faults.add("partial-grant", value=TOO_LITTLE[desk.app])
    told, page = desk.connect(*desk.adding)
    assert told.code == 1
    assert "missing: " in told.err
    assert "missing: " in page
    assert desk.document("connections", "list") == []


def test_a_running_daemon_connects(desk: Desk) -> None:
    daemon = Daemon(desk.config, desk.secret)
    try:
        daemon.start()
        words = ("api-keys", "create", "--name", "n", "--admin", "--scope", "APPS_WRITE")
        headers = {"Authorization": f"Bearer {desk.run(*words).out.strip()}", "Content-Type": "application/json"}
        body = json.dumps({"userId": 1, "email": ANNA}).encode()
        begun = daemon.ask(f"/v2/connections/{desk.app}/start", "POST", body, headers).document["data"]
        answer = go(desk.allow(begun["authUrl"]), accept="application/json")
        assert answer.json()["data"] == {"connectionId": 1, "app": desk.app, "account": ANNA}
        desk.assert_silent(str(daemon.events))
    finally:
        daemon.close()


def test_a_service_account_of_google_acts_for_a_person(tmp_path: Path) -> None:
    robot = "robot@project.iam.example"
    with served(GOOGLE) as sandbox:
        desk = made(GOOGLE, tmp_path, sandbox)
        key = desk.provider.service_account(robot, domains={"example.com": ()})
        add_delegation(desk, "google", key, tmp_path)
        refused = desk.run(*desk.adding, "--delegation", 1)
        assert refused.code == 1
        assert "has not delegated" in refused.err
        (failure,) = desk.document("status")["delegations"]
        assert failure["payload"]["credential"]["type"] == "google_calendar"
        assert failure["payload"]["user"] == {"id": 1, "email": ANNA, "organizationId": 500}
        desk.provider.issuer.service_accounts[robot].domains["example.com"] = (CALENDAR,)
        assert_works(desk)


def test_an_application_of_a_tenant_acts_for_a_mailbox(tmp_path: Path) -> None:
    with served(OFFICE365) as sandbox:
        desk = made(OFFICE365, tmp_path, sandbox)
        key = {"tenant_id": "tenant", "client_id": "sandbox-client", "private_key": "wrong"}
        add_delegation(desk, "office365", key, tmp_path)
        assert desk.run(*desk.adding, "--delegation", 1).code == 1
        (failure,) = desk.document("status")["delegations"]
        assert failure["payload"]["credential"]["type"] == "office365_calendar"
        file = tmp_path / "key.json"
        file.write_text(json.dumps({**key, "private_key": "sandbox-secret"}), encoding="utf-8")
        assert desk.run("delegations", "update", 1, "--key-file", file).code == 0
        assert_works(desk)


def add_delegation(desk: Desk, platform: str, key: Mapping[str, str], folder: Path) -> None:
    file = folder / "key.json"
    file.write_text(json.dumps(key), encoding="utf-8")
    words = ("--organization", 500, "--domain", "example.com", "--key-file", file)
    assert desk.run("delegations", "add", platform, *words).code == 0


def assert_works(desk: Desk) -> None:
    """Through delegation 1."""
    told = desk.run(*desk.adding, "--delegation", 1)
    assert told.code == 0, told
    assert f"Connection 1: {ANNA} works." in told.out
    assert desk.document("status")["delegations"] == []
    assert desk.document("connections", "test", 1)[0]["outcome"] == "done"
