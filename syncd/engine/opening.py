"""What a connector is opened with: its declaration, a checked credential and settings, and its guard."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr, ValidationError

from syncd.connector import ConnectorSpec, Opened
from syncd.connector.consent import ClientSettings, ConsentFlow
from syncd.connector.registry import Registry
from syncd.errors import ConfigError, ParkError, Problem, ReconnectError
from syncd.model.clock import Clock
from syncd.provider.guard import Call, Guard
from syncd.provider.limits import Limit, RateLimit
from syncd.secrets import find_secret
from syncd.settings import App, Settings
from syncd.store.limits import Standing

UNSTORED = 0
"""The id of a connection that is tried before it is stored."""


MakeLimit = Callable[[str, int], Limit]
"""Makes the limit of that name, of so many calls a minute."""


class Opener:
    """Prepares connectors and refreshes by the registry and the settings. Safe for several threads.

    Args:
        make_limit: where limits are kept: in this process, or with others.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        observe: Callable[[Call], None],
        clock: Clock,
        environ: Mapping[str, str] = os.environ,
        make_limit: MakeLimit = lambda name, per_minute: RateLimit(per_minute),
    ) -> None:
        self.registry = registry
        self._settings = settings
        self._environ = environ
        self._make_limit = make_limit
        self._clients: dict[str, ClientSettings] = {}
        self._shared: dict[str, Limit] = {}
        self._observe = observe
        self._clock = clock
        self._guards: dict[tuple[int, str], Guard] = {}
        self._lock = threading.Lock()

    def concurrency(self, apps: Iterable[str]) -> dict[str, int]:
        """How many calls at once each app allows per connection."""
        return {app: self._own(app).concurrency or self.registry.spec(app).concurrency for app in apps}

    def opened(
        self, connection_id: int, app: str, credential: Any, settings: Any, *, for_refresh: bool = False
    ) -> Opened:
        """What the connector of `app` is opened with, or its token refreshed.

        A refresh has a guard to itself: who issues tokens has limits of its own, and its waits are kept in the store.

        Raises:
            ReconnectError: the credential or the settings are not what the connector asks for.
            ConfigError: the connector is not installed.
        """
        spec = self.registry.spec(app)
        try:
            return Opened(
                connection_id=connection_id,
                credential=spec.credential.model_validate(credential),
                settings=spec.settings.model_validate(settings),
                guard=self._new_guard(spec, connection_id, []) if for_refresh else self._guard(spec, connection_id),
                client=self.client(app),
            )
        except ValidationError as error:
            fields = ", ".join(sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}))
            raise ReconnectError(
                f"The credential or settings for {app} are not usable: {fields}.", code="credential_shape"
            ) from None

    def client(self, app: str) -> ClientSettings:
        """How this installation is registered with the app's provider, with its secret.

        Raises:
            ConfigError: the configuration of it, or the secret, cannot be used.
        """
        if app not in self._clients:
            self._clients[app] = client_settings(self.registry.spec(app), self._own(app), self._environ)
        return self._clients[app]

    def consent(self, app: str) -> ConsentFlow:
        """How a person connects to the app.

        Raises:
            ParkError: the app has no consent page.
            ConfigError: as `client`.
        """
        spec = self.registry.spec(app)
        if spec.consent is None:
            raise ParkError(f"{app} has no consent page.", code="no_consent", remedy="Give its credential instead.")
        return spec.consent(self.client(app), self._new_guard(spec, UNSTORED, []))

    def quotas(self) -> dict[str, int]:
        """How many calls each app with a limit may make at once, by its connection that has the fewest left."""
        with self._lock:
            told = [(guard.app, guard.quota_left) for guard in self._guards.values()]
        left: dict[str, int] = {}
        for app, calls in told:
            if calls is not None:
                left[app] = min(calls, left.get(app, calls))
        return left

    def standings(self) -> list[Standing]:
        """How the limits of each connection stand whose connector was used."""
        with self._lock:
            guards = list(self._guards.values())
        return [
            Standing(
                connection_id=guard.connection_id,
                app=guard.app,
                left=guard.quota_left,
                waits_until=guard.waits_until,
                pace=guard.pace,
            )
            for guard in guards
        ]

    def _guard(self, spec: ConnectorSpec, connection_id: int) -> Guard:
        """The connection's guard. It outlives the connector: its limits and its gate hold for the next one, too."""
        if connection_id == UNSTORED:
            return self._new_guard(spec, connection_id, [])
        key = (connection_id, spec.app)
        with self._lock:
            if key not in self._guards:
                self._guards[key] = self._new_guard(spec, connection_id, self._limits(spec, connection_id))
            return self._guards[key]

    def _new_guard(self, spec: ConnectorSpec, connection_id: int, limits: Sequence[Limit]) -> Guard:
        own = self._own(spec.app)
        return Guard(
            spec.app,
            connection_id,
            concurrency=own.concurrency or spec.concurrency,
            limits=limits,
            timeout_s=own.timeout_seconds or spec.timeout_s,
            observe=self._observe,
            clock=self._clock,
        )

    def _limits(self, spec: ConnectorSpec, connection_id: int) -> list[Limit]:
        """The limit of the connection, and the one all connections of the app share."""
        own, limits = self._own(spec.app), []
        if per_minute := own.requests_per_minute or spec.requests_per_minute:
            limits.append(self._make_limit(f"{spec.app} {connection_id}", per_minute))
        if per_minute := own.app_requests_per_minute or spec.app_requests_per_minute:
            if spec.app not in self._shared:
                self._shared[spec.app] = self._make_limit(spec.app, per_minute)
            limits.append(self._shared[spec.app])
        return limits

    def _own(self, app: str) -> App:
        return self._settings.apps.get(app, App())


def client_settings(spec: ConnectorSpec, app: App, environ: Mapping[str, str]) -> ClientSettings:
    """The registration of `[apps.APP.client]`, with its secret from file, systemd or the environment.

    Raises:
        ConfigError: names each key that cannot be used.
    """
    if "client_secret" in app.client:
        problem = Problem(
            f"apps.{spec.app}.client.client_secret",
            "a secret does not belong here.",
            f"Name a file by client_secret_file, or set ${secret_variable(spec.app)}.",
        )
        raise ConfigError("1 problem(s) in the configuration.", problems=(problem,))
    try:
        given = spec.client.model_validate(app.client)
    except ValidationError as error:
        problems = tuple(
            Problem(f"apps.{spec.app}.client.{'.'.join(map(str, e['loc']))}", f"{e['msg']}.", "See README.")
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise ConfigError(f"{len(problems)} problem(s) in the configuration.", problems=problems) from None
    name = f"syncd-client-secret-{spec.app}"
    secret = find_secret(name, (secret_variable(spec.app),), environ, given.client_secret_file)
    return given.model_copy(update={"client_secret": SecretStr(secret.value)}) if secret else given


def secret_variable(app: str) -> str:
    """The environment's variable with the client secret of an app."""
    return f"SYNCD_CLIENT_SECRET_{app.upper().replace('-', '_')}"
