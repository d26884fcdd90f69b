"""The metric's score of a stored item: computed, kept, and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from annotations.items import get_item
from annotations.score_queue import NewScore
from annotations.scores import find_curve
from app.image_features import ImageFeatures
from app.item_cuts import ensure_cut
from app.item_metrics import item_units, metrics_of
from app.stored_scores import METRIC, METRICS
from app.waiting_scores import save_rows
from specs_core.checkpoints import resolve

if TYPE_CHECKING:
    from app.context import AppContext
    from specs_core.encoder import Encoder


def score_item(
    context: AppContext, item_id: str, encoder: Encoder, *, metrics: Sequence[str] = METRICS
) -> dict[str, Any]:
    """Score an item as its stored units cut it, store its metrics, and return the curve's record.

    Args:
        context: The open context.
        item_id: Of the item.
        encoder: The loaded model.
        metrics: What is stored of it, the metric of the curve at least; what of the others cannot be computed
            is left to the scoring in the background, which keeps the reason.

    Raises:
        AnnotationError: If there is no such item or the database fails.
        SpecsError: If the image cannot be read.
    """
    # Imported here: the page must be up before torch is.
    from specs_core.curve import curve_of_units, curve_record

    item = ensure_cut(context, get_item(context.engine, item_id))
    images = ImageFeatures(context.engine, context.pictures, encoder)
    own, problems = images.features([item.image_id])
    if problems:
        raise problems[item.image_id]
    curve = curve_of_units(
        encoder,
        own[item.image_id],
        item_units(item),
        segmenter="stored",
        segmenter_version=item.segmenter_version,
    )
    record = curve_record(curve, encoder)
    found: list[NewScore] = []
    if record["score"] is not None:
        found.append(NewScore(item.id, item.segmenter_version, record["score"], record["similarity"], record))
    captions, wanted = images.seen_by([item], {item.id: frozenset(metrics) - {METRIC}})
    found += metrics_of(encoder, captions, wanted)[0]
    save_rows(context.engine, found, [], encoder)
    return record


def stored_curve(context: AppContext, item_id: str) -> dict[str, Any] | None:
    """Return a curve that is stored already, the default model's before any other."""
    default = resolve(context.encoders.default_name).label
    return find_curve(context.engine, item_id, metric=METRIC, preferred_model=default)


def curve_view(record: Mapping[str, Any], *, threshold: float = 0.0) -> dict[str, Any]:
    """Return what the Rate page shows of a curve's record.

    Args:
        record: From `specs_core.curve.curve_record`.
        threshold: A dip is a delta below minus this, in cosine.
    """
    units = record["units"]
    if record["score"] is None:
        return {
            "problem": "The caption's first unit is longer than the model can read, so there is no curve."
        }
    return {
        "model": record["model"],
        "score": record["score"],
        "similarity": [unit["similarity"] for unit in units],
        "delta": [unit["delta"] for unit in units],
        "dip": [unit["delta"] is not None and unit["delta"] < -threshold for unit in units],
        "threshold": threshold,
    }
