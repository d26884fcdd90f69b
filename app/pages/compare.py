"""The Compare page: several captions of one image, or one caption of several images, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.comparison import LETTERS, MAX_ENTRIES, Comparison, compare_captions, compare_images
from app.models import chosen_checkpoint, describe
from app.pages.choices import model_and_units
from app.pages.hosts import host, script, text_html
from app.picture_input import (
    PictureInput,
    PicturesInput,
    checked_image,
    checked_images,
    picture_input,
)
from app.problems import problem, shown_on_page
from app.views.comparison import HEIGHT, comparison_figure, comparison_view
from app.views.curve import empty_figure

if TYPE_CHECKING:
    from app.context import AppContext

_EMPTY = (
    "The curves appear here: add an image and two captions, or a caption and two images, and press Compare."
)
_KINDS = [("captions of one image", "captions"), ("images of one caption", "images")]
_FEWEST = 2


@dataclass(frozen=True)
class ComparePage:
    """What the frame needs of the Compare page.

    Attributes:
        view: Has the event ``open_entry``, which the button in a row of the table sends.
        state: The comparison that is shown.
        entry_to_open: From the state and that event, the image's path and the caption for the Inspect page.
        take_over: From an image's path and a caption, what makes them the first of a comparison.
        take_over_outputs: The components that ``take_over`` fills.
    """

    view: gr.HTML
    state: gr.State
    entry_to_open: Callable[..., tuple[str, str]]
    take_over: Callable[[str | None, str | None], tuple[Any, ...]]
    take_over_outputs: list[Any]


@dataclass(frozen=True)
class _CaptionFields:
    """The caption fields of one image: A to E, some of them shown."""

    shown: gr.State
    rows: list[gr.Row]
    boxes: list[gr.Textbox]
    removers: list[gr.Button]
    adder: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """The components that `showing` gives new states of."""
        return [self.shown, *self.rows, *self.removers, self.adder]

    @staticmethod
    def showing(count: int) -> tuple[Any, ...]:
        """Return the states in which the first few fields are shown."""
        return (
            count,
            *(gr.Row(visible=index < count) for index in range(MAX_ENTRIES)),
            *(gr.Button(visible=count > _FEWEST) for _ in range(MAX_ENTRIES)),
            gr.Button(visible=count < MAX_ENTRIES),
        )


def build(context: AppContext) -> ComparePage:
    """Lay out the page inside the current tab.

    Args:
        context: The open context of the running app.
    """
    state = gr.State(None)
    with gr.Row(elem_classes="lens-two", equal_height=False):
        with gr.Column(elem_classes="lens-col", elem_id="compare-inputs"):
            kind = gr.Radio(
                _KINDS, value="captions", show_label=False, container=False, elem_id="compare-kind"
            )
            with gr.Column(elem_classes="lens-col", elem_id="compare-by-caption") as by_caption:
                image, fields = _caption_inputs()
            with gr.Column(elem_classes="lens-col", elem_id="compare-by-image", visible=False) as by_image:
                images, shared_caption = _image_inputs()
            with gr.Column(elem_classes="lens-card"):
                with gr.Row(elem_classes="lens-choices"):
                    model, segmenter = model_and_units(context.settings, prefix="compare-")
                    button = gr.Button("Compare", variant="primary", elem_id="compare-button", min_width=90)
                model_note = text_html(describe(context.settings, model.value), elem_id="compare-model-note")
        with gr.Column(elem_classes="lens-col", elem_id="compare-results"):
            host("compare-notices")
            with gr.Column(elem_classes="lens-card", elem_id="compare-curve-card"):
                empty = empty_figure(_EMPTY)
                empty.layout.height = HEIGHT
                plot = gr.Plot(
                    empty, show_label=False, elem_id="compare-plot", elem_classes="cmp-curve", container=False
                )
            with gr.Column(elem_classes="lens-card cmp-needs-result", elem_id="compare-table-card"):
                host("compare-table")
                host("compare-downloads")
            with gr.Column(elem_classes="lens-card cmp-needs-result", elem_id="compare-dips-card"):
                host("compare-dips")
    view = gr.HTML(
        None,
        html_template=" ",
        js_on_load=script("nodes.js", "compare.js"),
        apply_default_css=False,
        elem_id="comparison",
    )

    def compare(
        chosen_kind: str,
        path: str | None,
        shown: int,
        paths: list[str],
        text: str | None,
        chosen: str | None,
        units: str,
        # Gradio finds it by this default, and only among what stands before the captions.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
        *captions: str | None,
    ) -> tuple[Any, ...]:
        options: dict[str, Any] = {
            "segmenter": units,
            "on_stage": lambda share, words: progress(share, desc=words),
            "on_download": lambda done, total: progress(
                done / total if total else 0.5, desc=f"Downloading the model: {done / 1e6:,.0f} MB"
            ),
        }
        with shown_on_page():
            options["model"] = chosen_checkpoint(context.settings, chosen).name
            if chosen_kind == "images":
                found = compare_images(context, image_paths=paths, caption=text, **options)
            else:
                found = compare_captions(context, image_path=path, captions=captions[:shown], **options)
        return found, comparison_figure(found), comparison_view(found)

    def choose_kind(chosen_kind: str) -> tuple[Any, Any]:
        return gr.Column(visible=chosen_kind != "images"), gr.Column(visible=chosen_kind == "images")

    def tell_model(chosen: str) -> str:
        with shown_on_page():
            return describe(context.settings, chosen)

    def entry_to_open(shown: Comparison | None, event: gr.EventData) -> tuple[str, str]:
        data = event._data if isinstance(event._data, dict) else {}
        letter = data.get("letter")
        for entry in shown.entries if shown is not None else ():
            if entry.letter == letter:
                return entry.image_path, entry.caption
        raise problem("Compare something first; then one of it can be opened in Inspect.")

    def take_over(path: str | None, text: str | None) -> tuple[Any, ...]:
        return ("captions", *choose_kind("captions"), path, text or "")

    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
    button.click(
        compare,
        inputs=[kind, image, fields.shown, images, shared_caption, model, segmenter, *fields.boxes],
        outputs=[state, plot, view],
        concurrency_id="model",
        concurrency_limit=1,
        api_visibility="private",
        show_progress_on=plot,
    )
    model.change(tell_model, model, model_note, **quick)
    # What is chosen while the choice before is still being answered counts as well.
    latest: dict[str, Any] = {"trigger_mode": "always_last", **quick}
    kind.input(choose_kind, kind, [by_caption, by_image], **latest)
    image.input(checked_image, image, image, **latest)
    images.upload(checked_images, images, images, **latest)
    _wire_fields(fields, quick)
    return ComparePage(
        view, state, entry_to_open, take_over, [kind, by_caption, by_image, image, fields.boxes[0]]
    )


def _caption_inputs() -> tuple[PictureInput, _CaptionFields]:
    with gr.Column(elem_classes="lens-card"):
        image = picture_input(elem_id="compare-image", height=260)
    shown = gr.State(_FEWEST)
    rows, boxes, removers = [], [], []
    with gr.Column(elem_classes="lens-card"):
        for index, letter in enumerate(LETTERS):
            with gr.Row(visible=index < _FEWEST, elem_classes="cmp-caption") as row:
                boxes.append(
                    gr.Textbox(
                        label=f"Caption {letter}",
                        lines=3,
                        max_lines=8,
                        placeholder="A caption of the image"
                        if index == 0
                        else "Another caption of the image",
                        elem_id=f"compare-caption-{letter}",
                        min_width=120,
                    )
                )
                removers.append(
                    gr.Button(
                        "Remove",
                        size="sm",
                        visible=False,
                        elem_id=f"compare-remove-{letter}",
                        elem_classes="cmp-remove",
                        min_width=0,
                    )
                )
            rows.append(row)
        adder = gr.Button("Add a caption", size="sm", elem_id="compare-add", elem_classes="cmp-quiet")
    return image, _CaptionFields(shown, rows, boxes, removers, adder)


def _image_inputs() -> tuple[PicturesInput, gr.Textbox]:
    with gr.Column(elem_classes="lens-card"):
        images = PicturesInput(
            label="Images A to E, in this order",
            file_count="multiple",
            file_types=[".jpg", ".jpeg", ".png", ".webp"],
            elem_id="compare-images",
            height=230,
        )
    with gr.Column(elem_classes="lens-card"):
        caption = gr.Textbox(
            label="Caption",
            lines=5,
            max_lines=12,
            placeholder="The caption that is held against each image",
            elem_id="compare-caption",
        )
    return images, caption


def _wire_fields(fields: _CaptionFields, quick: dict[str, Any]) -> None:
    def add(shown: int) -> tuple[Any, ...]:
        return fields.showing(min(shown + 1, MAX_ENTRIES))

    def remove(index: int, shown: int, *texts: str | None) -> tuple[Any, ...]:
        left = [text or "" for number, text in enumerate(texts) if number != index] + [""]
        return (*fields.showing(max(shown - 1, _FEWEST)), *left)

    fields.adder.click(add, fields.shown, fields.outputs, **quick)
    for index, remover in enumerate(fields.removers):
        remover.click(
            lambda *values, index=index: remove(index, *values),
            [fields.shown, *fields.boxes],
            [*fields.outputs, *fields.boxes],
            **quick,
        )
