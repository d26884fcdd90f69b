"""What the Analyse page shows, from plain data: scatter, table of coefficients, counts and notices."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go

from app.views.spreadsheet import inert_cell

_BAR_WIDTH: Final = 240
_CSV_COLUMNS: Final = (
    "item_id",
    "image_id",
    "caption",
    "model",
    "model_sha256",
    "score",
    "human_overall",
    "ratings",
    "ratings_before_reveal",
)


@dataclass(frozen=True)
class Point:
    """One item in the scatter.

    Attributes:
        item_id: Of the item.
        image_id: Of its image, the cluster of the bootstrap.
        caption: The text.
        score: SPECS, in [0, 1].
        human: Mean over raters of the overall scale, in [1, 5].
        n_ratings: How many raters that is.
        n_blind: How many of them had not seen the curve before they submitted.
    """

    item_id: str
    image_id: str
    caption: str
    score: float
    human: float
    n_ratings: int
    n_blind: int


@dataclass(frozen=True)
class Coefficient:
    """One row of the table.

    Attributes:
        name: As in docs/metrics.md, for example ``kendall_tau_b``.
        definition: What it is and what it does with ties, one line.
        value: In [-1, 1]; NaN where it is undefined.
        low: Lower end of the 95 % interval, or NaN.
        high: Upper end, or NaN.
        n: Items that went in.
        note: Why it or its interval is undefined, or "".
    """

    name: str
    definition: str
    value: float
    low: float
    high: float
    n: int
    note: str = ""


@dataclass(frozen=True)
class Counts:
    """How much lies behind the numbers.

    Attributes:
        images: Distinct images among the points.
        captions: Points.
        raters: People among their ratings.
        ratings: Their ratings.
        blind: Those given before the rater had seen the curve.
        without_score: Rated items that the chosen model has not scored.
    """

    images: int
    captions: int
    raters: int
    ratings: int
    blind: int
    without_score: int


def scatter(points: Sequence[Point]) -> go.Figure:
    """Draw the score against the human overall, one mark an item.

    Colours are set by the style sheet, which follows light and dark; the hover card is drawn by the page's
    script, so the figure carries no caption at all.
    """
    figure = go.Figure(
        go.Scatter(
            x=[point.human for point in points],
            y=[point.score for point in points],
            customdata=list(range(len(points))),
            mode="markers",
            marker={"size": 10, "color": "#0072B2", "opacity": 0.55, "line": {"width": 0}},
            hoverinfo="none",
        )
    )
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 58, "r": 12, "t": 8, "b": 48},
        height=380,
        showlegend=False,
        hovermode="closest",
        hoverdistance=24,
        # Zoom and pan survive a refresh.
        uirevision="scatter",
        font={"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12, "color": "#667085"},
        xaxis={
            "title": {"text": "human overall (mean of raters)"},
            "range": [0.8, 5.2],
            "tickvals": [1, 2, 3, 4, 5],
            "zeroline": False,
            "showline": True,
            "linecolor": "#8a93a3",
            "gridcolor": "rgba(138,147,163,.18)",
        },
        yaxis={
            "title": {"text": "SPECS"},
            "zeroline": False,
            "showline": True,
            "linecolor": "#8a93a3",
            "gridcolor": "rgba(138,147,163,.18)",
            "rangemode": "normal",
        },
    )
    if len({point.score for point in points}) == 1:
        # Left to itself, Plotly draws a unit to either side, where no score can be.
        figure.update_yaxes(range=[points[0].score - 0.05, points[0].score + 0.05])
    return figure


def coefficients_table(rows: Sequence[Coefficient]) -> str:
    """Return the table of coefficients with a bar for each 95 % interval, as HTML."""
    body = "".join(_coefficient_row(row) for row in rows)
    return (
        '<table class="an-table"><thead><tr><th scope="col">statistic</th>'
        '<th scope="col" class="an-n">value</th><th scope="col" class="an-n">95 %</th>'
        '<th scope="col" class="an-bar"><span>−1</span><span>0</span><span>1</span></th>'
        '<th scope="col" class="an-n">n</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def interval_bar(value: float, low: float, high: float) -> str:
    """Return a line from -1 to 1 with the value and its interval on it, as SVG; NaN leaves it bare."""
    middle = _BAR_WIDTH / 2

    def x(number: float) -> float:
        return round(middle + max(-1.0, min(1.0, number)) * (middle - 6), 1)

    parts = [
        f'<line x1="6" x2="{_BAR_WIDTH - 6}" y1="8" y2="8" class="an-track"/>',
        f'<line x1="{middle}" x2="{middle}" y1="3" y2="13" class="an-zero"/>',
    ]
    if not (math.isnan(low) or math.isnan(high)):
        parts.append(f'<line x1="{x(low)}" x2="{x(high)}" y1="8" y2="8" class="an-interval"/>')
    if not math.isnan(value):
        parts.append(f'<circle cx="{x(value)}" cy="8" r="5" class="an-value"/>')
    return f'<svg viewBox="0 0 {_BAR_WIDTH} 16" aria-hidden="true">{"".join(parts)}</svg>'


def counts_card(counts: Counts, *, model: str, model_sha256: str) -> str:
    """Return what is shown and how much lies behind it, as HTML."""
    per_caption = f"{counts.ratings / counts.captions:.1f}" if counts.captions else "—"
    rows = [
        ("Model", f"<b>{html.escape(model)}</b>" if model else "—"),
        (
            "Weights",
            f'<code title="{html.escape(model_sha256)}">{html.escape(model_sha256[:12])}</code>'
            if model
            else "—",
        ),
        ("Images · captions · raters", f"<b>{counts.images} · {counts.captions} · {counts.raters}</b>"),
        ("Ratings", f"<b>{counts.ratings}</b>"),
        ("Ratings per caption", f"<b>{per_caption}</b>"),
        ("Given before the curve was seen", f"<b>{counts.blind}</b>"),
    ]
    if counts.without_score:
        rows.append(("Rated, not yet scored", f"<b>{counts.without_score}</b>"))
    lines = "".join(
        f'<div class="ra-row"><span>{name}</span><span>{value}</span></div>' for name, value in rows
    )
    return f'<div class="ra-head">What is shown</div>{lines}'


def notices(counts: Counts, rows: Sequence[Coefficient]) -> list[str]:
    """Return what a careful reader has to be told about these numbers, one sentence each."""
    found = []
    if counts.captions < 3:
        found.append(_missing(counts))
        return found
    for note in dict.fromkeys(row.note for row in rows if row.note):
        with_note = [row for row in rows if row.note == note]
        lead = "No correlation" if math.isnan(with_note[0].value) else "Intervals"
        of = "" if len(with_note) == len(rows) else f" of {_join([row.name for row in with_note])}"
        found.append(f"{lead}{of}: {note}.")
    if counts.images < 30:
        images = "1 image" if counts.images == 1 else f"{counts.images} images"
        found.append(f"Only {images}: below 30 the intervals are rough, and a few captions decide the value.")
    spanning = [row.name for row in rows if row.low <= 0 <= row.high]
    if spanning:
        contain = "interval of {} contains" if len(spanning) == 1 else "intervals of {} contain"
        found.append(f"The {contain.format(_join(spanning))} 0: no association is shown either way.")
    if counts.without_score:
        left_out = (
            "1 rated caption is"
            if counts.without_score == 1
            else f"{counts.without_score} rated captions are"
        )
        found.append(f"{left_out} left out, because this model has not scored them yet.")
    return found


def points_csv(points: Sequence[Point], *, model: str, model_sha256: str) -> str:
    """Return the points as CSV; text that a spreadsheet would run as a formula begins with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_CSV_COLUMNS)
    for point in points:
        writer.writerow(
            (
                point.item_id,
                point.image_id,
                inert_cell(point.caption),
                inert_cell(model),
                model_sha256,
                repr(point.score),
                repr(point.human),
                point.n_ratings,
                point.n_blind,
            )
        )
    return buffer.getvalue()


