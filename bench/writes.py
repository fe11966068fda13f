"""1 000 new bookings over CalDAV: from the inbox to the last durable result, 16 requests in flight, 50 ms an answer.

The yardsticks are a bare client (`http.client`, one kept connection a thread) that sends the very same PUTs, and
vdirsyncer, which writes one after the other.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from base64 import b64encode
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

from .engine import CALDAV, IN_FLIGHT, LOGIN, choose, connect, database_file, deliveries, engine, tell
from .figures import Cost, Figure, cost_of, in_turn
from .server import Server
from .vdirsyncer import Vdirsyncer, installed

DELAY_MS = 50.0
STAND_IN_S = 53.6  # vdirsyncer 0.21.0, 1 000 PUTs at 50 ms, on the machine of speed-floors.md; serial, so latency rules


@dataclass(slots=True)
class _Tally:
    """What every run of ours has to show besides its time."""

    bodies: dict[str, str] = field(default_factory=dict)
    cpu_ms: list[float] = field(default_factory=list)
    puts: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)
    durable: set[int] = field(default_factory=set)


def ours(bookings: int, seen: _Tally) -> float:
    """Seconds from the inbox to the last commit."""
    with Server(DELAY_MS) as server, engine() as runtime:
        (calendar,) = server.add_calendars(1)
        connect(runtime, 1, {"url": server.url, **LOGIN})
        choose(runtime, 1, [calendar], destination=True)
        arrivals = deliveries(bookings)
        server.clear()

        def run() -> None:
            tell(runtime, arrivals)
            runtime.reconciler.run(runtime.executor)

        cost = cost_of(run)
        counts = server.counts()
        seen.puts.add(counts.pop("PUT", 0))
        seen.others.add(sum(counts.values()))
        seen.bodies = server.texts(calendar)
        seen.cpu_ms.append(cost.cpu_s / bookings * 1000)
        with closing(sqlite3.connect(database_file(runtime))) as other:
            query = "select count(*) from booking_references where state = 'synced' and receipt is not null"
            seen.durable.add(other.execute(query).fetchone()[0])
        return cost.seconds


def bare(bodies: dict[str, str]) -> Cost:
    """What the same PUTs cost without anything around them."""
    with Server(DELAY_MS) as server:
        server.add_calendars(1)
        cost = cost_of(lambda: _put_all(server.url, bodies))
        assert server.counts() == {"PUT": len(bodies)}
        return cost


def _put_all(url: str, bodies: dict[str, str]) -> None:
    waiting: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    for path, text in bodies.items():
        waiting.put((quote(path), text.encode()))
    login = b64encode(f"{LOGIN['username']}:{LOGIN['password']}".encode()).decode()
    headers = {
        "Authorization": f"Basic {login}",
        "Content-Type": "text/calendar; charset=utf-8",
        "If-None-Match": "*",
        "User-Agent": "bench",
    }

    def work() -> None:
        with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
            while True:
                try:
                    path, body = waiting.get_nowait()
                except queue.Empty:
                    return
                connection.request("PUT", path, body, headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 201

    threads = [threading.Thread(target=work) for _ in range(IN_FLIGHT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def serial(client: Vdirsyncer, bodies: dict[str, str]) -> float:
    """Seconds of `vdirsyncer sync` with the same events."""
    with Server(DELAY_MS) as server:
        (calendar,) = server.add_calendars(1)
        seconds = client.upload(calendar, bodies)
        assert server.counts()["PUT"] == len(bodies)
        return seconds


def measure(quick: bool = False) -> list[Figure]:
    """Against the bare client, against vdirsyncer, and what was counted."""
    bookings, rounds = (200, 3) if quick else (1000, 5)
    seen, bare_cpu = _Tally(), []
    ours(20, _Tally())  # imports and pools, once

    def bare_seconds() -> float:
        cost = bare(seen.bodies)
        bare_cpu.append(cost.cpu_s / bookings * 1000)
        return cost.seconds

    with installed(wanted=not quick) as client:
        runs = [lambda: ours(bookings, seen), bare_seconds]
        if client:
            runs.append(lambda: serial(client, seen.bodies))
        took, floor, *rest = in_turn(rounds, *runs)
    peer = rest[0] if rest else STAND_IN_S * bookings / 1000
    exact = seen.puts == {bookings} and seen.durable == {bookings}
    cpu = f"CPU a booking {sorted(seen.cpu_ms)[rounds // 2]:.2f} ms, bare {sorted(bare_cpu)[rounds // 2]:.2f} ms"
    return [
        Figure(
            name=f"write {bookings} bookings, {CALDAV}",
            measured=took,
            unit="s",
            yardstick=f"bare client, {IN_FLIGHT} threads",
            yardstick_value=floor,
            ratio=took / floor,
            goal="ratio at most 1.5",
            met=took / floor <= 1.5,
            detail=cpu,
        ),
        Figure(
            name="  the same against vdirsyncer",
            measured=took,
            unit="s",
            yardstick="vdirsyncer" if rest else "vdirsyncer (not run: figure of speed-floors.md)",
            yardstick_value=peer,
            ratio=took / peer,
            goal="12 times faster",
            met=peer / took >= 12,
            detail=f"{peer / took:.1f} times faster",
        ),
        Figure(
            name="  PUTs a booking, every result durable",
            measured=max(seen.puts) / bookings,
            unit="PUT",
            goal="exactly 1",
            met=exact,
            detail=f"PUTs {sorted(seen.puts)}, durable {sorted(seen.durable)}, other requests {sorted(seen.others)}",
        ),
    ]
