"""Busy times per calendar, with how far and since when they are known.

A read from the start writes under the next generation, page by page; the transaction that ends it swaps the generation,
sets cursor, coverage and as-of, and forgets the old one. An incremental read changes rows of the current generation in
the transaction that moves the cursor. So whatever is read between is one whole state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, literal, or_, select, update
from sqlmodel import Session

from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import ItemChange
from syncd.model.connection import ConnectionState
from syncd.model.time import Window

from .channels import is_watched
from .chunks import chunks
from .drift import is_marked
from .owner import is_gone, this_owner
from .tables import Calendar, CalendarItem, Connection, StoredBusyTime, User, UtcTime

calendars = Calendar.__table__  # type: ignore[attr-defined]
connections = Connection.__table__  # type: ignore[attr-defined]
users = User.__table__  # type: ignore[attr-defined]
items = CalendarItem.__table__  # type: ignore[attr-defined]
busy_times = StoredBusyTime.__table__  # type: ignore[attr-defined]

LONGEST_UID = 500
"""In characters; longer ones fit no index of PostgreSQL, and are nobody's who writes through us."""

KINDS = {str(kind): kind for kind in BusyKind}


@dataclass(slots=True, kw_only=True)
class DueCalendar:
    """A calendar whose busy times are to be read, with all the reader needs. `lease_until` moves on with `hold`;
    `watched`: its provider calls us when it changes; `marked`: it has events of ours to look at.
    """

    id: int
    connection_id: int
    app: str
    external_id: str
    name: str
    zone: str
    user_zone: str
    owner_emails: frozenset[str]
    transparent_is_busy: bool
    cursor: str | None
    generation: int
    coverage: Window | None
    audited_at: datetime | None
    failures: int
    claimed_at: datetime
    lease_until: datetime
    watched: bool = False
    marked: bool = False


class LeaseLostError(Exception):
    """The calendar was taken over by another reader: what this one brings is not to be stored."""


def claim(
    session: Session,
    now: datetime,
    owner: str,
    lease_until: datetime,
    *,
    limit: int,
    per_connection: int = 1_000_000,
    in_hand: Mapping[int, int] | None = None,
    connection_id: int | None = None,
) -> list[DueCalendar]:
    """Take at most `limit` selected calendars whose next read is due; of one connection at most `per_connection`, less
    what of it is `in_hand` already.
    """
    conditions = [
        calendars.c.selected,
        calendars.c.missing_since.is_(None),
        calendars.c.sync_at <= now,
        or_(calendars.c.lease_until.is_(None), calendars.c.lease_until < now),
        connections.c.state == ConnectionState.ACTIVE,
    ]
    if connection_id is not None:
        conditions.append(calendars.c.connection_id == connection_id)
    full = [connection for connection, count in (in_hand or {}).items() if count >= per_connection]
    if full:
        conditions.append(calendars.c.connection_id.not_in(full))
    statement = _due_statement(now).where(and_(*conditions)).order_by(calendars.c.sync_at, calendars.c.id).limit(limit)
    if session.get_bind().dialect.name == "postgresql":
        statement = statement.with_for_update(skip_locked=True, of=calendars)
    rows = _with_room(session.execute(statement).all(), per_connection, Counter(in_hand or {}))
    if rows:
        taken = update(calendars).where(calendars.c.id.in_([r.id for r in rows]))
        session.execute(taken.values(lease_owner=owner, lease_until=lease_until))
    return [_due(row, now, lease_until) for row in rows]


def _with_room(rows: Sequence[Any], per_connection: int, in_hand: Counter[int]) -> list[Any]:
    taken = []
    for row in rows:
        if in_hand[row.connection_id] < per_connection:
            in_hand[row.connection_id] += 1
            taken.append(row)
    return taken


def make_due(session: Session, now: datetime, connection_id: int | None = None) -> None:
    """Let every selected calendar (of one connection) be read next, but for those that are being read."""
    free = or_(calendars.c.lease_until.is_(None), calendars.c.lease_until < now)
    statement = update(calendars).where(calendars.c.selected, free)
    if connection_id is not None:
        statement = statement.where(calendars.c.connection_id == connection_id)
    session.execute(statement.values(sync_at=now))


def make_due_now(session: Session, calendar_ids: Sequence[int], now: datetime) -> None:
    """Let selected calendars be read next, for they were written to, or their provider says that they changed. One that
    is being read is read once more: what has just happened may be missing from it.
    """
    for chunk in chunks(calendar_ids, 500):
        changed = update(calendars).where(calendars.c.id.in_(chunk), calendars.c.selected)
        late = or_(calendars.c.sync_at > now, calendars.c.lease_until.is_not(None))
        session.execute(changed.where(late).values(sync_at=now))


