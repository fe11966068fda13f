"""Push channels: making, renewing and stopping them.

A channel is renewed while a quarter of its life is left. A provider that cannot renew gets a new one beside the old,
which is stopped once the new one stands; calls of both are believed meanwhile. Polling goes on, for calls get lost:
more seldom, once the provider has called over the channel and so can reach us. Leases keep machines apart; where one
ran out and a calendar has two channels, the older is stopped.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from sqlmodel import Session

from syncd.connector import Ability, CalendarConnector
from syncd.connector.push import PushConnector
from syncd.connector.registry import Registry
from syncd.errors import NotFoundError, ParkError, ProviderError, ReconnectError, RetryError, WaitUntilError
from syncd.model.calendar import Channel
from syncd.model.clock import Clock
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.provider.guard import Tally, tally
from syncd.provider.limits import Priority, priority
from syncd.rules.connection import ConnectionEvent
from syncd.rules.retry import RetryPolicy, back_off_ceiling
from syncd.store import busy, channels, directory
from syncd.store.channels import Due, Kept, Watched
from syncd.store.database import Database

from .pool import ConnectorPool, as_provider_error
from .pump import pump
from .pushes import digest_of
from .results import Results

T = TypeVar("T")

HANDS = 8
AT_ONCE_PER_CONNECTION = 2
ROUND = 500
"""Calendars taken up in one run."""

LEASE = timedelta(minutes=10)
FAILED = RetryPolicy(base=timedelta(minutes=1), cap=timedelta(hours=6))
"""Polling does the work meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an attempt at a calendar's channel ended; `begun` False: its lease had run out."""

    due: Due
    error: ProviderError | None
    tally: Tally
    begun: bool = True


