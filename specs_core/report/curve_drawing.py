"""The curve of a caption as SVG, drawn without a script; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from specs_core.report.wording import signed, unsigned

Unit = Mapping[str, Any]

_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 10, 26, 44
_LABEL_WIDTH, _TICK_WIDTH = 50, 26  # what a delta under a dip and a number on the axis take up
_LEAST_STEP = 14  # points nearer than this leave no room for a delta between them
_UNREAD = 0.22  # the most of the width that units beyond the context take up
_BELOW = 22  # room for a delta below the lowest point


@dataclass(frozen=True)
class _Frame:
    """Where numbers lie in a drawing of a size, for U units, the first of them read, from low to high."""

    width: int
    height: int
    units: int
    read: int
    low: float
    high: float

    @property
    def floor(self) -> int:
        return self.height - _BOTTOM

    @property
    def step(self) -> float:
        """Distance of two units that are read."""
        return self._room * (1 - self._unread) / self.read if self.read else float(self._room)

    @property
    def _room(self) -> int:
        return self.width - _LEFT - _RIGHT

    @property
    def _unread(self) -> float:
        share = (self.units - self.read) / self.units
        return min(share, _UNREAD) if self.read else share

    def edge(self, index: float) -> float:
        """Where a unit's band begins."""
        if index <= self.read:
            return _LEFT + index * self.step
        share = (index - self.read) / (self.units - self.read)
        return _LEFT + self._room * (1 - self._unread * (1 - share))

    def x(self, index: int) -> float:
        return (self.edge(index) + self.edge(index + 1)) / 2

    def y(self, similarity: float) -> float:
        share = (similarity - self.low) / (self.high - self.low)
        return self.floor - _BELOW - share * (self.floor - _BELOW - _TOP)


