"""From the command line to the first request at the provider, and what an idle daemon holds. One CalDAV connection.

The yardstick is `python -c pass` beside it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from syncd.engine.runtime import Runtime
from syncd.settings import load
from syncd.vault import generate_key, load_ring

from .engine import LOGIN, choose, connect
from .figures import Figure, in_turn
from .server import ROOT, Server

GOAL_S = 0.7
GOAL_RSS_MB = 80.0
FOREIGN = ("googleapiclient", "msal", "simple_salesforce", "hubspot", "syncd_connectors.ics_feed")
JOBS = {"take-in", "reconcile", "busy-sync", "sweep", "clean-up"}
MODULES = "import json, sys; from syncd.cli.app import run; run(sys.argv[1:]); print(json.dumps(list(sys.modules)))"


@contextmanager
def configured(url: str, calendar: str, *, destination: bool = False) -> Iterator[Path]:
    """The configuration file of a store with one connection and one selected calendar."""
    with TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        keys, config = folder / "keys", folder / "syncd.toml"
        keys.touch(mode=0o600)
        keys.write_text(generate_key("bench").line() + "\n", encoding="utf-8")
        config.write_text(f'database_url = "sqlite:///{folder}/syncd.db"\n[keys]\nfile = "{keys}"\n', encoding="utf-8")
        settings = load(str(config), {})
        runtime = Runtime(settings, load_ring({}, keys))
        try:
            runtime.upgrade()
            connect(runtime, 1, {"url": url, **LOGIN})
            choose(runtime, 1, [calendar], destination=destination)
        finally:
            runtime.close()
        yield config


def _command(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "syncd", "--config", str(config), *arguments]


def first_request_s(server: Server, config: Path) -> float:
    """Seconds from starting `syncd sync` to its first request, as the server saw it."""
    server.clear()
    began = time.time()
    subprocess.run(_command(config, "sync", "--json"), cwd=ROOT, check=True, capture_output=True)
    seen = server.first_request()
    assert seen is not None
    return seen - began


def nothing_s() -> float:
    """Seconds of a Python that does nothing."""
    began = time.time()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.time() - began


def idle_rss_mb(config: Path) -> float:
    """Memory of `syncd run` once every job has run."""
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # as the unit has it
    silent = subprocess.DEVNULL
    process = subprocess.Popen(_command(config, "run"), cwd=ROOT, env=environment, stdout=silent, stderr=silent)
    try:
        _await_jobs(config.parent / "syncd.db", process)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(kilobytes) / 1024
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _await_jobs(file: Path, process: subprocess.Popen[bytes]) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("delete from job_runs")
        connection.commit()
        while not {job for (job,) in connection.execute("select job from job_runs")} >= JOBS:
            assert process.poll() is None, "syncd run ended"
            time.sleep(0.05)


def imported(config: Path) -> list[str]:
    """What `syncd sync` imports of connectors that nobody configured."""
    command = [sys.executable, "-c", MODULES, "--config", str(config), "sync", "--json"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    modules = json.loads(told.splitlines()[-1])
    return sorted(found for found in FOREIGN if any(m == found or m.startswith(f"{found}.") for m in modules))


def measure(quick: bool = False) -> list[Figure]:
    """Start-up, memory, and imports."""
    rounds = 3 if quick else 9
    with Server() as server:
        (calendar,) = server.add_calendars(1, 20)
        with configured(server.url, calendar) as config:
            first_request_s(server, config)
            took, floor = in_turn(rounds, lambda: first_request_s(server, config), nothing_s)
            (rss,) = in_turn(1 if quick else 5, lambda: idle_rss_mb(config))
            foreign = imported(config)
    return [
        Figure(
            name="syncd sync: start to first request",
            measured=took,
            unit="s",
            yardstick="python -c pass",
            yardstick_value=floor,
            ratio=took / floor,
            goal=f"at most {GOAL_S:g} s",
            met=took <= GOAL_S,
        ),
        Figure(
            name="syncd run: memory when idle",
            measured=rss,
            unit="MB",
            goal=f"at most {GOAL_RSS_MB:g} MB",
            met=rss <= GOAL_RSS_MB,
        ),
        Figure(
            name="  imported of connectors not configured",
            measured=len(foreign),
            unit="packages",
            goal="none",
            met=not foreign,
            detail=", ".join(foreign),
        ),
    ]
