"""The engine assembled: one object per process, from settings to every part that works on the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from syncd.connector.registry import Registry
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Call
from syncd.settings import Settings
from syncd.store import directory, schema
from syncd.store.database import Database
from syncd.vault import CredentialVault, KeyRing

from .accounts import Accounts
from .answers import BusyAnswers
from .busysync import BusySync
from .intake import Intake
from .pool import ConnectorPool
from .reconcile import Reconciler
from .results import Results, ResultSink


class Runtime:
    """Everything that works on one store. Close it when done."""

    def __init__(
        self,
        settings: Settings,
        ring: KeyRing,
        *,
        registry: Registry | None = None,
        sinks: Sequence[ResultSink] = (),
        clock: Clock = utc_now,
        observe: Callable[[Call], None] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.database = Database(settings.database_url)
        self.registry = registry or Registry.installed()
        self.results = Results(sinks)
        self.vault = CredentialVault(ring)
        self.pool = ConnectorPool(self.database, self.vault, self.registry, settings, observe or (lambda call: None))
        self.intake = Intake(self.database, settings, self._integrations, self.results, clock)
        self.reconciler = Reconciler(self.database, self.pool, self.results, settings.writes, clock)
        self.busy_sync = BusySync(self.database, self.pool, self.results, settings.busy, clock)
        self.answers = BusyAnswers(self.database, self.pool, settings.busy, clock)
        self.accounts = Accounts(self.database, self.vault, self.pool, self.results, settings.busy, clock)
        self._executor: ThreadPoolExecutor | None = None

    @property
    def executor(self) -> Executor:
        """The threads that call providers; started when first used."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.settings.writes.threads, thread_name_prefix="syncd-work")
        return self._executor

    def upgrade(self) -> tuple[str | None, str | None]:
        """Bring the store to this version's schema: (before, after)."""
        return schema.upgrade(self.database)

    def close(self) -> None:
        """Finish calls in hand, close sockets and the database."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self.pool.close()
        self.database.close()

    def _integrations(self) -> dict[str, str]:
        """App -> Cal.com's credential type, of the apps somebody is connected to."""
        with self.database.read() as session:
            apps = {c.app for c in directory.listed_connections(session)}
        return {app: self.registry.spec(app).integration for app in apps if app in self.registry.apps}
