"""How far a metric agrees with people: three correlations, each with an interval by bootstrap over images.

Every statistic takes how often each image was drawn: once each gives the value on the data, anything else the
value on a resample. So thousands of resamples are a few products of matrices, and none of them is ever laid
out item by item.

In comments: B resamples, C images (clusters), N items, V distinct values.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, check_options, draw_blocks, numbered, percentile_interval

MIN_ITEMS: Final = 3
"""Below this number of items a correlation is not reported: two items always agree or disagree perfectly."""

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000

ArrayLike = Sequence[float] | npt.NDArray[np.floating] | npt.NDArray[np.integer]


_Measure = Callable[[Floats, Floats, Counts, Counts], Floats]


@dataclass(frozen=True)
class Statistic:
    """One correlation with its interval.

    Attributes:
        value: In [-1, 1]; NaN where there is nothing to compute.
        n: Items that it rests on.
        low: Lower end of the interval, or NaN.
        high: Upper end of the interval, or NaN.
        note: Why something is NaN, or how many resamples the interval rests on; otherwise empty.
    """

    value: float
    n: int
    low: float
    high: float
    note: str


@dataclass(frozen=True)
class Correlation:
    """Three correlations of the same two arrays.

    Attributes:
        pearson_r: Linear correlation.
        spearman_rho: Pearson's correlation of the ranks; tied values share their mean rank.
        kendall_tau_b: Concordant minus discordant pairs, over the geometric mean of the pairs not tied on one
            side and the pairs not tied on the other.
        n_items: Items with both values.
        n_groups: Images that they come from.
        n_resamples: Resamples drawn for the intervals.
        confidence: Of the intervals, for example 0.95.
        seed: Of the resamples.
    """

    pearson_r: Statistic
    spearman_rho: Statistic
    kendall_tau_b: Statistic
    n_items: int
    n_groups: int
    n_resamples: int
    confidence: float
    seed: int


def correlate(
    human_scores: ArrayLike,
    metric_scores: ArrayLike,
    *,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correlation:
    """Correlate a metric with people, with percentile intervals by cluster bootstrap over images.

    Captions of one image are not independent, so a resample draws whole images, as many as there are, with
    replacement.

    Args:
        human_scores: (N,) for example the mean overall answer on each item. NaN leaves the item out.
        metric_scores: (N,) the metric's score of each item. NaN leaves the item out.
        groups: (N,) the image of each item.
        n_resamples: How many resamples to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples; the same seed and data give the same intervals.

    Returns:
        The correlations. A value is NaN, with the reason as its note, on fewer than three items and where all
        human scores or all metric scores are equal. An interval is NaN where there is one image only, or
        where more than half of the resamples have no value.

    Raises:
        InvalidScoresError: If the three have unequal lengths, or a score is infinite, or the number of
            resamples or the confidence is out of range.

    Source:
        Cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8;
        tau-b: Kendall, The treatment of ties in ranking problems, 1945.
    """
    check_options(n_resamples, confidence)
    human, metric = _paired(human_scores, metric_scores)
    if len(groups) != len(human):
        raise InvalidScoresError(
            f"there are {len(human)} items and {len(groups)} groups; they must be as many"
        )
    kept = ~(np.isnan(human) | np.isnan(metric))
    human, metric = human[kept], metric[kept]
    cluster, images = numbered([group for group, keep in zip(groups, kept, strict=True) if keep])
    n_groups = len(images)
    reason = _undefined(human, metric)
    # How often each image comes: (B, C). The first row is the data itself.
    draws = np.concatenate(list(draw_blocks(n_groups, n_resamples=0 if reason else n_resamples, seed=seed)))

    def statistic(of: _Measure) -> Statistic:
        if reason:
            return Statistic(math.nan, len(human), math.nan, math.nan, reason)
        values = of(human, metric, draws, cluster)
        low, high, note = percentile_interval(
            values[1:], confidence, n_groups=n_groups, otherwise="one side is constant"
        )
        return Statistic(float(values[0]), len(human), low, high, note)

    return Correlation(
        pearson_r=statistic(_pearson),
        spearman_rho=statistic(resampled_spearman),
        kendall_tau_b=statistic(_kendall),
        n_items=len(human),
        n_groups=n_groups,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def pearson_r(human_scores: ArrayLike, metric_scores: ArrayLike) -> float:
    """Compute Pearson's linear correlation.

    Args:
        human_scores: (N,) finite values.
        metric_scores: (N,) finite values.

    Returns:
        In [-1, 1]; NaN on fewer than three items, and where one side is constant.

    Raises:
        InvalidScoresError: If the lengths differ or a value is not finite.
    """
    return _value(_pearson, human_scores, metric_scores)


def spearman_rho(human_scores: ArrayLike, metric_scores: ArrayLike) -> float:
    """Compute Spearman's rank correlation; tied values share their mean rank.

    Args:
        human_scores: (N,) finite values.
        metric_scores: (N,) finite values.

    Returns:
        In [-1, 1]; NaN on fewer than three items, and where one side is constant.

    Raises:
        InvalidScoresError: If the lengths differ or a value is not finite.
    """
    return _value(resampled_spearman, human_scores, metric_scores)


def kendall_tau_b(human_scores: ArrayLike, metric_scores: ArrayLike) -> float:
    """Compute Kendall's rank correlation tau-b, which corrects for ties on either side.

    Args:
        human_scores: (N,) finite values.
        metric_scores: (N,) finite values.

    Returns:
        In [-1, 1]; NaN on fewer than three items, and where one side is constant.

    Raises:
        InvalidScoresError: If the lengths differ or a value is not finite.
    """
    return _value(_kendall, human_scores, metric_scores)


def _value(of: _Measure, human_scores: ArrayLike, metric_scores: ArrayLike) -> float:
    human, metric = _paired(human_scores, metric_scores)
    if np.isnan(human).any() or np.isnan(metric).any():
        raise InvalidScoresError("a score is NaN; leave such items out first")
    if _undefined(human, metric):
        return math.nan
    each_once, own_image = np.ones((1, len(human)), dtype=np.int64), np.arange(len(human))
    return float(of(human, metric, each_once, own_image)[0])


def _paired(human_scores: ArrayLike, metric_scores: ArrayLike) -> tuple[Floats, Floats]:
    human = np.asarray(human_scores, dtype=np.float64)
    metric = np.asarray(metric_scores, dtype=np.float64)
    if human.ndim != 1 or human.shape != metric.shape:
        raise InvalidScoresError(
            f"human_scores {human.shape} and metric_scores {metric.shape} must be lists of the same length"
        )
    if np.isinf(human).any() or np.isinf(metric).any():
        raise InvalidScoresError("a score is infinite; only finite scores and NaN can be correlated")
    return human, metric


def _undefined(human: Floats, metric: Floats) -> str:
    if len(human) < MIN_ITEMS:
        return f"needs at least {MIN_ITEMS} items with a score and a rating; there are {len(human)}"
    if (human == human[0]).all():
        return "all human scores are equal"
    if (metric == metric[0]).all():
        return "all metric scores are equal"
    return ""


def _pearson(human: Floats, metric: Floats, draws: Counts, cluster: Counts) -> Floats:
    """Compute Pearson's r on each resample: (B,)."""
    parts = [_weighted_pearson(human, metric, weights) for weights in _weights(draws, cluster)]
    return np.concatenate(parts)


