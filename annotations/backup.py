"""Backups: take a snapshot when something changed, keep the right ones, refuse to start without them."""

import logging
import shlex
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from annotations.backup_folder import BackupFolder, BackupPlace, next_name, superfluous, taken_at
from annotations.errors import AnnotationError, NewerDatabaseError, StorageError
from annotations.snapshots import export_snapshot, holds_anything, read_snapshot, work_folder

_LOG = logging.getLogger("specs_lens")

DEFAULT_KEEP: Final = 24
"""How many of the newest snapshots are kept: two hours of a busy session at one every five minutes."""

DEFAULT_DAYS: Final = 30
"""Of how many days with snapshots the last one is kept."""


@dataclass(frozen=True)
class BackupStatus:
    """How the backups are doing.

    Attributes:
        place: Where the snapshots lie.
        last_saved_at: When the newest snapshot known to be good was taken; None before the first.
        last_checked_at: When it was last sure that the newest snapshot holds all that the database holds.
        last_error: Why the last try failed, one sentence; None after a success.
    """

    place: str
    last_saved_at: datetime | None = None
    last_checked_at: datetime | None = None
    last_error: str | None = None


class Backups:
    """Takes the snapshots of one database into one place, and knows how that went.

    Args:
        engine: From `open_database`.
        place: Where they are kept.
        keep: How many of the newest stay.
        days: Of how many days the last one stays.

    Raises:
        InvalidRecordError: If a number is too small.
    """

    def __init__(
        self, engine: Engine, place: BackupPlace, *, keep: int = DEFAULT_KEEP, days: int = DEFAULT_DAYS
    ) -> None:
        superfluous([], keep=keep, days=days)
        self.place = place
        self._engine = engine
        self._keep = keep
        self._days = days
        self._lock = threading.Lock()
        self._digests: dict[str, str] = {}
        self._status = BackupStatus(place.name)

    def status(self) -> BackupStatus:
        """Return how the backups are doing; it asks nobody."""
        return self._status

    def save(self, *, now: datetime | None = None) -> str | None:
        """Take a snapshot, unless the newest one holds the same already.

        Args:
            now: The time; the clock's when None.

        Returns:
            The name of the snapshot that holds what the database holds, new or not; None of an empty
            database, of which none is taken.

        Raises:
            StorageError: If it fails; then all older snapshots are where they were.
        """
        with self._lock:
            try:
                name = self._save(now or datetime.now(UTC))
            except AnnotationError as error:
                self._status = replace(self._status, last_error=str(error))
                raise
            self._status = replace(self._status, last_checked_at=now or datetime.now(UTC), last_error=None)
            return name

    def try_to_save(self) -> bool:
        """Take a snapshot as `save` does, and where that fails log one sentence instead.

        Returns:
            Whether it went well.
        """
        try:
            self.save()
        except AnnotationError as error:
            _LOG.warning("no backup was made: %s", error)
            return False
        return True

    def _save(self, now: datetime) -> str | None:
        with work_folder(self._engine) as work:
            file = work / "snapshot.sqlite3"
            export_snapshot(self._engine, file)
            contents = read_snapshot(file)
            if not contents.holds_anything:
                return None
            names = self.place.names()
            if names and self._digest(names[-1], work) == contents.digest:
                self._status = replace(self._status, last_saved_at=taken_at(names[-1]))
                return names[-1]
            name = next_name(names, now=now)
            self.place.put(file, name)
        self._digests = {name: contents.digest}
        self._status = replace(self._status, last_saved_at=taken_at(name))
        # Only now, and never the one that was just written: it is the last of the names.
        self.place.remove(superfluous([*names, name], keep=self._keep, days=self._days))
        return name

    def _digest(self, name: str, work: Path) -> str | None:
        if name not in self._digests:
            file = self.place.fetch(name, work)
            try:
                self._digests = {name: read_snapshot(file).digest}
            except (StorageError, NewerDatabaseError) as error:
                _LOG.warning("%s", error)
                return None
        return self._digests[name]


def snapshot(
    engine: Engine, folder: Path, *, keep: int = DEFAULT_KEEP, days: int = DEFAULT_DAYS
) -> Path | None:
    """Take a snapshot into a folder, unless the newest one there holds the same already.

    Args:
        engine: From `open_database`.
        folder: Made if it is not there.
        keep: How many of the newest snapshots stay.
        days: Of how many days the last snapshot stays.

    Returns:
        The snapshot that holds what the database holds, new or not; None of an empty database.

    Raises:
        InvalidRecordError: If a number is too small.
        StorageError: If it fails; then all older snapshots are where they were.
    """
    name = Backups(engine, BackupFolder(folder), keep=keep, days=days).save()
    return None if name is None else folder / name


def newest_with_content(place: BackupPlace, work: Path) -> str | None:
    """Return the newest good snapshot that holds anything, None if there is none; damaged ones are logged.

    Args:
        place: Where they lie.
        work: A folder for what has to be downloaded.

    Raises:
        StorageError: If the place fails.
    """
    for name in reversed(place.names()):
        file = place.fetch(name, work)
        try:
            if read_snapshot(file).holds_anything:
                return name
        except NewerDatabaseError:
            return name
        except StorageError as error:
            _LOG.warning("%s", error)
    return None


def refuse_if_newer_snapshot(engine: Engine, place: BackupPlace) -> None:
    """Refuse to work on an empty database while there is a snapshot of one that was not.

    A host that restarts without its disk would otherwise show its raters an empty program, and the ratings
    would go on in two databases. To be called before anything is written to the database.

    Args:
        engine: From `open_database`.
        place: Where the snapshots lie.

    Raises:
        StorageError: If there is such a snapshot, or the place cannot say whether there is one.
    """
    if holds_anything(engine):
        return
    database = engine.url.render_as_string()
    try:
        with work_folder(engine) as work:
            place.prepare()
            name = newest_with_content(place, work)
    except StorageError as error:
        raise StorageError(
            f"the database {database} is empty, and whether there is a backup to restore cannot be told: "
            f"{error}; start again when it can, or name another place for backups in SPECS_BACKUP"
        ) from error
    if name is None:
        return
    # A server's URL may hold a password, which is not printed; the command finds the URL in SPECS_DB.
    named = ["--database", database] if engine.dialect.name == "sqlite" else []
    command = shlex.join(["specs-ratings", "restore", *named, "--place", place.name, name])
    raise StorageError(
        f"the database {database} is empty while the backup {name} in {place.name} is not; restore it with: "
        f"{command}   (or, to start afresh and leave the backups where they are, name another place for new "
        "ones in SPECS_BACKUP)"
    )
