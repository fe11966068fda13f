"""A PostgreSQL server for a benchmark, from the system's binaries or from the wheel that carries them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self


def find_postgres() -> Path | None:
    """Where `initdb` and `pg_ctl` are."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A server on a Unix socket in a folder of its own, with the default durability. It refuses to run as root."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._databases = 0

    def __enter__(self) -> Self:
        self._folder = Path(mkdtemp(prefix="bench-pg-"))
        self._folder.chmod(0o755)
        if self._user:
            shutil.chown(self._folder, "postgres")
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "bench", "--auth=trust", "-E", "UTF8", "--locale=C")
        options = f"-k {self._folder} -c listen_addresses=''"
        self._run("pg_ctl", "-D", data, "-w", "-o", options, "-l", f"{self._folder}/log", "start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"bench{self._databases}"
        self._run("createdb", "-h", str(self._folder), "-U", "bench", name)
        return f"postgresql://bench@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
