"""How far a metric agrees with people: three correlations, each with an interval by bootstrap over images.

Every statistic takes how often each image was drawn: once each gives the value on the data, anything else the
value on a resample. So thousands of resamples are a few products of matrices, and none of them is ever laid
out item by item.

In comments: B resamples, C images (clusters), N items.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.errors import InvalidScoresError
from annotations.resampled import (
    Measure,
    resampled_kendall_b,
    resampled_kendall_c,
    resampled_pearson,
    resampled_spearman,
)
from annotations.resampling import Floats, check_options, draw_blocks, numbered, percentile_interval

MIN_ITEMS: Final = 3
"""Below this number of items a correlation is not reported: two items always agree or disagree perfectly."""

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
    check_options(n_resamples, confidence)
    human, metric = paired(human_scores, metric_scores)
    if len(groups) != len(human):
        raise InvalidScoresError(
            f"there are {len(human)} items and {len(groups)} groups; they must be as many"
        )
    kept = ~(np.isnan(human) | np.isnan(metric))
    human, metric = human[kept], metric[kept]
    cluster, images = numbered([group for group, keep in zip(groups, kept, strict=True) if keep])
    n_groups = len(images)
    reason = undefined(human, metric)
    # How often each image comes: (B, C). The first row is the data itself.
    draws = np.concatenate(list(draw_blocks(n_groups, n_resamples=0 if reason else n_resamples, seed=seed)))

    def statistic(of: Measure) -> Statistic:
        if reason:
            return Statistic(math.nan, len(human), math.nan, math.nan, reason)
        values = of(human, metric, draws, cluster)
        low, high, note = percentile_interval(
            values[1:], confidence, n_groups=n_groups, otherwise="one side is constant"
        )
        return Statistic(float(values[0]), len(human), low, high, note)

    return Correlation(
        pearson_r=statistic(resampled_pearson),
        spearman_rho=statistic(resampled_spearman),
        kendall_tau_b=statistic(resampled_kendall_b),
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
    return _value(resampled_pearson, human_scores, metric_scores)


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
    return _value(resampled_kendall_b, human_scores, metric_scores)


def kendall_tau_c(human_scores: ArrayLike, metric_scores: ArrayLike) -> float:
    """Compute Kendall's rank correlation tau-c (Stuart), which corrects for the number of levels.

    Args:
        human_scores: (N,) finite values.
        metric_scores: (N,) finite values.

    Returns:
        In [-1, 1]; NaN on fewer than three items, and where one side is constant. It depends on how many
        different values there are: where the side with fewer has all of them equally often, 1 can be reached.

    Raises:
        InvalidScoresError: If the lengths differ or a value is not finite.

    Source:
        Stuart, The estimation and comparison of strengths of association in contingency tables, 1953.
    """
    return _value(resampled_kendall_c, human_scores, metric_scores)


def _value(of: Measure, human_scores: ArrayLike, metric_scores: ArrayLike) -> float:
    human, metric = paired(human_scores, metric_scores)
    if np.isnan(human).any() or np.isnan(metric).any():
        raise InvalidScoresError("a score is NaN; leave such items out first")
    if undefined(human, metric):
        return math.nan
    each_once, own_image = np.ones((1, len(human)), dtype=np.int64), np.arange(len(human))
    return float(of(human, metric, each_once, own_image)[0])


def paired(human_scores: ArrayLike, metric_scores: ArrayLike) -> tuple[Floats, Floats]:
    """Check that two lists of scores fit together.

    Args:
        human_scores: (N,) finite values or NaN.
        metric_scores: (N,) finite values or NaN.

    Returns:
        Both as arrays.

    Raises:
        InvalidScoresError: If the lengths differ or a value is infinite.
    """
    human = np.asarray(human_scores, dtype=np.float64)
    metric = np.asarray(metric_scores, dtype=np.float64)
    if human.ndim != 1 or human.shape != metric.shape:
        raise InvalidScoresError(
            f"human_scores {human.shape} and metric_scores {metric.shape} must be lists of the same length"
        )
    if np.isinf(human).any() or np.isinf(metric).any():
        raise InvalidScoresError("a score is infinite; only finite scores and NaN can be correlated")
    return human, metric


def paired_with_both(
    human_scores: ArrayLike, first_scores: ArrayLike, second_scores: ArrayLike, groups: Sequence[Hashable]
) -> tuple[Floats, Floats, Floats, list[Hashable]]:
    """Check that scores of people and of two metrics fit together, and keep the items that have all three.

    Args:
        human_scores: (N,) finite values or NaN.
        first_scores: (N,) as ``human_scores``, of the first metric.
        second_scores: (N,) as ``human_scores``, of the second metric.
        groups: (N,) the image of each item.

    Returns:
        (n,) arrays without NaN, and the images of the same items.

    Raises:
        InvalidScoresError: If the lengths differ or a value is infinite.
    """
    human, first = paired(human_scores, first_scores)
    human, second = paired(human_scores, second_scores)
    if len(groups) != len(human):
        raise InvalidScoresError(
            f"there are {len(human)} items and {len(groups)} groups; they must be as many"
        )
    kept = ~(np.isnan(human) | np.isnan(first) | np.isnan(second))
    images = [group for group, keep in zip(groups, kept, strict=True) if keep]
    return human[kept], first[kept], second[kept], images


def undefined(human: Floats, metric: Floats) -> str:
    """Say why two lists of finite scores have no correlation, or nothing where they have one.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.

    Returns:
        The reason, or an empty string.
    """
    if len(human) < MIN_ITEMS:
        return f"needs at least {MIN_ITEMS} items with a score and a rating; there are {len(human)}"
    if (human == human[0]).all():
        return "all human scores are equal"
    if (metric == metric[0]).all():
        return "all metric scores are equal"
    return ""
