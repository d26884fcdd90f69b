"""The figures of the analysis as plotly draws them, from plain data; page and report show the same ones.

Nothing is written into a figure but axes and numbers: what it shows, its n and its definition stand beside
it. Colours are those of a light page; the page's style sheet and the report's script set those of a dark one.
"""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from annotations.analysis.figure_frame import CHOSEN, GREY, figure_of, span
from annotations.analysis.interval_figures import Entry, forest, kind_of, length_lines, strengths
from annotations.analysis.thinning import linear_fit, linear_residuals
from annotations.resampling import Counts, Floats

# One place to take any figure from.
__all__ = [
    "Entry",
    "forest",
    "histogram",
    "kind_of",
    "length_lines",
    "residuals",
    "residuals_of",
    "scatter",
    "strengths",
]

_FEW_LEVELS: Final = 40


def scatter(
    human: Floats,
    metric: Floats,
    *,
    rows: Counts,
    names: tuple[str, str],
    limits: tuple[float, float] | None = None,
    hover: bool = False,
) -> go.Figure:
    """Draw a metric against people, one mark an item, with the least-squares line.

    Args:
        human: (N,) mean of the raters; NaN where there is none.
        metric: (N,) scores; NaN where there is none.
        rows: Numbers of the items that are drawn, as `thinning.thin` chooses them; the line is of all.
        names: Of both axes: people's question, and the metric.
        limits: Lowest and highest answer that people could give, or None.
        hover: Whether plotly writes the numbers at the pointer; the page has a card of its own for that.

    Returns:
        A figure whose first trace has the number of each item in `customdata`.
    """
    x, y = human[rows], metric[rows]
    figure = figure_of([_marks(x, y, rows, hover=hover)], uirevision="scatter", height=380)
    known = ~(np.isnan(human) | np.isnan(metric))
    if known.sum() > 1 and np.ptp(human[known]) > 0:
        slope, intercept = linear_fit(human[known], metric[known])
        ends = [float(human[known].min()), float(human[known].max())]
        figure.add_trace(_rule(ends, [slope * end + intercept for end in ends]))
    figure.update_xaxes(title_text=f"human {escape(names[0])} (mean of raters)", **span(limits))
    figure.update_yaxes(title_text=escape(names[1]), rangemode="normal")
    return _roomy(figure, y)


def residuals(
    human: Floats,
    metric: Floats,
    *,
    rows: Counts,
    names: tuple[str, str],
    limits: tuple[float, float] | None = None,
    hover: bool = False,
) -> go.Figure:
    """Draw what the least-squares line leaves of a metric, one mark an item.

    Args:
        human: As for `scatter`.
        metric: As for `scatter`.
        rows: As for `scatter`.
        names: As for `scatter`.
        limits: As for `scatter`.
        hover: As for `scatter`.

    Returns:
        A figure whose first trace has the number of each item in `customdata`. Above the line the metric
        gives more than people do.
    """
    left = residuals_of(human, metric)
    figure = figure_of(
        [_marks(human[rows], left[rows], rows, hover=hover)], uirevision="residuals", height=300
    )
    figure.add_hline(y=0, line={"color": GREY, "width": 1.5})
    figure.update_xaxes(title_text=f"human {escape(names[0])} (mean of raters)", **span(limits))
    figure.update_yaxes(title_text=f"residual of {escape(names[1])}")
    return _roomy(figure, left[rows])


def residuals_of(human: Floats, metric: Floats) -> Floats:
    """Return (N,) the metric less its least-squares line in people's scores; NaN where one is missing."""
    known = ~(np.isnan(human) | np.isnan(metric))
    left = np.full(len(human), math.nan)
    left[known] = linear_residuals(human[known], metric[known])
    return left


def histogram(
    values: Floats, *, name: str, limits: tuple[float, float] | None = None, colour: str = CHOSEN
) -> go.Figure:
    """Draw how often which values come: a bar for each of few different values, else 30 bins.

    Args:
        values: (N,) NaN is left out.
        name: Of the axis.
        limits: Where the axis begins and ends, or None.
        colour: Of the bars.
    """
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) <= _FEW_LEVELS:
        centres, heights = distinct, counts
        step = float(np.diff(distinct).min()) if len(distinct) > 1 else 0.1
        labels = [f"{value:.4g}" for value in distinct]
    else:
        heights, edges = np.histogram(known, bins=30, range=limits)
        centres, step = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
        labels = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    bars = go.Bar(
        x=centres.tolist(),
        y=heights.tolist(),
        width=0.9 * step,
        marker={"color": colour, "line": {"width": 0}},
        customdata=labels,
        hovertemplate="%{customdata}: %{y:,} items<extra></extra>",
    )
    figure = figure_of([bars], uirevision="histogram", height=240)
    figure.update_xaxes(title_text=escape(name), **span(limits))
    figure.update_yaxes(title_text="items", rangemode="tozero")
    return figure


def _marks(x: Floats, y: Floats, rows: Counts, *, hover: bool) -> go.Scatter:
    said: dict[str, Any] = {"hoverinfo": "none"}
    if hover:
        said = {"hovertemplate": "human %{x:.2f}, metric %{y:.4g}<extra>row %{customdata}</extra>"}
    many = len(rows) > 400
    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        customdata=rows.tolist(),
        mode="markers",
        marker={
            "size": 6 if many else 10,
            "color": CHOSEN,
            "opacity": 0.4 if many else 0.55,
            "line": {"width": 0},
        },
        **said,
    )


def _rule(x: Sequence[float], y: Sequence[float]) -> go.Scatter:
    return go.Scatter(
        x=list(x), y=list(y), mode="lines", line={"color": GREY, "width": 1.5}, hoverinfo="skip"
    )


def _roomy(figure: go.Figure, y: Floats) -> go.Figure:
    """Give a constant side some room; left to itself, plotly draws a unit to either side."""
    known = y[~np.isnan(y)]
    if len(known) and np.ptp(known) == 0:
        figure.update_yaxes(range=[float(known[0]) - 0.05, float(known[0]) + 0.05])
    return figure
