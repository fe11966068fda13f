"""What an operator sees of a daemon: health, metrics, `syncd status`, `syncd doctor`, `syncd inbox`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine, finished
from cli.people import envelope
from prometheus_client.parser import text_string_to_metric_families

from syncd.model.clock import utc_now
from syncd.store import directory
from syncd.store.database import Database
from syncd.store.tables import Connection
from syncd.testing.dav import DavStub, Login, Response
from syncd.vault import Binding, CredentialVault, generate_key, load_ring

from .daemon import JOBS, Daemon, configuration, running, until
from .office import Desk

APP = "caldav-calendar"
CANARY = "canary"
PORT_NOBODY_HAS = 1


@pytest.fixture
def stub() -> Iterator[DavStub]:
    with DavStub() as stub:
        yield stub


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configuration(tmp_path)


@pytest.fixture
def daemon(config: Path) -> Iterator[Daemon]:
    with running(config) as daemon:
        yield daemon


@pytest.fixture
def syncd(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(config, capsys, monkeypatch)


def metrics(daemon: Daemon) -> dict[tuple[str, ...], float]:
    """Each value by its name and labels, without the labels' names and without empty ones."""
    text = daemon.ask("/metrics").body.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(s.name, *filter(None, s.labels.values())): s.value for s in samples}


def synced(daemon: Daemon) -> bool:
    """Whether a booking is written and the calendar read."""
    seen = metrics(daemon)
    return bool(seen.get(("syncd_references", "synced")) and seen.get(("syncd_calendars", APP, "fresh")))


def connect(config: Path, credential: Mapping[str, Any], app: str = APP) -> None:
    """A connection with this credential, in the store of a sound installation."""
    assert finished(config, "db", "upgrade").code == 0
    database = Database(f"sqlite:///{config.parent}/cli.db")
    vault = CredentialVault(load_ring({}, config.parent / "keys"))
    now = utc_now()
    try:
        with database.write() as session:
            directory.add_user(session, 1, "ada@example.com", now)
            row = Connection(user_id=1, app=app, state="active", created_at=now, updated_at=now)
            row.envelope, row.settings = "", {}
            session.add(row)
            session.flush()
            assert row.id is not None
            row.envelope = vault.seal_credential(credential, Binding(connection_id=row.id, app=app, user_id=1))
    finally:
        database.close()


Findings = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def findings(syncd: CommandLine) -> Findings:
    """What `syncd doctor` finds, as (what, verdict)."""

    def find(*words: object, code: int) -> list[tuple[str, str]]:
        return [(f["what"].split(" (")[0], f["verdict"]) for f in syncd.document("doctor", *words, code=code)]

    return find


SOUND = [("configuration", "ok"), ("keys", "ok"), ("database", "ok"), ("clock", "ok")]


class TestHealth:
    def test_alive_and_ready(self, daemon: Daemon) -> None:
        assert daemon.ask("/healthz").document == {"status": "alive"}
        assert daemon.ask("/readyz").document == {"status": "ready", "reasons": []}

    def test_a_database_restored_elsewhere_is_not_ready(self, daemon: Daemon, config: Path) -> None:
        daemon.stop()
        shutil.copy(config.parent / "cli.db", config.parent / "copy.db")
        config.write_text(config.read_text().replace("cli.db", "copy.db"))
        daemon.start()
        asked = daemon.ask("/readyz")
        assert asked.status == 503
        assert "syncd db adopt" in asked.document["reasons"][0]
        assert daemon.ask("/healthz").status == 200


class TestMetrics:
    def test_what_happened_is_counted(self, config: Path, stub: DavStub) -> None:
        desk = Desk(config, stub)
        with running(config) as daemon:
            assert daemon.deliver(desk.booking("b1")) == 200
            assert daemon.deliver({"triggerEvent": "FORM_SUBMITTED", "payload": {}}) == 200
            assert daemon.ask("/api/webhook/bookings", "POST", b"{}").status == 401
            until(lambda: synced(daemon), "it is written")
            seen = metrics(daemon)
        assert seen["syncd_results_total", APP, "put-event", "done"] == 1
        assert seen["syncd_provider_calls_total", APP, "PUT event", "ok"] == 1
        for outcome in ("stored", "ignored", "unsigned"):
            assert seen["syncd_webhooks_total", outcome, "bookings"] == 1
        assert seen["syncd_calendars", APP, "fresh"] == 1
        assert ("syncd_quota_left", APP) not in seen
        assert seen["syncd_queue_age_seconds", "deliveries"] == 0
        assert seen["syncd_connections", APP, "active"] == 1

    def test_what_is_left_of_a_quota_is_told(self, tmp_path: Path, stub: DavStub) -> None:
        config = configuration(tmp_path, more=f"{JOBS}[apps.{APP}]\nrequests_per_minute = 600\n")
        desk = Desk(config, stub)
        with running(config) as daemon:
            assert daemon.deliver(desk.booking("b1")) == 200
            until(lambda: synced(daemon), "it is written")
            assert 0 < metrics(daemon)["syncd_quota_left", APP] <= 60

    def test_no_label_tells_of_a_person(self, config: Path, stub: DavStub) -> None:
        desk = Desk(config, stub)
        with running(config) as daemon:
            told = desk.booking(f"{CANARY}-uid", title=f"{CANARY} title", location=f"{CANARY} place")
            assert daemon.deliver(told) == 200
            broken = {"triggerEvent": "BOOKING_CREATED", "payload": {"uid": f"{CANARY}-2", CANARY: CANARY}}
            assert daemon.deliver(broken) == 400
            assert daemon.ask(f"/{CANARY}?{CANARY}={CANARY}").status == 404
            until(lambda: synced(daemon), "it is written")
            text = daemon.ask("/metrics").body.decode()
        assert "syncd_webhooks_total" in text
        for personal in (CANARY, desk.email, "guest@example.org", "Ada", "sesame", stub.url, "@"):
            assert personal not in text


