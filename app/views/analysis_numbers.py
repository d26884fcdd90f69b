"""How the Analyse page writes its figures: numbers, intervals, bars on one axis, and what a pointer tells."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BAR_WIDTH: Final = 240
_BAR_EDGE: Final = 8
_ENDS: Final = (0.0, -0.25, -0.5, -1.0)


@dataclass(frozen=True)
class Axis:
    """One line on which several values stand.

    Attributes:
        low: Value at its left end.
        high: Value at its right end.
        ticks: Values that are written above it.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return where a value stands in a drawing `BAR_WIDTH` wide, from the left; ends are kept to."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return _BAR_EDGE + share * (BAR_WIDTH - 2 * _BAR_EDGE)


def signed(value: float, digits: int = 2) -> str:
    """Return a number with a real minus; a dash where there is none, and no minus before zero."""
    if math.isnan(value):
        return "—"
    return f"{'−' if round(value, digits) < 0 else ''}{abs(value):.{digits}f}"


def interval(low: float, high: float) -> str:
    """Return both ends of an interval, or a dash where there is none; an open end is said in words."""
    if math.isnan(low) and math.isnan(high):
        return "—"
    if math.isnan(high):
        return f"from {signed(low)}"
    return f"{signed(low)} to {signed(high)}"


def tip(text: str) -> str:
    """Return the attributes of an element that tells more at the pointer and at the keyboard."""
    return f' tabindex="0" class="an-tip" data-tip="{html.escape(text)}"'


def twin(words: str) -> str:
    """Return what will stand in a place, unseen, so that the place is large enough before it comes.

    Args:
        words: Plain text or HTML of this package's own.
    """
    return f'<span class="an-twin" aria-hidden="true">{words}</span>'


def correlation_axis(values: Iterable[float], *, spread: float) -> Axis:
    """Return the axis on which correlations stand: 1 at the right, and at the left as little as will do.

    It must not change when the intervals come, so it leaves them room beforehand.

    Args:
        values: The correlations; NaN is passed over.
        spread: How far an interval may reach to the left of a value.
    """
    known = [value for value in values if not math.isnan(value)]
    lowest = min(known, default=0.0) - (spread if known else 0)
    low = next((end for end in _ENDS if end <= lowest), -1.0)
    return Axis(low, 1.0, tuple(dict.fromkeys((low, 0.0, 0.5, 1.0))))


def axis_from_one(values: Iterable[float]) -> Axis:
    """Return the axis of 1 / r², which begins at 1 and on which smaller is better."""
    known = [value for value in values if not math.isnan(value)]
    high = min(100.0, max(4.0, math.ceil(1.5 * max(known, default=4.0))))
    return Axis(1.0, high, (1.0, high))


def axis_head(axis: Axis) -> str:
    """Return the numbers above an axis, as an SVG drawing."""
    texts = []
    for tick in axis.ticks:
        anchor = "start" if tick == axis.low else "end" if tick == axis.high else "middle"
        at = axis.place(tick) + {"start": -_BAR_EDGE, "end": _BAR_EDGE, "middle": 0}[anchor]
        written = f"{tick:g}".replace("-", "−")
        texts.append(f'<text x="{at:.1f}" y="11" text-anchor="{anchor}">{written}</text>')
    return f'<svg viewBox="0 0 {BAR_WIDTH} 14" aria-hidden="true">{"".join(texts)}</svg>'


def interval_bar(value: float, low: float, high: float, axis: Axis) -> str:
    """Draw a value and its interval on an axis, as SVG; the numbers beside it say the same.

    An end beyond the axis is drawn as an arrow.

    Args:
        value: NaN leaves the axis empty.
        low: Lower end of the interval, or NaN.
        high: Upper end, or NaN.
        axis: The one that all rows share.
    """
    right = BAR_WIDTH - _BAR_EDGE
    parts = [f'<line class="an-track" x1="{_BAR_EDGE}" x2="{right}" y1="8" y2="8"/>']
    if axis.low < 0 < axis.high:
        zero = axis.place(0)
        parts.append(f'<line class="an-zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="3" y2="13"/>')
    if not math.isnan(low):
        end = axis.high if math.isnan(high) else high
        parts.append(
            f'<line class="an-interval" x1="{axis.place(low):.1f}" x2="{axis.place(end):.1f}" y1="8" y2="8"/>'
        )
        if low < axis.low:
            parts.append(f'<path class="an-beyond" d="M{_BAR_EDGE - 6} 8l6 -4v8z"/>')
        if math.isnan(high) or high > axis.high:
            parts.append(f'<path class="an-beyond" d="M{right + 6} 8l-6 -4v8z"/>')
    if not math.isnan(value):
        parts.append(f'<circle class="an-value" cx="{axis.place(value):.1f}" cy="8" r="5"/>')
    return f'<svg viewBox="0 0 {BAR_WIDTH} 16" aria-hidden="true">{"".join(parts)}</svg>'


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(names: Sequence[str]) -> str:
    """Return names as one reads a list."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
