"""Signed webhooks from a process of its own: as fast as they are answered, or at a rate.

Prints one JSON document: seconds, what each request took in milliseconds, when each was sent, statuses.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .engine import deliveries
from .web_peers import PATH, SECRET

ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class Load:
    """What a run of the generator saw; `sent` by the booking's number, as `time.time`."""

    seconds: float = 0.0
    took_ms: list[float] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.took_ms) / self.seconds


def run_load(
    port: int, count: int, *, connections: int = 32, rate: float = 0.0, first: int = 0, bookings: int = 0
) -> Load:
    """Run the generator in a process of its own."""
    numbers = (port, count, connections, rate, first, bookings)
    command = [sys.executable, "-m", "bench.web_load", *map(str, numbers)]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    return Load(told["seconds"], told["took_ms"], told["sent"], Counter(told["statuses"]))


def requests(count: int, first: int, bookings: int) -> list[bytes]:
    """Whole requests, each of another booking or of `bookings` in turn."""
    made = []
    for arrival in deliveries(count, first=first, bookings=bookings):
        body = json.dumps(arrival.body).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Cal-Signature-256: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def _client(port: int, waiting: Iterator[tuple[int, bytes, float]], seen: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    for number, request, due in waiting:
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        seen.sent[str(number)], began = time.time(), time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        seen.took_ms.append((time.perf_counter() - began) * 1000)
        seen.statuses[head[9:12].decode()] += 1
    writer.close()


async def _run(port: int, count: int, connections: int, rate: float, first: int, bookings: int) -> Load:
    made, seen = requests(count, first, bookings), Load()
    start = asyncio.get_running_loop().time() + 0.2
    dues = ((n, request, start + (n / rate if rate else 0)) for n, request in enumerate(made))
    waiting = ((first + n, request, due) for n, request, due in dues)
    await asyncio.sleep(0.2)
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, waiting, seen) for _ in range(connections)))
    seen.seconds = time.perf_counter() - began
    return seen


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser()
    for name, kind in (
        ("port", int),
        ("count", int),
        ("connections", int),
        ("rate", float),
        ("first", int),
        ("bookings", int),
    ):
        parser.add_argument(name, type=kind)
    o = parser.parse_args()
    seen = asyncio.run(_run(o.port, o.count, o.connections, o.rate, o.first, o.bookings))
    told = {"seconds": seen.seconds, "took_ms": seen.took_ms, "sent": seen.sent, "statuses": seen.statuses}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
