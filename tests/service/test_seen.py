"""What an operator sees of a daemon: health, metrics, `syncd status`, `syncd doctor`, `syncd inbox`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cli.command_line import CommandLine, finished
from cli.people import envelope
from given import POSTGRESQL
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

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
SEVEN_DAYS = {"access_token": "a", "refresh_token": "r", "refresh_token_expires_in": 604799}


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


@contextmanager
def closed_to_all(url: str) -> Iterator[None]:
    """Nobody is connected to a PostgreSQL database meanwhile, and nobody can be."""
    address = make_url(url).set(drivername="postgresql")
    name, elsewhere = address.database, address.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(elsewhere, autocommit=True) as session:
        session.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            session.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


Findings = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def findings(syncd: CommandLine) -> Findings:
    """What `syncd doctor` finds, as (what, verdict)."""

    def find(*words: object, code: int) -> list[tuple[str, str]]:
        return [(f["what"].split(" (")[0], f["verdict"]) for f in syncd.document("doctor", *words, code=code)]

    return find


SOUND = [("configuration", "ok"), ("keys", "ok"), ("database", "ok"), ("clock", "ok")]
REGISTERED = [*SOUND, ("redirect address", "ok")]
BY_CONSENT = ("google-calendar", "office365-calendar", "zohocalendar")


@pytest.fixture
def registered(config: Path) -> None:
    """syncd is known to the providers that people consent at."""
    clients = [f'[apps.{app}.client]\nclient_id = "c"\n' for app in BY_CONSENT]
    config.write_text(config.read_text() + "".join(clients))


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

    @pytest.mark.parametrize("database_kind", [POSTGRESQL])
    def test_without_its_store_it_is_not_ready_and_tells_its_counters(self, tmp_path: Path, database_url: str) -> None:
        with running(configuration(tmp_path, database_url)) as daemon:
            assert daemon.deliver({"triggerEvent": "FORM_SUBMITTED", "payload": {}}) == 200
            assert metrics(daemon)["syncd_store_up",] == 1
            with closed_to_all(database_url):
                asked = daemon.ask("/readyz")
                assert (asked.status, asked.document["reasons"]) == (503, ["the store cannot be read"])
                seen = metrics(daemon)
                assert seen["syncd_store_up",] == 0
                assert seen["syncd_webhooks_total", "ignored", "bookings"] == 1
            assert daemon.ask("/readyz").status == 200
            assert metrics(daemon)["syncd_store_up",] == 1


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

    def test_an_app_nobody_is_connected_to_any_more_has_no_age(self, config: Path, stub: DavStub) -> None:
        desk = Desk(config, stub)
        with running(config) as daemon:
            assert daemon.deliver(desk.booking("b1")) == 200
            until(lambda: synced(daemon), "it is read")
            assert ("syncd_busy_age_seconds", APP) in metrics(daemon)
            assert finished(config, "connections", "remove", "1", "--yes").code == 0
            assert ("syncd_busy_age_seconds", APP) not in metrics(daemon)

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

    def test_trying_again_makes_what_waits_no_younger(self, syncd: CommandLine, tmp_path: Path, stub: DavStub) -> None:
        config = configuration(tmp_path, more=f"{JOBS}[writes]\nfirst_retry_seconds = 0.1\n")
        desk = Desk(config, stub)
        for _ in range(1000):
            stub.once("PUT", Response(503))
        with running(config) as daemon:
            assert daemon.deliver(desk.booking("b1")) == 200
            until(lambda: stub.counts["PUT"] > 1, "it has failed once")
            before, tried = syncd.document("status")["oldest_pending_at"], stub.counts["PUT"]
            until(lambda: stub.counts["PUT"] > tried + 1, "it is tried again")
            assert syncd.document("status")["oldest_pending_at"] == before


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

    def test_an_ipv6_host_is_bracketed(self, syncd: CommandLine, config: Path) -> None:
        config.write_text(config.read_text().replace("port = 0", f'host = "::1"\nport = {PORT_NOBODY_HAS}'))
        told = syncd.document("doctor", code=1)[-1]["told"]
        assert told.startswith(f"http://[::1]:{PORT_NOBODY_HAS} does not answer")

    @pytest.mark.parametrize("address", ["http://::1:8600", "http://[::1", "http://host:port"])
    def test_an_address_that_is_none_does_not_answer(self, findings: Findings, address: str) -> None:
        assert findings("--address", address, code=1)[-1] == ("webhook address", "wrong")

    def test_a_clock_is_not_said_to_agree_with_itself(self, syncd: CommandLine) -> None:
        (clock,) = [f for f in syncd.document("doctor", "--offline") if f["what"] == "clock"]
        assert (clock["verdict"], clock["told"]) == ("ok", "Not compared with another clock.")

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

    @pytest.mark.usefixtures("registered")
    @pytest.mark.parametrize(
        ("app", "credential", "told"),
        [
            (APP, {"access_token": "a"}, "no refresh token"),
            ("google-calendar", SEVEN_DAYS, "testing mode"),
        ],
    )
    def test_what_will_break_is_told_beforehand(
        self, syncd: CommandLine, config: Path, app: str, credential: dict[str, Any], told: str
    ) -> None:
        connect(config, credential, app)
        found = syncd.document("doctor", "--offline", code=0)
        (soon,) = [f for f in found if f["verdict"] == "soon"]
        assert told in soon["told"]
        assert "reconnect" in soon["remedy"]

    @pytest.mark.usefixtures("registered")
    @pytest.mark.parametrize(
        ("app", "granted", "missing"),
        [
            ("google-calendar", "email https://www.googleapis.com/auth/calendar.readonly", "auth/calendar.events"),
            ("office365-calendar", "https://graph.microsoft.com/Calendars.Read User.Read", "Calendars.ReadWrite"),
            ("zohocalendar", "ZohoCalendar.calendar.ALL,ZohoCalendar.event.READ", "ZohoCalendar.event.ALL"),
        ],
    )
    def test_a_permission_that_was_not_granted_is_told_beforehand(
        self, syncd: CommandLine, config: Path, app: str, granted: str, missing: str
    ) -> None:
        connect(config, {"access_token": "a", "refresh_token": "r", "scope": granted}, app)
        (soon,) = [f for f in syncd.document("doctor", "--offline", code=0) if f["verdict"] == "soon"]
        assert missing in soon["told"]
        assert "reconnect" in soon["remedy"]

    @pytest.mark.usefixtures("registered")
    @pytest.mark.parametrize(
        ("app", "granted"),
        [
            ("google-calendar", "https://www.googleapis.com/auth/calendar"),
            ("office365-calendar", "https://graph.microsoft.com/Calendars.ReadWrite openid"),
            ("zohocalendar", "ZohoCalendar.calendar.READ,ZohoCalendar.event.ALL,ZohoCalendar.freebusy.READ"),
            ("hubspot", "oauth"),
        ],
    )
    def test_permissions_that_suffice_are_no_finding(
        self, findings: Findings, config: Path, app: str, granted: str
    ) -> None:
        connect(config, {"access_token": "a", "refresh_token": "r", "scope": granted}, app)
        assert findings("--offline", code=0) == REGISTERED

    @pytest.mark.usefixtures("registered")
    @pytest.mark.parametrize(
        ("app", "credential"),
        [
            ("google-calendar", {"access_token": "a", "refresh_token": "r"}),
            ("google-calendar", {"access_token": "a", "refresh_token": "r", "refresh_token_expires_in": 15552000}),
            ("zoom", SEVEN_DAYS),
        ],
    )
    def test_a_lasting_consent_is_no_finding(
        self, findings: Findings, config: Path, app: str, credential: dict[str, Any]
    ) -> None:
        connect(config, credential, app)
        assert findings("--offline", code=0) == REGISTERED


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
