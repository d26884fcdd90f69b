"""Estimates for a whole pool of items from a sample in which some were likelier to be drawn than others.

The weight of an item is 1 over the chance with which it was drawn: it stands for that many items of the pool.

In comments: B resamples, C images (clusters), K sums, N items.
"""

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from annotations.correlation import MIN_ITEMS, ArrayLike, Statistic
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, check_options, draw_blocks, numbered, percentile_interval


def effective_n(weights: ArrayLike) -> float:
    """Compute how many items of equal weight would say as much about a mean.

    Args:
        weights: (N,) above 0.

    Returns:
        From 1 to N; 0 for no items.

    Raises:
        InvalidScoresError: If a weight is not above 0 and finite.

    Source:
        Kish, Survey Sampling, 1965: the squared sum of the weights over the sum of their squares.
    """
    weight = _weights(weights)
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def hajek_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Estimate the mean over the pool as the sum of weight times value over the sum of weights.

    Args:
        values: (N,) of the drawn items; NaN leaves an item out.
        weights: (N,) 1 over the chance of each item; any multiple of that gives the same.
        groups: (N,) the image of each item; images are resampled whole.
        n_resamples: How many resamples to draw; 0 for no interval.
        confidence: Of the interval, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The mean with its interval, which takes images as drawn with replacement and so is somewhat wide where
        a large part of the pool was drawn; NaN, with the reason as its note, without any value.

    Raises:
        InvalidScoresError: If the lengths differ, a value is infinite, a weight is not above 0 and finite, or
            an option is out of range.

    Source:
        Hájek, comment on An essay on the logical foundations of survey sampling, 1971.
    """
    value, weight, group, n_groups = _sample([values], weights, groups)
    reason = "" if len(weight) else "no item has a value"
    return _statistic(
        np.stack([weight * value[0], weight], axis=1),
        lambda sums: sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan),
        group,
        n_groups=n_groups,
        reason=reason,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def horvitz_thompson_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    n_pool: int,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Estimate the mean over the pool as the sum of weight times value over the number of items in the pool.

    It has no bias at all, and often a wider interval than `hajek_mean`, which has next to none.

    Args:
        values: (N,) of the drawn items; none may be missing, for nothing else stands for it.
        weights: (N,) 1 over the chance of each item.
        n_pool: Items that could have been drawn, at least N.
        groups: As for `hajek_mean`.
        n_resamples: As for `hajek_mean`.
        confidence: As for `hajek_mean`.
        seed: As for `hajek_mean`.

    Returns:
        As for `hajek_mean`.

    Raises:
        InvalidScoresError: As for `hajek_mean`, or if a value is missing or the pool is too small.

    Source:
        Horvitz and Thompson, A generalization of sampling without replacement from a finite universe, 1952.
    """
    given = np.asarray(values, dtype=np.float64)
    if np.isnan(given).any():
        raise InvalidScoresError(
            f"{int(np.isnan(given).sum())} of {len(given)} drawn items have no value; rate them, or take "
            f"hajek_mean"
        )
    if n_pool < len(given):
        raise InvalidScoresError(f"{len(given)} items cannot be drawn from a pool of {n_pool}")
    value, weight, group, n_groups = _sample([given], weights, groups)
    reason = "" if len(weight) else "no item has a value"
    return _statistic(
        (weight * value[0])[:, None] / max(1, n_pool),
        lambda sums: sums[:, 0],
        group,
        n_groups=n_groups,
        reason=reason,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def weighted_pearson_r(
    human_scores: ArrayLike,
    metric_scores: ArrayLike,
    weights: ArrayLike,
    *,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Estimate Pearson's correlation over the pool, with weighted means, variances and covariance.

    Args:
        human_scores: (N,) of the drawn items; NaN leaves an item out.
        metric_scores: (N,) of the drawn items; NaN leaves an item out.
        weights: (N,) as for `hajek_mean`.
        groups: As for `hajek_mean`.
        n_resamples: As for `hajek_mean`.
        confidence: As for `hajek_mean`.
        seed: As for `hajek_mean`.

    Returns:
        In [-1, 1]; NaN, with the reason as its note, on fewer than three items and where a side is constant.

    Raises:
        InvalidScoresError: As for `hajek_mean`.
    """
    scores, weight, group, n_groups = _sample([human_scores, metric_scores], weights, groups)
    reason = ""
    if len(weight) < MIN_ITEMS:
        reason = f"needs at least {MIN_ITEMS} items with a score and a rating; there are {len(weight)}"
    elif (np.ptp(scores, axis=1) == 0).any():
        reason = f"all {'human' if np.ptp(scores[0]) == 0 else 'metric'} scores are equal"
    else:
        # About their mean and in units of their spread, so that little is lost in the sums of squares.
        scores = scores - np.average(scores, axis=1, weights=weight)[:, None]
        scores = scores / np.abs(scores).max(axis=1, keepdims=True)
    x, y = scores
    return _statistic(
        np.stack([one * weight for one in (np.ones(len(weight)), x, y, x * x, y * y, x * y)], axis=1),
        _pearson_of_sums,
        group,
        n_groups=n_groups,
        reason=reason,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _pearson_of_sums(sums: Floats) -> Floats:
    """Compute r from the weighted sums of 1, x, y, xx, yy and xy on each resample: (B,)."""
    total = np.where(sums[:, :1] > 0, sums[:, :1], np.nan)
    x, y, xx, yy, xy = (sums[:, 1:] / total).T
    spread_x, spread_y = xx - x * x, yy - y * y
    # A spread that is rounding of 0 is a resample of one value.
    varies = (spread_x > 1e-14) & (spread_y > 1e-14)
    below = np.sqrt(np.where(varies, spread_x, np.nan)) * np.sqrt(np.where(varies, spread_y, np.nan))
    return np.asarray(np.clip((xy - x * y) / below, -1, 1))


def _weights(weights: ArrayLike) -> Floats:
    weight = np.asarray(weights, dtype=np.float64)
    if weight.ndim != 1 or not (np.isfinite(weight) & (weight > 0)).all():
        raise InvalidScoresError("weights must be a list of numbers above 0 and finite")
    return weight


def _sample(
    columns: Sequence[ArrayLike], weights: ArrayLike, groups: Sequence[Hashable]
) -> tuple[Floats, Floats, Counts, int]:
    """Check a sample and drop items without a value: (columns, N), (N,), (N,), number of images."""
    values = np.stack([np.asarray(column, dtype=np.float64) for column in columns])
    weight = _weights(weights)
    if values.shape[1:] != weight.shape or len(groups) != len(weight):
        raise InvalidScoresError(
            f"there are values of shape {values.shape[1:]}, {len(weight)} weights and {len(groups)} groups; "
            f"there must be as many"
        )
    if np.isinf(values).any():
        raise InvalidScoresError("a score is infinite; only finite scores and NaN can be used")
    known = ~np.isnan(values).any(axis=0)
    group, names = numbered([groups[row] for row in np.flatnonzero(known).tolist()])
    return values[:, known], weight[known], group, len(names)


def _statistic(
    terms: Floats,
    of: Callable[[Floats], Floats],
    group: Counts,
    *,
    n_groups: int,
    reason: str,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Statistic:
    """Compute a function of (N, K) sums on the data and on resamples of images."""
    check_options(n_resamples, confidence)
    if reason:
        return Statistic(math.nan, len(terms), math.nan, math.nan, reason)
    per_image = np.stack([np.bincount(group, weights=term) for term in terms.T], axis=1)  # (C, K)
    blocks = draw_blocks(n_groups, n_resamples=n_resamples, seed=seed)
    values = np.concatenate([of(np.asarray(block @ per_image)) for block in blocks])
    low, high, note = percentile_interval(
        values[1:], confidence, n_groups=n_groups, otherwise="one side is constant"
    )
    return Statistic(float(values[0]), len(terms), low, high, note)
