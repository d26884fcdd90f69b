"""The choice of a model and of how captions are cut, on every page that scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from app.cuts import SEGMENTER_CHOICES
from app.models import default_choice, model_choices

if TYPE_CHECKING:
    from app.settings import Settings


def model_and_units(settings: Settings, *, prefix: str = "") -> tuple[gr.Dropdown, gr.Dropdown]:
    """Lay out the two choices in the current row, the settings' model and the first segmenter chosen.

    Args:
        settings: The settings the app was started with.
        prefix: Stands before the element ids ``model`` and ``segmenter``.
    """
    look = {"filterable": False, "min_width": 110}
    model = gr.Dropdown(
        model_choices(settings),
        value=default_choice(settings),
        label="Model",
        elem_id=f"{prefix}model",
        **look,
    )
    segmenter = gr.Dropdown(
        SEGMENTER_CHOICES,
        value=SEGMENTER_CHOICES[0][1],
        label="Units",
        elem_id=f"{prefix}segmenter",
        **look,
    )
    return model, segmenter
