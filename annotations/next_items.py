"""Which items to rate next, and how to draw them so that the estimates stay right.

In comments: N items.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from annotations.correlation import MIN_ITEMS, ArrayLike
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats


@dataclass(frozen=True, eq=False)
class ItemGains:
    """What one more rating of each item is worth (N items).

    Attributes:
        gain: (N,) by how much it lowers the variance of the pool's pearson_r, at least 0; NaN without a
            metric score, and everywhere where the note says that nothing can be estimated.
        n_ratings: (N,) ratings that each item has.
        pearson_r: Of the rated items, which the gains rest on.
        rating_variance: Of one rating about its item's mean, pooled over items with two; NaN without any.
        note: What could not be estimated; otherwise empty.
    """

    gain: Floats
    n_ratings: Counts
    pearson_r: float
    rating_variance: float
    note: str


@dataclass(frozen=True)
class DrawnItem:
    """An item to be rated.

    Attributes:
        item: Its position among those that could be drawn.
        probability: The chance with which it was drawn.
        weight: 1 over that, to be stored with the item.
    """

    item: int
    probability: float
    weight: float


def item_gains(metric_scores: ArrayLike, ratings: Sequence[Sequence[float]]) -> ItemGains:
    """Estimate by how much one more rating of each item would narrow the interval of the correlation.

    The correlation is Pearson's, of the metric's scores with the mean ratings, over the whole pool. Its
    variance is the sum, over items, of what is not known of each: for an unrated item the whole influence
    that it will have, for a rated one what the noise of its mean moves. The gain is what a rating takes away.

    Args:
        metric_scores: (N,) of all items of the pool; NaN where there is none.
        ratings: (N,) the ratings of each item, one from each rater; empty for an unrated item.

    Returns:
        The gains. They are NaN, with the reason as the note, on fewer than three rated items and where one
        side is constant. Where no item has two ratings, nobody knows how noisy a rating is: unrated items
        have a gain as if it were not noisy, and rated ones have none.

    Raises:
        InvalidScoresError: If the lengths differ, or a score or a rating is infinite or a rating is NaN.

    Source:
        ours, from the influence function of the correlation (Devlin, Gnanadesikan and Kettenring, Robust
        estimation and outlier detection with correlation coefficients, 1975): docs/analysis.md, Which items
        next.
    """
    metric, means, counts, noise = _checked(metric_scores, ratings)
    gain: Floats = np.full(len(metric), np.nan)
    scored, rated = ~np.isnan(metric), ~np.isnan(metric) & (counts > 0)
    n_rated = int(rated.sum())
    if n_rated < MIN_ITEMS:
        note = f"needs at least {MIN_ITEMS} rated items with a score; there are {n_rated}"
        return ItemGains(gain, counts, math.nan, noise, note)
    if np.ptp(means[rated]) == 0 or np.ptp(metric[rated]) == 0:
        side = "mean ratings" if np.ptp(means[rated]) == 0 else "scores of rated items"
        return ItemGains(gain, counts, math.nan, noise, f"all {side} are equal")
    r = float(np.corrcoef(metric[rated], means[rated])[0, 1])
    y = (metric - metric[scored].mean()) / metric[scored].std()
    x = (means - means[rated].mean()) / means[rated].std()
    # What the noise of one rating is, in standard deviations of the means, squared.
    rough = 0.0 if math.isnan(noise) else noise / float(means[rated].var())
    some = np.maximum(counts, 1)
    of_rated = (y - r * x) ** 2 * rough / (some * (some + 1))
    # For an unrated item x is not known: normal about r * y, with variance 1 - r ** 2.
    left = 1 - r * r
    influence = left**2 * (r * r * (y * y - 1) ** 2 / 4 + y * y * left + r * r / 2)
    remaining = (left**2 * y * y + r * r * left) * rough
    of_unrated = np.maximum(0, influence - remaining)
    n = int(scored.sum())
    gain[scored] = np.where(counts > 0, of_rated, of_unrated)[scored] / n**2
    note = ""
    if math.isnan(noise):
        gain[rated] = np.nan
        note = (
            "no item has two ratings: what a second one would change is not known, only unrated items count"
        )
    return ItemGains(gain, counts, r, noise, note)


def metric_gaps(metric_scores: ArrayLike, ratings: Sequence[Sequence[float]]) -> Floats:
    """Measure how far the metric and the raters disagree about where each item stands.

    Args:
        metric_scores: As for `item_gains`.
        ratings: As for `item_gains`.

    Returns:
        (N,) difference of the two ranks over the number of ranked items less one, in [0, 1]; items with equal
        scores share their mean rank. NaN for items without a score or a rating, and where fewer than three
        have both.

    Raises:
        InvalidScoresError: As for `item_gains`.
    """
    metric, means, counts, _ = _checked(metric_scores, ratings)
    gaps: Floats = np.full(len(metric), np.nan)
    both = ~np.isnan(metric) & (counts > 0)
    if both.sum() >= MIN_ITEMS:
        ranks = [stats.rankdata(values[both]) for values in (metric, np.round(means, 12))]
        gaps[both] = np.abs(ranks[0] - ranks[1]) / (int(both.sum()) - 1)
    return gaps


def rank_items(values: ArrayLike) -> Counts:
    """Put items in the order in which to rate them.

    Args:
        values: (N,) gains or gaps; higher comes first, and NaN last. Equal ones keep their order.

    Returns:
        (N,) positions, the first one to be rated first.
    """
    given = np.asarray(values, dtype=np.float64)
    return np.argsort(-np.where(np.isnan(given), -np.inf, given), kind="stable").astype(np.int64)


def sampling_probabilities(sizes: ArrayLike, n_draw: int, *, floor: float = 0.2) -> Floats:
    """Choose the chance with which each item is drawn.

    Args:
        sizes: (N,) at least 0: the root of a gain, which makes the variance of a weighted estimate smallest,
            or a gap. NaN counts as 0.
        n_draw: Items to draw, from 1 to N.
        floor: Share of the draw that is spread evenly, above 0 and at most 1, so that every item has a chance
            and no weight is above N / (floor * n_draw).

    Returns:
        (N,) chances above 0, at most 1, whose sum is `n_draw`.

    Raises:
        InvalidScoresError: If a size is negative or infinite, or an option is out of range.
    """
    size = np.asarray(sizes, dtype=np.float64)
    if size.ndim != 1 or np.isinf(size).any() or (size < 0).any():
        raise InvalidScoresError("sizes must be a list of finite numbers of at least 0, or NaN")
    if not 1 <= n_draw <= len(size):
        raise InvalidScoresError(f"{n_draw} of {len(size)} items cannot be drawn; draw from 1 to all")
    if not 0 < floor <= 1:
        raise InvalidScoresError(f"the floor must be above 0 and at most 1; got {floor}")
    size = np.nan_to_num(size, nan=0.0)
    even = np.full(len(size), 1 / len(size))
    share = even
    if size.max() > 0:
        size = size / size.max()
        share = (1 - floor) * size / size.sum() + floor * even
    chance: Floats = np.ones(len(size))
    free = np.ones(len(size), dtype=np.bool_)  # items not yet drawn for certain
    while free.any():
        part = share[free] / share[free].sum() * (n_draw - int((~free).sum()))
        # The last of rounding must not push a chance of 1 round and round.
        full = part >= 1 - 1e-12
        if not full.any():
            chance[free] = part
            break
        free[np.flatnonzero(free)[full]] = False
    return chance


def draw_items(probabilities: ArrayLike, *, seed: int = 0) -> list[DrawnItem]:
    """Draw items with given chances, as many as the chances add up to.

    Args:
        probabilities: (N,) from `sampling_probabilities`.
        seed: Of the draw.

    Returns:
        The drawn items in the order of their positions, each with the weight that its estimates need.

    Raises:
        InvalidScoresError: If a chance is not above 0 and at most 1, or their sum is no whole number.

    Source:
        Systematic sampling of a shuffled list: Madow, On the theory of systematic sampling, II, 1949.
    """
    chance = np.asarray(probabilities, dtype=np.float64)
    if chance.ndim != 1 or not ((chance > 0) & (chance <= 1)).all():
        raise InvalidScoresError("chances must be above 0 and at most 1")
    total = float(chance.sum())
    if abs(total - round(total)) > 1e-6:
        raise InvalidScoresError(f"the chances add up to {total:g}; they must add up to a whole number")
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(chance))
    ends = np.cumsum(chance[order])
    if len(ends):
        ends *= round(total) / ends[-1]
    marks = generator.random() + np.arange(round(total))
    chosen = np.sort(order[np.minimum(np.searchsorted(ends, marks, side="right"), len(chance) - 1)])
    return [DrawnItem(int(item), float(chance[item]), float(1 / chance[item])) for item in chosen]


def earlier_share(n_earlier: int, n_new: float) -> float:
    """Choose how much of an estimate rests on the items of earlier draws once there is another draw.

    Args:
        n_earlier: Items that earlier draws brought into the sample.
        n_new: How many unrated items the new draw brings in on average: the sum of their chances.

    Returns:
        The share, in [0, 1], in proportion to the numbers; 1 where the draw brings in none. It depends on no
        rating and not on what the draw happens to pick, so the estimate stays unbiased.

    Source:
        ours: docs/analysis.md, Which items next.
    """
    return n_earlier / (n_earlier + n_new) if n_new > 0 else 1.0


def kept_weight(weight: float, share: float) -> float:
    """Weigh an item of the sample after another draw.

    In the estimate from earlier draws it has its weight; in the one from the new draw it is known already
    and stands for itself. The two are mixed, and a newly drawn item has 1 - `share` over its chance.

    Args:
        weight: Before the draw.
        share: From `earlier_share`.

    Source:
        The mean of unbiased estimates from successive draws: Des Raj, Some estimators in sampling with
        varying probabilities without replacement, 1956; the share is ours.
    """
    return share * weight + (1 - share)


def _checked(
    metric_scores: ArrayLike, ratings: Sequence[Sequence[float]]
) -> tuple[Floats, Floats, Counts, float]:
    """Return scores, mean ratings (NaN without), numbers of ratings, and the variance of one rating."""
    metric = np.asarray(metric_scores, dtype=np.float64)
    if metric.shape != (len(ratings),):
        raise InvalidScoresError(
            f"there are scores of shape {metric.shape} and ratings of {len(ratings)} items; there must be as "
            f"many"
        )
    counts = np.array([len(of_item) for of_item in ratings], dtype=np.int64)
    item = np.repeat(np.arange(len(ratings)), counts)
    given = np.array([rating for of_item in ratings for rating in of_item], dtype=np.float64)
    if np.isinf(metric).any() or not np.isfinite(given).all():
        raise InvalidScoresError("a score is infinite, or a rating is not finite; leave such ratings out")
    sums = np.bincount(item, weights=given, minlength=len(ratings))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    freedom = int(np.maximum(counts - 1, 0).sum())
    noise = float(((given - means[item]) ** 2).sum() / freedom) if freedom else math.nan
    return metric, means, counts, noise
