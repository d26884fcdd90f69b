"""The Admin page: what the owner of a project sees and does. Its script talks to the routes of admin_api."""

from __future__ import annotations

import gradio as gr

from app.pages.hosts import script

_SCRIPTS = (
    "admin_net.js",
    "admin_shell.js",
    "admin_progress.js",
    "admin_queue.js",
    "admin_campaign.js",
    "admin_transfer.js",
    "admin_lists.js",
)


def build() -> gr.HTML:
    """Lay out the page inside the current tab, and return its component.

    The page is the same for everybody; what anybody may see or do is decided at each of its requests.
    """
    return gr.HTML(
        value="",
        html_template=" ",
        js_on_load=script(*_SCRIPTS),
        apply_default_css=False,
        elem_id="admin",
        elem_classes="ra-root",
    )
