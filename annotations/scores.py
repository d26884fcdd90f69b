"""Metric scores of items, and the table of scores beside ratings that an analysis starts from."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, and_, case, func, insert, select, update

from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.items import find_item
from annotations.schema import answers, current_ratings, items, scores, timestamp


@dataclass(frozen=True)
class ScoredItem:
    """One item under one metric and model, beside what people think of it.

    Attributes:
        item_id: Of the item.
        campaign_id: Of its campaign.
        image_id: Of its image; the cluster for a bootstrap over images.
        caption: The text.
        source: Where the caption comes from, or None.
        segmenter_version: What cut the caption.
        metric: For example ``specs``.
        model: Name of the model.
        model_sha256: Of its weights.
        score: What the metric reports.
        similarity: The cosine in [-1, 1] behind it, or None.
        raters: How many people's ratings are averaged, at least 1.
        revealed: How many of them had seen the metric before they rated.
        answers: Mean of the raters' answers, by the name of the question.
    """

    item_id: str
    campaign_id: str
    image_id: str
    caption: str
    source: str | None
    segmenter_version: str
    metric: str
    model: str
    model_sha256: str
    score: float
    similarity: float | None
    raters: int
    revealed: int
    answers: Mapping[str, float]


@dataclass(frozen=True)
class Counts:
    """How much there is to analyse: captions and their ratings, without deleted, withdrawn and gold ones.

    Attributes:
        images: Images with at least one item.
        items: Items.
        scored: Items with at least one metric score.
        rated: Items with at least one rating.
        raters: People with at least one rating.
        ratings: Ratings, one for each person and item.
    """

    images: int
    items: int
    scored: int
    rated: int
    raters: int
    ratings: int


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


def scores_and_ratings(
    engine: Engine, *, campaign_id: str | None = None, blind_only: bool = False
) -> tuple[ScoredItem, ...]:
    """Read every caption that has both a score and a rating, once for each metric and model.

    Args:
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.
        blind_only: Whether to leave out ratings by people who had seen the metric first.

    Returns:
        One row for each item, metric and model, in the order in which the items were added. Deleted items,
        withdrawn ratings, and items to learn on or to check raters with are left out.

    Raises:
        StorageError: If the database fails.
    """
    ratings = current_ratings
    wanted = [items.c.deleted_at.is_(None), items.c.role == "regular", items.c.kind == "caption"]
    if campaign_id is not None:
        wanted.append(items.c.campaign_id == campaign_id)
    if blind_only:
        wanted.append(ratings.c.metric_revealed_at.is_(None))
    means = (
        select(ratings.c.item_id, answers.c.question, func.avg(answers.c.value))
        .join(items, items.c.id == ratings.c.item_id)
        .join(answers, answers.c.revision_id == ratings.c.id)
        .where(*wanted)
        .group_by(ratings.c.item_id, answers.c.question)
    )
    human = (
        select(
            ratings.c.item_id,
            func.count().label("raters"),
            func.count(ratings.c.metric_revealed_at).label("revealed"),
        )
        .join(items, items.c.id == ratings.c.item_id)
        .where(*wanted)
        .group_by(ratings.c.item_id)
        .subquery("human")
    )
    query = (
        select(
            items.c.id.label("item_id"),
            items.c.campaign_id,
            items.c.image_id,
            items.c.caption,
            items.c.source,
            items.c.segmenter_version,
            scores.c.metric,
            scores.c.model,
            scores.c.model_sha256,
            scores.c.score,
            scores.c.similarity,
            human.c.raters,
            human.c.revealed,
        )
        .join(scores, scores.c.item_id == items.c.id)
        .join(human, human.c.item_id == items.c.id)
        .order_by(items.c.created_at, items.c.id, scores.c.metric, scores.c.model_sha256)
    )
    with reading(engine) as connection:
        given: dict[str, dict[str, float]] = {}
        for item_id, question, mean in connection.execute(means):
            # PostgreSQL averages integers to decimals.
            given.setdefault(item_id, {})[question] = float(mean)
        return tuple(
            ScoredItem(**{**row._mapping, "source": row.source or None}, answers=given.get(row.item_id, {}))
            for row in connection.execute(query)
        )


def count(engine: Engine) -> Counts:
    """Count what there is to analyse.

    Args:
        engine: From `open_database`.

    Returns:
        The counts.

    Raises:
        StorageError: If the database fails.
    """
    present = and_(items.c.deleted_at.is_(None), items.c.kind == "caption", items.c.role == "regular")
    ratings = current_ratings.join(items, items.c.id == current_ratings.c.item_id)
    rated = current_ratings.c
    with reading(engine) as connection:
        pictures, captions = connection.execute(
            select(func.count(items.c.image_id.distinct()), func.count()).where(present)
        ).one()
        scored = connection.scalar(
            select(func.count(scores.c.item_id.distinct()))
            .join(items, items.c.id == scores.c.item_id)
            .where(present)
        )
        rated_items, people, total = connection.execute(
            select(func.count(rated.item_id.distinct()), func.count(rated.rater_id.distinct()), func.count())
            .select_from(ratings)
            .where(present)
        ).one()
    return Counts(
        images=pictures, items=captions, scored=scored or 0, rated=rated_items, raters=people, ratings=total
    )
