"""Signed booking webhooks: how many a second are stored before they are answered, and how soon each is a request at
the provider.

The generator, the server and the provider are processes of their own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory

from .daemon import cpu_percent, latencies_ms, running
from .figures import Figure, percentile
from .postgres import PostgresServer, find_postgres
from .web_load import ROOT, Load, run_load

CONNECTIONS = 32
GOAL_P99_MS = 50.0
GOAL_OF_ECHO = {"SQLite": 0.30, "PostgreSQL": 0.25}
GOAL_OF_FASTAPI = 8.0
RATE = 100.0
BOOKINGS = 1000
"""That the webhooks of the memory's measurement are about: it is of syncd, not of a calendar that grows."""


@contextmanager
def serving(name: str, database_url: str) -> Iterator[int]:
    """The port of one of the applications of `web_peers`, in a process of its own."""
    command = [sys.executable, "-m", "bench.web_peers", name, database_url]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.communicate(timeout=30)


def load_of(name: str, database_url: str, count: int) -> Load:
    """What the generator sees of an application, after a warm-up."""
    with serving(name, database_url) as port:
        run_load(port, 200, connections=CONNECTIONS)
        seen = run_load(port, count, connections=CONNECTIONS, first=200)
    assert set(seen.statuses) == {"200"}, seen.statuses
    return seen


def measure(quick: bool = False) -> list[Figure]:
    """Throughput on both databases, then the daemon."""
    figures = [*_throughput("SQLite", None, quick)]
    if binaries := find_postgres():
        with PostgresServer(binaries) as server:
            figures += _throughput("PostgreSQL", server, quick)
    return figures + _daemon(quick)


def _throughput(database: str, server: PostgresServer | None, quick: bool) -> list[Figure]:
    rounds, count = (3, 1500) if quick else (5, 4000)
    seen: dict[str, list[Load]] = {"syncd": [], "echo": [], "fastapi": []}
    for _ in range(rounds):
        for name, loads in seen.items():
            with TemporaryDirectory(prefix="bench-") if server is None else nullcontext() as folder:
                url = f"sqlite:///{folder}/syncd.db" if server is None else server.new_database()
                loads.append(load_of(name, url, count if name != "fastapi" else count // 4))
    ours, echo, usual = (statistics.median(load.rate for load in loads) for loads in seen.values())
    p99 = statistics.median(percentile(load.took_ms, 99) for load in seen["syncd"])
    name = f"webhooks a second, {CONNECTIONS} connections, {database}"
    goal = GOAL_OF_ECHO[database]
    return [
        _against(name, ours, "bare Starlette echo", echo, goal),
        _against("  the same against the usual FastAPI route", ours, "FastAPI, a session each", usual, GOAL_OF_FASTAPI),
        Figure(name="  p99", measured=p99, unit="ms", goal=f"at most {GOAL_P99_MS:g} ms", met=p99 <= GOAL_P99_MS),
    ]


def _against(name: str, ours: float, yardstick: str, value: float, goal: float) -> Figure:
    ratio = ours / value
    return Figure(
        name=name,
        measured=ours,
        unit="/s",
        yardstick=yardstick,
        yardstick_value=value,
        ratio=ratio,
        goal=f"ratio at least {goal:g}",
        met=ratio >= goal,
    )


def _daemon(quick: bool) -> list[Figure]:
    with running() as daemon:
        ready_s, idle_mb = daemon.ready_s, daemon.rss_mb()
        idle = cpu_percent(daemon, 5.0 if quick else 20.0)
        seen = latencies_ms(daemon, 300 if quick else 3000, RATE)
    p50, p99 = percentile(seen, 50), percentile(seen, 99)
    return [
        _plain(f"webhook to provider request, {RATE:g} a second: p50", p50, "ms", 10.0),
        _plain("  p99", p99, "ms", GOAL_P99_MS),
        _plain("syncd run: ready", ready_s, "s", 0.7),
        _plain("  idle memory, one CalDAV connection", idle_mb, "MB", 85.0),
        _plain("  idle CPU", idle, "%", 0.5),
        _memory(1_000 if quick else 10_000, 5_000 if quick else 100_000),
    ]


def _memory(few: int, many: int) -> Figure:
    """Of a daemon that is told of the same bookings again and again, each time with something to write."""
    with running() as daemon:
        run_load(daemon.port, few, connections=CONNECTIONS, bookings=BOOKINGS)
        after_few = daemon.rss_mb()
        for first in range(few, many, few):
            run_load(daemon.port, min(few, many - first), connections=CONNECTIONS, first=first, bookings=BOOKINGS)
        after_many = daemon.rss_mb()
    name = f"  memory after {many:,} webhooks, to that after {few:,}"
    return _plain(name, after_many / after_few, "times", 1.1, f"{after_few:.0f} and {after_many:.0f} MB")


def _plain(name: str, measured: float, unit: str, goal: float, detail: str = "") -> Figure:
    return Figure(
        name=name, measured=measured, unit=unit, goal=f"at most {goal:g} {unit}", met=measured <= goal, detail=detail
    )
