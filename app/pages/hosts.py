"""Components that the page's scripts fill, and the scripts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

_ASSETS = Path(__file__).parent.parent / "assets"
_TEMPLATE = '<div class="lens-host"></div>'
_TEXT_SCRIPT = """
const put = () => { element.querySelector(".lens-host").textContent = props.value || ""; };
put();
watch("value", put);
"""


def script(*names: str) -> str:
    """Return scripts of the assets as one, which share their scope."""
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


def host(elem_id: str) -> gr.HTML:
    """Lay out a component that another component's script fills.

    Args:
        elem_id: The element's id; the script finds ``.lens-host`` in it.
    """
    return gr.HTML(elem_id=elem_id, html_template=_TEMPLATE, js_on_load=None, apply_default_css=False)


def scripted_host(value: Any, *names: str, elem_id: str) -> gr.HTML:
    """Lay out a component that scripts of its own fill.

    Args:
        value: What the scripts show.
        names: The scripts, in the order in which they stand.
        elem_id: The element's id.
    """
    return gr.HTML(
        value, html_template=_TEMPLATE, js_on_load=script(*names), apply_default_css=False, elem_id=elem_id
    )


def text_html(value: str, *, elem_id: str) -> gr.HTML:
    """Lay out a component that shows its value as text, whatever characters are in it."""
    return gr.HTML(
        value, html_template=_TEMPLATE, js_on_load=_TEXT_SCRIPT, apply_default_css=False, elem_id=elem_id
    )
