"""The figures of `ical_feed` in the table.

It runs in a process of its own: on Linux a child's peak memory begins with that of the process that started it.
"""

from __future__ import annotations

import json
import subprocess
import sys

from .figures import Figure
from .server import ROOT

GOAL_RATIO = 0.10
GOAL_RSS_MB = 80.0


def measure(quick: bool = False) -> list[Figure]:
    """Time, memory, and whether the times are the same. It has no quick form."""
    command = [sys.executable, "-c", "import json; from bench import ical_feed; print(json.dumps(ical_feed.measure()))"]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    took, reference, rss = told["ours"]["seconds"], told["reference"]["seconds"], told["rss_mb"]
    return [
        Figure(
            name="busy times of a 10 000-event feed, 60 days",
            measured=took,
            unit="s",
            yardstick="icalendar + recurring-ical-events",
            yardstick_value=reference,
            ratio=told["ratio"],
            goal=f"ratio at most {GOAL_RATIO:.2f}",
            met=told["ratio"] <= GOAL_RATIO,
            detail=f"same times: {'yes' if told['same'] else 'NO'}; one small object {told['object_us']:.0f} µs",
        ),
        Figure(
            name="  peak memory",
            measured=rss,
            unit="MB",
            yardstick="icalendar + recurring-ical-events",
            yardstick_value=told["reference"]["rss"],
            ratio=rss / told["reference"]["rss"],
            goal=f"at most {GOAL_RSS_MB:g} MB",
            met=rss <= GOAL_RSS_MB and told["same"],
        ),
    ]