def resampled_spearman(human: Floats, metric: Floats, draws: Counts, cluster: Counts) -> Floats:
    """Compute Spearman's rho on each resample.

    Args:
        human: (N,) finite values, N at least 1.
        metric: (N,) finite values.
        draws: (B, C) how often each image was drawn.
        cluster: (N,) the image of each item, from 0 to C - 1.

    Returns:
        (B,) in [-1, 1]; NaN where one side of a resample is constant, and where none of its images is here.
    """
    parts = [
        _weighted_pearson(_mid_ranks(human, weights), _mid_ranks(metric, weights), weights)
        for weights in _weights(draws, cluster)
    ]
    return np.concatenate(parts)


def _kendall(human: Floats, metric: Floats, draws: Counts, cluster: Counts) -> Floats:
    """Compute tau-b on each resample: (B,)."""
    # Pairs are counted in both orders, and so are those of an item with itself, which are tied.
    untied = [
        np.concatenate(
            [
                weights.sum(axis=1) ** 2 - (_per_value(values, weights)[0] ** 2).sum(axis=1)
                for weights in _weights(draws, cluster)
            ]
        )
        for values in (human, metric)
    ]
    by_image = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[by_image], np.arange(draws.shape[1]))  # (C,)
    x, y = (np.unique(values[by_image], return_inverse=True)[1] for values in (human, metric))  # (N,) ranks
    # Whole numbers below 2**24 are exact in float32, and products of float32 matrices take half the time.
    counts = draws.astype(np.float32)
    agreement = np.zeros(len(draws))
    step = max(1, _CELLS_AT_ONCE * draws.shape[1] // len(human) ** 2)
    for first in range(0, draws.shape[1], step):
        images = slice(first, first + step)
        rows = slice(starts[first], starts[first + step] if first + step < len(starts) else len(x))
        signs = np.sign(x[rows, None] - x[None, :]) * np.sign(y[rows, None] - y[None, :])  # (rows, N)
        pairs = np.add.reduceat(
            np.add.reduceat(signs, starts, axis=1), starts[images] - starts[first], axis=0
        )
        agreement += (draws[:, images] * (counts @ pairs.T.astype(np.float32))).sum(axis=1)
    return _ratio(agreement, np.sqrt(untied[0]) * np.sqrt(untied[1]), untied[0] * untied[1] > 0)


def _weights(draws: Counts, cluster: Counts) -> Iterator[Floats]:
    """Give each item the count of its image, some resamples at a time: (at most B, N)."""
    step = max(1, _CELLS_AT_ONCE // len(cluster))
    for start in range(0, len(draws), step):
        yield draws[start : start + step, cluster].astype(np.float64)


def _unit_scale(values: Floats) -> Floats:
    """Multiply by a power of two so that the largest magnitude lies in [0.5, 1): exact, ties stay ties."""
    _, exponent = np.frexp(np.abs(values).max())
    return np.ldexp(values, -int(exponent))


def _weighted_pearson(human: Floats, metric: Floats, weights: Floats) -> Floats:
    """Compute Pearson's r of (N,) values, or of (B, N) values, under (B, N) weights: (B,)."""
    x, y = np.atleast_2d(_unit_scale(human)), np.atleast_2d(_unit_scale(metric))
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)  # (B, 1); a resample may miss every item
    x = x - (weights * x).sum(axis=1, keepdims=True) / total  # (B, N)
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    # Products of very small deviations vanish; scaled by their own magnitude they do not.
    x, y = _unit_scale(x), _unit_scale(y)
    spread = np.sqrt((weights * x * x).sum(axis=1)) * np.sqrt((weights * y * y).sum(axis=1))  # (B,)
    return _ratio((weights * x * y).sum(axis=1), spread, _varies(human, weights) & _varies(metric, weights))


def _mid_ranks(values: Floats, weights: Floats) -> Floats:
    """Rank (N,) values where each item stands as often as its weight says; ties share the mean: (B, N).

    All ranks are one half too low, which no correlation sees.
    """
    per_value, position = _per_value(values, weights)
    return (np.cumsum(per_value, axis=1) - per_value / 2)[:, position]


def _per_value(values: Floats, weights: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Add up the weights of each distinct value, in growing order: (B, V); and place items there: (N,)."""
    distinct, position = np.unique(values, return_inverse=True)
    order = np.argsort(position, kind="stable")
    starts = np.searchsorted(position[order], np.arange(len(distinct)))
    return np.add.reduceat(weights[:, order], starts, axis=1), position


def _varies(values: Floats, weights: Floats) -> npt.NDArray[np.bool_]:
    """Tell for each resample whether it holds two different values: (B,)."""
    drawn = weights > 0
    high = np.where(drawn, values, -np.inf).max(axis=1)
    low = np.where(drawn, values, np.inf).min(axis=1)
    return np.asarray(high > low)


def _ratio(numerator: Floats, denominator: Floats, defined: npt.NDArray[np.bool_]) -> Floats:
    """Divide where there is something to divide by; rounding must not lead out of [-1, 1]."""
    result = np.full(len(numerator), np.nan)
    defined = defined & (denominator > 0)
    result[defined] = np.clip(numerator[defined] / denominator[defined], -1, 1)
    return result
