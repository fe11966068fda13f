"""Which host takes a booker's meeting: the CRM asked, the rules applied, the decision recorded.

    1  the first connection in [event_types.N.crm] whose `routing.enabled` is true; without one: round robin
    2  what the rules need to know about the e-mail, in one call; nothing, for a free-mail address that is not routed
    3  the counts that a tie needs, in a second call, only where there is a tie that needs them
    4  the decision, stored with its evidence

A booking page waits for the answer, so it comes within `routing.time_budget_seconds` and never as an error: a CRM that
does not answer in time, cannot be asked or refuses leads to round robin, with the reason in the trace. A call that is
late is left behind (`lookups`); so is storing, while the store is busy. The first call after a start reads the CRM's
schema too, which is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from syncd.connector.crm import CrmConnector, Look
from syncd.errors import InputError, ProviderError, WaitUntilError
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.model.crm import CountRequest, Counts, Evidence
from syncd.rules.crm.rules import rules_of
from syncd.rules.crm.settings import CrmSettings
from syncd.rules.routing import (
    Decision,
    Recorded,
    Request,
    Rules,
    decide,
    masked,
    questions,
    record,
    round_robin,
    without_answer,
)
from syncd.settings import Settings
from syncd.store import directory
from syncd.store.database import Database
from syncd.store.tables import Connection

from .activities import crm_settings
from .lookups import LateError, Lookups
from .pool import ConnectorPool
from .routing_record import RoutingRecord, matches_fuzzily

T = TypeVar("T")

MOST_LOOKUPS = 16
"""Of all CRMs together, at once."""

MOST_WRITES, WRITE_WITHIN_S = 16, 0.5
"""Decisions that wait for the store at once, and how long an answer waits for its own to be there."""

RESERVED_FOR = timedelta(minutes=10)
"""When a CRM is asked again whose day's calls are nearly used up."""

LOOK, COUNT = "look", "counts"
"""The calls by name, as `seconds` tells how long each took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A decision, and how it came about.

    Attributes:
        app, connection_id: the CRM; "" and None where the event type has none that routes.
        seconds: from the question to the decision.
        calls: how long each call to the CRM took, by name; one that did not answer is in it.
        recorded: the id of the stored decision; None where it was not stored, or not yet.
    """

    decision: Decision
    app: str = ""
    connection_id: int | None = None
    seconds: float = 0.0
    calls: dict[str, float] = field(default_factory=dict)
    recorded: int | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """The CRM of an event type, and the rules it is asked by; `trouble`: why it cannot be asked."""

    connection_id: int
    app: str
    settings: CrmSettings
    rules: Rules
    trouble: str = ""


@dataclass(slots=True)
class _Answers:
    """What was found out so far; `failure`: why no more of it."""

    evidence: Evidence = field(default_factory=lambda: Evidence(asked=()))
    counts: Counts | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    failure: str = ""


