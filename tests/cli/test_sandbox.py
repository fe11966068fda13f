"""`syncd sandbox`: serves until it is told to stop, and says how to go there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from syncd.cli.app import run

START = [sys.executable, "-m", "syncd", "sandbox", "--app", "google-calendar", "--port", "0"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    with subprocess.Popen([*START, "--json"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if line == "}\n":
                break
        (provider,) = json.loads("".join(lines))["providers"]
        with urllib.request.urlopen(f"{provider['url']}/_sandbox", timeout=10) as answer:
            assert json.load(answer)["provider"] == "google-calendar"
        child.send_signal(number)
        assert child.wait(30) == 0


def test_it_says_what_belongs_into_the_configuration() -> None:
    with subprocess.Popen(START, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = []
        for line in child.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        child.terminate()
        child.wait(30)
    text = "".join(said)
    assert "[apps.google-calendar.client]" in text
    assert 'api_url = "http://127.0.0.1:' in text


def test_an_app_that_has_no_sandbox_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--app", "nope"]) == 2
    assert "No sandbox of nope" in capsys.readouterr().err
