"""A database restored elsewhere writes to nobody until it is adopted."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from cli.command_line import command, configured, finished
from cli.people import envelope
from engine.deliveries import created
from engine.world import ANNA, World
from given import POSTGRESQL, SQLITE, OpenRuntime
from postgres_server import PostgresServer
from sqlalchemy import make_url

from syncd.engine.clone import Home
from syncd.engine.runtime import Runtime
from syncd.errors import RetryError
from syncd.model.clock import utc_now
from syncd.settings import Settings
from syncd.store import directory, inbox, installation
from syncd.store.database import Database
from syncd.store.inbox import Arrival
from syncd.vault import Binding

from .machines import CONFIG, Machine, calendar_server
from .test_kills import Fleet

MakeCopy = Callable[[], str]


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database_kind(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture
def copy(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest, database_names: Iterator[str]
) -> Iterator[MakeCopy]:
    """Restores the database somewhere else. Nothing may be connected to it."""
    made: list[str] = []

    def restored() -> str:
        url = make_url(database_url)
        if url.get_backend_name() == "sqlite":
            shutil.copy(url.database or "", tmp_path / "copy.db")
            return f"sqlite:///{tmp_path}/copy.db"
        made.append(next(database_names))
        return cast(PostgresServer, request.getfixturevalue("postgresql")).create(made[0], url.database or "")

    yield restored
    for name in made:
        cast(PostgresServer, request.getfixturevalue("postgresql")).drop(name)


@pytest.fixture
def clone(office: World, copy: MakeCopy, open_runtime: OpenRuntime, settings: Settings) -> World:
    """The office, copied with one booking that is not written yet; the original is gone on without."""
    assert office.runtime.home.may_write()
    office.deliver(created("a"))
    office.runtime.database.close()
    url = copy()
    runtime: Runtime = open_runtime(settings=settings.model_copy(update={"database_url": url}))
    return World(runtime, office.provider, office.clock)


@pytest.fixture
def used(database_url: str) -> str:
    """A database that was used where it is."""
    database = Database(database_url)
    assert Home(database).moved is None
    database.close()
    return database_url


def test_the_first_start_makes_a_database_at_home(database: Database) -> None:
    home = Home(database)
    assert home.moved is None
    assert Home(database).moved is None
    home.require()


def test_a_copy_writes_to_no_provider(clone: World) -> None:
    clone.work()
    assert clone.events() == []
    assert clone.provider.calls["put_event"] == 0
    assert not clone.reference().attempted


def test_a_copy_refreshes_no_token_and_the_connection_is_not_to_blame(clone: World) -> None:
    connection_id = clone.reference().connection_id
    binding = Binding(connection_id=connection_id, app="memory", user_id=ANNA)
    with clone.runtime.database.write() as session:
        row = directory.get_connection(session, connection_id)
        row.envelope = clone.runtime.vault.seal_credential({"access_token": "old", "refresh_token": "rotates"}, binding)
        session.add(row)
    with pytest.raises(RetryError) as refused:
        clone.runtime.tokens.renew(connection_id, "old")
    assert refused.value.code == "not_adopted"
    assert clone.connection(connection_id).state == "active"


def test_a_copy_still_takes_in_plans_and_reads(clone: World) -> None:
    clone.deliver(created("b", told=1, at=1))
    assert {row.subject for row in clone.references()} == {"a", "b"}
    assert clone.read().outcomes == {"done": 1}


def test_an_adopted_copy_writes_without_a_restart(clone: World) -> None:
    assert clone.runtime.home.moved is not None
    with clone.runtime.database.write() as session:
        installation.adopt(session)
    clone.work()
    assert len(clone.events()) == 1


def test_sync_leaves_writes_says_why_and_does_them_once_adopted(
    tmp_path: Path, database_url: str, copy: MakeCopy
) -> None:
    with calendar_server(0) as server:
        original = Fleet(tmp_path, database_url, server)
        original.connect_people()
        database = Database(database_url)
        with database.write() as session:
            inbox.put(session, [Arrival(source="test", body=envelope("u1@example.com", "a"))], utc_now())
        database.close()
        original.config.write_text(original.config.read_text().replace(database_url, copy()))
        told = finished(original.config, "sync")
        assert told.code == 1
        assert "syncd db adopt" in told.err
        assert server.uids().total() == 0
        assert finished(original.config, "db", "adopt", "--yes").code == 0
        assert finished(original.config, "sync").code == 0
        assert server.uids().total() == 1


def test_adopting_is_asked_for_and_written_down(tmp_path: Path, used: str, copy: MakeCopy) -> None:
    config = configured(tmp_path, copy(), CONFIG)
    status = finished(config, "status")
    assert (status.code, "Read-only." in status.out) == (1, True)
    assert finished(config, "db", "adopt").code == 2
    assert finished(config, "db", "adopt", "--yes", "--json").document["adopted"]
    assert not finished(config, "db", "adopt", "--yes", "--json").document["adopted"]
    assert finished(config, "status").code == 0
    (event,) = finished(config, "audit", "--action", "database_adopted", "--json").document
    assert event["result"] == "done"


def test_a_person_is_shown_both_places_before_they_agree(tmp_path: Path, used: str, copy: MakeCopy) -> None:
    config = configured(tmp_path, copy(), CONFIG)
    ours, theirs = pty.openpty()
    words = command(config, "db", "adopt")
    with subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as asked:
        os.write(ours, b"n\n")
        said, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert asked.returncode == 130
    assert "At home:" in said
    assert "Here:" in said


def test_the_daemon_of_a_copy_is_not_ready_and_says_why(tmp_path: Path, used: str, copy: MakeCopy) -> None:
    daemon = Machine(configured(tmp_path, copy(), CONFIG), "run")
    try:
        daemon.start()
        status, told = daemon.get("/readyz")
        assert status == 503
        assert any("syncd db adopt" in reason for reason in told["reasons"])
        assert daemon.stop() == 0
    finally:
        daemon.close()


@pytest.mark.parametrize("database_kind", [POSTGRESQL])
def test_the_worker_of_a_copy_refuses_with_the_reason(tmp_path: Path, used: str, copy: MakeCopy) -> None:
    told = finished(configured(tmp_path, copy(), CONFIG), "worker")
    assert told.code == 1
    assert "syncd db adopt" in told.err


def test_what_a_place_does_not_tell_makes_no_copy() -> None:
    known = "database syncd, oid 5, system 77"
    assert installation.is_same(known, "database syncd, oid 5, system unknown")
    assert not installation.is_same(known, "database syncd, oid 6, system unknown")
    assert not installation.is_same(known, "database syncd, oid 5, system 78")
    assert not installation.is_same(known, "file /a, machine unknown")