class Routing:
    """Routes bookers. Safe for several threads.

    Args:
        elapsed: seconds that only grow, of the machine's clock: what a caller waits is no matter of `clock`.
    """

    def __init__(
        self,
        database: Database,
        pool: ConnectorPool,
        settings: Settings,
        clock: Clock,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._pool = pool
        self._settings = settings
        self._clock = clock
        self._elapsed = elapsed
        self._lookups = Lookups(MOST_LOOKUPS)
        self._writes = Lookups(MOST_WRITES)
        self._log = structlog.get_logger("syncd.routing")
        self.record = RoutingRecord(database, clock)

    def route(
        self,
        event_type_id: int,
        email: str,
        hosts: tuple[str, ...] | None = None,
        *,
        country: str = "",
        region: str = "",
        city: str = "",
        sub_region: str = "",
    ) -> Routed:
        """The host for a booker. `hosts` None: any active owner.

        Raises:
            ConfigError: the event type's settings in its CRM cannot be used.
            StoreError: the store cannot be read.
        """
        began = self._elapsed()
        request = Request(
            email=email,
            hosts=hosts,
            country=country,
            region=region,
            city=city,
            sub_region=sub_region,
        )
        source = self._source(event_type_id)
        if source is None:
            return Routed(decision=round_robin(f"no CRM routes event type {event_type_id}"))
        known = _Answers(failure=source.trouble)
        if not source.trouble:
            self._ask(request, source, known, began + source.settings.routing.time_budget_seconds)
        decision = _concluded(request, source.rules, known)
        seconds = self._elapsed() - began
        return Routed(
            decision=decision,
            app=source.app,
            connection_id=source.connection_id,
            seconds=seconds,
            calls=known.seconds,
            recorded=self._keep(request, event_type_id, source, known, seconds) if source.app else None,
        )

    def owner(self, event_type_id: int) -> int | None:
        """The user whose connection routes an event type; None where none does."""
        connection_id = self._chosen(event_type_id)
        if connection_id is None:
            return None
        with self._database.read() as session:
            row = session.get(Connection, connection_id)
        return row.user_id if row is not None else None

    # the CRM that is asked

    def _chosen(self, event_type_id: int) -> int | None:
        crms = self._settings.event_type(event_type_id).crm
        named = (int(name) for name in crms)
        return next((c for c in named if crm_settings(self._settings, event_type_id, c).routing.enabled), None)

    def _source(self, event_type_id: int) -> _Source | None:
        connection_id = self._chosen(event_type_id)
        if connection_id is None:
            return None
        settings = crm_settings(self._settings, event_type_id, connection_id)
        try:
            with self._database.read() as session:
                row = directory.get_connection(session, connection_id)
                self._pool.keep_current(session, [connection_id])
        except InputError:
            trouble = f"connection {connection_id} is not there"
            return _Source(connection_id, "", settings, rules_of(settings, fuzzy=False), trouble)
        rules = rules_of(settings, fuzzy=matches_fuzzily(row))
        trouble = "" if row.state == ConnectionState.ACTIVE else f"connection {connection_id} is {row.state}"
        return _Source(connection_id, row.app, settings, rules, trouble)

    # what is asked

    def _ask(self, request: Request, source: _Source, known: _Answers, until: float) -> None:
        """Find out what the decision needs, as far as there is time."""
        asked = questions(request, source.rules)
        try:
            if asked.asked:
                look = Look(questions=(asked,))
                known.evidence = self._call(source, known, LOOK, until, lambda crm: _looked(crm, look, self._clock()))
            found = decide(request, source.rules, known.evidence)
            if isinstance(found, CountRequest):
                known.counts = self._call(source, known, COUNT, until, lambda crm: crm.counts(found))
        except LateError:
            known.failure = f"{source.app} did not answer within {source.settings.routing.time_budget_seconds:g} s"
        except ProviderError as error:
            known.failure = f"{source.app} could not be asked: {error}".removesuffix(".")
            self._log.warning("a CRM could not be asked", connection=source.connection_id, code=error.code)

    def _call(self, source: _Source, known: _Answers, name: str, until: float, call: Callable[[CrmConnector], T]) -> T:
        began = self._elapsed()
        try:
            return self._lookups.within(until - began, lambda: self._pool.run_crm(source.connection_id, call))
        finally:
            known.seconds[name] = self._elapsed() - began

    # what is kept

    def _keep(
        self, request: Request, event_type_id: int, source: _Source, known: _Answers, seconds: float
    ) -> int | None:
        """Store the decision. Who waits for the answer gets it all the same."""

        def write() -> int:
            recorded = self._recorded(request, source.rules, known)
            return self.record.keep(recorded, request.email, event_type_id, source.connection_id, seconds)

        try:
            return self._writes.within(WRITE_WITHIN_S, write)
        except LateError:
            self._log.warning("a routing decision waits for the store", connection=source.connection_id)
        except ProviderError as error:
            self._log.error("a routing decision could not be stored", error=str(error))
        return None

    def _recorded(self, request: Request, rules: Rules, known: _Answers) -> Recorded:
        """The decision as it is stored: made once more, from what no longer tells the booker's address."""
        whose, evidence = masked(request, known.evidence, self.record.token)
        unread = _Answers(evidence, known.counts, known.seconds, known.failure)
        return record(whose, rules, evidence, known.counts, _concluded(whose, rules, unread), known.seconds)


def _looked(crm: CrmConnector, look: Look, now: datetime) -> Evidence:
    """What the CRM says of a booker. Raises WaitUntilError: what is left of the day's calls is for bookings."""
    if not crm.spare:
        raise WaitUntilError(
            "What is left of the day's calls is kept for bookings.", retry_at=now + RESERVED_FOR, code="daily_reserve"
        )
    return crm.look(look).evidence[0]


def _concluded(request: Request, rules: Rules, known: _Answers) -> Decision:
    if known.failure:
        return without_answer(request, rules, known.evidence, known.failure)
    decision = decide(request, rules, known.evidence, known.counts)
    assert isinstance(decision, Decision), "the counts were asked for"
    return decision
