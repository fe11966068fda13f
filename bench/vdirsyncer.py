"""vdirsyncer in a virtual environment of its own, gone when the benchmark ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .engine import LOGIN

REQUIREMENT = "vdirsyncer==0.21.0"
CONFIG = """
[general]
status_path = "{folder}/status/"
[pair bench]
a = "here"
b = "there"
collections = null
[storage here]
type = "filesystem"
path = "{folder}/here/"
fileext = ".ics"
[storage there]
type = "caldav"
url = "{url}"
username = "{username}"
password = "{password}"
"""


class Vdirsyncer:
    """Its command."""

    def __init__(self, command: Path) -> None:
        self._command = command

    def upload(self, calendar: str, bodies: dict[str, str]) -> float:
        """Seconds of the `sync` that writes `bodies` into an empty calendar."""
        with TemporaryDirectory(prefix="vdirsyncer-") as folder:
            here = Path(folder) / "here"
            here.mkdir()
            for n, text in enumerate(bodies.values()):
                (here / f"{n}.ics").write_text(text, encoding="utf-8", newline="")
            config = Path(folder) / "config"
            config.write_text(CONFIG.format(folder=folder, url=calendar, **LOGIN), encoding="utf-8")
            self._run(config, "discover")
            began = time.perf_counter()
            self._run(config, "sync")
            return time.perf_counter() - began

    def _run(self, config: Path, command: str) -> None:
        environment = {**os.environ, "VDIRSYNCER_CONFIG": str(config)}
        subprocess.run([self._command, command], env=environment, check=True, capture_output=True, input=b"y\n")


@contextmanager
def installed(*, wanted: bool = True) -> Iterator[Vdirsyncer | None]:
    """vdirsyncer from the package registry; None when it cannot be had."""
    if not wanted:
        yield None
        return
    with TemporaryDirectory(prefix="vdirsyncer-venv-") as folder:
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
            pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", REQUIREMENT]
            subprocess.run(pip, check=True, capture_output=True, timeout=300)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            yield None
            return
        yield Vdirsyncer(Path(folder) / "bin" / "vdirsyncer")
