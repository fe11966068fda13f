"""The unit files: what they promise beyond what `make systemd-check` measures."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from syncd.connector.registry import Registry
from syncd.settings import Http

FOLDER = Path(__file__).parents[2] / "systemd"
PACKAGE = FOLDER.parent / "syncd"
SERVICES = ("syncd.service", "syncd-sync.service")


def settings_of(name: str) -> list[tuple[str, str]]:
    """The settings of a unit file, in order: one may be given several times."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line and line[0] not in "#["]
    return [(key, value) for key, _, value in (line.partition("=") for line in told)]


def values_of(name: str, key: str) -> list[str]:
    return [value for found, value in settings_of(name) if found == key]


def credential_names() -> set[str]:
    """The systemd credentials that syncd's source names."""
    sources = (file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))
    connectors = Registry.installed()
    named = {name for text in sources for name in re.findall(r'"(syncd-[a-z-]*(?:key|secret)s?)"', text)}
    return named | {f"syncd-client-secret-{app}" for app in connectors.apps if connectors.spec(app).consent}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_finds_nothing_wrong_and_little_exposed() -> None:
    done = subprocess.run([FOLDER / "check"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_check_is_skipped_with_a_word_where_there_is_no_systemd(tmp_path: Path) -> None:
    for tool in ("dirname", "sh"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run([FOLDER / "check"], capture_output=True, text=True, timeout=60, env={"PATH": str(tmp_path)})
    assert done.returncode == 0
    assert "skipped" in done.stdout


def test_the_daemon_has_longer_to_stop_than_it_asks_for() -> None:
    (timeout,) = values_of("syncd.service", "TimeoutStopSec")
    assert float(timeout.removesuffix("s")) > Http().stop_seconds


@pytest.mark.parametrize("name", SERVICES)
def test_every_credential_syncd_looks_for_is_loaded_if_it_is_there(name: str) -> None:
    """An identifier without a path: one that is in no credential store is left out, and the service starts."""
    loaded = values_of(name, "LoadCredentialEncrypted")
    assert {*loaded} == credential_names()
    assert not [credential for credential in loaded if ":" in credential]


def test_both_services_are_hardened_alike() -> None:
    daemon, once = (settings_of(name)[[k for k, _ in settings_of(name)].index("User") :] for name in SERVICES)
    assert [s for s in daemon if s[0] != "WantedBy"] == once


@pytest.mark.parametrize("name", SERVICES)
def test_the_services_run_as_nobody_who_can_do_more(name: str) -> None:
    assert values_of(name, "User") == ["syncd"]
    assert values_of(name, "CapabilityBoundingSet") == [""]
    assert values_of(name, "NoNewPrivileges") == ["yes"]
