"""The plan: what each reference of a subject is to become, from the bookings, the choices and what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from syncd.model.activity import Activity, ActivityState, Wanted
from syncd.model.booking import Booking
from syncd.model.calendar import Event
from syncd.model.reference import Place, Reference, ReferenceState

from .activity import activity_for
from .destinations import Choices, PlanProblem, destinations
from .event import event_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReference:
    """A reference to make (`reference` None) or to change: the place and what is now wanted there (None: nothing)."""

    place: Place
    desired: Wanted | None
    reference: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What changes for one subject. A problem keeps the references in calendars as they are."""

    subject: str
    references: tuple[PlannedReference, ...] = ()
    problem: PlanProblem | None = None


KEYS = UUID("6f6b2d5e-6d0c-5a5e-9c3f-3f1f0c0f5c11")
"""The name space of idempotency keys."""


def idempotency_key(subject: str, place: Place, incarnation: int) -> str:
    """The key of a create: the same for every attempt at the same event in the same place.

    `incarnation` is the desired version it is first wanted in: a provider may keep the id of a removed event taken, so
    an event that is wanted again is another one.
    """
    return str(uuid5(KEYS, f"{subject}\n{place.connection_id}\n{place.external_id}\n{incarnation}"))


def key_for(planned: PlannedReference, subject: str) -> str:
    """The idempotency key of a planned reference: kept while something of ours may be there, else a new one."""
    reference = planned.reference
    if reference is None:
        return idempotency_key(subject, planned.place, 1)
    if planned.desired is None or reference.receipt is not None or reference.attempted or reference.desired is not None:
        return reference.key
    return idempotency_key(subject, planned.place, reference.desired_version + 1)


def plan(
    subject: str,
    bookings: Sequence[Booking],
    choices: Choices,
    existing: Sequence[Reference],
    *,
    crms: Sequence[Place] = (),
    write_requests: bool = False,
) -> Plan:
    """Plan one subject (a booking, or the bookings of a series).

    `existing` are the subject's references, oldest first, with those of a booking it replaces; `crms` where its
    activities belong. Planning what is already planned gives an empty plan.
    """
    in_crms = _plan_activities(
        activity_for(bookings, write_requests=write_requests), crms, [r for r in existing if r.place.is_crm]
    )
    in_calendars = _plan_events(
        bookings, choices, [r for r in existing if not r.place.is_crm], write_requests=write_requests
    )
    if isinstance(in_calendars, PlanProblem):
        return Plan(subject=subject, references=in_crms, problem=in_calendars)
    return Plan(subject=subject, references=in_calendars + in_crms)


def _plan_events(
    bookings: Sequence[Booking], choices: Choices, existing: Sequence[Reference], *, write_requests: bool
) -> tuple[PlannedReference, ...] | PlanProblem:
    wanted = event_for(bookings, write_requests=write_requests)
    if wanted is None:
        return _withdraw(existing)
    newest = max((b for b in bookings), key=lambda b: b.revision)
    places = destinations(newest, choices, _written(bookings, existing))
    if isinstance(places, PlanProblem):
        return places
    by_place = {r.place: r for r in existing}
    kept = [_put(place, wanted, by_place.get(place)) for place in places]
    return tuple(p for p in kept if p) + _withdraw([r for r in existing if r.place not in places])


def _plan_activities(
    wanted: Activity | None, crms: Sequence[Place], existing: Sequence[Reference]
) -> tuple[PlannedReference, ...]:
    """In the CRMs that the event type names, and where the activity is already: a later change moves none."""
    if wanted is None:
        return _withdraw(existing)
    by_place = {r.place: r for r in existing}
    written = [r.place for r in existing if r.desired is not None]
    planned = []
    for place in dict.fromkeys((*crms, *written)):
        reference = by_place.get(place)
        before = reference.desired if reference else None
        if before == wanted:
            continue
        if wanted.state is ActivityState.SCHEDULED:
            planned.append(PlannedReference(place=place, desired=wanted, reference=reference))
        elif reference is not None and before is not None:
            told = wanted if reference.receipt or reference.attempted else None
            planned.append(PlannedReference(place=place, desired=told, reference=reference))
    return tuple(planned)


def _written(bookings: Sequence[Booking], existing: Sequence[Reference]) -> tuple[Place, ...]:
    """The places the subject is written to, oldest first. Where no booking names any there is only one: a default
    chosen before it was known that one booking replaces the other can have made a second.
    """
    places = tuple(dict.fromkeys(r.place for r in existing if r.desired is not None and _may_be_there(r)))
    return places if any(b.destinations for b in bookings) else places[:1]


def _may_be_there(reference: Reference) -> bool:
    """Whether something of ours is in the reference's place, or may be: one that was only ever refused is not."""
    return reference.receipt is not None or reference.attempted or reference.state is ReferenceState.PENDING


def _withdraw(existing: Sequence[Reference]) -> tuple[PlannedReference, ...]:
    return tuple(PlannedReference(place=r.place, desired=None, reference=r) for r in existing if r.desired is not None)


def _put(place: Place, wanted: Event, reference: Reference | None) -> PlannedReference | None:
    """The change for one place, None when it is already wanted so. The UID stays what it was first written as."""
    if reference is None:
        return PlannedReference(place=place, desired=wanted)
    before = reference.desired
    if not isinstance(before, Event):
        before_uid = reference.receipt.uid if reference.receipt else ""
        return PlannedReference(place=place, desired=replace(wanted, uid=before_uid or wanted.uid), reference=reference)
    wanted = replace(wanted, uid=before.uid, sequence=max(wanted.sequence, before.sequence))
    if wanted == before:
        return None
    if _moved(wanted, before):
        wanted = replace(wanted, sequence=max(wanted.sequence, before.sequence + 1))
    return PlannedReference(place=place, desired=wanted, reference=reference)


def _moved(wanted: Event, before: Event) -> bool:
    """Whether attendees must look again (RFC 5546, 2.1.4: SEQUENCE grows when time, place or recurrence change)."""
    fields = ("start", "end", "start_date", "end_date", "rrule", "occurrences", "location", "status")
    return any(getattr(wanted, f) != getattr(before, f) for f in fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """What becomes of references when a booking replaces another: `taken` ones move to it, its own `discarded` ones
    were never tried, and `same` ones of the old booking have the UID, and so the event, that one of its own has.
    """

    taken: tuple[Reference, ...] = ()
    discarded: tuple[Reference, ...] = ()
    same: tuple[Reference, ...] = ()


def take_over(moved: Sequence[Reference], own: Sequence[Reference]) -> TakeOver:
    """Which references of a replaced booking the new one takes over.

    The same calendar event moves, it is not duplicated. Where the new booking already has a reference of its own in
    that place which was tried at the provider, it keeps its own, and the old one is withdrawn with the old booking,
    unless both hold one event: withdrawing it would remove the new booking's.
    """
    own_by_place = {r.place: r for r in own}
    taken, discarded, same = [], [], []
    for reference in moved:
        mine = own_by_place.get(reference.place)
        if mine is None:
            taken.append(reference)
        elif not mine.attempted:
            taken.append(reference)
            discarded.append(mine)
        elif mine.event_uid == reference.event_uid:
            same.append(reference)
    return TakeOver(taken=tuple(taken), discarded=tuple(discarded), same=tuple(same))
