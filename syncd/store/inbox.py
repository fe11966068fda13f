"""The inbox: deliveries as they came, each once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, bindparam, delete, func, select, update
from sqlmodel import Session

from syncd.errors import InputError

from .chunks import chunks
from .tables import Delivery

deliveries = Delivery.__table__  # type: ignore[attr-defined]

ROWS = 100
"""Of one INSERT."""

REPEATED = (
    "repeats = deliveries.repeats + 1 + excluded.repeats, state = CASE "
    "WHEN deliveries.state = 'quarantined' AND excluded.state = 'new' THEN 'new' ELSE deliveries.state END"
)
"""What a repeated delivery changes: one that could not be used when it first came is taken up when it can be now."""

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
        return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def digest(text: str) -> str:
    """What tells a repeated delivery: SHA-256 of its canonical text. The senders give no delivery id."""
    return hashlib.sha256(text.encode()).hexdigest()


def put(session: Session, arrivals: Sequence[Arrival], now: datetime) -> int:
    """Store deliveries; returns how many are new. A repeated one is counted on the row it repeats."""
    rows = _rows(arrivals)
    known = sum(session.scalar(_known(chunk)) or 0 for chunk in chunks(list(rows), 500))
    _store(session.connection(), rows, now)
    return len(rows) - known


def store(connection: Connection, arrivals: Sequence[Arrival], now: datetime) -> None:
    """As `put`, without asking which are new."""
    _store(connection, _rows(arrivals), now)


def _known(digests: Sequence[str]) -> Any:
    return select(func.count()).select_from(deliveries).where(deliveries.c.digest.in_(digests))


def _rows(arrivals: Sequence[Arrival]) -> dict[str, _Row]:
    """The rows of deliveries by their digests, each digest once."""
    rows: dict[str, _Row] = {}
    for arrival in arrivals:
        text = arrival.text
        key = digest(text)
        repeats = rows[key].repeats + 1 if key in rows else 0
        rows[key] = _Row(arrival.source, key, text, repeats, str(arrival.state), arrival.reason)
    return rows


class _Row(NamedTuple):
    source: str
    digest: str
    body: str
    repeats: int
    state: str
    reason: str


def _store(connection: Connection, rows: Mapping[str, _Row], now: datetime) -> None:
    """Store rows, `ROWS` to a statement: a driver lets other threads run, and waits for its turn again, at each
    statement. Row by row that costs a webhook more than everything else.
    """
    received_at = _bound(now, connection.dialect)
    for chunk in chunks(list(rows.values()), ROWS):
        values = tuple(value for row in chunk for value in (*row, received_at))
        connection.exec_driver_sql(_statement(len(chunk), connection.dialect.name), values)


def _bound(moment: datetime, dialect: Dialect) -> Any:
    bind = deliveries.c.received_at.type.dialect_impl(dialect).bind_processor(dialect)
    return bind(moment) if bind else moment


@cache
def _statement(rows: int, dialect: str) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
    row = f"({', '.join([mark] * (len(_Row._fields) + 1))}, '', '')"
    columns = ", ".join(_Row._fields)
    values = ", ".join([row] * rows)
    # The names are our own, the values bound.
    inserts = f'INSERT INTO deliveries ({columns}, received_at, "trigger", uid) VALUES {values}'  # noqa: S608
    return f"{inserts} ON CONFLICT (digest) DO UPDATE SET {REPEATED}"


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
