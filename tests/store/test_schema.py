"""Migrations and tables are one schema; upgrading loses nothing and repeats nothing."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from syncd.errors import StoreError
from syncd.store import references, schema, tables
from syncd.store.database import Database

FOUNDATION: tuple[tuple[str, dict[str, Any]], ...] = (
    ("users", {"id": 7, "email": "anna@example.com", "name": "Anna", "zone": "Europe/Berlin", "created_at": "T"}),
    (
        "connections",
        {
            **{"id": 3, "user_id": 7, "app": "caldav-calendar", "account": "anna", "state": "active", "reason": ""},
            **{"remedy": "", "envelope": "sealed", "settings": "{}", "created_at": "T", "updated_at": "T"},
            **{"probed_at": "T", "listed_at": None, "broken_at": None},
        },
    ),
    (
        "calendars",
        {
            **{"id": 5, "connection_id": 3, "external_id": "https://dav/work/", "name": "Work", "color": "#fff"},
            **{"zone": "", "special": "", "read_only": False, "is_primary": True, "selected": True, "policy": "block"},
            **{"missing_since": None, "policy_hours": 24, "transparent_is_busy": False, "cursor": "c1"},
            **{"generation": 2, "coverage_start": "T", "coverage_end": "T", "as_of": "T", "audited_at": None},
            **{"sync_at": "T", "lease_owner": None, "lease_until": None, "failures": 0, "failed_at": None},
            **{"error_code": "", "error": "", "remedy": "", "unread_items": 0},
        },
    ),
    ("calendar_items", {"calendar_id": 5, "generation": 2, "item": "i", "version": "v", "problem": ""}),
    (
        "busy_times",
        {
            **{"id": 1, "calendar_id": 5, "generation": 2, "item": "i", "starts": 1767600000, "ends": 1767603600},
            **{"kind": "busy", "uid": "u"},
        },
    ),
    ("destinations", {"id": 1, "user_id": 7, "event_type_id": None, "calendar_id": 5}),
    (
        "deliveries",
        {
            **{"id": 1, "source": "webhook", "digest": "d", "body": "{}", "received_at": "T", "repeats": 4},
            **{"state": "taken", "trigger": "BOOKING_CREATED", "uid": "b", "reason": "", "taken_at": "T"},
        },
    ),
    (
        "bookings",
        {
            **{"uid": "b", "subject": "b", "previous_uid": "", "status": "accepted", "title": "Meeting"},
            **{"revision": "T", "starts_at": "T", "ends_at": "T", "organizer_email": "anna@example.com"},
            **{"content": "{}", "problem_code": "", "problem": "", "remedy": "", "created_at": "T", "updated_at": "T"},
        },
    ),
    (
        "booking_references",
        {
            **{"id": 1, "subject": "b", "connection_id": 3, "calendar_id": 5, "external_id": "https://dav/work/"},
            **{"app": "caldav-calendar", "key": "k", "state": "synced", "desired": "{}", "desired_version": 2},
            **{"applied_version": 2, "receipt": "{}", "event_uid": "b@Cal.com", "attempted": True, "attempts": 0},
            **{"due_at": "T", "lease_owner": None, "lease_until": None, "first_failed_at": None, "error_code": ""},
            **{"error": "", "remedy": "", "created_at": "T", "updated_at": "T", "applied_at": "T"},
        },
    ),
    (
        "sync_log",
        {
            **{"id": 1, "at": "T", "operation": "put-event", "outcome": "done", "app": "caldav-calendar"},
            **{"connection_id": 3, "subject": "b", "place": "p", "attempt": 1, "calls": 1, "seconds": 0.5},
            **{"dropped": "", "request_id": "", "code": "", "error": "", "remedy": "", "retry_at": None, "detail": ""},
        },
    ),
    (
        "job_runs",
        {
            **{"job": "sweep", "started_at": "T", "finished_at": "T", "seconds": 0.1, "outcome": "done"},
            **{"detail": "", "runs": 9},
        },
    ),
)
"""A row of every table of migration 0001; "T" stands for a time."""

TIME = "2026-01-02 08:00:00+00:00"


@pytest.fixture
def empty(empty_database_url: str) -> Any:
    opened = Database(empty_database_url)
    yield opened
    opened.close()


def insert(database: Database, table: str, row: dict[str, Any]) -> None:
    values = {name: TIME if value == "T" else value for name, value in row.items()}
    if database.is_sqlite:
        values = {n: v.removesuffix("+00:00") if v == TIME else v for n, v in values.items()}
    names = ", ".join(values)
    slots = ", ".join(f":{name}" for name in values)
    with database.write() as session:
        session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({slots})"), values)


def rows(database: Database, table: str, names: list[str]) -> list[tuple[Any, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(text(f"SELECT {', '.join(names)} FROM {table}"))]


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _is_ours})
        assert compare_metadata(context, SQLModel.metadata) == []


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Procrastinate makes tables of its own."""
    return kind != "table" or not (name or "").startswith("procrastinate_")


def test_the_constant_names_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_heads() == [schema.HEAD]


def test_an_empty_database_has_no_version_and_gets_the_newest(empty: Database) -> None:
    assert schema.version(empty) is None
    assert schema.upgrade(empty) == (None, schema.HEAD)
    assert schema.version(empty) == schema.HEAD


def test_upgrading_twice_does_nothing(database: Database) -> None:
    assert schema.upgrade(database) == (schema.HEAD, schema.HEAD)


def test_upgrading_keeps_every_row_of_every_older_table(empty: Database) -> None:
    schema.upgrade(empty, "0001")
    made = {name for name in inspect(empty.engine).get_table_names() if _is_ours(name, "table", None)}
    made.discard("alembic_version")
    assert made == {table for table, _ in FOUNDATION}
    for table, row in FOUNDATION:
        insert(empty, table, row)
    before = {table: rows(empty, table, list(row)) for table, row in FOUNDATION}
    assert schema.upgrade(empty) == ("0001", schema.HEAD)
    assert {table: rows(empty, table, list(row)) for table, row in FOUNDATION} == before
    assert all(len(found) == 1 for found in before.values())


def test_what_was_kept_can_be_read_through_the_tables(empty: Database) -> None:
    schema.upgrade(empty, "0001")
    for table, row in FOUNDATION:
        insert(empty, table, row)
    schema.upgrade(empty)
    with empty.read() as session:
        assert session.get(tables.Connection, 3).user_id == 7  # type: ignore[union-attr]
        assert session.get(tables.Calendar, 5).cursor == "c1"  # type: ignore[union-attr]
        (reference,) = references.rows(session)
        assert (reference.state, reference.due_at.isoformat()) == ("synced", TIME.replace(" ", "T"))


def test_foreign_keys_hold_after_an_upgrade(empty: Database) -> None:
    schema.upgrade(empty, "0001")
    for table, row in FOUNDATION:
        insert(empty, table, row)
    schema.upgrade(empty)
    with empty.write() as session:
        session.execute(text("DELETE FROM users WHERE id = 7"))
    for table in ("connections", "calendars", "calendar_items", "busy_times", "destinations", "booking_references"):
        assert rows(empty, table, ["1"]) == []


def test_a_database_of_a_newer_syncd_is_refused(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError) as error:
        schema.upgrade(database)
    assert error.value.code == "schema_newer"
    assert error.value.remedy
