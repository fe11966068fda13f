"""What to send after a CRM refused fields, and the sync error that opens and closes by itself.

Theory of operation. A CRM that refuses a write names fields, sometimes all of the wrong ones and sometimes only the
first. Exactly those named are dropped, and the rest is sent again:

    the CRM named                                       then
    --------------------------------------------------  ----------------------------------------------------------
    fields that were sent, none of them essential       resend without them; nothing when no field is left
    a field without which the record makes no sense     give up: dropping it would write something wrong
    no field that was sent                              give up: there is nothing to drop, so it would go on for ever
    fields, for the round after `MOST_ROUNDS`           give up, with what was dropped until then

A sync error is what a person sees of it, one for each moment of an event type on a connection:

    open     the sync now ended                          then
    -------  ------------------------------------------  -------------------------------------------
    no       with everything written                     none
    no       with an error, or fields dropped            opened
    yes      as before                                   stays open, told anew, counted
    yes      with another error, or other fields         opened anew
    yes      with everything written                     closed
    yes      earlier than it was last seen               unchanged: a late result says nothing new

A later cancellation that goes well does not close what failed on booking: the moments have their own mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from .mapping import Moment

MOST_ROUNDS = 5
"""Sends of one record. Some CRMs name only the first wrong field, so each round may drop no more than one."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One complaint of a CRM: its code, its words, and the fields it names."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A field that is not sent any more, and the complaint it was named in."""

    field: str
    code: str
    message: str


class Next(StrEnum):
    """What to do after a refusal."""

    RESEND = "resend"
    NOTHING = "nothing"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Generic[V]):
    """What to do next, with which fields; `dropped` are those of this round, `why` a reason to give up."""

    next: Next
    fields: dict[str, V]
    dropped: tuple[Dropped, ...] = ()
    why: str = ""


def repair(
    fields: Mapping[str, V],
    refused: Iterable[Refusal],
    round: int,
    *,
    essential: frozenset[str] = frozenset(),
    most: int = MOST_ROUNDS,
) -> Repair[V]:
    """What to send after `fields` were refused in the `round`-th send, counted from 1.

    `essential` are fields without which the record must not be written. Names are compared in any case.
    """
    dropped = _named(fields, tuple(refused))
    kept = {name: value for name, value in fields.items() if name not in {each.field for each in dropped}}
    needed = {name.casefold() for name in essential}
    wrong = sorted(each.field for each in dropped if each.field.casefold() in needed)
    if wrong:
        return Repair(next=Next.GIVE_UP, fields=dict(fields), why=f"It cannot be written without {', '.join(wrong)}.")
    if not dropped:
        return Repair(next=Next.GIVE_UP, fields=dict(fields), why="No field that was sent is named.")
    if round >= most:
        return Repair(next=Next.GIVE_UP, fields=dict(fields), why=f"It was refused {round} times.")
    return Repair(next=Next.RESEND if kept else Next.NOTHING, fields=kept, dropped=dropped)


def _named(fields: Mapping[str, object], refused: tuple[Refusal, ...]) -> tuple[Dropped, ...]:
    """The fields named, each once, with the first complaint about it, in the order sent."""
    first: dict[str, Refusal] = {}
    for refusal in refused:
        for name in refusal.fields:
            first.setdefault(name.casefold(), refusal)
    found = ((name, first.get(name.casefold())) for name in fields)
    return tuple(Dropped(field=name, code=why.code, message=why.message) for name, why in found if why)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOutcome:
    """How the sync of one booking ended: `code` is "" for one without an error."""

    moment: Moment
    at: datetime
    code: str = ""
    message: str = ""
    dropped: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether everything was written."""
        return not self.code and not self.dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncError:
    """What went wrong with the syncs of an event type on a connection.

    Attributes:
        dropped: the fields that were not written.
        opened_at, at: when it was first and last seen, aware UTC.
        closed_at: when a later sync went well; None while it is open.
        seen: how many syncs ended so.
    """

    moment: Moment
    code: str
    message: str
    dropped: tuple[str, ...]
    opened_at: datetime
    at: datetime
    closed_at: datetime | None = None
    seen: int = 1

    @property
    def open(self) -> bool:
        """Whether it is still so."""
        return self.closed_at is None


def outcome_of(
    moment: Moment, at: datetime, dropped: Iterable[Dropped], code: str = "", message: str = ""
) -> SyncOutcome:
    """How a sync ended that dropped fields; without an error of its own it has the first field's."""
    dropped = tuple(dropped)
    first = dropped[0] if dropped else None
    return SyncOutcome(
        moment=moment,
        at=at,
        code=code or (first.code if first else ""),
        message=message or (first.message if first else ""),
        dropped=tuple(each.field for each in dropped),
    )


def follow(error: SyncError | None, outcome: SyncOutcome) -> SyncError | None:
    """The sync error of a moment after one more sync: see the second table. `error` is that of the same moment."""
    if error is not None and outcome.at < (error.closed_at or error.at):
        return error
    if outcome.clean:
        return replace(error, closed_at=outcome.at) if error is not None and error.open else error
    same = error is not None and error.open and error.code == outcome.code
    if error is not None and same and set(error.dropped) == set(outcome.dropped):
        return replace(error, at=outcome.at, message=outcome.message, seen=error.seen + 1)
    return SyncError(
        moment=outcome.moment,
        code=outcome.code,
        message=outcome.message,
        dropped=outcome.dropped,
        opened_at=outcome.at,
        at=outcome.at,
    )


def follow_all(errors: Mapping[Moment, SyncError], outcome: SyncOutcome) -> dict[Moment, SyncError]:
    """The sync errors of an event type on a connection, one a moment, after one more sync."""
    followed = follow(errors.get(outcome.moment), outcome)
    return dict(errors) | ({outcome.moment: followed} if followed else {})
