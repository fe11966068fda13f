"""How the daemon starts, takes up a new configuration, and ends."""

from __future__ import annotations

import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from cli.command_line import finished
from cli.people import envelope
from given import POSTGRESQL
from notify_socket import Listener, listening
from sqlalchemy import make_url

from syncd.store import schema
from syncd.store.database import Database
from syncd.testing.dav import DavStub

from .daemon import Daemon, configuration, running, until
from .office import Desk, reference_states

SLOW_S = 30.0
KNOCKERS = 4
PORT_NOBODY_HAS = 1
SHARED = {
    "CALCOM_CREDENTIAL_SYNC_SECRET": "the-sync-secret",
    "CALCOM_APP_CREDENTIAL_ENCRYPTION_KEY": "0123456789abcdef" * 2,
}
"""The environment of a daemon that shares credentials with Cal.com."""


@pytest.fixture
def stub() -> Iterator[DavStub]:
    with DavStub() as stub:
        yield stub


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Listener]:
    with listening(str(tmp_path / "notify")) as listener:
        yield listener


@pytest.fixture(params=["app", "calcom", "folder", "server", "port"])
def unusable(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, str]]:
    """What to write in place of what in a configuration, and what is told of it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        nobody = f"postgresql://nobody@127.0.0.1:{PORT_NOBODY_HAS}/none"
        yield {
            "app": ("[http]", "[apps.nosuch]\nconcurrency = 1\n[http]", "apps.nosuch"),
            "calcom": ("[http]", '[calcom]\nurl = "ftp://x"\n[http]', "calcom.url"),
            "folder": ("database_url = ", 'database_url = "sqlite:////none/x.db" # ', "/none, does not exist"),
            "server": ("database_url = ", f'database_url = "{nobody}" # ', "the server does not answer"),
            "port": ("port = 0", f"port = {port}", f"Cannot listen on 127.0.0.1 port {port}"),
        }[request.param]


@contextmanager
def sqlite_locked(file: Path) -> Iterator[None]:
    """Nobody else reads or writes the file meanwhile."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def tables_locked(url: str) -> Iterator[None]:
    """Jobs wait for their tables meanwhile."""
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)) as session:
        tables = "deliveries, connections, bookings, limit_standings, channels"
        session.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        yield


def test_it_is_not_ready_before_the_store_is_migrated(tmp_path: Path, systemd: Listener) -> None:
    file = tmp_path / "new.db"
    daemon = Daemon(configuration(tmp_path, f"sqlite:///{file}"), systemd.environ)
    try:
        with sqlite_locked(file):
            daemon.launch()
            until((tmp_path / "new.db.daemon").exists, "it begins")
            assert systemd.silent()
        assert "READY" in systemd.told()
        assert version(file) == schema.HEAD
    finally:
        daemon.close()


@pytest.mark.parametrize("database_kind", [POSTGRESQL])
def test_it_is_not_ready_before_a_job_has_run(tmp_path: Path, database_url: str, systemd: Listener) -> None:
    daemon = Daemon(configuration(tmp_path, database_url, port=free_port()), systemd.environ)
    try:
        with tables_locked(database_url):
            daemon.launch()
            until(lambda: answers(daemon), "it listens")
            asked = daemon.ask("/readyz")
            assert (asked.status, asked.document["reasons"]) == (503, ["the first scheduled job has not run yet"])
            assert daemon.ask("/healthz").status == 200
            assert systemd.silent()
        assert "READY" in systemd.told()
        assert daemon.ask("/readyz").status == 200
    finally:
        daemon.close()


@pytest.mark.parametrize("database_kind", [POSTGRESQL])
def test_stopped_before_a_job_has_run_it_never_says_ready(tmp_path: Path, database_url: str, systemd: Listener) -> None:
    config = configuration(tmp_path, database_url, port=free_port(), http="stop_seconds = 0.5")
    daemon = Daemon(config, systemd.environ)
    try:
        with tables_locked(database_url):
            daemon.launch()
            until(lambda: answers(daemon), "it listens")
            daemon.running.send_signal(signal.SIGTERM)
            assert "STOPPING" in systemd.told()
        assert daemon.ended() == 0
        assert "ready" not in [each["event"] for each in daemon.events]
        assert systemd.silent()
    finally:
        daemon.close()


def test_systemd_is_told_when_it_is_ready_alive_and_stopping(tmp_path: Path, systemd: Listener) -> None:
    with running(configuration(tmp_path), {**systemd.environ, "WATCHDOG_USEC": "3000000"}) as daemon:
        ready = systemd.told()
        assert (ready["READY"], ready["STATUS"]) == ("1", f"serving {daemon.address}")
        assert systemd.told() == {"WATCHDOG": "1"}
        assert daemon.stop() == 0
        told = iter(systemd.told, {})
        stopping = next(each for each in told if "WATCHDOG" not in each)
    assert stopping["STOPPING"] == "1"
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) == 25_000_000


def test_what_is_in_hand_is_finished_after_sigterm(tmp_path: Path, stub: DavStub) -> None:
    config = configuration(tmp_path)
    desk = Desk(config, stub)
    with running(config) as daemon:
        stub.delay_s = 0.5
        assert daemon.deliver(desk.booking("b1")) == 200
        until(lambda: stub.counts["PUT"], "the write is under way")
        assert daemon.stop() == 0
    assert reference_states(config) == {"synced": 1}
    assert desk.written() == {"b1": 1}


