"""One Radicale for all, a person of their own for each test, and the command with a fresh database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.demo.servers import CalDavServer, radicale

from .command_line import CommandLine, configured
from .people import Person


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalDavServer]:
    logins = {f"ada{n}": f"sesame-{n}" for n in range(60)}
    with radicale(tmp_path_factory.mktemp("radicale"), logins) as running:
        yield running


@pytest.fixture(scope="session")
def logins() -> Iterator[str]:
    return (f"ada{n}" for n in itertools.count())


@pytest.fixture
def person(server: CalDavServer, logins: Iterator[str]) -> Person:
    """A person with the empty calendars `work` and `home`."""
    return _person(server, next(logins))


@pytest.fixture
def another(server: CalDavServer, logins: Iterator[str]) -> Person:
    """Somebody else at the same server."""
    return _person(server, next(logins))


def _person(server: CalDavServer, login: str) -> Person:
    server.create_calendar(login, "work", "Work")
    server.create_calendar(login, "home", "Home")
    return Person(server, login)


@pytest.fixture
def syncd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("SYNCD_DATABASE_URL", raising=False)
    return CommandLine(configured(tmp_path), capsys, monkeypatch)


@pytest.fixture
def connected(syncd: CommandLine, person: Person) -> Person:
    """The person, connected as user 1: Work is checked and written to."""
    syncd.document(*adding(person), stdin=person.credential)
    work = calendar_id(syncd, "Work")
    syncd.document("calendars", "select", work)
    syncd.document("calendars", "destination", work)
    return person


def adding(person: Person) -> tuple[object, ...]:
    """The command that connects a person by a credential on standard input."""
    words = ("connections", "add", "caldav-calendar", "--user", 1, "--email", person.email)
    return (*words, "--zone", "Europe/Berlin", "--credential-file", "-")


def calendar_id(syncd: CommandLine, name: str) -> int:
    """The id of the calendar with that name."""
    return next(int(c["id"]) for c in syncd.document("calendars", "list") if c["name"] == name)
