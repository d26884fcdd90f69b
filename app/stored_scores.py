"""The table between the metric and the ratings: what a curve's record puts into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine

from annotations.scores import save_scores

METRIC: Final = "specs"


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
