"""What a benchmark measures, against what, and whether that is good enough."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure. `yardstick` names what was measured beside it in the same run, and `ratio` is ours to it.

    `met` is None for a figure without a goal.
    """

    name: str
    measured: float
    unit: str
    goal: str = ""
    met: bool | None = None
    yardstick: str = ""
    yardstick_value: float | None = None
    ratio: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost this process."""

    seconds: float
    cpu_s: float


def cost_of(run: Callable[[], object]) -> Cost:
    """Run once, with garbage of before collected."""
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    run()
    return Cost(time.perf_counter() - began, time.process_time() - cpu)


def in_turn(rounds: int, *runs: Callable[[], float]) -> list[float]:
    """The median of each run, the runs alternating, so that a busy moment of the machine meets all of them."""
    measured: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for values, run in zip(measured, runs, strict=True):
            values.append(run())
    return [statistics.median(values) for values in measured]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]
