"""`syncd install-service`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine, configured

from syncd.cli.service import DAEMON, HIDDEN, ONE_SHOT, PLACEHOLDER, unit_text

EXECUTABLE = "/opt/syncd/bin/syncd"
Install = Callable[..., Any]


@pytest.fixture
def syncd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(configured(tmp_path), capsys, monkeypatch)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The folder of the unit files."""
    (tmp_path / "units").mkdir()
    return tmp_path / "units"


@pytest.fixture
def install(syncd: CommandLine, units: Path) -> Install:
    """Runs the command for `units`; what it told."""
    words = ("install-service", "--prefix", units, "--executable", EXECUTABLE)
    return lambda *more, **expected: syncd.document(*words, *more, **expected)


def changes(told: Any) -> dict[str, str]:
    return {Path(file["path"]).name: file["change"] for file in told["files"]}


def there(units: Path) -> set[str]:
    return {file.name for file in units.iterdir()}


def test_the_daemons_unit_starts_this_installation(install: Install, units: Path) -> None:
    assert changes(install()) == {"syncd.service": "create"}
    assert there(units) == {"syncd.service"}
    text = (units / "syncd.service").read_text()
    assert f"\nExecStart={EXECUTABLE} --config /etc/syncd/config.toml run\n" in text
    assert PLACEHOLDER not in text


def test_the_one_shot_use_is_a_service_and_its_timer(install: Install, units: Path) -> None:
    told = install("--one-shot")
    assert there(units) == {*ONE_SHOT}
    assert "systemctl enable --now syncd-sync.timer" in told["next"]


def test_installing_again_changes_nothing_and_an_upgrade_replaces(install: Install, units: Path) -> None:
    install()
    assert changes(install()) == {"syncd.service": "keep"}
    (units / "syncd.service").write_text("of an older version")
    assert changes(install()) == {"syncd.service": "replace"}
    assert changes(install()) == {"syncd.service": "keep"}


def test_a_dry_run_shows_the_files_and_writes_none(install: Install, syncd: CommandLine, units: Path) -> None:
    assert EXECUTABLE in install("--dry-run")["files"][0]["text"]
    told = syncd("install-service", "--prefix", units, "--executable", EXECUTABLE, "--dry-run")
    assert "[Service]" in told.out
    assert there(units) == set()


def test_removal_takes_the_units_and_nothing_else(install: Install, units: Path) -> None:
    install()
    install("--one-shot")
    (units / "other.service").touch()
    assert changes(install("--remove", "--dry-run")) == dict.fromkeys((*DAEMON, *ONE_SHOT), "remove")
    assert len(there(units)) == 4
    install("--remove")
    assert there(units) == {"other.service"}
    assert install("--remove")["files"] == []


def test_it_says_what_to_do_next(install: Install, syncd: CommandLine, units: Path) -> None:
    steps = install()["next"]
    assert steps[-3:] == [
        "systemctl daemon-reload",
        "systemctl enable --now syncd.service",
        "systemctl status syncd.service",
    ]
    told = syncd("install-service", "--prefix", units, "--executable", EXECUTABLE)
    assert all(step in told.out for step in steps)


@pytest.mark.parametrize("folder", HIDDEN)
def test_a_command_the_service_could_not_see_is_refused(syncd: CommandLine, units: Path, folder: str) -> None:
    told = syncd("install-service", "--prefix", units, "--executable", f"{folder}/me/bin/syncd")
    assert told.code == 2
    assert "/opt/syncd" in told.err
    assert there(units) == set()


@pytest.mark.parametrize("path", ["syncd", "/opt/my syncd/bin/syncd", "/opt/%h/syncd", "/opt/$HOME/syncd", "/a\n/b"])
def test_a_path_a_unit_file_would_read_otherwise_is_refused(syncd: CommandLine, units: Path, path: str) -> None:
    assert syncd("install-service", "--prefix", units, "--executable", path).code == 2
    assert there(units) == set()


def test_a_folder_that_is_not_there_is_not_made(syncd: CommandLine, tmp_path: Path) -> None:
    told = syncd("install-service", "--prefix", tmp_path / "none", "--executable", EXECUTABLE)
    assert told.code == 2
    assert not (tmp_path / "none").exists()


def test_every_unit_comes_with_the_package() -> None:
    for name in (*DAEMON, *ONE_SHOT):
        assert unit_text(name).startswith("[Unit]\n")
