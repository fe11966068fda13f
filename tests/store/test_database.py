"""Transactions, times, and errors with names."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, StatementError

from syncd.errors import ConfigError, StoreError
from syncd.store import database as database_module
from syncd.store import directory, references
from syncd.store.database import Database
from syncd.store.tables import User

from .rows import NOW, connected


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))])
def test_times_come_back_as_the_same_moment_in_utc(database: Database, zone: timezone) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=zone)
    with database.write() as session:
        directory.add_user(session, 1, "a@example.com", moment)
    with database.read() as session:
        user = session.get(User, 1)
        assert user is not None
        assert user.created_at == moment
        assert user.created_at.tzinfo is UTC


def test_a_naive_time_is_refused(database: Database) -> None:
    naive = datetime(2026, 1, 2)  # noqa: DTZ001
    with pytest.raises(StatementError, match="naive time"), database.write() as session:
        directory.add_user(session, 1, "a@example.com", naive)


def test_a_transaction_that_raises_leaves_no_trace(database: Database) -> None:
    with suppress(RuntimeError), database.write() as session:
        directory.add_user(session, 1, "a@example.com", NOW)
        raise RuntimeError
    with database.read() as session:
        assert session.get(User, 1) is None


def test_a_reader_sees_one_state_and_waits_for_no_writer(database: Database) -> None:
    with database.write() as session:
        directory.add_user(session, 1, "a@example.com", NOW)
        session.flush()
        with database.read() as other:
            assert other.get(User, 1) is None
    with database.read() as session:
        assert session.get(User, 1) is not None


def test_a_reader_sees_the_same_state_in_every_statement(database: Database) -> None:
    count = text("select count(*) from users")
    with database.read() as reading:
        assert reading.execute(count).scalar() == 0
        with database.write() as session:
            directory.add_user(session, 1, "anna@example.com", NOW)
        assert reading.execute(count).scalar() == 0
    with database.write() as session:
        assert session.execute(count).scalar() == 1


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(text("INSERT INTO destinations (id, calendar_id) VALUES (1, 99)"))


def test_what_belongs_to_a_connection_goes_with_it(database: Database) -> None:
    place = connected(database)
    with database.write() as session:
        session.delete(directory.get_connection(session, place.connection_id))
    with database.read() as session:
        assert directory.listed_calendars(session) == []


def test_missing_tables_are_named_with_advice(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(StoreError) as error, database.read() as session:
        references.counts(session)
    database.close()
    assert (error.value.code, error.value.remedy) == ("schema_missing", "Make them: syncd db upgrade")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        Database(f"sqlite:///{tmp_path}/none/syncd.db")


@pytest.mark.parametrize(("url", "code"), [("no url", "bad_config"), ("oracle://x/y", "bad_config")])
def test_a_url_that_names_no_database_of_ours_is_refused(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as error:
        Database(url)
    assert error.value.code == code
    assert "postgresql" in error.value.remedy


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    _refused(Database(f"sqlite:///{tmp_path}/folder.db"), "unreachable")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database at all " * 100)
    _refused(Database(f"sqlite:///{tmp_path}/text.db"), "damaged")


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    _refused(Database(f"postgresql://nobody@/none?host={tmp_path}"), "unreachable")
    _refused(Database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=5"), "unreachable")


def _refused(database: Database, code: str) -> None:
    with pytest.raises(StoreError) as error, database.read() as session:
        references.counts(session)
    database.close()
    assert error.value.code == code
    assert error.value.remedy


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_database_that_is_not_there_is_named(database_url: str) -> None:
    missing = make_url(database_url).set(database="not_there")
    _refused(Database(missing.render_as_string(hide_password=False)), "schema_missing")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_writer_that_waits_too_long_is_named(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 1)
    first, second = Database(database_url), Database(database_url)
    with first.write() as session:
        directory.add_user(session, 1, "a@example.com", NOW)
        with pytest.raises(StoreError) as error, second.write() as other:
            directory.add_user(other, 2, "b@example.com", NOW)
    first.close()
    second.close()
    assert error.value.code == "locked"


def test_a_shown_url_has_no_password() -> None:
    database = Database("postgresql://syncd:s3cret@localhost/syncd")
    assert "s3cret" not in database.shown_url
    database.close()


def test_a_write_inside_another_of_the_same_thread_is_a_defect_and_no_hang(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/s.db")
    with database.write(), pytest.raises(RuntimeError, match="wait for itself"), database.write():
        pass
    with database.write():
        pass
    database.close()
