"""The README says what is."""

from __future__ import annotations

import re
from pathlib import Path

from syncd.cli.connectors import abilities_table
from syncd.connector.registry import Registry

ROOT = Path(__file__).parent.parent


def test_the_table_of_connectors_is_what_they_declare() -> None:
    registry = Registry.installed()
    wanted = abilities_table([registry.spec(app) for app in registry.apps])
    found = re.search(r"<!-- abilities:.*?-->\n(.*?)<!-- /abilities -->", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    assert found[1].strip() == wanted


def test_the_files_that_hold_a_promise_exist() -> None:
    named = re.findall(r"`((?:tests|syncd|connectors|bench)/[\w./-]+)`", (ROOT / "README.md").read_text())
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []
