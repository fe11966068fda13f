"""The tables. The schema is made and changed by the migrations beside this module; a test holds the two together.

Times are `UtcTime` columns. Busy times are whole epoch seconds: a busy answer reads thousands of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from syncd.model.time import require_aware

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives row ids only to INTEGER PRIMARY KEY."""


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in and out, on every database. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC; without its zone for SQLite, which has no type for it."""
        if value is None:
            return None
        moment = require_aware(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id() -> Any:
    return Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))


def _time(nullable: bool = True, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcTime, nullable=nullable, index=index))


def _text(nullable: bool = False, **arguments: Any) -> Any:
    default = None if nullable else ""
    return Field(default=default, sa_column=Column(Text, nullable=nullable, **arguments))


def _owned(target: str, **arguments: Any) -> Any:
    """A foreign key whose rows go with their owner."""
    return Field(
        default=None,
        sa_column=Column(BigId, ForeignKey(target, ondelete="CASCADE"), **{"nullable": False, **arguments}),
    )


class User(SQLModel, table=True):
    """A person of the scheduling product; `id` is the product's."""

    __tablename__ = "users"
    id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    email: str = _text(index=True)
    name: str = _text()
    zone: str = _text()
    created_at: datetime = _time(nullable=False)


class Connection(SQLModel, table=True):
    """A user's consent at an app. `envelope` is the sealed credential; `state` a `ConnectionState`.

    `token_owner` says who refreshes its access token: "platform", or "" for syncd itself. `refresh_owner` holds the
    refresh until `refresh_until`. While refreshing fails, `refresh_code` says how and `refresh_retry_at` when it is
    tried again; `refresh_lost_at`: an answer was lost, and none came since.

    `delegation_id`: it has no credential of its own; the envelope names whom the delegation's key acts for.
    """

    __tablename__ = "connections"
    id: int | None = _id()
    user_id: int = _owned("users.id", index=True)
    app: str = _text()
    account: str = _text()
    state: str = _text()
    reason: str = _text()
    remedy: str = _text()
    envelope: str = _text()
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = _time(nullable=False)
    updated_at: datetime = _time(nullable=False)
    token_owner: str = _text(server_default="")
    token_expires_at: datetime | None = _time(index=True)
    refresh_owner: str | None = _text(nullable=True)
    refresh_until: datetime | None = _time()
    refreshed_at: datetime | None = _time()
    refresh_failed_at: datetime | None = _time()
    refresh_failures: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    refresh_retry_at: datetime | None = _time()
    refresh_lost_at: datetime | None = _time()
    refresh_code: str = _text(server_default="")
    probed_at: datetime | None = _time()
    listed_at: datetime | None = _time()
    broken_at: datetime | None = _time()
    delegation_id: int | None = Field(
        default=None,
        sa_column=Column(BigId, ForeignKey("delegations.id", ondelete="SET NULL"), nullable=True, index=True),
    )


class Calendar(SQLModel, table=True):
    """A calendar of a connection, and how far its busy times are known (coverage, as-of, cursor, generation)."""

    __tablename__ = "calendars"
    __table_args__ = (UniqueConstraint("connection_id", "external_id"),)
    id: int | None = _id()
    connection_id: int = _owned("connections.id")
    external_id: str = _text()
    name: str = _text()
    color: str = _text()
    zone: str = _text()
    special: str = _text()
    read_only: bool = False
    is_primary: bool = False
    selected: bool = Field(default=False, index=True)
    missing_since: datetime | None = _time()
    policy: str = _text()
    policy_hours: int = 24
    transparent_is_busy: bool = False
    cursor: str | None = _text(nullable=True)
    generation: int = 0
    coverage_start: datetime | None = _time()
    coverage_end: datetime | None = _time()
    as_of: datetime | None = _time()
    audited_at: datetime | None = _time()
    sync_at: datetime | None = _time(index=True)
    lease_owner: str | None = _text(nullable=True)
    lease_until: datetime | None = _time()
    failures: int = 0
    failed_at: datetime | None = _time()
    error_code: str = _text()
    error: str = _text()
    remedy: str = _text()
    unread_items: int = 0
    watch_at: datetime | None = _time()
    watch_failures: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))


class CalendarItem(SQLModel, table=True):
    """An item of a calendar at the version we read: what a provider without a trustworthy cursor is compared with."""

    __tablename__ = "calendar_items"
    calendar_id: int = _owned("calendars.id", primary_key=True)
    generation: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    item: str = Field(sa_column=Column(Text, primary_key=True))
    version: str = _text()
    problem: str = _text()


class StoredBusyTime(SQLModel, table=True):
    """A busy time of one item; `starts` and `ends` in whole epoch seconds, UTC."""

    __tablename__ = "busy_times"
    __table_args__ = (
        Index("ix_busy_times_window", "calendar_id", "generation", "ends", "starts", "kind", "uid"),
        Index("ix_busy_times_item", "calendar_id", "generation", "item"),
    )
    id: int | None = _id()
    calendar_id: int = _owned("calendars.id")
    generation: int = 0
    item: str = _text()
    starts: int = Field(sa_column=Column(BigInteger, nullable=False))
    ends: int = Field(sa_column=Column(BigInteger, nullable=False))
    kind: str = _text()
    uid: str = _text()


class Destination(SQLModel, table=True):
    """A chosen destination calendar: of a user, or of an event type."""

    __tablename__ = "destinations"
    id: int | None = _id()
    user_id: int | None = Field(
        default=None, sa_column=Column(BigId, ForeignKey("users.id", ondelete="CASCADE"), unique=True, nullable=True)
    )
    event_type_id: int | None = Field(default=None, sa_column=Column(BigInteger, unique=True, nullable=True))
    calendar_id: int = _owned("calendars.id")


