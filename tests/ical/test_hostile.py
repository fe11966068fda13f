"""Broken and hostile texts: never a hang, never an error but InputError. SYNCD_HOSTILE is how many mutants are read."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator

import generate
import pytest
from read import BERLIN, calendar, event, read, window
from test_zones import CENTRAL_EUROPE, CUSTOM

from syncd.errors import InputError
from syncd.ical import BusyRules, read_busy

MUTANTS = int(os.environ.get("SYNCD_HOSTILE", "2000"))
BATCHES = 8
HANGS_AFTER_S = 120
OWNER = BusyRules(zone="America/New_York", owner_emails=frozenset({"ann@example.com"}))


@pytest.fixture(autouse=True)
def _never_a_hang() -> Iterator[None]:
    def stop(*_: object) -> None:
        pytest.fail(f"still reading after {HANGS_AFTER_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS_AFTER_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


TOKENS = [
    b"BEGIN:VEVENT",
    b"END:VEVENT",
    b"BEGIN:VALARM",
    b"END:VCALENDAR",
    b"BEGIN:VCALENDAR",
    b"\r\n",
    b"\n ",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b":",
    b";",
    b",",
    b"=",
    b'"',
    b"RRULE:FREQ=SECONDLY",
    b"RRULE:FREQ=MINUTELY;COUNT=9999999",
    b"INTERVAL=0",
    b"INTERVAL=99999999999999999999",
    b"COUNT=-5",
    b"BYDAY=-53SU",
    b"BYSETPOS=366",
    b"BYMONTHDAY=30;BYMONTH=2",
    b"BYHOUR=0,1,2,3,4,5,6,7,8,9",
    b"UNTIL=99991231T235959Z",
    b"DTSTART:00010101T000000",
    b"DTSTART:99991231T235959Z",
    b"DTEND:99991231",
    b"DURATION:P9999999D",
    b"DURATION:-P1W",
    b"TZID=Europe/Berlin",
    b"TZID=../../etc/passwd",
    b"TZID=Customized Time Zone",
    b"RECURRENCE-ID;RANGE=THISANDFUTURE:20260106T090000Z",
    b"RECURRENCE-ID:20260106",
    b"EXDATE:,,,",
    b"RDATE;VALUE=PERIOD:20260101T000000Z/P1D",
    b"RDATE:/",
    b"SEQUENCE:99999999999",
    b"X-APPLE-TRAVEL-DURATION:P9999999W",
    b"ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.com",
    b"FREQ=YEARLY",
    b"BYWEEKNO=53",
    b"20260229",
]


def mutant(seed: int) -> bytes:
    """A generated calendar with a few random injuries."""
    rng = random.Random(seed)
    text = generate.calendar(seed).text.replace("VERSION:2.0", CENTRAL_EUROPE + "\n" + CUSTOM, 1)
    data = bytearray(text.encode())
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                del data[at : at + rng.randint(1, 40)]
            case 1:
                data[at:at] = rng.choice(TOKENS)
            case 2:
                data[at] = rng.randrange(256)
            case 3:
                line = data.rfind(b"\n", 0, at) + 1
                data[line:line] = rng.choice(TOKENS) + b"\r\n"
            case _:
                data[at:at] = data[rng.randrange(len(data)) :][: rng.randint(1, 200)]
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mutated_calendars_are_read_or_refused(batch):
    for seed in range(batch, MUTANTS, BATCHES):
        try:
            reading = read_busy(mutant(seed), window(), OWNER)
        except InputError:
            continue
        assert all(busy.start < busy.end for busy in reading.times), seed
        assert all(busy.start < window().end and busy.end > window().start for busy in reading.times), seed
        assert all(problem.line >= 1 and problem.reason for problem in reading.problems), seed


#: Rules that make naive expansion run for minutes or for ever.
HOSTILE_RULES = (
    "FREQ=SECONDLY",
    "FREQ=SECONDLY;BYHOUR=3;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MINUTELY;COUNT=999999999",
    "FREQ=HOURLY;INTERVAL=1;BYYEARDAY=366;BYMONTH=1",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2;COUNT=1",
    "FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2;COUNT=1",
    "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,1,2,3",
)


@pytest.mark.parametrize("rule", HOSTILE_RULES)
def test_a_hostile_rule_costs_a_moment_and_frees_nothing(rule):
    reading = read(event("DTSTART:00020101T090000Z", "DURATION:PT1H", f"RRULE:{rule}", uid="bad"), event())
    assert "u" in {busy.uid for busy in reading.times}


def test_many_hostile_events_share_one_budget():
    bad = [event("DTSTART:20200101T090000Z", "RRULE:FREQ=MINUTELY;COUNT=99999999", uid=str(n)) for n in range(300)]
    reading = read(*bad, event())
    assert len(reading.problems) == 300
    assert [busy.uid for busy in reading.times] == ["u"]


def test_ten_thousand_bad_events_are_ten_thousand_problems_at_once():
    text = calendar(
        *[event("DTSTART:never", f"DESCRIPTION:{'x' * 60}\n {'y' * 60}", uid=str(n)) for n in range(10_000)]
    )
    assert len(read_busy(text, window(), BERLIN).problems) == 10_000
