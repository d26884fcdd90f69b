"""Small pieces of the tables on the Analyse page: numbers, intervals, and what a pointer tells of them."""

from __future__ import annotations

import html
import math
from typing import Final

from app.views import analysis_numbers
from app.views.analysis_numbers import Axis, signed, tip

__all__ = ["cell", "interval_bar", "interval_text", "signed", "tip"]

_COEFFICIENTS: Final = Axis(-1.0, 1.0, (-1.0, 0.0, 1.0))


def interval_text(low: float, high: float) -> str:
    """Return both ends of an interval, or a dash where there is none."""
    return "—" if math.isnan(low) or math.isnan(high) else f"{signed(low)} to {signed(high)}"


def interval_bar(value: float, low: float, high: float) -> str:
    """Draw a value and its interval on a line from -1 to 1, as SVG; the numbers beside it say the same."""
    return analysis_numbers.interval_bar(value, low, high, _COEFFICIENTS)


def cell(shown: str, told: str, *, shade: float = 0.0, reach: bool = True) -> str:
    """Return a cell of a table whose colour repeats what its text says.

    Args:
        shown: The text.
        told: What a pointer tells.
        shade: How dark it is, from 0 to 1.
        reach: Whether the keyboard reaches it; not where another cell says the same.
    """
    attributes = tip(told) if reach else f' data-tip="{html.escape(told)}"'
    return f'<td style="--shade:{min(1.0, shade):.2f}"><span{attributes}>{html.escape(shown)}</span></td>'
