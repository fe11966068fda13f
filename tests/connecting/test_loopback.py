"""The address on this machine that a browser comes back to: one answer, and the person sees what became of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import requests

from syncd.cli.loopback import LoopbackCallback
from syncd.errors import ConfigError

from .diary import go

STATE = "the-state"


@pytest.fixture
def callback() -> Iterator[LoopbackCallback]:
    with LoopbackCallback(STATE) as callback:
        yield callback


@pytest.fixture
def browsers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def come_back(browsers: ThreadPoolExecutor, callback: LoopbackCallback) -> Future[requests.Response]:
    return browsers.submit(go, f"{callback.address}?state={STATE}&code=c")


def test_the_answer_is_waited_for_and_shown_what_became_of_it(
    callback: LoopbackCallback, browsers: ThreadPoolExecutor
) -> None:
    shown = come_back(browsers, callback)
    assert callback.wait(30) == {"state": STATE, "code": "c"}
    callback.tell("Connected", "anna & <b>ben</b>")
    page = shown.result(30)
    assert page.status_code == 200
    assert "<h1>Connected</h1>" in page.text
    assert "anna &amp; &lt;b&gt;ben&lt;/b&gt;" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("query", ["", "?state=another&code=c", "?code=c", "?state=%ff", "?" + "a=1&" * 60])
def test_what_does_not_bring_the_state_back_is_refused_and_the_wait_goes_on(
    query: str, callback: LoopbackCallback, browsers: ThreadPoolExecutor
) -> None:
    assert go(callback.address + query).status_code == 400
    assert go(callback.address + "favicon.ico").status_code == 404
    assert callback.wait(0) is None
    shown = come_back(browsers, callback)
    assert callback.wait(30)
    callback.tell("Connected")
    assert shown.result(30).status_code == 200


def test_a_second_answer_is_refused(callback: LoopbackCallback, browsers: ThreadPoolExecutor) -> None:
    first = come_back(browsers, callback)
    assert callback.wait(30)
    assert come_back(browsers, callback).result(30).status_code == 400
    callback.tell("Connected")
    assert first.result(30).status_code == 200
    assert callback.wait(0) is None


def test_a_browser_that_waits_is_told_when_the_command_is_stopped(browsers: ThreadPoolExecutor) -> None:
    with LoopbackCallback(STATE) as callback:
        shown = come_back(browsers, callback)
        assert callback.wait(30)
    page = shown.result(30)
    assert (page.status_code, "The command was stopped" in page.text) == (400, True)
    with pytest.raises(requests.ConnectionError):
        go(callback.address)


def test_it_listens_on_this_machine_alone_whatever_it_is_called() -> None:
    with LoopbackCallback(STATE, name="localhost") as callback:
        assert callback.address == f"http://localhost:{callback.port}/"
        assert go(f"http://127.0.0.1:{callback.port}/x").status_code == 404
        with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", callback.port), 5):
            pass


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} cannot be listened on") as refusal:
            LoopbackCallback(STATE, port=port)
    assert "--port" in refusal.value.remedy
