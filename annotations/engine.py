"""Open the rating database: settings, transactions, migrations, and storage errors in plain words."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, TimeoutError

from annotations.errors import InvalidRecordError, NewerDatabaseError, StorageError

BUSY_TIMEOUT_SECONDS: Final = 5.0
"""How long a connection waits for another one's write before it gives up."""

# Any constant will do, as long as every process of this program uses the same one.
_POSTGRES_WRITE_LOCK: Final = 5_377_203_511

APPLICATION_ID: Final = int.from_bytes(b"SPCL")
"""What SQLite files of this program carry in their header."""

_ADVICE: Final = {
    "SQLITE_FULL": "the disk is full; free some space and try again",
    "SQLITE_READONLY": "the file or its folder is read-only; make both writable for this program's user",
    "SQLITE_PERM": "the file may not be opened; make it readable and writable for this program's user",
    "SQLITE_CANTOPEN": "the file cannot be opened; check that its folder exists and is writable",
    "SQLITE_NOTADB": "the file is not a SQLite database; give another path, or restore it from a backup",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a backup",
    "SQLITE_BUSY": f"another program kept it locked for {BUSY_TIMEOUT_SECONDS:g} seconds; try again",
    "SQLITE_IOERR": "reading or writing the disk failed; check the disk, and keep the file on a local one",
}


def open_database(url: str, *, must_exist: bool = False) -> Engine:
    """Open the rating database at a URL, create it where there is none, and bring its tables up to date.

    The version, the integrity and the origin of an existing database are checked before anything is written.

    Args:
        url: A SQLAlchemy URL: ``sqlite:////folder/specs.sqlite3`` for one file, or ``postgresql+psycopg://...``.
        must_exist: Whether a SQLite file that is not there is an error instead of a new database.

    Returns:
        An engine whose transactions are meant to be opened with `reading` and `writing`.

    Raises:
        InvalidRecordError: If the URL is not one of a SQLite file or a PostgreSQL server.
        NewerDatabaseError: If a newer version of this program has written the database.
        StorageError: If it is missing, damaged or another program's, or cannot be opened or written.
    """
    engine = _create(url, must_exist=must_exist)
    try:
        with _plain_errors(engine):
            _refuse_foreign(engine)
            if engine.dialect.name == "sqlite":
                _switch_to_write_ahead_log(engine)
        with writing(engine) as connection:
            if engine.dialect.name == "sqlite":
                # Marks the file as ours, and fails on a read-only one, on which BEGIN IMMEDIATE does not.
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read in one transaction, from one snapshot, without waiting for writers.

    Args:
        engine: From `open_database`.

    Yields:
        A connection in a transaction that must only read.

    Raises:
        StorageError: If the database fails.
    """
    with _plain_errors(engine), engine.connect() as connection:
        options: dict[str, Any] = {"specs_read_only": True}
        if engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        connection = connection.execution_options(**options)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write in one transaction that no other writer overlaps; it is committed when the block ends.

    What such a block reads cannot change before it commits, so a check holds for the write that rests on it.

    Args:
        engine: From `open_database`.

    Yields:
        A connection in a transaction; an exception in the block rolls all of it back.

    Raises:
        StorageError: If the database fails; then nothing of the block is kept.
    """
    # Who waits for SQLite's lock asks again and again, and of twenty threads some never get it. Within one
    # process they queue here instead.
    queue = engine.get_execution_options()["specs_write_queue"]
    with _plain_errors(engine), queue, engine.begin() as connection:
        yield connection


def known_versions() -> frozenset[str]:
    """Return the versions of the tables that this program can bring up to date, the newest among them."""
    scripts = ScriptDirectory.from_config(_alembic_config())
    return frozenset(script.revision for script in scripts.walk_revisions())


