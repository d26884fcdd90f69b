"""The table between the metric and the ratings: what a curve puts into it, and what else belongs there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine

from annotations.scores import save_scores

METRIC: Final = "specs"

TEXT_ONLY: Final = "text_only"
"""The metric that takes another image of the campaign."""

METRICS: Final = (METRIC, "length_tokens", "clip_score", TEXT_ONLY)
"""What is stored of every caption; the names and definitions are those of `specs_core.metrics.table`."""

DEARER_METRICS: Final = ("f_clip_score",)
"""What is stored besides where somebody asks for it."""


def store_record(engine: Engine, item_id: str, record: Mapping[str, Any], *, weights_sha256: str) -> None:
    """Store the score of an item with its curve; nothing where the model could not read even the first unit.

    Args:
        engine: The open database.
        item_id: The item that was scored.
        record: From `specs_core.curve.curve_record`.
        weights_sha256: Of the model that made it.
    """
    if record["score"] is None:
        return
    save_scores(
        engine,
        item_id,
        metric=METRIC,
        model=record["model"],
        model_sha256=weights_sha256,
        score=record["score"],
        similarity=record["similarity"],
        curve=record,
    )
