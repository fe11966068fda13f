"""`syncd run` and `syncd worker` as processes that are killed, on one database and one calendar server."""

from __future__ import annotations

import http.client
import json
import queue
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.command_line import command

PATIENCE_S = 30.0
QUICK = "take_in = 0.5\nreconcile = 0.5\nbusy_sync = 5.0\nsweep = 0.5\n"
CONFIG = f"""[http]
port = 0
requests_per_minute = 1000000
[webhooks]
allow_unsigned = true
[jobs]
{QUICK}"""


class Machine:
    """One process of syncd, started, killed and started again."""

    def __init__(self, config: Path, *words: str) -> None:
        self._words = command(config, *words)
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None
        self.port = 0

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._said = queue.SimpleQueue()
        self._process = subprocess.Popen(self._words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._read, args=(self._process, self._said), daemon=True)
        self._reader.start()
        address = self.wait_for("ready").get("address")
        self.port = urlsplit(address).port or 0 if address else 0

    def wait_for(self, event: str) -> dict[str, Any]:
        """Wait until it logs an event; what it logged."""
        before: list[dict[str, Any]] = []
        while True:
            said = self._said.get(timeout=PATIENCE_S)
            assert said is not None, f"it ended before {event!r}: {before}"
            if said.get("event") == event:
                return said
            before.append(said)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`."""
        self.signal(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(PATIENCE_S)
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return code

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @staticmethod
    def _read(process: subprocess.Popen[str], said: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.put(json.loads(line) if line.startswith("{") else {"event": line})
        said.put(None)

    def post(self, body: Mapping[str, Any]) -> bool:
        """Send a delivery; whether it was accepted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/api/webhook/bookings", json.dumps(body), {"Content-Type": "application/json"})
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, Any]:
        """Status and document of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


class CalendarServer:
    """The CalDAV stub in a process of its own, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def uids(self) -> Counter[str]:
        """How often each UID is in the calendar `work`."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        query = '<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav"/>'
        try:
            connection.request("REPORT", "/cal/work/", query, {"Depth": "1"})
            found = connection.getresponse().read().decode()
        finally:
            connection.close()
        return Counter(uid.strip() for uid in re.findall(r"^UID:(.*)$", found, re.MULTILINE))


@contextmanager
def calendar_server(delay_ms: float) -> Iterator[CalendarServer]:
    """The stub, until the block ends."""
    words = [sys.executable, "-m", "syncd.testing.dav", "--delay-ms", str(delay_ms)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield CalendarServer(process.stdout.readline().strip())
        finally:
            process.kill()


def until(said: str, condition: Any, patience_s: float = 60.0) -> None:
    """Look again and again until a condition holds."""
    tries = threading.Event()
    for _ in range(int(patience_s / 0.1)):
        if condition():
            return
        tries.wait(0.1)
    raise AssertionError(f"never: {said}")
