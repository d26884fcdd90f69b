"""The rows that an import refused, as a file."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from annotations.errors import InvalidRecordError
from annotations.spool import Refusal
from annotations.spreadsheet import guarded


def write_report(path: Path, refusals: Iterator[Refusal]) -> None:
    """Write refused rows as CSV, or as a JSON list, by the ending of the file.

    Args:
        path: Ends in ``.csv`` or ``.json``.
        refusals: In order.

    Raises:
        InvalidRecordError: If it cannot be written.
    """
    try:
        _write(path, refusals)
    except OSError as error:
        raise InvalidRecordError(f"cannot write the report {path.name!r}: {error.strerror}") from error


def _write(path: Path, refusals: Iterator[Refusal]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        if path.suffix.lower() == ".csv":
            writer = csv.writer(stream)
            writer.writerow(["file", "row", "reason"])
            for one in refusals:
                writer.writerow([guarded(one.file), one.number, guarded(one.reason)])
        else:
            stream.write("[")
            for number, one in enumerate(refusals):
                row = {"file": one.file, "row": one.number, "reason": one.reason}
                stream.write((",\n" if number else "\n") + json.dumps(row, ensure_ascii=False))
            stream.write("\n]\n")
