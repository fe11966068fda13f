"""What a person did to an event of ours in their calendar, and what is done about it.

Theory of operation. A change read tells that an item is another than before, seldom what happened to it, and it tells
our own writes as well. So there are two decisions. The first, `told_of`, is made of what was read alone, and finds the
events to look at:

    the read tells                                      to be looked at
    --------------------------------------------------  -----------------------------------
    the version that was written                        no: our own write coming back
    the same, while a drift of it is noted              yes: it may be over
    the same, declined by the calendar's owner          yes
    another version, of it or of an occurrence of it    yes
    that it, or an occurrence of it, is gone            yes
    everything in a window it is in, but not it         yes
    nothing of it                                       no

The second, `drift_of`, compares what is there with what is wanted:

    there                                               a person has
    --------------------------------------------------  -----------------------------------
    nothing                                             deleted it
    another time, another rule, other occurrences       moved it
    the same, declined by the calendar's owner          declined it
    the same                                            done nothing: other fields are theirs

So a provider whose version of a write is not the one it tells later costs a look, and no mistake. What is reported
stays until the calendar agrees again or something newer is written. What is to be put back is so at most
`MOST_RESTORED` times in a row, each within `RESTORED_WITHIN` of the one before; then somebody means it, and it is
reported. An answer to an invitation is the person's own: it is always reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from syncd.model.calendar import ChangePage, Event, Occurrence, Receipt
from syncd.model.drift import Drift, DriftKind, DriftPolicy, Told
from syncd.model.time import Window

MOST_RESTORED = 3
RESTORED_WITHIN = timedelta(hours=1)

LONGEST = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
"""FREQ -> the most days from one occurrence to the next. Other rules are none of ours."""


@dataclass(slots=True)
class Seen:
    """What a read of a calendar has told: of items (id -> version), and of the iCalendar objects that these are, or are
    parts of (UID -> items). `full`: it told everything, so what it did not tell is gone.
    """

    versions: dict[str, str] = field(default_factory=dict)
    parts: dict[str, set[str]] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    full: bool = False

    def take(self, page: ChangePage) -> None:
        """Note a page."""
        self.full = self.full or page.full
        for change in page.changed:
            self.versions[change.item] = change.version
            self.removed.discard(change.item)
            (self.declined.add if change.declined else self.declined.discard)(change.item)
            if change.times:
                self.belongs(change.item, change.times[0].uid)
        for item in page.removed:
            self.versions.pop(item, None)
            self.declined.discard(item)
            self.removed.add(item)

    def belongs(self, item: str, uid: str) -> None:
        """An item is the object `uid`, or a part of it."""
        if uid:
            self.parts.setdefault(uid, set()).add(item)

    @property
    def nameless(self) -> set[str]:
        """Items whose UID the read did not tell: they are gone, or cause no busy times."""
        return (self.versions.keys() | self.removed) - set().union(*self.parts.values())

    @property
    def tells(self) -> bool:
        """Whether it told anything."""
        return self.full or bool(self.versions or self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An event of ours as it was last written: `receipt` None while that is under way for the first time."""

    desired: Event
    receipt: Receipt | None
    drifted: bool = False

    @property
    def item(self) -> str:
        """What a read calls it."""
        return self.receipt.id if self.receipt else ""


def told_of(written: Written, seen: Seen, window: Window) -> Told | None:
    """What a read of `window` tells of an event: see the first table."""
    item, version = written.item, written.receipt.version if written.receipt else ""
    told = seen.parts.get(written.desired.uid, set()) | ({item} & (seen.versions.keys() | seen.removed))
    if not told:
        missing = seen.full and written.receipt is not None and _happens_in(written.desired, window)
        return Told.CHANGED if missing else None
    if ({item} if item in told else told) <= seen.declined:
        return Told.DECLINED
    ours = version != "" and all(seen.versions.get(each) == version for each in told)
    return None if ours and not written.drifted else Told.CHANGED


def drift_of(
    desired: Event, found: Event | None, *, declined: bool = False, dropped: tuple[str, ...] = ()
) -> Drift | None:
    """How what is there (`found`; None: nothing) differs from what is wanted: see the second table.

    `dropped` are the fields that the provider did not keep.
    """
    if found is None:
        return Drift(kind=DriftKind.DELETED, detail=f"The event of {_shown(desired)} was deleted.")
    for moved in _moves(desired, found, dropped):
        return Drift(kind=DriftKind.MOVED, detail=moved)
    if declined:
        what = "The series, or an occurrence," if desired.rrule else "The invitation"
        return Drift(kind=DriftKind.DECLINED, detail=f"{what} of {_shown(desired)} was declined.")
    return None


