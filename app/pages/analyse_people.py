"""The part of the Analyse page on people among themselves: the numbers first, then their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.analysis.people import AT_ONCE, PeopleReport, people_report
from app.analysis_parts import N_RESAMPLES, SEED, Part, Reading
from app.views.analysis_people import people_view

if TYPE_CHECKING:
    from app.context import AppContext


def build(_context: AppContext) -> Part:
    """Lay the part out, and return how it is filled."""
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Column(elem_id="analyse-people", elem_classes="ra-root ra-card", visible=False) as card:
        gr.HTML('<div class="ra-head">People among themselves</div>', **plain)
        body = gr.HTML("", elem_id="analyse-people-body", **plain)

    def view(reading: Reading, found: PeopleReport, computing: int = 0) -> str:
        asked = reading.asked
        return people_view(found, question=asked.question, computing=computing, choice=asked.choice)

    def show(reading: Reading) -> tuple[Any, ...]:
        found = report_of(reading, n_resamples=0)
        return gr.update(visible=True), view(reading, found, computing=N_RESAMPLES)

    def later(reading: Reading) -> tuple[Any, ...]:
        found = reading.once(
            ("people", N_RESAMPLES, SEED), lambda: report_of(reading, n_resamples=N_RESAMPLES)
        )
        return gr.skip(), view(reading, found)

    return Part(outputs=[card, body], show=show, blank=(gr.update(visible=False), ""), later=later)


def report_of(reading: Reading, *, n_resamples: int) -> PeopleReport:
    """Compare the people whose ratings a page shows; of many ratings a random sample.

    Raises:
        AnnotationError: If the database fails.
    """
    return people_report(
        reading.table,
        reading.units(),
        reading.battles(),
        at_most=AT_ONCE,
        n_resamples=n_resamples,
        seed=SEED,
    )
