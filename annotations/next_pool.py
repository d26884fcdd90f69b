"""The captions of a campaign as something to choose from: what is known of each, and what a rating is worth.

In comments: N captions of the campaign.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from sqlalchemy import ColumnElement, Connection, FromClause, and_, bindparam, func, select

from annotations.campaigns import Campaign, find_campaign
from annotations.correlation import MIN_ITEMS
from annotations.errors import InvalidRecordError
from annotations.hashes import find_sha256
from annotations.next_items import item_gains, metric_gaps, rank_items
from annotations.resampling import Counts, Floats
from annotations.schema import answers, current_ratings, items, scores
from annotations.scores import COSINE, MAIN_METRIC

Order = Literal["gain", "gap"]
"""By how much one more rating narrows the interval, or by how far metric and raters disagree."""

DRAWN_PRIORITY: Final = -(2**31)
"""The priority of a drawn item: lower, which is sooner, than any that a file of captions may ask for."""

_CAPTIONS: Final = and_(items.c.kind == "caption", items.c.role == "regular", items.c.deleted_at.is_(None))


@dataclass(frozen=True)
class NextItem:
    """A caption that could be rated next.

    Attributes:
        item_id: Of the item.
        image_id: Of its image.
        caption: The text.
        source: What wrote it; "" where nobody knows.
        score: Of the metric; NaN where there is none.
        rating: Mean of the raters' answers; NaN without any.
        n_ratings: How many answers that is.
        done: Raters who have finished it, whatever they answered.
        overlap: How many raters it gets at most.
        gain: By how much one more rating lowers the variance of pearson_r; NaN where nobody can say.
        gap: How far its place by the metric is from its place by the raters, in [0, 1]; NaN likewise.
        weight: Its sampling weight.
        waiting: Whether it was drawn and still has room for a rating.
    """

    item_id: str
    image_id: str
    caption: str
    source: str
    score: float
    rating: float
    n_ratings: int
    done: int
    overlap: int
    gain: float
    gap: float
    weight: float
    waiting: bool


@dataclass(frozen=True, eq=False)
class Pool:
    """The captions of a campaign with all that an order or a draw takes.

    Attributes:
        campaign: The campaign.
        items: (N,) its captions, in the order in which they were added.
        added: (N,) when that was; UTC, ISO 8601.
        gain: (N,) as `annotations.next_items.item_gains` gives it.
        gap: (N,) as `annotations.next_items.metric_gaps` gives it.
        model: Name of the model; "" where no caption has a score.
        model_sha256: Of its weights.
        pearson_r: Of the rated captions.
        rating_variance: Of one rating about its item's mean; NaN where no item has two.
        note: Why there is no gain; otherwise empty.
    """

    campaign: Campaign
    items: tuple[NextItem, ...]
    added: tuple[str, ...]
    gain: Floats
    gap: Floats
    model: str
    model_sha256: str
    pearson_r: float
    rating_variance: float
    note: str

    def order(self, by: Order) -> Counts:
        """Return (N,) positions, the one to be rated first at the head."""
        return rank_items(self.gain if by == "gain" else self.gap)

    def sizes(self, by: Order) -> Floats:
        """What chances are in proportion to: the root of the gain has the smallest variance."""
        return np.sqrt(self.gain) if by == "gain" else self.gap

    def note_on(self, by: Order) -> str:
        """Say what could not be estimated, in one sentence; otherwise nothing."""
        if by == "gain":
            return self.note
        if np.isnan(self.gap).all():
            both = sum(item.n_ratings > 0 and not math.isnan(item.score) for item in self.items)
            return f"needs at least {MIN_ITEMS} rated items with a score; there are {both}"
        return ""


def check_order(by: str) -> None:
    """Refuse an order that there is not.

    Raises:
        InvalidRecordError: If it is none of `Order`.
    """
    if by not in get_args(Order):
        raise InvalidRecordError(f"the order is {by!r}; it must be one of {get_args(Order)}")


def read_pool(
    connection: Connection, name_or_id: str, metric: str, model_sha256: str | None, question: str
) -> Pool:
    """Read the captions of a campaign in an open transaction.

    Args:
        connection: From `annotations.engine.reading` or `writing`.
        name_or_id: Of the campaign.
        metric: Name under which its scores are stored; ``cosine`` is the similarity behind ``specs`` where it
            has no row of its own.
        model_sha256: Of the weights whose scores are taken, or how it begins; those with the most scores here
            when None.
        question: The scale that the metric is held against.

    Raises:
        InvalidRecordError: If the campaign does not ask the question, or its captions have scores, and none
            of this metric.
        UnknownRecordError: If there is no such campaign, or captions have scores, and none of these weights.
    """
    campaign = find_campaign(connection, name_or_id)
    if question not in [one.name for one in campaign.questions]:
        asked = ", ".join(one.name for one in campaign.questions) or "no scale at all"
        raise InvalidRecordError(f"campaign {campaign.name!r} does not ask {question!r}; it asks {asked}")
    here = and_(items.c.campaign_id == campaign.id, _CAPTIONS)
    model, sha256 = _chosen(connection, here, campaign, metric, model_sha256)
    own, behind = scores.alias("own"), scores.alias("behind")
    score: ColumnElement[float] = own.c.score
    joined = items.outerjoin(own, _of(own, metric, sha256))
    if metric == COSINE:
        score = func.coalesce(score, behind.c.similarity)
        joined = joined.outerjoin(behind, _of(behind, MAIN_METRIC, sha256))
    names = ("id", "image_id", "caption", "source", "done", "overlap", "priority", "weight", "created_at")
    rows = connection.execute(
        select(*(items.c[name] for name in names), score.label("score"))
        .select_from(joined)
        .where(here)
        .order_by(items.c.created_at, items.c.id)
    ).all()
    given: dict[str, list[float]] = defaultdict(list)
    for item_id, value in connection.execute(
        select(current_ratings.c.item_id, answers.c.value)
        .join(items, items.c.id == current_ratings.c.item_id)
        .join(answers, answers.c.revision_id == current_ratings.c.id)
        .where(here, answers.c.question == question)
    ):
        given[item_id].append(float(value))
    found = [math.nan if row.score is None else float(row.score) for row in rows]
    ratings = [given.get(row.id, []) for row in rows]
    gains, gaps = item_gains(found, ratings), metric_gaps(found, ratings)
    listed = tuple(
        NextItem(
            item_id=row.id,
            image_id=row.image_id,
            caption=row.caption,
            source=row.source,
            score=score,
            rating=sum(of_item) / len(of_item) if of_item else math.nan,
            n_ratings=len(of_item),
            done=row.done,
            overlap=row.overlap,
            gain=gain,
            gap=gap,
            weight=row.weight,
            waiting=row.priority == DRAWN_PRIORITY and row.done < row.overlap,
        )
        for row, score, of_item, gain, gap in zip(
            rows, found, ratings, gains.gain.tolist(), gaps.tolist(), strict=True
        )
    )
    return Pool(
        campaign=campaign,
        items=listed,
        added=tuple(row.created_at for row in rows),
        gain=gains.gain,
        gap=gaps,
        model=model,
        model_sha256=sha256,
        pearson_r=gains.pearson_r,
        rating_variance=gains.rating_variance,
        note=gains.note,
    )


def _of(table: FromClause, metric: str, sha256: str) -> ColumnElement[bool]:
    return and_(table.c.item_id == items.c.id, table.c.metric == metric, table.c.model_sha256 == sha256)


def _sources(connection: Connection, here: ColumnElement[bool]) -> dict[str, list[str]]:
    """Return by metric the SHA-256 of each source of a campaign's scores, the one with the most first."""
    rows = connection.execute(
        select(
            *(scores.c.metric, scores.c.model_sha256),
            *(func.count().label("n"), func.count(scores.c.similarity).label("n_similar")),
        )
        .join(items, items.c.id == scores.c.item_id)
        .where(here)
        .group_by(scores.c.metric, scores.c.model_sha256)
    ).all()
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row.metric][row.model_sha256] = row.n
    for row in rows:
        if row.metric == MAIN_METRIC and row.n_similar:
            of = found[COSINE]
            of[row.model_sha256] = max(row.n_similar, of.get(row.model_sha256, 0))
    return {metric: sorted(of, key=lambda sha256: (-of[sha256], sha256)) for metric, of in found.items()}


def _chosen(
    connection: Connection, here: ColumnElement[bool], campaign: Campaign, metric: str, asked: str | None
) -> tuple[str, str]:
    """Return model and SHA-256 of the source that is asked for, or of the one with the most scores."""
    sources = _sources(connection, here)
    if not sources:
        return "", asked or ""
    # After a slip captions would stand in no order, and be drawn with equal chances.
    missing = f"no caption of campaign {campaign.name!r} has a score of {metric!r}"
    if metric not in sources:
        raise InvalidRecordError(f"{missing}; there are scores of {', '.join(sorted(sources))}")
    # The name of a model is as long as a sentence, and is read once a source and not once a score.
    model = select(scores.c.model).where(scores.c.model_sha256 == bindparam("sha256")).limit(1)
    known = {
        sha256: str(connection.execute(model, {"sha256": sha256}).scalar_one()) for sha256 in sources[metric]
    }
    sha256 = sources[metric][0]
    if asked is not None:
        sha256 = find_sha256(asked, known, missing=f"{missing} by a model of SHA-256 {asked!r}")
    return known[sha256], sha256
