"""The inbox: deliveries as they came, each once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlmodel import Session

from syncd.errors import InputError

from .chunks import chunks
from .database import conflict_insert
from .tables import Delivery

deliveries = Delivery.__table__  # type: ignore[attr-defined]

NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of NUL in JSON; after an odd number of backslashes it is a backslash and some text."""


class DeliveryState(StrEnum):
    """Where a delivery stands. WAITING needs a booking not told yet; QUARANTINED cannot be used as it is."""

    NEW = "new"
    TAKEN = "taken"
    IGNORED = "ignored"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery on its way in: where it came from, and its body, decoded or (`raw`) as it was sent.

    One that cannot be used comes as QUARANTINED, with the reason.
    """

    source: str
    body: Any = None
    raw: str = ""
    state: DeliveryState = DeliveryState.NEW
    reason: str = ""

    @property
    def text(self) -> str:
        """The text that is kept. A decoded body becomes canonical JSON: the same content has the same text. What no
        database holds is taken out: NUL, and halves of surrogate pairs.
        """
        text = self.raw or json.dumps(self.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if "\\u0000" in text:
            text = NUL.sub(r"\1", text)
        return text.encode("utf-8", "replace").decode("utf-8")


def digest(text: str) -> str:
    """What tells a repeated delivery: SHA-256 of its canonical text. The senders give no delivery id."""
    return hashlib.sha256(text.encode()).hexdigest()


def put(session: Session, arrivals: Sequence[Arrival], now: datetime) -> int:
    """Store deliveries; returns how many are new. A repeated one is counted on the row it repeats."""
    if not arrivals:
        return 0
    rows = [_row(arrival, now) for arrival in arrivals]
    digests = {row["digest"] for row in rows}
    known = sum(session.scalar(_known(chunk)) or 0 for chunk in chunks(list(digests), 500))
    _store(session, rows)
    return len(digests) - known


def store(session: Session, arrivals: Sequence[Arrival], now: datetime) -> None:
    """As `put`, without asking which are new."""
    if arrivals:
        _store(session, [_row(arrival, now) for arrival in arrivals])


def _store(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    dialect = session.get_bind().dialect.name
    if dialect not in _stores:
        _stores[dialect] = conflict_insert(session, deliveries).on_conflict_do_update(
            index_elements=["digest"], set_={"repeats": deliveries.c.repeats + 1}
        )
    session.connection().execute(_stores[dialect], rows)


_stores: dict[str, Any] = {}


def _known(digests: Sequence[str]) -> Any:
    return select(func.count()).select_from(deliveries).where(deliveries.c.digest.in_(digests))


def _row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    text = arrival.text
    return {
        "source": arrival.source,
        "digest": digest(text),
        "body": text,
        "received_at": now,
        "repeats": 0,
        "state": arrival.state,
        "trigger": "",
        "uid": "",
        "reason": arrival.reason,
    }


def take(session: Session, states: Sequence[DeliveryState], limit: int, after: int = 0) -> list[Any]:
    """The oldest deliveries in `states` with an id beyond `after`: rows of id, body, received_at."""
    statement = (
        select(deliveries.c.id, deliveries.c.body, deliveries.c.received_at)
        .where(deliveries.c.state.in_(states), deliveries.c.id > after)
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return list(session.execute(statement))


MARK = update(deliveries).where(deliveries.c.id == bindparam("b_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What became of a delivery."""

    delivery_id: int
    state: DeliveryState
    trigger: str = ""
    uid: str = ""
    reason: str = ""


def mark(session: Session, marks: Sequence[Mark], now: datetime) -> None:
    """Write down what became of deliveries."""
    rows = [
        {"b_id": m.delivery_id, "state": m.state, "trigger": m.trigger, "uid": m.uid, "reason": m.reason} for m in marks
    ]
    if rows:
        session.connection().execute(MARK, [{**row, "taken_at": now} for row in rows])


def get(session: Session, delivery_id: int) -> Delivery:
    """The delivery.

    Raises:
        InputError: no such delivery.
    """
    found = session.get(Delivery, delivery_id)
    if found is None:
        raise InputError(f"No delivery {delivery_id}.", code="not_found", remedy="See: syncd inbox list --state all")
    return found


def listed(session: Session, states: Sequence[str], limit: int) -> list[Delivery]:
    """The newest deliveries in `states`, oldest of them first."""
    statement = select(Delivery).where(deliveries.c.state.in_(states)).order_by(deliveries.c.id.desc()).limit(limit)
    return list(reversed(list(session.execute(statement).scalars())))


def give_up(session: Session, before: datetime, now: datetime) -> int:
    """Quarantine what has waited for its booking since before a time; returns how many."""
    waited = (deliveries.c.state == DeliveryState.WAITING, deliveries.c.received_at < before)
    values = {"state": DeliveryState.QUARANTINED, "reason": "Its booking never came.", "taken_at": now}
    return session.execute(update(deliveries).where(*waited).values(**values)).rowcount  # type: ignore[attr-defined, no-any-return]


def counts(session: Session) -> dict[str, int]:
    """How many deliveries are in each state."""
    statement = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    return {state: count for state, count in session.execute(statement)}


def forget(session: Session, before: datetime) -> int:
    """Delete what was taken or ignored before a time; returns how many."""
    done = (DeliveryState.TAKEN, DeliveryState.IGNORED)
    statement = delete(deliveries).where(deliveries.c.state.in_(done), deliveries.c.received_at < before)
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]
