"""Credential sync over a real store: a platform that pushes, and the background made visible."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from syncd.api.credentials import TOKEN_PATH, WEBHOOK_PATH, CredentialWebhook
from syncd.connector.registry import Registry
from syncd.engine.audit import Audit
from syncd.engine.credential_push import CredentialPusher
from syncd.engine.credential_sync import CredentialReceiver
from syncd.engine.platform_answers import PlatformAnswers
from syncd.engine.runtime import Runtime
from syncd.model.result import Operation
from syncd.settings import CredentialSync, Http
from syncd.source.credential_sync import PlatformAccess
from syncd.source.platform import PlatformClient
from syncd.store import directory
from syncd.store import log as sync_log
from syncd.store.tables import AuditEvent, Connection, LoggedResult
from syncd.testing.memory import MemoryProvider, memory_spec
from syncd.vault import Binding
from syncd.vault.calcom import encode_legacy

from .platform_server import PlatformServer, platform_server

SECRET = "the-shared-secret"
KEY = "0123456789abcdef0123456789ABCDEF"
STORAGE_KEY = "fedcba9876543210FEDCBA9876543210"
HEADER = "calcom-credential-sync-secret"
ACCESS = PlatformAccess(secret=SECRET, key=KEY, storage_key=STORAGE_KEY, headers=(HEADER, "calcom-webhook-secret"))
GOOGLE, CALDAV = "google-calendar", "caldav-calendar"
TOKEN = {"access_token": "ya29.first", "refresh_token": "1//first", "expiry_date": 1767400000000}
LOGIN = {"username": "ann", "password": "right", "url": "https://dav.example.com/"}


def encrypted(key_object: object, key: str = KEY) -> str:
    return encode_legacy(key, json.dumps(key_object))


@dataclass
class World:
    """What credential sync is made of, and what it left behind. `later` holds the background's work until it is run."""

    runtime: Runtime
    audit: Audit
    later: list[Callable[[], object]] = field(default_factory=list)

    def background(self, work: Callable[[], object]) -> None:
        self.later.append(work)

    def run_later(self) -> None:
        while self.later:
            self.later.pop(0)()

    def caller(
        self,
        access: PlatformAccess = ACCESS,
        settings: CredentialSync | None = None,
        http: Http | None = None,
        fresh: Callable[[int], Mapping[str, Any]] | None = None,
    ) -> Caller:
        runtime, settings = self.runtime, settings or CredentialSync()
        receiver = CredentialReceiver(
            runtime.database,
            runtime.vault,
            runtime.pool,
            runtime.accounts,
            runtime.results,
            self.audit,
            access=access,
            settings=settings,
            clock=runtime.clock,
            background=self.background,
        )
        answers = PlatformAnswers(
            runtime.database,
            fresh or runtime.tokens.fresh_credential,
            self.audit,
            token_minutes=settings.token_minutes,
            clock=runtime.clock,
        )
        webhook = CredentialWebhook(
            receiver, answers, self.audit, access=access, settings=settings, http=http or Http(), clock=runtime.clock
        )
        return Caller(TestClient(Starlette(routes=webhook.routes())))

    def connections(self) -> list[Connection]:
        with self.runtime.database.read() as session:
            return directory.listed_connections(session)

    def credential(self, connection_id: int) -> dict[str, Any]:
        (row,) = [row for row in self.connections() if row.id == connection_id]
        binding = Binding(connection_id=connection_id, app=row.app, user_id=row.user_id)
        return self.runtime.vault.open_credential(row.envelope, binding)

    def add_connection(self, app: str, credential: Mapping[str, Any], account: str = "", **columns: Any) -> int:
        """A connection that is there already, of user 7."""
        now = self.runtime.clock()
        with self.runtime.database.write() as session:
            directory.add_user(session, 7, "ann@example.com", now)
            row = Connection(user_id=7, app=app, account=account, state="active", envelope="", settings={})
            row.created_at = row.updated_at = now
            session.add(row)
            session.flush()
            assert row.id is not None
            binding = Binding(connection_id=row.id, app=app, user_id=7)
            row.envelope = self.runtime.vault.seal_credential(credential, binding)
            for name, value in columns.items():
                setattr(row, name, value)
            return row.id

    def log(self, operation: Operation) -> list[LoggedResult]:
        with self.runtime.database.read() as session:
            return sync_log.listed(session, operation=operation)

    def events(self) -> list[tuple[str, str, str, str]]:
        with self.runtime.database.read() as session:
            rows = session.execute(select(AuditEvent).order_by("id")).scalars()
            return [(row.action, row.result, row.target, row.detail) for row in rows]

    def everything(self) -> str:
        """Every row of every table as text, as anyone with the database sees it."""
        with self.runtime.database.read() as session:
            tables = Connection.metadata.sorted_tables
            return repr([tuple(row) for table in tables for row in session.execute(table.select())])


@dataclass
class Caller:
    """Asks our endpoints as a platform does."""

    http: TestClient

    def post(self, key_object: object = None, *, secret: str = SECRET, **body: Any) -> tuple[int, str]:
        """Push a credential: (status, body). Fields of the body that are None are left out."""
        keys = encrypted(TOKEN if key_object is None else key_object)
        fields = {"userId": 7, "appSlug": GOOGLE, "keys": keys, **body}
        return self.send({name: value for name, value in fields.items() if value is not None}, {HEADER: secret})

    def send(self, body: object, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.http.post(WEBHOOK_PATH, content=content, headers=dict(headers or {HEADER: SECRET}))
        return answer.status_code, answer.text

    def get(self, **query: Any) -> Any:
        return self.http.get(WEBHOOK_PATH, params=query, headers={HEADER: SECRET})

    def delete(self, body: object = None, **query: Any) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return self.http.request("DELETE", WEBHOOK_PATH, params=query, content=content, headers={HEADER: SECRET})

    def token(self, *, secret: str = SECRET, as_json: bool = False, **fields: Any) -> Any:
        body = {"calcomUserId": "7", "appSlug": GOOGLE, **fields}
        sent: dict[str, Any] = {"json": body} if as_json else {"data": body}
        return self.http.post(TOKEN_PATH, headers={HEADER: secret}, **sent)


@pytest.fixture
def world(open_runtime: Callable[..., Runtime], memory: MemoryProvider) -> World:
    """CalDAV has a connector, that of the in-memory provider; Google has none."""
    memory.add_calendar("work")
    runtime = open_runtime(registry=Registry(specs={CALDAV: memory_spec(memory, CALDAV)}))
    return World(runtime, Audit(runtime.database, runtime.clock))


@pytest.fixture
def platform() -> Iterator[PlatformServer]:
    with platform_server() as server:
        yield server


@pytest.fixture
def client_of(world: World) -> Iterator[Callable[[PlatformAccess], PlatformClient]]:
    """Clients that are closed after the test."""
    opened: list[PlatformClient] = []

    def make(access: PlatformAccess) -> PlatformClient:
        opened.append(PlatformClient(access, world.runtime.clock))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def pusher(
    world: World, platform: PlatformServer, client_of: Callable[[PlatformAccess], PlatformClient]
) -> CredentialPusher:
    """Pushes to `platform`; its waits are over at once."""
    runtime = world.runtime
    return CredentialPusher(
        runtime.database,
        runtime.vault,
        client_of(ACCESS),
        runtime.results,
        access=replace(ACCESS),
        url=platform.url,
        clock=runtime.clock,
        background=world.background,
        pause=lambda seconds: False,
    )
