"""The frame around the pages: header, tabs, theme, and what one page hands to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app import api
from app.models import chip_text
from app.pages import admin, analyse, compare, inspect, rate
from app.pages.hosts import text_html
from app.uploads import GuardedBlocks

if TYPE_CHECKING:
    from app.context import AppContext
    from app.rate_limit import RateLimit

_ASSETS = Path(__file__).parent / "assets"
_STYLES = (
    "style.css",
    "inspect.css",
    "picture.css",
    "results.css",
    "evidence.css",
    "units.css",
    "compare.css",
    "compare_results.css",
    "cards.css",
    "rate_answers.css",
    "rate_parts.css",
    "rate.css",
    "analyse.css",
    "analyse_form.css",
    "analyse_parts.css",
    "analyse_dips.css",
    "analyse_people.css",
    "admin.css",
    "admin_tables.css",
)
_SCRIPTS = ("frame.js",)
_SYSTEM_FONT = ["system-ui", "-apple-system", "Segoe UI", "DejaVu Sans", "sans-serif"]
_MONO_FONT = ["ui-monospace", "SFMono-Regular", "DejaVu Sans Mono", "monospace"]

_BRAND = (
    '<a class="lens-brand" href="/">SPECS Lens</a>'
    '<button class="lens-theme" type="button" aria-label="Switch between light and dark">'
    '<span aria-hidden="true">◐</span></button>'
)

# The page that is opened shows the result of what was handed to it; a moment later, when the fields have it.
_SCORE_ON_INSPECT = """() => { setTimeout(() => document.getElementById("score-button")?.click(), 100); }"""


def lens_theme() -> gr.themes.Base:
    """Return the Gradio theme; every colour is a variable of style.css, where light and dark are decided."""
    both = {
        "body_background_fill": "var(--paper)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--soft)",
        "background_fill_primary": "var(--card)",
        "background_fill_secondary": "var(--paper)",
        "block_background_fill": "var(--card)",
        "block_border_color": "var(--line)",
        "block_label_background_fill": "transparent",
        "block_label_text_color": "var(--soft)",
        "block_title_text_color": "var(--soft)",
        "block_info_text_color": "var(--soft)",
        "border_color_primary": "var(--line)",
        "border_color_accent": "var(--blue)",
        "color_accent_soft": "var(--chip)",
        "panel_background_fill": "var(--card)",
        "input_background_fill": "var(--card)",
        "input_border_color": "var(--line)",
        "input_border_color_focus": "var(--blue)",
        "input_placeholder_color": "var(--soft)",
        "link_text_color": "var(--blue)",
        "loader_color": "var(--blue)",
        "slider_color": "var(--blue)",
        "button_primary_background_fill": "var(--blue)",
        "button_primary_background_fill_hover": "var(--blue-strong)",
        "button_primary_text_color": "var(--on-blue)",
        "button_primary_border_color": "var(--blue)",
        "button_secondary_background_fill": "var(--card)",
        "button_secondary_background_fill_hover": "var(--chip)",
        "button_secondary_text_color": "var(--ink)",
        "button_secondary_border_color": "var(--line)",
        "checkbox_background_color": "var(--card)",
        "checkbox_background_color_selected": "var(--blue)",
        "checkbox_border_color": "var(--line)",
        "checkbox_label_background_fill": "var(--card)",
        "checkbox_label_text_color": "var(--ink)",
        "table_border_color": "var(--line)",
        "table_even_background_fill": "var(--card)",
        "table_odd_background_fill": "var(--card)",
    }
    light_only = {
        "block_radius": "12px",
        "button_large_radius": "8px",
        "button_medium_radius": "8px",
        "button_small_radius": "8px",
        "input_radius": "8px",
        "block_shadow": "none",
        "input_shadow": "none",
        "input_shadow_focus": "0 0 0 1px var(--blue)",
        "button_primary_shadow": "none",
        "button_secondary_shadow": "none",
        "layout_gap": "14px",
    }
    theme = gr.themes.Base(font=_SYSTEM_FONT, font_mono=_MONO_FONT)
    return theme.set(**both, **{f"{name}_dark": value for name, value in both.items()}, **light_only)


def page_options() -> dict[str, Any]:
    """Return the look of the page as options of ``gr.mount_gradio_app``."""
    return {
        "theme": lens_theme(),
        "css_paths": [_ASSETS / name for name in _STYLES if (_ASSETS / name).is_file()],
        "head": "\n".join(
            f'<script src="/static/lens/{name}" defer></script>'
            for name in _SCRIPTS
            if (_ASSETS / name).is_file()
        ),
    }


def build_ui(context: AppContext, api_limit: RateLimit | None) -> gr.Blocks:
    """Lay out the pages, wire what passes between them, and add the API.

    Args:
        context: The open context of the running app.
        api_limit: Of one client's calls of the API; None leaves the API out.
    """
    with GuardedBlocks(
        title="SPECS Lens", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86_400)
    ) as blocks:
        gr.HTML(_BRAND, elem_id="brand", js_on_load=None)
        chip = text_html(chip_text(context.settings, None), elem_id="chip")
        with gr.Tabs(selected="inspect", elem_id="pages") as tabs:
            with gr.Tab("Inspect", id="inspect", elem_id="page-inspect") as inspect_tab:
                inspect_page = inspect.build(context, inspect_tab, chip)
            with gr.Tab("Compare", id="compare", elem_id="page-compare"):
                compare_page = compare.build(context)
            with gr.Tab("Rate", id="rate", elem_id="page-rate"):
                rate_page = rate.build()
            with gr.Tab("Analyse", id="analyse", elem_id="page-analyse") as analyse_tab:
                analyse_page = analyse.build(context, analyse_tab)
            with gr.Tab("Admin", id="admin", elem_id="page-admin"):
                admin.build()
        # The Rate page listens to changes of `requested_item`, an (item id, serial number) pair: the number
        # makes a second request for the same item a change as well.
        inspect_page.rate_button.click(
            inspect_page.hand_over,
            inputs=inspect_page.hand_over_inputs,
            outputs=rate_page.requested_item,
            concurrency_id="save",
            concurrency_limit=4,
            api_visibility="private",
        ).success(lambda: gr.Tabs(selected="rate"), outputs=tabs, api_visibility="private", queue=False)
        inspect_page.compare_button.click(
            compare_page.take_over,
            inputs=[inspect_page.image, inspect_page.caption],
            outputs=compare_page.take_over_outputs,
            api_visibility="private",
            show_progress="hidden",
        ).success(lambda: gr.Tabs(selected="compare"), outputs=tabs, api_visibility="private", queue=False)
        compare_page.view.open_entry(
            compare_page.entry_to_open,
            inputs=compare_page.state,
            outputs=[inspect_page.image, inspect_page.caption],
            api_visibility="private",
            show_progress="hidden",
        ).success(
            lambda: gr.Tabs(selected="inspect"), outputs=tabs, api_visibility="private", queue=False
        ).success(None, js=_SCORE_ON_INSPECT, api_visibility="private")
        analyse_page.card.open_item(
            inspect_page.open_address,
            outputs=inspect_page.opened,
            api_visibility="private",
            show_progress="hidden",
        ).success(
            lambda: gr.Tabs(selected="inspect"), outputs=tabs, api_visibility="private", queue=False
        ).success(None, js=_SCORE_ON_INSPECT, api_visibility="private")
        if api_limit is not None:
            api.build(context, api_limit)
    return blocks
