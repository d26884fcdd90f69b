"""Columns of a CSV file, with the line in every complaint."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from annotations.errors import InvalidScoresError

_LISTED: Final = 30  # columns, in a complaint


@dataclass(frozen=True)
class Columns:
    """Named columns of one file.

    Attributes:
        path: The file.
        lines: (N,) the line of the file on which each row ends, from 1.
        cells: (N,) cells of each column, as they stand in the file.
    """

    path: Path
    lines: Sequence[int]
    cells: Mapping[str, list[str]]

    def texts(self, name: str, *, may_be_empty: bool = False) -> list[str]:
        """Return a column without the blanks around its cells.

        Args:
            name: Of the column.
            may_be_empty: Whether a cell may hold nothing.

        Returns:
            (N,) texts.

        Raises:
            InvalidScoresError: If a cell is empty and must not be.
        """
        texts = [text.strip() for text in self.cells[name]]
        if not may_be_empty:
            self.check(name, [bool(text) for text in texts], "filled in")
        return texts

    def numbers(self, name: str) -> list[float]:
        """Return a column of numbers.

        Args:
            name: Of the column.

        Returns:
            (N,) finite numbers; NaN for an empty cell and for the word nan.

        Raises:
            InvalidScoresError: If a cell is no finite number.
        """
        numbers = [_number(text.strip()) for text in self.cells[name]]
        self.check(name, [number is not None for number in numbers], "a finite number or empty")
        return [math.nan if number is None else number for number in numbers]

    def check(self, name: str, good: Sequence[bool], wanted: str) -> None:
        """Refuse the first cell that will not do.

        Args:
            name: Of the column.
            good: (N,) whether each cell will do.
            wanted: What it must be, for the sentence.

        Raises:
            InvalidScoresError: If one will not do.
        """
        for line, cell, fits in zip(self.lines, self.cells[name], good, strict=True):
            if not fits:
                raise InvalidScoresError(
                    f"{self.path}, line {line}: the column {name!r} holds {cell!r}; it must be {wanted}"
                )


def read_columns(path: Path, names: Sequence[str], *, optional: Sequence[str] = ()) -> Columns:
    """Read columns of a CSV file with a heading.

    Args:
        path: The file, in UTF-8.
        names: The columns that must be there.
        optional: Columns that may be there.

    Returns:
        Those columns that are there.

    Raises:
        InvalidScoresError: If a column is missing or named twice, a row is shorter or longer than the
            heading, there is no row, or the file is no CSV file in UTF-8.
        OSError: If it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            heading = [name.strip() for name in next(reader, [])]
            rows, lines = [], []
            for row in reader:
                if row:  # a blank line is no row
                    rows.append(row)
                    lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidScoresError(f"{path} is no CSV file in UTF-8: {error}") from error
    missing = [name for name in names if name not in heading]
    if missing:
        listed = ", ".join(heading[:_LISTED]) or "none"
        if len(heading) > _LISTED:
            listed += f" and {len(heading) - _LISTED:,} more"
        raise InvalidScoresError(f"{path} has no column {missing[0]!r}; its columns are {listed}")
    twice = [name for name in (*names, *optional) if heading.count(name) > 1]
    if twice:
        raise InvalidScoresError(f"{path} has more than one column {twice[0]!r}; rename one")
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(heading):
            raise InvalidScoresError(
                f"{path}, line {line}: {len(row)} cells under a heading of {len(heading)}; quote cells that "
                f"hold a comma"
            )
    if not rows:
        raise InvalidScoresError(f"{path} has a heading and no rows; there is nothing to compute")
    present = [name for name in (*names, *optional) if name in heading]
    return Columns(path, lines, {name: [row[heading.index(name)] for row in rows] for name in present})


def _number(text: str) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return None if math.isinf(number) else number
