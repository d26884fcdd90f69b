"""Where snapshots lie, how they are named, and which of them go; a folder of them, on a network mount too."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from annotations.errors import InvalidRecordError, StorageError
from annotations.snapshots import remove_stale

HUB_PREFIX: Final = "hf://datasets/"
"""What the name of a data set on the Hugging Face hub begins with."""

_NAME: Final = re.compile(r"specs-(\d{8}T\d{6}Z)\.sqlite3")
_MOMENT: Final = "%Y%m%dT%H%M%SZ"


class BackupPlace(Protocol):
    """Holds snapshots by name. Every method raises StorageError when the place fails."""

    @property
    def name(self) -> str:
        """The place as `open_place` takes it."""

    def names(self) -> list[str]:
        """Return the names of the finished snapshots, the oldest first."""

    def prepare(self) -> None:
        """Fail if it is certain that no snapshot can be put here, or those that are here not be seen."""

    def fetch(self, name: str, folder: Path) -> Path:
        """Return a snapshot as a local file to be read only, downloaded into the folder if need be."""

    def put(self, file: Path, name: str) -> None:
        """Keep a copy of a file under a name; it appears whole or not at all."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove snapshots."""


def open_place(text: str) -> BackupPlace:
    """Return the place that a setting names; nothing is asked or made yet.

    Args:
        text: A folder, or ``hf://datasets/owner/name``.

    Raises:
        InvalidRecordError: If it is neither.
    """
    if text.startswith("hf://"):
        # Loads the hub's client only where it is needed.
        from annotations.hub_backup import HubDataset

        repo_id = text.removeprefix(HUB_PREFIX)
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id):
            raise InvalidRecordError(f"{text!r} is no place for backups; write {HUB_PREFIX}owner/name")
        return HubDataset(repo_id)
    if not text.strip() or "://" in text:
        raise InvalidRecordError(f"{text!r} is no place for backups; give a folder or {HUB_PREFIX}owner/name")
    return BackupFolder(Path(text).expanduser().absolute())


def snapshot_names(files: Iterable[str]) -> list[str]:
    """Return those file names that are snapshots' names, the oldest first."""
    return sorted(name for name in files if _moment(name) is not None)


def taken_at(name: str) -> datetime:
    """Return the moment at which the snapshot of this name was taken, to the second.

    Args:
        name: Of a snapshot.

    Raises:
        InvalidRecordError: If it is not a snapshot's name.
    """
    moment = _moment(name)
    if moment is None:
        raise InvalidRecordError(f"{name!r} is no name of a snapshot; they look like {next_name([])}")
    return moment


def next_name(names: Sequence[str], *, now: datetime | None = None) -> str:
    """Return the name of a new snapshot, which sorts behind all others even when a clock was put back.

    Args:
        names: Of the snapshots that are there, the oldest first.
        now: An aware datetime; the clock's time when None.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    if names:
        moment = max(moment, taken_at(names[-1]) + timedelta(seconds=1))
    return f"specs-{moment.strftime(_MOMENT)}.sqlite3"


def superfluous(names: Sequence[str], *, keep: int, days: int) -> list[str]:
    """Return the snapshots that retention lets go: neither among the newest nor the last of a late day.

    Days are counted back from the newest snapshot, and only those that have one, so that time alone, or a
    wrong clock, removes nothing.

    Args:
        names: Of the snapshots that are there, the oldest first.
        keep: How many of the newest stay, 1 or more.
        days: Of how many days the last snapshot stays, 0 or more.

    Raises:
        InvalidRecordError: If a number is too small.
    """
    if keep < 1 or days < 0:
        raise InvalidRecordError(
            f"a backup keeps 1 snapshot or more and 0 days or more; got {keep} and {days}"
        )
    last_of_day = {taken_at(name).date(): name for name in names}
    kept = {*names[-keep:], *(last_of_day[day] for day in sorted(last_of_day)[len(last_of_day) - days :])}
    if days == 0:
        kept = set(names[-keep:])
    return [name for name in names if name not in kept]


class BackupFolder:
    """Snapshots in a folder, each a file; the folder is made with the first of them.

    Args:
        folder: Its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def names(self) -> list[str]:
        """Return the names of the finished snapshots, the oldest first.

        Raises:
            StorageError: If the folder is there and cannot be read.
        """
        try:
            return snapshot_names(os.listdir(self.folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failure("read", error) from error

    def prepare(self) -> None:
        """Do nothing: the folder is made with its first snapshot."""

    def fetch(self, name: str, folder: Path) -> Path:
        """Return the path of a snapshot, in this folder."""
        return self.folder / name

    def put(self, file: Path, name: str) -> None:
        """Copy a file into the folder, read the copy back, and only then give it its name.

        Args:
            file: To be copied.
            name: Under which it is kept.

        Raises:
            StorageError: If the folder is read-only, full or gone; then it is as it was.
        """
        unfinished: Path | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_stale(self.folder, ".specs-*.part")
            # A name of its own, in case another process is at work here, and for this user's eyes only.
            descriptor, unfinished_name = tempfile.mkstemp(
                prefix=f".{name}-", suffix=".part", dir=self.folder
            )
            unfinished = Path(unfinished_name)
            with os.fdopen(descriptor, "wb") as target, file.open("rb") as source:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            if _sha256(unfinished) != _sha256(file):
                raise StorageError(f"the folder {self.folder} gives back other bytes than were written to it")
            unfinished.replace(self.folder / name)
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise self._failure("write a backup to", error) from error
        finally:
            if unfinished is not None:
                with suppress(OSError):
                    unfinished.unlink(missing_ok=True)
        sync_folder(self.folder)

    def remove(self, names: Sequence[str]) -> None:
        """Remove snapshots.

        Args:
            names: Of those that go; one that is gone already is no error.

        Raises:
            StorageError: If the folder is read-only.
        """
        try:
            for name in names:
                (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._failure("remove an old backup from", error) from error

    def _failure(self, deed: str, error: OSError) -> StorageError:
        return StorageError(
            f"cannot {deed} {self.folder}: {error.strerror or error}; make it writable for this program's "
            "user, with free space on its disk, or name another place in SPECS_BACKUP"
        )


def sync_folder(folder: Path) -> None:
    """Have the disk write down the names in a folder, where it can."""
    # Some network mounts refuse this; the file itself is on the disk by now.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _moment(name: str) -> datetime | None:
    match = _NAME.fullmatch(name)
    try:
        return datetime.strptime(match[1], _MOMENT).replace(tzinfo=UTC) if match else None
    except ValueError:  # such as the 31st of February
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
