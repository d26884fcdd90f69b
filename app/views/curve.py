"""The curve of one caption as a plotly figure.

The figure's own colours are those of the light page; the style sheet repaints them from its variables, so the
same figure follows a change of theme without being sent again.
"""

from __future__ import annotations

import html
import math
import textwrap
from typing import Any

import plotly.graph_objects as go

from specs_core.report.wording import signed, unsigned

HEIGHT = 300
_INK, _SOFT, _LINE = "#1d2330", "#5d6779", "#e3e4e0"
_BLUE, _DIP, _BAND, _CARD = "#0072b2", "#d55e00", "#fbe9dd", "#ffffff"
# More labels than this overlap on a narrow page, as do labels nearer than this share of the width; the hover
# and the table still have every number.
_MAX_LABELS = 8
_LABEL_SHARE = 0.09
# With more units than this the points stand so close that a label would lie on the line.
_MAX_LABELLED_UNITS = 24
_HOVER_WIDTH = 48
# Characters of the sentence in an empty figure that a narrow page has room for in one line.
_MESSAGE_WIDTH = 34


def is_dip(delta: float | None, threshold: float) -> bool:
    """Tell whether a unit with this delta is a dip; a unit without a delta never is."""
    return delta is not None and delta < -threshold


def hover_text(text: str) -> str:
    """Break a unit's text into lines and escape it: plotly reads hover texts as HTML."""
    lines, line = [], ""
    for word in text.split():
        while len(word) > _HOVER_WIDTH:
            lines.append((line + " " + word[:_HOVER_WIDTH]).strip())
            line, word = "", word[_HOVER_WIDTH:]
        if line and len(line) + 1 + len(word) > _HOVER_WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    shown = [*lines, line][:4]
    if len(lines) + 1 > len(shown):
        shown[-1] += " …"
    return "<br>".join(html.escape(part) for part in shown)


def _labelled(units: list[dict[str, Any]], dip_numbers: list[int]) -> set[int]:
    """Choose the dips that carry a number: the deepest first, none so near to another as to overlap it."""
    chosen: set[int] = set()
    if len(units) > _MAX_LABELLED_UNITS:
        return chosen
    for number in sorted(dip_numbers, key=lambda number: units[number - 1]["delta"]):
        far_enough = all(abs(number - other) >= _LABEL_SHARE * len(units) for other in chosen)
        if far_enough and len(chosen) < _MAX_LABELS:
            chosen.add(number)
    return chosen


def curve_layout(units: int) -> go.Layout:
    """Return the frame of a figure of cosines over so many detail units, in the colours of the light page."""
    step = max(1, math.ceil(units / 14))
    axis = {"zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
    return go.Layout(
        height=HEIGHT,
        autosize=True,
        margin={"l": 52, "r": 14, "t": 12, "b": 46},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12, "color": _SOFT},
        showlegend=False,
        hovermode="x",
        hoverdistance=60,
        dragmode=False,
        hoverlabel={
            "align": "left",
            "bgcolor": _CARD,
            "bordercolor": _LINE,
            "font": {"color": _INK, "size": 13},
        },
        uirevision="curve",
        xaxis={
            **axis,
            "title": {"text": "detail unit, in reading order", "standoff": 8, "font": {"size": 12}},
            "range": [0.5, max(units, 1) + 0.5],
            "tickmode": "array",
            "tickvals": list(range(1, units + 1, step)),
            "showgrid": False,
        },
        yaxis={
            **axis,
            "title": {"text": "cosine", "standoff": 6, "font": {"size": 12}},
            "gridcolor": _LINE,
            "nticks": 6,
            "tickformat": ".2f",
        },
    )


def empty_figure(message: str = "") -> go.Figure:
    """Return the frame of a curve without one, with a plain sentence in its place."""
    layout = curve_layout(10)
    layout.yaxis.range = [0, 1]
    layout.yaxis.showticklabels = False
    layout.hovermode = False
    if message:
        layout.annotations = [
            {
                "text": "<br>".join(html.escape(line) for line in textwrap.wrap(message, _MESSAGE_WIDTH)),
                "x": 0.5,
                "y": 0.55,
                "xref": "paper",
                "yref": "paper",
                "showarrow": False,
                "font": {"size": 14, "color": _SOFT},
            }
        ]
    return go.Figure(layout=layout)


