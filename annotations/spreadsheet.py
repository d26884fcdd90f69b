"""Cells that a spreadsheet does not run.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return. Such text
gets an apostrophe in front, and so does text in which apostrophes come before one of those, so that taking
one apostrophe away always gives the text back.
"""

import re
from typing import Final

_RUNS: Final = re.compile(r"'*[=+\-@\t\r]")


def guarded(value: object) -> object:
    """Return a cell as it is written: text that would run has an apostrophe in front."""
    if isinstance(value, str) and _RUNS.match(value):
        return "'" + value
    return value


def without_guard(cell: str) -> str:
    """Return the text of which `guarded` made a cell."""
    return cell[1:] if cell.startswith("'") and _RUNS.match(cell) else cell
