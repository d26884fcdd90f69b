"""What an import has checked and not yet written, in a file of its own, so that memory is not a limit."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from annotations.candidates import Candidate
from annotations.errors import InvalidRecordError
from annotations.image_files import ImageFile

_TABLES: Final = """
CREATE TABLE images (sha256 TEXT PRIMARY KEY, filename TEXT, width INTEGER, height INTEGER, copy TEXT,
    image_id TEXT, stored INTEGER NOT NULL DEFAULT 0);
CREATE TABLE paths (path TEXT PRIMARY KEY, sha256 TEXT);
CREATE TABLE items (number INTEGER PRIMARY KEY, sha256 TEXT, caption TEXT, caption_sha256 TEXT, source TEXT,
    role TEXT, overlap INTEGER, priority INTEGER, segmenter_version TEXT, gold TEXT, external_id TEXT,
    UNIQUE (sha256, caption_sha256, source));
CREATE TABLE cuts (caption_sha256 TEXT, segmenter_version TEXT, spans TEXT, number INTEGER, file TEXT,
    PRIMARY KEY (caption_sha256, segmenter_version));
CREATE TABLE refusals (number INTEGER, file TEXT, reason TEXT);
"""


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken, and why.

    Attributes:
        number: Of the row in its file.
        file: The file's name.
        reason: One sentence.
    """

    number: int
    file: str
    reason: str


class Spool:
    """A file with images, items, cuts and refusals of one import.

    Args:
        path: Of the file, which must not be there.
    """

    def __init__(self, path: Path) -> None:
        # Nothing in it has to outlive the process.
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        self.connection.execute("BEGIN")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def known(self, path: Path) -> str | None:
        """Return the SHA-256 of the image at a path that came before, or None."""
        row = self.connection.execute("SELECT sha256 FROM paths WHERE path = ?", (str(path),)).fetchone()
        return None if row is None else row["sha256"]

    def add_image(self, image: ImageFile, path: Path | None) -> None:
        """Note an image; the same bytes are one image, and a second copy of them is removed."""
        added = self.connection.execute(
            "INSERT OR IGNORE INTO images (sha256, filename, width, height, copy) VALUES (?, ?, ?, ?, ?)",
            (image.sha256, image.filename, image.width, image.height, str(image.path)),
        )
        if added.rowcount == 0:
            image.path.unlink()
        if path is not None:
            self.connection.execute("INSERT OR IGNORE INTO paths VALUES (?, ?)", (str(path), image.sha256))

    def check_cut(self, candidate: Candidate) -> None:
        """Refuse a cut that is at odds with one that came before.

        Raises:
            InvalidRecordError: If the same version has cut the same caption in another way.
        """
        row = self.connection.execute(
            "SELECT spans FROM cuts WHERE caption_sha256 = ? AND segmenter_version = ?",
            (candidate.caption_sha256, candidate.segmenter_version),
        ).fetchone()
        if row is not None and row["spans"] != json.dumps(candidate.spans):
            raise InvalidRecordError(
                f"segmenter version {candidate.segmenter_version!r} cuts this caption in another way "
                "in a row before; a segmenter that cuts differently needs another version"
            )

    def add_item(self, sha256: str, candidate: Candidate, *, role: str, number: int, file: str) -> bool:
        """Note an item; one that came before stays as it is.

        Args:
            sha256: Of the image.
            candidate: The caption.
            role: What the items of the import are for.
            number: Of its row.
            file: Of its row.

        Returns:
            Whether it is new.
        """
        item = candidate
        values = (sha256, item.caption, item.caption_sha256, item.source, item.role(role), item.overlap)
        added = self.connection.execute(
            "INSERT OR IGNORE INTO items (sha256, caption, caption_sha256, source, role, overlap, priority, "
            "segmenter_version, gold, external_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, item.priority, item.segmenter_version, item.gold, item.external_id),
        )
        if added.rowcount and item.spans:
            self.connection.execute(
                "INSERT OR IGNORE INTO cuts VALUES (?, ?, ?, ?, ?)",
                (item.caption_sha256, item.segmenter_version, json.dumps(item.spans), number, file),
            )
        return added.rowcount > 0

    def refuse(self, refusal: Refusal) -> None:
        """Note a row that is not taken."""
        self.connection.execute(
            "INSERT INTO refusals VALUES (?, ?, ?)", (refusal.number, refusal.file, refusal.reason)
        )

    def drop_cut(self, caption_sha256: str, segmenter_version: str) -> None:
        """Forget a cut and the items that have it."""
        for table in ("items", "cuts"):
            self.connection.execute(
                f"DELETE FROM {table} WHERE caption_sha256 = ? AND segmenter_version = ?",
                (caption_sha256, segmenter_version),
            )

    def refusals(self) -> Iterator[Refusal]:
        """Yield the rows that were not taken, in the order in which they came."""
        for row in self.connection.execute("SELECT number, file, reason FROM refusals ORDER BY rowid"):
            yield Refusal(*row)

    def count(self, table: str) -> int:
        """Return how many rows one of the tables has."""
        assert table in ("images", "items", "refusals")
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def parts(self, query: str, size: int = 400) -> Iterator[list[dict[str, Any]]]:
        """Run a query and yield its rows, some hundreds at a time."""
        rows = self.connection.execute(query)
        while part := rows.fetchmany(size):
            yield [dict(row) for row in part]
