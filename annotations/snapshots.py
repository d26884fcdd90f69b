"""Snapshots: the whole database as one SQLite file, whatever it lives in; what one holds, whether it is good.

A snapshot is a database that `annotations.engine.open_database` opens. It has no write-ahead log beside it,
so it can be copied like any other file, which the live database cannot.
"""

import functools
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.engine import make_url

from annotations.engine import APPLICATION_ID, known_versions, open_database, reading, writing
from annotations.errors import NewerDatabaseError, StorageError
from annotations.schema import metadata

_ROWS_AT_ONCE: Final = 1_000
_WORK_PREFIX: Final = ".specs-work-"
_STALE_SECONDS: Final = 3_600.0
SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite appends to the name of a database for the files that it keeps beside one."""

_VERSION_TABLE: Final = "alembic_version"


@dataclass(frozen=True)
class SnapshotContents:
    """What a good snapshot holds.

    Attributes:
        version: Of its tables, as the migrations count.
        rows: Number of rows by table.
        digest: SHA-256 of all rows of all tables in the order of their keys, and of the version.
    """

    version: str
    rows: dict[str, int]
    digest: str

    @property
    def holds_anything(self) -> bool:
        """Whether there is more in it than in a database that was just made."""
        return _more_than_fresh(self.rows)


def export_snapshot(engine: Engine, path: Path) -> None:
    """Write the database as it is at one moment to one SQLite file, without waiting for writers.

    The file gets its name when it is whole. Of a SQLite database it is what SQLite's backup API copies; of a
    PostgreSQL database all tables, read in one transaction, under the same schema.

    Args:
        engine: From `open_database`.
        path: Of the file, which is replaced if it is there; its folder must be.

    Raises:
        StorageError: If the database cannot be read or the file not be written; then there is no new file.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        remove_database(unfinished)
        if engine.dialect.name == "sqlite":
            _back_up(engine, unfinished)
        else:
            _copy_tables(engine, unfinished)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except sqlite3.Error as error:
        raise StorageError(f"cannot write the snapshot {path}: {error}") from error
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot write the snapshot {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            remove_database(unfinished)


def read_snapshot(path: Path) -> SnapshotContents:
    """Check a snapshot and say what it holds; nothing is written, not even beside it.

    Args:
        path: Of the file.

    Raises:
        StorageError: If it is missing, damaged, or no snapshot of this program's.
        NewerDatabaseError: If a newer version of this program has written it.
    """
    if not path.is_file():
        raise StorageError(f"there is no snapshot {path}")
    # `immutable` reads without locks, which a network mount may not have.
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                reason = found.splitlines()[-1]
                raise StorageError(f"the snapshot {path} is damaged ({reason}); take an older one")
            contents = _contents(connection, path)
    except sqlite3.DatabaseError as error:
        raise StorageError(f"the snapshot {path} is damaged ({error}); take an older one") from error
    known = known_versions()
    if contents.version not in known:
        raise NewerDatabaseError(
            f"the snapshot {path} is at version {contents.version}, and this program knows versions up to "
            f"{max(known)}; update the program"
        )
    return contents


def holds_anything(engine: Engine) -> bool:
    """Say whether any table has more rows than in a database that was just made.

    Args:
        engine: From `open_database`.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    return _more_than_fresh(rows)


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy all rows of all tables, some at a time.

    Args:
        source: In a transaction that reads.
        target: In a transaction that writes, with the same tables and no rows in them.
    """
    for table in metadata.sorted_tables:
        # Rows that others of the same table point at come first: a battle's captions before the battle.
        own = [key.parent for key in table.foreign_keys if key.column.table is table]
        found = source.execute(
            select(table).order_by(*(column.is_not(None) for column in own)),
            execution_options={"stream_results": True, "yield_per": _ROWS_AT_ONCE},
        )
        for some in found.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in some])


