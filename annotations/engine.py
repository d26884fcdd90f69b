"""Open the rating database: settings, transactions, migrations, and storage errors in plain words."""

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, TimeoutError

from annotations.errors import InvalidRecordError, NewerDatabaseError, StorageError
from annotations.postgres import advice_on, create_postgres, refuse_encoding
from annotations.write_ahead_log import is_damaged

BUSY_TIMEOUT_SECONDS: Final = 5.0
"""How long a connection waits for another one's write before it gives up."""

POOL_TIMEOUT_SECONDS: Final = 30.0
"""How long a request waits while all of the engine's connections are in use."""

CONNECTIONS: Final = 15
"""How many connections an engine has at most; all are kept: opening one costs as much as ten reads."""

APPLICATION_ID: Final = int.from_bytes(b"SPCL")
"""What SQLite files of this program carry in their header."""

_VERSION: Final = re.compile(r"\d{4}")

# In an address that cannot be parsed: all between the first colon and the last at sign.
_PASSWORD: Final = re.compile(r"(?<=:).*(?=@)", re.DOTALL)

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
        url: A SQLAlchemy URL: ``sqlite:////folder/specs.sqlite3`` for one file, or
            ``postgresql://user:password@host/name`` for a server.
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
        _bring_up_to_date(engine)
        with reading(engine) as connection:
            # Stays open in the pool, by which others know that the database is in use.
            connection.exec_driver_sql("SELECT version_num FROM alembic_version")
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
        connection = connection.execution_options(specs_read_only=True)
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
    return _versions_in(str(_alembic_config().get_main_option("script_location")))


@cache
def _versions_in(folder: str) -> frozenset[str]:
    # Reading the migrations takes longer than all else that opening a database does; they do not change.
    return frozenset(script.revision for script in ScriptDirectory(folder).walk_revisions())


def _create(url: str, *, must_exist: bool) -> Engine:
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise InvalidRecordError(
            f"{_PASSWORD.sub('***', url)!r} is not a database URL; write for example "
            "sqlite:////folder/specs.sqlite3"
        ) from error
    if dialect == "sqlite":
        return _create_sqlite(parsed, must_exist=must_exist)
    if dialect == "postgresql":
        return create_postgres(parsed, pool_size=CONNECTIONS, pool_timeout=POOL_TIMEOUT_SECONDS)
    raise InvalidRecordError(
        f"database {dialect!r} is not supported; give a URL that begins with sqlite:/// or postgresql://"
    )


def _create_sqlite(url: URL, *, must_exist: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidRecordError(
            f"{url.render_as_string()} names no file, so ratings would be lost; write for example "
            "sqlite:////folder/specs.sqlite3"
        )
    if not url.database.startswith("file:"):
        exists = Path(url.database).exists()
        if must_exist and not exists:
            raise StorageError(f"there is no database {url.database}")
        if exists and os.access(url.database, os.R_OK) and not os.access(url.database, os.W_OK):
            # SQLite would find out too, and leave the two files of a write-ahead log beside it.
            raise StorageError(f"cannot use {url.render_as_string()}: {_ADVICE['SQLITE_READONLY']}")
        folder = Path(url.database).absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot make the folder {folder} for the database: {error.strerror}"
            ) from error
        if is_damaged(Path(url.database)):
            raise StorageError(
                f"cannot use {url.render_as_string()}: its write-ahead log {Path(url.database).name}-wal is "
                "damaged; restore both from a backup, or move the log away and lose the latest ratings"
            )
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        execution_options={
            "specs_write_queue": threading.Lock(),
            "specs_foreign_keys": (keys := {"kept": True}),
        },
    )

    @event.listens_for(engine, "connect")
    def _set_up(dbapi_connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, and only at the first write: too late, see _begin.
        dbapi_connection.isolation_level = None
        dbapi_connection.execute(f"PRAGMA foreign_keys = {'ON' if keys['kept'] else 'OFF'}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A plain BEGIN takes its snapshot at the first read and fails at the first write if anybody wrote in
        # between, however long the timeout. IMMEDIATE waits at the start, where waiting helps.
        read_only = connection.get_execution_options().get("specs_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _alembic_config() -> Config:
    config = Config()
    # "%" begins an interpolation in alembic's configuration and may stand in a folder's name.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _refuse_foreign(engine: Engine) -> None:
    name = engine.url.render_as_string()
    ours = True
    with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            ours = connection.exec_driver_sql("PRAGMA application_id").scalar_one() in (0, APPLICATION_ID)
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if found != "ok":
                raise StorageError(
                    f"cannot use {name}: {_ADVICE['SQLITE_CORRUPT']} ({found.splitlines()[-1]})"
                )
        else:
            refuse_encoding(connection)
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        version = MigrationContext.configure(connection).get_current_revision()
    known = known_versions()
    if ours and version is not None and _VERSION.fullmatch(version) and version > max(known):
        raise NewerDatabaseError(
            f"{name} is at version {version}, and this program knows versions up to {max(known)}; "
            "update the program, or give another database"
        )
    # Other programs use alembic too: its table alone, or a version of the same name, makes no database ours.
    empty = version is None and not tables
    if not ours or not (empty or (version in known and "revisions" in tables)):
        example = f", with tables such as {min(tables)!r}" if tables else ""
        raise StorageError(f"cannot use {name}: it belongs to another program{example}")


def _bring_up_to_date(engine: Engine, revision: str = "head") -> None:
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        _keep_foreign_keys(engine, False)
    try:
        with writing(engine) as connection:
            if is_sqlite:
                # Marks the file as ours, and fails on a read-only one, on which BEGIN IMMEDIATE does not.
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            target = max(known_versions()) if revision == "head" else revision
            if MigrationContext.configure(connection).get_current_revision() != target:
                config = _alembic_config()
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
            if is_sqlite:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise StorageError(
                        f"cannot use {engine.url.render_as_string()}: {_ADVICE['SQLITE_CORRUPT']} "
                        f"(a row of {broken[0]!r} points at nothing in {broken[2]!r})"
                    )
    finally:
        if is_sqlite:
            _keep_foreign_keys(engine, True)


def _keep_foreign_keys(engine: Engine, kept: bool) -> None:
    """Say whether new connections check foreign keys.

    A migration that makes a table anew drops the old one, to which other tables point; SQLite lets the checks
    be turned off only outside a transaction.
    """
    engine.dispose()
    engine.get_execution_options()["specs_foreign_keys"].update(kept=kept)


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
    except ConnectionError as error:
        # The driver of PostgreSQL hands on as it is that the line was reset while it read.
        raise StorageError(_sentence(engine, error)) from error
    except TimeoutError as error:
        raise StorageError(
            f"cannot use {engine.url.render_as_string()}: too many requests at once; try again"
        ) from error


def _sentence(engine: Engine, error: BaseException | None) -> str:
    name = engine.url.render_as_string()
    if engine.dialect.name == "postgresql":
        return f"cannot use {name}: {advice_on(error)}"
    code = getattr(error, "sqlite_errorname", "")
    for prefix, advice in _ADVICE.items():
        if code.startswith(prefix):
            return f"cannot use {name}: {advice}"
    return f"cannot use {name}: {error}"
