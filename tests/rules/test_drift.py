"""What a person did to an event of ours: never a write of our own, and never anything else than what they did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Event, ItemChange, Occurrence, Participant, Receipt
from syncd.model.drift import Drift, DriftKind, DriftPolicy, Told
from syncd.model.time import Window
from syncd.rules.drift import MOST_RESTORED, RESTORED_WITHIN, Seen, Written, drift_of, in_a_row, restores, told_of

from .made import NOON

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
MEETING = Event(uid="u", title="Meeting", start=START, end=START + timedelta(hours=1), zone="Europe/Berlin")
SERIES = replace(MEETING, rrule="FREQ=WEEKLY;COUNT=4")
DAYS = replace(MEETING, start_date=date(2026, 1, 5), end_date=date(2026, 1, 7))
WINDOW = Window(START - timedelta(days=7), START + timedelta(days=180))
RECEIPT = Receipt(id="item", version="v1", uid="u")
WEEK = timedelta(days=7)


def change(item: str = "item", version: str = "v1", uid: str = "u", **more: Any) -> ItemChange:
    times = (BusyTime(START, START + timedelta(hours=1), uid=uid),) if uid else ()
    return ItemChange(item=item, version=version, times=times, **more)


def seen(*pages: ChangePage) -> Seen:
    result = Seen()
    for page in pages:
        result.take(page)
    return result


def changed(*changes: ItemChange, full: bool = False) -> ChangePage:
    return ChangePage(changed=changes, full=full)


FULL_WITHOUT = changed(change("another", uid="another"), full=True)

TELLINGS: dict[str, tuple[ChangePage, Told | None]] = {
    "nothing": (ChangePage(), None),
    "another item": (changed(change("another", uid="another")), None),
    "the version written": (changed(change()), None),
    "the version written, in a full read": (changed(change(), full=True), None),
    "another version": (changed(change(version="v2")), Told.CHANGED),
    "another version without times": (changed(change(version="v2", uid="")), Told.CHANGED),
    "no version": (changed(change(version="")), Told.CHANGED),
    "declined": (changed(change(version="v2", declined=True)), Told.DECLINED),
    "declined at the version written": (changed(change(declined=True)), Told.DECLINED),
    "removed": (ChangePage(removed=("item",)), Told.CHANGED),
    "an occurrence with the version written": (changed(change("item_1")), None),
    "an occurrence with another version": (changed(change("item_1", version="v2")), Told.CHANGED),
    "one of two occurrences with another": (changed(change("item_1"), change("item_2", version="v2")), Told.CHANGED),
    "an occurrence declined": (changed(change("item_1", declined=True)), Told.DECLINED),
    "one of two declined": (changed(change("item_1", declined=True), change("item_2", version="v2")), Told.CHANGED),
    "an occurrence declined, not the series": (
        changed(change("item_1", version="v2", declined=True), change()),
        Told.CHANGED,
    ),
    "an occurrence gone, the series told": (
        replace(changed(change("item_1"), change()), removed=("item_1",)),
        Told.CHANGED,
    ),
    "everything else": (FULL_WITHOUT, Told.CHANGED),
}


@pytest.mark.parametrize(("page", "told"), TELLINGS.values(), ids=TELLINGS)
def test_what_a_read_tells(page: ChangePage, told: Told | None) -> None:
    assert told_of(Written(desired=SERIES, receipt=RECEIPT), seen(page), WINDOW) is told


def test_the_last_word_of_a_read_counts() -> None:
    declined, accepted, gone = (
        changed(change(version="v2", declined=True)),
        changed(change(version="v1")),
        ChangePage(removed=("item",)),
    )
    written = Written(desired=MEETING, receipt=RECEIPT)
    assert told_of(written, seen(declined, accepted), WINDOW) is None
    assert told_of(written, seen(accepted, declined), WINDOW) is Told.DECLINED
    assert told_of(written, seen(gone, accepted), WINDOW) is None
    assert told_of(written, seen(accepted, gone), WINDOW) is Told.CHANGED


def test_a_drift_that_may_be_over_is_looked_at() -> None:
    written = Written(desired=MEETING, receipt=RECEIPT, drifted=True)
    assert told_of(written, seen(changed(change())), WINDOW) is Told.CHANGED
    assert told_of(written, seen(ChangePage()), WINDOW) is None


def test_an_event_that_is_being_made_is_looked_at_when_it_is_told_and_only_then() -> None:
    written = Written(desired=MEETING, receipt=None)
    assert told_of(written, seen(changed(change())), WINDOW) is Told.CHANGED
    assert told_of(written, seen(FULL_WITHOUT), WINDOW) is None


def test_an_item_whose_name_the_store_remembers_is_a_part_of_its_event() -> None:
    told = seen(ChangePage(removed=("item_1",)), changed(change("item_2", uid="", version="v2")))
    assert told.nameless == {"item_1", "item_2"}
    written = Written(desired=SERIES, receipt=RECEIPT)
    assert told_of(written, told, WINDOW) is None
    told.belongs("item_1", "u")
    assert told_of(written, told, WINDOW) is Told.CHANGED
    assert told.nameless == {"item_2"}


LATER = WINDOW.end + timedelta(hours=1)
EARLY = WINDOW.start - timedelta(days=100)


def at(start: datetime, **more: Any) -> Event:
    return replace(MEETING, start=start, end=start + timedelta(hours=1), **more)


MISSING: dict[str, tuple[Event, bool]] = {
    "inside": (MEETING, True),
    "at the end of the window": (at(WINDOW.end), False),
    "before the window": (at(EARLY), False),
    "into the window": (at(WINDOW.start - timedelta(minutes=30)), True),
    "a series that is over": (at(EARLY, rrule="FREQ=WEEKLY;COUNT=3"), False),
    "a series that is over, by its interval": (at(EARLY, rrule="FREQ=DAILY;INTERVAL=2;COUNT=40"), False),
    "a series that may go on": (at(EARLY, rrule="FREQ=WEEKLY;COUNT=30"), True),
    "a series by month that may go on": (at(EARLY, rrule="FREQ=MONTHLY;COUNT=5"), True),
    "an endless series": (at(EARLY, rrule="FREQ=WEEKLY"), True),
    "a series of ages": (at(EARLY, rrule="FREQ=YEARLY;INTERVAL=99;COUNT=99999999"), True),
    "a series until before": (at(EARLY, rrule=f"FREQ=WEEKLY;UNTIL={EARLY + WEEK:%Y%m%dT%H%M%SZ}"), False),
    "a series until within": (at(EARLY, rrule=f"FREQ=WEEKLY;UNTIL={START:%Y%m%dT%H%M%SZ}"), True),
    "an occurrence moved into the window": (
        at(
            EARLY,
            rrule="FREQ=WEEKLY;COUNT=2",
            occurrences=(Occurrence(original=EARLY + WEEK, start=START, end=START + timedelta(hours=1)),),
        ),
        True,
    ),
    "a series after the window": (at(LATER, rrule="FREQ=WEEKLY"), False),
}


@pytest.mark.parametrize(("event", "missing"), MISSING.values(), ids=MISSING)
def test_what_a_full_read_does_not_tell_is_missed_only_where_it_would_be_told(event: Event, missing: bool) -> None:
    found = told_of(Written(desired=event, receipt=RECEIPT), seen(FULL_WITHOUT), WINDOW)
    assert found is (Told.CHANGED if missing else None)


HOUR = timedelta(hours=1)
MOVED = replace(MEETING, start=START + HOUR, end=START + 2 * HOUR)
CANCELLED = Occurrence(original=START + WEEK)
SHIFTED = Occurrence(original=START + WEEK, start=START + WEEK + HOUR, end=START + WEEK + 2 * HOUR)
UNTIL = replace(SERIES, rrule="FREQ=WEEKLY;UNTIL=20260202T090000Z")

FOUND: dict[str, tuple[Event, Event | None, DriftKind | None]] = {
    "gone": (MEETING, None, DriftKind.DELETED),
    "the same": (MEETING, MEETING, None),
    "other texts": (MEETING, replace(MEETING, title="x", description="y", location="z", private=True), None),
    "other guests": (MEETING, replace(MEETING, attendees=(Participant(email="a@example.com"),)), None),
    "another zone, the same time": (MEETING, replace(MEETING, zone="UTC"), None),
    "fractions of a second dropped": (replace(MEETING, start=START.replace(microsecond=7)), MEETING, None),
    "moved": (MEETING, MOVED, DriftKind.MOVED),
    "longer": (MEETING, replace(MEETING, end=START + 3 * HOUR), DriftKind.MOVED),
    "days kept, elsewhere in the day": (DAYS, replace(DAYS, start=START - HOUR, end=START), None),
    "days moved": (DAYS, replace(DAYS, end_date=date(2026, 1, 8)), DriftKind.MOVED),
    "all day made an hour": (DAYS, MEETING, DriftKind.MOVED),
    "an hour made all day": (MEETING, DAYS, DriftKind.MOVED),
    "the series moved": (SERIES, replace(SERIES, start=START + HOUR, end=START + 2 * HOUR), DriftKind.MOVED),
    "the series ended early": (SERIES, replace(SERIES, rrule="FREQ=WEEKLY;COUNT=2"), DriftKind.MOVED),
    "the series ended by a day": (SERIES, replace(SERIES, rrule=UNTIL.rrule), DriftKind.MOVED),
    "the series made one meeting": (SERIES, MEETING, DriftKind.MOVED),
    "the rule in other words": (SERIES, replace(SERIES, rrule="COUNT=4;INTERVAL=1;FREQ=weekly;BYDAY=MO;WKST=SU"), None),
    "every second week": (SERIES, replace(SERIES, rrule="FREQ=WEEKLY;INTERVAL=2;COUNT=4"), DriftKind.MOVED),
    "the last day without its time": (UNTIL, replace(UNTIL, rrule="FREQ=WEEKLY;UNTIL=20260202"), None),
    "the last day in another zone": (UNTIL, replace(UNTIL, rrule="FREQ=WEEKLY;UNTIL=20260203T000000Z"), None),
    "another last day": (UNTIL, replace(UNTIL, rrule="FREQ=WEEKLY;UNTIL=20260126"), DriftKind.MOVED),
    "a last day nobody can read": (UNTIL, replace(UNTIL, rrule="FREQ=WEEKLY;UNTIL=never"), DriftKind.MOVED),
    "an occurrence cancelled": (SERIES, replace(SERIES, occurrences=(CANCELLED,)), DriftKind.MOVED),
    "an occurrence moved": (SERIES, replace(SERIES, occurrences=(SHIFTED,)), DriftKind.MOVED),
    "an occurrence moved back": (replace(SERIES, occurrences=(SHIFTED,)), SERIES, DriftKind.MOVED),
    "an occurrence told though it is where the rule has it": (
        SERIES,
        replace(SERIES, occurrences=(replace(SHIFTED, start=START + WEEK, end=START + WEEK + HOUR),)),
        None,
    ),
    "occurrences of days, which nobody compares": (
        replace(DAYS, rrule=SERIES.rrule),
        replace(DAYS, rrule=SERIES.rrule, occurrences=(CANCELLED,)),
        None,
    ),
}


@pytest.mark.parametrize(("wanted", "there", "kind"), FOUND.values(), ids=FOUND)
def test_what_was_done(wanted: Event, there: Event | None, kind: DriftKind | None) -> None:
    found = drift_of(wanted, there)
    assert (found and found.kind) == kind


def test_a_declined_invitation_is_so_unless_more_was_done() -> None:
    kinds = [drift_of(MEETING, there, declined=True) for there in (MEETING, MOVED, None)]
    assert [found and found.kind for found in kinds] == [DriftKind.DECLINED, DriftKind.MOVED, DriftKind.DELETED]


def test_what_the_provider_did_not_keep_was_not_changed_by_anybody() -> None:
    assert drift_of(SERIES, MEETING, dropped=("rrule", "occurrences")) is None
    moved = replace(SERIES, occurrences=(SHIFTED,))
    assert drift_of(moved, SERIES, dropped=("occurrences",)) is None
    assert drift_of(SERIES, MOVED, dropped=("rrule",)) is not None


WORDS = {
    "moved": (MEETING, MOVED, "Moved from 2026-01-05 09:00Z to 10:00Z to 2026-01-05 10:00Z to 11:00Z."),
    "days": (DAYS, replace(DAYS, start_date=date(2026, 1, 6)), "Moved from 2026-01-05 to 2026-01-07 to 2026-01-06"),
    "cancelled": (
        SERIES,
        replace(SERIES, occurrences=(CANCELLED,)),
        "The occurrence of 2026-01-12 09:00Z: 2026-01-12 09:00Z to 10:00Z wanted, cancelled there.",
    ),
    "rule": (SERIES, replace(SERIES, rrule=""), "repeats by no rule, no more by FREQ=WEEKLY;COUNT=4."),
}


@pytest.mark.parametrize(("wanted", "there", "words"), WORDS.values(), ids=WORDS)
def test_it_is_told_from_when_to_when(wanted: Event, there: Event, words: str) -> None:
    found = drift_of(wanted, there)
    assert found is not None
    assert words in found.detail


@pytest.mark.parametrize("kind", list(DriftKind))
@pytest.mark.parametrize("policy", list(DriftPolicy))
def test_what_is_put_back(policy: DriftPolicy, kind: DriftKind) -> None:
    put_back = restores(policy, Drift(kind=kind, detail=""), 0, None, NOON)
    assert put_back == (policy is DriftPolicy.RESTORE and kind is not DriftKind.DECLINED)


@given(
    st.lists(st.integers(0, 120), min_size=1, max_size=40).map(
        lambda waits: [NOON + timedelta(minutes=sum(waits[: n + 1])) for n in range(len(waits))]
    )
)
def test_nobody_is_fought(times: list[datetime]) -> None:
    """However often a person changes it, it is put back at most so often within any hour."""
    restored, restored_at, done = 0, None, []
    for now in times:
        if restores(DriftPolicy.RESTORE, Drift(kind=DriftKind.MOVED, detail=""), restored, restored_at, now):
            restored, restored_at = in_a_row(restored, restored_at, now) + 1, now
            done.append(now)
    assert done[0] == times[0]
    for first in done:
        assert sum(first <= other < first + RESTORED_WITHIN for other in done) <= MOST_RESTORED


moments = st.timedeltas(-timedelta(days=365), timedelta(days=365)).map(START.__add__)
rules = st.sampled_from(["", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;INTERVAL=2;COUNT=5", "FREQ=MONTHLY"])
texts = st.text(max_size=5)


@st.composite
def events(draw: st.DrawFn) -> Event:
    start, length = draw(moments), timedelta(minutes=draw(st.integers(1, 3000)))
    days = draw(st.booleans())
    rrule = draw(rules)
    originals = draw(st.lists(moments, max_size=3, unique=True)) if rrule else []
    return Event(
        uid="u",
        title=draw(texts),
        start=start,
        end=start + length,
        start_date=start.date() if days else None,
        end_date=start.date() + timedelta(days=1) if days else None,
        rrule=rrule,
        occurrences=tuple(
            Occurrence(original=each, start=moved, end=moved and moved + length)
            for each in originals
            for moved in [draw(st.none() | moments)]
        ),
    )


def kept(event: Event, text: str) -> Event:
    """What a calendar may make of a write of ours, and a person of the fields that are theirs."""
    start, end = event.start.replace(microsecond=0), event.end.replace(microsecond=0)
    return replace(event, start=start, end=end, title=text, description=text, location=text)


@given(events(), texts, st.sampled_from(["v1", "v2", ""]), st.booleans())
def test_a_write_of_our_own_is_never_a_persons_doing(event: Event, text: str, version: str, full: bool) -> None:
    """Whatever version it is told with, and whatever else people wrote into it."""
    told = told_of(Written(desired=event, receipt=RECEIPT), seen(changed(change(version=version), full=full)), WINDOW)
    assert told in ({None} if version == "v1" else {Told.CHANGED})
    assert drift_of(event, kept(event, text)) is None


@given(events(), st.timedeltas(timedelta(seconds=1), timedelta(days=90)) | st.just(-WEEK))
def test_a_moved_event_is_always_one(event: Event, by: timedelta) -> None:
    days: dict[str, Any] = {}
    if event.start_date and event.end_date:
        shift = by if abs(by) >= timedelta(days=1) else timedelta(days=1)
        days = {"start_date": event.start_date + shift, "end_date": event.end_date + shift}
    found = drift_of(event, replace(event, start=event.start + by, end=event.end + by, **days))
    assert found is not None
    assert found.kind is DriftKind.MOVED
