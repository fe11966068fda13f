"""The CalDAV stub in a process of its own, asked and changed over its standard input: one JSON document a line."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from syncd.testing.dav import DavStub
from syncd.testing.http_stub import Request

ROOT = Path(__file__).resolve().parent.parent
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"
    "SUMMARY:{title}\r\nDTSTART:{start}\r\nDTEND:{end}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Server:
    """The stub's process. `url` is where a connection starts."""

    def __init__(self, delay_ms: float = 0.0) -> None:
        self._command = [sys.executable, "-m", "bench.server", "--delay-ms", str(delay_ms)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.url = str(self._answer())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)

    def add_calendars(self, count: int, events: int = 0) -> list[str]:
        """Make calendars with `events` each; their URLs."""
        return list(self._ask("add_calendars", count, events))

    def change(self, calendar: str, count: int) -> None:
        """Another client changes `count` of the events of a calendar."""
        self._ask("change", calendar, count)

    def counts(self) -> dict[str, int]:
        """Requests by method since the last `clear`."""
        return dict(self._ask("counts"))

    def clear(self) -> None:
        """Count from zero."""
        self._ask("clear")

    def texts(self, calendar: str) -> dict[str, str]:
        """The objects of a calendar, by path."""
        return dict(self._ask("texts", calendar))

    def put_times(self, calendar: str) -> dict[str, float]:
        """When each event's PUT since the last `clear` came in, as `time.time`, by the booking its UID names."""
        came, texts = self._ask("put_times"), self.texts(calendar)
        uids = {path: text.partition("\nUID:")[2].partition("@")[0].strip() for path, text in texts.items()}
        return {uids[path]: float(at) for path, at in came.items()}

    def first_request(self) -> float | None:
        """When the first request since the last `clear` came in, as `time.time`."""
        found = self._ask("first_request")
        return None if found is None else float(found)

    def _ask(self, what: str, *arguments: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, *arguments]) + "\n")
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


class _Commands:
    """The child's side."""

    def __init__(self, stub: DavStub) -> None:
        self._stub = stub
        self._first: float | None = None
        self._puts: dict[str, float] = {}
        stub.faults.append(self._note)

    def _note(self, request: Request) -> None:
        now = time.time()
        self._first = self._first or now
        if request.method == "PUT":
            self._puts.setdefault(request.path, now)

    def add_calendars(self, count: int, events: int) -> list[str]:
        urls = [self._stub.add_calendar(f"calendar-{n}") for n in range(count)]
        for url in urls:
            for n in range(events):
                self._stub.store(url, f"{n}.ics", _event(url, n, "Planned"))
        return urls

    def change(self, calendar: str, count: int) -> None:
        for n in range(count):
            self._stub.store(calendar, f"{n}.ics", _event(calendar, n, "Changed"))

    def counts(self) -> dict[str, int]:
        return dict(self._stub.counts)

    def clear(self) -> None:
        self._stub.counts.clear()
        self._stub.seen.clear()
        self._first = None
        self._puts.clear()

    def put_times(self) -> dict[str, float]:
        return self._puts

    def texts(self, calendar: str) -> dict[str, str]:
        return self._stub.texts(calendar)

    def first_request(self) -> float | None:
        return self._first


def _event(calendar: str, n: int, title: str) -> str:
    day, hour = 1 + n // 24 % 28, n % 24
    start, end = f"202701{day:02}T{hour:02}0000Z", f"202701{day:02}T{hour:02}3000Z"
    return EVENT.format(uid=f"{calendar.split('/')[-2]}-{n}", title=title, start=start, end=end)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=float, default=0.0)
    with DavStub(delay_s=parser.parse_args().delay_ms / 1000) as stub:
        commands = _Commands(stub)
        print(json.dumps(stub.url), flush=True)
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            print(json.dumps(getattr(commands, what)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
