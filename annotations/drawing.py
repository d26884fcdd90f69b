"""Which captions of a campaign to rate next, in an order or drawn by lot with weights that are stored.

Definitions: docs/analysis.md, Which items next. In comments: N captions of the campaign.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, bindparam, func, select, update

from annotations.audit import record_act
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.next_items import draw_items, earlier_share, kept_weight, sampling_probabilities
from annotations.next_pool import DRAWN_PRIORITY, NextItem, Order, Pool, check_order, read_pool
from annotations.schema import audit, items, revisions

ACTION: Final = "draw items"
"""What stands in the audit log."""


@dataclass(frozen=True)
class Ranking:
    """The captions of a campaign in the order in which to rate them.

    Attributes:
        campaign_id: Of the campaign.
        campaign: Its name.
        by: "gain" or "gap".
        metric: Whose scores are meant.
        question: The scale that it is held against.
        model: Name of the model; "" where no caption has a score.
        model_sha256: Of its weights.
        items: The first ones, the one to be rated first at the head.
        n_items: Captions of the campaign, N.
        n_rated: Those with an answer to the question.
        n_scored: Those with a score.
        n_waiting: Those drawn that still have room for a rating.
        pearson_r: Of the rated captions, which the gains rest on; NaN where there are too few.
        rating_variance: Of one rating about its item's mean; NaN where no item has two.
        mean_gain: Of the captions that have a gain, what one more rating brings on average; NaN without any.
        note: What could not be estimated, one sentence; otherwise empty.
    """

    campaign_id: str
    campaign: str
    by: Order
    metric: str
    question: str
    model: str
    model_sha256: str
    items: tuple[NextItem, ...]
    n_items: int
    n_rated: int
    n_scored: int
    n_waiting: int
    pearson_r: float
    rating_variance: float
    mean_gain: float
    note: str


@dataclass(frozen=True, eq=False)
class _Before:
    """What earlier draws mean for this one; N captions.

    Attributes:
        n_in: Items that earlier draws brought into the sample.
        new: (N,) added since the last draw, so that no draw stands for them.
        late: (N,) that could have been drawn, were not, and were rated since all the same.
    """

    n_in: int
    new: npt.NDArray[np.bool_]
    late: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Drawn:
    """A caption that was drawn.

    Attributes:
        item_id: Of the item.
        caption: The text.
        probability: The chance with which it was drawn.
        weight: What is stored with it now.
        entered: Whether nobody had rated it, so that it came into the sample by this draw.
        overlap: How many raters it gets at most now.
        grown: Whether that is one more than before.
    """

    item_id: str
    caption: str
    probability: float
    weight: float
    entered: bool
    overlap: int
    grown: bool


@dataclass(frozen=True)
class Draw:
    """What a draw has done.

    Attributes:
        campaign_id: Of the campaign.
        campaign: Its name.
        by: What the chances were made from.
        metric: Whose scores those rest on.
        question: The scale that they rest on.
        model_sha256: Of the weights of the metric.
        seed: Of the draw.
        items: What was drawn.
        n_pool: Captions that could be drawn.
        n_unrated: Those of them that nobody had rated.
        earlier_share: The part of their weights that items of earlier draws keep (docs/analysis.md).
        note: As in `Ranking`; where nothing could be estimated, all chances were equal.
    """

    campaign_id: str
    campaign: str
    by: Order
    metric: str
    question: str
    model_sha256: str
    seed: int
    items: tuple[Drawn, ...]
    n_pool: int
    n_unrated: int
    earlier_share: float
    note: str


def rank_next(
    engine: Engine,
    campaign_id: str,
    *,
    by: Order = "gain",
    metric: str = "specs",
    model_sha256: str | None = None,
    question: str = "overall",
    limit: int | None = None,
) -> Ranking:
    """Put the captions of a campaign, rated or not, in the order in which to rate them.

    Items to learn on or to check raters with and battles are no part of it.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign, or its name.
        by: "gain": by how much one more rating narrows the interval of pearson_r. "gap": by how far the
            metric and the raters disagree; unrated captions come last.
        metric: Name under which its scores are stored; ``cosine`` may be the similarity behind ``specs``.
        model_sha256: Of the weights whose scores are taken, or how it begins; those with the most scores here
            when None.
        question: The scale that the metric is held against.
        limit: At most this many items, at least 1, or None for all.

    Returns:
        The order, with the reason as its note where nothing can be estimated; then captions stand in the
        order in which they were added.

    Raises:
        InvalidRecordError: If the order is unknown, the campaign does not ask the question, the limit is
            below 1, or captions have scores, and none of this metric.
        UnknownRecordError: If there is no such campaign, or captions have scores, and none of these weights.
        StorageError: If the database fails.
    """
    check_order(by)
    if limit is not None and limit < 1:
        raise InvalidRecordError(f"a list of {limit} captions is none; list at least 1")
    with reading(engine) as connection:
        pool = read_pool(connection, campaign_id, metric, model_sha256, question)
    found = pool.items
    order = pool.order(by)[:limit]
    return Ranking(
        campaign_id=pool.campaign.id,
        campaign=pool.campaign.name,
        by=by,
        metric=metric,
        question=question,
        model=pool.model,
        model_sha256=pool.model_sha256,
        items=tuple(found[position] for position in order),
        n_items=len(found),
        n_rated=sum(item.n_ratings > 0 for item in found),
        n_scored=sum(not math.isnan(item.score) for item in found),
        n_waiting=sum(item.waiting for item in found),
        pearson_r=pool.pearson_r,
        rating_variance=pool.rating_variance,
        mean_gain=float(np.nanmean(pool.gain)) if np.isfinite(pool.gain).any() else math.nan,
        note=pool.note_on(by),
    )


def draw_next(
    engine: Engine,
    campaign_id: str,
    *,
    n: int,
    by: Order = "gain",
    seed: int = 0,
    metric: str = "specs",
    model_sha256: str | None = None,
    question: str = "overall",
    actor: str = "program",
) -> Draw:
    """Draw captions to be rated next, have them handed out first, and store their weights.

    Everything happens in one transaction. Captions that wait since an earlier draw are not drawn again. One
    that nobody has rated gets 1 over its chance as its weight, less the part that earlier draws keep; one
    that was rated is in the sample anyhow and keeps its weight. One that has all its raters gets a place
    more.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign, or its name.
        n: How many to draw.
        by: What the chances are made from: the root of the gain, or the gap.
        seed: Of the draw; the same seed draws the same captions as long as nothing has changed.
        metric: As for `rank_next`.
        model_sha256: As for `rank_next`.
        question: As for `rank_next`.
        actor: Who does it, for the audit log.

    Returns:
        What was drawn.

    Raises:
        InvalidRecordError: If there is nothing to draw, fewer captions than asked for, an option is unknown,
            or captions have scores, and none of this metric; nothing is changed then.
        UnknownRecordError: If there is no such campaign, it was deleted, or captions have scores, and none of
            these weights.
        StorageError: If the database fails.

    Source:
        The systematic draw: Madow, On the theory of systematic sampling, II, 1949. How two draws share the
        weight is ours: docs/analysis.md, Which items next.
    """
    check_order(by)
    with writing(engine) as connection:
        pool = read_pool(connection, campaign_id, metric, model_sha256, question)
        if pool.campaign.deleted_at is not None:
            raise UnknownRecordError(f"campaign {pool.campaign.name!r} was deleted; restore it first")
        free = np.flatnonzero([not item.waiting for item in pool.items])
        _refuse(pool, len(free), n, seed)
        chances = sampling_probabilities(pool.sizes(by)[free], n)
        before = _since(connection, pool)
        unrated = np.array([pool.items[position].done == 0 for position in free])
        again = unrated & ~before.new[free]
        share = earlier_share(before.n_in, float(chances[again].sum()))
        chosen = {int(free[one.item]): one.probability for one in draw_items(chances, seed=seed)}
        weights = _new_weights(pool, chosen, before, share)
        drawn = [
            _drawn(pool.items[position], chance, weights.get(position)) for position, chance in chosen.items()
        ]
        _write(connection, pool, drawn, weights)
        result = Draw(
            campaign_id=pool.campaign.id,
            campaign=pool.campaign.name,
            by=by,
            metric=metric,
            question=question,
            model_sha256=pool.model_sha256,
            seed=seed,
            items=tuple(drawn),
            n_pool=len(free),
            n_unrated=int(unrated.sum()),
            earlier_share=share,
            note=pool.note_on(by),
        )
        record_act(connection, actor, ACTION, pool.campaign.id, _details(result))
    return result


def _refuse(pool: Pool, n_free: int, n: int, seed: int) -> None:
    name = pool.campaign.name
    if seed < 0:
        raise InvalidRecordError(f"the seed of a draw must be at least 0; got {seed}")
    if n < 1:
        raise InvalidRecordError(f"{n} captions cannot be drawn; draw at least 1")
    if not pool.items:
        raise InvalidRecordError(f"campaign {name!r} has no captions to draw from; import some first")
    if not n_free:
        raise InvalidRecordError(
            f"nothing is left to draw: all {len(pool.items):,} captions of campaign {name!r} were drawn "
            f"already and wait to be rated"
        )
    if n > n_free:
        raise InvalidRecordError(
            f"{n:,} captions cannot be drawn: campaign {name!r} has {n_free:,} that do not wait already; "
            f"draw at most {n_free:,}"
        )


def _since(connection: Connection, pool: Pool) -> _Before:
    """Find out which captions earlier draws stand for, and which came into the sample by themselves since."""
    n_in = sum(item.weight != 1 for item in pool.items)
    last = connection.scalar(
        select(func.max(audit.c.created_at)).where(
            audit.c.action == ACTION, audit.c.subject == pool.campaign.id
        )
    )
    nothing = np.zeros(len(pool.items), dtype=np.bool_)
    if last is None:
        return _Before(n_in, nothing, nothing)
    new = np.array([added > last for added in pool.added], dtype=np.bool_)
    first = func.min(revisions.c.created_at)
    ids = set(
        connection.scalars(
            select(revisions.c.item_id)
            .join(items, items.c.id == revisions.c.item_id)
            .where(
                items.c.campaign_id == pool.campaign.id,
                items.c.done > 0,
                items.c.weight == 1,
                items.c.priority != DRAWN_PRIORITY,
            )
            .group_by(revisions.c.item_id)
            .having(first > last)
        )
    )
    late = np.array([item.item_id in ids for item in pool.items], dtype=np.bool_) & ~new
    return _Before(n_in, new, late)


def _new_weights(pool: Pool, chosen: Mapping[int, float], before: _Before, share: float) -> dict[int, float]:
    """Weigh the captions that come into the sample, and anew those that are in it, by their positions."""
    weights = {}
    for position, item in enumerate(pool.items):
        if position in chosen and item.done == 0:
            part = 1 if before.new[position] else 1 - share
            weights[position] = part / chosen[position]
        elif share < 1 and item.weight != 1:
            weights[position] = kept_weight(item.weight, share)
        elif share < 1 and before.n_in and before.late[position]:
            # Earlier draws stand for it, so in the estimate from them it does not count by itself.
            weights[position] = kept_weight(0, share)
    return weights


def _drawn(item: NextItem, probability: float, weight: float | None) -> Drawn:
    grown = item.done >= item.overlap
    return Drawn(
        item_id=item.item_id,
        caption=item.caption,
        probability=probability,
        # A caption that was rated before is in the sample whatever is drawn: its chance weighs nothing.
        weight=item.weight if weight is None else weight,
        entered=item.done == 0,
        overlap=item.overlap + grown,
        grown=grown,
    )


def _write(connection: Connection, pool: Pool, drawn: Sequence[Drawn], weights: Mapping[int, float]) -> None:
    one = update(items).where(items.c.id == bindparam("own_id"))
    if weights:
        connection.execute(
            one.values(weight=bindparam("to")),
            [{"own_id": pool.items[at].item_id, "to": weight} for at, weight in weights.items()],
        )
    connection.execute(
        one.values(priority=DRAWN_PRIORITY, overlap=bindparam("to")),
        [{"own_id": each.item_id, "to": each.overlap} for each in drawn],
    )


def _details(draw: Draw) -> dict[str, object]:
    return {
        "campaign": draw.campaign,
        "seed": draw.seed,
        "number": len(draw.items),
        "sizes": "root of the gain" if draw.by == "gain" else "gap",
        "metric": draw.metric,
        "model_sha256": draw.model_sha256,
        "question": draw.question,
        "could_be_drawn": draw.n_pool,
        "of_those_unrated": draw.n_unrated,
        "one_more_rater": sum(one.grown for one in draw.items),
        "share_of_earlier_draws": round(draw.earlier_share, 6),
        "note": draw.note,
    }
