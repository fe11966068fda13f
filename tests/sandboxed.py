"""Sandboxed providers for tests: all that crosses is checked against the provider's specification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from spec_checks import CHECKS

from syncd.sandbox import Exchange, Provider, Sandbox

_FOUND: list[str] = []
"""Every mismatch of the sandboxes that run."""

ADVICE = "If the test sends this on purpose: `with provoked():` around it (tests/sandboxed.py)."


@contextmanager
def sandboxed(providers: Sequence[Provider]) -> Iterator[Sandbox]:
    """A running sandbox; at the end the test fails with every way in which an exchange was not what the specification
    says. Answers that a fault forced are not checked.
    """
    before = len(_FOUND)

    def check(exchange: Exchange) -> None:
        _FOUND.extend(CHECKS[exchange.provider](exchange) if exchange.provider in CHECKS else ())

    with Sandbox(providers) as sandbox:
        sandbox.tap(check)
        yield sandbox
    found, _FOUND[before:] = _FOUND[before:], []
    assert not found, "\n".join([*dict.fromkeys(found), ADVICE])


@contextmanager
def provoked() -> Iterator[None]:
    """Around requests that a test makes wrong on purpose: what is wrong with them is forgotten, not so with answers."""
    before = len(_FOUND)
    yield
    _FOUND[before:] = [each for each in _FOUND[before:] if ": the answer" in each]
