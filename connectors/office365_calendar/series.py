"""The occurrences of a series that differ from its rule, in Graph's terms. Pure.

Graph lists the instances of a series; each tells where the rule had put it (`originalStart`). So what differs is the
comparison of that list with the rule: an instance elsewhere was moved, one that is missing was cancelled. Times of
occurrences are ours, as those of the event are.

An occurrence that was deleted cannot be brought back by itself: writing the recurrence anew brings all of them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from syncd.model.calendar import Event, Occurrence
from syncd.model.time import Window

from .mapping import Span, anchor_of, occurrence_times, span_of_event, span_of_item
from .marks import reach_of
from .recurrence import original_starts
from .times import Json, midnight_in, window_of
from .zones import zone_of

LONGEST = timedelta(days=1825)
"""How much of a series is looked at: a view that is longer is refused."""

MARGIN = timedelta(days=31)
"""How far an occurrence may have been moved out of its series and is still found."""

INSTANCE_FIELDS = "id,type,start,end,isAllDay,originalStart,isCancelled"

Key = datetime | date
"""An occurrence by where its rule puts it: the moment in UTC, or the date all day."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request for one occurrence: PATCH with `times`, or DELETE where there are none. Its etag is its master's,
    which each of them changes, and so no condition for the next.
    """

    id: str
    times: Mapping[str, Any] | None


def keys_of(event: Event, before: datetime) -> list[Key]:
    """Where the rule puts the occurrences of a series, those before `before`."""
    anchor = anchor_of(event)
    local = original_starts(event.rrule, anchor, before.astimezone(anchor.zone).replace(tzinfo=None))
    if anchor.all_day:
        return [start.date() for start in local]
    return [start.replace(tzinfo=anchor.zone).astimezone(UTC) for start in local]


def looked_at(event: Event, reach: Window | None) -> Window:
    """The part of a series whose occurrences are compared: its rule's, and where they are or shall be moved to.

    `reach` is how far those went that we moved before (`marks`).
    """
    keys = keys_of(event, event.start + LONGEST - 2 * MARGIN)
    last = _moment(keys[-1], event) if keys else event.start
    parts = [window_of(event.start, last + (event.end - event.start)), *filter(None, (reach, reach_of(event)))]
    begin = min(part.start for part in parts) - MARGIN
    return Window(begin, min(max(part.end for part in parts) + MARGIN, begin + LONGEST))


def _moment(key: Key, event: Event) -> datetime:
    return key if isinstance(key, datetime) else midnight_in(key, zone_of(event.zone) or UTC)


def key_of_occurrence(occurrence: Occurrence, event: Event) -> Key:
    """The occurrence's name."""
    if event.start_date is None:
        return occurrence.original.astimezone(UTC).replace(microsecond=0)
    return occurrence.original.astimezone(zone_of(event.zone) or UTC).date()


def key_of_instance(item: Json, event: Event) -> Key:
    """The instance's name: where its rule had put it. Raises UnreadableError."""
    told = item.get("originalStart")
    try:
        original = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        original = None
    if original is None:
        return span_of_item(item, event.zone).start
    moment = (original if original.tzinfo else original.replace(tzinfo=UTC)).astimezone(UTC)
    if event.start_date is None:
        return moment
    # all day it is a midnight, in the zone of the series or in UTC
    midnight = moment.time() == datetime.min.time()
    return moment.date() if midnight else moment.astimezone(zone_of(event.zone) or UTC).date()


def occurrences_of(event: Event, instances: Sequence[Json], window: Window) -> tuple[Occurrence, ...]:
    """What differs from the rule of `event`, as far as `window` shows it."""
    there = {key_of_instance(item, event): item for item in instances if not item.get("isCancelled")}
    found = []
    for key in keys_of(event, window.end - MARGIN):
        original, item = _moment(key, event), there.get(key)
        if item is None:
            found.append(Occurrence(original=original))
        elif span_of_item(item, event.zone) != _regular(key, event):
            span = span_of_item(item, event.zone)
            found.append(Occurrence(original=original, start=_moment(span.start, event), end=_moment(span.end, event)))
    return tuple(found)


def _regular(key: Key, event: Event) -> Span:
    """When an occurrence is that nobody moved."""
    span = span_of_event(event)
    return Span(key, key + (span.end - span.start))  # type: ignore[operator]  # both are dates, or both are moments


def missing(event: Event, instances: Sequence[Json], window: Window) -> bool:
    """Whether an occurrence that is wanted is not there."""
    gone = {key_of_occurrence(o, event) for o in event.occurrences if o.start is None}
    return any(
        o.start is None and key_of_occurrence(o, event) not in gone for o in occurrences_of(event, instances, window)
    )


def steps(event: Event, instances: Sequence[Json]) -> list[Step]:
    """What makes the instances those wanted: cancellations first, then moves in an order in which none passes another,
    which Outlook refuses: those to later from the last on, those to earlier from the first.
    """
    wanted = {key_of_occurrence(o, event): o for o in event.occurrences}
    deletions: list[Step] = []
    later: list[Step] = []
    earlier: list[Step] = []
    for item in sorted(instances, key=lambda i: str(key_of_instance(i, event))):
        if item.get("isCancelled"):
            continue
        key = key_of_instance(item, event)
        occurrence = wanted.get(key)
        if occurrence is not None and occurrence.start is None:
            deletions.append(_step(item, None))
            continue
        span = _regular(key, event)
        start, end = _moment(span.start, event), _moment(span.end, event)
        if occurrence is not None and occurrence.start is not None:
            start = occurrence.start
            end = occurrence.end or start + (event.end - event.start)
        times = occurrence_times(event, start, end)
        current = span_of_item(item, event.zone)
        if current != span_of_item({**times, "isAllDay": event.start_date is not None}, event.zone):
            (later if _moment(current.start, event) < start else earlier).append(_step(item, times))
    return [*deletions, *reversed(later), *earlier]


def _step(item: Json, times: Mapping[str, Any] | None) -> Step:
    return Step(str(item["id"]), times)
