"""What all figures of the analysis have in common: colours, fonts, axes.

Nothing is written into a figure but axes and numbers: what it shows, its n and its definition stand beside
it. Colours are those of a light page; the page's style sheet and the report's script set those of a dark one.
"""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

CHOSEN: Final = "#0072B2"
GREY: Final = "#7f8899"
# Lets the page through, so that it is quieter than the others on a light page and on a dark one.
PALE: Final = "rgba(127,136,153,.6)"
INK: Final = "#667085"

_FONT: Final = "system-ui, 'DejaVu Sans', sans-serif"
_AXIS: Final = {
    "zeroline": False,
    "showline": True,
    "linecolor": "#8a93a3",
    "gridcolor": "rgba(138,147,163,.18)",
    "automargin": True,
}


def figure_of(traces: Sequence[Any], *, uirevision: str, height: int) -> go.Figure:
    """Put traces into the frame that all figures share.

    Args:
        traces: Of plotly.
        uirevision: A name of the kind of figure; zoom and pan survive while it stays.
        height: In pixels.
    """
    figure = go.Figure(list(traces))
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 58, "r": 12, "t": 8, "b": 48},
        height=height,
        showlegend=False,
        hovermode="closest",
        hoverdistance=24,
        # Zoom and pan survive a refresh.
        uirevision=uirevision,
        font={"family": _FONT, "size": 12, "color": INK},
        xaxis=dict(_AXIS),
        yaxis=dict(_AXIS),
        bargap=0,
    )
    return figure


def span(limits: tuple[float, float] | None) -> dict[str, Any]:
    """Return the settings of an axis between two ends: a little room, and a tick at each of few whole steps.

    Args:
        limits: The ends, or None for an axis that plotly chooses.
    """
    if limits is None:
        return {}
    low, high = limits
    spare = 0.05 * (high - low)
    axis: dict[str, Any] = {"range": [low - spare, high + spare]}
    if float(low).is_integer() and float(high).is_integer() and 1 < high - low <= 10:
        axis["tickvals"] = list(range(int(low), int(high) + 1))
    return axis


def with_legend(figure: go.Figure) -> go.Figure:
    """Put the names of the traces above a figure, where no axis title stands in their way."""
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
        margin_t=30,
    )
    return figure
