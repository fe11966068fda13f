"""Connecting by `syncd connections` and `syncd delegations`, as a person types them."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cli.command_line import CommandLine, Told, configured

from syncd.cli import consent
from syncd.connector.consent import DeviceCode
from syncd.connector.registry import Registry
from syncd.errors import ReconnectError, RetryError, WaitUntilError
from syncd.model.clock import utc_now
from syncd.sandbox import Sandbox
from syncd.testing.memory import MemoryProvider, memory_spec

from .conftest import GOOGLE
from .diary import ANNA, APP, BEN, CLIENT_ID, EVE, KEY, READ, Diary, diary_spec, go

ADD = ("connections", "add", APP, "--user", 1, "--email", ANNA)
CLIENT = f'[apps.{APP}.client]\nclient_id = "{CLIENT_ID}"'


@pytest.fixture
def diary() -> Iterator[Diary]:
    with Sandbox([Diary()]) as sandbox:
        served = sandbox.providers[APP]
        assert isinstance(served, Diary)
        yield served


@pytest.fixture
def syncd(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    diary: Diary,
    memory: MemoryProvider,
) -> CommandLine:
    """The command, where the diary's connector is what is installed."""
    for name in ("Work", "Home"):
        memory.add_calendar(name)
    specs = {app: diary_spec(diary.url, memory, utc_now, app) for app in (APP, GOOGLE)}
    registry = Registry(specs={**specs, "memory": memory_spec(memory)})
    monkeypatch.setattr(Registry, "installed", lambda: registry)
    monkeypatch.delenv("SYNCD_DATABASE_URL", raising=False)
    return CommandLine(configured(tmp_path, text=CLIENT), capsys, monkeypatch)


