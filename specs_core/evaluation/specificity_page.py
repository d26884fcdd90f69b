"""A specificity evaluation as one HTML page that needs nothing else."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from specs_core.encoder import Encoder
from specs_core.evaluation.specificity import TRUE, Specificity
from specs_core.evaluation.specificity_report import cut_by, kind_name, left_out_lines
from specs_core.report.document import document, inert
from specs_core.specificity import Rate

# Each kind has a colour that stands out on white and on black, a dash and a mark of its own.
_STYLES = {
    TRUE: ("#3d85c8", "solid", "circle"),
    "in_batch": ("#d9772b", "dash", "square"),
    "shuffled": ("#2e9e78", "dot", "triangle-up"),
    "hard": ("#b565b0", "dashdot", "diamond"),
}

_CSS = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --page: #ffffff; --line: #d1d9e0; }
@media (prefers-color-scheme: dark) {
  :root { --text: #f0f3f6; --soft: #a9b4c0; --page: #14181d; --line: #3b444e; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 1.25rem 1rem 3rem; background: var(--page);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; } .soft { color: var(--soft); font-size: .925rem; overflow-wrap: anywhere; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr));
  gap: 2rem 1.5rem; }
header { margin-bottom: 1.5rem; } section { min-width: 0; } .wide { grid-column: 1 / -1; }
.plot { width: 100%; height: 24rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
td.part { padding-left: 1.5rem; }
"""

# Plotly draws with the colours that it is given, so they are set again when the reader's scheme changes.
_SCRIPT = """
const dark = matchMedia("(prefers-color-scheme: dark)");
function colours() {
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue("--text").trim(), line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line };
  return { text, axis };
}
function draw() {
  const { text, axis } = colours();
  for (const plot of document.querySelectorAll(".plot")) {
    const figure = JSON.parse(document.getElementById(plot.id + "-data").textContent);
    const layout = { ...figure.layout, font: { ...figure.layout.font, color: text } };
    layout.xaxis = { ...layout.xaxis, ...axis };
    layout.yaxis = { ...layout.yaxis, ...axis };
    Plotly.react(plot, figure.data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  }
}
dark.addEventListener("change", draw);
draw();
"""


def specificity_page(result: Specificity, encoder: Encoder, *, segmenter: str) -> str:
    """Return the page: rates by kind of negative, margin sweep, text length, HiMo@K, and a table.

    Args:
        result: The evaluation.
        encoder: The model that was evaluated.
        segmenter: What cut the captions that came without units.

    Returns:
        HTML with its style, data and plotly inside; it follows the reader's light or dark scheme.
    """
    label = escape(encoder.checkpoint.label)
    notes = "".join(f'<p class="soft">{escape(line)}</p>' for line in left_out_lines(result, encoder))
    plots = [
        ("rates", "Rates by kind of unit", _rates(result), "Bars: 95 % intervals, images drawn again."),
        ("margin", "Rates that remain above a margin", _margin(result), "The gap has to exceed the margin."),
        ("tokens", "Rates by length of the text", _tokens(result), "Tokens of prefix and unit together."),
        ("himo", "HiMo@K", _himo(result), "Pearson's r of similarity and number of the prefix, mean."),
    ]
    sections = "".join(
        f'<section><h2>{title}</h2><p class="soft">{note}</p>'
        f'<div class="plot" id="{name}" role="img" aria-label="{title}, a plot; see the table"></div>'
        f'<script type="application/json" id="{name}-data">{inert(str(figure.to_json()))}</script></section>'
        for name, title, figure, note in plots
    )
    body = (
        f"<header><h1>Specificity of {label}</h1><p>{result.captions:,} captions of {result.images:,} "
        f"images, {result.units:,} units ({escape(cut_by(result, segmenter))}).</p>"
        '<p class="soft">SR_pos: share of true units with which similarity rises. SR_neg: share of false '
        f"units with which it falls.</p>{notes}</header><main>{sections}"
        f'<section class="wide"><h2>Figures</h2>{_table(result)}</section></main>'
    )
    # Plotly writes styles of its own while it runs, which a policy of hashes would forbid.
    return document(
        title=f"Specificity of {encoder.checkpoint.label}",
        body=body,
        styles=(_CSS,),
        scripts=(get_plotlyjs(), _SCRIPT),
        policy=False,
    )


def _figure(traces: list[Any], **layout: Any) -> go.Figure:
    figure = go.Figure(traces)
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13},
        margin={"l": 8, "r": 12, "t": 8, "b": 8},
        # Above the plot, where no axis title stands in its way; plotly makes room for its lines.
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "xanchor": "left", "x": 0},
        hovermode="closest",
    )
    figure.update_xaxes(automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)
    figure.update_layout(**layout)
    return figure


def _error(values: list[float], lows: list[float], highs: list[float]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, high in zip(values, highs, strict=True)],
        "arrayminus": [value - low for value, low in zip(values, lows, strict=True)],
        "thickness": 1.5,
    }


def _rates(result: Specificity) -> go.Figure:
    rates = {TRUE: result.sr_pos, **result.sr_neg}
    names = [("– " if ":" in kind else "") + kind_name(kind) for kind in rates]
    traces = []
    for label, symbol, shift, pick, span in (
        ("micro, over pairs", "circle", -0.14, _micro, _micro_span),
        ("macro, over captions", "diamond-open", 0.14, _macro, _macro_span),
    ):
        values = [pick(rate) for rate in rates.values()]
        lows, highs = zip(*(span(rate) for rate in rates.values()), strict=True)
        traces.append(
            go.Scatter(
                x=values,
                y=[row + shift for row in range(len(rates))],
                error_x=_error(values, list(lows), list(highs)),
                mode="markers",
                name=label,
                marker={"symbol": symbol, "size": 9, "color": _STYLES[TRUE if shift < 0 else "in_batch"][0]},
                customdata=names,
                hovertemplate="%{customdata}: %{x:.3f}<extra>" + label + "</extra>",
            )
        )
    axis = {
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "autorange": "reversed",
        "zeroline": False,
    }
    return _figure(traces, yaxis=axis, xaxis={"title": "rate", "range": [_floor(rates.values()), 1.01]})


