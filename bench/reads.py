"""Reading calendars again: nothing changed, and 10 changed of 5 000. Requests are counted by the server.

CPU is that of the whole process over the round, claims and commits included. The yardstick is the bare report
(`http.client`, one connection) that learns the same.
"""

from __future__ import annotations

import time
from base64 import b64encode
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from syncd.engine.runtime import Runtime

from .engine import LOGIN, choose, connect, engine
from .figures import Figure, cost_of, in_turn
from .server import Server

CONNECTIONS = 20
EACH = 10
EVENTS = 20
GOAL_CPU_MS = 3.0
LARGE = 5000
CHANGED = 10
GOAL_REQUESTS = 3
REPORT = (
    b'<?xml version="1.0"?><D:sync-collection xmlns:D="DAV:"><D:sync-token>%s</D:sync-token><D:sync-level>1'
    b"</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
)


def _read_all(runtime: Runtime) -> int:
    report = runtime.busy_sync.run(runtime.executor, everything=True)
    assert not any(r.error for r in report.results), next(r.error for r in report.results if r.error)
    return len(report.results)


def _bare_cpu_s(url: str, calendars: list[str]) -> float:
    login = b64encode(f"{LOGIN['username']}:{LOGIN['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/xml; charset=utf-8", "Depth": "0"}

    def run() -> None:
        with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
            for calendar in calendars:
                connection.request("REPORT", urlsplit(calendar).path, REPORT % b"", headers)
                connection.getresponse().read()

    return cost_of(run).cpu_s


def unchanged(rounds: int) -> list[Figure]:
    """A round over many calendars in which nothing has changed."""
    count = CONNECTIONS * EACH
    requests: set[float] = set()
    with Server() as server, engine() as runtime:
        calendars = server.add_calendars(count, EVENTS)
        for n in range(CONNECTIONS):
            connect(runtime, n + 1, {"url": server.url, **LOGIN})
            choose(runtime, n + 1, calendars[n * EACH : (n + 1) * EACH])
        assert _read_all(runtime) == count

        def ours() -> float:
            server.clear()
            cost = cost_of(lambda: _read_all(runtime))
            requests.add(sum(server.counts().values()) / count)
            return cost.cpu_s / count * 1000

        cpu, floor = in_turn(rounds, ours, lambda: _bare_cpu_s(server.url, calendars) / count * 1000)
    return [
        Figure(
            name=f"nothing changed, {count} calendars: CPU each",
            measured=cpu,
            unit="ms",
            yardstick="bare report",
            yardstick_value=floor,
            ratio=cpu / floor,
            goal=f"at most {GOAL_CPU_MS:g} ms",
            met=cpu <= GOAL_CPU_MS,
        ),
        Figure(
            name="  requests a calendar",
            measured=max(requests),
            unit="requests",
            goal="exactly 1",
            met=requests == {1.0},
        ),
    ]


def changed(rounds: int) -> list[Figure]:
    """A few changes in a large calendar."""
    requests: set[int] = set()
    times = []
    with Server() as server, engine() as runtime:
        (calendar,) = server.add_calendars(1, LARGE)
        connect(runtime, 1, {"url": server.url, **LOGIN})
        choose(runtime, 1, [calendar])
        _read_all(runtime)
        for _ in range(rounds):
            server.change(calendar, CHANGED)
            server.clear()
            began = time.perf_counter()
            report = runtime.busy_sync.run(runtime.executor, everything=True)
            times.append(time.perf_counter() - began)
            requests.add(sum(server.counts().values()))
            assert report.results[0].detail == f"{CHANGED} items changed", report.results
    return [
        Figure(
            name=f"{CHANGED} changed of {LARGE}: requests",
            measured=max(requests),
            unit="requests",
            goal=f"at most {GOAL_REQUESTS}",
            met=max(requests) <= GOAL_REQUESTS,
            detail=f"{sorted(times)[rounds // 2] * 1000:.0f} ms",
        )
    ]


def measure(quick: bool = False) -> list[Figure]:
    """Both."""
    rounds = 3 if quick else 7
    return [*unchanged(rounds), *changed(rounds)]
