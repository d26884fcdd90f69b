"""Put a snapshot back in the place of the database. What it replaces is kept under another name."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from annotations.backup_folder import sync_folder
from annotations.engine import BUSY_TIMEOUT_SECONDS, open_database, reading, writing
from annotations.errors import NewerDatabaseError, StorageError
from annotations.schema import metadata
from annotations.snapshots import (
    SnapshotContents,
    copy_rows,
    database_file,
    export_snapshot,
    holds_anything,
    read_snapshot,
    remove_database,
    work_folder,
)

# What SQLite keeps changes in that are not in the file yet.
_LOGS: Final = ("-wal", "-journal")


@dataclass(frozen=True)
class Restored:
    """What a restoration did.

    Attributes:
        contents: What the snapshot held.
        replaced: Where the database that was there before is now; None if there was none.
    """

    contents: SnapshotContents
    replaced: Path | None


def restore(
    snapshot: Path,
    url: str,
    *,
    replace: bool = False,
    keep_in: Path | None = None,
    now: datetime | None = None,
) -> Restored:
    """Make the database at a URL hold what a snapshot holds, brought up to the tables of this program.

    A SQLite file that is there is set aside under another name beside it; what a PostgreSQL database holds is
    first written to such a file in the folder `keep_in`.

    Args:
        snapshot: The file; it is checked first and left as it is.
        url: A SQLAlchemy URL as `open_database` takes it.
        replace: Whether a database that holds something may be replaced.
        keep_in: Folder for what a PostgreSQL database held; that of the snapshot when None.
        now: The time that goes into the name of what was replaced; the clock's when None.

    Returns:
        What was restored and where the former database is.

    Raises:
        InvalidRecordError: If the URL is none of a SQLite file or a PostgreSQL server.
        NewerDatabaseError: If a newer version of this program has written the snapshot.
        StorageError: If the snapshot is no good, the database holds something and `replace` is not set,
            another program has it open, or the disk fails. After any of these the database is as it was.
    """
    contents = read_snapshot(snapshot)
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    file = database_file(url)
    if file is None:
        replaced = _restore_server(
            snapshot, url, replace=replace, folder=keep_in or snapshot.absolute().parent, moment=moment
        )
    elif file.exists() and file.samefile(snapshot):
        raise StorageError(f"{snapshot} is the database itself, no snapshot of it; name another one")
    else:
        replaced = _restore_file(snapshot, file, replace=replace, moment=moment)
    return Restored(contents, replaced)


def _restore_file(snapshot: Path, file: Path, *, replace: bool, moment: datetime) -> Path | None:
    prepared = file.with_name(f"{file.name}.restoring")
    aside = _free_name(file.with_name(f"{file.stem}.replaced-{_stamp(moment)}{file.suffix}"))
    readable = True
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        there = file.exists()
        if there:
            # Of a file that it cannot read SQLite may throw the log away, and with it what might be rescued.
            _copy_logs(file, aside)
            readable = _take_alone(file)
            if not replace:
                _refuse_filled(file)
        # Whole and up to date before the old one moves.
        remove_database(prepared)
        shutil.copyfile(snapshot, prepared)
        open_database(f"sqlite:///{prepared}").dispose()
        if there:
            _take_alone(file)
            file.replace(aside)
        try:
            # What a former database has left beside itself would be taken for the new one's.
            remove_database(file)
            prepared.replace(file)
        except OSError:
            if there:
                aside.replace(file)
                _copy_logs(aside, file)
            raise
        if readable:
            _remove_logs(aside)
        sync_folder(file.parent)
        return aside if there else None
    except OSError as error:
        if not aside.exists():
            _remove_logs(aside)
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot restore to {file}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            remove_database(prepared)


def _refuse_filled(file: Path) -> None:
    """Refuse a database that holds something, which nobody said may be replaced."""
    try:
        filled = read_snapshot(file).holds_anything
    except (StorageError, NewerDatabaseError) as error:
        raise StorageError(
            f"what is in {file} cannot be told ({error}); to have it replaced and kept beside, add --replace"
        ) from error
    if filled:
        raise StorageError(
            f"the database {file} holds something; to have it replaced and kept beside, add --replace"
        )


def _take_alone(file: Path) -> bool:
    """Bring the log into the file, which SQLite allows only when nobody else has it open.

    Returns:
        Whether the file is a database; a damaged one stays as it is.
    """
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StorageError(
                f"another program has {file} open; stop the app, restore, and start it again"
            ) from error
        return False
    return True


def _copy_logs(file: Path, to: Path) -> None:
    for suffix in _LOGS:
        log = file.with_name(file.name + suffix)
        if log.exists():
            shutil.copyfile(log, to.with_name(to.name + suffix))


def _remove_logs(file: Path) -> None:
    for suffix in _LOGS:
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _restore_server(
    snapshot: Path, url: str, *, replace: bool, folder: Path, moment: datetime
) -> Path | None:
    engine = open_database(url)
    try:
        with work_folder(engine) as work:
            prepared = work / "snapshot.sqlite3"
            shutil.copyfile(snapshot, prepared)
            source_engine = open_database(f"sqlite:///{prepared}")
            try:
                # From the check to the last row no other writer gets in.
                with reading(source_engine) as source, writing(engine) as target:
                    aside = _keep_rows(engine, folder, replace=replace, moment=moment)
                    with _emptied(target):
                        copy_rows(source, target)
                    _set_counters(target)
            finally:
                source_engine.dispose()
        return aside
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot restore from {snapshot}: {error.strerror or error}") from error
    finally:
        engine.dispose()


def _keep_rows(engine: Engine, folder: Path, *, replace: bool, moment: datetime) -> Path | None:
    """Write what a server holds to a file, or refuse to have it replaced."""
    if not holds_anything(engine):
        return None
    if not replace:
        raise StorageError(
            f"the database {engine.url.render_as_string()} holds something; to have it replaced and kept "
            f"as a file in {folder}, add --replace"
        )
    aside = _free_name(folder / f"{engine.url.database}.replaced-{_stamp(moment)}.sqlite3")
    export_snapshot(engine, aside)
    return aside


@contextmanager
def _emptied(connection: Connection) -> Iterator[None]:
    """Empty the tables of a PostgreSQL database, and keep its triggers quiet while the block fills them."""
    tables = [f'"{table.name}"' for table in metadata.sorted_tables]
    for table in tables:
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    connection.exec_driver_sql(f"TRUNCATE {', '.join(tables)}")
    yield
    for table in tables:
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _set_counters(connection: Connection) -> None:
    """Let PostgreSQL count on behind the rows that came with numbers of their own."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.execute(
            select(func.pg_get_serial_sequence(table.name, column.name))
        ).scalar_one_or_none()
        if sequence is not None:
            highest = connection.execute(select(func.max(column))).scalar_one()
            connection.execute(select(func.setval(sequence, highest or 1, highest is not None)))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _free_name(path: Path) -> Path:
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