def _due_statement(now: datetime) -> Any:
    return (
        select(
            calendars,
            connections.c.app,
            connections.c.account,
            users.c.email,
            users.c.zone.label("user_zone"),
            is_watched(now).label("watched"),
            is_marked(calendars.c.id, now).label("marked"),
        )
        .join(connections, connections.c.id == calendars.c.connection_id)
        .join(users, users.c.id == connections.c.user_id)
    )


def _due(row: Any, now: datetime, lease_until: datetime) -> DueCalendar:
    emails = {row.email.casefold(), row.account.casefold()}
    return DueCalendar(
        id=row.id,
        connection_id=row.connection_id,
        app=row.app,
        external_id=row.external_id,
        name=row.name,
        zone=row.zone,
        user_zone=row.user_zone,
        owner_emails=frozenset(e for e in emails if "@" in e),
        transparent_is_busy=row.transparent_is_busy,
        cursor=row.cursor,
        generation=row.generation,
        coverage=Window(row.coverage_start, row.coverage_end) if row.coverage_start else None,
        audited_at=row.audited_at,
        failures=row.failures,
        claimed_at=now,
        lease_until=lease_until,
        watched=row.watched,
        marked=row.marked,
    )


def known_versions(session: Session, calendar_id: int, generation: int) -> dict[str, str]:
    """Item -> version of what is stored of a calendar."""
    statement = select(items.c.item, items.c.version).where(
        items.c.calendar_id == calendar_id, items.c.generation == generation
    )
    return {item: version for item, version in session.execute(statement)}


def apply_changes(
    session: Session, calendar_id: int, generation: int, changed: Sequence[ItemChange], removed: Iterable[str]
) -> None:
    """Replace what is stored of the items changed, and forget those removed."""
    gone = [*removed, *(change.item for change in changed)]
    for chunk in chunks(gone, 500):
        _forget_items(session, calendar_id, generation, chunk)
    if not changed:
        return
    own = {"calendar_id": calendar_id, "generation": generation}
    unique = {change.item: change for change in changed}.values()
    session.connection().execute(
        insert(items),
        [{**own, "item": c.item, "version": c.version, "problem": c.problem[:500]} for c in unique],
    )
    rows = [{**own, "item": c.item, **_busy_row(time)} for c in unique for time in c.times]
    if rows:
        session.connection().execute(insert(busy_times), rows)


