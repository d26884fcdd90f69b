"""The part of the Analyse page on battles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.analysis.battles import battle_part
from app.analysis_parts import N_RESAMPLES, SEED, Part, Reading
from app.views.analysis_battles import battles_line, battles_view

if TYPE_CHECKING:
    from app.context import AppContext


def build(_context: AppContext) -> Part:
    """Lay the part out, and return how it is filled."""
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Column(elem_id="analyse-battles", elem_classes="ra-root ra-card", visible=False) as card:
        gr.HTML('<div class="ra-head">Battles</div>', **plain)
        body = gr.HTML("", elem_id="analyse-battles-body", **plain)

    def show(reading: Reading) -> tuple[Any, ...]:
        part = reading.once(
            "battles", lambda: battle_part(reading.battles(), n_resamples=N_RESAMPLES, seed=SEED)
        )
        return gr.Column(visible=True), battles_line(part) or battles_view(part)

    return Part(outputs=[card, body], show=show, blank=(gr.update(visible=False), ""))
