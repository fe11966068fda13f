"""A small Public Suffix List in the place of the library's, so that a test depends on its own suffixes only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.rules.routing import domains

SUFFIXES = frozenset({"com", "org", "de", "io", "co.uk", "com.au", "xn--p1ai"})


class FewSuffixes:
    """The suffixes the tests use, all of ICANN's part."""

    def privatesuffix(self, domain: str) -> str | None:
        labels = domain.split(".")
        for i in range(len(labels)):
            if ".".join(labels[i:]) in SUFFIXES:
                return ".".join(labels[i - 1 :]) if i else None
        return None


@pytest.fixture(autouse=True)
def few_suffixes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests marked by the argument `real_suffixes` see the library's list."""
    if "real_suffixes" not in request.fixturenames:
        monkeypatch.setattr(domains, "suffix_list", FewSuffixes)


GENUINE: Any = domains.suffix_list


@pytest.fixture
def genuine_suffix_list() -> Callable[[], object]:
    """The function that reads the library's list, without what it remembers."""
    read: Callable[[], object] = GENUINE.__wrapped__
    return read


@pytest.fixture
def real_suffixes() -> None:
    """The library's own list; skipped where it is not installed."""
    pytest.importorskip("publicsuffixlist", reason="publicsuffixlist is not installed")