class Delivery(SQLModel, table=True):
    """The inbox: one delivery as it came. `digest` tells a repeated one; `state` is a `DeliveryState`."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_state", "state", "id"),)
    id: int | None = _id()
    source: str = _text()
    digest: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    body: str = _text()
    received_at: datetime = _time(nullable=False)
    repeats: int = 0
    state: str = _text()
    trigger: str = _text()
    uid: str = _text(index=True)
    reason: str = _text()
    taken_at: datetime | None = _time()


class StoredBooking(SQLModel, table=True):
    """A booking as last told; `content` is the `Booking`, the other columns are what queries ask for."""

    __tablename__ = "bookings"
    uid: str = Field(sa_column=Column(Text, primary_key=True))
    subject: str = _text(index=True)
    previous_uid: str = _text(index=True)
    status: str = _text()
    title: str = _text()
    revision: datetime = _time(nullable=False)
    starts_at: datetime = _time(nullable=False, index=True)
    ends_at: datetime = _time(nullable=False)
    organizer_email: str = _text()
    content: str = _text()
    problem_code: str = _text(index=True)
    problem: str = _text()
    remedy: str = _text()
    created_at: datetime = _time(nullable=False)
    updated_at: datetime = _time(nullable=False)


class StoredReference(SQLModel, table=True):
    """One subject in one place. `desired` null: nothing is wanted; `receipt` null: nothing of ours is known there.

    `receipt_id` is the receipt's event id. `told` is what a change read told of the event that nobody has looked at yet
    (`Told`), `told_at` from when on somebody may. `drift` is what a person did to it (`DriftKind`, "" for nothing);
    `restored` counts how often it was put back lately, `restored_at` the last time.
    """

    __tablename__ = "booking_references"
    __table_args__ = (
        UniqueConstraint("subject", "connection_id", "external_id"),
        Index("ix_booking_references_due", "state", "due_at", "id", "connection_id"),
        Index("ix_booking_references_item", "calendar_id", "receipt_id"),
        # of the few that are told of (migration 0004); to say so here imports PostgreSQL's dialect, 5 MB, on SQLite too
        Index("ix_booking_references_told", "calendar_id"),
    )
    id: int | None = _id()
    subject: str = _text()
    connection_id: int = _owned("connections.id", index=True)
    calendar_id: int | None = _owned("calendars.id", index=True, nullable=True)
    external_id: str = _text()
    app: str = _text()
    key: str = _text()
    state: str = _text()
    desired: str | None = _text(nullable=True)
    desired_version: int = 1
    applied_version: int = 0
    receipt: str | None = _text(nullable=True)
    event_uid: str = _text(index=True)
    attempted: bool = False
    attempts: int = 0
    due_at: datetime = _time(nullable=False)
    lease_owner: str | None = _text(nullable=True)
    lease_until: datetime | None = _time(index=True)
    first_failed_at: datetime | None = _time()
    error_code: str = _text()
    error: str = _text()
    remedy: str = _text()
    created_at: datetime = _time(nullable=False)
    updated_at: datetime = _time(nullable=False)
    applied_at: datetime | None = _time()
    receipt_id: str | None = _text(nullable=True)
    told: str = _text(server_default="")
    told_at: datetime | None = _time()
    drift: str = _text(server_default="")
    drift_detail: str = _text(server_default="")
    drifted_at: datetime | None = _time(index=True)
    restored: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    restored_at: datetime | None = _time()


class LoggedResult(SQLModel, table=True):
    """The sync log: one `SyncResult` a row."""

    __tablename__ = "sync_log"
    id: int | None = _id()
    at: datetime = _time(nullable=False, index=True)
    operation: str = _text()
    outcome: str = _text()
    app: str = _text()
    connection_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, index=True))
    subject: str = _text(index=True)
    place: str = _text()
    attempt: int = 0
    calls: int = 0
    seconds: float = 0.0
    dropped: str = _text()
    request_id: str = _text()
    code: str = _text()
    error: str = _text()
    remedy: str = _text()
    retry_at: datetime | None = _time()
    detail: str = _text()


class JobRun(SQLModel, table=True):
    """The last run of each scheduled job."""

    __tablename__ = "job_runs"
    job: str = Field(sa_column=Column(Text, primary_key=True))
    started_at: datetime = _time(nullable=False)
    finished_at: datetime | None = _time()
    seconds: float = 0.0
    outcome: str = _text()
    detail: str = _text()
    runs: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))


class ApiKey(SQLModel, table=True):
    """A key to the HTTP API, by its digest. `user_id` null: an administrator's."""

    __tablename__ = "api_keys"
    id: int | None = _id()
    user_id: int | None = Field(
        default=None, sa_column=Column(BigId, ForeignKey("users.id", ondelete="CASCADE"), nullable=True)
    )
    name: str = _text()
    digest: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    scopes: str = _text()
    created_at: datetime = _time(nullable=False)
    last_used_at: datetime | None = _time()
    revoked_at: datetime | None = _time()


class AuditEvent(SQLModel, table=True):
    """A security event. `source` is a keyed hash of the address, never the address."""

    __tablename__ = "audit_events"
    id: int | None = _id()
    at: datetime = _time(nullable=False, index=True)
    actor: str = _text()
    action: str = _text()
    result: str = _text()
    source: str = _text()
    target: str = _text()
    detail: str = _text()


class Delegation(SQLModel, table=True):
    """An organization's key that acts for the people of one domain. `envelope` is the sealed key.

    While it cannot be used, `error_code`, `error` and `remedy` say why and what to do, `failed_at` since the last
    attempt, and `failed_*` whom it failed for (`failed_connection_id` null: a connection that was not made).
    """

    __tablename__ = "delegations"
    __table_args__ = (UniqueConstraint("organization_id", "domain"),)
    id: int | None = _id()
    organization_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    domain: str = _text()
    platform: str = _text()
    envelope: str = _text()
    enabled: bool = True
    error_code: str = _text()
    error: str = _text()
    remedy: str = _text()
    failed_at: datetime | None = _time()
    failed_connection_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    failed_user_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    failed_email: str = _text()
    created_at: datetime = _time(nullable=False)
    updated_at: datetime = _time(nullable=False)


