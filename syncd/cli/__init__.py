"""The command line. The one place that turns errors into advice.

Exit codes: 0 done; 1 some work failed; 2 usage or configuration.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `syncd` command."""
    from .app import run

    sys.exit(run(sys.argv[1:]))
