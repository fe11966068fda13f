"""Routing decisions kept: stored without the booker's address, found again by it, and made again under other rules.

A booker is a keyed hash: HMAC-SHA256 under a random key of this installation, as addresses are in the audit log. In the
evidence the same hash stands for the local part of every person's address (`rules.routing.masking`), so what is stored
decides the same and names no booker; owners and hosts are named, for they are the answer.

    a booking's decisions   of one of its attendees, for its event type, made in the `LINKED_FOR` before it was created.
                            The clocks of two machines differ: `SKEW` after it will do. A booking that replaces others
                            has theirs too. Newest first: that one is what the booker saw last
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlmodel import Session

from syncd.connector.crm import CrmConnectionSettings
from syncd.errors import InputError
from syncd.model.booking import Booking
from syncd.model.clock import Clock
from syncd.rules.crm.rules import rules_of
from syncd.rules.routing import (
    Decision,
    Recorded,
    Rules,
    decision_json,
    from_json,
    normalized_email,
    replay,
    round_robin,
    same_choice,
    to_json,
)
from syncd.settings import Settings
from syncd.store import access, bookings, routing
from syncd.store.database import Database
from syncd.store.tables import Connection, RoutingDecision

from .activities import crm_settings

LINKED_FOR = timedelta(hours=24)
SKEW = timedelta(minutes=1)
MOST_REPLACED = 50
"""Bookings one after the other that are followed back."""

HASH_CHARACTERS = 32
TOKEN_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDecision:
    """A stored decision. `seconds`: until it was made; `calls`: of each call to the CRM, by name."""

    id: int
    at: datetime
    event_type_id: int | None
    connection_id: int
    app: str
    seconds: float
    calls: dict[str, float]
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was decided, `was`, and what other rules would have decided, `now`. `booker` is masked."""

    id: int
    at: datetime
    event_type_id: int
    connection_id: int
    booker: str
    was: Decision
    now: Decision

    @property
    def same(self) -> bool:
        """Whether both come to the same host and record."""
        return same_choice(self.was, self.now)

    @property
    def sure(self) -> bool:
        """Whether the evidence held everything that the other rules ask for."""
        return not self.now.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay came to.

    Attributes:
        decided: the decisions made again.
        unsure: those of them, the same ones too, for which something was missing.
        without_rules: decisions left alone, for the new rules say nothing of their event type and connection.
        unreadable: ids of decisions that another version of syncd stored and this one cannot read.
        changed: those that would have been others, oldest first.
    """

    decided: int = 0
    unsure: int = 0
    without_rules: int = 0
    unreadable: tuple[int, ...] = ()
    changed: tuple[Replayed, ...] = ()


class RoutingRecord:
    """The decisions that were made. Safe for several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._key: bytes | None = None

    def token(self, email: str) -> str:
        """What stands for a normalized address in stored evidence. Makes the installation's key when there is none.

        Raises:
            StoreError: the key cannot be read or stored.
        """
        return _hash(self._own_key(), email)[:TOKEN_CHARACTERS]

    def keep(self, recorded: Recorded, email: str, event_type_id: int, connection_id: int, seconds: float) -> int:
        """Store a decision about the booker `email`, who is masked in `recorded`; its id.

        Raises:
            StoreError: it cannot be stored.
        """
        row = RoutingDecision(
            connection_id=connection_id,
            event_type_id=event_type_id,
            booker=_hash(self._own_key(), normalized_email(email)),
            at=self._clock(),
            recorded=to_json(recorded),
            decision=decision_json(recorded.decision),
            seconds=seconds,
        )
        with self._database.write() as session:
            return routing.append(session, row)

    def of_booking(self, uid: str) -> tuple[KeptDecision, ...]:
        """The decisions that led to a booking, newest first; none for one that nobody was routed for.

        Raises:
            InputError: no such booking.
        """
        with self._database.read() as session:
            chain = _replaced(session, uid)
            key = routing.booker_key(session)
            if key is None:
                return ()
            rows = {row.id: row for booking, at in chain for row in _leading_to(session, booking, at, key)}
            newest_first = sorted(rows.values(), key=lambda row: (row.at, row.id or 0), reverse=True)
            apps = {c: _app(session, c) for c in {row.connection_id for row in newest_first}}
            return tuple(_kept(row, apps[row.connection_id]) for row in newest_first)

    def replay(self, settings: Settings, since: datetime) -> ReplayReport:
        """Make the decisions since a time again, under the rules of `settings.event_types`.

        Raises:
            ConfigError: an event type's settings in a CRM cannot be used.
        """
        report = ReplayReport()
        with self._database.read() as session:
            rules = _rules(session, settings)
            for row in routing.since(session, since):
                report = _replayed(report, row, rules)
        return report

    def _own_key(self) -> bytes:
        if self._key is None:
            with self._database.write() as session:
                told = access.installation_value(session, routing.BOOKER_KEY, secrets.token_hex(32))
            self._key = bytes.fromhex(told)
        return self._key


