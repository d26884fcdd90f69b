"""The card of one metric against people: scatter, residuals or histograms, and the points as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
import numpy as np

from annotations.analysis.figures import histogram, residuals, residuals_of, scatter
from annotations.analysis.metric_names import metric_name
from annotations.analysis.thinning import Thinned, thin
from app.pages.hosts import host, script
from app.views.analysis import drawn_note, scatter_points

if TYPE_CHECKING:
    from annotations.analysis.table import AnalysisTable
    from app.analysis import Shown, Tables

VIEWS: Final = ("scatter", "residuals", "histograms")
LISTED: Final = 200
"""Points whose captions stand in the table under the plot."""


@dataclass(frozen=True)
class ScatterCard:
    """The card's components.

    Attributes:
        row: Around all of it.
        plot: Points, or how often people's answers come.
        second: How often the metric's scores come.
        card: The script, which shows the point under the pointer; asks for ``view`` and ``open_item``.
        view: Which view is shown.
    """

    row: gr.Column
    plot: gr.Plot
    second: gr.Plot
    card: gr.HTML
    view: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What `filled` and `blank` give values for."""
        return [self.row, self.plot, self.second, self.card]


def build() -> ScatterCard:
    """Lay the card out."""
    with gr.Column(elem_id="analyse-scatter", visible=False, elem_classes="ra-root ra-card") as row:
        host("analyse-scatter-head")
        with gr.Column(elem_id="analyse-plots"):
            plot = gr.Plot(elem_id="analyse-plot", show_label=False, container=False)
            second = gr.Plot(elem_id="analyse-plot-2", show_label=False, container=False, visible=False)
        card = gr.HTML(
            value=None,
            html_template=" ",
            js_on_load=script("nodes.js", "analyse.js"),
            apply_default_css=False,
            elem_id="analyse-card",
            elem_classes="ra-root",
        )
    return ScatterCard(row, plot, second, card, gr.State("scatter"))


def blank() -> tuple[Any, ...]:
    """Return the values of a card that shows nothing."""
    return gr.Column(visible=False), None, gr.Plot(value=None, visible=False), {"points": []}


def filled(shown: Shown, tables: Tables, view: str) -> tuple[Any, ...]:
    """Return the values of the card.

    Args:
        shown: What is asked for.
        tables: What was read.
        view: One of `VIEWS`; anything else counts as the first.
    """
    asked, table = shown.asked, tables.table
    if asked.metric not in table.metrics or asked.question not in table.answers:
        return blank()
    drawn = _thinned(shown, tables)
    if len(drawn.rows) == 0:
        return blank()
    view = view if view in VIEWS else VIEWS[0]
    return gr.Column(visible=True), *_figures(table, shown, drawn, view), _card(table, shown, drawn, view)


def _thinned(shown: Shown, tables: Tables) -> Thinned:
    question, metric = shown.asked.question, shown.asked.metric
    table = tables.table
    return tables.once(
        ("thinned", question, metric), lambda: thin(table.human(question), table.metrics[metric])
    )


def _figures(table: AnalysisTable, shown: Shown, drawn: Thinned, view: str) -> tuple[Any, Any]:
    question, metric = shown.asked.question, shown.asked.metric
    human, scores, given = table.human(question), table.metrics[metric], table.answers[question]
    limits, names = (given.low, given.high), (question, metric_name(metric))
    none = gr.Plot(value=None, visible=False)
    if view == "histograms":
        known = ~(np.isnan(human) | np.isnan(scores))
        people = histogram(human[known], name=f"human {question} (mean of raters)", limits=limits)
        return people, gr.Plot(value=histogram(scores[known], name=names[1]), visible=True)
    draw = residuals if view == "residuals" else scatter
    return draw(human, scores, rows=drawn.rows, names=names, limits=limits), none


def _card(table: AnalysisTable, shown: Shown, drawn: Thinned, view: str) -> dict[str, Any]:
    question, metric = shown.asked.question, shown.asked.metric
    human, scores = table.human(question), table.metrics[metric]
    counts = np.bincount(table.answers[question].item, minlength=len(table))
    off = np.abs(residuals_of(human, scores)[drawn.rows])
    farthest = np.argsort(-off, kind="stable")[:LISTED].tolist()
    listed = len(farthest)
    return {
        # The script draws its list anew when this changes, and keeps the chosen point when it does not.
        "serial": f"{shown.stamp} {hash((shown.asked.choice, question, metric))}",
        "points": scatter_points(
            table, question=question, metric=metric, rows=drawn.rows.tolist(), counts=counts.tolist()
        ),
        "rows": [[place, table.captions[int(drawn.rows[place])]] for place in farthest],
        "rowsTold": f"the {listed:,} farthest from the line"
        if listed < drawn.n
        else "farthest from the line first",
        "told": drawn_note(len(drawn.rows), drawn.n, drawn.n_missing, metric=metric),
        "view": view,
        "metrics": [[name, metric_name(name)] for name in table.metrics],
        "metric": metric,
        "label": metric_name(metric),
        "question": question,
    }
