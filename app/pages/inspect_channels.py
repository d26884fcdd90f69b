"""What the Inspect page's scripts ask the server once a caption is scored: evidence and what-if."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.errors import AnnotationError
from app.addresses import store_link
from app.answers import FormError, as_form
from app.evidence import Evidence, gather
from app.evidence import kept as kept_evidence
from app.heat import heat_answer
from app.inspection import Inspection
from app.pages.channel import answer, channel, no_answer
from app.problems import problem
from app.reporting import Outcome, Report, in_steps
from app.reports import make_report
from app.shown import current
from app.views.evidence import evidence_view
from app.views.what_if import correction_view, what_if_view
from app.what_if import WhatIf, correct, merged_record, what_if
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")
_TOLD = (FormError, AnnotationError, SpecsError)


@dataclass(frozen=True)
class InspectChannels:
    """The lines to the server, and what the server remembers of a page beside the scored caption.

    Attributes:
        evidence: Answers with `evidence_view`.
        what_if: Answers with `what_if_view`, or with ``reset`` once nothing is changed.
        correction: Answers with how far the search is, then with `correction_view`.
        heat_map: Answers with `heat_answer`.
        report: Answers with `make_report`.
        share: Answers with the id of the stored item.
        adopt: Puts the changed caption into the caption field.
        open: Opens the item and the settings of an address.
        settings: Opens the settings of an address without an item.
        gathered: The `Evidence` that there is.
        edited: The `WhatIf` that is shown.
    """

    evidence: gr.HTML
    what_if: gr.HTML
    correction: gr.HTML
    heat_map: gr.HTML
    report: gr.HTML
    share: gr.HTML
    adopt: gr.HTML
    open: gr.HTML
    settings: gr.HTML
    gathered: gr.State
    edited: gr.State


def channels() -> InspectChannels:
    """Make the components."""
    names = ("evidence", "what-if", "correction", "heat-map", "report", "share", "adopt", "open", "settings")
    return InspectChannels(
        *map(channel, names),
        gathered=gr.State(None),
        edited=gr.State(None),
    )


def wire(
    context: AppContext,
    lines: InspectChannels,
    *,
    state: gr.State,
    threshold: gr.Slider,
    plot: gr.Plot,
    draw: Callable[[dict[str, Any], float], Any],
    within_range: Callable[[float], float],
) -> list[Any]:
    """Answer what the page's scripts ask.

    Args:
        context: The open context of the running app.
        lines: From `channels`.
        state: The scored caption that is shown.
        threshold: The dip threshold.
        plot: The curve.
        draw: Makes the value of ``plot`` of a record and a threshold.
        within_range: Checks a threshold.

    Returns:
        The events that a new scoring ends: nobody waits for what they find any more.
    """

    def tell_evidence(
        shown: Inspection | None, cut: float, known: Evidence | None, event: gr.EventData
    ) -> Iterator[tuple[Evidence, dict[str, Any]]]:
        try:
            scored = current(shown, event._data)
            ready = kept_evidence(known, scored)
            # Asked again, such as for another threshold, it is told and not worked out anew.
            steps = [ready] if ready is not None and ready.step is None else gather(context, scored)
            for found in steps:
                view = evidence_view(found, scored.record, threshold=within_range(cut))
                yield found, answer(view, event._data)
        except _TOLD as error:
            _LOG.info("no evidence: %s", error)
            yield gr.skip(), no_answer(error, event._data)

    def tell_what_if(shown: Inspection | None, cut: float, event: gr.EventData) -> tuple[Any, ...]:
        try:
            scored = current(shown, event._data)
            if as_form(event._data).get("rows") is None:
                reset = {"view": "reset", "serial": str(scored.serial)}
                return None, draw(scored.record, cut), answer(reset, event._data)
            edited = what_if(context, scored, event._data)
        except _TOLD as error:
            _LOG.info("no what-if: %s", error)
            return gr.skip(), gr.skip(), no_answer(error, event._data)
        view = what_if_view(scored, edited, threshold=within_range(cut))
        return edited, draw(merged_record(scored, edited), cut), answer(view, event._data)

    def tell_correction(
        shown: Inspection | None, cut: float, event: gr.EventData
    ) -> Iterator[dict[str, Any]]:
        try:
            scored = current(shown, event._data)

            def work(report: Report) -> Any:
                return correct(context, scored, event._data, threshold=within_range(cut), on_progress=report)

            for came in in_steps(work):
                if isinstance(came, Outcome):
                    yield answer(correction_view(*came.value, scored.serial), event._data)
                else:
                    yield answer({"view": "step", "step": [came.done, came.total]}, event._data)
        except _TOLD as error:
            _LOG.info("no correction: %s", error)
            yield no_answer(error, event._data)

    def tell_heat(shown: Inspection | None, event: gr.EventData) -> dict[str, Any]:
        try:
            found = heat_answer(context, current(shown, event._data), event._data)
            return answer(found, event._data)
        except _TOLD as error:
            _LOG.info("no heat map: %s", error)
            return no_answer(error, event._data)

    def tell_report(
        shown: Inspection | None, known: Evidence | None, cut: float, event: gr.EventData
    ) -> dict[str, Any]:
        try:
            scored = current(shown, event._data)
            return answer(make_report(context, scored, known, threshold=within_range(cut)), event._data)
        except _TOLD as error:
            _LOG.info("no report: %s", error)
            return no_answer(error, event._data)

    def tell_item(shown: Inspection | None, event: gr.EventData) -> dict[str, Any]:
        try:
            scored = current(shown, event._data)
            stored = {"view": "item", "serial": str(scored.serial), "item": store_link(context, scored)}
            return answer(stored, event._data)
        except _TOLD as error:
            return no_answer(error, event._data)
        except OSError as error:
            _LOG.warning("an item was not stored: %s", error)
            return no_answer("the image cannot be stored; try again later", event._data)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    model_work: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, **quiet}
    # Seconds on a large model: nobody's score or what-if waits for them.
    long_work: dict[str, Any] = {"concurrency_id": "evidence", "concurrency_limit": 1, **quiet}
    gathering = lines.evidence.ask(
        tell_evidence,
        [state, threshold, lines.gathered],
        [lines.gathered, lines.evidence],
        trigger_mode="always_last",
        **long_work,
    )
    lines.what_if.ask(
        tell_what_if,
        [state, threshold],
        [lines.edited, plot, lines.what_if],
        trigger_mode="always_last",
        **model_work,
    )
    correcting = lines.correction.ask(tell_correction, [state, threshold], lines.correction, **long_work)
    lines.heat_map.ask(tell_heat, state, lines.heat_map, trigger_mode="always_last", **model_work)
    lines.report.ask(tell_report, [state, lines.gathered, threshold], lines.report, **model_work)
    lines.share.ask(tell_item, state, lines.share, concurrency_id="save", concurrency_limit=4, **quiet)
    return [gathering, correcting]


def changed_caption(shown: Inspection | None, edited: WhatIf | None) -> str:
    """Return the changed caption, to be scored as the caption.

    Raises:
        gradio.Error: If there is none.
    """
    if shown is None or edited is None or edited.serial != shown.serial:
        raise problem("Nothing is changed; switch a unit off, edit one or add one first.")
    return edited.caption