class Person:
    """Somebody at a graphical terminal, before a browser."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.account = ANNA
        self.pages: list[str] = []
        self.shown = ""
        self._browser: threading.Thread | None = None

    def open(self, url: str) -> bool:
        """The browser is sent to a page, and its person allows."""
        self.pages.append(url)
        self._browser = threading.Thread(target=self._allow, args=(url,))
        self._browser.start()
        return True

    def _allow(self, url: str) -> None:
        assert go(url).status_code == 200
        self.shown = go(self.diary.allow(url, self.account)).text

    def done(self) -> str:
        """What the browser shows in the end."""
        assert self._browser is not None
        self._browser.join(30)
        return self.shown


@pytest.fixture
def person(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> Person:
    person = Person(diary)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", person.open)
    monkeypatch.setattr(consent, "sys", TerminalOf(sys))
    return person


class TerminalOf:
    """`sys` at a terminal: pytest reads what is said."""

    def __init__(self, real: Any) -> None:
        self.platform = real.platform
        self.stderr = self

    def isatty(self) -> bool:
        return True


def connections(syncd: CommandLine) -> list[dict[str, Any]]:
    return list(syncd.document("connections", "list"))


def test_a_person_connects_in_the_browser(syncd: CommandLine, person: Person) -> None:
    told = syncd(*ADD)
    assert (told.code, told.err) == (0, "")
    (page,) = person.pages
    assert f"\n  {page}\n" in told.out
    assert "Connection 1: anna@example.com works." in told.out
    assert "Checked for conflicts: Work\n" in told.out
    assert "anna@example.com is connected" in person.done()
    (row,) = connections(syncd)
    assert (row["account"], row["state"], row["selected"]) == (ANNA, "active", 1)
    assert row["token_expires_at"]
    assert syncd.document("connections", "test", 1)[0]["outcome"] == "done"


def test_what_is_asked_for_goes_to_standard_error_where_json_is_wanted(syncd: CommandLine, person: Person) -> None:
    told = syncd(*ADD, "--json")
    assert told.document["selected"] == ["Work"]
    assert person.pages[0] in told.err


def test_the_page_comes_back_to_the_port_that_was_named(syncd: CommandLine, person: Person, free_port: int) -> None:
    assert syncd(*ADD, "--port", free_port).code == 0
    redirect = parse_qs(urlsplit(person.pages[0]).query)["redirect_uri"]
    assert redirect == [f"http://127.0.0.1:{free_port}/"]


@pytest.fixture
def free_port() -> int:
    from syncd.demo.servers import free_port

    return free_port()


def test_no_browser_is_opened_where_that_is_not_wanted_and_the_wait_ends_with_advice(
    syncd: CommandLine, person: Person
) -> None:
    told = syncd(*ADD, "--no-browser", "--timeout", "0.05")
    assert (told.code, person.pages) == (1, [])
    assert "Open this page" in told.out
    assert "Nobody came back from the consent page" in told.err
    assert "--device" in told.err
    assert connections(syncd) == []


def test_a_browser_without_a_screen_is_not_opened(
    syncd: CommandLine, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert syncd(*ADD, "--timeout", "0.05").code == 1
    assert person.pages == []


def deny(diary: Diary) -> None:
    diary.faults.add("deny")


def grant_less(diary: Diary) -> None:
    diary.faults.add("partial-grant", value=[READ])


def refuse_client(diary: Diary) -> None:
    diary.faults.add("wrong-client")


@pytest.mark.parametrize(
    ("mishap", "said"),
    [(deny, "consent was not given"), (grant_less, "missing: diary.write"), (refuse_client, "invalid_client")],
)
def test_what_goes_wrong_is_said_on_both_sides_and_nothing_is_stored(
    mishap: Callable[[Diary], None], said: str, syncd: CommandLine, person: Person, diary: Diary
) -> None:
    mishap(diary)
    told = syncd(*ADD)
    assert told.code == 1
    assert said in told.err
    assert "What to do:" in told.err
    assert said in person.done()
    assert "Not connected" in person.shown
    assert connections(syncd) == []


def test_ctrl_c_ends_it_and_the_address_is_gone(
    syncd: CommandLine, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []

    def interrupted(url: str) -> bool:
        pages.append(url)
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", interrupted)
    told = syncd(*ADD)
    assert told.code == 130
    assert "Traceback" not in told.err
    port = urlsplit(parse_qs(urlsplit(pages[0]).query)["redirect_uri"][0]).port
    with pytest.raises(Exception, match="refused"):
        go(f"http://127.0.0.1:{port}/")
    assert connections(syncd) == []


def test_a_reconnect_keeps_the_id_and_refuses_another_account(syncd: CommandLine, person: Person, diary: Diary) -> None:
    syncd(*ADD)
    person.done()
    diary.issuer.revoke_account(ANNA)
    assert syncd("connections", "test", 1).code == 1
    person.account = BEN
    told = syncd("connections", "reconnect", 1)
    assert (told.code, BEN in told.err) == (2, True)
    assert "Not connected" in person.done()
    person.account = ANNA
    assert syncd("connections", "reconnect", 1).code == 0
    (row,) = connections(syncd)
    assert (row["id"], row["state"]) == (1, "active")


def test_an_app_that_nobody_registered_says_so(syncd: CommandLine, person: Person, tmp_path: Path) -> None:
    configured(tmp_path)
    told = syncd(*ADD)
    assert (told.code, person.pages) == (1, [])
    assert f"[apps.{APP}.client] client_id" in told.err


def test_a_new_user_without_an_email_is_asked_for_it_before_anything_else(syncd: CommandLine, person: Person) -> None:
    told = syncd("connections", "add", APP, "--user", 9)
    assert (told.code, person.pages) == (2, [])
    assert "--email" in told.err


def test_a_credential_by_file_needs_no_consent(syncd: CommandLine, person: Person, diary: Diary) -> None:
    told = syncd(*ADD, "--credential-file", "-", stdin=json.dumps(diary.issuer.issue(ANNA)))
    assert (told.code, person.pages) == (0, [])


def test_options_that_say_two_things_are_refused(syncd: CommandLine, person: Person) -> None:
    for options in (("--device", "--delegation", 1), ("--device", "--credential-file", "-")):
        assert syncd(*ADD, *options).code == 2
    assert person.pages == []


class TestDevice:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch, diary: Diary) -> None:
        """While the command waits for its second poll, the person types the code."""
        self.waits: list[float] = []

        def wait(seconds: float) -> None:
            self.waits.append(seconds)
            if len(self.waits) == 2:
                self.act(diary)

        self.act: Callable[[Diary], None] = Diary.allow_newest_device
        monkeypatch.setattr(time, "sleep", wait)

    def test_a_code_typed_elsewhere_connects(self, syncd: CommandLine, diary: Diary) -> None:
        told = syncd(*ADD, "--device")
        assert (told.code, told.err) == (0, "")
        code = told.out.partition("type the code ")[2].partition("\n")[0]
        assert f"{diary.url}/activate" in told.out
        assert len(code) == 8
        assert "It is good for 15 min" in told.out
        assert "Connection 1: anna@example.com works." in told.out
        assert (self.waits, diary.polls) == ([1.0, 1.0], 2)

    def test_the_next_polls_come_later_once_the_provider_asks_for_it(self, syncd: CommandLine, diary: Diary) -> None:
        diary.faults.add("slow-down")
        assert syncd(*ADD, "--device").code == 0
        assert self.waits == [1.0, 6.0]

    def test_a_person_who_says_no_ends_it(self, syncd: CommandLine, diary: Diary) -> None:
        self.act = lambda diary: diary.allow_newest_device(allowed=False)
        told = syncd(*ADD, "--device")
        assert (told.code, "access_denied" in told.err) == (1, True)
        assert connections(syncd) == []

    def test_an_app_without_consent_has_no_codes(self, syncd: CommandLine) -> None:
        told = syncd("connections", "add", "memory", "--user", 1, "--email", ANNA, "--device")
        assert (told.code, "--device" in told.err) == (2, True)


class Codes:
    """A flow whose polls end as planned."""

    def __init__(self, *ends: Any) -> None:
        self.ends = list(ends)

    def poll_device(self, memo: Any) -> Any:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


def test_polls_keep_to_the_interval_and_end_with_the_code() -> None:
    now, waits = [0.0], []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    def polled(*ends: Any, expires: float = 900.0) -> Any:
        code = DeviceCode(url="u", user_code="c", expires_in_s=expires, interval_s=5.0, memo={})
        now[0] = 0.0
        waits.clear()
        flow: Any = Codes(*ends)
        return consent.poll(flow, code, pause, lambda: now[0])

    slower = WaitUntilError("slow_down", retry_at=utc_now())
    assert polled(None, slower, None, RetryError("lost"), {"access_token": "a"}) == {"access_token": "a"}
    assert waits == [5.0, 5.0, 10.0, 10.0, 20.0]
    with pytest.raises(ReconnectError) as ended:
        polled(*[None] * 5, expires=20.0)
    assert ended.value.code == "device_code_expired"
    assert waits == [5.0, 5.0, 5.0]


class TestDelegations:
    @pytest.fixture
    def key_file(self, tmp_path: Path) -> Path:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(KEY), encoding="utf-8")
        return file

    @pytest.fixture
    def added(self, syncd: CommandLine, key_file: Path) -> Told:
        return syncd(*self.adding(key_file))

    @staticmethod
    def adding(key_file: object) -> tuple[object, ...]:
        words = ("delegations", "add", "google", "--organization", 500, "--domain", "example.com")
        return (*words, "--key-file", key_file)

    @staticmethod
    def connecting(email: str = ANNA, user: int = 1) -> tuple[object, ...]:
        return ("connections", "add", GOOGLE, "--user", user, "--email", email, "--delegation", 1)

    def test_from_adding_to_removing(self, syncd: CommandLine, added: Told, key_file: Path, diary: Diary) -> None:
        assert added.code == 0
        assert "Delegation 1 is there: google, for example.com." in added.out
        connected = syncd(*self.connecting())
        assert connected.code == 0
        assert "Checked for conflicts: Work" in connected.out
        (row,) = connections(syncd)
        assert (row["account"], row["delegation_id"]) == (ANNA, 1)
        (listed,) = syncd.document("delegations", "list")
        assert (listed["domain"], listed["enabled"], listed["connections"]) == ("example.com", True, 1)
        assert syncd("delegations", "update", 1, "--key-file", key_file).code == 0
        assert "is disabled; 1 connection(s)" in syncd("delegations", "disable", 1).out
        assert "syncd delegations enable 1" in syncd("connections", "list").out
        assert "disabled" in syncd("delegations", "list").out
        assert syncd("delegations", "enable", 1).code == 0
        assert syncd("connections", "test", 1).code == 0
        assert syncd("delegations", "remove", 1).code == 2  # there is no terminal to ask at
        assert syncd("delegations", "remove", 1, "--yes").code == 0
        assert "No delegations" in syncd("delegations", "list").out
        actions = [e["action"] for e in syncd.document("audit", "--target", "delegation 1")]
        assert actions == ["delegation_added", *["delegation_changed"] * 3, "delegation_removed"]

    def test_a_key_is_never_shown(self, syncd: CommandLine, added: Told, key_file: Path, diary: Diary) -> None:
        said = f"{added.out}{added.err}"
        diary.delegated.clear()
        for words in (
            self.connecting(),
            ("delegations", "list"),
            ("delegations", "list", "--json"),
            ("delegations", "update", 1, "--key-file", key_file),
            ("status",),
            ("status", "--json"),
            ("doctor", "--offline"),
            ("audit",),
            ("log",),
        ):
            told = syncd(*words)
            said += told.out + told.err
        assert KEY["private_key"] not in said
        assert KEY["private_key"].encode() not in (key_file.parent / "cli.db").read_bytes()

    @pytest.mark.parametrize("content", ["", "not JSON canary", "[]", '{"client_email": "canary"}'])
    def test_what_is_no_key_is_refused_without_repeating_it(self, content: str, syncd: CommandLine) -> None:
        told = syncd(*self.adding("-"), stdin=content)
        assert told.code == 2
        assert "private_key" in told.err
        assert "canary" not in told.err

    def test_a_person_of_another_domain_is_refused(self, syncd: CommandLine, added: Told) -> None:
        told = syncd(*self.connecting(EVE, 3))
        assert (told.code, "example.com" in told.err) == (2, True)
        assert connections(syncd) == []

    def test_an_unusable_key_is_shown_by_status_and_doctor_until_it_works(
        self, syncd: CommandLine, added: Told, diary: Diary
    ) -> None:
        diary.delegated.clear()
        assert syncd(*self.connecting()).code == 1
        status = syncd.document("status", code=1)["delegations"]
        assert [d["payload"]["user"] for d in status] == [{"id": 1, "email": ANNA, "organizationId": 500}]
        assert status[0]["payload"]["error"]["type"] == "CalendarAppDelegationCredentialError"
        shown = syncd("status")
        assert "Delegation 1 (google, example.com, for anna@example.com): " in shown.out
        assert "unauthorized_client" in shown.out
        (found,) = [f for f in syncd.document("doctor", "--offline", code=1) if f["verdict"] == "wrong"]
        assert found["what"] == "delegation 1 (google, example.com)"
        diary.delegated.add("example.com")
        assert syncd(*self.connecting()).code == 0
        assert syncd.document("status")["delegations"] == []
        assert "wrong" not in [f["verdict"] for f in syncd.document("doctor", "--offline")]

    def test_a_connection_is_moved_to_another_delegation_and_keeps_its_id(
        self, syncd: CommandLine, added: Told, key_file: Path
    ) -> None:
        syncd(*self.connecting())
        syncd("delegations", "remove", 1, "--yes")
        syncd(*self.adding(key_file))
        told = syncd("connections", "reconnect", 1, "--delegation", syncd.document("delegations", "list")[0]["id"])
        assert told.code == 0
        assert [(c["id"], c["state"]) for c in connections(syncd)] == [(1, "active")]


class TestDoctor:
    def findings(self, syncd: CommandLine) -> dict[str, dict[str, Any]]:
        told = syncd("doctor", "--offline", "--json")
        return {f["what"].split(" (")[0]: f for f in told.document}

    def test_a_missing_registration_is_told_where_tokens_need_it(
        self, syncd: CommandLine, diary: Diary, tmp_path: Path
    ) -> None:
        syncd(*ADD, "--credential-file", "-", stdin=json.dumps(diary.issuer.issue(ANNA)))
        assert f"client of {APP}" not in self.findings(syncd)
        configured(tmp_path)
        os.truncate(tmp_path / "cli.db", 0)
        syncd(*ADD, "--credential-file", "-", stdin=json.dumps(diary.issuer.issue(ANNA)))
        found = self.findings(syncd)[f"client of {APP}"]
        assert found["verdict"] == "wrong"
        assert f"[apps.{APP}.client] client_id" in found["remedy"]
        assert "SYNCD_CLIENT_SECRET_DIARY" in found["remedy"]

    @pytest.mark.parametrize(
        ("http", "verdict", "told"),
        [
            ("", "ok", "off"),
            ('[http]\npublic_url = "https://syncd.example.com/"', "ok", "https://syncd.example.com/api/connections"),
            ('[http]\npublic_url = "http://127.0.0.1:8600"', "ok", "http://127.0.0.1:8600/api/connections/callback"),
            ('[http]\npublic_url = "http://syncd.example.com"', "wrong", "not encrypted"),
        ],
    )
    def test_the_redirect_address_is_told(
        self, http: str, verdict: str, told: str, syncd: CommandLine, tmp_path: Path
    ) -> None:
        configured(tmp_path, text=f"{http}\n{CLIENT}")
        found = self.findings(syncd)["redirect address"]
        assert (found["verdict"], told in found["told"]) == (verdict, True)

    def test_a_permission_that_was_not_granted_is_told_by_what_the_connector_needs(
        self, syncd: CommandLine, diary: Diary
    ) -> None:
        syncd(*ADD, "--credential-file", "-", stdin=json.dumps(diary.issuer.issue(ANNA, (READ,))))
        found = self.findings(syncd)["connection 1"]
        assert (found["verdict"], "diary.write" in found["told"]) == ("soon", True)


def test_the_check_of_the_configuration_tells_a_registration_that_cannot_be_used(
    syncd: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "open").write_text("canary", encoding="utf-8")
    (tmp_path / "open").chmod(0o644)
    text = f"""[apps.{APP}.client]
client_idd = "x"
[apps.{GOOGLE}.client]
client_secret_file = "{tmp_path}/open"
[apps.memory.client]
client_secret = "canary"
"""
    configured(tmp_path, text=text)
    problems = syncd.document("config", "check", code=2)["error"]["problems"]
    found = {p["where"].removeprefix(f"{tmp_path}/syncd.toml: "): p for p in problems}
    assert set(found) == {f"apps.{APP}.client.client_idd", f"apps.{GOOGLE}.client", "apps.memory.client.client_secret"}
    assert all(p["remedy"] for p in problems)
    assert "canary" not in str(problems)
    configured(tmp_path, text=CLIENT)
    assert syncd("config", "check").code == 0
