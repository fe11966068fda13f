"""The engine assembled: one object per process, from settings to every part that works on the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from syncd.connector.registry import Registry
from syncd.errors import ConfigError, Problem
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Call
from syncd.settings import Settings
from syncd.store import directory, schema
from syncd.store.database import Database
from syncd.vault import CredentialVault, KeyRing

from .accounts import Accounts
from .answers import BusyAnswers
from .busysync import READ_THREADS, BusySync
from .channels import Channels
from .clone import Home
from .consents import Consents
from .delegations import Delegations
from .intake import Intake
from .limits import maker_of_limits
from .opening import Opener
from .pool import ConnectorPool
from .pushes import Pushes
from .reconcile import Reconciler
from .results import Results, ResultSink
from .tokens import Tokens

if TYPE_CHECKING:
    from .routing import Routing


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
        _check_apps(settings, self.registry)
        _check_crms(settings)
        self.results = Results(sinks)
        self.home = Home(self.database)
        self.vault = CredentialVault(ring)
        self.opener = Opener(
            self.registry,
            settings,
            observe or (lambda call: None),
            clock,
            make_limit=maker_of_limits(self.database),
        )
        for app in settings.apps:
            self.opener.client(app)  # a mistake in it is found at the start, not at the first refresh
        self.tokens = Tokens(
            self.database,
            self.vault,
            self.opener,
            self.results,
            settings,
            clock,
            require=self.home.require_for_refresh,
        )
        self.delegations = Delegations(self.database, self.vault, clock)
        self.pool = ConnectorPool(self.database, self.vault, self.opener, self.tokens, self.delegations)
        self.intake = Intake(self.database, settings, self._integrations, self.results, clock)
        self.reconciler = Reconciler(
            self.database,
            self.pool,
            self.results,
            settings.writes,
            clock,
            may_write=self.home.may_write,
            settings=settings,
        )
        self.busy_sync = BusySync(self.database, self.pool, self.results, settings, clock)
        self.channels = Channels(self.database, self.pool, self.registry, self.results, settings.http.public_url, clock)
        self.pushes = Pushes(self.database, self.registry, clock)
        self.answers = BusyAnswers(self.database, self.pool, settings.busy, clock)
        self.accounts = Accounts(
            self.database, self.vault, self.pool, self.results, settings.busy, clock, self.delegations
        )
        self.consents = Consents(self.database, self.vault, self.opener, self.accounts, settings.http, clock)
        self._executor: ThreadPoolExecutor | None = None

    @cached_property
    def routing(self) -> Routing:
        """Which host takes a meeting; imported when it is first asked."""
        from .routing import Routing

        return Routing(self.database, self.pool, self.settings, self.clock)

    @property
    def executor(self) -> Executor:
        """The threads that call providers; started when first used."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(
                self.settings.writes.threads + READ_THREADS, thread_name_prefix="syncd-work"
            )
        return self._executor

    def upgrade(self) -> tuple[str | None, str | None]:
        """Bring the store to this version's schema: (before, after). A new one is at home where it is."""
        before_and_after = schema.upgrade(self.database)
        _ = self.home.moved
        return before_and_after

    def close(self) -> None:
        """Finish calls in hand, close sockets and the database."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self.answers.close()
        self.pool.close()
        self.database.close()

    def _integrations(self) -> dict[str, str]:
        """App -> Cal.com's credential type, of the apps somebody is connected to."""
        with self.database.read() as session:
            apps = {c.app for c in directory.listed_connections(session)}
        return {app: self.registry.spec(app).integration for app in apps if app in self.registry.apps}


def _check_crms(settings: Settings) -> None:
    """Refuse settings of CRMs that cannot be read: found at the start, not at the first booking.

    Raises:
        ConfigError: names each problem.
    """
    named = [(event_type, connection) for event_type, own in settings.event_types.items() for connection in own.crm]
    if not named:
        return
    from .activities import crm_settings

    problems: list[Problem] = []
    for event_type, connection in named:
        try:
            crm_settings(settings, int(event_type), int(connection))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(f"{len(problems)} problem(s) in the configuration.", problems=tuple(problems))


def _check_apps(settings: Settings, registry: Registry) -> None:
    """Refuse limits for apps that no connector serves: they would change nothing.

    Raises:
        ConfigError: names each.
    """
    unknown = sorted(set(settings.apps) - set(registry.apps))
    if unknown:
        remedy = f"Connectors installed here: {', '.join(registry.apps)}."
        problems = tuple(Problem(f"apps.{name}", "no such connector.", remedy) for name in unknown)
        raise ConfigError(f"{len(unknown)} problem(s) in the configuration.", problems=problems)
