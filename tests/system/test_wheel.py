"""The built wheel, with the source gone: what a user installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "syncd", "connectors", "systemd")
PACKAGES = {"syncd": "syncd", "connectors": "syncd_connectors"}

INSIDE = """
import importlib.util, json, sys
from importlib import resources
import syncd, syncd_connectors
from syncd.connector.registry import Registry
registry = Registry.installed()
print(json.dumps({
    "editable": [name for name in sys.modules if name.startswith("__editable__")],
    "syncd": syncd.__file__,
    "connectors": syncd_connectors.__file__,
    "collides": importlib.util.find_spec("connectors") is not None,
    "specs": {app: registry.spec(app).app for app in registry.apps},
    "samples": sorted(f.name for f in resources.files("syncd.demo.samples").iterdir() if f.name.endswith(".json")),
    "typed": (resources.files("syncd") / "py.typed").is_file(),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the source that is deleted afterwards."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    _run(folder, [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)])
    shutil.rmtree(source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def home(wheel: Path) -> Path:
    """A virtual environment with the wheel alone; dependencies come from this one, without its editable finder."""
    home = wheel.parent / "venv"
    _run(wheel.parent, [sys.executable, "-m", "venv", "--without-pip", str(home)])
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check"]
    _run(wheel.parent, [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)])
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return home


def _run(folder: Path, words: list[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SYNCD_"))}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def told(home: Path) -> dict[str, Any]:
    """What a program inside the environment sees."""
    document: dict[str, Any] = json.loads(_run(home, [str(home / "bin" / "python"), "-c", INSIDE]))
    return document


def test_it_runs_from_where_it_is_installed(told: dict[str, Any], home: Path) -> None:
    assert told["editable"] == []
    assert told["syncd"].startswith(str(home))
    assert told["connectors"].startswith(str(home))


def test_the_command_is_there(home: Path) -> None:
    assert _run(home, [str(home / "bin" / "syncd"), "--version"]).startswith("syncd 0.")


def test_connectors_are_found_and_load(told: dict[str, Any]) -> None:
    assert {"apple-calendar", "caldav-calendar", "ics-feed"} <= told["specs"].keys()
    assert all(app == spec for app, spec in told["specs"].items())


def test_no_package_called_connectors_is_installed(told: dict[str, Any], wheel: Path) -> None:
    assert not told["collides"]
    tops = {name.partition("/")[0] for name in _names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"syncd", "syncd_connectors"}


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    expected = {
        f"{package}/{file.relative_to(ROOT / folder)}"
        for folder, package in PACKAGES.items()
        for file in (ROOT / folder).rglob("*.py")
    }
    assert expected - _names(wheel) == set()


def test_samples_types_and_licence_are_in_the_wheel(told: dict[str, Any], wheel: Path) -> None:
    assert len(told["samples"]) == len(list((ROOT / "syncd/demo/samples").glob("*.json"))) > 0
    assert told["typed"]
    assert any(".dist-info/" in name and name.endswith("/LICENSE") for name in _names(wheel))


def test_the_schema_is_made_by_its_migrations(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "syncd.toml"
    config.write_text(f'database_url = "sqlite:///{tmp_path}/syncd.db"\n', encoding="utf-8")
    syncd = [str(home / "bin" / "syncd"), "--config", str(config)]
    _run(tmp_path, [*syncd, "db", "upgrade"])
    status = json.loads(_run(tmp_path, [*syncd, "db", "status", "--json"]))
    assert status["schema"] == status["expected"]


def test_the_demonstration_works(home: Path, tmp_path: Path) -> None:
    assert json.loads(_run(tmp_path, [str(home / "bin" / "syncd"), "demo", "--json"]))["agrees"]


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())