def test_what_does_not_end_in_time_is_handed_back(tmp_path: Path, stub: DavStub) -> None:
    config = configuration(tmp_path, http="stop_seconds = 0.5")
    desk = Desk(config, stub)
    with running(config) as daemon:
        stub.delay_s = SLOW_S
        assert daemon.deliver(desk.booking("b1")) == 200
        until(lambda: stub.counts["PUT"], "the write is under way")
        assert daemon.stop() == 0
        daemon.wait_for("work in hand was not done in time and is handed back")
    stub.delay_s = 0.0
    assert reference_states(config) == {"pending": 1}
    assert finished(config, "sync", "--json").document["left"]["pending"] == 0
    assert desk.written() == {"b1": 1}


class Knockers:
    """Callers that connect again and again, each a new connection; `refused` are those not answered."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._knock) for _ in range(KNOCKERS)]
        self.answered = 0
        self.refused: list[OSError] = []

    def __enter__(self) -> Knockers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _knock(self) -> None:
        while not self._enough.is_set():
            try:
                self.answered += self._daemon.ask("/healthz").status == 200
            except OSError as error:
                self.refused.append(error)


def test_a_new_configuration_is_taken_up_without_refusing_anyone(tmp_path: Path, systemd: Listener) -> None:
    config = configuration(tmp_path)
    with running(config, systemd.environ) as daemon, Knockers(daemon) as knockers:
        before = (daemon.running.pid, daemon.address)
        assert daemon.deliver(envelope("nobody@example.com", "b1", title="x" * 2000)) == 200
        config.write_text(config.read_text().replace("[http]", "[http]\nmax_body_kb = 1"))
        daemon.running.send_signal(signal.SIGHUP)
        daemon.wait_until_ready(2)
        assert daemon.deliver(envelope("nobody@example.com", "b2", title="x" * 2000)) == 413
        after = knockers.answered
        until(lambda: knockers.answered > after, "callers are answered")
        assert (daemon.running.pid, daemon.address) == before
    assert knockers.refused == []
    told = [systemd.told() for _ in range(3)]
    assert [next(iter(each)) for each in told] == ["READY", "RELOADING", "READY"]


def test_a_bad_configuration_is_refused_with_every_problem_and_the_old_one_kept(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    with running(config) as daemon:
        good = config.read_text()
        config.write_text(good.replace("[http]", "[http]\nmax_body_kb = 0\nno_such_setting = 1"))
        daemon.running.send_signal(signal.SIGHUP)
        refused = daemon.wait_for("the new configuration is refused, the old one kept")
        problems = " ".join(refused["problems"])
        assert "max_body_kb" in problems
        assert "no_such_setting" in problems
        assert daemon.deliver(envelope("nobody@example.com", "b1")) == 200
        config.write_text(good)
        assert daemon.stop() == 0
    audited = finished(config, "audit", "--json").document
    assert [(e["action"], e["result"]) for e in audited] == [("configuration_changed", "refused")]


@pytest.mark.parametrize("trouble", ["keys", "secret"])
def test_a_configuration_whose_secrets_cannot_be_read_is_refused(tmp_path: Path, trouble: str) -> None:
    config = configuration(tmp_path)
    with running(config) as daemon:
        if trouble == "keys":
            (tmp_path / "keys").write_text("no key")
        else:
            config.write_text(config.read_text() + f'[webhooks]\nsecrets_file = "{tmp_path}/none"\n')
        daemon.running.send_signal(signal.SIGHUP)
        daemon.wait_for("the new configuration is refused, the old one kept")
        assert daemon.deliver(envelope("nobody@example.com", "b1")) == 200


def test_a_configuration_that_could_not_be_started_with_is_refused(
    tmp_path: Path, unusable: tuple[str, str, str]
) -> None:
    config = configuration(tmp_path)
    before, after, told = unusable
    with running(config, SHARED) as daemon:
        config.write_text(config.read_text().replace(before, after))
        daemon.running.send_signal(signal.SIGHUP)
        refused = daemon.wait_for("the new configuration is refused, the old one kept")
        assert told in " ".join([refused["error"], *refused["problems"]])
        assert daemon.deliver(envelope("nobody@example.com", "b1")) == 200


def test_a_refusal_for_an_unforeseen_reason_is_audited(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    good = config.read_text()
    with running(config) as daemon:
        config.write_text(good.replace("[http]", '[http]\nhost = "no\\u0000host"'))
        daemon.running.send_signal(signal.SIGHUP)
        assert daemon.wait_for("the new configuration is refused, the old one kept")["code"] == "TypeError"
        config.write_text(good)
        assert daemon.stop() == 0
    (audited,) = finished(config, "audit", "--json").document
    assert (audited["action"], audited["result"]) == ("configuration_changed", "refused")


def test_another_host_on_the_port_it_has_is_taken_up(tmp_path: Path) -> None:
    config = configuration(tmp_path, port=free_port())
    with running(config) as daemon:
        config.write_text(config.read_text().replace("[http]", '[http]\nhost = "0.0.0.0"'))
        daemon.running.send_signal(signal.SIGHUP)
        daemon.wait_until_ready(2)
        assert daemon.address.startswith("http://0.0.0.0:")


def test_a_second_daemon_on_sqlite_is_refused(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    with running(config) as daemon:
        second = finished(config, "run")
        assert second.code == 1
        assert f"Another daemon (process {daemon.running.pid}) works on this database already." in second.err
        assert daemon.ask("/readyz").status == 200


def test_a_daemon_that_was_killed_keeps_nobody_out(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    with running(config) as daemon:
        daemon.kill()
        daemon.start()
        assert daemon.stop() == 0


def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = finished(configuration(tmp_path, port=port), "run")
    assert told.code == 2
    assert f"Cannot listen on 127.0.0.1 port {port}" in told.err


def version(file: Path) -> str | None:
    database = Database(f"sqlite:///{file}")
    try:
        return schema.version(database)
    finally:
        database.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def answers(daemon: Daemon) -> bool:
    try:
        return daemon.ask("/healthz").status == 200
    except OSError:
        return False