def _hash(key: bytes, email: str) -> str:
    return hmac.new(key, email.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:HASH_CHARACTERS]


# the decisions of a booking


def _replaced(session: Session, uid: str) -> list[tuple[Booking, datetime]]:
    """A booking and those it replaced one after the other, each with when it was created."""
    chain: list[tuple[Booking, datetime]] = []
    seen: set[str] = set()
    asked = uid
    while uid and uid not in seen and len(chain) < MOST_REPLACED:
        seen.add(uid)
        row = next((each for each in bookings.listed(session, uids=[uid], limit=1000) if each.uid == uid), None)
        booking = bookings.get(session, uid) if row is not None else None
        if row is None or booking is None:
            break
        chain.append((booking, booking.created_at or row.created_at))
        uid = booking.previous_uid
    if not chain:
        raise InputError(f"No booking {asked!r}.", code="not_found", remedy="See what is there: syncd bookings list")
    return chain


def _leading_to(session: Session, booking: Booking, created_at: datetime, key: str) -> list[RoutingDecision]:
    hashes = [_hash(bytes.fromhex(key), normalized_email(attendee.email)) for attendee in booking.attendees]
    return routing.of_bookers(
        session, hashes, booking.event_type_id, since=created_at - LINKED_FOR, until=created_at + SKEW
    )


def _app(session: Session, connection_id: int) -> str:
    row = session.get(Connection, connection_id)
    return row.app if row is not None else ""


def _kept(row: RoutingDecision, app: str) -> KeptDecision:
    assert row.id is not None
    recorded = from_json(row.recorded)
    return KeptDecision(
        id=row.id,
        at=row.at,
        event_type_id=row.event_type_id,
        connection_id=row.connection_id,
        app=app,
        seconds=row.seconds,
        calls=recorded.seconds,
        decision=recorded.decision,
    )


# replay


def matches_fuzzily(row: Connection) -> bool:
    """Whether a connection's accounts are matched across top-level domains."""
    names = CrmConnectionSettings.model_fields
    told = {name: value for name, value in row.settings.items() if name in names}
    return CrmConnectionSettings.model_validate(told).fuzzy_domain_matching


NewRules = Mapping[tuple[int, int], Rules | None]
"""By event type and connection; None: routing is off."""


def _rules(session: Session, settings: Settings) -> NewRules:
    found: dict[tuple[int, int], Rules | None] = {}
    for event_type, own in settings.event_types.items():
        for name in own.crm:
            crm = crm_settings(settings, int(event_type), int(name))
            row = session.get(Connection, int(name))
            fuzzy = matches_fuzzily(row) if row is not None else False
            found[int(event_type), int(name)] = rules_of(crm, fuzzy=fuzzy) if crm.routing.enabled else None
    return found


def _replayed(report: ReplayReport, row: RoutingDecision, rules: NewRules) -> ReplayReport:
    assert row.id is not None
    place = (row.event_type_id or 0, row.connection_id)
    if place not in rules:
        return replace(report, without_rules=report.without_rules + 1)
    try:
        recorded = from_json(row.recorded)
    except ValidationError:
        return replace(report, unreadable=(*report.unreadable, row.id))
    new = rules[place]
    one = Replayed(
        id=row.id,
        at=row.at,
        event_type_id=place[0],
        connection_id=row.connection_id,
        booker=recorded.request.email,
        was=recorded.decision,
        now=replay(recorded, new) if new is not None else round_robin("routing is off in the new rules"),
    )
    return replace(
        report,
        decided=report.decided + 1,
        unsure=report.unsure + (not one.sure),
        changed=report.changed if one.same else (*report.changed, one),
    )
