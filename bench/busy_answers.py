"""Busy answers over 5 calendars and 60 days, out of a million busy rows of 2 000 calendars, in process.

The yardstick is the same question as SQL on the same file, its rows merged and nothing else.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.model.time import Window

from .engine import database_file, email_of, engine
from .figures import Figure, percentile

CALENDARS = 2000
EACH_USER = 5
ROWS = 500
DAYS = 60
GOAL_P99_MS = 5.0
STORED = timedelta(days=180)

QUERY = (
    "select b.starts, b.ends from busy_times b "
    "join calendars c on c.id = b.calendar_id and c.generation = b.generation "
    "join connections n on n.id = c.connection_id where n.user_id = ? and c.selected and b.ends > ? and b.starts < ?"
)


def measure(quick: bool = False) -> list[Figure]:
    """p99 and median of random questions, ours and the yardstick in turn."""
    questions = 300 if quick else 2000
    draw = random.Random(1)
    now = utc_now().replace(microsecond=0)
    with engine() as runtime:
        _fill(database_file(runtime), draw, now)
        with closing(sqlite3.connect(database_file(runtime))) as bare:
            ours, cpu, floor, found = [], [], [], 0
            for user, window in _questions(draw, now, questions):
                took, own, busy = _timed(partial(_ours, runtime, user, window))
                ours.append(took)
                cpu.append(own)
                took, _, same = _timed(partial(_bare, bare, user, window))
                floor.append(took)
                assert busy == same
                found += busy
    p99, floor_p99 = percentile(ours, 99), percentile(floor, 99)
    return [
        Figure(
            name=f"busy answer, {EACH_USER} calendars × {DAYS} days of {CALENDARS * ROWS:,} rows: p99",
            measured=p99,
            unit="ms",
            yardstick="bare SQL and merge, p99",
            yardstick_value=floor_p99,
            ratio=p99 / floor_p99,
            goal=f"at most {GOAL_P99_MS:g} ms",
            met=p99 <= GOAL_P99_MS,
            detail=f"median {statistics.median(ours):.2f} ms; CPU alone p99 {percentile(cpu, 99):.2f} ms; "
            f"{found / questions:.0f} intervals an answer",
        )
    ]


def _timed(run: Callable[[], int]) -> tuple[float, float, int]:
    """Milliseconds, of them ours on a CPU, and the result."""
    began, cpu = time.perf_counter(), time.thread_time()
    result = run()
    return (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000, result


def _ours(runtime: Runtime, user: int, window: Window) -> int:
    answer = runtime.answers.answer(user, window)
    assert all(c.state == "fresh" for c in answer.calendars)
    assert len(answer.calendars) == EACH_USER
    return len(answer.busy)


def _bare(connection: sqlite3.Connection, user: int, window: Window) -> int:
    first, last = int(window.start.timestamp()), int(window.end.timestamp())
    count, until = 0, -1
    for start, end in sorted(connection.execute(QUERY, (user, first, last))):
        count += start > until
        until = max(until, end)
    return count


def _questions(draw: random.Random, now: datetime, count: int) -> Iterator[tuple[int, Window]]:
    for _ in range(count):
        start = now + timedelta(minutes=15 * draw.randrange(4 * 24 * (STORED.days - DAYS - 1)))
        yield 1 + draw.randrange(CALENDARS // EACH_USER), Window(start, start + timedelta(days=DAYS))


def _fill(file: Path, draw: random.Random, now: datetime) -> None:
    """Straight into the tables: a million rows through the engine take minutes and change nothing here."""
    with closing(sqlite3.connect(file)) as connection, connection:
        _insert(connection, "users", _users(now))
        _insert(connection, "connections", _connections(now))
        _insert(connection, "calendars", _calendars(now))
        _insert(connection, "busy_times", _rows(draw, now))
        connection.execute("analyze")


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[dict[str, object]]) -> None:
    first = next(rows)
    names = ", ".join(first)
    statement = f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in first)})"
    connection.execute(statement, first)
    connection.executemany(statement, rows)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _users(now: datetime) -> Iterator[dict[str, object]]:
    for n in range(1, CALENDARS // EACH_USER + 1):
        yield {"id": n, "email": email_of(n), "name": "", "zone": "Europe/Berlin", "created_at": _text(now)}


def _connections(now: datetime) -> Iterator[dict[str, object]]:
    empty = dict.fromkeys(("account", "reason", "remedy", "envelope"), "")
    for n in range(1, CALENDARS // EACH_USER + 1):
        times = {"created_at": _text(now), "updated_at": _text(now)}
        yield {"id": n, "user_id": n, "app": "caldav-calendar", "state": "active", "settings": "{}", **empty, **times}


def _calendars(now: datetime) -> Iterator[dict[str, object]]:
    empty = dict.fromkeys(("color", "zone", "special", "error_code", "error", "remedy"), "")
    zero = dict.fromkeys(("read_only", "is_primary", "transparent_is_busy", "failures", "unread_items"), 0)
    for n in range(1, CALENDARS + 1):
        yield {
            "id": n,
            "connection_id": 1 + (n - 1) // EACH_USER,
            "external_id": f"calendar-{n}",
            "name": f"Calendar {n}",
            "selected": 1,
            "policy": "last-known",
            "policy_hours": 24,
            "generation": 1,
            "coverage_start": _text(now - timedelta(days=7)),
            "coverage_end": _text(now + STORED),
            "as_of": _text(now),
            **empty,
            **zero,
        }


def _rows(draw: random.Random, now: datetime) -> Iterator[dict[str, object]]:
    first, slots = int(now.timestamp()), STORED.days * 48
    for calendar in range(1, CALENDARS + 1):
        for n in range(ROWS):
            start = first + 1800 * draw.randrange(slots)
            end = start + draw.choice((1800, 1800, 3600, 5400))
            own = {"calendar_id": calendar, "generation": 1, "item": f"{n}.ics", "uid": f"{calendar}-{n}@example.com"}
            yield {**own, "starts": start, "ends": end, "kind": "busy"}
