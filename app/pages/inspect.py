"""The Inspect page: an image and a caption in, the curve over the caption's detail units out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

from app.addresses import NamedItem, open_item, read_settings, recognise
from app.default_thresholds import default_of, default_of_choice, origin, value_of
from app.evidence import Evidence
from app.evidence import kept as kept_evidence
from app.examples import load_examples
from app.inspection import MAX_THRESHOLD, Inspection, inspect_caption
from app.models import chip_text, choice_of, chosen_checkpoint, describe
from app.pages import inspect_channels, unit_editor
from app.pages.channel import answer
from app.pages.choices import model_and_units
from app.pages.hosts import host, script, scripted_host, text_html
from app.pages.inspect_channels import changed_caption
from app.picture_input import PictureInput, checked_image, picture_input
from app.problems import problem, shown_on_page
from app.rating import send_to_be_rated
from app.sessions import account_of_request, require
from app.views.curve import curve_figure, empty_figure
from app.views.evidence import evidence_view
from app.views.inspection import inspection_view, legend, photograph_notice
from app.views.units import editing_view
from app.views.what_if import what_if_view
from app.what_if import WhatIf, merged_record
from app.what_if import kept as kept_what_if

if TYPE_CHECKING:
    from app.context import AppContext

_EMPTY_CURVE = "The curve appears here: add an image and a caption and press Score, or choose an example."
_SCRIPTS = (
    "nodes.js",
    "inspect_parts.js",
    "inspect_view.js",
    "what_if.js",
    "picture.js",
    "address.js",
)
_GO_ON = """() => { document.dispatchEvent(new CustomEvent("lens-not-scored")); }"""


@dataclass(frozen=True)
class InspectPage:
    """What the frame needs of the Inspect page.

    Attributes:
        open_address: Opens the item that an event names; it is shown only to whoever may see it.
        opened: What `open_address` fills.
        rate_button: The button that hands the shown caption to the Rate page.
        hand_over: Stores the shown item and returns the pair that the Rate page waits for.
        hand_over_inputs: The components that ``hand_over`` reads.
        compare_button: The button that hands image and caption to the Compare page.
        image: The image field.
        caption: The caption field.
    """

    open_address: Callable[..., tuple[Any, ...]]
    opened: list[Any]
    rate_button: gr.Button
    hand_over: Callable[..., tuple[str, int]]
    hand_over_inputs: list[Any]
    compare_button: gr.Button
    image: PictureInput
    caption: gr.Textbox


def build(context: AppContext, tab: gr.Tab, chip: gr.HTML) -> InspectPage:
    """Lay out the page inside the current tab.

    Args:
        context: The open context of the running app.
        tab: The tab that the page stands in.
        chip: The header's chip, which names the chosen model.
    """
    state = gr.State(None)
    opened = gr.State(None)
    # Whether the threshold is the visitor's own: moved by them, or named by the address.
    is_own = gr.State(False)
    with gr.Row(elem_classes="lens-two", equal_height=False):
        with gr.Column(elem_classes="lens-col", elem_id="inspect-inputs"):
            with gr.Column(elem_classes="lens-card lens-picture"):
                image = picture_input(elem_id="image", height=330)
                host("picture-tools")
            with gr.Column(elem_classes="lens-card"):
                caption = gr.Textbox(
                    label="Caption (Ctrl+Enter scores it)",
                    lines=5,
                    max_lines=12,
                    placeholder="Describe the image in detail; the score is made for 60 tokens and more.",
                    elem_id="caption",
                )
                with gr.Row(elem_classes="lens-choices"):
                    model, segmenter = model_and_units(context.settings)
                    score_button = gr.Button("Score", variant="primary", elem_id="score-button", min_width=80)
                model_note = text_html(describe(context.settings, model.value), elem_id="model-note")
            examples = _examples_card()
        with gr.Column(elem_classes="lens-col", elem_id="inspect-results"):
            with gr.Column(
                elem_classes="lens-card lens-notice", elem_id="photo-notice", visible=False
            ) as photo:
                gr.HTML(photograph_notice(), js_on_load=None, apply_default_css=False)
                switch_button = gr.Button(
                    "Download specs and switch to it", size="sm", elem_id="switch-button"
                )
            host("notices")
            with gr.Column(elem_classes="lens-card", elem_id="curve-card"):
                host("headline")
                plot = gr.Plot(
                    empty_figure(_EMPTY_CURVE),
                    show_label=False,
                    elem_id="curve",
                    elem_classes="lens-curve",
                    container=False,
                )
                threshold = gr.Slider(
                    0,
                    MAX_THRESHOLD,
                    value=0,
                    step=0.001,
                    elem_id="threshold",
                    buttons=[],
                    label="Dip threshold: a fall of more than this, in cosine, is a dip",
                )
                threshold_note = text_html("", elem_id="threshold-note")
            with gr.Column(elem_classes="lens-card", elem_id="caption-card"):
                editor = unit_editor.component()
                host("units")
                gr.HTML(legend(), js_on_load=None, apply_default_css=False, elem_id="legend")
            with gr.Column(elem_classes="lens-card lens-needs-result", elem_id="details-card"):
                host("details")
                host("what-if")
            with gr.Column(elem_classes="lens-card lens-needs-result", elem_id="table-card"):
                host("units-table")
                with gr.Row(elem_classes="lens-actions"):
                    host("downloads")
                    compare_button = gr.Button("Compare captions →", size="sm", elem_id="to-compare")
                    rate_button = gr.Button("Rate this caption →", size="sm", elem_id="rate-button")
    inspection = gr.HTML(
        None,
        html_template=" ",
        js_on_load=script(*_SCRIPTS),
        apply_default_css=False,
        elem_id="inspection",
    )
    lines = inspect_channels.channels()

    def within_range(cut: float) -> float:
        # Zero first: max() keeps it when the other value is not a number, which an event can send.
        return min(max(0.0, float(cut)), MAX_THRESHOLD)

    def view_of(shown: Inspection, cut: float) -> dict[str, Any]:
        return inspection_view(
            shown.record,
            context_length=shown.context_length,
            threshold=cut,
            notes=shown.notes,
            serial=shown.serial,
            item=shown.item,
            settings={
                "model": choice_of(context.settings, shown.model),
                "segmenter": shown.automatic.segmenter,
                "threshold": cut,
                "default": value_of(default_of(context, shown.weights_sha256)),
            },
        )

    def figure_of(record: dict[str, Any], cut: float) -> Any:
        return curve_figure(record, threshold=within_range(cut))

    def draw(shown: Inspection, cut: float, gathered: Evidence | None = None) -> tuple[Any, Any, Any]:
        cut, known = within_range(cut), kept_evidence(gathered, shown)
        evidence = gr.skip() if known is None else answer(evidence_view(known, shown.record, threshold=cut))
        return figure_of(shown.record, cut), view_of(shown, cut), evidence

    def score(
        path: str | None,
        text: str | None,
        chosen: str | None,
        units: str,
        cut: float,
        own: bool,
        named: NamedItem | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio finds it by this default
    ) -> tuple[Any, ...]:
        with shown_on_page():
            scored = inspect_caption(
                context,
                image_path=path,
                caption=text,
                model=chosen_checkpoint(context.settings, chosen).name,
                segmenter=units,
                on_stage=lambda share, words: progress(share, desc=words),
                on_download=_download_progress(progress),
            )
            shown = recognise(context, scored, named)
            default = default_of(context, shown.weights_sha256)
            begins = within_range(cut) if own else value_of(default)
            drawn = draw(shown, begins)
        return (
            shown,
            *drawn,
            editing_view(shown),
            gr.Column(visible=shown.needs_other_model),
            # A slider that stands there already may have been moved meanwhile.
            gr.update() if begins == cut else gr.update(value=begins),
            origin(default),
        )

    def redraw(
        shown: Inspection | None, cut: float, gathered: Evidence | None, edited: WhatIf | None
    ) -> tuple[Any, ...]:
        if shown is None:
            return (gr.skip(),) * 4
        cut = within_range(cut)
        figure, view, evidence = draw(shown, cut, gathered)
        changed = kept_what_if(edited, shown)
        return (
            figure if changed is None else figure_of(merged_record(shown, changed), cut),
            view,
            evidence,
            gr.skip() if changed is None else answer(what_if_view(shown, changed, threshold=cut)),
        )

    def tell_model(chosen: str, own: bool) -> tuple[Any, ...]:
        with shown_on_page():
            told = describe(context.settings, chosen), chip_text(context.settings, chosen)
            return (*told, *starting(chosen, own))

    def starting(chosen: str | None, own: bool) -> tuple[Any, str]:
        default = default_of_choice(context, chosen)
        return gr.update() if own else gr.update(value=value_of(default)), origin(default)

    def switch_to_specs(progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008 - as above
        with shown_on_page():
            progress(0.01, desc="Asking for the file of specs")
            context.encoders.get("specs", on_progress=_download_progress(progress))
        return gr.Dropdown(value="specs")

    def open_settings(own: bool, event: gr.EventData) -> tuple[Any, ...]:
        with shown_on_page():
            chosen = read_settings(context, event._data)
            start, note = starting(chosen.model, own)
        names_one = chosen.threshold is not None
        # Gradio has no value that leaves a component as it is in the midst of others but an empty update.
        model_and_cut = (
            gr.update() if value is None else gr.update(value=value)
            for value in (chosen.model, chosen.segmenter)
        )
        cut = gr.update(value=chosen.threshold) if names_one else start
        return (*model_and_cut, cut, note, True if names_one else gr.skip())

    def open_address(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        # Where the address names no threshold, the scoring that follows finds the one to start at.
        settings = open_settings(True, event)
        with shown_on_page():
            named, picture = open_item(context, event._data, account_of_request(context, request))
        return (named, picture, named.caption, *settings)

    def use_example(event: gr.EventData) -> tuple[Any, str]:
        drawn = load_examples()
        data = event._data if isinstance(event._data, dict) else {}
        index = data.get("index")
        if not isinstance(index, int) or not 0 <= index < len(drawn):
            raise problem("There is no such example.")
        with Image.open(drawn[index].path) as opened:
            picture = opened.convert("RGB")
        return picture, drawn[index].false_caption if data.get("version") == "false" else drawn[index].caption

    def hand_over(shown: Inspection | None, request: gr.Request) -> tuple[str, int]:
        if shown is None:
            raise problem("Score a caption first; then it can be rated.")
        with shown_on_page():
            rater = require(context, request).name
            return send_to_be_rated(context, shown, rater), time.monotonic_ns()

    model_work: dict[str, Any] = {
        "concurrency_id": "model",
        "concurrency_limit": 1,
        "api_visibility": "private",
        "show_progress_on": plot,
    }
    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
    scoring: dict[str, Any] = {
        "fn": score,
        "inputs": [image, caption, model, segmenter, threshold, is_own, opened],
        "outputs": [state, plot, inspection, lines.evidence, editor, photo, threshold, threshold_note],
        **model_work,
    }
    scoring["cancels"] = inspect_channels.wire(
        context,
        lines,
        state=state,
        threshold=threshold,
        plot=plot,
        draw=figure_of,
        within_range=within_range,
    )

    def score_on(event: Callable[..., Any]) -> None:
        # A scoring that fails has ended what was being gathered of the caption that stays on the page.
        event(**scoring).failure(None, js=_GO_ON, api_visibility="private")

    score_on(score_button.click)
    score_on(lines.adopt.ask(changed_caption, [state, lines.edited], caption, **quick).success)
    threshold.change(
        redraw,
        [state, threshold, lines.gathered, lines.edited],
        [plot, inspection, lines.evidence, lines.what_if],
        trigger_mode="always_last",
        **quick,
    )
    # The picture that is chosen while the last one is still being taken away is looked at as well.
    image.input(checked_image, image, image, trigger_mode="always_last", **quick)
    threshold.input(lambda: True, None, is_own, **quick)
    model.change(tell_model, [model, is_own], [model_note, chip, threshold, threshold_note], **quick)
    settings: list[Any] = [model, segmenter, threshold, threshold_note, is_own]
    lines.settings.ask(open_settings, is_own, settings, **quick)
    address = [opened, image, caption, *settings]
    score_on(lines.open.ask(open_address, None, address, **quick).success)
    score_on(switch_button.click(switch_to_specs, None, model, **model_work).success)
    if examples is not None:
        score_on(examples.choose(use_example, None, [image, caption], **quick).success)
    unit_editor.wire(
        context,
        editor,
        state=state,
        plot=plot,
        inspection=inspection,
        evidence=lines.evidence,
        gathered=lines.gathered,
        threshold=threshold,
        draw=draw,
    )
    return InspectPage(open_address, address, rate_button, hand_over, [state], compare_button, image, caption)


def _download_progress(progress: gr.Progress) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        megabytes = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total else f"{done / 1e6:,.0f} MB"
        progress(done / total if total else 0.5, desc=f"Downloading the model: {megabytes}")

    return report


def _examples_card() -> gr.HTML | None:
    drawn = load_examples()
    if not drawn:
        return None
    with gr.Column(elem_classes="lens-card", elem_id="examples-card"):
        return scripted_host(
            [
                {"image": f"/static/lens/examples/{example.image}", "false": example.false_text}
                for example in drawn
            ],
            "examples_view.js",
            elem_id="examples",
        )
