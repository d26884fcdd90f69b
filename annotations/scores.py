"""Metric scores of items, each with the curve behind it where there is one."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine, and_, case, insert, select, update

from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.items import find_item
from annotations.schema import scores, timestamp

MAIN_METRIC: Final = "specs"
"""Under which the scores of the app are stored, each with the similarity behind it."""

COSINE: Final = "cosine"
"""That similarity as a metric of its own; it may have rows of its own as well."""


def save_scores(
    engine: Engine,
    item_id: str,
    *,
    metric: str,
    model: str,
    model_sha256: str,
    score: float,
    similarity: float | None = None,
    curve: Mapping[str, Any] | None = None,
) -> None:
    """Write the score of an item under a metric and a model; a newer one replaces an older one.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.
        metric: Name of the metric, for example ``specs``.
        model: Name of the model.
        model_sha256: Of its weights: scores of different weights are different rows.
        score: What the metric reports.
        similarity: The cosine behind it.
        curve: The whole curve, as an object that JSON can hold.

    Raises:
        InvalidRecordError: If a number is not finite, a name is empty, or the curve is no JSON object.
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    encoded = check_score(
        item_id,
        metric=metric,
        model=model,
        model_sha256=model_sha256,
        score=score,
        similarity=similarity,
        curve=curve,
    )
    row: dict[str, object] = {
        "model": model,
        "score": float(score),
        "similarity": None if similarity is None else float(similarity),
        "curve": encoded,
        "created_at": timestamp(),
    }
    key = {"item_id": item_id, "metric": metric, "model_sha256": model_sha256}
    with writing(engine) as connection:
        row["segmenter_version"] = find_item(connection, item_id).segmenter_version or None
        same = and_(*(scores.c[name] == value for name, value in key.items()))
        if connection.execute(update(scores).where(same).values(row)).rowcount == 0:
            connection.execute(insert(scores).values(**key, **row))


def check_score(
    item_id: str,
    *,
    metric: str,
    model: str,
    model_sha256: str,
    score: float,
    similarity: float | None,
    curve: Mapping[str, Any] | None,
) -> str | None:
    """Refuse a score that cannot be kept, and return its curve as JSON, or None where there is none.

    Raises:
        InvalidRecordError: If a number is not finite, a name is empty, or the curve is no JSON object.
    """
    for name, value in (("score", score), ("similarity", similarity)):
        if value is not None and not math.isfinite(value):
            raise InvalidRecordError(
                f"the {name} of item {item_id} is {value}; only a finite number can be kept"
            )
    for name, text in (("metric", metric), ("model", model), ("model_sha256", model_sha256)):
        if not text:
            raise InvalidRecordError(f"the score of item {item_id} needs a {name}")
    try:
        return None if curve is None else json.dumps(dict(curve), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRecordError(f"the curve of item {item_id} must be a JSON object: {error}") from error


def load_curve(engine: Engine, item_id: str, *, metric: str, model_sha256: str) -> dict[str, Any] | None:
    """Read the curve of an item.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.
        metric: Name of the metric.
        model_sha256: Of the model's weights.

    Returns:
        The object given to `save_scores`, or None where there is none.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        text = connection.scalar(
            select(scores.c.curve).where(
                scores.c.item_id == item_id, scores.c.metric == metric, scores.c.model_sha256 == model_sha256
            )
        )
    return None if text is None else json.loads(text)


def find_curve(
    engine: Engine, item_id: str, *, metric: str, preferred_model: str | None = None
) -> dict[str, Any] | None:
    """Read a curve of an item, whichever model it is of.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.
        metric: Name of the metric.
        preferred_model: Name of the model whose curve comes before those of others.

    Returns:
        The object given to `save_scores`, or None where there is none.

    Raises:
        StorageError: If the database fails.
    """
    is_another = case((scores.c.model == preferred_model, 0), else_=1)
    with reading(engine) as connection:
        text = connection.scalar(
            select(scores.c.curve)
            .where(scores.c.item_id == item_id, scores.c.metric == metric, scores.c.curve.is_not(None))
            .order_by(is_another, scores.c.model_sha256)
            .limit(1)
        )
    return None if text is None else json.loads(text)