def _floor(rates: Any) -> float:
    lows = [
        value
        for rate in rates
        for value in (_micro_span(rate)[0], _macro_span(rate)[0], rate.micro, rate.macro)
    ]
    known = [value for value in lows if not math.isnan(value)]
    return max(0.0, math.floor(min(known, default=0.0) * 10) / 10 - 0.02)


def _margin(result: Specificity) -> go.Figure:
    traces = []
    for kind, (micro, _) in result.sweep.items():
        if ":" in kind:
            continue
        colour, dash, _ = _STYLES[kind]
        traces.append(
            go.Scatter(
                x=result.margins,
                y=micro,
                mode="lines",
                name=kind_name(kind),
                line={"color": colour, "dash": dash, "width": 2.5},
                hovertemplate="margin %{x:.3f}: %{y:.3f}<extra>" + kind_name(kind) + "</extra>",
            )
        )
    return _figure(
        traces,
        xaxis={"title": "margin (cosine)", "rangemode": "tozero"},
        yaxis={"title": "rate, micro", "range": [0, 1.02]},
    )


def _tokens(result: Specificity) -> go.Figure:
    labels = [f"{each.low + 1}–{each.high}" if each.high else f"over {each.low}" for each in result.by_tokens]
    traces = []
    for kind, (colour, dash, symbol) in _STYLES.items():
        known = [
            (label, each.rates[kind])
            for label, each in zip(labels, result.by_tokens, strict=True)
            if kind in each.rates and each.rates[kind].pairs
        ]
        if not known:
            continue
        values = [rate.micro for _, rate in known]
        spans = [_micro_span(rate) for _, rate in known]
        traces.append(
            go.Scatter(
                x=[label for label, _ in known],
                y=values,
                error_y=_error(values, [low for low, _ in spans], [high for _, high in spans]),
                mode="lines+markers",
                name=kind_name(kind),
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol, "size": 8},
                customdata=[rate.pairs for _, rate in known],
                hovertemplate="%{x} tokens: %{y:.3f} of %{customdata} pairs<extra>"
                + kind_name(kind)
                + "</extra>",
            )
        )
    rates = [rate for each in result.by_tokens for rate in each.rates.values()]
    return _figure(
        traces,
        xaxis={"title": "tokens", "type": "category", "categoryarray": labels, "categoryorder": "array"},
        yaxis={"title": "rate, micro", "range": [_floor(rates), 1.02]},
    )


def _himo(result: Specificity) -> go.Figure:
    values = [summary.mean for summary in result.himo.values()]
    spans = [summary.interval for summary in result.himo.values()]
    trace = go.Scatter(
        x=[f"K = {k}" if k != "all" else "all" for k in result.himo],
        y=values,
        error_y=_error(values, [span.low for span in spans], [span.high for span in spans]),
        mode="markers",
        marker={"size": 10, "color": _STYLES[TRUE][0]},
        customdata=[summary.captions for summary in result.himo.values()],
        hovertemplate="%{x}: %{y:.3f} of %{customdata} captions<extra></extra>",
    )
    lows = [span.low for span in spans if not math.isnan(span.low)]
    floor = math.floor(min(lows, default=-1.0) * 10) / 10 - 0.02
    return _figure(
        [trace],
        xaxis={"title": "prefixes", "type": "category"},
        yaxis={"title": "r", "range": [floor, 1.01]},
        showlegend=False,
    )


def _table(result: Specificity) -> str:
    head = ("unit", "micro", "95 %", "macro", "95 %", "pairs", "as published")
    rows = []
    for kind, rate in {TRUE: result.sr_pos, **result.sr_neg}.items():
        published = (
            next(iter(result.published.values()), None) if kind == TRUE else result.published.get(kind)
        )
        as_published = (
            "" if published is None else _share(published.sr_pos if kind == TRUE else published.sr_neg)
        )
        cells = (
            ("SR_pos, " if kind == TRUE else "" if ":" in kind else "SR_neg, ") + kind_name(kind),
            _share(rate.micro),
            _range(_micro_span(rate)),
            _share(rate.macro),
            _range(_macro_span(rate)),
            f"{rate.pairs:,}",
            as_published,
        )
        part = ' class="part"' if ":" in kind else ""
        rows.append(f"<tr><td{part}>{escape(cells[0])}</td>" + _cells(cells[1:]) + "</tr>")
    for k, summary in result.himo.items():
        span = (summary.interval.low, summary.interval.high)
        values = ("", "", _share(summary.mean), _range(span), f"{summary.captions:,} captions", "")
        rows.append(f"<tr><td>HiMo@{k}</td>" + _cells(values) + "</tr>")
    header = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(rows)
    return f'<div class="table"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(values: tuple[str, ...]) -> str:
    return "".join(f"<td>{escape(value)}</td>" for value in values)


def _share(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3f}"


def _range(span: tuple[float, float]) -> str:
    return "" if math.isnan(span[0]) else f"{span[0]:.3f}–{span[1]:.3f}"


def _micro(rate: Rate) -> float:
    return rate.micro


def _macro(rate: Rate) -> float:
    return rate.macro


def _micro_span(rate: Rate) -> tuple[float, float]:
    return rate.micro_interval.low, rate.micro_interval.high


def _macro_span(rate: Rate) -> tuple[float, float]:
    return rate.macro_interval.low, rate.macro_interval.high
