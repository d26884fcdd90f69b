"""Figures of values with their intervals: metrics side by side, systems, and coefficients by length."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

import plotly.graph_objects as go

from annotations.analysis.figure_frame import CHOSEN, GREY, INK, PALE, figure_of, span, with_legend
from annotations.analysis.metric_names import metric_name
from annotations.analysis.table import SENTINELS
from annotations.correlation import Statistic
from annotations.length_effects import Bucket
from annotations.ranking import Ranking

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
# Filled and open ones in turn; none of them is a triangle, which marks dips.
_SYMBOLS: Final = ("square", "diamond", "circle-open", "square-open", "diamond-open", "cross", "x", "star")
_ROW: Final = 34
# On a phone the names above stand one or two to a line; the plot below them keeps its height.
_NAME: Final = 18
_LONGEST_NAME: Final = 28


@dataclass(frozen=True)
class Entry:
    """One line of a forest plot.

    Attributes:
        name: For example of a metric.
        value: NaN where there is none: the line stands empty.
        low: Lower end of the interval, or NaN.
        high: Upper end, or NaN.
        kind: ``chosen`` is blue, ``other`` dark grey, ``sentinel`` and ``ceiling`` pale grey.
        cluster: Its rank group, or "".
    """

    name: str
    value: float
    low: float
    high: float
    kind: Literal["chosen", "other", "sentinel", "ceiling"] = "other"
    cluster: str = ""


def kind_of(name: str, chosen: str) -> Literal["chosen", "other", "sentinel"]:
    """Say how a metric is drawn.

    Args:
        name: Of the metric.
        chosen: The metric that was chosen.
    """
    if name == chosen:
        return "chosen"
    return "sentinel" if name in SENTINELS else "other"


def length_lines(buckets: Sequence[Bucket], *, coefficient: str, chosen: str) -> go.Figure:
    """Draw a coefficient by length of the captions, with intervals, one line a metric.

    Args:
        buckets: The shortest first.
        coefficient: ``pearson_r``, ``spearman_rho`` or ``kendall_tau_b``.
        chosen: The metric that was chosen, drawn in blue and above the others.
    """
    names = list(buckets[0].coefficients) if buckets else []
    order = sorted(names, key=lambda name: name == chosen)
    traces = []
    for place, name in enumerate(order):
        found = [bucket.coefficients[name][coefficient] for bucket in buckets]
        # Side by side, so that intervals do not cover each other.
        shift = 0.5 * ((place + 0.5) / len(order) - 0.5)
        traces += _series(name, found, [at + shift for at in range(len(buckets))], place, chosen)
    figure = figure_of(traces, uirevision="length", height=300 + _NAME * len(names))
    labels = [f"{_tokens(bucket)}<br>n = {bucket.n:,}<br>{bucket.n_groups:,} images" for bucket in buckets]
    figure.update_xaxes(
        title={"text": "tokens of the caption", "standoff": 12},
        tickvals=list(range(len(buckets))),
        ticktext=labels,
        # On a phone four of them stand side by side; upright they would take half of the plot.
        tickangle=0,
        tickfont_size=11,
        range=[-0.5, len(buckets) - 0.5],
        showgrid=False,
    )
    figure.update_yaxes(title_text=coefficient)
    figure.add_hline(y=0, line={"color": PALE, "width": 1})
    return with_legend(figure)


def strengths(ranking: Ranking) -> go.Figure:
    """Draw Bradley-Terry strengths with their intervals, the strongest on top.

    Args:
        ranking: With one system or more.
    """
    entries = [
        Entry(
            str(name) or "unknown system",
            system.strength.value,
            system.strength.low,
            system.strength.high,
            "chosen",
            "" if system.cluster is None else str(system.cluster),
        )
        for name, system in ranking.systems.items()
    ]
    return forest(entries, name="strength (log-odds)")


def forest(entries: Sequence[Entry], *, name: str, limits: tuple[float, float] | None = None) -> go.Figure:
    """Draw values with their intervals on one axis, one line each, the first on top.

    Args:
        entries: In the order in which they stand.
        name: Of the axis.
        limits: Where the axis begins and ends, or None.
    """
    traces = []
    for kind in dict.fromkeys(entry.kind for entry in entries):
        rows = [at for at, entry in enumerate(entries) if entry.kind == kind]
        of = [entries[at] for at in rows]
        colour = {"chosen": CHOSEN, "other": INK}.get(kind, PALE)
        traces.append(_intervals(of, rows, colour=colour, upright=False))
        traces.append(
            go.Scatter(
                x=[entry.value for entry in of],
                y=rows,
                mode="markers",
                marker={
                    "size": 10,
                    "color": colour,
                    "symbol": {"sentinel": "circle-open", "ceiling": "line-ns-open"}.get(kind, "circle"),
                    "line": {"width": 2 if kind in ("sentinel", "ceiling") else 0, "color": colour},
                },
                customdata=[[escape(entry.name), _interval(entry)] for entry in of],
                hovertemplate="%{customdata[0]}: %{x:.3f} %{customdata[1]}<extra></extra>",
            )
        )
    figure = figure_of(traces, uirevision="forest", height=74 + _ROW * max(1, len(entries)))
    figure.update_yaxes(
        tickvals=list(range(len(entries))),
        ticktext=[_label(entry) for entry in entries],
        range=[len(entries) - 0.4, -0.6],
        showgrid=False,
        showline=False,
    )
    figure.update_xaxes(title_text=escape(name), **span(limits or _ends(entries)))
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    for at in range(1, len(entries)):
        before, here = entries[at - 1].cluster, entries[at].cluster
        if before and here and before != here:
            figure.add_hline(y=at - 0.5, line={"color": PALE, "width": 1, "dash": "dot"})
    return figure


def _series(
    name: str, found: Sequence[Statistic], x: Sequence[float], place: int, chosen: str
) -> list[go.Scatter]:
    kind, shown = kind_of(name, chosen), metric_name(name)
    colour = {"chosen": CHOSEN, "other": INK, "sentinel": PALE}[kind]
    entries = [Entry(name, each.value, each.low, each.high) for each in found]
    line = go.Scatter(
        x=list(x),
        y=[each.value for each in found],
        name=escape(shown),
        mode="lines+markers",
        # First in the legend, though drawn last.
        legendrank=1 if kind == "chosen" else 1000,
        line={
            "color": colour,
            "width": 2.5 if kind == "chosen" else 1.5,
            "dash": "solid" if kind == "chosen" else _DASHES[place % len(_DASHES)],
        },
        marker={
            "size": 9 if kind == "chosen" else 7,
            "color": colour,
            "symbol": "circle" if kind == "chosen" else _SYMBOLS[place % len(_SYMBOLS)],
        },
        customdata=[[_interval(entry), each.n] for entry, each in zip(entries, found, strict=True)],
        hovertemplate="%{y:.3f} %{customdata[0]}, n = %{customdata[1]:,}<extra>"
        + _markup(shown)
        + "</extra>",
    )
    return [_intervals(entries, x, colour=colour, upright=True), line]


def _intervals(entries: Sequence[Entry], along: Sequence[float], *, colour: str, upright: bool) -> go.Scatter:
    """Draw intervals as lines of their own: a percentile interval need not hold its value."""
    ends: list[float | None] = []
    places: list[float | None] = []
    for entry, place in zip(entries, along, strict=True):
        if not (math.isnan(entry.low) or math.isnan(entry.high)):
            ends += [entry.low, entry.high, None]
            places += [place, place, None]
    x, y = (places, ends) if upright else (ends, places)
    line = {"color": colour, "width": 2}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _interval(entry: Entry) -> str:
    if math.isnan(entry.low) or math.isnan(entry.high):
        return "(no interval)"
    return f"[{entry.low:.3f}, {entry.high:.3f}]"


def _ends(entries: Sequence[Entry]) -> tuple[float, float]:
    """Return the ends of an axis that holds zero and everything that is drawn."""
    drawn = [0.0, *(at for entry in entries for at in (entry.value, entry.low, entry.high))]
    known = [at for at in drawn if not math.isnan(at)]
    low, high = min(known), max(known)
    return (low, high) if high > low else (-1.0, 1.0)


def _label(entry: Entry) -> str:
    name = entry.name
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - 1] + "…"
    group = f"  {entry.cluster}" if entry.cluster else ""
    return escape(name) + group


def _markup(text: str) -> str:
    """Escape text that stands inside a template, where plotly reads both HTML and braces."""
    return escape(text).replace("%{", "%&#123;")


def _tokens(bucket: Bucket) -> str:
    if math.isinf(bucket.high):
        return f"from {bucket.low:g}" if bucket.low else "all"
    return f"{bucket.low:g} to {bucket.high - 1:g}"
