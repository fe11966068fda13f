"""`syncd run` as a process of its own: started, watched through its log, spoken to over HTTP, stopped and killed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.command_line import command, configured

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.02
SECRET = "the-webhook-secret"
BOOKINGS = "/api/webhook/bookings"
JOBS = "[jobs]\ntake_in = 0.5\nreconcile = 0.5\nbusy_sync = 0.5\nsweep = 0.5\n"


def configuration(folder: Path, database_url: str = "", *, port: int = 0, http: str = "", more: str = JOBS) -> Path:
    """A configuration file; port 0 is any free one, `http` more lines of that section, `more` other sections."""
    text = f"[http]\nport = {port}\nrequests_per_minute = 1000000\n{http}\n{more}"
    return configured(folder, database_url, text)


def signed(body: bytes) -> dict[str, str]:
    """The headers of Cal.com's delivery."""
    return {"X-Cal-Signature-256": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


@dataclass(frozen=True)
class Answer:
    """What the daemon answered."""

    status: int
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Daemon:
    """One daemon, started as often as wanted. `events` is all that it logged since it was started."""

    def __init__(self, config: Path, environ: Mapping[str, str] | None = None) -> None:
        self.config = config
        self._environ = {**os.environ, "SYNCD_WEBHOOK_SECRETS": SECRET, **(environ or {})}
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._logged = threading.Condition()
        self._closed = False
        self.events: list[dict[str, Any]] = []
        self.address = f"http://127.0.0.1:{tomllib.loads(config.read_text())['http']['port']}"

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.events, self._closed = [], False
        words = command(self.config, "run")
        self._process = subprocess.Popen(words, stderr=subprocess.PIPE, env=self._environ, text=True)
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self, times: int = 1) -> None:
        """Until it has said for the `times`-th time that it is ready."""
        self.address = self.wait_for("ready", times)["address"]

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        """What it logged with the `times`-th such event."""

        def found() -> bool:
            return self._closed or len(self._named(event)) >= times

        with self._logged:
            assert self._logged.wait_for(found, PATIENCE_S), f"no {event!r}: {self.events}"
            assert len(self._named(event)) >= times, f"it ended before {event!r}: {self.events}"
            return self._named(event)[times - 1]

    def _named(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            with self._logged:
                self.events.append(json.loads(line) if line.startswith("{") else {"event": line.strip()})
                self._logged.notify_all()
        with self._logged:
            self._closed = True
            self._logged.notify_all()

    @property
    def running(self) -> subprocess.Popen[str]:
        """Its process."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """`kill -9`."""
        self.running.send_signal(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        code = self.running.wait(PATIENCE_S)
        assert self._reader is not None
        assert self.running.stderr is not None
        self._reader.join()
        self.running.stderr.close()
        return code

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it, not open yet."""
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def deliver(self, delivery: Mapping[str, Any]) -> int:
        """The status of a signed delivery."""
        body = json.dumps(delivery).encode()
        return self.ask(BOOKINGS, "POST", body, signed(body)).status


@contextmanager
def running(config: Path, environ: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """A daemon that is ready; killed at the end if it still runs."""
    daemon = Daemon(config, environ)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()


def until(condition: Callable[[], object], said: str, patience_s: float = PATIENCE_S) -> None:
    """Look again and again until a condition holds; fail when it never does."""
    pause = threading.Event()
    for _ in range(int(patience_s / LOOK_EVERY_S)):
        if condition():
            return
        pause.wait(LOOK_EVERY_S)
    raise AssertionError(f"never: {said}")