class Channels:
    """Keeps channels. Several may run, here and on other machines.

    Args:
        public_url: where providers reach us; "" leaves everything to polling.
    """

    def __init__(
        self,
        database: Database,
        pool: ConnectorPool,
        registry: Registry,
        results: Results,
        public_url: str,
        clock: Clock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._pool = pool
        self._registry = registry
        self._results = results
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._draw = draw

    def run(
        self,
        executor: Executor,
        *,
        connection_id: int | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Counter[str]:
        """Make, renew and stop what is due (of one connection); outcomes counted."""
        outcomes: Counter[str] = Counter()
        waiting, in_hand = self._claim(connection_id), Counter[int]()

        def turn(ends: Sequence[End], free: int) -> Sequence[Due]:
            for end in ends:
                in_hand[end.due.watched.connection_id] -= 1
                outcomes.update(self._write_down(end))
            if stopping():
                self._release(waiting)
                waiting.clear()
            return _chosen(waiting, in_hand, free)

        pump(executor, HANDS, turn, self._perform)
        return outcomes

    def due(self) -> list[int]:
        """The connections that have something to be done for."""
        addresses = self._addresses()
        with self._database.read() as session:
            return channels.due_connections(session, addresses, self._clock())

    def _claim(self, connection_id: int | None) -> list[Due]:
        addresses, now = self._addresses(), self._clock()
        with self._database.write() as session:
            channels.forget_ended(session, now)
            found = channels.claim(session, addresses, now, now + LEASE, limit=ROUND, connection_id=connection_id)
            self._pool.keep_current(session, (each.watched.connection_id for each in found))
        return found

    def _release(self, waiting: Sequence[Due]) -> None:
        if waiting:
            with self._database.write() as session:
                channels.release(session, [each.watched for each in waiting], self._clock())

    def _addresses(self) -> dict[str, str]:
        """App -> where its channels call, of apps in use that push; none while nobody can reach us."""
        if not self._public_url:
            return {}
        with self._database.read() as session:
            used = {c.app for c in directory.listed_connections(session)} & set(self._registry.apps)
        pushing = {app for app in used if Ability.PUSH in self._registry.spec(app).abilities}
        return {app: f"{self._public_url}/api/push/{app}" for app in sorted(pushing)}

    def _perform(self, due: Due) -> End:
        with tally() as counted, priority(Priority.BACKFILL):
            if self._clock() >= due.watched.lease_until:
                return End(due=due, error=None, tally=counted, begun=False)
            try:
                self._attempt(due)
                return End(due=due, error=None, tally=counted)
            except Exception as error:
                return End(due=due, error=as_provider_error(error), tally=counted)

    def _attempt(self, due: Due) -> None:
        if due.kept is None:
            self._make(due.watched)
        elif due.stop:
            self._stop(due.watched, due.kept)
        else:
            self._renew(due.watched, due.kept)

    def _stop(self, watched: Watched, kept: Kept) -> None:
        """One that can be stopped neither now nor later ends by itself: its calls are not believed any more."""
        error = None
        try:
            self._call(watched, lambda connector: connector.unwatch(kept.channel))
        except ParkError as refused:
            error = refused
        with self._database.write() as session:
            channels.forget(session, [kept.id])
        if error is not None:
            raise error

    def _renew(self, watched: Watched, kept: Kept) -> None:
        """Have it last longer, or make another beside it; that also where it calls an address that is ours no more."""
        renewed = None
        try:
            if kept.address == self._addresses().get(watched.app):
                renewed = self._call(watched, lambda connector: connector.renew(kept.channel))
        except NotFoundError:
            with self._database.write() as session:  # its calls were lost: look again
                channels.forget(session, [kept.id])
                busy.make_due_now(session, [watched.calendar_id], self._clock())
        if renewed is not None:
            self._confirm(kept.id, renewed)
        else:
            self._make(watched)

    def _make(self, watched: Watched) -> None:
        token, channel_id, now = secrets.token_urlsafe(32), uuid4().hex, self._clock()
        spec, address = self._registry.spec(watched.app), self._addresses()[watched.app]
        assert spec.push is not None
        new = channels.New(
            calendar_id=watched.calendar_id,
            app=watched.app,
            channel_id=channel_id,
            address=address,
            digest=digest_of(token),
            expires_at=now + spec.push.life,
        )
        with self._database.write() as session:
            row_id = channels.begin(session, new, now)
        try:
            made = self._call(watched, lambda c: c.watch(watched.external_id, address, channel_id, token))
        except Exception:
            with self._database.write() as session:
                channels.forget(session, [row_id])
            raise
        self._confirm(row_id, made)

    def _confirm(self, row_id: int, channel: Channel) -> None:
        renew_at = channel.expires_at - (channel.expires_at - self._clock()) * (0.25 + 0.05 * self._draw())
        with self._database.write() as session:
            channels.confirm(session, row_id, channel, renew_at)

    def _call(self, watched: Watched, call: Callable[[PushConnector], T]) -> T:
        return self._pool.run(watched.connection_id, lambda connector: call(_pushing(connector)))

    def _write_down(self, end: End) -> list[str]:
        if not end.begun:
            return ["late"]
        now, watched = self._clock(), end.due.watched
        again = self._again(end, now)
        with self._database.write() as session:
            if again is None:
                channels.succeeded(session, watched)
            else:
                channels.failed(session, watched, again)
            if isinstance(end.error, ReconnectError):
                self._break_connection(session, watched, end.error, now)
            result = _result(end, again, now)
            self._results.store(session, [result])
        self._results.publish([result])
        return [result.outcome]

    def _again(self, end: End, now: datetime) -> datetime | None:
        if end.error is None:
            return None
        if isinstance(end.error, WaitUntilError):
            return max(end.error.retry_at, now)
        return now + back_off_ceiling(end.due.watched.failures, FAILED) * (0.5 + 0.5 * self._draw())

    def _break_connection(self, session: Session, watched: Watched, error: ReconnectError, now: datetime) -> None:
        directory.move_connection(
            session,
            watched.connection_id,
            ConnectionEvent.REFUSED,
            now,
            reason=str(error),
            remedy=error.remedy,
            unchanged_since=watched.lease_until - LEASE,
        )
        self._pool.drop(watched.connection_id)


def _chosen(waiting: list[Due], in_hand: Counter[int], free: int) -> list[Due]:
    """The next ones, of each connection no more than it may have in hand; taken from those that wait."""
    chosen: list[Due] = []
    for due in tuple(waiting):
        connection = due.watched.connection_id
        if len(chosen) < free and in_hand[connection] < AT_ONCE_PER_CONNECTION:
            in_hand[connection] += 1
            waiting.remove(due)
            chosen.append(due)
    return chosen


def _pushing(connector: CalendarConnector) -> PushConnector:
    if not isinstance(connector, PushConnector):
        raise ParkError("The connector declares that it pushes, and does not.", code="defect")
    return connector


def _result(end: End, again: datetime | None, now: datetime) -> SyncResult:
    watched, error = end.due.watched, end.error
    final = error is not None and not isinstance(error, (RetryError, ReconnectError))
    return SyncResult(
        at=now,
        operation=Operation.UNWATCH if end.due.stop else Operation.WATCH,
        outcome=Outcome.DONE if error is None else Outcome.FAILED if final else Outcome.RETRY,
        app=watched.app,
        connection_id=watched.connection_id,
        place=watched.external_id,
        attempt=watched.failures + 1,
        calls=end.tally.calls,
        seconds=round(end.tally.seconds, 4),
        code=error.code if error else "",
        error=str(error) if error else "",
        remedy=error.remedy if error else "",
        retry_at=again,
    )
