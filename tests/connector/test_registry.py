"""Connectors are found by entry point and imported when first used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from syncd.connector.registry import GROUP, Registry
from syncd.errors import ConfigError
from syncd.testing.memory import MemoryProvider, memory_spec

MEMORY = memory_spec(MemoryProvider())


def registry(name: str, value: str) -> Registry:
    return Registry({name: EntryPoint(name, value, GROUP)})


def test_every_installed_connector_is_found_under_its_own_slug() -> None:
    installed = Registry.installed()
    assert {"apple-calendar", "caldav-calendar", "ics-feed"} <= set(installed.apps)
    assert [installed.spec(app).app for app in installed.apps] == list(installed.apps)


def test_a_connector_nobody_asked_for_is_not_imported() -> None:
    code = (
        "import sys; from syncd.connector.registry import Registry; found = Registry.installed();"
        "assert 'ics-feed' in found.apps; assert 'syncd_connectors' not in sys.modules;"
        "found.spec('ics-feed'); assert 'syncd_connectors.ics_feed' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_spec_is_loaded_once() -> None:
    found = Registry.installed()
    assert found.spec("ics-feed") is found.spec("ics-feed")


def test_given_specs_stand_beside_installed_ones() -> None:
    both = Registry({"ics-feed": EntryPoint("ics-feed", "nowhere:X", GROUP)}, {"memory": MEMORY})
    assert both.apps == ("ics-feed", "memory")
    assert both.spec("memory") is MEMORY


@pytest.mark.parametrize(
    ("known", "listed"), [(Registry(specs={"memory": MEMORY}), "memory"), (Registry(), "none")], ids=["some", "none"]
)
def test_an_unknown_app_is_answered_with_those_there_are(known: Registry, listed: str) -> None:
    with pytest.raises(ConfigError, match="No connector for app 'nope'") as caught:
        known.spec("nope")
    assert caught.value.remedy == f"Connectors installed here: {listed}."


@pytest.mark.parametrize("value", ["no_such_package_here:SPEC", "syncd.connector:NO_SUCH_NAME"])
def test_a_package_that_cannot_be_imported_is_named_with_what_to_do(value: str) -> None:
    with pytest.raises(ConfigError, match=rf"Connector 'broken' \({value}\) cannot be imported") as caught:
        registry("broken", value).spec("broken")
    assert caught.value.remedy == "Reinstall its package."


@pytest.mark.parametrize(
    ("name", "value"), [("json", "json:loads"), ("other-calendar", "syncd_connectors.ics_feed:ICS_FEED")]
)
def test_an_entry_point_that_names_something_else_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match="does not name a ConnectorSpec of that app"):
        registry(name, value).spec(name)
