"""Write this program's own export down again: what is there already stays, what contradicts it is refused."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from annotations.engine import writing
from annotations.errors import InvalidRecordError
from annotations.exported_records import Record, records
from annotations.image_files import ORIGINALS
from annotations.merging import Conflict, merge
from annotations.reading import read_rows
from annotations.spool import Refusal

_SHOWN: Final = 20


@dataclass(frozen=True, kw_only=True)
class ReimportReport:
    """What came of an import of an export.

    Attributes:
        rows: Rows that were read.
        refused: How many of them will not do; then nothing was written.
        refusals: The first of them.
        added: How many of each kind are new: ``campaigns``, ``images``, ``raters``, ``items``, ``ratings``.
        missing_images: Images of which no file lies in the folder.
    """

    rows: int
    refused: int
    refusals: tuple[Refusal, ...]
    added: dict[str, int]
    missing_images: int


def import_export(engine: Engine, path: Path, *, images: Path, report: Path | None = None) -> ReimportReport:
    """Import what `annotations.exporting` wrote: ratings or items with all that belongs to them.

    It comes in whole or not at all. Raters come without a role; images come without their files, which lie in
    the folder of the images where the export was made.

    Args:
        engine: From `open_database`.
        path: CSV, JSON lines or Parquet.
        images: Folder of the stored images.
        report: A file for all refused rows, ``.csv`` or ``.json``, or None.

    Returns:
        What came of it.

    Raises:
        InvalidRecordError: If the file cannot be read.
        StorageError: If the database fails. After either nothing is written.
        OSError: If the file cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="specs-import-") as folder:
        kept = _Kept(Path(folder) / "records")
        try:
            rows = kept.read(path)
            added: dict[str, int] = {}
            if not kept.refusals:
                try:
                    with writing(engine) as connection:
                        added, conflicts = merge(connection, kept.parts)
                        if conflicts:
                            raise _Conflicts(conflicts)
                except _Conflicts as error:
                    added = {}
                    kept.refusals = [kept.refusal(conflict) for conflict in error.conflicts]
            missing = sum(not _has_file(images, key) for key in kept.keys("image"))
        finally:
            kept.close()
    if report is not None:
        from annotations.import_report import write_report

        write_report(report, iter(kept.refusals))
    return ReimportReport(
        rows=rows,
        refused=len(kept.refusals),
        refusals=tuple(kept.refusals[:_SHOWN]),
        added=added,
        missing_images=missing,
    )


class _Conflicts(Exception):
    """Rolls the transaction back."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        super().__init__(conflicts)
        self.conflicts = conflicts


def _has_file(images: Path, image_id: str) -> bool:
    places = (images / ORIGINALS / image_id, images / f"{image_id}.png", images / f"{image_id}.jpg")
    return any(place.is_file() for place in places)


class _Kept:
    """The records of an export in a file of their own, each once, so that memory is not a limit."""

    def __init__(self, path: Path) -> None:
        self.refusals: list[Refusal] = []
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE records (kind TEXT, key TEXT, content TEXT, number INTEGER, file TEXT, "
            "PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")

    def close(self) -> None:
        self._connection.close()

    def read(self, path: Path) -> int:
        """Check all rows and keep what they mention; return how many there were."""
        rows = 0
        for row in read_rows(path):
            rows += 1
            try:
                if row.problem is not None:
                    raise InvalidRecordError(row.problem)
                for record in records(row.values):
                    self._keep(record, row.number, row.file)
            except InvalidRecordError as error:
                self.refusals.append(Refusal(row.number, row.file, str(error)))
        return rows

    def _keep(self, record: Record, number: int, file: str) -> None:
        content = json.dumps(record.values, sort_keys=True, ensure_ascii=False)
        added = self._connection.execute(
            "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?)",
            (record.kind, record.key, content, number, file),
        )
        if added.rowcount:
            return
        before = self._connection.execute(
            "SELECT content, number FROM records WHERE kind = ? AND key = ?", (record.kind, record.key)
        ).fetchone()
        if before[0] != content:
            raise InvalidRecordError(
                f"the row says other things of {record.kind} {record.key} than row {before[1]}"
            )

    def keys(self, kind: str) -> Iterator[str]:
        for (key,) in self._connection.execute("SELECT key FROM records WHERE kind = ?", (kind,)):
            yield key

    def parts(self, kind: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the records of a kind, some hundreds at a time."""
        found = self._connection.execute("SELECT content FROM records WHERE kind = ? ORDER BY key", (kind,))
        while part := found.fetchmany(400):
            yield [json.loads(content) for (content,) in part]

    def refusal(self, conflict: Conflict) -> Refusal:
        found = self._connection.execute(
            "SELECT number, file FROM records WHERE kind = ? AND key = ?", (conflict.kind, conflict.key)
        ).fetchone()
        return Refusal(found[0], found[1], conflict.reason)
