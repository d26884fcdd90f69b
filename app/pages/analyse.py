"""The Analyse page: the score beside what people gave, caption by caption and in three coefficients."""

from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from annotations.errors import AnnotationError
from app.analysis import N_RESAMPLES, SEED, Analysis, analyse, unscored_items
from app.item_scores import score_item
from app.problems import problem, sentence
from app.sessions import SignInError, require
from app.thumbnails import thumbnail_url
from app.views.analysis import card_data, coefficients_table, counts_card, notices, points_csv, scatter
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")
_SCRIPT = Path(__file__).parent.parent / "assets" / "analyse.js"
_ALL, _BLIND = "all ratings", "only those given before the curve was seen"
_SCATTER_HEAD = '<div class="ra-head">SPECS against people · point at a mark to see its image</div>'
_METHOD = (
    "One point a caption: its SPECS against the mean of its raters’ overall (1 to 5), pooled over images. "
    f"95 % intervals: percentile bootstrap over images ({N_RESAMPLES:,} resamples, seed {SEED}), because "
    "captions of one image are not independent. n counts captions."
)

# Gradio recognises the progress bar of a handler by this default value.
_PROGRESS = gr.Progress()


def build(context: AppContext, tab: gr.Tab) -> None:
    """Lay out the page inside the current tab.

    Args:
        context: The open context of the running app.
        tab: The tab that the page stands in; choosing it reads the ratings anew.
    """
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False, "elem_classes": "ra-root"}
    with gr.Row(elem_id="analyse-main"):
        with gr.Column(elem_id="analyse-side", elem_classes="ra-root"):
            counts = gr.HTML("", elem_id="analyse-counts", **plain)
            with gr.Column(elem_id="analyse-choice", elem_classes="ra-card", visible=False) as choice:
                model = gr.Dropdown([], label="Model and weights", elem_id="analyse-model", filterable=False)
                which = gr.Radio([_ALL, _BLIND], value=_ALL, label="Ratings", elem_id="analyse-which")
            with gr.Row(elem_id="analyse-actions"):
                again = gr.Button("Refresh", elem_id="analyse-refresh")
                score = gr.Button(
                    "Score the rest", variant="primary", visible=False, elem_id="analyse-score-rest"
                )
        with gr.Column(elem_id="analyse-results"):
            table = gr.HTML("", elem_id="analyse-table", **plain)
            with gr.Row(elem_id="analyse-scatter", visible=False, elem_classes="ra-root ra-card") as pictured:
                gr.HTML(_SCATTER_HEAD, elem_id="analyse-scatter-head", **plain)
                plot = gr.Plot(elem_id="analyse-plot", show_label=False, container=False)
                card = gr.HTML(
                    value={"points": []},
                    html_template=" ",
                    js_on_load=_SCRIPT.read_text(encoding="utf-8"),
                    apply_default_css=False,
                    elem_id="analyse-card",
                    elem_classes="ra-root",
                )
    outputs = [counts, choice, model, table, pictured, plot, card, score]

    def show(sha256: str | None, ratings: str, request: gr.Request) -> tuple[Any, ...]:
        try:
            require(context, request, "adjudicator", "admin")
        except SignInError as error:
            return _refusal(sentence(str(error)))
        except AnnotationError as error:
            raise problem(str(error)) from error
        try:
            found = analyse(context.engine, model_sha256=sha256, blind_only=ratings == _BLIND)
        except AnnotationError as error:
            _LOG.exception("the analysis cannot be read")
            raise problem(str(error)) from error
        return _page(found)

    def score_rest(
        sha256: str | None, ratings: str, request: gr.Request, progress: gr.Progress = _PROGRESS
    ) -> tuple[Any, ...]:
        try:
            require(context, request, "adjudicator", "admin")
            chosen = analyse(context.engine, model_sha256=sha256).chosen
            encoder = context.encoders.get()
            if chosen is not None and chosen.model != encoder.checkpoint.label:
                encoder = context.encoders.get(chosen.model)
            # The installed weights may be newer than those of the stored scores: then all is scored anew.
            left = unscored_items(context.engine, encoder.weights_sha256)
        except (SignInError, AnnotationError, SpecsError) as error:
            raise problem(str(error)) from error
        for item_id in progress.tqdm(left, desc="Scoring", unit="caption"):
            try:
                score_item(context, item_id, encoder)
            except (AnnotationError, SpecsError) as error:
                _LOG.warning("item %s cannot be scored: %s", item_id, error)
                gr.Warning(html.escape(f"A caption could not be scored: {error}"))
        return show(encoder.weights_sha256, ratings, request)

    reading: dict[str, Any] = {
        "inputs": [model, which],
        "outputs": outputs,
        "api_visibility": "private",
        "concurrency_id": "analyse",
        "concurrency_limit": 2,
        "show_progress": "hidden",
    }
    tab.select(show, **reading)
    again.click(show, **reading)
    model.input(show, **reading)
    which.input(show, **reading)
    score.click(
        score_rest,
        inputs=[model, which],
        outputs=outputs,
        api_visibility="private",
        concurrency_id="model",
        concurrency_limit=1,
        show_progress="minimal",
    )


def _refusal(told: str) -> tuple[Any, ...]:
    """Return the page for whoever may not see it: what people said is not for those who are still to rate."""
    return (
        f'<div class="ra-card"><div class="ra-head">Analysis</div><p>{html.escape(told)}</p>'
        '<p class="ra-soft">What others have answered is shown to adjudicators and admins only, so that no '
        "rater is led by it.</p></div>",
        gr.Column(visible=False),
        gr.Dropdown(choices=[], value=None),
        "",
        gr.Row(visible=False),
        None,
        {"points": [], "csv": ""},
        gr.Button(visible=False),
    )


def _page(found: Analysis) -> tuple[Any, ...]:
    name = found.chosen.model if found.chosen else ""
    sha256 = found.chosen.model_sha256 if found.chosen else ""
    urls = [thumbnail_url(point.image_id) for point in found.points]
    unscored = found.counts.without_score
    return (
        f'<div class="ra-card">{counts_card(found.counts, model=name, model_sha256=sha256)}</div>',
        gr.Column(visible=bool(found.models)),
        gr.Dropdown(
            choices=[(choice.label, choice.model_sha256) for choice in found.models],
            value=sha256 or None,
            interactive=len(found.models) > 1,
        ),
        _results(found),
        gr.Row(visible=bool(found.points)),
        scatter(found.points) if found.points else None,
        {
            "points": card_data(found.points, urls),
            "csv": points_csv(found.points, model=name, model_sha256=sha256),
        },
        gr.Button(f"Score the {unscored} left" if unscored > 1 else "Score it", visible=unscored > 0),
    )


def _results(found: Analysis) -> str:
    told = "".join(
        f'<li class="ra-problem">{html.escape(note)}</li>'
        for note in notices(found.counts, found.coefficients)
    )
    notes = f'<ul class="an-notes">{told}</ul>' if told else ""
    if not found.coefficients:
        return (
            '<div class="ra-card"><div class="ra-head">Agreement with people</div>'
            f"<h2>Not enough to correlate yet</h2>{notes}"
            '<p class="ra-soft an-next">Score captions on Inspect, press “Rate this caption”, and rate them; '
            "every rated caption becomes a point here.</p></div>"
        )
    return (
        '<div class="ra-card"><div class="ra-head">Agreement with people</div>'
        f'{coefficients_table(found.coefficients)}<p class="ra-soft an-next">{_METHOD}</p>{notes}</div>'
    )
