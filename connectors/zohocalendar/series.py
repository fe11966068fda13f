"""Occurrences of a series that differ from its rule. Pure.

Theory of operation. An occurrence is known by where the rule puts it (`recurrenceid`), and is changed or deleted by
itself with `recurrence_edittype` `only`. What is wanted is compared with what there is: exceptions, which bear a mark
when it was us who moved them, and deleted occurrences, of which the series' mark says which were ours.

- A person's exceptions and deletions stay, unless the booking cancels or moves the same occurrence.
- An exception of ours that is not wanted any more is put back to where the rule has it.
- A deleted occurrence cannot be brought back by itself. When one of ours is wanted again, the rule is taken away and
  written anew: Zoho then forgets what was done to single occurrences, a person's changes too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.model.calendar import Event, Occurrence

from .busy import GONE, recurrence_id
from .mapping import Part, is_wanted, moment_in, span_of_event
from .marks import mark_of
from .times import Json, Moment, Span, instant, moment_of, span_of, text_of


@dataclass(frozen=True, slots=True)
class State:
    """An event as it is: itself, its exceptions and its deleted occurrences, by their ids."""

    item: Json
    exceptions: Mapping[str, Json] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    @property
    def etag(self) -> str:
        """The version of the event itself."""
        return str(self.item.get("etag") or "")


def state_of(items: Iterable[Json]) -> State | None:
    """What is told of an event, in any order; deleted occurrences may come first. None where it is deleted itself."""
    found: dict[str, Json] = {}
    gone = set()
    for item in items:
        if str(item.get("estatus", "")).lower() in GONE:
            gone.add(recurrence_id(item))
        else:
            found[recurrence_id(item)] = item
    event = found.pop("", None)
    return None if event is None else State(event, found, frozenset(gone - {""}))


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done to one occurrence: to be sent as `part`, or None to delete it. `current` is what is there."""

    recurrence_id: str
    current: Json
    part: Part | None


def event_part(event: Event) -> Part:
    """The event itself."""
    return Part(span=span_of_event(event), cancelled=frozenset(_cancelled(event)))


def revived(event: Event, state: State) -> bool:
    """Whether an occurrence that we had deleted is wanted again."""
    return bool(event.rrule and (mark_of(state.item).cancelled & state.gone) - set(_cancelled(event)))


def steps(event: Event, state: State) -> Iterator[Step]:
    """What is still to be done to occurrences. Raises UnreadableError."""
    moved, cancelled = _moved(event), set(_cancelled(event))
    for known in sorted(cancelled - state.gone):
        yield Step(known, state.exceptions.get(known) or state.item, None)
    for known, part in sorted(moved.items()):
        there = state.exceptions.get(known)
        if there is None or not is_wanted(event, there, part, event.zone):
            yield Step(known, there or state.item, part)
    for known, exception in sorted(state.exceptions.items()):
        if known not in moved and known not in cancelled and mark_of(exception).moved:
            yield Step(known, exception, _restored(event, known))


def occurrences_of(event: Event, state: State) -> tuple[Occurrence, ...]:
    """The occurrences that differ, as we made them. Raises UnreadableError."""
    ours = mark_of(state.item).cancelled & state.gone
    found = [Occurrence(original=_original(event, known)) for known in ours]
    for known, exception in state.exceptions.items():
        if mark_of(exception).moved:
            span = span_of(exception, event.zone)
            start, end = (instant(moment, event.zone) for moment in (span.start, span.end))
            found.append(Occurrence(original=_original(event, known), start=start, end=end))
    return tuple(sorted(found, key=lambda occurrence: occurrence.original))


def _cancelled(event: Event) -> list[str]:
    return [_id(event, o) for o in event.occurrences if o.start is None] if event.rrule else []


def _moved(event: Event) -> dict[str, Part]:
    found = {}
    for occurrence in event.occurrences:
        if occurrence.start is not None:
            known = _id(event, occurrence)
            end = occurrence.end or occurrence.start + (event.end - event.start)
            span = Span(moment_in(event, occurrence.start), moment_in(event, end), span_of_event(event).zone)
            found[known] = Part(span=span, recurrence_id=known, moved=True)
    return found


def _restored(event: Event, known: str) -> Part:
    whole = span_of_event(event)
    start: Any = _moment(known)
    length: Any = whole.end - whole.start
    return Part(span=Span(start, start + length, whole.zone), recurrence_id=known)


def _id(event: Event, occurrence: Occurrence) -> str:
    return text_of(moment_in(event, occurrence.original))


def _moment(known: str) -> Moment:
    return moment_of(known, "UTC")


def _original(event: Event, known: str) -> datetime:
    return instant(_moment(known), event.zone)
