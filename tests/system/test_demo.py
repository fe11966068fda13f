"""`syncd demo`: tells whether it works, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from cli.command_line import finished

from syncd.cli.app import run
from syncd.demo import show
from syncd.demo.reader import read_calendar


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demonstration as a process, with its temporary files in `folder`."""
    words = [sys.executable, "-m", "syncd", "demo", *arguments]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            yield child
        finally:
            child.kill()


def lines_until(child: subprocess.Popen[str], sign: str) -> list[str]:
    """What it says up to the line that holds `sign`."""
    assert child.stdout is not None
    said = []
    for line in child.stdout:
        said.append(line.rstrip("\n"))
        if sign in line:
            return said
    raise AssertionError(f"never said {sign!r}: {said}")


def test_it_agrees_in_every_place_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--json") as child:
        out, _ = child.communicate(timeout=60)
    told = json.loads(out)
    assert child.returncode == 0
    assert told["agrees"]
    assert {"booked", "moved", "cancelled", "a series", "busy times"} <= {c["step"] for c in told["checks"]}
    assert all(c["expected"] == c["found"] for c in told["checks"])
    assert list(tmp_path.iterdir()) == []


def test_a_delivery_that_is_lost_shows_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver = show._deliver

    def lossy(demo: show.Demo, *names: str, **more: Any) -> None:
        deliver(demo, *(n for n in names if "05" not in n), **more)

    monkeypatch.setattr(show, "_deliver", lossy)
    assert run(["demo", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["agrees"]
    assert [c["step"] for c in told["checks"] if not c["agrees"]] == ["cancelled"]


def test_a_server_that_forgets_shows_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = read_calendar
    monkeypatch.setattr(show, "read_calendar", lambda server, user, name: read(server, user, name)[1:])
    assert run(["demo"]) == 1
    assert "Not all agree." in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_stopped_in_the_middle_it_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    with demo(tmp_path) as child:
        lines_until(child, "Connecting both")
        servers = psutil.Process(child.pid).children()
        assert len(servers) == 2
        child.send_signal(number)
        assert child.wait(30) == 130
    assert psutil.wait_procs(servers, 10)[1] == []
    assert list(tmp_path.iterdir()) == []


def test_kept_servers_answer_the_commands_it_prints(tmp_path: Path) -> None:
    with demo(tmp_path, "--keep") as child:
        said = lines_until(child, "Ctrl-C")
        commands = [shlex.split(line) for line in said if line.startswith("  syncd ")]
        assert len(commands) == 5
        for _, option, config, *words in commands:
            assert option == "--config"
            told = finished(Path(config), *words)
            assert told.code == 0, told
            assert told.out
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)], ids=["SIGTERM", "SIGKILL"]
)
def test_kept_servers_end_with_it(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with demo(tmp_path, "--keep") as child:
        lines_until(child, "Ctrl-C")
        servers = psutil.Process(child.pid).children()
        assert len(servers) == 2
        child.send_signal(number)
        assert child.wait(30) == code
    assert psutil.wait_procs(servers, 10)[1] == []


def test_kept_and_for_machines_standard_output_is_json_alone(tmp_path: Path) -> None:
    with demo(tmp_path, "--keep", "--json") as child:
        said = lines_until(child, "}")
        while said[-1] != "}":
            said += lines_until(child, "}")
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=30)
    assert json.loads("\n".join(said))["agrees"]
    assert "syncd --config" not in out
