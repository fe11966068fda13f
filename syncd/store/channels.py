"""Push channels: which calendars are to have one, which have, and whose a provider's call is.

`calendars.watch_at` is when something is to be done about a calendar's channel at the earliest. Whoever takes it up
sets that to the end of a lease, and then to nothing, or to when it is tried again: so several machines never do it at
once, and a crash costs the lease.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, exists, func, insert, not_, or_, select, update
from sqlmodel import Session

from syncd.model.calendar import Channel
from syncd.model.connection import ConnectionState

from .chunks import chunks
from .tables import Calendar, Connection, StoredChannel

calendars = Calendar.__table__  # type: ignore[attr-defined]
connections = Connection.__table__  # type: ignore[attr-defined]
channels = StoredChannel.__table__  # type: ignore[attr-defined]

UNCONFIRMED_FOR = timedelta(minutes=10)
"""Longer than any answer takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A calendar as its channel needs it; it is ours until `lease_until`."""

    calendar_id: int
    connection_id: int
    app: str
    external_id: str
    failures: int
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A channel that is stored. It calls `address`."""

    id: int
    channel: Channel
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be done about a calendar: make a channel (`kept` None), have `kept` last longer, or stop it."""

    watched: Watched
    kept: Kept | None
    stop: bool = False


Addresses = Mapping[str, str]
"""Where channels are to call, by app. Only calendars of these apps are to have channels."""


def due_connections(session: Session, addresses: Addresses, now: datetime) -> list[int]:
    """The connections that something is to be done for."""
    found = {
        row.connection_id
        for statement in _due_statements(addresses, now)
        for row in session.execute(statement.order_by(None).with_only_columns(calendars.c.connection_id).distinct())
    }
    return sorted(found)


def claim(
    session: Session,
    addresses: Addresses,
    now: datetime,
    lease_until: datetime,
    limit: int,
    connection_id: int | None = None,
) -> list[Due]:
    """Take up at most `limit` calendars (of one connection) that something is to be done for."""
    found: dict[int, Due] = {}
    for statement, stop in zip(_due_statements(addresses, now), (False, False, True), strict=True):
        if connection_id is not None:
            statement = statement.where(calendars.c.connection_id == connection_id)
        if session.get_bind().dialect.name == "postgresql":
            statement = statement.with_for_update(skip_locked=True, of=calendars)
        for row in session.execute(statement.limit(limit - len(found))):
            watched = _watched(row, lease_until)
            found.setdefault(row.id, Due(watched=watched, kept=_kept(row), stop=stop))
    if found:
        session.execute(update(calendars).where(calendars.c.id.in_(found)).values(watch_at=lease_until))
    return list(found.values())


def _due_statements(addresses: Addresses, now: datetime) -> tuple[Any, Any, Any]:
    """Calendars without a channel; newest channels that end soon or call elsewhere; channels to stop: of calendars that
    are to have none, and those that a newer one has taken the place of.
    """
    newer = channels.alias("newer")
    its_newer = newer.c.calendar_id == channels.c.calendar_id, newer.c.id > channels.c.id
    replaced, newest = exists().where(*its_newer, newer.c.ready), ~exists().where(*its_newer)
    with_channel = _statement().where(channels.c.id.is_not(None), connections.c.state == ConnectionState.ACTIVE)
    wanted, elsewhere = _wanted(addresses), channels.c.address.not_in(addresses.values())
    turn = or_(calendars.c.watch_at.is_(None), calendars.c.watch_at <= now)
    return (
        _statement().where(wanted, channels.c.id.is_(None), turn).order_by(calendars.c.id),
        with_channel.where(wanted, newest, or_(channels.c.renew_at <= now, elsewhere), turn).order_by(
            channels.c.renew_at
        ),
        with_channel.where(or_(replaced, not_(wanted)), turn).order_by(channels.c.id),
    )


def _wanted(addresses: Addresses) -> Any:
    """Calendars that are to have a channel: selected ones, at working connections."""
    return and_(
        calendars.c.selected,
        calendars.c.missing_since.is_(None),
        connections.c.state == ConnectionState.ACTIVE,
        connections.c.app.in_(addresses),
    )


def _statement() -> Any:
    return (
        select(
            calendars.c.id,
            calendars.c.connection_id,
            calendars.c.external_id,
            calendars.c.watch_failures,
            connections.c.app,
            channels.c.id.label("row_id"),
            channels.c.channel_id,
            channels.c.resource,
            channels.c.address,
            channels.c.expires_at,
        )
        .join(connections, connections.c.id == calendars.c.connection_id)
        .outerjoin(channels, channels.c.calendar_id == calendars.c.id)
    )


def _watched(row: Any, lease_until: datetime) -> Watched:
    return Watched(
        calendar_id=row.id,
        connection_id=row.connection_id,
        app=row.app,
        external_id=row.external_id,
        failures=row.watch_failures,
        lease_until=lease_until,
    )


def _kept(row: Any) -> Kept | None:
    if row.row_id is None:
        return None
    channel = Channel(id=row.channel_id, calendar=row.external_id, expires_at=row.expires_at, resource=row.resource)
    return Kept(id=row.row_id, channel=channel, address=row.address)


def forget_ended(session: Session, now: datetime) -> int:
    """Forget channels that have ended by themselves; returns how many."""
    return session.execute(delete(channels).where(channels.c.expires_at <= now)).rowcount  # type: ignore[attr-defined, no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A channel that its provider is to be asked for."""

    calendar_id: int
    app: str
    channel_id: str
    address: str
    digest: str
    expires_at: datetime


