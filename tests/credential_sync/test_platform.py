"""The platform put together: threads of its own, and pushes that are finished where a command ends well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from given import OpenRuntime

from syncd.cli.context import Context
from syncd.connector.registry import Registry
from syncd.engine import credential_push
from syncd.engine import platform as platform_module
from syncd.engine.audit import Audit
from syncd.engine.platform import Platform
from syncd.engine.runtime import Runtime
from syncd.model.result import Operation
from syncd.settings import Calcom, Settings

from .conftest import GOOGLE, KEY, SECRET, TOKEN, World
from .platform_server import PlatformServer

ENVIRON = {"CALCOM_CREDENTIAL_SYNC_SECRET": SECRET, "CALCOM_APP_CREDENTIAL_ENCRYPTION_KEY": KEY}
CREATED = {"message": "Credentials created for userId: 7"}
LONG_S = 30.0
"""Bounds a test that fails."""


@pytest.fixture
def pushing(open_runtime: OpenRuntime, settings: Settings, platform: PlatformServer) -> Runtime:
    """An engine whose Cal.com instance is `platform`."""
    return open_runtime(
        registry=Registry(specs={}), settings=settings.model_copy(update={"calcom": Calcom(url=platform.url)})
    )


@pytest.fixture
def opened(pushing: Runtime) -> Iterator[Platform]:
    opened = Platform(pushing, ENVIRON)
    yield opened
    opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once."""
    monkeypatch.setattr(credential_push, "WAITS_S", (0.0,) * 4)


@pytest.fixture
def connection(pushing: Runtime) -> int:
    return World(pushing, Audit(pushing.database, pushing.clock)).add_connection(GOOGLE, TOKEN)


@pytest.fixture
def pushes(pushing: Runtime) -> Callable[[], list[tuple[str, int]]]:
    world = World(pushing, Audit(pushing.database, pushing.clock))
    return lambda: [(result.outcome, result.attempt) for result in world.log(Operation.PUSH_CREDENTIAL)]


def test_a_provider_that_hangs_holds_up_no_booking(pushing: Runtime) -> None:
    opened, hang, begun = Platform(pushing, ENVIRON), threading.Event(), threading.Semaphore(0)

    def hanging() -> None:
        begun.release()
        hang.wait(LONG_S)

    try:
        for _ in range(100):
            opened.background(hanging)
        assert all(begun.acquire(timeout=LONG_S) for _ in range(platform_module.THREADS))
        assert not begun.acquire(blocking=False), "and no more threads than that"
        assert pushing.executor.submit(lambda: "written").result(LONG_S) == "written"
    finally:
        hang.set()
        opened.close()
    with pytest.raises(RuntimeError):
        opened.background(hanging)


def test_an_idle_platform_holds_no_thread(opened: Platform) -> None:
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(platform_module.THREAD_NAMES)]


@pytest.mark.usefixtures("impatient")
def test_a_push_in_hand_is_finished_with_its_retries(
    pushing: Runtime,
    platform: PlatformServer,
    opened: Platform,
    connection: int,
    pushes: Callable[[], list[tuple[str, int]]],
) -> None:
    platform.will_answer({}, 503)
    platform.will_answer({}, 503)
    platform.will_answer(CREATED)
    pushing.accounts.on_credential(connection)
    opened.finish()
    assert pushes() == [("done", 3)]


def test_a_push_that_takes_too_long_is_given_up_and_in_the_log(
    pushing: Runtime,
    platform: PlatformServer,
    opened: Platform,
    connection: int,
    pushes: Callable[[], list[tuple[str, int]]],
) -> None:
    platform.will_answer({}, 503)
    waiting, pusher = threading.Event(), opened.pusher
    assert pusher is not None

    def pause(_seconds: float) -> bool:
        waiting.set()
        return pusher._stopping.wait(LONG_S)

    pusher._pause = pause
    pushing.accounts.on_credential(connection)
    assert waiting.wait(LONG_S)
    opened.finish(within_s=0.0)
    assert pushes() == []
    opened.close()
    assert pushes() == [("failed", 1)]


@pytest.fixture
def command(pushing: Runtime, platform: PlatformServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A command whose platform is down at first."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "syncd.toml"
    config.write_text(f'database_url = "{pushing.settings.database_url}"\n')
    platform.will_answer({}, 503)
    platform.will_answer(CREATED)
    return Context(str(config))


@pytest.mark.usefixtures("impatient")
def test_a_command_that_ends_well_finishes_its_pushes(
    pushing: Runtime, command: Context, connection: int, pushes: Callable[[], list[tuple[str, int]]]
) -> None:
    with command._platform(pushing, finish=True):
        pushing.accounts.on_credential(connection)
    assert pushes() == [("done", 2)]


@pytest.mark.parametrize(("finish", "ending"), [(True, KeyboardInterrupt), (False, None)], ids=["broken off", "daemon"])
def test_a_command_that_is_broken_off_and_a_daemon_do_not_wait_for_retries(
    pushing: Runtime,
    command: Context,
    connection: int,
    pushes: Callable[[], list[tuple[str, int]]],
    finish: bool,
    ending: type[BaseException] | None,
) -> None:
    with suppress(KeyboardInterrupt), command._platform(pushing, finish=finish):
        pushing.accounts.on_credential(connection)
        if ending:
            raise ending
    assert pushes() in ([("failed", 1)], []), "given up, or never begun"