class TestStatus:
    def test_a_sound_installation_has_nothing_to_do(self, syncd: CommandLine, config: Path, stub: DavStub) -> None:
        desk = Desk(config, stub)
        with running(config) as daemon:
            assert daemon.deliver(desk.booking("b1")) == 200
            until(lambda: synced(daemon), "it is written")
            told = syncd.document("status")
            assert told["connections"] == [{"app": APP, "state": "active", "count": 1}]
            assert told["references"] == {"synced": 1}
            assert told["deliveries"] == {"taken": 1}
            assert told["calendars"] == {APP: {"fresh": 1, "stale": 0, "failed": 0}}
            assert (told["broken"], told["parked"], told["read_only"]) == ([], [], False)
            assert {"take-in", "reconcile"} <= {job["job"] for job in told["jobs"]}
        shown = syncd("status").out
        assert "next run" in shown
        assert "Writes: 1 synced" in shown

    def test_a_refused_login_is_shown_with_its_remedy(self, syncd: CommandLine, config: Path, stub: DavStub) -> None:
        Desk(config, stub)
        stub.login = Login(password="another")
        assert syncd("connections", "test", "1").code == 1
        (broken,) = syncd.document("status", code=1)["broken"]
        assert broken["id"] == 1
        assert "reconnect" in broken["remedy"]
        assert "Connection 1" in syncd("status").out

    def test_what_waits_is_shown_with_its_age(self, syncd: CommandLine, config: Path, stub: DavStub) -> None:
        desk = Desk(config, stub)
        stub.once("PUT", Response(503))
        with running(config) as daemon:
            assert daemon.deliver(desk.booking("b1")) == 200
            until(lambda: stub.counts["PUT"], "it is tried")
            daemon.kill()
        waiting = syncd.document("status")
        assert waiting["references"] == {"pending": 1}
        assert waiting["oldest_pending_at"] is not None


