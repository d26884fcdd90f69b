"""The figures on dips as plotly draws them, from a `DipPart`; page and report show the same ones.

Green is what people call supported and purple what they call hallucinated, as where they rate; blue is what
the threshold decides. The threshold that is looked at is a dotted line.
"""

import math
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from annotations.analysis.dips import DipPart
from annotations.analysis.figure_frame import CHOSEN, GREY, INK, figure_of, with_legend
from annotations.resampling import Floats

HALLUCINATED: Final = "#A23E78"
SUPPORTED: Final = "#009E73"

_HEIGHT: Final = 280
_BAND: Final = "rgba(0,114,178,.16)"
_OTHER_BAND: Final = "rgba(127,136,153,.18)"
_SHARE: Final[dict[str, Any]] = {"range": [-0.02, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1]}


def threshold_figure(part: DipPart, *, threshold: float | None = None) -> go.Figure:
    """Draw precision and recall at every threshold from 0 on, with their intervals as bands.

    Args:
        part: With units that have a majority and a delta; without any there is nothing to draw.
        threshold: The one that is marked; that of the part where not given.

    Returns:
        The figure; its traces are named after what they show.
    """
    at = part.detection.threshold if threshold is None else threshold
    sweep, grid = part.sweep, part.grid
    kept = sweep.threshold >= 0
    deepest = float(sweep.threshold[0]) if len(sweep.threshold) else 0.0
    last = max(deepest * 1.05, at * 1.05, 0.01)
    inside = grid.threshold <= last
    traces = []
    for name, band, fill in (("precision", grid.precision, _BAND), ("recall", grid.recall, _OTHER_BAND)):
        known = inside & ~np.isnan(band.low)
        x, low, high = grid.threshold[known], band.low[known], band.high[known]
        traces.append(_band(x, low, high, fill, name))
    # From the threshold of a row up to the next stricter one, exclusive, the same units are flagged. The last
    # step ends at 0, which is seldom a threshold at which anything changes.
    zero = grid.at(0.0)
    flagged = [f"{count:,}" for count in (*sweep.n_flagged[kept].tolist(), zero.n_flagged)]
    for name, values, at_zero, colour in (
        ("precision", sweep.precision[kept], zero.precision.value, CHOSEN),
        ("recall", sweep.recall[kept], zero.recall.value, GREY),
    ):
        traces.append(
            go.Scatter(
                x=[*_listed(sweep.threshold[kept]), 0.0],
                y=_listed(np.append(values, at_zero)),
                customdata=flagged,
                name=name,
                mode="lines",
                line={"color": colour, "width": 2, "shape": "vh"},
                hovertemplate=(
                    f"{name} %{{y:.2f}} at %{{x:.4f}}<br>%{{customdata}} units flagged<extra></extra>"
                ),
            )
        )
    figure = figure_of(traces, uirevision="dips-threshold", height=_HEIGHT)
    figure.update_xaxes(title_text="dip threshold (fall in cosine)", range=[0, last])
    figure.update_yaxes(title_text="share", **_SHARE)
    return with_legend(_marked(figure, at))


def precision_recall_figure(part: DipPart, *, threshold: float | None = None) -> go.Figure:
    """Draw precision against recall over all thresholds, and what chance gives.

    Args:
        part: As for `threshold_figure`.
        threshold: As for `threshold_figure`.
    """
    sweep = part.sweep
    found = part.grid.at(part.detection.threshold if threshold is None else threshold)
    flagged = [f"{at:.4f}" for at in sweep.threshold.tolist()]
    traces = [
        go.Scatter(
            x=[0, 1],
            y=[part.detection.prevalence] * 2,
            name="chance",
            mode="lines",
            line={"color": GREY, "width": 1.5, "dash": "dash"},
            hovertemplate="chance: %{y:.2f} of the units are hallucinated<extra></extra>",
        ),
        go.Scatter(
            x=_listed(sweep.recall),
            y=_listed(sweep.precision),
            customdata=flagged,
            name="all thresholds",
            mode="lines",
            line={"color": CHOSEN, "width": 2},
            hovertemplate="precision %{y:.2f}, recall %{x:.2f}<br>threshold %{customdata}<extra></extra>",
        ),
    ]
    if not math.isnan(found.precision.value) and not math.isnan(found.recall.value):
        traces.append(
            go.Scatter(
                x=[found.recall.value],
                y=[found.precision.value],
                name="this threshold",
                mode="markers",
                marker={"size": 11, "color": CHOSEN, "line": {"width": 2, "color": INK}},
                hovertemplate=(
                    f"threshold {found.threshold:.4f}<br>"
                    "precision %{y:.2f}, recall %{x:.2f}<extra></extra>"
                ),
            )
        )
    figure = figure_of(traces, uirevision="dips-precision-recall", height=_HEIGHT)
    figure.update_xaxes(title_text="recall", **_SHARE)
    figure.update_yaxes(title_text="precision", **_SHARE)
    return with_legend(figure)


def delta_figure(part: DipPart, *, threshold: float | None = None) -> go.Figure:
    """Draw how the deltas of hallucinated and of supported units are spread, each as shares of its kind.

    Args:
        part: As for `threshold_figure`.
        threshold: As for `threshold_figure`.
    """
    at = part.detection.threshold if threshold is None else threshold
    histogram = part.deltas
    edges = histogram.edges
    traces = []
    for name, counts, colour in (
        ("supported", histogram.supported, SUPPORTED),
        ("hallucinated", histogram.hallucinated, HALLUCINATED),
    ):
        total = int(counts.sum())
        if not total:
            continue
        traces.append(
            go.Bar(
                x=_listed((edges[:-1] + edges[1:]) / 2),
                y=_listed(counts / total),
                width=_listed(np.diff(edges)),
                customdata=[
                    f"{low:.3f} to {high:.3f}: {count:,} of {total:,} {name} units"
                    for low, high, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
                ],
                name=name,
                marker={"color": colour, "opacity": 0.55, "line": {"width": 0}},
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    figure = figure_of(traces, uirevision="dips-deltas", height=_HEIGHT)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title_text="delta of the unit (cosine)")
    figure.update_yaxes(title_text="share of its kind", rangemode="tozero")
    return with_legend(_marked(figure, -at))


def _band(x: Floats, low: Floats, high: Floats, colour: str, name: str) -> go.Scatter:
    return go.Scatter(
        x=[*_listed(x), *_listed(x[::-1])],
        y=[*_listed(high), *_listed(low[::-1])],
        name=f"{name}, interval",
        mode="lines",
        fill="toself",
        fillcolor=colour,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _marked(figure: go.Figure, at: float) -> go.Figure:
    figure.add_vline(at, line={"color": INK, "width": 1.5, "dash": "dot"}, name="threshold")
    return figure


def _listed(values: Floats) -> list[float | None]:
    # Plotly's own encoding of arrays cannot be read by the report's script.
    return [None if math.isnan(value) else value for value in values.tolist()]
