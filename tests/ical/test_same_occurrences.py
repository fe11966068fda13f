"""Generated calendars give the same busy times as icalendar + recurring-ical-events, but for the reasons below."""

# ruff: noqa: DTZ001 - wall-clock times

from __future__ import annotations

import sys
import warnings
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events

from syncd.ical import BusyRules, read_busy
from syncd.model.time import Window

sys.path.insert(0, str(Path(__file__).parent))
import generate

#: Why an event's times may differ, by the generator's trait. Each has a test of its own in test_recurrence.py.
REASONS = {
    "exact-length": "RFC 5545 3.8.5.3: with DTEND every occurrence is exactly as long as the first, and the hours of a "
    "DURATION are exact; the reference keeps the wall-clock end, an hour off when the occurrence spans a DST switch.",
    "starts-in-gap": "A start in a DST gap can pass the end on the same wall clock. It keeps its wall-clock length; "
    "the reference gives it none, or a negative one.",
    "repeated-override": "Two overrides of one start with the same SEQUENCE both stand (unknown is never free); the "
    "reference keeps the first.",
    "first-week-bysetpos": "dateutil begins the first week of a WEEKLY rule at DTSTART, so BYSETPOS counts from there.",
    "byweekno-without-byday": "dateutil takes all seven days of the week; RFC 5545 takes the weekday from DTSTART.",
    "digits-compared": "The reference compares EXDATE, RECURRENCE-ID and start both as UTC and as local digits, each "
    "with each, so 08:00 UTC takes out a start at 08:00 in Berlin.",
}
Times = set[tuple[datetime, datetime, str]]


def reference_times(text: str, window: Window, zone: str) -> Times:
    """What the reference says, all-day and floating times read in `zone`.

    It is asked for three days more on both sides, because it compares those in the window's own zone.
    """
    around = timedelta(days=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calendar = icalendar.Calendar.from_ical(text)
        events = recurring_ical_events.of(calendar).between(window.start - around, window.end + around)
    own, found = ZoneInfo(zone), set()
    for event in events:
        if event.get("STATUS") == "CANCELLED" or event.get("TRANSP") == "TRANSPARENT":
            continue
        start, end = (_instant(event[name].dt, own) for name in ("DTSTART", "DTEND"))
        if start < end and start < window.end and end > window.start:
            found.add((start, end, str(event["UID"])))
    return found


def _instant(at: date, own: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    return (at if at.tzinfo else at.replace(tzinfo=own)).astimezone(UTC)


def our_times(text: str, window: Window, zone: str) -> Times:
    reading = read_busy(text, window, BusyRules(zone=zone))
    assert not reading.problems, reading.problems
    return {(time.start, time.end, time.uid) for time in reading.times}


def compare(seeds: range) -> Counter[str]:
    """How many events differ, by reason. Fails on a difference without one."""
    reasons: Counter[str] = Counter()
    for seed in seeds:
        sample = generate.calendar(seed)
        ours = our_times(sample.text, sample.window, sample.zone)
        theirs = reference_times(sample.text, sample.window, sample.zone)
        for uid in {uid for _, _, uid in ours ^ theirs}:
            known = sample.traits[uid] & REASONS.keys()
            assert known, _explain(seed, uid, sample, ours, theirs)
            reasons.update(known)
    return reasons


def _explain(seed: int, uid: str, sample: generate.Sample, ours: Times, theirs: Times) -> str:
    events = [part for part in sample.text.split("BEGIN:VEVENT") if f"UID:{uid}" in part]
    ours_only = sorted(t for t in ours - theirs if t[2] == uid)[:5]
    theirs_only = sorted(t for t in theirs - ours if t[2] == uid)[:5]
    return f"seed {seed} {uid}: only ours {ours_only}, only theirs {theirs_only}\n{''.join(events)}"


def test_generated_calendars_have_the_occurrences_of_the_reference():
    compare(range(300))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_ten_thousand_generated_calendars_have_the_occurrences_of_the_reference(first):
    compare(range(first, first + 500))


def test_a_feed_has_the_occurrences_of_the_reference():
    text = generate.feed(500)
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 30, tzinfo=UTC))
    ours = our_times(text, window, "Europe/Berlin")
    assert len(ours) > 500
    assert ours == reference_times(text, window, "Europe/Berlin")
