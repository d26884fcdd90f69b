"""Ratings as CSV or JSON lines, corrected cuts as JSON lines, one by one so that memory is not a limit.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return. In CSV such
text gets an apostrophe in front, and so does text in which apostrophes come before one of those, so that
taking one apostrophe away always gives the text back. JSON lines hold the text as it is.
"""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Final, TextIO

from sqlalchemy import Engine

from annotations.errors import InvalidRecordError
from annotations.revisions import Rating, ratings
from annotations.segmentations import read_segmentations

FORMATS: Final = ("csv", "jsonl")

_RUNS_IN_A_SPREADSHEET: Final = re.compile(r"'*[=+\-@\t\r]")


def export_ratings(engine: Engine, stream: TextIO, *, format: str, all_revisions: bool = False) -> int:
    """Write ratings to a text stream, with the rater and all versions, in the order in which they were saved.

    Each row has the attributes of `annotations.revisions.Rating` under their names. ``verdicts`` is a list of
    objects with ``start``, ``end`` and ``verdict``; in CSV it is that list as JSON.

    Args:
        engine: From `open_database`.
        stream: Open for writing; for CSV opened with ``newline=""``.
        format: ``csv`` or ``jsonl``.
        all_revisions: Whether to write every revision instead of the current ratings alone.

    Returns:
        How many ratings were written.

    Raises:
        InvalidRecordError: If there is no such format.
        StorageError: If the database fails; what was written until then stays in the stream.
    """
    if format not in FORMATS:
        raise InvalidRecordError(f"ratings can be exported as {' or '.join(FORMATS)}; got {format!r}")
    write = _csv_writer(stream) if format == "csv" else _json_writer(stream)
    number = 0
    for rating in ratings(engine, all_revisions=all_revisions):
        write(rating)
        number += 1
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
        stream.write(json.dumps(asdict(segmentation), ensure_ascii=False) + "\n")
        number += 1
    return number


def _csv_writer(stream: TextIO) -> Callable[[Rating], object]:
    writer = csv.writer(stream)
    names = [field.name for field in fields(Rating)]
    writer.writerow(names)

    def write(rating: Rating) -> None:
        row = asdict(rating)
        for name in ("answers", "battle", "verdicts"):
            row[name] = None if row[name] is None else json.dumps(row[name])
        writer.writerow([_cell(row[name]) for name in names])

    return write


def _json_writer(stream: TextIO) -> Callable[[Rating], object]:
    return lambda rating: stream.write(json.dumps(asdict(rating), ensure_ascii=False) + "\n")


def _cell(value: object) -> object:
    if isinstance(value, str) and _RUNS_IN_A_SPREADSHEET.match(value):
        return "'" + value
    return value
