"""Small pieces of the tables on the Analyse page: numbers, intervals, and what a pointer tells of them."""

from __future__ import annotations

import html
import math

_WIDTH = 240
_EDGE = 6


def signed(value: float, digits: int = 2) -> str:
    """Return a number with a real minus, none before zero; a dash where there is no number."""
    if math.isnan(value):
        return "—"
    return f"{'−' if round(value, digits) < 0 else ''}{abs(value):.{digits}f}"


def interval_text(low: float, high: float) -> str:
    """Return both ends of an interval, or a dash where there is none."""
    return "—" if math.isnan(low) or math.isnan(high) else f"{signed(low)} to {signed(high)}"


def interval_bar(value: float, low: float, high: float) -> str:
    """Draw a value and its interval on a line from -1 to 1, as SVG; the numbers beside it say the same."""

    def place(number: float) -> float:
        return round(_WIDTH / 2 + max(-1.0, min(1.0, number)) * (_WIDTH / 2 - _EDGE), 1)

    parts = [
        f'<line x1="{_EDGE}" x2="{_WIDTH - _EDGE}" y1="8" y2="8" class="an-track"/>',
        f'<line x1="{place(0)}" x2="{place(0)}" y1="3" y2="13" class="an-zero"/>',
    ]
    if not (math.isnan(low) or math.isnan(high)):
        parts.append(f'<line x1="{place(low)}" x2="{place(high)}" y1="8" y2="8" class="an-interval"/>')
    if not math.isnan(value):
        parts.append(f'<circle cx="{place(value)}" cy="8" r="5" class="an-value"/>')
    return f'<svg viewBox="0 0 {_WIDTH} 16" aria-hidden="true">{"".join(parts)}</svg>'


def tip(text: str) -> str:
    """Return the attributes of an element that tells more at the pointer and at the keyboard."""
    return f' tabindex="0" class="an-tip" title="{html.escape(text, quote=True)}"'


def cell(shown: str, told: str, *, shade: float = 0.0, reach: bool = True) -> str:
    """Return a cell of a table whose colour repeats what its text says.

    Args:
        shown: The text.
        told: What a pointer tells.
        shade: How dark it is, from 0 to 1.
        reach: Whether the keyboard reaches it; not where another cell says the same.
    """
    attributes = tip(told) if reach else f' title="{html.escape(told, quote=True)}"'
    return f'<td style="--shade:{min(1.0, shade):.2f}"><span{attributes}>{html.escape(shown)}</span></td>'