def restores(policy: DriftPolicy, drift: Drift, restored: int, restored_at: datetime | None, now: datetime) -> bool:
    """Whether it is put back, having been so `restored` times in a row, the last time at `restored_at`."""
    if policy is not DriftPolicy.RESTORE or drift.kind is DriftKind.DECLINED:
        return False
    return in_a_row(restored, restored_at, now) < MOST_RESTORED


def in_a_row(restored: int, restored_at: datetime | None, now: datetime) -> int:
    """How often it was put back lately."""
    return restored if restored_at is not None and now - restored_at < RESTORED_WITHIN else 0


def _moves(desired: Event, found: Event, dropped: tuple[str, ...]) -> Iterator[str]:
    """What was moved, in words."""
    if _times(found) != _times(desired):
        yield f"Moved from {_shown(desired)} to {_shown(found)}."
    if not desired.rrule or "rrule" in dropped:
        return
    if not _same_rule(desired.rrule, found.rrule):
        yield f"The series of {_shown(desired)} repeats by {found.rrule or 'no rule'}, no more by {desired.rrule}."
    if desired.start_date is None and "occurrences" not in dropped:
        yield from _moved_occurrences(desired, found)


def _moved_occurrences(desired: Event, found: Event) -> Iterator[str]:
    wanted, there = ({o.original: o for o in event.occurrences} for event in (desired, found))
    for original in sorted(wanted.keys() | there.keys()):
        before, after = (_place(desired, original, places) for places in (wanted, there))
        if before != after:
            yield f"The occurrence of {original:%Y-%m-%d %H:%MZ}: {_span(*before)} wanted, {_span(*after)} there."


def _place(
    event: Event, original: datetime, places: dict[datetime, Occurrence]
) -> tuple[datetime | None, datetime | None]:
    """Where an occurrence is: start and end; (None, None) when it is cancelled."""
    length = event.end - event.start
    occurrence = places.get(original, Occurrence(original=original, start=original))
    if occurrence.start is None:
        return None, None
    return _second(occurrence.start), _second(occurrence.end or occurrence.start + length)


def _times(event: Event) -> tuple[object, object]:
    if event.start_date and event.end_date:
        return event.start_date, event.end_date
    return _second(event.start), _second(event.end)


def _second(moment: datetime) -> datetime:
    """No calendar keeps more."""
    return moment.replace(microsecond=0)


def _same_rule(wanted: str, there: str) -> bool:
    """Whether a rule of ours is still it, in the provider's spelling: in the parts that ours have. A last day is
    compared as a day, for some keep no time with it, and in their own zone.
    """
    before, after = _parts(wanted), _parts(there)
    if any(before.get(name, "1") != after.get(name, "1") for name in ("FREQ", "INTERVAL")):
        return False
    last, told_last = _day(before.get("UNTIL", "")), _day(after.get("UNTIL", ""))
    if last and told_last:
        return abs(last - told_last) <= timedelta(days=1)
    return last == told_last and before.get("COUNT") == after.get("COUNT")


def _parts(rule: str) -> dict[str, str]:
    return dict(part.upper().split("=", 1) for part in rule.split(";") if "=" in part)


def _day(until: str) -> datetime | None:
    """The day of an UNTIL, as one of UTC; None where there is none."""
    try:
        return datetime.strptime(until[:8], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _happens_in(event: Event, window: Window) -> bool:
    """Whether an event, or what may be an occurrence of it, overlaps a window."""
    if event.start >= window.end:
        return False
    last = max([event.end, *(o.end for o in event.occurrences if o.end)])
    until = _latest(event)
    return until is None or max(last, until) > window.start


def _latest(event: Event) -> datetime | None:
    """A time that no occurrence of its rule ends after; None for an endless one."""
    if not event.rrule:
        return event.end
    parts = _parts(event.rrule)
    if last := _day(parts.get("UNTIL", "")):
        return last + timedelta(days=2) + (event.end - event.start)
    if "COUNT" not in parts:
        return None
    steps = int(parts["COUNT"]) * int(parts.get("INTERVAL", "1"))
    return event.end + timedelta(days=min(steps * LONGEST.get(parts.get("FREQ", ""), 366), 100_000))


def _shown(event: Event) -> str:
    if event.start_date and event.end_date:
        return f"{event.start_date.isoformat()} to {event.end_date.isoformat()}"
    return _span(event.start, event.end)


def _span(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "cancelled"
    same_day = start.date() == end.date()
    return (
        f"{start:%Y-%m-%d %H:%MZ} to {end:%H:%MZ}" if same_day else f"{start:%Y-%m-%d %H:%MZ} to {end:%Y-%m-%d %H:%MZ}"
    )
