"""Connectors that are open: one per connection, opened when first needed, reopened when its credential changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select
from sqlmodel import Session

from syncd.connector import Ability, CalendarConnector, Connector, EventConnector
from syncd.errors import (
    ConfigError,
    ParkError,
    ProviderError,
    ReconnectError,
    RefreshError,
    RetryError,
    StoreError,
    VaultError,
)
from syncd.store.database import Database
from syncd.store.directory import connections
from syncd.vault import Binding, CredentialVault

from .delegations import Delegations
from .opening import Opener
from .tokens import Tokens

if TYPE_CHECKING:
    from syncd.connector.crm import CrmConnector

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """`version` is the connection's when it was opened, `token` the access token it was opened with, if any."""

    connector: Connector
    version: datetime
    token: str = field(repr=False)


class ConnectorPool:
    """Runs calls on the connectors of connections. Safe for several threads; a connector is shared by all of them."""

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        opener: Opener,
        tokens: Tokens,
        delegations: Delegations,
    ) -> None:
        self._database = database
        self._vault = vault
        self._opener = opener
        self._tokens = tokens
        self._delegations = delegations
        self.registry = opener.registry
        self._open: dict[int, _Open] = {}
        self._lock = threading.Lock()

    def concurrency(self, apps: Iterable[str]) -> dict[str, int]:
        """How many calls at once each app allows per connection."""
        return self._opener.concurrency(apps)

    def quotas(self) -> dict[str, int]:
        """How many calls each app with a limit may make at once."""
        return self._opener.quotas()

    def run(self, connection_id: int, call: Callable[[CalendarConnector], T]) -> T:
        """As `run_any`, with a connector to calendars.

        Raises:
            ParkError: also: the connection is to none.
        """
        return self.run_any(connection_id, lambda connector: call(_reading(connector, connection_id)))

    def run_any(self, connection_id: int, call: Callable[[Connector], T]) -> T:
        """What `call` does with the connector of a connection.

        When the provider does not accept the access token, it is refreshed, and `call` runs once more, from its start.

        Raises:
            ReconnectError: the stored credential or its delegation is refused, or this connector cannot use it.
            ParkError: the connection is gone, its connector is not installed, or the vault cannot open its credential.
            ProviderError: what `call` raised; never a `RefreshError`.
        """
        try:
            return self._run(connection_id, call)
        except (ReconnectError, ParkError) as error:
            told = self._delegations.refused_connection(connection_id, error)
            if told is error:
                raise
            raise told from error

    def _run(self, connection_id: int, call: Callable[[Connector], T]) -> T:
        used = self._current(connection_id)
        try:
            return call(used.connector)
        except RefreshError:
            self._tokens.renew(connection_id, used.token)
        self._forget(connection_id, used)
        try:
            return call(self._current(connection_id).connector)
        except RefreshError as error:
            raise RetryError(
                f"Even a fresh access token is not accepted: {error}",
                code="fresh_token_refused",
                remedy=f"See whether this machine's clock is right; else: syncd connections reconnect {connection_id}",
            ) from error

    def run_event(self, connection_id: int, call: Callable[[EventConnector], T]) -> T:
        """As `run_any`, with a connector to calendars that can write.

        Raises:
            ParkError: also: the connector cannot write.
        """
        return self.run_any(connection_id, lambda connector: call(_writing(connector, connection_id)))

    def run_crm(self, connection_id: int, call: Callable[[CrmConnector], T]) -> T:
        """As `run_any`, with a connector to a CRM.

        Raises:
            ParkError: also: the connection is to none.
        """
        return self.run_any(connection_id, lambda connector: call(_to_crm(connector, connection_id)))

    def _current(self, connection_id: int) -> _Open:
        with self._lock:
            found = self._open.get(connection_id)
            if found is None:
                found = self._open[connection_id] = self._opened(connection_id)
            return found

    def _forget(self, connection_id: int, used: _Open) -> None:
        """Open anew at the next call, unless another thread already has."""
        with self._lock:
            if self._open.get(connection_id) is used:
                del self._open[connection_id]

    def keep_current(self, session: Session, connection_ids: Iterable[int]) -> None:
        """Close connectors whose connection was changed since they were opened, by this process or another."""
        with self._lock:
            held = {i: self._open[i] for i in set(connection_ids) if i in self._open}
        if not held:
            return
        statement = select(connections.c.id, connections.c.updated_at).where(connections.c.id.in_(held))
        versions = {row.id: row.updated_at for row in session.execute(statement)}
        for connection_id, found in held.items():
            if versions.get(connection_id) != found.version:
                self._forget(connection_id, found)

    def drop(self, connection_id: int) -> None:
        """Close the connector of a connection. Calls in hand end as they end."""
        with self._lock:
            found = self._open.pop(connection_id, None)
        if found is not None:
            found.connector.close()

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
            connector = self.open(row.id, row.app, credential, row.settings, delegation_id=row.delegation_id)
        except (VaultError, ConfigError) as error:
            raise as_park_error(error) from error
        return _Open(connector, row.updated_at, str(credential.get("access_token", "")))

    def open(
        self, connection_id: int, app: str, credential: Any, settings: Any, *, delegation_id: int | None = None
    ) -> Connector:
        """Open a connector that is not kept, for a credential in hand; with a delegation, what that makes of it.

        Raises:
            ReconnectError: the credential or the settings are not what the connector asks for; or as
                `Delegations.complete`.
            VaultError: the delegation's key cannot be opened.
        """
        spec = self.registry.spec(app)
        if delegation_id is not None:
            credential = self._delegations.complete(delegation_id, app, credential)
        return spec.open(self._opener.opened(connection_id, app, credential, settings))

    def can(self, app: str, ability: Ability) -> bool:
        """Whether the app's connector declares an ability."""
        return ability in self.registry.spec(app).abilities


def _reading(connector: Connector, connection_id: int) -> CalendarConnector:
    if not isinstance(connector, CalendarConnector):
        raise ParkError(f"Connection {connection_id} has no calendars.", code="no_calendars")
    return connector


def _to_crm(connector: Connector, connection_id: int) -> CrmConnector:
    from syncd.connector.crm import CrmConnector  # 16 ms of a start that may have no CRM

    if not isinstance(connector, CrmConnector):
        raise ParkError(
            f"Connection {connection_id} is to no CRM.",
            code="no_crm",
            remedy="Name another in [event_types.N.crm.CONNECTION]: syncd connections list",
        )
    return connector


def _writing(connector: Connector, connection_id: int) -> EventConnector:
    if not isinstance(connector, EventConnector):
        raise ParkError(
            f"Connection {connection_id} can only be read.", code="read_only", remedy="Choose another destination."
        )
    return connector


def as_park_error(error: VaultError | ConfigError) -> ParkError:
    """Trouble with keys or configuration as what it is to a connection: it waits for the operator."""
    return ParkError(str(error), code=error.code, remedy=error.remedy)


def as_provider_error(error: Exception) -> ProviderError:
    """Any exception as one that says what to do next: an unexpected one is a defect of ours, and parks its work."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, StoreError):
        return RetryError(f"The store is away: {error}", code=error.code)
    return ParkError(
        f"Unexpected {type(error).__name__} in syncd.", code="defect", remedy="Report it with the log of this time."
    )
