"""When is a user busy: from the store where the window is covered, live where it is not."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import bindparam, select
from sqlmodel import Session

from syncd.connector import CalendarConnector, CalendarRead, ScheduleConnector
from syncd.errors import ParkError, ProviderError, RefreshError
from syncd.model.busy import BusyAnswer, BusyPolicy, BusyState, BusyTime, CalendarAnswer
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.model.time import Window
from syncd.rules.answer import Knowledge, by_policy, state_of
from syncd.rules.intervals import LeftOut, clip, merge, without
from syncd.settings import Busy
from syncd.store import bookings, busy, references
from syncd.store.database import Database
from syncd.store.tables import Calendar, Connection, User

from .pool import ConnectorPool, as_provider_error

calendars = Calendar.__table__  # type: ignore[attr-defined]
connections = Connection.__table__  # type: ignore[attr-defined]
users = User.__table__  # type: ignore[attr-defined]


ASKED_AT_ONCE = 16
"""Connections asked at once, over all answers. By threads of their own: the others may all wait for slow providers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selected:
    """A selected calendar as an answer needs it."""

    id: int
    connection_id: int
    connection_state: str
    app: str
    external_id: str
    name: str
    generation: int
    known: Knowledge
    read: CalendarRead
    error: str
    remedy: str


class BusyAnswers:
    """Answers busy questions. Reads only; asks a provider only outside of coverage, and keeps nothing of that."""

    def __init__(self, database: Database, pool: ConnectorPool, settings: Busy, clock: Clock) -> None:
        self._database = database
        self._pool = pool
        self._stale_after = timedelta(minutes=settings.stale_minutes)
        self._clock = clock
        self._executor: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def answer(
        self, user_id: int, window: Window, *, leave_out: str = "", calendar_ids: Sequence[int] = ()
    ) -> BusyAnswer:
        """When `user_id` is busy in exactly `window`, over the selected calendars (or of those, `calendar_ids`).

        `leave_out` is the uid of a booking whose own events do not count: the one being rescheduled.
        """
        now = self._clock()
        with self._database.read() as session:
            selected = _selected(session, user_id, calendar_ids)
            stored = busy.times(session, {c.id: c.generation for c in selected}, window)
            left_out = _left_out(session, leave_out) if leave_out else LeftOut()
        states = {c.id: self._state(c, window, now) for c in selected}
        live = self._ask([c for c in selected if states[c.id] is None], window)
        answers = tuple(
            self._calendar_answer(c, states[c.id], stored[c.id], live.get(c.id), window, now, left_out)
            for c in selected
        )
        every = merge(clip(((t.start, t.end) for a in answers for t in a.times), window))
        return BusyAnswer(window=window, busy=tuple(every), calendars=answers)

    def schedules(
        self, connection_id: int, emails: Sequence[str], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """When people without a connection of their own are busy, as a colleague's connection is shown it. Live.

        Raises:
            ParkError: the connection's app cannot show other people's schedules.
            ProviderError: as the provider answered, where it concerns all of them.
        """

        def call(connector: CalendarConnector) -> Mapping[str, list[BusyTime] | ProviderError]:
            if not isinstance(connector, ScheduleConnector):
                raise ParkError(
                    f"Connection {connection_id} cannot show other people's schedules.",
                    code="no_schedules",
                    remedy="Name a connection of an app that can: syncd connectors",
                )
            return connector.schedules(emails, window)

        return self._pool.run(connection_id, call)

    def _state(self, calendar: _Selected, window: Window, now: datetime) -> BusyState | None:
        state = state_of(calendar.known, window, now, self._stale_after)
        if state is None and calendar.connection_state != ConnectionState.ACTIVE:
            return BusyState.FAILED
        return state

    def _ask(self, unknown: Sequence[_Selected], window: Window) -> dict[int, list[BusyTime] | ProviderError]:
        """Ask the providers, once per connection."""
        by_connection: dict[int, list[_Selected]] = defaultdict(list)
        for calendar in unknown:
            by_connection[calendar.connection_id].append(calendar)
        found: dict[int, list[BusyTime] | ProviderError] = {}
        asked = {i: [c.read for c in group] for i, group in by_connection.items()}
        for connection_id, told in self._ask_all(asked, window):
            group = by_connection[connection_id]
            found.update({c.id: told.get(c.external_id, _silent(c)) for c in group})
        return found

    def _ask_all(
        self, asked: Mapping[int, Sequence[CalendarRead]], window: Window
    ) -> Iterable[tuple[int, Mapping[str, list[BusyTime] | ProviderError]]]:
        """Ask every connection at once: an answer takes as long as the slowest of them, not as all together."""
        if len(asked) < 2:
            return [(i, self._ask_one(i, reads, window)) for i, reads in asked.items()]
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="syncd-answer")
        told = self._executor.map(lambda item: self._ask_one(item[0], item[1], window), asked.items())
        return zip(asked, told, strict=True)

    def close(self) -> None:
        """End the threads that ask."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _ask_one(
        self, connection_id: int, reads: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        def call(connector: CalendarConnector) -> Mapping[str, list[BusyTime] | ProviderError]:
            told = connector.busy_times(reads, window)
            for answer in told.values():
                if isinstance(answer, RefreshError):  # it concerns them all, wherever the connector put it
                    raise answer
            return told

        try:
            return self._pool.run(connection_id, call)
        except Exception as error:
            known = as_provider_error(error)
            return {read.id: known for read in reads}

    def _calendar_answer(
        self,
        calendar: _Selected,
        state: BusyState | None,
        stored: list[BusyTime],
        told: list[BusyTime] | ProviderError | None,
        window: Window,
        now: datetime,
        left_out: LeftOut,
    ) -> CalendarAnswer:
        known, live = calendar.known, isinstance(told, list)
        error, remedy = calendar.error, calendar.remedy
        times, as_of, coverage = stored, known.as_of, known.coverage
        if isinstance(told, list):
            state, times, as_of, coverage = BusyState.FRESH, told, now, window
        elif told is not None:
            state, error, remedy = BusyState.FAILED, str(told), told.remedy
        assert state is not None
        if state is BusyState.FAILED:
            times = by_policy(known, stored, window, now)
        return CalendarAnswer(
            calendar_id=calendar.id,
            name=calendar.name,
            app=calendar.app,
            connection_id=calendar.connection_id,
            state=state,
            times=tuple(without(times, left_out)),
            as_of=as_of,
            coverage=coverage,
            policy=known.policy if state is BusyState.FAILED else None,
            error=error if state is BusyState.FAILED else "",
            remedy=remedy if state is BusyState.FAILED else "",
            live=live,
        )


def _silent(calendar: _Selected) -> ProviderError:
    return ProviderError(f"The provider said nothing about calendar {calendar.name!r}.", code="no_answer")


def _left_out(session: Session, booking_uid: str) -> LeftOut:
    """The iCalendar UIDs a booking is written under, or would be; and its times, where it is one of a series."""
    booking = bookings.get(session, booking_uid)
    if booking is None:
        return LeftOut(frozenset({booking_uid}))
    uids = references.event_uids(session, [booking.subject]) | {u for u in (booking.ical_uid,) if u}
    return LeftOut(uids, (booking.start, booking.end) if booking.series else None)


def _selected(session: Session, user_id: int, calendar_ids: Sequence[int]) -> list[_Selected]:
    statement = SELECTED_OF_USER
    if calendar_ids:
        statement = statement.where(calendars.c.id.in_(calendar_ids))
    rows = session.connection().execute(statement, {"b_user": user_id})
    return [_from_row(cast(Mapping[str, Any], row._mapping)) for row in rows]


SELECTED_OF_USER = (
    select(calendars, connections.c.app, connections.c.account, connections.c.state, connections.c.reason)
    .add_columns(connections.c.remedy.label("connection_remedy"), users.c.email, users.c.zone.label("user_zone"))
    .join(connections, connections.c.id == calendars.c.connection_id)
    .join(users, users.c.id == connections.c.user_id)
    .where(connections.c.user_id == bindparam("b_user"), calendars.c.selected)
    .order_by(calendars.c.id)
)


def _from_row(r: Mapping[str, Any]) -> _Selected:
    broken = r["state"] != ConnectionState.ACTIVE
    known = Knowledge(
        coverage=Window(r["coverage_start"], r["coverage_end"]) if r["coverage_start"] else None,
        as_of=r["as_of"],
        failing=bool(r["error_code"]) or broken or r["missing_since"] is not None,
        policy=BusyPolicy(r["policy"]),
        policy_hours=r["policy_hours"],
    )
    read = CalendarRead(
        id=r["external_id"],
        zone=r["zone"] or r["user_zone"] or "UTC",
        owner_emails=frozenset(e.casefold() for e in (r["email"], r["account"]) if "@" in e),
        transparent_is_busy=r["transparent_is_busy"],
    )
    return _Selected(
        id=r["id"],
        connection_id=r["connection_id"],
        connection_state=r["state"],
        app=r["app"],
        external_id=r["external_id"],
        name=r["name"],
        generation=r["generation"],
        known=known,
        read=read,
        error=r["error"] or (f"The connection is {r['state']}. {r['reason']}".strip() if broken else ""),
        remedy=r["remedy"]
        or (r["connection_remedy"] or f"syncd connections resume {r['connection_id']}" if broken else ""),
    )
