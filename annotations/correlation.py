"""How far a metric agrees with people: three correlations, each with an interval by bootstrap over images.

Every statistic is written for items with whole-number weights. Weights of one give the value on the data; how
often each image was drawn gives the value on a resample, so that thousands of resamples are a few products of
matrices and none of them is ever laid out item by item.

In comments: B resamples, C images (clusters), N items, V distinct values.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.errors import InvalidScoresError

MIN_ITEMS: Final = 3
"""Below this number of items a correlation is not reported: two items always agree or disagree perfectly."""

MIN_DEFINED: Final = 0.5
"""Share of resamples that must have a value for an interval to be reported."""

_CELLS_AT_ONCE: Final = 2_000_000

Floats = npt.NDArray[np.float64]
ArrayLike = Sequence[float] | npt.NDArray[np.floating] | npt.NDArray[np.integer]


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
    if n_resamples < 0 or not 0 < confidence < 1:
        raise InvalidScoresError(
            f"n_resamples must be at least 0 and confidence between 0 and 1; got {n_resamples}, {confidence}"
        )
    human, metric = _paired(human_scores, metric_scores)
    if len(groups) != len(human):
        raise InvalidScoresError(
            f"there are {len(human)} items and {len(groups)} groups; they must be as many"
        )
    kept = ~(np.isnan(human) | np.isnan(metric))
    human, metric = human[kept], metric[kept]
    numbers: dict[Hashable, int] = {}
    cluster = np.array(
        [numbers.setdefault(group, len(numbers)) for group, keep in zip(groups, kept, strict=True) if keep],
        dtype=np.intp,
    )
    reason = _undefined(human, metric)
    draws: npt.NDArray[np.int64] = np.zeros((0, len(numbers)), dtype=np.int64)
    if not reason and len(numbers) > 1:
        # Drawing C images with replacement, and counting how often each one came: (B, C)
        generator = np.random.default_rng(seed)
        draws = generator.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), size=n_resamples)

    def statistic(of: Callable[[Floats, Floats, Floats], Floats]) -> Statistic:
        if reason:
            return Statistic(math.nan, len(human), math.nan, math.nan, reason)
        value = float(of(human, metric, np.ones((1, len(human))))[0])
        resampled = _in_chunks(of, human, metric, draws, cluster)
        low, high, note = _interval(resampled, confidence, n_groups=len(numbers))
        return Statistic(value, len(human), low, high, note)

    return Correlation(
        pearson_r=statistic(_weighted_pearson),
        spearman_rho=statistic(_weighted_spearman),
        kendall_tau_b=statistic(_weighted_kendall),
        n_items=len(human),
        n_groups=len(numbers),
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
    return _value(_weighted_pearson, human_scores, metric_scores)


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
    return _value(_weighted_spearman, human_scores, metric_scores)


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
    return _value(_weighted_kendall, human_scores, metric_scores)


def _value(
    of: Callable[[Floats, Floats, Floats], Floats], human_scores: ArrayLike, metric_scores: ArrayLike
) -> float:
    human, metric = _paired(human_scores, metric_scores)
    if np.isnan(human).any() or np.isnan(metric).any():
        raise InvalidScoresError("a score is NaN; leave such items out first")
    return math.nan if _undefined(human, metric) else float(of(human, metric, np.ones((1, len(human))))[0])


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


def _interval(values: Floats, confidence: float, *, n_groups: int) -> tuple[float, float, str]:
    if n_groups < 2:
        return math.nan, math.nan, "all items are of one image: no interval over images"
    if len(values) == 0:
        return math.nan, math.nan, "no resamples drawn"
    defined = values[~np.isnan(values)]
    note = ""
    if len(defined) < len(values):
        note = (
            f"{len(defined):,} of {len(values):,} resamples have a value; in the others one side is constant"
        )
    if len(defined) < MIN_DEFINED * len(values):
        return math.nan, math.nan, f"no interval: only {note}"
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high), note


def _in_chunks(
    of: Callable[[Floats, Floats, Floats], Floats],
    human: Floats,
    metric: Floats,
    draws: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.intp],
) -> Floats:
    """Evaluate a statistic on every resample, a few at a time so that memory stays bounded: (B,)."""
    step = max(1, _CELLS_AT_ONCE // max(1, len(human)))
    parts = [
        of(human, metric, draws[start : start + step, cluster].astype(np.float64))
        for start in range(0, len(draws), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _unit_scale(values: Floats) -> Floats:
    """Multiply by a power of two so that the largest magnitude lies in [0.5, 1): exact, ties stay ties."""
    _, exponent = np.frexp(np.abs(values).max())
    return np.ldexp(values, -int(exponent))


def _weighted_pearson(human: Floats, metric: Floats, weights: Floats) -> Floats:
    """Compute Pearson's r of (N,) values, or of (B, N) values, under (B, N) weights: (B,)."""
    x, y = np.atleast_2d(_unit_scale(human)), np.atleast_2d(_unit_scale(metric))
    total = weights.sum(axis=1, keepdims=True)  # (B, 1)
    x = x - (weights * x).sum(axis=1, keepdims=True) / total  # (B, N)
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    # Products of very small deviations vanish; scaled by their own magnitude they do not.
    x, y = _unit_scale(x), _unit_scale(y)
    spread = np.sqrt((weights * x * x).sum(axis=1)) * np.sqrt((weights * y * y).sum(axis=1))  # (B,)
    return _ratio((weights * x * y).sum(axis=1), spread, _varies(human, weights) & _varies(metric, weights))


def _weighted_spearman(human: Floats, metric: Floats, weights: Floats) -> Floats:
    return _weighted_pearson(_mid_ranks(human, weights), _mid_ranks(metric, weights), weights)


def _mid_ranks(values: Floats, weights: Floats) -> Floats:
    """Rank (N,) values where each item stands as often as its weight says; ties share the mean: (B, N).

    All ranks are one half too low, which no correlation sees.
    """
    distinct, position = np.unique(values, return_inverse=True)  # (V,), (N,)
    order = np.argsort(position, kind="stable")
    starts = np.searchsorted(position[order], np.arange(len(distinct)))
    per_value = np.add.reduceat(weights[:, order], starts, axis=1)  # (B, V)
    ranks = np.cumsum(per_value, axis=1) - per_value / 2
    return ranks[:, position]


def _weighted_kendall(human: Floats, metric: Floats, weights: Floats) -> Floats:
    """Compute tau-b of (N,) values under (B, N) weights: (B,)."""
    agreement, untied_human, untied_metric = (np.zeros(len(weights)) for _ in range(3))
    # Whole numbers below 2**24 are exact in float32, and products of float32 matrices take half the time.
    counts = weights.astype(np.float32)
    step = max(1, _CELLS_AT_ONCE // len(human))
    for start in range(0, len(human), step):
        rows = slice(start, start + step)
        x = np.sign(human[rows, None] - human[None, :]).astype(np.float32)  # (rows, N)
        y = np.sign(metric[rows, None] - metric[None, :]).astype(np.float32)
        for pairs, sums in ((x * y, agreement), (np.abs(x), untied_human), (np.abs(y), untied_metric)):
            sums += (weights[:, rows] * (counts @ pairs.T)).sum(axis=1)
    return _ratio(agreement, np.sqrt(untied_human) * np.sqrt(untied_metric), untied_human * untied_metric > 0)


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
