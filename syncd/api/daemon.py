"""The daemon: scheduler, workers and HTTP server in one process, from start to stop.

start    take the SQLite lock, listen, migrate, run the first jobs; then ready
SIGTERM  stop listening, take no new work, finish or hand back what is in hand, exit
SIGHUP   check the new configuration; a bad one is refused and the old one kept. A good one is taken up by starting
anew in the same process id, with the listening socket kept open: callers wait a moment, none is refused
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import structlog
import uvloop
from sqlalchemy.exc import SQLAlchemyError

from syncd.engine.audit import Action, AuditResult
from syncd.engine.clone import REMEDY
from syncd.engine.fleet import Hands, hand_back, require_shared
from syncd.engine.lead import Lead
from syncd.engine.metrics import Metrics
from syncd.engine.notify import Notifier, Watchdog, progress_bound, watchdog_period
from syncd.engine.platform import Platform
from syncd.engine.results import LogSink
from syncd.engine.runtime import Runtime
from syncd.engine.scheduler import Scheduler
from syncd.engine.sole import SoleDaemon
from syncd.errors import ConfigError, StoreError, SyncdError
from syncd.settings import Settings
from syncd.store import installation
from syncd.vault import KeyRing

from .server import HttpServer

SWITCH_EVERY_S = 0.0005
"""How long a thread may keep Python's lock from another: who waits for a commit is told sooner that it has ended."""

LOOK_EVERY_S = 0.5
"""How often a stop is looked for while the first job has not run."""


