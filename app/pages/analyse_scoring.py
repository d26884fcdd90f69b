"""Scoring what is shown on the Analyse page and has no score yet."""

from __future__ import annotations

import html
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr

from annotations.errors import AnnotationError
from app.analysis import Shown, shown_of, unscored_items
from app.analysis_choice import read_asked
from app.item_scores import score_item
from app.problems import problem
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.analysis_parts import Asked
    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")


def score_the_rest(context: AppContext, shown: Shown | None, progress: gr.Progress) -> Asked:
    """Score what the shown choice has without a score, and return what is asked for from then on.

    Args:
        context: The open context.
        shown: What the page shows, or None where it shows nothing yet.
        progress: Is told how far it is.

    Raises:
        gradio.Error: If the database fails or the model cannot be loaded.
    """
    try:
        asked = read_asked({}) if shown is None else shown.asked
        _, tables = shown_of(context.readings, asked)
        encoder = context.encoders.get()
        model = tables.table.model
        if model is not None and model.model != encoder.checkpoint.label:
            encoder = context.encoders.get(model.model)
        # The installed weights may be newer than those of the stored scores: then all is scored anew.
        asked = replace(asked, choice=replace(asked.choice, model_sha256=encoder.weights_sha256))
        _, found = shown_of(context.readings, asked)
        left = unscored_items(found.table, encoder.weights_sha256)
    except (AnnotationError, SpecsError) as error:
        raise problem(str(error)) from error
    for item_id in progress.tqdm(left, desc="Scoring", unit="caption"):
        try:
            score_item(context, item_id, encoder)
        except (AnnotationError, SpecsError) as error:
            _LOG.warning("item %s cannot be scored: %s", item_id, error)
            gr.Warning(html.escape(f"A caption could not be scored: {error}"))
    return asked
