"""A daemon does not hold what its libraries import only because it happens to be installed."""

from __future__ import annotations

import json
import subprocess
import sys

SAY = """
import json, sys
from syncd.cli.lean import import_lean
import_lean()
import structlog, requests
before = [name for name in ("rich", "chardet", "charset_normalizer") if name in sys.modules]
import rich, charset_normalizer
print(json.dumps(before))
"""


def test_what_nobody_uses_is_not_imported_and_can_be_later() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SAY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == []
