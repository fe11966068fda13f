"""The command line. The one place that turns errors into advice.

Exit codes: 0 done; 1 some work failed; 2 usage or configuration.
"""

from __future__ import annotations

import gc
import sys

COLLECT_AFTER = 50_000
"""Objects made before garbage is looked for. Python's 700 go through all that is imported again and again: 0.1 s."""


def main() -> None:
    """Entry point of the `syncd` command."""
    gc.set_threshold(COLLECT_AFTER)
    from .app import run

    sys.exit(run(sys.argv[1:]))