class TestDoctor:
    def test_a_sound_installation(self, findings: Findings, config: Path, stub: DavStub, daemon: Daemon) -> None:
        Desk(config, stub)
        found = findings("--address", daemon.address, code=0)
        assert found == [*SOUND, ("connection 1", "ok"), ("webhook address", "ok")]

    def test_offline_no_provider_is_asked(
        self, findings: Findings, config: Path, stub: DavStub, daemon: Daemon
    ) -> None:
        Desk(config, stub)
        until(lambda: stub.counts["REPORT"], "the daemon has read once")
        daemon.stop()
        before = sum(stub.counts.values())
        assert findings("--offline", code=0) == SOUND
        assert sum(stub.counts.values()) == before

    def test_a_refused_connection_is_named_with_its_remedy(
        self, syncd: CommandLine, config: Path, stub: DavStub, daemon: Daemon
    ) -> None:
        Desk(config, stub)
        stub.login = Login(password="another")
        found = syncd.document("doctor", "--address", daemon.address, code=1)
        (wrong,) = [f for f in found if f["verdict"] == "wrong"]
        assert wrong["what"].startswith("connection 1")
        assert "reconnect" in wrong["remedy"]

    def test_an_address_that_does_not_answer(self, findings: Findings) -> None:
        assert findings("--address", f"http://127.0.0.1:{PORT_NOBODY_HAS}", code=1)[-1] == ("webhook address", "wrong")

    def test_a_key_that_is_gone(self, syncd: CommandLine, config: Path, stub: DavStub) -> None:
        Desk(config, stub)
        (config.parent / "keys").write_text(generate_key("other").line() + "\n")
        found = syncd.document("doctor", "--offline", code=1)
        wrong = [f["what"].split(" (")[0] for f in found if f["verdict"] == "wrong"]
        assert wrong == ["keys", "connection 1"]

    def test_a_configuration_that_cannot_be_used(self, syncd: CommandLine, config: Path) -> None:
        config.write_text(config.read_text().replace("port = 0", "port = -1"))
        told = syncd("doctor")
        assert told.code == 2
        assert "http.port" in told.err

    @pytest.mark.parametrize(
        ("credential", "told"),
        [
            ({"access_token": "a"}, "no refresh token"),
            ({"access_token": "a", "refresh_token": "r", "refresh_token_expires_in": 604799}, "testing mode"),
        ],
    )
    def test_what_will_break_is_told_beforehand(
        self, syncd: CommandLine, config: Path, credential: dict[str, Any], told: str
    ) -> None:
        connect(config, credential)
        found = syncd.document("doctor", "--offline", code=0)
        (soon,) = [f for f in found if f["verdict"] == "soon"]
        assert told in soon["told"]
        assert "reconnect" in soon["remedy"]

    @pytest.mark.parametrize(
        ("app", "granted", "missing"),
        [
            ("google-calendar", "email https://www.googleapis.com/auth/calendar.readonly", "auth/calendar.events"),
            ("office365-calendar", "https://graph.microsoft.com/Calendars.Read User.Read", "Calendars.ReadWrite"),
            ("zohocalendar", "ZohoCalendar.calendar.ALL,ZohoCalendar.event.READ", "ZohoCalendar.event.ALL"),
            ("salesforce", "refresh_token id", "api or full"),
        ],
    )
    def test_a_permission_that_was_not_granted_is_told_beforehand(
        self, syncd: CommandLine, config: Path, app: str, granted: str, missing: str
    ) -> None:
        connect(config, {"access_token": "a", "refresh_token": "r", "scope": granted}, app)
        (soon,) = [f for f in syncd.document("doctor", "--offline", code=0) if f["verdict"] == "soon"]
        assert missing in soon["told"]
        assert "reconnect" in soon["remedy"]

    @pytest.mark.parametrize(
        ("app", "granted"),
        [
            ("google-calendar", "https://www.googleapis.com/auth/calendar"),
            ("office365-calendar", "https://graph.microsoft.com/Calendars.ReadWrite openid"),
            ("zohocalendar", "ZohoCalendar.calendar.READ,ZohoCalendar.event.ALL"),
            ("hubspot", "oauth"),
        ],
    )
    def test_permissions_that_suffice_are_no_finding(
        self, findings: Findings, config: Path, app: str, granted: str
    ) -> None:
        connect(config, {"access_token": "a", "refresh_token": "r", "scope": granted}, app)
        assert findings("--offline", code=0) == SOUND

    @pytest.mark.parametrize(
        "credential",
        [
            {"access_token": "a", "refresh_token": "r"},
            {"access_token": "a", "refresh_token": "r", "refresh_token_expires_in": 15552000},
        ],
    )
    def test_a_lasting_consent_is_no_finding(
        self, findings: Findings, config: Path, credential: dict[str, Any]
    ) -> None:
        connect(config, credential)
        assert findings("--offline", code=0) == SOUND


class TestInbox:
    def test_a_delivery_that_cannot_be_used_is_kept_with_its_reason(self, syncd: CommandLine, daemon: Daemon) -> None:
        broken = {"triggerEvent": "BOOKING_CREATED", "payload": {"uid": "b1"}}
        assert daemon.deliver(broken) == 400
        (kept,) = syncd.document("inbox", "list")
        assert (kept["state"], kept["source"]) == ("quarantined", "webhook")
        assert "startTime" in kept["reason"]
        assert json.loads(syncd.document("inbox", "show", kept["id"])["body"]) == broken
        shown = syncd("inbox", "show", kept["id"]).out
        assert '"uid": "b1"' in shown
        assert "startTime" in shown

    def test_one_that_still_cannot_be_used_goes_back(self, syncd: CommandLine, daemon: Daemon) -> None:
        assert daemon.deliver({"triggerEvent": "NO_SUCH", "payload": {}}) == 400
        assert syncd.document("inbox", "retry", 1, code=1) == {"quarantined": 1}
        assert len(syncd.document("inbox", "list")) == 1

    def test_one_that_can_be_used_after_all_is_taken_in(self, syncd: CommandLine, config: Path) -> None:
        config.write_text(config.read_text().replace("[http]", "[http]\nmax_json_depth = 4"))
        with running(config) as daemon:
            assert daemon.deliver(envelope("ada@example.com", "b1", metadata={"a": [[1]]})) == 400
            assert daemon.stop() == 0
        assert syncd.document("inbox", "retry", 1) == {"taken": 1}
        assert syncd.document("inbox", "list") == []
        assert [d["state"] for d in syncd.document("inbox", "list", "--state", "all")] == ["taken"]
        assert [b["uid"] for b in syncd.document("bookings", "list")] == ["b1"]

    def test_what_is_not_there_is_named(self, syncd: CommandLine) -> None:
        for words in (("show", 7), ("retry", 7)):
            told = syncd("inbox", *words)
            assert (told.code, "No delivery 7." in told.err) == (2, True)
        told = syncd("inbox", "list", "--state", "lost")
        assert (told.code, "quarantined" in told.err) == (2, True)
