"""App `rented`: a calendar in memory behind an issuer's access tokens, and an engine's part that refreshes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import requests

from syncd.connector import ConnectorSpec, Opened
from syncd.connector.oauth import OAuthCredential, expires_at, settled, to_ms
from syncd.connector.registry import Registry
from syncd.engine.delegations import Delegations
from syncd.engine.opening import Opener
from syncd.engine.pool import ConnectorPool
from syncd.engine.results import Results, ResultSink
from syncd.engine.tokens import Ask, Tokens
from syncd.errors import ProviderError, RefreshError, RetryError, UnclearError
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.provider.guard import Guard
from syncd.provider.oauth import token_answer
from syncd.settings import Settings
from syncd.store import directory, tokens
from syncd.store.database import Database
from syncd.store.tables import Connection
from syncd.testing.memory import MemoryConnector, MemoryProvider, memory_spec
from syncd.vault import Binding, CredentialVault, KeyRing

from .issuer import CLIENT_SECRET

APP, USER = "rented", 1
T = TypeVar("T")


class RentedConnector(MemoryConnector):
    """Every call first shows its access token."""

    def __init__(self, provider: MemoryProvider, guard: Guard, issuer_url: str, token: str) -> None:
        super().__init__(provider, provider.password, guard)
        self._issuer_url = issuer_url
        self._token = token

    def _call(self, operation: str, run: Callable[[], T]) -> T:
        self._guard.call("show token", self._show, lambda _cause: None)
        return super()._call(operation, run)

    def _show(self) -> None:
        answer = requests.get(self._issuer_url, headers={"Authorization": f"Bearer {self._token}"}, timeout=30)
        if answer.status_code == 401:
            raise RefreshError("The access token is not accepted.", status=401)


def rented_spec(
    issuer_url: str,
    provider: MemoryProvider,
    clock: Clock,
    *,
    repeatable: bool = False,
    around: Callable[[str], object] = lambda step: None,
) -> ConnectorSpec:
    """`around` is told "asking" and "answered" by each refresh."""

    def post(form: Mapping[str, str]) -> requests.Response:
        return requests.post(f"{issuer_url}/token", data=form, timeout=30)

    def refresh(opened: Opened) -> Mapping[str, Any]:
        around("asking")
        form = {"refresh_token": opened.credential.refresh_token, "client_secret": CLIENT_SECRET}
        answer = opened.guard.call("refresh token", lambda: post(form), _classified)
        around("answered")
        return token_answer(answer.status_code, answer.headers, answer.content, clock(), APP)

    return replace(
        memory_spec(provider, APP),
        credential=OAuthCredential,
        open=lambda o: RentedConnector(provider, o.guard, issuer_url, o.credential.access_token),
        secrets=("access_token", "refresh_token"),
        refresh=refresh,
        refresh_repeatable=repeatable,
    )


def _classified(cause: Exception) -> ProviderError | None:
    if isinstance(cause, requests.ConnectTimeout) or "refused" in str(cause):
        return RetryError("The issuer cannot be reached.")
    return UnclearError("The issuer's answer was lost.")


@dataclass(slots=True)
class Desk:
    """What refreshes tokens, over one store."""

    database: Database
    vault: CredentialVault
    tokens: Tokens
    pool: ConnectorPool
    clock: Clock

    def connect(
        self,
        access: str,
        refresh: str,
        life: timedelta | None = timedelta(hours=1),
        *,
        app: str = APP,
        owner: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> int:
        """A connection with a credential, just stored."""
        now = self.clock()
        fields = {"access_token": access, "refresh_token": refresh, **(more or {})}
        credential = settled({**fields, **({"expiry_date": to_ms(now + life)} if life else {})}, now)
        with self.database.write() as session:
            directory.add_user(session, USER, "anna@example.com", now)
            row = Connection(
                user_id=USER, app=app, account="anna", state=ConnectionState.ACTIVE, token_owner=owner, settings={}
            )
            row.created_at = row.updated_at = now
            session.add(row)
            session.flush()
            assert row.id is not None
            row.envelope = self.vault.seal_credential(credential, Binding(row.id, app, USER))
            session.flush()
            tokens.replaced(session, row.id, expires_at(credential), now)
            return row.id

    def row(self, connection_id: int) -> Connection:
        with self.database.read() as session:
            return directory.get_connection(session, connection_id)

    def credential(self, connection_id: int) -> dict[str, Any]:
        """As it is stored."""
        row = self.row(connection_id)
        return self.vault.open_credential(row.envelope, Binding(connection_id, row.app, row.user_id))

    def set(self, connection_id: int, **values: Any) -> None:
        """Change columns of a connection."""
        with self.database.write() as session:
            row = directory.get_connection(session, connection_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def round(self) -> Mapping[str, int]:
        """One round of the job."""
        with ThreadPoolExecutor(4) as executor:
            return self.tokens.run(executor).outcomes

    def access(self, connection_id: int) -> str:
        """An access token that lives."""
        return str(self.tokens.fresh_credential(connection_id)["access_token"])

    def failure(self, connection_id: int) -> ProviderError:
        """Why there is no such token."""
        try:
            self.tokens.fresh_credential(connection_id)
        except ProviderError as error:
            return error
        raise AssertionError("there is one")

    def probe(self, connection_id: int) -> str:
        """A call to the provider."""
        return self.pool.run(connection_id, lambda connector: connector.probe()).account


def open_desk(
    stack: ExitStack,
    database_url: str,
    ring: KeyRing,
    clock: Clock,
    spec: ConnectorSpec,
    *,
    sinks: tuple[ResultSink, ...] = (),
    ask: Ask | None = None,
    **waiting: Any,
) -> Desk:
    """A desk that is closed with `stack`."""
    database = Database(database_url)
    stack.callback(database.close)
    settings = Settings(database_url=database_url)
    vault, opener = CredentialVault(ring), Opener(Registry(specs={APP: spec}), settings, lambda call: None, clock)
    made = Tokens(database, vault, opener, Results(sinks), settings, clock, ask=ask, **waiting)
    pool = ConnectorPool(database, vault, opener, made, Delegations(database, vault, clock))
    stack.callback(pool.close)
    return Desk(database, vault, made, pool, clock)


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now