def curve_figure(record: dict[str, Any], *, threshold: float = 0.0) -> go.Figure:
    """Draw the similarity after each detail unit, with the dips in a second colour and as triangles.

    Shape number i is the band behind unit i (the page marks the chosen unit there); trace 0 is the line with
    a point for every unit, trace 1 the dips, and of a changed caption trace 2 the curve before the change.

    Args:
        record: A curve as ``specs_core.curve.curve_record`` gives it, or as ``app.what_if.merged_record``
            does.
        threshold: A dip is a delta below minus this, in cosine.
    """
    units = record["units"]
    similarity = [unit["similarity"] for unit in units]
    dips = [is_dip(unit["delta"], threshold) for unit in units]
    numbers = list(range(1, len(units) + 1))
    hover = [
        f"<b>{number} · {hover_text(unit['text'])}</b><br>cosine {unsigned(unit['similarity'])}"
        + ("" if unit["delta"] is None else f" &nbsp; delta {html.escape(signed(unit['delta']))}")
        + (" &nbsp; ▼ dip" if dip else "")
        if unit["similarity"] is not None
        else ""
        for number, unit, dip in zip(numbers, units, dips, strict=True)
    ]
    line = go.Scatter(
        x=numbers,
        y=similarity,
        mode="lines+markers",
        line={"color": _BLUE, "width": 2.5},
        # A dip's point is drawn by the second trace; here it keeps its place in the line and in the hover.
        marker={
            "size": [0 if dip else 10 for dip in dips],
            "color": _CARD,
            "opacity": 1,
            "line": {"color": _BLUE, "width": 2.5},
        },
        text=hover,
        hovertemplate="%{text}<extra></extra>",
        cliponaxis=False,
        # The line goes on over a unit that is switched off; what lies beyond the context stands at the end.
        connectgaps=True,
    )
    dip_numbers = [number for number, dip in zip(numbers, dips, strict=True) if dip]
    labelled = _labelled(units, dip_numbers)
    marks = go.Scatter(
        x=dip_numbers,
        y=[similarity[number - 1] for number in dip_numbers],
        mode="markers+text",
        marker={"symbol": "triangle-down", "size": 15, "color": _DIP, "line": {"width": 0}},
        text=[
            f"<b>{html.escape(signed(units[number - 1]['delta']))}</b>" if number in labelled else ""
            for number in dip_numbers
        ],
        textposition="bottom center",
        textfont={"color": _DIP, "size": 12},
        hoverinfo="skip",
        cliponaxis=False,
    )
    layout = curve_layout(len(units))
    layout.shapes = [
        {
            "type": "rect",
            "layer": "below",
            "xref": "x",
            "yref": "paper",
            "x0": number - 0.5,
            "x1": number + 0.5,
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
            "fillcolor": _BAND,
            "opacity": 1 if dip else 0,
        }
        for number, dip in zip(numbers, dips, strict=True)
    ]
    off = [bool(unit.get("off")) for unit in units]
    beyond = [n for n, value, no in zip(numbers, similarity, off, strict=True) if value is None and not no]
    if beyond:
        layout.annotations = [
            {
                "text": "beyond the context: not read",
                "x": (beyond[0] + beyond[-1]) / 2,
                "y": 0.5,
                "yref": "paper",
                "textangle": 0 if len(beyond) > len(units) / 4 else -90,
                "showarrow": False,
                "font": {"size": 12, "color": _SOFT},
            }
        ]
    before = [unit.get("before") for unit in units]
    known = [value for value in (*similarity, *before) if value is not None]
    if known:
        low, high = min(known), max(known)
        room = max(high - low, 0.02)
        # More room below than above, for the labels under the dips.
        layout.yaxis.range = [low - 0.18 * room, high + 0.1 * room]
        layout.yaxis.tickformat = ".2f" if room > 0.08 else ".3f"
    changed = [_line_before(numbers, before)] if any("off" in unit for unit in units) else []
    return go.Figure(data=[line, marks, *changed], layout=layout)


def _line_before(numbers: list[int], before: list[float | None]) -> go.Scatter:
    return go.Scatter(
        x=numbers,
        y=before,
        mode="lines",
        line={"color": _SOFT, "width": 2, "dash": "dot"},
        hoverinfo="skip",
        cliponaxis=False,
        connectgaps=True,
    )
