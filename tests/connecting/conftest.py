"""The diary as a sandbox, an engine that is registered with it, and the HTTP application of that engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from given import OpenRuntime, SettableClock
from starlette.applications import Starlette
from starlette.routing import Mount

from syncd.api.access import Gate
from syncd.api.consents import ConsentCallback
from syncd.api.documented import documented
from syncd.connector.registry import Registry
from syncd.engine.audit import Audit
from syncd.engine.runtime import Runtime
from syncd.sandbox import Sandbox
from syncd.settings import App, Http, Settings
from syncd.store import access, directory
from syncd.store.access import Scope
from syncd.testing.memory import MemoryProvider

from .diary import ANNA, APP, BEN, CLIENT_ID, CLIENT_SECRET, Diary, diary_spec

GOOGLE = "google-calendar"
PUBLIC = "https://syncd.example.com"
BACK = "https://app.example.com/settings"
ANNA_ID, BEN_ID, EVE_ID = 1, 2, 3

OpenDiary = Callable[..., Runtime]
MakeKey = Callable[..., str]


@pytest.fixture
def diary(clock: SettableClock) -> Iterator[Diary]:
    with Sandbox([Diary(clock)]) as sandbox:
        served = sandbox.providers[APP]
        assert isinstance(served, Diary)
        yield served


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for app in (APP, GOOGLE):
        monkeypatch.setenv(f"SYNCD_CLIENT_SECRET_{app.upper().replace('-', '_')}", CLIENT_SECRET)


@pytest.fixture
def open_diary(
    open_runtime: OpenRuntime, settings: Settings, diary: Diary, memory: MemoryProvider, clock: SettableClock
) -> OpenDiary:
    """Opens engines with the diary as apps `diary` and `google-calendar`; Anna, Ben and Eve are its users."""
    for name in ("work", "home"):
        memory.add_calendar(name)

    def open_one(*, client_id: str = CLIENT_ID, **http: Any) -> Runtime:
        specs = {app: diary_spec(diary.url, memory, clock, app) for app in (APP, GOOGLE)}
        changed = {
            "http": Http(**{"public_url": PUBLIC, "redirect_allow": (BACK,), **http}),
            "apps": {APP: App(client={"client_id": client_id})},
        }
        return open_runtime(registry=Registry(specs=specs), settings=settings.model_copy(update=changed))

    return open_one


@pytest.fixture
def office(open_diary: OpenDiary, clock: SettableClock) -> Runtime:
    """An engine whose users are not connected yet."""
    runtime = open_diary()
    with runtime.database.write() as session:
        for user_id, email in ((ANNA_ID, ANNA), (BEN_ID, BEN)):
            directory.add_user(session, user_id, email, clock())
    return runtime


@pytest.fixture
def make_key(office: Runtime, clock: SettableClock) -> MakeKey:
    """Makes an API key of a user (None: an administrator's)."""

    def make(user_id: int | None = ANNA_ID, *scopes: Scope) -> str:
        with office.database.write() as session:
            _, key = access.create_key(session, "test", scopes or (Scope.APPS_WRITE,), clock(), user_id=user_id)
        return key

    return make


def application(runtime: Runtime) -> Starlette:
    """What a daemon serves about connecting."""
    audit = Audit(runtime.database, runtime.clock)
    callback = ConsentCallback(runtime.consents, audit, runtime.settings.http, runtime.clock)
    gate = Gate(runtime.database, audit, runtime.settings.http, runtime.clock)
    return Starlette(routes=[*callback.routes(), Mount("/", documented(runtime, gate))])


@pytest.fixture
def http(office: Runtime) -> Starlette:
    return application(office)
