"""The part of the Analyse page on people among themselves: the numbers first, then their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.analysis.people import AT_ONCE, PeopleReport, people_report
from app.analysis import reading_of, shown_of
from app.analysis_parts import N_RESAMPLES, SEED, Asked, Part, Reading
from app.problems import shown_on_page
from app.sessions import require
from app.views.analysis_people import people_view

if TYPE_CHECKING:
    from app.context import AppContext


def build(context: AppContext) -> Part:
    """Lay the part out, wire the intervals, and return how it is filled.

    Args:
        context: The open context of the running app.
    """
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Column(elem_id="analyse-people", elem_classes="ra-root ra-card", visible=False) as card:
        gr.HTML('<div class="ra-head">People among themselves</div>', **plain)
        body = gr.HTML("", elem_id="analyse-people-body", **plain)
        wanted, complete = gr.State(None), gr.State(None)

    def show(reading: Reading) -> tuple[Any, ...]:
        found = report_of(reading, n_resamples=0)
        shown = people_view(found, question=reading.asked.question, computing=True)
        return gr.update(visible=True), shown, reading.asked, None

    def intervals(wanted: Asked | None, complete: Asked | None, request: gr.Request) -> tuple[Any, Any]:
        """Add the intervals; where another choice came in between, this is called again for that one."""
        with shown_on_page():
            require(context, request, "adjudicator", "admin")
            if wanted is None or wanted == complete:
                return gr.skip(), gr.skip()
            shown, tables = shown_of(context.readings, wanted)
            found = tables.once(
                ("people", N_RESAMPLES, SEED),
                lambda: report_of(reading_of(shown, tables), n_resamples=N_RESAMPLES),
            )
        return people_view(found, question=wanted.question), wanted

    body.change(
        intervals,
        [wanted, complete],
        [body, complete],
        api_visibility="private",
        show_progress="hidden",
        concurrency_id="analyse-later",
        concurrency_limit=2,
        trigger_mode="always_last",
    )
    return Part(
        outputs=[card, body, wanted, complete], show=show, blank=(gr.update(visible=False), "", None, None)
    )


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