def _busy_row(time: BusyTime) -> dict[str, Any]:
    return {
        "starts": int(time.start.timestamp()),
        "ends": -int(-time.end.timestamp() // 1),
        "kind": str(time.kind),
        "uid": time.uid if len(time.uid) <= LONGEST_UID else "",
    }


def _forget_items(session: Session, calendar_id: int, generation: int, gone: Sequence[str]) -> None:
    for table in (busy_times, items):
        session.execute(
            delete(table).where(
                table.c.calendar_id == calendar_id, table.c.generation == generation, table.c.item.in_(gone)
            )
        )


def forget_other_generations(session: Session, calendar_id: int, generation: int) -> None:
    """Forget what a read that never ended left behind, or what a finished one replaced."""
    for table in (busy_times, items):
        session.execute(delete(table).where(table.c.calendar_id == calendar_id, table.c.generation != generation))


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How a read of a calendar ended well; `lease_until` is the claim's it was read under."""

    calendar_id: int
    lease_until: datetime
    generation: int
    cursor: str | None
    coverage: Window
    as_of: datetime
    audited_at: datetime | None
    sync_at: datetime


def finish_read(session: Session, read: Read) -> None:
    """Make a read the current knowledge of its calendar, and free its lease.

    Raises:
        LeaseLostError: another reader has taken it over; the transaction must not be committed.
    """
    unread = (
        select(func.count())
        .select_from(items)
        .where(items.c.calendar_id == read.calendar_id, items.c.generation == read.generation, items.c.problem != "")
    )
    values = {**_read_values(read), "unread_items": unread.scalar_subquery()}
    if not session.execute(_held(read.calendar_id, read.lease_until).values(**values)).rowcount:  # type: ignore[attr-defined]
        raise LeaseLostError


def finish_unchanged(session: Session, reads: Sequence[Read]) -> None:
    """As `finish_read`, for reads that brought nothing."""
    for read in reads:
        session.execute(_held(read.calendar_id, read.lease_until).values(**_read_values(read)))


def hold(session: Session, calendar: DueCalendar, until: datetime) -> None:
    """Keep a calendar until `until`, and from anyone else until the transaction ends.

    Raises:
        LeaseLostError: another reader has taken it over; the transaction must not be committed.
    """
    if not session.execute(_held(calendar.id, calendar.lease_until).values(lease_until=until)).rowcount:  # type: ignore[attr-defined]
        raise LeaseLostError


def _held(calendar_id: int, lease_until: datetime) -> Any:
    """An update of a calendar as long as it is held under the claim that ends at `lease_until`."""
    return update(calendars).where(
        calendars.c.id == calendar_id,
        calendars.c.lease_owner == this_owner(),
        calendars.c.lease_until == lease_until,
    )


def _read_values(read: Read) -> dict[str, Any]:
    """A calendar that was made due after the read had begun stays so."""
    return {
        "generation": read.generation,
        "cursor": read.cursor,
        "coverage_start": read.coverage.start,
        "coverage_end": read.coverage.end,
        "as_of": read.as_of,
        "audited_at": read.audited_at,
        "sync_at": case((calendars.c.sync_at > read.as_of, calendars.c.sync_at), else_=literal(read.sync_at, UtcTime)),
        "lease_owner": None,
        "lease_until": None,
        "failures": 0,
        "failed_at": None,
        "error_code": "",
        "error": "",
        "remedy": "",
    }


def fail_read(
    session: Session, calendar: DueCalendar, now: datetime, sync_at: datetime, *, code: str, error: str, remedy: str
) -> None:
    """Write down that a calendar could not be read; what was known of it stays, with its age."""
    session.execute(
        _held(calendar.id, calendar.lease_until).values(
            sync_at=sync_at,
            lease_owner=None,
            lease_until=None,
            failures=calendars.c.failures + 1,
            failed_at=now,
            error_code=code,
            error=error,
            remedy=remedy,
        )
    )


def release_dead(session: Session, now: datetime) -> int:
    """Free the leases of readers known to be dead; returns how many."""
    statement = select(calendars.c.lease_owner).where(calendars.c.lease_until >= now).distinct()
    dead = [owner for (owner,) in session.execute(statement) if owner and is_gone(owner)]
    if not dead:
        return 0
    return _free(session, calendars.c.lease_owner.in_(dead))


def release(session: Session, owner: str) -> int:
    """Hand back what `owner` holds; returns how many. What it still reads is not stored."""
    return _free(session, calendars.c.lease_owner == owner)


def _free(session: Session, condition: Any) -> int:
    statement = update(calendars).where(condition).values(lease_owner=None, lease_until=None)
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def times(session: Session, generations: Mapping[int, int], window: Window) -> dict[int, list[BusyTime]]:
    """Busy times overlapping `window` of each calendar of calendar id -> generation."""
    found: dict[int, list[BusyTime]] = {calendar_id: [] for calendar_id in generations}
    span = {"b_starts": int(window.start.timestamp()), "b_ends": -int(-window.end.timestamp() // 1)}
    for calendar_id, generation in generations.items():
        rows = session.connection().execute(IN_WINDOW, {"b_calendar": calendar_id, "b_generation": generation, **span})
        found[calendar_id] = _busy_times(rows.all())
    return found


def _busy_times(rows: Sequence[Any]) -> list[BusyTime]:
    """The rows as busy times; column by column, which takes a third less for the hundreds of a busy answer."""
    starts, ends, kinds, uids = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = zip(map(MOMENT, starts), map(MOMENT, ends), map(KINDS.__getitem__, kinds), uids, strict=True)
    return list(map(BusyTime._make, columns))


MOMENT = lru_cache(maxsize=8192)(partial(datetime.fromtimestamp, tz=UTC))
"""A time of whole seconds. Calendars keep to the quarter of an hour, so the same ones come again and again."""

IN_WINDOW = select(busy_times.c.starts, busy_times.c.ends, busy_times.c.kind, busy_times.c.uid).where(
    busy_times.c.calendar_id == bindparam("b_calendar"),
    busy_times.c.generation == bindparam("b_generation"),
    busy_times.c.ends > bindparam("b_starts"),
    busy_times.c.starts < bindparam("b_ends"),
)
"""Built once: building it costs more than running it. Its index holds every column: no row of the table is read."""


def forget_past(session: Session, before: datetime) -> int:
    """Delete busy times that ended before a time; returns how many."""
    statement = delete(busy_times).where(busy_times.c.ends < int(before.timestamp()))
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]