class Consent(SQLModel, table=True):
    """A consent that waits for its person to come back with `nonce`. `envelope` is the sealed memo.

    `connection_id`: it reconnects that one. `redirect` is where the person goes then, `actor` who began it.
    """

    __tablename__ = "consents"
    id: int | None = _id()
    nonce: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    user_id: int = _owned("users.id")
    app: str = _text()
    connection_id: int | None = _owned("connections.id", nullable=True)
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    redirect: str = _text()
    actor: str = _text()
    envelope: str = _text()
    created_at: datetime = _time(nullable=False)
    expires_at: datetime = _time(nullable=False, index=True)


class Nonce(SQLModel, table=True):
    """A nonce of a signed request that was accepted; the same one again is a replay."""

    __tablename__ = "nonces"
    nonce: str = Field(sa_column=Column(Text, primary_key=True))
    seen_at: datetime = _time(nullable=False, index=True)


class Installation(SQLModel, table=True):
    """Facts about this installation by name: what tells a clone, the key of address hashes."""

    __tablename__ = "installation"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = _text()


class Lead(SQLModel, table=True):
    """A role that one process has at a time: its holder, until when, and a term that grows with each new holder."""

    __tablename__ = "leads"
    role: str = Field(sa_column=Column(Text, primary_key=True))
    owner: str = _text()
    until: datetime = _time(nullable=False)
    term: int = 0


class StoredChannel(SQLModel, table=True):
    """A provider's promise to call `address` when a calendar changes; `digest` is that of the token its calls show.

    `ready` is False until the provider has answered, `heard_at` null until it has called. Of two of one calendar the
    newer is to stay.
    """

    __tablename__ = "channels"
    id: int | None = _id()
    calendar_id: int = _owned("calendars.id", index=True)
    app: str = _text()
    channel_id: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    resource: str = _text()
    address: str = _text()
    digest: str = _text()
    ready: bool = False
    heard_at: datetime | None = _time()
    created_at: datetime = _time(nullable=False)
    expires_at: datetime = _time(nullable=False)
    renew_at: datetime = _time(nullable=False, index=True)


class SharedLimit(SQLModel, table=True):
    """A limit that several processes keep together; `due` in seconds of the database's clock. PostgreSQL only."""

    __tablename__ = "shared_limits"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    due: float = Field(default=0.0, sa_column=Column(Float, nullable=False))


class LimitStanding(SQLModel, table=True):
    """How the limits of one connection stood in one process, `at` a time."""

    __tablename__ = "limit_standings"
    owner: str = Field(sa_column=Column(Text, primary_key=True))
    connection_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    app: str = _text()
    calls_left: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    waits_until: datetime | None = _time()
    pace: float | None = Field(default=None, sa_column=Column(Float, nullable=True))
    at: datetime = _time(nullable=False, index=True)


class StoredSyncError(SQLModel, table=True):
    """What went wrong with the syncs of an event type in a CRM (`event_type_id` 0: of bookings of none), by moment.

    `dropped` are the fields not written, as a JSON list. `closed_at` null: it is open.
    """

    __tablename__ = "sync_errors"
    __table_args__ = (UniqueConstraint("connection_id", "event_type_id", "moment"),)
    id: int | None = _id()
    connection_id: int = _owned("connections.id")
    event_type_id: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    moment: str = _text()
    code: str = _text()
    message: str = _text()
    dropped: str = _text()
    seen: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    opened_at: datetime = _time(nullable=False)
    at: datetime = _time(nullable=False)
    closed_at: datetime | None = _time()


class RoutingDecision(SQLModel, table=True):
    """Who was chosen for a booker, and the evidence (`recorded`) it was decided on, as `rules.routing` writes it.

    `booking_uid` null: no booking has followed. `booker` is a keyed hash of the e-mail, by which one finds it.
    """

    __tablename__ = "routing_decisions"
    id: int | None = _id()
    connection_id: int = _owned("connections.id")
    event_type_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    booking_uid: str | None = _text(nullable=True, index=True)
    booker: str = _text(index=True)
    at: datetime = _time(nullable=False, index=True)
    recorded: str = _text()
    decision: str = _text()
    seconds: float = Field(default=0.0, sa_column=Column(Float, nullable=False))