def card_data(points: Sequence[Point], urls: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the hover card needs of each point; the page's script sets it as text, never as HTML."""
    return [
        {
            "image": url,
            "caption": point.caption,
            "score": f"{point.score:.3f}",
            "human": f"{point.human:.2f}",
            "ratings": point.n_ratings,
        }
        for point, url in zip(points, urls, strict=True)
    ]


def _coefficient_row(row: Coefficient) -> str:
    interval = (
        "—" if math.isnan(row.low) or math.isnan(row.high) else f"{_signed(row.low)} to {_signed(row.high)}"
    )
    return (
        f'<tr><th scope="row"><code>{html.escape(row.name)}</code>'
        f'<span class="ra-soft">{html.escape(row.definition)}</span></th>'
        f'<td class="an-n"><b>{_signed(row.value)}</b></td><td class="an-n">{interval}</td>'
        f'<td class="an-bar">{interval_bar(row.value, row.low, row.high)}</td>'
        f'<td class="an-n">{row.n}</td></tr>'
    )


def _signed(value: float) -> str:
    if math.isnan(value):
        return "—"
    return f"{'−' if round(value, 2) < 0 else ''}{abs(value):.2f}"


def _missing(counts: Counts) -> str:
    have = {0: "There is none yet", 1: "There is one"}.get(counts.captions, f"There are {counts.captions}")
    more = {1: "one more caption", 2: "two more captions", 3: "three captions"}[3 - counts.captions]
    sentences = [
        "A correlation needs at least 3 captions that are rated and scored by one model.",
        f"{have}: rate {more}.",
    ]
    if counts.without_score == 1:
        sentences.append("One rated caption has no score from this model; press Score it.")
    elif counts.without_score:
        left = counts.without_score
        sentences.append(f"{left} rated captions have no score from this model; press Score the {left} left.")
    return " ".join(sentences)


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
