"""Importing what a process that stays needs, without what it never uses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from warnings import filterwarnings

WITHOUT = {
    "rich": "structlog",  # for drawn tracebacks
    "chardet": "requests",  # for guessing at text; providers say what theirs is
    "charset_normalizer": "requests",
}
"""What a package imports only when it is there: 7 MB of memory, and time at every start."""


class Lean(MetaPathFinder):
    """Finds nothing, and lets nothing be found that only a package of `WITHOUT` asks for, while that is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None: others may look.

        Raises:
            ModuleNotFoundError: nobody may.
        """
        package = sys.modules.get(WITHOUT.get(fullname, ""))
        if package is not None and getattr(package.__spec__, "_initializing", False):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def import_lean() -> None:
    """Import lean from now on."""
    if not any(isinstance(finder, Lean) for finder in sys.meta_path):
        sys.meta_path.insert(0, Lean())
        filterwarnings("ignore", message="Unable to find acceptable character detection")  # says requests then
