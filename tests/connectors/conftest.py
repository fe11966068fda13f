"""Servers for the connector tests: real ones once per session, the stub once per test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from caldav_opening import PASSWORD, USER, opening
from syncd_connectors.caldav.connector import CalDavConnector

from syncd.demo.servers import CalDavServer, radicale, xandikos
from syncd.testing.dav import DavStub, Login

OpenCalDav = Callable[..., CalDavConnector]


@pytest.fixture(scope="session")
def radicale_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalDavServer]:
    with radicale(tmp_path_factory.mktemp("radicale"), {USER: PASSWORD}) as server:
        yield server


@pytest.fixture(scope="session")
def xandikos_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalDavServer]:
    with xandikos(tmp_path_factory.mktemp("xandikos"), {USER: PASSWORD}) as server:
        yield server


@pytest.fixture(scope="session")
def calendar_names() -> Iterator[str]:
    return (f"calendar{n}" for n in itertools.count())


@pytest.fixture
def caldav() -> Iterator[OpenCalDav]:
    """Opens connectors, and closes them after the test."""
    with ExitStack() as stack:

        def open_one(url: str, **fields: Any) -> CalDavConnector:
            return stack.enter_context(closing(opening(url, **fields)))

        yield open_one


@pytest.fixture
def stub() -> Iterator[DavStub]:
    with DavStub(login=Login(username=USER, password=PASSWORD)) as running:
        yield running