def _create(url: str, *, must_exist: bool) -> Engine:
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
    except ArgumentError as error:
        raise InvalidRecordError(
            f"{url!r} is not a database URL; write for example sqlite:////folder/specs.sqlite3"
        ) from error
    if dialect == "sqlite":
        return _create_sqlite(parsed, must_exist=must_exist)
    if dialect == "postgresql":
        return _create_postgres(parsed)
    raise InvalidRecordError(
        f"database {dialect!r} is not supported; give a URL that begins with sqlite:/// or postgresql+psycopg://"
    )


def _create_sqlite(url: URL, *, must_exist: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidRecordError(
            f"{url.render_as_string()} names no file, so ratings would be lost; write for example "
            "sqlite:////folder/specs.sqlite3"
        )
    if not url.database.startswith("file:"):
        if must_exist and not Path(url.database).exists():
            raise StorageError(f"there is no database {url.database}")
        folder = Path(url.database).absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot make the folder {folder} for the database: {error.strerror}"
            ) from error
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
        execution_options={"specs_write_queue": threading.Lock()},
    )

    @event.listens_for(engine, "connect")
    def _set_up(dbapi_connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, and only at the first write: too late, see _begin.
        dbapi_connection.isolation_level = None
        dbapi_connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A plain BEGIN takes its snapshot at the first read and fails at the first write if anybody wrote in
        # between, however long the timeout. IMMEDIATE waits at the start, where waiting helps.
        read_only = connection.get_execution_options().get("specs_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _create_postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url, pool_pre_ping=True, execution_options={"specs_write_queue": threading.Lock()}
        )
    except (ImportError, NoSuchModuleError) as error:
        raise StorageError(
            f"the driver for {url.drivername} is not installed; run: pip install 'psycopg[binary]'"
        ) from error

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # One writer at a time, as SQLite has it: the overlap cap rests on counting other people's rows, which
        # row locks alone do not protect.
        if not connection.get_execution_options().get("specs_read_only", False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_WRITE_LOCK})")

    return engine


def _alembic_config() -> Config:
    config = Config()
    # "%" begins an interpolation in alembic's configuration and may stand in a folder's name.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _refuse_foreign(engine: Engine) -> None:
    name = engine.url.render_as_string()
    with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if found != "ok":
                raise StorageError(f"cannot use {name}: {_ADVICE['SQLITE_CORRUPT']} ({found})")
        tables = inspect(connection).get_table_names()
        if not tables:
            return
        if "alembic_version" not in tables:
            raise StorageError(
                f"cannot use {name}: it belongs to another program, with tables such as {min(tables)!r}"
            )
        version = MigrationContext.configure(connection).get_current_revision()
    known = known_versions()
    if version is not None and version not in known:
        raise NewerDatabaseError(
            f"{name} is at version {version}, and this program knows versions up to {max(known)}; "
            "update the program, or give another database"
        )


def _switch_to_write_ahead_log(engine: Engine) -> None:
    raw = engine.raw_connection()
    try:
        # Not possible inside a transaction, hence on the driver's own connection.
        mode = raw.cursor().execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.Error as error:
        raise StorageError(_sentence(engine, error)) from error
    finally:
        raw.close()
    if mode != "wal":
        raise StorageError(
            f"cannot use {engine.url.render_as_string()}: its disk does not allow a write-ahead log "
            f"(journal mode stays {mode!r}); keep the file on a local disk"
        )


@contextmanager
def _plain_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        # A constraint that a check before it should have met: a fault of the program, not of the storage.
        raise
    except DBAPIError as error:
        raise StorageError(_sentence(engine, error.orig)) from error
    except TimeoutError as error:
        raise StorageError(
            f"cannot use {engine.url.render_as_string()}: too many requests at once; try again"
        ) from error


def _sentence(engine: Engine, error: BaseException | None) -> str:
    name = engine.url.render_as_string()
    code = getattr(error, "sqlite_errorname", "")
    for prefix, advice in _ADVICE.items():
        if code.startswith(prefix):
            return f"cannot use {name}: {advice}"
    return f"cannot use {name}: {error}"