def curve_svg(units: Sequence[Unit], *, width: int, height: int, name: str) -> str:
    """Draw the similarity after each unit; dips are triangles with their delta, uncertain units have a "?".

    Every unit has a band over the whole height with its words and numbers as a title, which browsers show on
    hover by themselves; bands and points carry `data-unit`, the unit's place from 0.

    Args:
        units: A record's units, at least one.
        width: Of the drawing, in its own units; what is written has the same size in each.
        height: Likewise.
        name: What the drawing is called, for those who do not see it.
    """
    known = [unit["similarity"] for unit in units if unit["similarity"] is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    # Differences of a few thousandths would otherwise fill the whole height.
    spare = max(0.0, 0.02 - (high - low)) / 2
    frame = _Frame(width, height, len(units), len(known), low - spare, high + spare)
    parts = [
        f'<svg class="curve" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(name)}">',
        *_axes(frame),
        *(_band(frame, index, unit) for index, unit in enumerate(units)),
        _beyond(frame, units),
        _line(frame, units),
        *_points(frame, units),
        "</svg>",
    ]
    return "".join(parts)


def tick_values(low: float, high: float, count: int = 5) -> list[float]:
    """Return about so many round numbers from low to high, low < high."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def labelled(units: Sequence[Unit], step: float) -> set[int]:
    """Choose the dips that carry their delta: the deepest first, none so near to another as to overlap it.

    Args:
        units: A record's units.
        step: Distance from one unit to the next in the drawing.
    """
    chosen: set[int] = set()
    dips = [index for index, unit in enumerate(units) if unit["dip"]]
    if step < _LEAST_STEP:
        return chosen
    for index in sorted(dips, key=lambda index: units[index]["delta"]):
        if all(abs(index - other) * step >= _LABEL_WIDTH for other in chosen):
            chosen.add(index)
    return chosen


def _axes(frame: _Frame) -> list[str]:
    values = tick_values(frame.low, frame.high)
    digits = 2 if len({f"{value:.2f}" for value in values}) == len(values) else 3
    parts = []
    for value in values:
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{frame.width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}">{unsigned(value, digits)}</text>')
    every = max(1, math.ceil(_TICK_WIDTH / frame.step))
    for index in range(0, frame.read, every):
        parts.append(
            f'<text class="number" x="{frame.x(index):.1f}" y="{frame.floor + 16}">{index + 1}</text>'
        )
    middle = (_LEFT + frame.width - _RIGHT) / 2
    parts.append(
        f'<text class="number" x="{middle:.1f}" y="{frame.height - 8}">detail unit, in reading order</text>'
    )
    parts.append(f'<text class="name" x="{_LEFT - 42}" y="14">cosine</text>')
    return parts


def _band(frame: _Frame, index: int, unit: Unit) -> str:
    kind = "band dip" if unit["dip"] else "band"
    title, left = escape(_title(index, unit)), frame.edge(index)
    return (
        f'<rect class="{kind}" data-unit="{index}" x="{left:.1f}" y="4" '
        f'width="{frame.edge(index + 1) - left:.1f}" height="{frame.floor - 4}"><title>{title}</title></rect>'
    )


def _title(index: int, unit: Unit) -> str:
    lines = [f"{index + 1} · {' '.join(unit['text'].split())}"]
    if unit["similarity"] is None:
        return f"{lines[0]}\nbeyond the context: not read"
    lines.append(f"cosine {unsigned(unit['similarity'])}")
    if unit["delta"] is not None:
        lines.append(f"delta {signed(unit['delta'])}{' ▼ dip' if unit['dip'] else ''}")
    if unit.get("leave_one_out") is not None:
        lines.append(f"left out {signed(unit['leave_one_out'])}{' ? uncertain' if unit['uncertain'] else ''}")
    return "\n".join(lines)


def _beyond(frame: _Frame, units: Sequence[Unit]) -> str:
    beyond = [index for index, unit in enumerate(units) if unit["similarity"] is None]
    if not beyond:
        return ""
    left, right = frame.edge(beyond[0]), frame.edge(beyond[-1] + 1)
    x, y = (left + right) / 2, (_TOP + frame.floor) / 2
    turned = "" if right - left > 165 else f' transform="rotate(-90 {x:.1f} {y:.1f})"'
    which = f"{beyond[0] + 1}–{beyond[-1] + 1}" if len(beyond) > 1 else str(beyond[0] + 1)
    middle = f'<text class="number" x="{x:.1f}" y="{frame.floor + 16}">{which}</text>'
    return (
        middle + f'<text class="number" x="{x:.1f}" y="{y:.1f}"{turned}>beyond the context: not read</text>'
    )


def _line(frame: _Frame, units: Sequence[Unit]) -> str:
    points = " ".join(
        f"{frame.x(index):.1f},{frame.y(unit['similarity']):.1f}"
        for index, unit in enumerate(units)
        if unit["similarity"] is not None
    )
    return f'<polyline class="line" points="{points}"/>'


def _points(frame: _Frame, units: Sequence[Unit]) -> list[str]:
    radius = 5 if frame.step > 14 else 3
    shown = labelled(units, frame.step)
    parts = []
    for index, unit in enumerate(units):
        if unit["similarity"] is None:
            continue
        x, y = frame.x(index), frame.y(unit["similarity"])
        if unit["dip"]:
            side, tall = radius + 2, radius + 3
            mark = (
                f'<path class="dip" d="M{x - side:.1f} {y - tall / 2:.1f}h{2 * side}l-{side} {tall + 2}z"/>'
            )
            if index in shown:
                # A label of a dip at either end would run out of the drawing.
                at = min(max(x, _LEFT + 22), frame.width - _RIGHT - 22)
                delta = escape(signed(unit["delta"]))
                mark += f'<text class="delta" x="{at:.1f}" y="{y + 21:.1f}">{delta}</text>'
        else:
            mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'
        if unit.get("uncertain"):
            mark += f'<text class="unsure" x="{x:.1f}" y="{y - radius - 6:.1f}">?</text>'
        parts.append(f'<g class="point" data-unit="{index}">{mark}</g>')
    return parts
