"""Read tables of captions row by row: JSON lines, CSV, Parquet, and folders as `datasets` writes them.

A row keeps the names that its file gives to the columns; `annotations.candidates` says what they mean.
Nothing here holds more than a few rows at a time.
"""

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from annotations.errors import InvalidRecordError
from annotations.spreadsheet import without_guard

SUFFIXES: Final = (".jsonl", ".ndjson", ".csv", ".parquet", ".arrow")
"""Files that can be read, by their ending."""

MAX_LINE_BYTES: Final = 256 * 1024 * 1024
"""Longest line of a JSON lines file: more than a row with the largest image in it needs."""

_OWN_COLUMNS: Final = {"item_id", "image_sha256"}


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        number: In its file. Of JSON lines the line, of CSV the row as a spreadsheet counts it, the heading
            being row 1; otherwise counted from 1.
        file: Name of the file.
        folder: To which the paths in the row are relative.
        values: By the name of the column.
        problem: Why the row cannot be read, one sentence, or None.
    """

    number: int
    file: str
    folder: Path
    values: Mapping[str, Any]
    problem: str | None = None


def is_own(columns: Mapping[str, Any]) -> bool:
    """Tell whether a row is one of this program's exports, by the names of its columns."""
    return columns.keys() >= _OWN_COLUMNS


def is_own_export(path: Path) -> bool:
    """Tell whether a file or folder is one of this program's exports, by its first row.

    Raises:
        InvalidRecordError: If it cannot be read.
        OSError: If it cannot be opened.
    """
    first = next(read_rows(path), None)
    return first is not None and is_own(first.values)


def read_rows(path: Path) -> Iterator[Row]:
    """Read a file or a folder row by row.

    Args:
        path: A file that ends in one of `SUFFIXES`, or a folder: what ``Dataset.save_to_disk`` or
            ``DatasetDict.save_to_disk`` wrote, Parquet shards, or images and their ``metadata`` file.

    Yields:
        The rows in order. One that cannot be read has a problem and no values.

    Raises:
        InvalidRecordError: If it is none of these, or damaged.
        OSError: If it cannot be opened.
    """
    for file in table_files(path):
        suffix = file.suffix.lower()
        if suffix in (".jsonl", ".ndjson"):
            yield from _json_lines(file)
        elif suffix == ".csv":
            yield from _csv(file)
        else:
            # pyarrow is heavy, and not needed for text files.
            from annotations.arrow_files import arrow_rows

            for number, values in enumerate(arrow_rows(file), 1):
                yield Row(number, file.name, file.parent, values)


def table_files(path: Path) -> tuple[Path, ...]:
    """Return the files that hold the rows of a file or folder, in order.

    Raises:
        InvalidRecordError: If there are none, or the folder names files outside it.
        OSError: If it cannot be read.
    """
    if not path.is_dir():
        if path.suffix.lower() not in SUFFIXES:
            raise InvalidRecordError(
                f"{path.name!r} cannot be read; give a file that ends in {', '.join(SUFFIXES)}, or a folder"
            )
        return (path,)
    if (path / "dataset_dict.json").is_file():
        splits = _names(_json_file(path / "dataset_dict.json").get("splits"), path)
        return tuple(file for split in splits for file in table_files(_inside(path, split)))
    if (path / "state.json").is_file():
        listed = _json_file(path / "state.json").get("_data_files")
        files = [one.get("filename") if isinstance(one, dict) else None for one in listed or ()]
        return tuple(_inside(path, name) for name in _names(files, path))
    for pattern in ("metadata.jsonl", "metadata.csv", "metadata.parquet", "*.parquet"):
        found = sorted(file for file in path.rglob(pattern) if file.is_file())
        if found:
            return tuple(found)
    raise InvalidRecordError(
        f"the folder {path.name!r} holds neither state.json nor a metadata file nor Parquet files"
    )


def _json_file(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidRecordError(f"{path.name} cannot be read as JSON: {error}") from error
    return content if isinstance(content, dict) else {}


def _names(listed: object, folder: Path) -> Sequence[str]:
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        raise InvalidRecordError(f"the folder {folder.name!r} does not say which files hold its rows")
    return listed


def _inside(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InvalidRecordError(f"the folder {folder.name!r} names a file outside it: {name!r}")
    return file


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise InvalidRecordError(
                    f"line {number} of {path.name} is longer than {MAX_LINE_BYTES:,} bytes; is it JSON lines?"
                )
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            values, problem = _json_line(line)
            yield Row(number, path.name, path.parent, values, problem)


def _json_line(line: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        values = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return {}, f"the line is not JSON: {error}"
    if not isinstance(values, dict):
        return {}, "the line is not a JSON object"
    return values, None


def _csv(path: Path) -> Iterator[Row]:
    # The limit is one of the process, so it is raised once and for good; the default cuts at 128 KiB.
    csv.field_size_limit(min(sys.maxsize, MAX_LINE_BYTES))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        number = 0
        try:
            names = next(reader, [])
            if len(set(names)) < len(names):
                double = next(name for name in names if names.count(name) > 1)
                raise InvalidRecordError(f"{path.name} has two columns {double!r}; rename one")
            own = is_own(dict.fromkeys(names))
            for number, cells in enumerate(reader, 2):
                if not cells:
                    continue
                problem = None
                if len(cells) != len(names):
                    problem = f"the row has {len(cells)} cells, and the heading has {len(names)}"
                if own:
                    # Only this program's own cells carry a guard; other people's apostrophes are theirs.
                    cells = [without_guard(cell) for cell in cells]
                values = {} if problem else dict(zip(names, cells, strict=True))
                yield Row(number, path.name, path.parent, values, problem)
        except UnicodeDecodeError as error:
            raise InvalidRecordError(
                f"{path.name} is not UTF-8 after row {number}; save it as CSV with UTF-8"
            ) from error
        except csv.Error as error:
            raise InvalidRecordError(f"{path.name} cannot be read after row {number}: {error}") from error