@contextmanager
def work_folder(engine: Engine) -> Iterator[Path]:
    """Make a folder for unfinished snapshots on a local disk, and remove it in the end.

    It lies beside a SQLite database, whose disk is local and roomy by its nature; else where the system keeps
    temporary files. What a killed process has left beside the database is removed after an hour.

    Args:
        engine: From `open_database`.

    Yields:
        The folder, empty.

    Raises:
        StorageError: If it cannot be made.
    """
    file = database_file(engine.url.render_as_string(hide_password=False))
    parent = None if file is None else file.parent
    if parent is not None:
        remove_stale(parent, f"{_WORK_PREFIX}*")
    try:
        folder = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=parent))
    except OSError as error:
        raise StorageError(
            f"cannot make a folder for a backup in {parent or tempfile.gettempdir()}: {error.strerror}"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Remove what killed processes have left in a folder: unfinished files and folders over an hour old.

    Args:
        folder: Where to look; it need not be there.
        pattern: Of the names, as a shell has them.
    """
    for left in folder.glob(pattern):
        # Another process may be at work on a younger one, or have removed this one meanwhile.
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < _STALE_SECONDS:
                continue
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def database_file(url: str) -> Path | None:
    """Return the file behind a SQLite URL, and None for a server."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database.startswith("file:"):
        return None
    return Path(parsed.database).absolute()


def _back_up(engine: Engine, path: Path) -> None:
    with reading(engine) as connection, closing(sqlite3.connect(path)) as target:
        source = cast(sqlite3.Connection, connection.connection.driver_connection)
        # All pages in one step of one read transaction: writers neither wait nor show in it by halves.
        source.backup(target)
        _make_self_contained(target)


def _copy_tables(engine: Engine, path: Path) -> None:
    copy = open_database(f"sqlite:///{path}")
    try:
        with reading(engine) as source, writing(copy) as target:
            # A row may refer to a later one of its own table; all is checked at the commit.
            target.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            with without_triggers(target):
                for table in reversed(metadata.sorted_tables):
                    target.execute(table.delete())
                copy_rows(source, target)
    finally:
        copy.dispose()
    with closing(sqlite3.connect(path)) as connection:
        _make_self_contained(connection)


@contextmanager
def without_triggers(connection: Connection) -> Iterator[None]:
    """Take the triggers off a SQLite database for as long as the block lasts.

    They refuse to remove rows, those that a migration has put into a new database among them.

    Args:
        connection: In a transaction that writes.
    """
    triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for name, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)


def _make_self_contained(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = DELETE")


def remove_database(path: Path) -> None:
    """Remove a SQLite file and what SQLite keeps beside it, as far as they are there."""
    for suffix in ("", *SIDE_FILES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _contents(connection: sqlite3.Connection, path: Path) -> SnapshotContents:
    tables = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID or _VERSION_TABLE not in tables:
        raise StorageError(f"{path} is a database of another program, no snapshot of this one's")
    version = connection.execute(f"SELECT version_num FROM {_VERSION_TABLE}").fetchone()
    if version is None:
        raise StorageError(f"the snapshot {path} has no tables yet; take another one")
    # The bytes of the file will not do: SQLite counts transactions in its header, also those that change
    # nothing, and the same rows may lie on other pages. Nor will counters and newest times: a place that is
    # given back or an item that is deleted changes a row and adds none. So it is the rows themselves.
    connection.text_factory = bytes
    digest = hashlib.sha256(version[0].encode())
    rows = {}
    for table in tables:
        if table == _VERSION_TABLE:
            continue
        digest.update(f"\n{table}\n".encode())
        rows[table] = 0
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {_keys(connection, table)}'):
            digest.update(repr(row).encode())
            rows[table] += 1
    return SnapshotContents(version=version[0], rows=rows, digest=digest.hexdigest())


def _keys(connection: sqlite3.Connection, table: str) -> str:
    columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    keys = sorted((column[5], column[1]) for column in columns if column[5])
    return ", ".join(f'"{_text(name)}"' for _, name in keys) or "rowid"


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _more_than_fresh(rows: dict[str, int]) -> bool:
    # Most databases need no comparison: whoever has none of these has nothing.
    return any(rows.values()) and any(number > _fresh_rows().get(table, 0) for table, number in rows.items())


@functools.cache
def _fresh_rows() -> dict[str, int]:
    """Count the rows that the migrations themselves put into a new database."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/fresh.sqlite3")
        try:
            with reading(engine) as connection:
                return {
                    table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in metadata.sorted_tables
                }
        finally:
            engine.dispose()
