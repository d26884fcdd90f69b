"""The Rate page: one caption of one image at a time, blind, unit by unit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.errors import AnnotationError
from app import rating
from app.answers import FormError, read_item_id, read_text
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")
_ASSETS = Path(__file__).parent.parent / "assets"
_TOLD = (FormError, AnnotationError, SpecsError)

# The curve arrives in a component of its own: it may come when the rater has gone on to the next caption.
_CARRY_CURVE = """
watch('value', () => {
  if (props.value?.view !== 'curve') return;
  window.dispatchEvent(new CustomEvent('specs-lens-curve', {detail: props.value}));
});
"""


@dataclass(frozen=True)
class RatePage:
    """What the frame needs of the Rate page.

    Attributes:
        requested_item: An (item id, serial number) pair that another page asks this one to open, or None.
        form: The component of the form.
    """

    requested_item: gr.State
    form: gr.HTML


def build(context: AppContext, tab: gr.Tab) -> RatePage:
    """Lay out the page inside the current tab.

    Args:
        context: The open context of the running app.
        tab: The tab that the page stands in.
    """
    requested = gr.State(None)
    rater_name = gr.State("")

    def save_draft(payload: Any) -> dict[str, Any]:
        return _answer(rating.save_draft, context, payload)

    def submit_rating(payload: Any) -> dict[str, Any]:
        return _answer(rating.submit, context, payload)

    # Drafts and ratings are saved by direct calls, not through the queue: nothing that waits there, least of
    # all the model, holds up a save, and the page knows for each call whether its answer came.
    form = gr.HTML(
        value=rating.sign_in_view(),
        html_template=" ",
        js_on_load=_script("rate_parts.js", "rate.js"),
        server_functions=[save_draft, submit_rating],
        apply_default_css=False,
        elem_id="rate-form",
        elem_classes="ra-root",
    )
    curve = gr.HTML(
        value={"view": "none"},
        html_template=" ",
        js_on_load=_CARRY_CURVE,
        apply_default_css=False,
        elem_id="rate-curve-carrier",
    )

    def enter(wanted: tuple[str, int] | None, event: gr.EventData) -> tuple[dict[str, Any], str, None]:
        name = _name(event)
        return _open(context, name, wanted), name, None

    def open_requested(wanted: tuple[str, int] | None, name: str) -> tuple[Any, Any]:
        # Without a name the page asks for one first; the request is kept until then.
        if wanted is None or not name:
            return gr.skip(), gr.skip()
        return _open(context, name, wanted), None

    def go_on(event: gr.EventData) -> dict[str, Any]:
        return _open(context, _name(event), None)

    def skip(event: gr.EventData) -> dict[str, Any]:
        try:
            rating.skip(context, event._data)
        except _TOLD as error:
            return _open(context, _name(event), None, problem=_sentence(error))
        return _open(context, _name(event), None)

    def leave() -> str:
        return ""

    def reveal(event: gr.EventData) -> dict[str, Any]:
        try:
            return rating.reveal(context, event._data)
        except _TOLD as error:
            _LOG.warning("no curve after a rating: %s", error)
            item = _item(event)
            return {"view": "curve", "item": item, "problem": f"The rating is saved. {_sentence(error)}"}

    quick: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "concurrency_id": "rate",
        "concurrency_limit": 8,
    }
    form.enter(enter, inputs=requested, outputs=[form, rater_name, requested], **quick)
    form.next(go_on, outputs=form, **quick)
    form.skip(skip, outputs=form, **quick)
    form.leave(leave, outputs=rater_name, **quick)
    requested.change(open_requested, inputs=[requested, rater_name], outputs=[form, requested], **quick)
    form.reveal(
        reveal,
        outputs=curve,
        show_progress="hidden",
        api_visibility="private",
        concurrency_id="model",
        concurrency_limit=1,
    )
    return RatePage(requested, form)


def _script(*names: str) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


def _name(event: gr.EventData) -> str:
    try:
        return read_text(event._data, "rater")
    except FormError:
        return ""


def _item(event: gr.EventData) -> str | None:
    try:
        return read_item_id(event._data)
    except FormError:
        return None


def _open(
    context: AppContext, name: str, wanted: tuple[str, int] | None, *, problem: str = ""
) -> dict[str, Any]:
    """Return the page for a rater: the item that was asked for, else the next one; a bad name asks again."""
    if wanted is not None:
        try:
            return rating.requested_view(context, name, wanted[0])
        except _TOLD as error:
            problem = _sentence(error)
    try:
        return rating.next_view(context, name, problem=problem)
    except _TOLD as error:
        return rating.sign_in_view(_sentence(error))


def _answer(
    action: Callable[[AppContext, object], dict[str, Any]], context: AppContext, payload: object
) -> dict[str, Any]:
    try:
        return action(context, payload)
    except _TOLD as error:
        _LOG.info("a form was not taken: %s", error)
        return {"problem": _sentence(error)}


def _sentence(error: Exception) -> str:
    text = str(error).strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
