"""The components of the Analyse page's part on dips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from annotations.analysis.dips import WAYS
from app.inspection import MAX_THRESHOLD
from app.views.analysis_dips import HEAD, plot_head

RATE: Final = 0.2
"""The false-discovery rate that the page begins with."""

FAILURE: Final = 0.1
"""The chance of breaking the promise that the page begins with."""

_UNSURE: Final = {"left_out": "nothing", "hallucinated": "hallucinated", "supported": "supported"}


@dataclass(frozen=True)
class DipFields:
    """The components of the part.

    Attributes:
        card: All of it.
        empty: Why there is nothing to draw.
        body: Everything else.
        threshold: The slider.
        figures: What the threshold gives.
        plots: By threshold, precision against recall, deltas.
        unsure: What a verdict of "unsure" counts as.
        rate: The false-discovery rate to promise.
        failure: The accepted chance of breaking the promise.
        promise: What is promised.
        use: Moves the slider to the calibrated threshold.
        make: Asks whether to make the threshold the default.
        withdraw: Asks whether to withdraw the default.
        only_admins: Who can do either, for those who cannot.
        asking: What is asked, with both answers.
        question: The words of it.
        confirm: Does what was asked.
        cancel: Does nothing.
        history: The defaults of the model.
        kept: What the server keeps of the page.
        asked: What was asked.
        stamp: Changes with every reading.
    """

    card: gr.Column
    empty: gr.HTML
    body: gr.Column
    threshold: gr.Slider
    figures: gr.HTML
    plots: tuple[gr.Plot, gr.Plot, gr.Plot]
    unsure: gr.Radio
    rate: gr.Number
    failure: gr.Number
    promise: gr.HTML
    use: gr.Button
    make: gr.Button
    withdraw: gr.Button
    only_admins: gr.HTML
    asking: gr.Column
    question: gr.HTML
    confirm: gr.Button
    cancel: gr.Button
    history: gr.HTML
    kept: gr.State
    asked: gr.State
    stamp: gr.State

    @property
    def drawn(self) -> list[Any]:
        """What depends on the threshold; a question about another one is taken back."""
        return [self.figures, *self.plots, self.asking, self.asked]

    @property
    def outputs(self) -> list[Any]:
        """All that a reading fills."""
        return [
            *(self.card, self.empty, self.body, self.threshold, *self.drawn),
            *(self.unsure, self.promise, self.use, self.history, self.kept, self.stamp),
        ]


def lay_out() -> DipFields:
    """Lay the components out inside the current column."""
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    plot: dict[str, Any] = {"show_label": False, "container": False}
    with gr.Column(elem_id="analyse-dips", elem_classes="ra-root ra-card", visible=False) as card:
        gr.HTML(f'<div class="ra-head">{HEAD}</div>', **plain)
        empty = gr.HTML("", elem_id="dips-empty", **plain)
        with gr.Column(elem_id="dips-body") as body:
            with gr.Column(elem_id="dips-side"):
                figures = gr.HTML("", elem_id="dips-figures", **plain)
                threshold = gr.Slider(
                    *(0, MAX_THRESHOLD),
                    value=0,
                    step=0.001,
                    label="Dip threshold",
                    elem_id="dips-threshold",
                    buttons=[],
                )
                unsure = gr.Radio(
                    [(_UNSURE[way], way) for way in WAYS],
                    value="left_out",
                    label="“Unsure” counts as",
                    elem_id="dips-unsure",
                )
                with gr.Row(elem_id="dips-asked"):
                    rate = _number("Promise at most this share of wrong flags", RATE, "dips-rate")
                    failure = _number("Chance that the promise fails", FAILURE, "dips-failure")
                promise = gr.HTML("", elem_id="dips-promise", **plain)
                with gr.Row(elem_id="dips-buttons"):
                    use = gr.Button("Go to the calibrated threshold", size="sm", elem_id="dips-use")
                    make = gr.Button(
                        "Make this the default for this model", size="sm", elem_id="dips-make", visible=False
                    )
                    withdraw = gr.Button(
                        "Start at 0 again", size="sm", elem_id="dips-withdraw", visible=False
                    )
                only_admins = gr.HTML(
                    '<p class="ra-soft">An admin can make a threshold the default of this model.</p>',
                    visible=False,
                    elem_id="dips-only-admins",
                    **plain,
                )
                with gr.Column(visible=False, elem_id="dips-asking", elem_classes="ra-problem") as asking:
                    question = gr.HTML("", elem_id="dips-question", **plain)
                    with gr.Row(elem_id="dips-answer"):
                        confirm = gr.Button(
                            "Yes, do so", variant="primary", size="sm", elem_id="dips-confirm"
                        )
                        cancel = gr.Button("Leave it", size="sm", elem_id="dips-cancel")
                history = gr.HTML("", elem_id="dips-history", **plain)
            with gr.Column(elem_id="dips-plots", elem_classes="dips-plots"):
                drawn = []
                for name in ("threshold", "curve", "deltas"):
                    gr.HTML(plot_head(name), **plain)
                    drawn.append(gr.Plot(elem_id=f"dips-plot-{name}", **plot))
                plots = tuple(drawn)
    return DipFields(
        **{name: value for name, value in locals().items() if name in DipFields.__dataclass_fields__},
        kept=gr.State(None),
        asked=gr.State(None),
        stamp=gr.State(None),
    )


def _number(label: str, value: float, elem_id: str) -> gr.Number:
    return gr.Number(value=value, step=0.01, label=label, elem_id=elem_id)
