"""The commands ``backup``, ``snapshots`` and ``restore`` of ``specs-ratings``."""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from annotations.locations import add_places, data_dir, database_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from annotations.backup_folder import BackupPlace


def add_commands(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands.

    Args:
        commands: Of the parser of ``specs-ratings``.
    """
    backup = commands.add_parser(
        "backup",
        help="take a snapshot of the database now",
        description="Take a snapshot of the database, unless the newest one holds the same.",
    )
    add_places(backup)
    _add_place(backup)
    backup.add_argument(
        "--keep",
        type=int,
        default=None,
        metavar="N",
        help="how many of the newest snapshots stay (default: SPECS_BACKUP_KEEP, or 24)",
    )
    backup.set_defaults(run=_backup)
    listing = commands.add_parser(
        "snapshots",
        help="list the snapshots and what each holds",
        description="List the snapshots, the oldest first, with the rows of their tables.",
    )
    add_places(listing)
    _add_place(listing)
    listing.set_defaults(run=_snapshots)
    restoring = commands.add_parser(
        "restore",
        help="put a snapshot in the place of the database",
        description="Put a snapshot in the place of the database. The app must not be running. What is "
        "replaced is kept under another name.",
    )
    restoring.add_argument(
        "snapshot",
        nargs="?",
        metavar="SNAPSHOT",
        help="a file, or a name from the list (default: the newest good one)",
    )
    add_places(restoring)
    _add_place(restoring)
    restoring.add_argument("--replace", action="store_true", help="also when the database holds something")
    restoring.set_defaults(run=_restore)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--place",
        metavar="PLACE",
        help="a folder or hf://datasets/OWNER/NAME with the snapshots (default: the variable SPECS_BACKUP, "
        "or the folder backups in the data folder)",
    )


def _place(options: argparse.Namespace) -> "BackupPlace":
    from annotations.backup_folder import BackupFolder, open_place
    from annotations.errors import InvalidRecordError
    from annotations.snapshots import database_file

    named = options.place or os.environ.get("SPECS_BACKUP")
    if named:
        return open_place(named)
    if options.database is None or options.data is not None:
        return BackupFolder(data_dir(options.data) / "backups")
    file = database_file(options.database)
    if file is None:
        raise InvalidRecordError(
            "no place of the backups given; name one with --place or the variable SPECS_BACKUP"
        )
    return BackupFolder(file.parent / "backups")


def _backup(options: argparse.Namespace) -> int:
    from annotations.backup import DEFAULT_KEEP, Backups
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError

    place = _place(options)
    keep = options.keep
    if keep is None:
        given = os.environ.get("SPECS_BACKUP_KEEP") or str(DEFAULT_KEEP)
        if not given.isdecimal():
            raise InvalidRecordError(f"SPECS_BACKUP_KEEP={given!r} is no number of snapshots")
        keep = int(given)
    engine = open_database(database_of(options), must_exist=True)
    try:
        backups = Backups(engine, place, keep=keep)
        before = place.names()
        name = backups.save()
    finally:
        engine.dispose()
    if name is None:
        print("the database is empty, so there is nothing to back up", file=sys.stderr)
    elif name in before:
        print(f"nothing has changed since the snapshot {name} in {place.name}", file=sys.stderr)
    else:
        print(f"snapshot {name} written to {place.name}", file=sys.stderr)
    return 0


def _snapshots(options: argparse.Namespace) -> int:
    from annotations.errors import NewerDatabaseError, StorageError
    from annotations.snapshots import read_snapshot

    place = _place(options)
    names = place.names()
    if not names:
        print(f"there are no snapshots in {place.name}", file=sys.stderr)
    for name in names:
        with tempfile.TemporaryDirectory() as work:
            file = place.fetch(name, Path(work))
            try:
                rows = read_snapshot(file).rows
            except (StorageError, NewerDatabaseError) as error:
                print(f"{name}  cannot be restored: {error}")
                continue
            size = file.stat().st_size
        counts = ", ".join(f"{table} {number:,}" for table, number in rows.items() if number)
        print(f"{name}  {size:,} bytes  {counts}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from annotations.backup import newest_with_content
    from annotations.backup_folder import BackupFolder
    from annotations.errors import StorageError
    from annotations.restoring import restore

    database = database_of(options)
    given = options.snapshot
    keep_in = Path.cwd()
    with tempfile.TemporaryDirectory() as work:
        if given is not None and (os.sep in given or Path(given).is_file()):
            file = Path(given)
            keep_in = file.absolute().parent
        else:
            place = _place(options)
            if isinstance(place, BackupFolder):
                keep_in = place.folder
            name = given or newest_with_content(place, Path(work))
            if name is None:
                raise StorageError(f"there is no good snapshot in {place.name}")
            if name not in place.names():
                raise StorageError(
                    f"there is no snapshot {name} in {place.name}; list them: specs-ratings snapshots"
                )
            file = place.fetch(name, Path(work))
        done = restore(file, database, replace=options.replace, keep_in=keep_in)
    if done.replaced is not None:
        print(f"the database that was there before is now {done.replaced}", file=sys.stderr)
    counts = ", ".join(f"{table} {number:,}" for table, number in done.contents.rows.items() if number)
    print(f"{file.name} restored: {counts or 'nothing in it'}", file=sys.stderr)
    return 0
