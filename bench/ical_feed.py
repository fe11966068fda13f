"""Busy times of a 10 000-event feed for 60 days: ours against icalendar + recurring-ical-events as they come.

Each measurement is a process of its own, so that peak memory is that of one implementation. Medians: five runs of ours,
three of the reference. Goals: at most 0.10 of the reference's time, at most 80 MB RSS, the same times.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPAN = "start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 30, tzinfo=UTC)"
OURS = f"""
from datetime import UTC, datetime
from syncd.ical import BusyRules, read_busy
from syncd.model.time import Window
{SPAN}
def run(data):
    return [(t.start, t.end) for t in read_busy(data, Window(start, end), BusyRules()).times]
"""
REFERENCE = f"""
from datetime import UTC, datetime
import icalendar, recurring_ical_events
{SPAN}
def run(data):
    times = []
    for event in recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(start, end):
        if event.get("STATUS") != "CANCELLED" and event.get("TRANSP") != "TRANSPARENT":
            times.append((event["DTSTART"].dt.astimezone(UTC), event["DTEND"].dt.astimezone(UTC)))
    return sorted(times)
"""
MEASURE = """
import hashlib, json, resource, sys, time
data = open(sys.argv[1], "rb").read()
began = time.perf_counter()
times = run(data)
seconds = time.perf_counter() - began
digest = hashlib.sha256(repr(sorted(times)).encode()).hexdigest()[:8]
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "rss": rss, "times": len(times), "digest": digest}))
"""
OBJECT = """
import timeit
text = "BEGIN:VCALENDAR\\nBEGIN:VEVENT\\nUID:a\\nSUMMARY:One\\nDTSTART;TZID=Europe/Berlin:20260323T090000\\n" \\
    "DTEND;TZID=Europe/Berlin:20260323T100000\\nEND:VEVENT\\nEND:VCALENDAR\\n"
window, rules = Window(start, end), BusyRules()
print(min(timeit.repeat(lambda: read_busy(text, window, rules), number=2000, repeat=5)) / 2000 * 1e6)
"""


def _run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _medians(code: str, feed: str, runs: int) -> dict[str, float]:
    results = [json.loads(_run(code + MEASURE, feed)) for _ in range(runs)]
    return {**results[0], **{key: statistics.median(r[key] for r in results) for key in ("seconds", "rss")}}


def measure() -> dict[str, object]:
    """Figures of both, with `ratio` (ours / reference), `same` and `object_us` (one simple CalDAV object)."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "ical")]
    import generate

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed.ics"
        path.write_text(generate.feed(), newline="")
        ours, reference = _medians(OURS, str(path), 5), _medians(REFERENCE, str(path), 3)
    return {
        "ours": ours,
        "reference": reference,
        "ratio": ours["seconds"] / reference["seconds"],
        "rss_mb": ours["rss"],
        "same": ours["digest"] == reference["digest"],
        "object_us": float(_run(OURS + OBJECT)),
    }


def main() -> None:
    figures = measure()
    print(f"{'':36}{'seconds':>9}{'RSS MB':>8}{'times':>8}  digest")
    for name, key in (("syncd.ical", "ours"), ("icalendar + recurring-ical-events", "reference")):
        row = figures[key]
        print(f"{name:36}{row['seconds']:9.3f}{row['rss']:8.0f}{row['times']:8}  {row['digest']}")  # type: ignore[index]
    print(
        f"ratio {figures['ratio']:.3f} (goal 0.10), one object {figures['object_us']:.0f} µs, same: {figures['same']}"
    )


if __name__ == "__main__":
    main()
