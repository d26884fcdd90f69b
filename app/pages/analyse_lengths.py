"""The part of the Analyse page on the length of captions."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.analysis.figures import length_lines
from annotations.analysis.lengths import length_part
from app.analysis_parts import N_RESAMPLES, SEED, Part, Reading
from app.views.analysis_lengths import lengths_view

if TYPE_CHECKING:
    from annotations.analysis.lengths import LengthPart
    from annotations.analysis.table import AnalysisTable
    from annotations.length_effects import Bucket
    from app.context import AppContext


def build(_context: AppContext) -> Part:
    """Lay the part out, and return how it is filled."""
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Column(elem_id="analyse-lengths", elem_classes="ra-root ra-card", visible=False) as card:
        gr.HTML('<div class="ra-head">By length of the caption</div>', **plain)
        plot = gr.Plot(
            elem_id="analyse-lengths-plot", elem_classes="an-plot", show_label=False, container=False
        )
        body = gr.HTML("", elem_id="analyse-lengths-body", **plain)

    def show(reading: Reading) -> tuple[Any, ...]:
        asked, table = reading.asked, reading.table
        if asked.question not in table.answers or not table.metrics:
            return blank
        part = reading.once(
            ("lengths", asked.question, asked.coefficient),
            lambda: _part(table, asked.question, asked.coefficient),
        )
        if not part.n_items:
            return gr.Column(visible=True), gr.Plot(visible=False), _line(part.notices)
        figure = length_lines(
            _uncrowded(part, asked.metric),
            coefficient=part.coefficient,
            chosen=asked.metric,
        )
        # Slanted, the three lines of a label cannot be read.
        figure.update_xaxes(tickangle=0, tickfont={"size": 10})
        return gr.Column(visible=True), gr.Plot(value=figure, visible=bool(part.buckets)), lengths_view(part)

    blank = (gr.update(visible=False), None, "")
    return Part(outputs=[card, plot, body], show=show, blank=blank)


def _part(table: AnalysisTable, question: str, coefficient: str) -> LengthPart:
    return length_part(
        table,
        question=question,
        coefficient=coefficient,
        n_resamples=N_RESAMPLES,
        seed=SEED,
    )


def _uncrowded(part: LengthPart, chosen: str) -> list[Bucket]:
    """Leave sentinels out of the figure; they stand in the table below it."""
    return [
        replace(
            bucket,
            coefficients={
                name: found
                for name, found in bucket.coefficients.items()
                if name == chosen or name not in part.sentinels
            },
        )
        for bucket in part.buckets
    ]


def _line(notices: tuple[str, ...]) -> str:
    return f'<p class="ra-soft an-folded">{html.escape(" ".join(notices))}</p>'
