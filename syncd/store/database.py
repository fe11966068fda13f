"""Opening the database, transactions, and leases' owners.

SQLite runs in WAL mode with foreign keys; a write transaction takes the writer's lock at its start (BEGIN IMMEDIATE),
so it waits for its turn once instead of failing when it first writes. PostgreSQL writes at READ COMMITTED, where what
must not be taken twice is claimed with row locks, and reads at REPEATABLE READ: one state, as SQLite's readers see.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from syncd.errors import ConfigError, StoreError

BUSY_TIMEOUT_MS = 30_000
WRITE = "write"
ALONE = "alone"
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "wal_autocheckpoint=8000",  # pages; a checkpoint holds a commit up by 0.1 s, with 1000 for one webhook in fifty
)


class Database:
    """A database by URL: `sqlite:///path/file.db` or `postgresql://user@host/name`. Connects when first used."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine = _engine(url, pool_size)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[object] = _Turn() if self.is_sqlite else nullcontext()

    @property
    def shown_url(self) -> str:
        """The URL without its password, and without options, which may hold one too."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A bare connection, for work on the schema."""
        with _named_errors(self), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that reads one consistent state and changes nothing."""
        with _named_errors(self), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with Session(bind=connection) as session:
                yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits when the block ends, and leaves no trace when it raises."""
        with _named_errors(self), self._turn, self.engine.connect() as connection:
            marked = connection.execution_options(**{WRITE: True})
            with Session(bind=marked, expire_on_commit=False) as session, session.begin():
                yield session

    @contextmanager
    def each(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own, durable when it returns.

        It is one call of the driver, where `write` makes three and waits for Python's lock after each.
        """
        with _named_errors(self), self._turn, self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT", **{ALONE: True})

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


class _Turn:
    """SQLite's one writer in this process. SQLite's own waiting sleeps up to 0.1 s at a time; this wakes at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("a write transaction inside another one of the same thread would wait for itself")
        self._lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._holder = None
        self._lock.release()


def _engine(url: str, pool_size: int) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "database_url is not a database URL.",
            remedy="Use sqlite:///FILE or postgresql://USER@HOST/NAME; in a password, write @ as %40 and : as %3A.",
        ) from None  # the cause quotes the URL
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed, pool_size)
        return create_engine(
            parsed, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True
        )
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"Database {parsed.drivername!r} is not supported.", remedy="Use sqlite or postgresql."
        ) from error


def _sqlite(url: Any, pool_size: int) -> Engine:
    if url.database and url.database != ":memory:":
        folder = Path(url.database).parent
        if not folder.is_dir():
            raise ConfigError(
                f"The folder of the database, {folder}, does not exist.", remedy=f"Make it: mkdir -p {folder}"
            )
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    options = connection.get_execution_options()
    if options.get(ALONE):
        return
    immediate = options.get(WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def conflict_insert(session: Session, table: Any) -> Any:
    """An INSERT that can say ON CONFLICT. Only the dialect in use is imported: PostgreSQL's takes 20 ms of a start."""
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert(table)


@contextmanager
def _named_errors(database: Database) -> Iterator[None]:
    """The driver's errors as ours, at this one edge. A broken constraint is a bug or a race and stays as it is."""
    try:
        yield
    except DBAPIError as error:
        named = _named(error, database)
        if named is None:
            raise
        raise named from error


def _named(error: DBAPIError, database: Database) -> StoreError | None:
    text = str(error.orig).lower()
    for sign, (code, reason, remedy) in DRIVER_ERRORS.items():
        if sign in text:
            return StoreError(f"Database {database.shown_url}: {reason}", code=code, remedy=remedy)
    if isinstance(error, (OperationalError, InterfaceError)):
        return StoreError(
            f"Database {database.shown_url}: {type(error.orig).__name__}.", remedy="See the server's log."
        )
    return None


DRIVER_ERRORS = {
    "no such table": ("schema_missing", "the tables are not there.", "Make them: syncd db upgrade"),
    "does not exist": ("schema_missing", "the tables or the database are not there.", "Make them: syncd db upgrade"),
    "database is locked": ("locked", "another process holds the write lock.", "Wait for it, or stop it."),
    "unable to open": ("unreachable", "the file cannot be opened.", "Check the path and its permissions."),
    "readonly database": ("read_only", "the file cannot be written.", "Check its permissions and owner."),
    "disk is full": ("full", "the disk is full.", "Free some space."),
    "disk i/o error": ("io", "the disk failed.", "Check the disk."),
    "not a database": ("damaged", "the file is not a SQLite database.", "Point database_url at the right file."),
    "malformed": ("damaged", "the file is damaged.", "Restore a backup."),
    "is the server running": ("unreachable", "the server does not answer.", "Start it, or mend database_url."),
    "connection refused": ("unreachable", "the server does not answer.", "Start it, or mend database_url."),
    "could not translate host": ("unreachable", "the host is unknown.", "Mend database_url."),
    "invalid connection option": ("bad_url", "the URL has an unknown option.", "Mend database_url."),
    "invalid port": ("bad_url", "the URL has an unusable port.", "Mend database_url."),
    "failed to resolve host": ("unreachable", "the host is unknown.", "Mend database_url."),
    "authentication failed": ("refused", "the server refuses the login.", "Mend database_url."),
    "server closed the connection": ("unreachable", "the server went away.", "Start it again."),
}
"""What a driver's message contains -> code, reason, remedy. Neither driver has codes for all of these."""
