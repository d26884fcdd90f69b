"""Text in a CSV file that a spreadsheet may open."""

from __future__ import annotations

from typing import Final

# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def inert_cell(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