def begin(session: Session, new: New, now: datetime) -> int:
    """Write down a channel before its provider is asked for it, for its first call may come before the answer.

    One that is never confirmed is looked after as one that ends soon.
    """
    values = {
        "calendar_id": new.calendar_id,
        "app": new.app,
        "channel_id": new.channel_id,
        "resource": "",
        "address": new.address,
        "digest": new.digest,
        "ready": False,
        "created_at": now,
        "expires_at": new.expires_at,
        "renew_at": now + UNCONFIRMED_FOR,
    }
    made = session.execute(insert(channels).values(**values).returning(channels.c.id)).scalar()
    assert made is not None
    return int(made)


def confirm(session: Session, row_id: int, channel: Channel, renew_at: datetime) -> None:
    """The provider has answered: under this id, until then."""
    values = {
        "channel_id": channel.id,
        "resource": channel.resource,
        "expires_at": channel.expires_at,
        "renew_at": renew_at,
        "ready": True,
    }
    session.execute(update(channels).where(channels.c.id == row_id).values(**values))


def forget(session: Session, row_ids: Collection[int]) -> None:
    """Forget channels."""
    if row_ids:
        session.execute(delete(channels).where(channels.c.id.in_(row_ids)))


def failed(session: Session, watched: Watched, again: datetime) -> None:
    """What was to be done could not be; it is tried again."""
    _give_back(session, watched, again, calendars.c.watch_failures + 1)


def succeeded(session: Session, watched: Watched) -> None:
    """It is done."""
    _give_back(session, watched, None, 0)


def release(session: Session, given_back: Sequence[Watched], now: datetime) -> None:
    """Leave to others, or to later, what was taken up and not begun."""
    for watched in given_back:
        _give_back(session, watched, now, calendars.c.watch_failures)


def _give_back(session: Session, watched: Watched, at: datetime | None, failures: Any) -> None:
    """Unless somebody else has taken it up since."""
    session.execute(
        update(calendars)
        .where(calendars.c.id == watched.calendar_id, calendars.c.watch_at == watched.lease_until)
        .values(watch_at=at, watch_failures=failures)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A channel as a provider's call names it. `waits`: its calendar is due already, and nobody is reading it."""

    id: int
    calendar_id: int
    connection_id: int
    digest: str
    heard: bool
    waits: bool


def known(session: Session, app: str, channel_ids: Collection[str], now: datetime) -> dict[str, Known]:
    """The channels of an app by the ids that its calls name."""
    base = (
        select(channels, calendars.c.connection_id, calendars.c.sync_at, calendars.c.lease_until)
        .join(calendars, calendars.c.id == channels.c.calendar_id)
        .where(channels.c.app == app)
    )
    rows = [
        row
        for chunk in chunks(list(channel_ids), 500)
        for row in session.execute(base.where(channels.c.channel_id.in_(chunk)))
    ]
    return {
        row.channel_id: Known(
            id=row.id,
            calendar_id=row.calendar_id,
            connection_id=row.connection_id,
            digest=row.digest,
            heard=row.heard_at is not None,
            waits=row.lease_until is None and row.sync_at is not None and row.sync_at <= now,
        )
        for row in rows
    }


def heard(session: Session, row_ids: Collection[int], now: datetime) -> None:
    """The provider has called over these channels for the first time: it can reach us."""
    if row_ids:
        session.execute(update(channels).where(channels.c.id.in_(row_ids)).values(heard_at=now))


def renew_now(session: Session, row_ids: Collection[int], now: datetime) -> None:
    """A provider asks for it."""
    if row_ids:
        session.execute(update(channels).where(channels.c.id.in_(row_ids)).values(renew_at=now))


def is_watched(now: datetime) -> Any:
    """Whether a calendar has a channel that lives and has called, for a query over calendars."""
    return exists().where(
        channels.c.calendar_id == calendars.c.id, channels.c.heard_at.is_not(None), channels.c.expires_at > now
    )


def standings(session: Session, now: datetime) -> dict[int, bool]:
    """Calendar id -> whether its provider has called, of calendars with a channel that lives."""
    statement = (
        select(channels.c.calendar_id, func.count(channels.c.heard_at))
        .where(channels.c.ready, channels.c.expires_at > now)
        .group_by(channels.c.calendar_id)
    )
    return {calendar_id: count > 0 for calendar_id, count in session.execute(statement)}
