"""Ratings and items as CSV, JSON lines or Parquet, corrected cuts as JSON lines; memory is not a limit.

In CSV a cell that a spreadsheet would run has an apostrophe in front, see `annotations.spreadsheet`. JSON
lines and Parquet hold the text as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from sqlalchemy import Engine

from annotations.errors import InvalidRecordError
from annotations.export_lines import as_json, csv_line, json_line
from annotations.export_rows import ITEM_COLUMNS, RATING_COLUMNS, item_rows, rating_rows
from annotations.segmentations import read_segmentations

FORMATS: Final = ("csv", "jsonl")
"""Formats that are written to a text stream."""


def export_ratings(
    engine: Engine,
    stream: TextIO,
    *,
    format: str,
    campaign_id: str | None = None,
    all_revisions: bool = False,
) -> int:
    """Write ratings to a text stream, with the rater and all versions, in the order in which they were saved.

    Each row has the columns `annotations.export_rows.RATING_COLUMNS`. Structured values are JSON, in CSV as
    the text of a cell.

    Args:
        engine: From `open_database`.
        stream: Open for writing; for CSV opened with ``newline=""``.
        format: ``csv`` or ``jsonl``.
        campaign_id: Only of this campaign, unless None.
        all_revisions: Whether to write every revision instead of the current ratings alone.

    Returns:
        How many ratings were written.

    Raises:
        InvalidRecordError: If there is no such format.
        StorageError: If the database fails; what was written until then stays in the stream.
    """
    pages = rating_rows(engine, campaign_id=campaign_id, all_revisions=all_revisions)
    return _write(stream, format, RATING_COLUMNS, pages)


def export_items(
    engine: Engine, stream: TextIO, *, format: str, campaign_id: str | None = None, deleted: bool = False
) -> int:
    """Write items to a text stream, rated or not, in the order in which they were added.

    Each row has the columns `annotations.export_rows.ITEM_COLUMNS`.

    Args:
        engine: From `open_database`.
        stream: Open for writing; for CSV opened with ``newline=""``.
        format: ``csv`` or ``jsonl``.
        campaign_id: Only of this campaign, unless None.
        deleted: Whether deleted ones are among them.

    Returns:
        How many items were written.

    Raises:
        InvalidRecordError: If there is no such format.
        StorageError: If the database fails; what was written until then stays in the stream.
    """
    pages = item_rows(engine, campaign_id=campaign_id, deleted=deleted)
    return _write(stream, format, ITEM_COLUMNS, pages)


def export_parquet(
    engine: Engine,
    path: Path,
    *,
    what: str = "ratings",
    campaign_id: str | None = None,
    everything: bool = False,
) -> int:
    """Write ratings or items to a Parquet file.

    Args:
        engine: From `open_database`.
        path: Of the file.
        what: ``ratings`` or ``items``.
        campaign_id: Only of this campaign, unless None.
        everything: Whether every revision, or deleted items, are among them.

    Returns:
        How many rows were written.

    Raises:
        StorageError: If the database fails.
        OSError: If the file cannot be written. After either there may be half a file.
    """
    # pyarrow is heavy, and not needed for the other formats.
    from annotations.arrow_files import ParquetRows

    if what == "items":
        columns, pages = ITEM_COLUMNS, item_rows(engine, campaign_id=campaign_id, deleted=everything)
    else:
        columns = RATING_COLUMNS
        pages = rating_rows(engine, campaign_id=campaign_id, all_revisions=everything)
    as_text = [name for name, kind in columns.items() if kind == "json"]
    writer = ParquetRows(path, {name: "text" if kind == "json" else kind for name, kind in columns.items()})
    number = 0
    try:
        for page in pages:
            for row in page:
                row.update({name: as_json(row[name]) for name in as_text if row[name] is not None})
            writer.write(page)
            number += len(page)
    finally:
        writer.close()
    return number


def export_segmentations(engine: Engine, stream: TextIO) -> int:
    """Write the corrected cuts as JSON lines, in the order in which they were saved.

    Each line has the attributes of `annotations.segmentations.Segmentation` under their names; ``units`` is a
    list of objects with ``text``, ``start`` and ``end``.

    Args:
        engine: From `open_database`.
        stream: Open for writing.

    Returns:
        How many were written.

    Raises:
        StorageError: If the database fails; what was written until then stays in the stream.
    """
    number = 0
    for segmentation in read_segmentations(engine):
        stream.write(as_json(asdict(segmentation)) + "\n")
        number += 1
    return number


def _write(
    stream: TextIO, format: str, columns: Mapping[str, str], pages: Iterator[Sequence[dict[str, Any]]]
) -> int:
    if format not in FORMATS:
        raise InvalidRecordError(f"this can be exported as {' or '.join(FORMATS)}; got {format!r}")
    line = csv_line if format == "csv" else json_line
    if format == "csv":
        stream.write(",".join(columns) + "\r\n")
    number = 0
    for page in pages:
        stream.writelines([line(row, columns) for row in page])
        number += len(page)
    return number
