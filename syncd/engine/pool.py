"""Connectors that are open: one per connection, opened when first needed, reopened when its credential changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import Session

from syncd.connector import Ability, CalendarConnector, ConnectorSpec, EventConnector, Opened
from syncd.connector.registry import Registry
from syncd.errors import ConfigError, ParkError, ProviderError, ReconnectError, VaultError
from syncd.provider.guard import Call, Guard
from syncd.settings import App, Settings
from syncd.store.database import Database
from syncd.store.directory import connections
from syncd.vault import Binding, CredentialVault


@dataclass(frozen=True, slots=True)
class _Open:
    connector: CalendarConnector
    version: datetime


class ConnectorPool:
    """Gives the connector of a connection. Safe for several threads; a connector is shared by all of them."""

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        registry: Registry,
        settings: Settings,
        observe: Callable[[Call], None] = lambda call: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self.registry = registry
        self._settings = settings
        self._observe = observe
        self._open: dict[int, _Open] = {}
        self._lock = threading.Lock()

    def concurrency(self, apps: Iterable[str]) -> dict[str, int]:
        """How many calls at once each app allows per connection."""
        return {app: self._limits(self.registry.spec(app))[0] for app in apps}

    def event_connector(self, connection_id: int) -> EventConnector:
        """The connector of a connection that can write.

        Raises:
            ParkError: the connector cannot write.
            ReconnectError, ParkError: as `get`.
        """
        connector = self.get(connection_id)
        if not isinstance(connector, EventConnector):
            raise ParkError(
                f"Connection {connection_id} can only be read.", code="read_only", remedy="Choose another destination."
            )
        return connector

    def get(self, connection_id: int) -> CalendarConnector:
        """The connector of a connection.

        Raises:
            ReconnectError: the stored credential is not one this connector understands.
            ParkError: the connection is gone, its connector is not installed, or the vault cannot open its credential.
        """
        with self._lock:
            found = self._open.get(connection_id)
            if found is None:
                found = self._open[connection_id] = self._opened(connection_id)
            return found.connector

    def keep_current(self, session: Session, connection_ids: Iterable[int]) -> None:
        """Close connectors whose connection was changed since they were opened, by this process or another."""
        ids = [i for i in set(connection_ids) if i in self._open]
        if not ids:
            return
        statement = select(connections.c.id, connections.c.updated_at).where(connections.c.id.in_(ids))
        versions = {row.id: row.updated_at for row in session.execute(statement)}
        for connection_id in ids:
            if versions.get(connection_id) != self._open[connection_id].version:
                self.drop(connection_id)

    def drop(self, connection_id: int) -> None:
        """Forget the connector of a connection. Calls in hand end as they end."""
        with self._lock:
            self._open.pop(connection_id, None)

    def close(self) -> None:
        """Close every connector."""
        with self._lock:
            for opened in self._open.values():
                opened.connector.close()
            self._open.clear()

    def _opened(self, connection_id: int) -> _Open:
        with self._database.read() as session:
            row = session.execute(select(connections).where(connections.c.id == connection_id)).one_or_none()
        if row is None:
            raise ParkError(f"Connection {connection_id} was removed.", code="connection_gone")
        binding = Binding(connection_id=row.id, app=row.app, user_id=row.user_id)
        try:
            credential = self._vault.open_credential(row.envelope, binding)
            connector = self.open(row.id, row.app, credential, row.settings)
        except (VaultError, ConfigError) as error:
            raise ParkError(str(error), code=error.code, remedy=error.remedy) from error
        return _Open(connector, row.updated_at)

    def open(self, connection_id: int, app: str, credential: Any, settings: Any) -> CalendarConnector:
        """Open a connector that is not kept, for a credential in hand.

        Raises:
            ReconnectError: the credential or the settings are not what the connector asks for.
        """
        spec = self.registry.spec(app)
        try:
            opened = Opened(
                connection_id=connection_id,
                credential=spec.credential.model_validate(credential),
                settings=spec.settings.model_validate(settings),
                guard=self._guard(spec, connection_id),
            )
        except ValidationError as error:
            fields = ", ".join(sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}))
            raise ReconnectError(
                f"The credential or settings for {app} are not usable: {fields}.", code="credential_shape"
            ) from None
        return spec.open(opened)

    def _guard(self, spec: ConnectorSpec, connection_id: int) -> Guard:
        concurrency, per_minute, timeout_s = self._limits(spec)
        return Guard(
            spec.app,
            connection_id,
            concurrency=concurrency,
            requests_per_minute=per_minute,
            timeout_s=timeout_s,
            observe=self._observe,
        )

    def _limits(self, spec: ConnectorSpec) -> tuple[int, int | None, float]:
        own = self._settings.apps.get(spec.app, App())
        return (
            own.concurrency or spec.concurrency,
            own.requests_per_minute or spec.requests_per_minute,
            own.timeout_seconds or spec.timeout_s,
        )

    def can(self, app: str, ability: Ability) -> bool:
        """Whether the app's connector declares an ability."""
        return ability in self.registry.spec(app).abilities


def as_provider_error(error: Exception) -> ProviderError:
    """Any exception as one that says what to do next: an unexpected one is a defect of ours, and parks its work."""
    if isinstance(error, ProviderError):
        return error
    return ParkError(
        f"Unexpected {type(error).__name__} in syncd.", code="defect", remedy="Report it with the log of this time."
    )
