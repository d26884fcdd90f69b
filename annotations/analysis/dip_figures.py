"""Figures of dips held against verdicts: what each threshold gives, and how deltas lie."""

import plotly.graph_objects as go

from annotations.analysis.dips import DeltaHistogram
from annotations.analysis.figure_frame import CHOSEN, GREY, INK, figure_of, with_legend
from annotations.analysis.threshold_grid import ThresholdGrid

SUPPORTED = "#009E73"
"""The colour of what people call supported."""


def threshold_lines(grid: ThresholdGrid, *, threshold: float) -> go.Figure:
    """Draw precision, recall and F1 at every threshold of the grid, and the chosen one as an upright line.

    Args:
        grid: Of the dips.
        threshold: The chosen one.
    """
    traces = []
    for name, dash, colour, width in (
        ("precision", "solid", CHOSEN, 2.5),
        ("recall", "dash", INK, 2),
        ("f1", "dot", INK, 2),
    ):
        band = getattr(grid, name)
        traces.append(
            go.Scatter(
                x=grid.threshold.tolist(),
                y=band.value.tolist(),
                name=name,
                mode="lines",
                line={"color": colour, "dash": dash, "width": width},
                customdata=[
                    f"[{low:.3f}, {high:.3f}]" for low, high in zip(band.low, band.high, strict=True)
                ],
                hovertemplate="threshold %{x:.3f}: %{y:.3f} %{customdata}<extra>" + name + "</extra>",
            )
        )
    figure = figure_of(traces, uirevision="thresholds", height=320)
    flagging = grid.threshold[grid.n_flagged > 0]
    last = max([threshold, *flagging[-1:].tolist()]) or float(grid.threshold[-1])
    figure.update_xaxes(title_text="threshold (cosine)", range=[-0.02 * last, 1.04 * last])
    figure.update_yaxes(title_text="share", range=[-0.02, 1.02])
    figure.add_vline(x=threshold, line={"color": GREY, "width": 1.5, "dash": "dash"})
    return with_legend(figure)


def delta_histogram(deltas: DeltaHistogram) -> go.Figure:
    """Draw how many units have which delta, by what the majority calls them.

    Args:
        deltas: The counts; those left of zero are dips at the threshold 0.
    """
    centres = ((deltas.edges[:-1] + deltas.edges[1:]) / 2).tolist()
    width = float(deltas.edges[1] - deltas.edges[0]) if len(deltas.edges) > 1 else 1.0
    bars = [
        go.Bar(
            x=centres,
            y=counts.tolist(),
            name=name,
            width=0.94 * width,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="delta about %{x:.3f}: %{y:,} units<extra>" + name + "</extra>",
        )
        for name, counts, colour in (
            ("supported", deltas.supported, SUPPORTED),
            ("hallucinated", deltas.hallucinated, INK),
        )
    ]
    figure = figure_of(bars, uirevision="deltas", height=260)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="delta (cosine)")
    figure.update_yaxes(title_text="units", rangemode="tozero")
    figure.add_vline(x=0, line={"color": GREY, "width": 1.5})
    return with_legend(figure)
