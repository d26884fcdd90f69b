"""The unit editor on the Inspect page: move where units begin, see the curve follow, keep the correction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.errors import AnnotationError
from app import unit_editing
from app.answers import FormError
from app.evidence import Evidence
from app.inspection import Inspection
from app.pages.channel import no_answer
from app.pages.hosts import scripted_host
from app.sessions import SignInError, require
from app.shown import current
from app.views.units import editing_view
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")
_TOLD = (FormError, SignInError, AnnotationError, SpecsError)
_SCRIPTS = ("unit_surface.js", "unit_drafts.js", "unit_editor.js")


def component() -> gr.HTML:
    """Return the editor; it has nothing to edit until a caption is scored."""
    return scripted_host(None, *_SCRIPTS, elem_id="unit-editor")


def wire(
    context: AppContext,
    editor: gr.HTML,
    *,
    state: gr.State,
    plot: gr.Plot,
    inspection: gr.HTML,
    evidence: gr.HTML,
    gathered: gr.State,
    threshold: gr.Slider,
    draw: Callable[[Inspection, float, Evidence | None], tuple[Any, Any, Any]],
) -> None:
    """Answer what the editor asks for.

    A request that cannot be met is answered in the editor itself, which keeps the person's units, and changes
    nothing else on the page.

    Args:
        context: The open context of the running app.
        editor: From `component`.
        state: The scored caption that is shown.
        plot: The curve.
        inspection: What else the page shows of the caption.
        evidence: What the page shows of the evidence.
        gathered: The evidence that there is.
        threshold: The dip threshold.
        draw: Makes the values of ``plot``, ``inspection`` and ``evidence`` of a scored caption, a threshold
            and the evidence.
    """

    def answered(
        action: Callable[[AppContext, Inspection, object], Inspection],
        shown: Inspection | None,
        cut: float,
        known: Evidence | None,
        event: gr.EventData,
    ) -> tuple[Any, ...]:
        try:
            changed = action(context, current(shown, event._data), event._data)
        except _TOLD as error:
            _LOG.info("units were not taken: %s", error)
            return *[gr.skip()] * 4, no_answer(error)
        except OSError as error:
            _LOG.warning("units were not saved: %s", error)
            return *[gr.skip()] * 4, no_answer("the image cannot be stored; try again later")
        return (changed, *draw(changed, cut, known), editing_view(changed))

    def apply(
        shown: Inspection | None, cut: float, known: Evidence | None, event: gr.EventData
    ) -> tuple[Any, ...]:
        return answered(unit_editing.apply_units, shown, cut, known, event)

    def choose(
        shown: Inspection | None, cut: float, known: Evidence | None, event: gr.EventData
    ) -> tuple[Any, ...]:
        return answered(unit_editing.choose_version, shown, cut, known, event)

    def save(
        shown: Inspection | None,
        cut: float,
        known: Evidence | None,
        event: gr.EventData,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        def as_who_is_signed_in(context: AppContext, shown: Inspection, _: object) -> Inspection:
            return unit_editing.save_units(context, shown, require(context, request).name)

        return answered(as_who_is_signed_in, shown, cut, known, event)

    common: dict[str, Any] = {
        "inputs": [state, threshold, gathered],
        "outputs": [state, plot, inspection, evidence, editor],
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    editor.apply_units(apply, concurrency_id="model", concurrency_limit=1, **common)
    editor.choose_version(choose, concurrency_id="model", concurrency_limit=1, **common)
    # Not beside a scoring: whichever answered last would put its caption's curve on the page.
    editor.save_units(save, concurrency_id="model", concurrency_limit=1, **common)
