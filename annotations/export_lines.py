"""Exported rows as lines of CSV and of JSON, to the letter as Python's modules `csv` and `json` write them.

A row has some fifty values, and most of them are short texts and nothing. What each column holds is known, so
its way into text is too, which takes a third of the time of finding it out for each value.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from annotations.schema import VERDICTS
from annotations.spreadsheet import guarded

as_json: Final = json.JSONEncoder(ensure_ascii=False).encode
"""Return a value as JSON."""


def json_line(row: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """Return a row as an object of JSON and a line feed.

    Args:
        row: The value of each column; spans and verdicts as tuples, the rest as JSON has it.
        columns: What each column holds, in the order of writing.
    """
    values = [(name, row[name], _JSON[kind]) for name, kind in columns.items()]
    fields = [f'"{name}": {"null" if value is None else write(value)}' for name, value, write in values]
    return "{" + ", ".join(fields) + "}\n"


def csv_line(row: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """Return a row as a line of CSV, in which no cell runs in a spreadsheet.

    Args:
        row: As for `json_line`.
        columns: As for `json_line`.
    """
    values = [(row[name], _CELL[kind]) for name, kind in columns.items()]
    return ",".join(["" if value is None else write(value) for value, write in values]) + "\r\n"


def _spans(spans: Sequence[tuple[int, int]]) -> str:
    return "[" + ", ".join([f'{{"start": {start}, "end": {end}}}' for start, end in spans]) + "]"


def _verdicts(verdicts: Sequence[tuple[int, int, str | None]]) -> str:
    said = [
        f'{{"start": {start}, "end": {end}, "verdict": {_VERDICTS[verdict]}}}'
        for start, end, verdict in verdicts
    ]
    return "[" + ", ".join(said) + "]"


_VERDICTS: Final = {verdict: as_json(verdict) for verdict in (*VERDICTS, None)}


def _text_cell(value: str) -> str:
    # Nearly all are short and harmless, and one look tells.
    return value if _PLAIN(value) else _quoted(str(guarded(value)))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _BREAKS(cell) else cell


_PLAIN: Final = re.compile(r"""[^'=+\-@\t",\r\n][^",\r\n]*""").fullmatch
_BREAKS: Final = re.compile(r"""[",\r\n]""").search

_JSON: Final[Mapping[str, Callable[[Any], str]]] = {
    "text": as_json,
    "integer": str,
    "number": as_json,
    "truth": as_json,
    "json": as_json,
    "texts": as_json,
    "spans": _spans,
    "verdicts": _verdicts,
}
_CELL: Final[Mapping[str, Callable[[Any], str]]] = {
    "text": _text_cell,
    "integer": str,
    "number": repr,
    "truth": str,
    "json": lambda value: _quoted(as_json(value)),
    "texts": lambda value: _quoted(as_json(value)),
    "spans": lambda value: _quoted(_spans(value)),
    "verdicts": lambda value: _quoted(_verdicts(value)),
}
