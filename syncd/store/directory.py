"""Users, connections, calendars and destinations: what people set up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session

from syncd.errors import InputError
from syncd.model.calendar import RemoteCalendar
from syncd.model.connection import ConnectionState
from syncd.model.reference import Place, ReferenceState
from syncd.rules.connection import MOVES, ConnectionEvent
from syncd.rules.destinations import Choices, KnownCalendar

from .tables import Calendar, Connection, Destination, StoredReference, User

users = User.__table__  # type: ignore[attr-defined]
connections = Connection.__table__  # type: ignore[attr-defined]
calendars = Calendar.__table__  # type: ignore[attr-defined]
destinations = Destination.__table__  # type: ignore[attr-defined]
references = StoredReference.__table__  # type: ignore[attr-defined]


def add_user(session: Session, user_id: int, email: str, now: datetime, *, name: str = "", zone: str = "") -> User:
    """The user with this id, made when there is none; a given e-mail, name or zone replaces what is stored."""
    user = session.get(User, user_id)
    if user is None:
        user = User(id=user_id, email=email.casefold(), name=name, zone=zone, created_at=now)
    user.email = email.casefold() or user.email
    user.name = name or user.name
    user.zone = zone or user.zone
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, text: str) -> User:
    """The user by id or e-mail.

    Raises:
        InputError: no such user, or several with that e-mail.
    """
    condition = users.c.id == int(text) if text.isdigit() else users.c.email == text.casefold()
    found: list[User] = list(session.execute(select(User).where(condition)).scalars())
    if len(found) == 1:
        (only,) = found
        return only
    if found:
        ids = ", ".join(str(u.id) for u in found)
        raise InputError(f"Several users have the e-mail {text}: {ids}.", remedy="Name the user by id.")
    raise InputError(f"No user {text!r}.", code="not_found", remedy="See who is there: syncd connections list")


def get_connection(session: Session, connection_id: int) -> Connection:
    """The connection.

    Raises:
        InputError: no such connection.
    """
    found = session.get(Connection, connection_id)
    if found is None:
        raise InputError(
            f"No connection {connection_id}.", code="not_found", remedy="See what is there: syncd connections list"
        )
    return found


def listed_connections(session: Session, *, user_id: int | None = None, app: str = "") -> list[Connection]:
    """Connections by id."""
    statement = select(Connection).order_by(connections.c.id)
    if user_id is not None:
        statement = statement.where(connections.c.user_id == user_id)
    if app:
        statement = statement.where(connections.c.app == app)
    return list(session.execute(statement).scalars())


def holding_connections(session: Session) -> list[Connection]:
    """Connections that are not active and have writes waiting, by id."""
    waiting = select(references.c.connection_id).where(references.c.state == ReferenceState.PENDING)
    statement = select(Connection).where(connections.c.state != ConnectionState.ACTIVE, connections.c.id.in_(waiting))
    return list(session.execute(statement.order_by(connections.c.id)).scalars())


def move_connection(
    session: Session,
    connection_id: int,
    event: ConnectionEvent,
    now: datetime,
    *,
    reason: str = "",
    remedy: str = "",
    unchanged_since: datetime | None = None,
) -> bool:
    """Move a connection to the state that follows `event` (`rules.connection.MOVES`); whether that was news.

    With `unchanged_since`, a connection that was changed later stays as it is.
    """
    sources, state = MOVES[event]
    statement = update(connections).where(connections.c.id == connection_id, connections.c.state.in_(sorted(sources)))
    if unchanged_since is not None:
        statement = statement.where(connections.c.updated_at <= unchanged_since)
    values = {
        "state": state,
        "reason": reason,
        "remedy": remedy,
        "updated_at": now,
        "broken_at": now if state is ConnectionState.INVALID else None,
    }
    return bool(session.execute(statement.values(**values)).rowcount)  # type: ignore[attr-defined]


def get_calendar(session: Session, calendar_id: int) -> Calendar:
    """The calendar.

    Raises:
        InputError: no such calendar.
    """
    found = session.get(Calendar, calendar_id)
    if found is None:
        raise InputError(
            f"No calendar {calendar_id}.", code="not_found", remedy="See what is there: syncd calendars list"
        )
    return found


def listed_calendars(
    session: Session, *, connection_ids: Sequence[int] = (), user_id: int | None = None, selected: bool = False
) -> list[tuple[Calendar, Connection]]:
    """Calendars with their connections, by connection and name."""
    statement = (
        select(Calendar, Connection)
        .join(connections, connections.c.id == calendars.c.connection_id)
        .order_by(calendars.c.connection_id, calendars.c.name, calendars.c.id)
    )
    if connection_ids:
        statement = statement.where(calendars.c.connection_id.in_(connection_ids))
    if user_id is not None:
        statement = statement.where(connections.c.user_id == user_id)
    if selected:
        statement = statement.where(calendars.c.selected)
    return [(calendar, connection) for calendar, connection in session.execute(statement)]


def store_listing(
    session: Session,
    connection_id: int,
    listing: Sequence[RemoteCalendar],
    policy: str,
    now: datetime,
    *,
    policy_hours: int = 24,
) -> tuple[list[Calendar], list[Calendar]]:
    """Bring the calendars of a connection to what its provider lists: (new, gone).

    A calendar that is no longer listed is marked missing and keeps its settings: it may come back, and references point
    at it. New ones get the policy. Nothing is selected or unselected.
    """
    known = {c.external_id: c for c, _ in listed_calendars(session, connection_ids=[connection_id])}
    new = []
    for remote in listing:
        calendar = known.pop(remote.id, None)
        if calendar is None:
            calendar = Calendar(
                connection_id=connection_id, external_id=remote.id, policy=policy, policy_hours=policy_hours
            )
            new.append(calendar)
        _update_calendar(calendar, remote)
        session.add(calendar)
    gone = [calendar for calendar in known.values() if calendar.missing_since is None]
    for calendar in gone:
        calendar.missing_since = now
        session.add(calendar)
    session.execute(update(connections).where(connections.c.id == connection_id).values(listed_at=now))
    session.flush()
    return new, gone


def _update_calendar(calendar: Calendar, remote: RemoteCalendar) -> None:
    calendar.name = remote.name
    calendar.color = remote.color
    calendar.zone = remote.zone
    calendar.special = remote.special
    calendar.read_only = remote.read_only
    calendar.is_primary = remote.primary
    calendar.missing_since = None


def select_calendar(session: Session, calendar: Calendar, selected: bool, now: datetime) -> None:
    """Check a calendar for conflicts, or no longer."""
    calendar.selected = selected
    calendar.sync_at = now if selected else None
    session.add(calendar)
    session.flush()


def set_destination(
    session: Session, calendar: Calendar, *, user_id: int | None = None, event_type_id: int | None = None
) -> None:
    """Make a calendar the destination of a user or of an event type (exactly one of them)."""
    column = destinations.c.user_id if user_id is not None else destinations.c.event_type_id
    session.execute(delete(destinations).where(column == (user_id if user_id is not None else event_type_id)))
    assert calendar.id is not None
    session.add(Destination(user_id=user_id, event_type_id=event_type_id, calendar_id=calendar.id))
    session.flush()


def listed_destinations(session: Session) -> list[Destination]:
    """Every chosen destination."""
    return list(session.execute(select(Destination).order_by(destinations.c.id)).scalars())


def choices(session: Session, integrations: dict[str, str]) -> Choices:
    """What planning needs to know of all this. `integrations` maps an app to Cal.com's credential type."""
    statement = select(
        calendars.c.id,
        calendars.c.connection_id,
        calendars.c.external_id,
        calendars.c.name,
        calendars.c.read_only,
        calendars.c.missing_since,
        connections.c.app,
        connections.c.user_id,
    ).join(connections, connections.c.id == calendars.c.connection_id)
    known = tuple(_known_calendar(row, integrations) for row in session.execute(statement))
    by_event_type, by_user = {}, {}
    for row in session.execute(select(destinations)):
        if row.event_type_id is not None:
            by_event_type[row.event_type_id] = row.calendar_id
        else:
            by_user[row.user_id] = row.calendar_id
    return Choices(
        calendars=known,
        by_event_type=by_event_type,
        by_user=by_user,
        users_by_email=_users_by_email(session),
        apps={row.id: row.app for row in session.execute(select(connections.c.id, connections.c.app))},
    )


def _known_calendar(row: Any, integrations: dict[str, str]) -> KnownCalendar:
    place = Place(connection_id=row.connection_id, calendar_id=row.id, external_id=row.external_id, app=row.app)
    return KnownCalendar(
        place=place,
        integration=integrations.get(row.app, row.app),
        user_id=row.user_id,
        name=row.name,
        read_only=row.read_only,
        missing=row.missing_since is not None,
    )


def _users_by_email(session: Session) -> dict[str, int]:
    """Users by e-mail; an address that several share names nobody."""
    found: dict[str, set[int]] = {}
    for row in session.execute(select(users.c.id, users.c.email)):
        found.setdefault(row.email, set()).add(row.id)
    return {email: ids.pop() for email, ids in found.items() if len(ids) == 1 and email}