class Daemon:
    """One run of the daemon.

    Args:
        reload: loads the configuration, keys and secrets anew; raises SyncdError when they cannot be used.
        works: call providers, too; else that is left to `syncd worker`, on PostgreSQL.
    """

    def __init__(
        self,
        settings: Settings,
        ring: KeyRing,
        environ: Mapping[str, str],
        reload: Callable[[], object],
        *,
        works: bool = True,
    ) -> None:
        self._settings = settings
        self._reload = reload
        self._log = structlog.get_logger("syncd.daemon")
        self._works = works
        self._metrics = Metrics()
        self.runtime = Runtime(settings, ring, sinks=(LogSink(), self._metrics), observe=self._metrics.observe)
        self._platform = Platform(self.runtime, environ)
        self._sole = SoleDaemon(self.runtime.database)
        self._lead = Lead(self.runtime.database)
        self._scheduler = Scheduler(self.runtime, self._lead, works=works)
        self._hands = Hands(self.runtime) if works and not self.runtime.database.is_sqlite else None
        if not works:
            require_shared(self.runtime.database)
            self.runtime.intake.head_start = timedelta()
        self._notifier = Notifier(environ)
        self._watchdog = self._make_watchdog(environ)
        self._environ = environ
        self._server: HttpServer | None = None
        self._again = False
        self._stop = threading.Event()

    def run(self) -> int:
        """Run until a signal says to stop; the exit code.

        Raises:
            SyncdError: it cannot start.
        """
        sys.setswitchinterval(SWITCH_EVERY_S)
        with self._started() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(server))
        return 0

    @contextmanager
    def _started(self) -> Iterator[HttpServer]:
        try:
            self._sole.take()
            self._server = HttpServer(
                self.runtime,
                self._metrics,
                self._platform,
                self._environ,
                arrived=lambda: self._scheduler.wake("take-in"),
                pushed=self._pushed,
                not_ready=self._not_ready,
            )
            self.runtime.upgrade()
            self._tell_of_copy()
            self._lead.start()
            self._scheduler.start()
            if self._hands is not None:
                self._hands.start()
            yield self._server
        finally:
            self._wind_down()

    async def _serve(self, server: HttpServer) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        serving = loop.create_task(server.serve())
        has_run = False
        while not (has_run or self._stop.is_set() or serving.done()):
            has_run = await loop.run_in_executor(None, self._scheduler.wait_for_first, LOOK_EVERY_S)
        if has_run and not self._stop.is_set():
            self._log.info("ready", address=server.address)
            self._notifier.ready(f"serving {server.address}")
            if self._watchdog is not None:
                self._watchdog.start()
        await serving

    def _pushed(self) -> None:
        """Calendars are due; without hands of our own the others are told by the leader."""
        if self._works:
            self._scheduler.wake("busy-sync")

    def _make_watchdog(self, environ: Mapping[str, str]) -> Watchdog | None:
        period_s = watchdog_period(environ)
        if period_s is None:
            return None
        return Watchdog(
            self._notifier,
            lambda: self._scheduler.progressed_at,
            period_s=period_s,
            bound_s=progress_bound(self._settings.jobs),
        )

    def _wind_down(self) -> None:
        if self._watchdog is not None and self._stop.is_set():
            self._watchdog.stop()
        if self._server is not None:
            self._server.close()
        ended = self._end_work()
        try:
            self._platform.close()
            if ended:
                self.runtime.close()
            else:
                hand_back(self.runtime, self._hands)
        finally:
            self._leave(ended)

    def _leave(self, ended: bool) -> None:
        self._sole.release()
        if self._again:
            self._start_anew()
        if not ended:
            os._exit(0)  # threads wait for providers still; their leases are handed back

    def _end_work(self) -> bool:
        """Take no new work and let what is in hand end; whether it did in time."""
        until = time.monotonic() + self._settings.http.stop_seconds
        self._lead.stop()
        if self._hands is not None:
            self._hands.ask_to_stop()
        ended = self._scheduler.stop(until - time.monotonic())
        if self._hands is not None:
            ended = self._hands.stop(max(until - time.monotonic(), 0)) and ended
        return ended

    def _tell_of_copy(self) -> None:
        moved = self.runtime.home.moved
        if moved is not None:
            self._log.error(str(moved), home=moved.home, here=moved.here, remedy=REMEDY)

    def _not_ready(self) -> list[str]:
        reasons = []
        if not self._scheduler.wait_for_first(0):
            reasons.append("the first scheduled job has not run yet")
        if self._stop.is_set():
            reasons.append("stopping")
        try:
            with self.runtime.database.read() as session:
                installation.home(session)
            if moved := self.runtime.home.moved:
                reasons.append(f"{moved} {REMEDY}")
        except (StoreError, SQLAlchemyError):
            reasons.append("the store cannot be read")
        return reasons

    def _ask_to_stop(self) -> None:
        if not self._again:
            self._notifier.stopping(self._settings.http.stop_seconds)
        self._stop.set()
        if self._server is not None:
            self._server.ask_to_stop()

    def _reload_soon(self) -> None:
        threading.Thread(target=self._check_and_reload, name="syncd-reload", daemon=True).start()

    def _check_and_reload(self) -> None:
        try:
            self._reload()
        except Exception as error:
            problems = [str(p) for p in error.problems] if isinstance(error, ConfigError) else []
            code = error.code if isinstance(error, SyncdError) else type(error).__name__
            self._log.error(
                "the new configuration is refused, the old one kept", error=str(error), code=code, problems=problems
            )
            self._audit_reload(AuditResult.REFUSED, code)
            return
        self._log.info("taking up the new configuration")
        self._audit_reload(AuditResult.DONE)
        self._notifier.reloading()
        self._again = True
        self._ask_to_stop()

    def _audit_reload(self, result: AuditResult, detail: str = "") -> None:
        try:
            self._platform.audit.record(
                action=Action.CONFIGURATION_CHANGED, result=result, actor="signal", detail=detail
            )
        except StoreError as error:
            self._log.error("a reload could not be audited", error=str(error))

    def _start_anew(self) -> None:
        if self._server is not None:
            self._server.bequeath()
        os.execv(sys.executable, [sys.executable, "-m", "syncd", *sys.argv[1:]])  # noqa: S606 (ourselves)
