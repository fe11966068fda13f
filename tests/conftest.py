"""What the tests share: a fresh database of each kind, keys, a clock that is set by hand, and an engine over them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from given import POSTGRESQL, SQLITE, OpenRuntime, SettableClock
from postgres_server import PostgresServer, postgres_server

from syncd.connector.registry import Registry
from syncd.engine.runtime import Runtime
from syncd.model.clock import Clock
from syncd.settings import Settings, Writes
from syncd.store import schema
from syncd.store.database import Database
from syncd.testing.memory import MemoryProvider, memory_spec
from syncd.vault import KeyRing, generate_key

TEMPLATE = "syncd_template"
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(scope="session", autouse=True)
def _own_certificates() -> Iterator[None]:
    """In requests these variables win over what a session is told to trust."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CA_VARIABLES:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Commands run in this process set up the log for good, on a stream that ends with their test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """The PostgreSQL server, with an upgraded database to copy."""
    with postgres_server() as server:
        _upgrade(server.create(TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite file to copy."""
    file = tmp_path_factory.mktemp("template") / "syncd.db"
    _upgrade(f"sqlite:///{file}")
    return file


def _upgrade(url: str) -> None:
    database = Database(url)
    schema.upgrade(database)
    database.close()


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    return (f"syncd_{n}" for n in itertools.count())


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database_kind(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture
def empty_database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, database_names: Iterator[str]
) -> Iterator[str]:
    """A database without tables."""
    if database_kind == SQLITE:
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server = cast(PostgresServer, request.getfixturevalue("postgresql"))
    name = next(database_names)
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, database_names: Iterator[str]
) -> Iterator[str]:
    """An upgraded database of its own for each test, on SQLite and on PostgreSQL."""
    if database_kind == SQLITE:
        shutil.copy(request.getfixturevalue("upgraded_file"), tmp_path / "syncd.db")
        yield f"sqlite:///{tmp_path}/syncd.db"
        return
    server = cast(PostgresServer, request.getfixturevalue("postgresql"))
    name = next(database_names)
    yield server.create(name, TEMPLATE)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing((generate_key("test"),), "test")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def memory() -> MemoryProvider:
    """The provider behind app `memory`; it has no calendar yet."""
    return MemoryProvider()


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, writes=Writes(threads=8))


@pytest.fixture
def open_runtime(settings: Settings, ring: KeyRing, clock: Clock, memory: MemoryProvider) -> Iterator[OpenRuntime]:
    """Opens engines over the test's database, as several processes would, and closes them after the test."""
    with ExitStack() as stack:

        def open_one(**changed: Any) -> Runtime:
            arguments = {"registry": Registry(specs={"memory": memory_spec(memory)}), "clock": clock, **changed}
            runtime = Runtime(arguments.pop("settings", settings), arguments.pop("ring", ring), **arguments)
            stack.callback(runtime.close)
            return runtime

        yield open_one


@pytest.fixture
def runtime(open_runtime: OpenRuntime) -> Runtime:
    """An engine whose only app is `memory`."""
    return open_runtime()
