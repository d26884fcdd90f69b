"""The Inspect page: an image and a caption in, the curve over the caption's detail units out."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

if TYPE_CHECKING:
    from app.context import AppContext


@dataclass(frozen=True)
class InspectPage:
    """What the frame needs of the Inspect page.

    Attributes:
        rate_button: The button that hands the shown caption to the Rate page.
        hand_over: Stores the shown item and returns the pair that the Rate page waits for.
        hand_over_inputs: The components that ``hand_over`` reads.
    """

    rate_button: gr.Button
    hand_over: Callable[..., tuple[str, int]]
    hand_over_inputs: list[Any]


def model_chip(name: str) -> str:
    """Return the header's chip with the chosen model's name, domain and context length."""
    return f'<span class="lens-chip">{html.escape(name)}</span>'


def build(context: AppContext, tab: gr.Tab, chip: gr.HTML) -> InspectPage:
    """Lay out the page inside the current tab."""
    serial = gr.State(0)
    button = gr.Button("Rate this caption")

    def hand_over(number: int) -> tuple[str, int]:
        raise gr.Error("Score a caption first.")

    return InspectPage(button, hand_over, [serial])
