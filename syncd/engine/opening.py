"""What a connector is opened with: its declaration, a checked credential and settings, and its guard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from syncd.connector import ConnectorSpec, Opened
from syncd.connector.registry import Registry
from syncd.errors import ReconnectError
from syncd.model.clock import Clock
from syncd.provider.guard import Call, Guard
from syncd.settings import App, Settings

UNSTORED = 0
"""The id of a connection that is tried before it is stored."""


class Opener:
    """Prepares connectors and refreshes by the registry and the settings. Safe for several threads."""

    def __init__(self, registry: Registry, settings: Settings, observe: Callable[[Call], None], clock: Clock) -> None:
        self.registry = registry
        self._settings = settings
        self._observe = observe
        self._clock = clock
        self._guards: dict[tuple[int, str], Guard] = {}
        self._lock = threading.Lock()

    def concurrency(self, apps: Iterable[str]) -> dict[str, int]:
        """How many calls at once each app allows per connection."""
        return {app: self._limits(self.registry.spec(app))[0] for app in apps}

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
                guard=self._new_guard(spec, connection_id) if for_refresh else self._guard(spec, connection_id),
            )
        except ValidationError as error:
            fields = ", ".join(sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}))
            raise ReconnectError(
                f"The credential or settings for {app} are not usable: {fields}.", code="credential_shape"
            ) from None

    def quotas(self) -> dict[str, int]:
        """How many calls each app with a limit may make at once, by its connection that has the fewest left."""
        with self._lock:
            told = [(guard.app, guard.quota_left) for guard in self._guards.values()]
        left: dict[str, int] = {}
        for app, calls in told:
            if calls is not None:
                left[app] = min(calls, left.get(app, calls))
        return left

    def _guard(self, spec: ConnectorSpec, connection_id: int) -> Guard:
        """The connection's guard. It outlives the connector: its limits and its gate hold for the next one, too."""
        if connection_id == UNSTORED:
            return self._new_guard(spec, connection_id)
        key = (connection_id, spec.app)
        with self._lock:
            if key not in self._guards:
                self._guards[key] = self._new_guard(spec, connection_id)
            return self._guards[key]

    def _new_guard(self, spec: ConnectorSpec, connection_id: int) -> Guard:
        concurrency, per_minute, timeout_s = self._limits(spec)
        return Guard(
            spec.app,
            connection_id,
            concurrency=concurrency,
            requests_per_minute=per_minute,
            timeout_s=timeout_s,
            observe=self._observe,
            clock=self._clock,
        )

    def _limits(self, spec: ConnectorSpec) -> tuple[int, int | None, float]:
        own = self._settings.apps.get(spec.app, App())
        return (
            own.concurrency or spec.concurrency,
            own.requests_per_minute or spec.requests_per_minute,
            own.timeout_seconds or spec.timeout_s,
        )
