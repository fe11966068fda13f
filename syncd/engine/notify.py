"""What systemd is told: sd_notify(3) over $NOTIFY_SOCKET, and its watchdog.

The watchdog is fed by work, not by a thread that is merely alive: a feed goes out only when a scheduled job has ended
within a bound. A scheduler that hangs is not fed, and systemd starts the daemon anew (`Restart=on-failure`).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping

import structlog

from syncd.settings import Jobs

SLACK_S = 60.0
"""How much later than its period a job may end: a busy database's time-out (30 s), and as much again."""

FEEDS_PER_PERIOD = 3
SEND_TIMEOUT_S = 2.0


class Notifier:
    """Tells systemd how the service is. Outside of systemd, or where it does not listen, it does nothing.

    Args:
        environ: the process's; an address in NOTIFY_SOCKET that begins with `@` is in the abstract namespace.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._log = structlog.get_logger("syncd.notify")

    def ready(self, status: str) -> None:
        """The service has started, or has taken up a new configuration."""
        self.send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self.send(_status(text))

    def reloading(self) -> None:
        """A new configuration is being taken up; `ready` says when that is done."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within_s: float) -> None:
        """The service ends by itself; it may take `within_s` seconds, whatever the unit's TimeoutStopSec says."""
        self.send("STOPPING=1", _status("stopping"), f"EXTEND_TIMEOUT_USEC={int(within_s * 1_000_000)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self.send("WATCHDOG=1")

    def send(self, *assignments: str) -> None:
        """Send assignments in one message. A message that cannot be sent is lost: work goes on without systemd."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_TIMEOUT_S)  # a full queue there holds nothing up here
                sender.connect(self._address)
                sender.sendall("\n".join(assignments).encode())
        except OSError as error:
            self._log.warning("systemd was not told", error=f"{type(error).__name__}: {error}")


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"


def watchdog_period(environ: Mapping[str, str], pid: int | None = None) -> float | None:
    """Seconds within which systemd wants to be fed (WatchdogSec); None when it does not watch this process."""
    watched = environ.get("WATCHDOG_PID", "")
    if watched and watched != str(os.getpid() if pid is None else pid):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdigit() and int(microseconds) else None


def progress_bound(jobs: Jobs) -> float:
    """Seconds within which some job ends as long as the scheduler works: the shortest period, its jitter, and slack."""
    periods: list[float] = list(jobs.model_dump().values())
    return min(periods) * 1.5 + SLACK_S


class Watchdog:
    """Feeds systemd's watchdog while `progress` moves on.

    Args:
        progress: when something was last achieved, on `now`'s clock.
        period_s: as `watchdog_period`.
        bound_s: how old the last progress may be.
    """

    def __init__(
        self,
        notifier: Notifier,
        progress: Callable[[], float],
        *,
        period_s: float,
        bound_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notifier = notifier
        self._progress = progress
        self._every_s = period_s / FEEDS_PER_PERIOD
        self._bound_s = bound_s
        self._now = now
        self._starving = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syncd-watchdog", daemon=True)
        self._log = structlog.get_logger("syncd.watchdog")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Feed no more."""
        self._stop.set()
        self._thread.join()

    def feed(self) -> bool:
        """Feed, or not when nothing was achieved within the bound; whether it did."""
        idle_s = self._now() - self._progress()
        starving, self._starving = self._starving, idle_s > self._bound_s
        if not self._starving:
            self._notifier.alive()
        elif not starving:
            self._notifier.status(f"stuck: no job has ended for {idle_s:.0f} s")
            self._log.error("no scheduled job ends: systemd is not fed and will start syncd anew", idle_s=idle_s)
        return not self._starving

    def _run(self) -> None:
        while True:
            self.feed()
            if self._stop.wait(self._every_s):
                return
