"""Importing what a process that stays needs, without what it never uses."""

from __future__ import annotations

import sys
from importlib import import_module
from warnings import catch_warnings

WITHOUT = {
    "structlog": ("rich",),  # for drawn tracebacks
    "requests": ("chardet", "charset_normalizer"),  # for guessing at text; providers say what theirs is
}
"""Packages that work without something they import when it is there: 7 MB of memory, and time at every start."""


def import_lean() -> None:
    """Import the packages of `WITHOUT` as if what they would like to have were not installed."""
    for package, unused in WITHOUT.items():
        absent = [name for name in unused if name not in sys.modules]
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: importlib finds no such module
        try:
            with catch_warnings(action="ignore"):  # requests says then that it will not guess
                import_module(package)
        finally:
            for name in absent:
                del sys.modules[name]
