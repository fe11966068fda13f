"""`syncd run` with one CalDAV connection, watched from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

from .server import ROOT, Server
from .start_up import configured
from .web_load import run_load
from .web_peers import SECRET, UNLIMITED

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 3.0


@dataclass(slots=True, kw_only=True)
class Daemon:
    """A running daemon, and the CalDAV server of its connection. `ready_s`: from its start to its word "ready"."""

    process: subprocess.Popen[str]
    server: Server
    calendar: str
    port: int
    ready_s: float

    def rss_mb(self) -> float:
        """Its memory, once it has nothing to do."""
        self.wait_until_idle()
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))) / 1024

    def cpu_s(self) -> float:
        """Seconds of CPU it has used."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / TICKS

    def wait_until_idle(self) -> None:
        """Until it has used next to no CPU for a while."""
        used = self.cpu_s()
        time.sleep(SETTLE_S)
        while (now := self.cpu_s()) - used > 0.1 * SETTLE_S:
            used = now
            time.sleep(SETTLE_S)


@contextmanager
def running() -> Iterator[Daemon]:
    """A daemon on SQLite, ready."""
    with Server() as server:
        (calendar,) = server.add_calendars(1, 20)
        with configured(server.url, calendar, destination=True) as config:
            port = _free_port()
            with config.open("a", encoding="utf-8") as file:
                file.write(f'[http]\nport = {port}\nrequests_per_minute = {UNLIMITED}\n[log]\nformat = "json"\n')
            command = [sys.executable, "-m", "syncd", "--config", str(config), "run"]
            environment = {**os.environ, "SYNCD_WEBHOOK_SECRETS": SECRET, "MALLOC_ARENA_MAX": "2"}  # as the unit has it
            began = time.perf_counter()
            log = (config.parent / "log").open("w+", encoding="utf-8")
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, text=True)
            try:
                while '"ready"' not in (config.parent / "log").read_text(encoding="utf-8"):
                    assert process.poll() is None, "syncd run ended"
                    time.sleep(0.005)
                ready = time.perf_counter() - began
                yield Daemon(process=process, server=server, calendar=calendar, port=port, ready_s=ready)
            finally:
                process.terminate()
                process.wait(timeout=60)
                log.close()


def cpu_percent(daemon: Daemon, seconds: float) -> float:
    """Of one CPU, while nothing is asked of it."""
    used = daemon.cpu_s()
    time.sleep(seconds)
    return (daemon.cpu_s() - used) / seconds * 100


def latencies_ms(daemon: Daemon, count: int, rate: float) -> list[float]:
    """From sending a webhook to the PUT of its event at the provider."""
    run_load(daemon.port, 50, rate=rate)
    daemon.wait_until_idle()
    seen = run_load(daemon.port, count, rate=rate, first=1000)
    daemon.wait_until_idle()
    came = daemon.server.put_times(daemon.calendar)
    return [(came[f"bench{int(number):08}"] - sent) * 1000 for number, sent in seen.sent.items()]


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
