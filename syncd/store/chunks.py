"""Long lists in pieces that fit one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`values` in order, at most `size` at a time."""
    return (values[start : start + size] for start in range(0, len(values), size))
