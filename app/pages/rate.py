"""The Rate page: one caption of one image, or one battle, at a time; its script talks to ``/rating``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

_ASSETS = Path(__file__).parent.parent / "assets"
_SCRIPTS = (
    "rate_dom.js",
    "rate_net.js",
    "rate_keys.js",
    "rate_account.js",
    "rate_picture.js",
    "rate_form.js",
    "rate_battle.js",
    "rate_reveal.js",
    "rate.js",
)


@dataclass(frozen=True)
class RatePage:
    """What the frame needs of the Rate page.

    Attributes:
        requested_item: The component of the page; another page asks it to open an item by giving it an
            (item id, serial number) pair. The number makes a second request for the same item a change.
    """

    requested_item: gr.HTML


def build() -> RatePage:
    """Lay out the page inside the current tab.

    The page is a script and no Gradio event: what it sends goes over plain HTTP, so that nothing in the
    queue, least of all the model, holds up a save, and the page knows for each one whether its answer came.
    """
    script = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    page = gr.HTML(
        value=None,
        html_template=" ",
        js_on_load=script,
        apply_default_css=False,
        elem_id="rate-form",
        elem_classes="ra-root",
    )
    return RatePage(page)
