"""What a process that stays does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .command_line import configured

UNUSED = ("rich", "pygments", "charset_normalizer", "psutil", "alembic", "fastapi", "icalendar")
SYNC = (
    "import json, sys; from syncd.cli.app import run; code = run(sys.argv[1:]); "
    "print(json.dumps([code, sorted(m for m in sys.modules if sys.modules[m] is not None)]))"
)


def test_a_sync_imports_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    config = configured(tmp_path)
    words = [sys.executable, "-W", "error", "-c", SYNC, "--config", str(config), "sync", "--json"]
    subprocess.run(words, check=True, capture_output=True)  # makes the schema
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    code, modules = json.loads(told.splitlines()[-1])
    assert code == 0
    assert [name for name in UNUSED if name in modules] == []
