"""Occurrences of a series that differ from its rule. Pure.

Theory of operation. Cancelled occurrences are left out by the series' own EXDATE, which costs no call. A moved one is
an exception, an event with the series' id and its original start in its own id, patched like any event and marked as
moved by us; what is not wanted there any more goes back to its original time.

- An exception without our mark is a person's and stays, unless its occurrence was cancelled.
- An occurrence that was moved and then cancelled has its exception deleted, too: whether an EXDATE hides an exception
  is not documented. A deleted exception hides its occurrence for good, so the series is marked with it before, and the
  mark goes after the occurrence was brought back to life: a crash in between repeats what is not harmful.
- When the series itself moved, its old occurrences are no more. Google drops their exceptions; what is still sent to
  them finds nobody, or changes what is deleted and stays so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.model.calendar import Event, Occurrence

from .mapping import Json, Place, Resource, Span, event_time, instant, patch_of, span_of, zone_name
from .marks import MOVED, hidden_of, properties
from .recurrence import cancelled_in, cancelled_of, day_of, original_of, same_rule
from .times import Moment, UnreadableError, compact, moment_of, to_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be done to one occurrence, by its id: a patch, or None to delete it. `wanted`: it must be there."""

    id: str
    patch: Resource | None
    wanted: bool = False


def hidden_wanted(series: Json, exceptions: Sequence[Json], event: Event) -> frozenset[str]:
    """The occurrences to mark as hidden before `event` is written: those whose exceptions are, or will be, deleted."""
    zone = zone_name(event)
    cancelled = {compact(original_of(event, o, zone)) for o in event.occurrences if o.start is None}
    return hidden_of(series) | (cancelled & {compact(original) for original in by_original(exceptions)})


def hidden_after(before: Json, after: Json, event: Event) -> frozenset[str]:
    """Those that stay marked once all steps are done."""
    if not event.rrule or series_moved(before, after):
        return frozenset()
    return hidden_of(after) & {compact(original) for original in cancelled_of(after)}


def steps(before: Json, after: Json, exceptions: Sequence[Json], event: Event, place: Place) -> list[Step]:
    """What makes the occurrences of a series as wanted.

    `before` and `after` are the series as it was and as it has been written; `exceptions` those that were there.
    """
    if not event.rrule:
        return []
    plan = _Plan(after, event, place, frozenset() if series_moved(before, after) else hidden_of(after))
    there = by_original(exceptions)
    moved = {plan.original(o): o for o in event.occurrences if o.start is not None}
    cancelled = {plan.original(o) for o in event.occurrences if o.start is None}
    found = [plan.moved(there.get(original), original, occurrence) for original, occurrence in moved.items()]
    for original, exception in there.items():
        if original in cancelled:
            found.append(Step(id=str(exception["id"]), patch=None))
        elif original not in moved and MOVED in properties(exception):
            found.append(plan.restored(exception, original))
    found += [plan.restored(None, o) for o in plan.hidden() if o not in (moved.keys() | there.keys() | cancelled)]
    return sorted((step for step in found if step is not None), key=lambda step: step.id)


def series_moved(before: Json, after: Json) -> bool:
    """Whether the occurrences of `before` are no more those of `after`."""
    return _start(before) != _start(after) or not same_rule(
        before.get("recurrence") or (), after.get("recurrence") or ()
    )


def by_original(exceptions: Sequence[Json]) -> dict[Moment, Json]:
    """Exceptions that are there, by where the rule puts them."""
    found: dict[Moment, Json] = {}
    for exception in exceptions:
        if exception.get("status") == "cancelled":
            continue
        try:
            found[moment_of(exception.get("originalStartTime"))] = exception
        except UnreadableError:
            continue
    return found


def occurrences_of(series: Json, exceptions: Sequence[Json]) -> tuple[Occurrence, ...]:
    """The occurrences that differ, as we made them."""
    found = [Occurrence(original=instant(moment)) for moment in cancelled_of(series)]
    for original, exception in by_original(exceptions).items():
        if MOVED in properties(exception):
            start, end = (instant(moment_of(exception.get(name))) for name in ("start", "end"))
            found.append(Occurrence(original=instant(original), start=start, end=end))
    return tuple(sorted(found, key=lambda occurrence: occurrence.original))


class _Plan:
    """How occurrences of one series are written. `hidden`: whose exceptions we deleted."""

    def __init__(self, series: Json, event: Event, place: Place, hidden: Set[str]) -> None:
        self._series = series
        self._event = event
        self._place = place
        self._hidden = hidden
        self._span = span_of(event)
        self._zone = zone_name(event)

    def original(self, occurrence: Occurrence) -> Moment:
        """Where the rule puts an occurrence."""
        return original_of(self._event, occurrence, self._zone)

    def hidden(self) -> set[Moment]:
        """The hidden occurrences."""
        return cancelled_in([f"EXDATE:{','.join(self._hidden)}"])

    def moved(self, exception: Json | None, original: Moment, occurrence: Occurrence) -> Step | None:
        """Put an occurrence where it is wanted; None where it is already."""
        assert occurrence.start is not None
        end = occurrence.end or occurrence.start + (self._event.end - self._event.start)
        span = Span(self._moment(occurrence.start), self._moment(end), self._span.zone)
        return self._step(exception, original, span, moved=True)

    def restored(self, exception: Json | None, original: Moment) -> Step | None:
        """Put an occurrence back where the rule has it."""
        return self._step(exception, original, self._at(original), moved=False)

    def _step(self, exception: Json | None, original: Moment, span: Span, *, moved: bool) -> Step | None:
        if exception is not None:
            patch = patch_of(exception, self._event, self._place, span, moved=moved)
            return Step(id=str(exception["id"]), patch=patch, wanted=moved) if patch else None
        untouched = self._untouched(original)
        if compact(original) in self._hidden:
            patch = self._anew(untouched, span, moved=moved)
        else:
            patch = patch_of(untouched, self._event, self._place, span, moved=moved)
        # the status brings an occurrence back that was deleted
        return Step(id=untouched["id"], patch={**patch, "status": str(self._event.status)}, wanted=True)

    def _anew(self, current: Json, span: Span, *, moved: bool) -> Resource:
        """All of an occurrence that had been cancelled: it may have been an exception before, which we cannot see."""
        patch = patch_of({"id": current["id"]}, self._event, self._place, span, moved=moved)
        patch["extendedProperties"]["private"].setdefault(MOVED, None)
        guests = {"attendees": self._series["attendees"]} if "attendees" in self._series else {}
        return {**patch, **guests}

    def _untouched(self, original: Moment) -> Resource:
        """An occurrence as it is while nobody changed it. Its id is made as Google makes it (observed)."""
        span = self._at(original)
        times = {name: event_time(moment, span.zone) for name, moment in (("start", span.start), ("end", span.end))}
        series = {name: value for name, value in self._series.items() if name != "recurrence"}
        return {**series, "id": f"{self._series['id']}_{compact(original)}", **times}

    def _at(self, original: Moment) -> Span:
        return Span(original, original + (self._span.end - self._span.start), self._span.zone)  # type: ignore[operator]

    def _moment(self, moment: datetime) -> Moment:
        return day_of(moment, self._zone) if self._event.start_date is not None else to_second(moment)


def _start(series: Mapping[str, Any]) -> Moment | None:
    try:
        return moment_of(series.get("start"))
    except UnreadableError:
        return None
